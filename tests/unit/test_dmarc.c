/*
 * test_dmarc.c - DMARC records, and alignment
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static void alignment(void **state)
{
	static const struct {
		const char *from;
		const char *domain;
		bool relaxed;
		bool strict;
	} rows[] = {
		{ "example.org", "example.org", true, true },
		{ "example.org", "EXAMPLE.org", true, true },
		{ "a.example.org", "example.org", true, false },
		{ "b.a.example.org", "example.org", true, false },
		{ "example.org", "a.example.org", true, false },
		{ "example.net", "example.org", false, false },
		{ "badexample.org", "example.org", false, false },
		{ "example.org", "badexample.org", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(dmarc_aligned(false, rows[i].from, rows[i].domain) == rows[i].relaxed);
		assert_true(dmarc_aligned(true, rows[i].from, rows[i].domain) == rows[i].strict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(no_records),
		cmocka_unit_test(alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
