/*
 * test_dmarc.c - DMARC records, the walk up the tree, and alignment
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "dkim/dmarc.h"

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void records(void **state)
{
	static const struct {
		const char *text;
		const char *read; /* "p sp adkim aspf", and psd if it is told */
	} rows[] = {
		{ "v=DMARC1; p=none", "none - r r" },
		{ "v=DMARC1;p=reject;sp=quarantine;adkim=s;aspf=s", "reject quarantine s s" },
		{ "v=DMARC1; P=none", "- - r r" },
		{ "v = DMARC1 ; p = Reject ; adkim = S ;", "reject - s r" },
		{ "v=DMARC1; adkim=s; p=none; aspf=r", "none - s r" },
		{ "v=DMARC1; p=none; rua=mailto:a@example.org!10m,mailto:b@example.org; fo=1:d",
		  "none - r r" },
		{ "v=DMARC1; p=none; psd=y", "none - r r suffix" },
		{ "v=DMARC1; psd=N", "- - r r organization" },
		{ "v=DMARC1; p=none; psd=u", "none - r r" },
		/* what is broken counts as not given, and breaks nothing else */
		{ "v=DMARC1; p=maybe; adkim=strict; aspf=s", "- - r s" },
		{ "v=DMARC1; hello; ; =; p=reject", "reject - r r" },
		{ "v=DMARC1", "- - r r" },
		{ "v=DMARC1;", "- - r r" },
	};
	struct dmarc d;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *p, *sp;

		if (!dmarc_read(span_of(rows[i].text), &d))
			fail_msg("refused: %s", rows[i].text);
		p = dmarc_policy_name(d.policy);
		sp = dmarc_policy_name(d.subdomains);
		buf_clear(&out);
		buf_addf(&out, "%s %s %s %s", p[0] != '\0' ? p : "-", sp[0] != '\0' ? sp : "-",
			 d.strict_dkim ? "s" : "r", d.strict_spf ? "s" : "r");
		buf_adds(&out, d.suffix ? " suffix" : "");
		buf_adds(&out, d.organization ? " organization" : "");
		assert_string_equal(buf_str(&out), rows[i].read);
	}
	buf_free(&out);
}

static void no_records(void **state)
{
	static const char *const rows[] = {
		"",
		";",
		"v=DMARC2; p=none",
		"v=dmarc1; p=none",
		"p=none; v=DMARC1",
		"; v=DMARC1",
		"v=spf1 -all",
		"DMARC1",
		"v=DMARC1 p=none",
	};
	struct dmarc d;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (dmarc_read(span_of(rows[i]), &d))
			fail_msg("accepted: %s", rows[i]);
	assert_false(dmarc_read((struct span){ NULL, 0 }, &d));
}

/* What stands in a small DNS: names in order, a record for each. */
struct entry {
	const char *domain;
	const char *record;
};

static void walk(const struct entry *dns, const char *domain, struct dmarc_walk *w)
{
	int steps = 0;

	for (dmarc_walk_begin(w, domain); w->next != NULL; steps++) {
		const struct entry *e = dns;
		struct dmarc record;

		while (e->domain != NULL && strcmp(e->domain, w->next) != 0)
			e++;
		if (e->domain != NULL)
			assert_true(dmarc_read(span_of(e->record), &record));
		dmarc_walk_take(w, e->domain != NULL ? &record : NULL);
	}
	assert_in_range(steps, 1, 8);
}

static void walks(void **state)
{
	static const struct {
		struct entry dns[4];
		const char *domain;
		const char *organization;
		const char *found;
	} rows[] = {
		{ { { NULL, NULL } }, "a.example.org", "a.example.org", NULL },
		{ { { NULL, NULL } }, "org", "org", NULL },
		/* the fewest labels; the domain's own policy goes before the organization's */
		{ { { "example.org", "v=DMARC1" } },
		  "a.b.example.org",
		  "example.org",
		  "example.org" },
		{ { { "org", "v=DMARC1" } }, "a.example.org", "org", "org" },
		{ { { "a.example.org", "v=DMARC1" }, { "example.org", "v=DMARC1" } },
		  "a.example.org",
		  "example.org",
		  "a.example.org" },
		{ { { "a.example.org", "v=DMARC1" }, { "example.org", "v=DMARC1" } },
		  "b.a.example.org",
		  "example.org",
		  "example.org" },
		/* psd=n: here and no further */
		{ { { "a.example.org", "v=DMARC1; psd=n" }, { "example.org", "v=DMARC1" } },
		  "a.example.org",
		  "a.example.org",
		  "a.example.org" },
		{ { { "a.example.org", "v=DMARC1; psd=n" }, { "example.org", "v=DMARC1" } },
		  "b.a.example.org",
		  "a.example.org",
		  "a.example.org" },
		/* psd=y: one label below, but for the start itself */
		{ { { "org", "v=DMARC1; psd=y" } }, "a.example.org", "example.org", "org" },
		{ { { "org", "v=DMARC1; psd=y" } }, "example.org", "example.org", "org" },
		{ { { "org", "v=DMARC1; psd=y" } }, "org", "org", "org" },
		{ { { "example.org", "v=DMARC1; psd=y" }, { "org", "v=DMARC1" } },
		  "example.org",
		  "example.org",
		  "example.org" },
		{ { { "example.org", "v=DMARC1" }, { "org", "v=DMARC1; psd=y" } },
		  "a.example.org",
		  "example.org",
		  "example.org" },
		/* between the two is neither the domain nor its organization */
		{ { { "a.example.org", "v=DMARC1" }, { "org", "v=DMARC1; psd=y" } },
		  "b.a.example.org",
		  "example.org",
		  "org" },
		/* of many labels only the last seven count */
		{ { { "2.3.4.5.6.7.8", "v=DMARC1" } },
		  "1.2.3.4.5.6.7.8",
		  "2.3.4.5.6.7.8",
		  "2.3.4.5.6.7.8" },
		{ { { "2.3.4.5.6.7.8.9", "v=DMARC1" } },
		  "1.2.3.4.5.6.7.8.9",
		  "1.2.3.4.5.6.7.8.9",
		  NULL },
		{ { { "3.4.5.6.7.8.9", "v=DMARC1; psd=y" } },
		  "1.2.3.4.5.6.7.8.9",
		  "2.3.4.5.6.7.8.9",
		  "3.4.5.6.7.8.9" },
		{ { { "3.4.5.6.7.8.9", "v=DMARC1" } },
		  "1.2.3.4.5.6.7.8.9",
		  "3.4.5.6.7.8.9",
		  "3.4.5.6.7.8.9" },
	};
	struct dmarc_walk w;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		walk(rows[i].dns, rows[i].domain, &w);
		assert_string_equal(w.organization, rows[i].organization);
		assert_string_equal(w.found != NULL ? w.found : "",
				    rows[i].found != NULL ? rows[i].found : "");
	}
}

static void alignment(void **state)
{
	static const struct {
		struct entry dns[4];
		const char *from;
		const char *domain;
		bool relaxed;
		bool strict;
	} rows[] = {
		{ { { NULL, NULL } }, "example.org", "example.org", true, true },
		{ { { NULL, NULL } }, "example.org", "EXAMPLE.org", true, true },
		{ { { NULL, NULL } }, "a.example.org", "example.org", false, false },
		{ { { "example.org", "v=DMARC1" } }, "a.example.org", "example.org", true, false },
		{ { { "example.org", "v=DMARC1" } }, "example.org", "a.example.org", true, false },
		{ { { "example.org", "v=DMARC1" } },
		  "b.example.org",
		  "a.example.org",
		  true,
		  false },
		{ { { "a.example.org", "v=DMARC1" } },
		  "a.example.org",
		  "example.org",
		  false,
		  false },
		{ { { "a.example.org", "v=DMARC1; psd=n" }, { "example.org", "v=DMARC1" } },
		  "a.example.org",
		  "example.org",
		  false,
		  false },
		{ { { "example.org", "v=DMARC1; psd=y" } },
		  "a.example.org",
		  "example.org",
		  false,
		  false },
		{ { { "org", "v=DMARC1; psd=y" } }, "a.example.org", "example.org", true, false },
		{ { { "org", "v=DMARC1; psd=y" } }, "example.net", "example.org", false, false },
		{ { { "example.org", "v=DMARC1" } },
		  "badexample.org",
		  "example.org",
		  false,
		  false },
	};
	struct dmarc_walk from, domain;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		walk(rows[i].dns, rows[i].from, &from);
		walk(rows[i].dns, rows[i].domain, &domain);
		assert_true(dmarc_aligned(false, &from, &domain) == rows[i].relaxed);
		assert_true(dmarc_aligned(true, &from, &domain) == rows[i].strict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(no_records),
		cmocka_unit_test(walks),
		cmocka_unit_test(alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
