/*
 * test_zone.c - zone files: what they hold, and each way to be none
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "net/zone.h"

#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The records written again, a line each: "owner <text>" or "owner -> target". */
static void write_again(const struct zone *z, struct buf *out)
{
	for (size_t i = 0; i < z->n; i++) {
		const struct zone_row *row = &z->rows[i];

		buf_adds(out, row->owner);
		if (row->target != NULL) {
			buf_addf(out, " -> %s\n", row->target);
			continue;
		}
		buf_adds(out, " <");
		buf_addspan(out, buf_span(&row->text));
		buf_adds(out, ">\n");
	}
}

static void good(void **state)
{
	static const struct {
		const char *text;
		const char *rows;
	} rows[] = {
		{ "", "" },
		{ "\n\n ; only a comment\n\t\n", "" },
		{ "a.b TXT \"x\"", "a.b <x>\n" },
		{ "a.b. IN TXT \"x\" \"y\"\n", "a.b <xy>\n" },
		{ "a.b. 3600 IN TXT \"x\"\n", "a.b <x>\n" },
		{ "a.b. in 1h30m txt x\r\n", "a.b <x>\n" },
		{ "a TXT \"x\"\"y\"\n", "a <xy>\n" },
		{ "a TXT \"\"\n", "a <>\n" },
		/* what --dkim-keygen prints */
		{ "s._domainkey.example.org. IN TXT ( \"v=DKIM1; k=rsa; p=AA\"\n"
		  "\t\"BB\" ; the rest\n\t\"CC\" )\n",
		  "s._domainkey.example.org <v=DKIM1; k=rsa; p=AABBCC>\n" },
		{ "a TXT ( \n\n\"x\"\n) \"y\" ; z\nb TXT(\"z\")", "a <xy>\nb <z>\n" },
		/* a blank in front: the name above */
		{ "a TXT x\n  IN TXT y\n\n\tTXT z\nb TXT q\n", "a <x>\na <y>\na <z>\nb <q>\n" },
		{ "a CNAME b.c.\nd. 5 IN CNAME e", "a -> b.c\nd -> e\n" },
		/* escapes */
		{ "a TXT \"q\\\"q b\\\\b \\065\\;\\010\"", "a <q\"q b\\b A;\n>\n" },
		{ "a TXT v=DKIM1\\;p=x", "a <v=DKIM1;p=x>\n" },
		/* the classic: without quotes the semicolon begins a comment */
		{ "a TXT v=DKIM1; k=rsa; p=x\n", "a <v=DKIM1>\n" },
		{ "a TXT \"(;)\" ; ( \"\n", "a <(;)>\n" },
		{ "TXT TXT TXT", "TXT <TXT>\n" },
		{ "a TXT \"\xc3\xa4\"", "a <\xc3\xa4>\n" },
	};
	struct result r = RESULT_OK;
	struct zone z;
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	for (size_t i = 0; i < COUNT(rows); i++) {
		zone_init(&z);
		buf_clear(&out);
		if (!zone_read(span_of(rows[i].text), "file", &z, &r))
			fail_msg("%s: %s", rows[i].text, r.text);
		write_again(&z, &out);
		assert_string_equal(buf_str(&out), rows[i].rows);
		zone_free(&z);
	}
	assert_true(zone_read((struct span){ NULL, 0 }, "file", &z, &r));
	buf_free(&out);
}

static void refused(struct span text, const char *words)
{
	struct result r = RESULT_OK;
	struct zone z;

	zone_init(&z);
	if (zone_read(text, "file", &z, &r))
		fail_msg("accepted, but expected: %s", words);
	assert_int_equal(r.cause, CAUSE_CONFIG);
	if (strncmp(r.text, words, strlen(words)) != 0)
		fail_msg("\"%s\" instead of \"%s\"", r.text, words);
	result_free(&r);
	zone_free(&z);
}

static void wrong(void **state)
{
	static const struct {
		const char *text;
		const char *words; /* the sentence's beginning */
	} rows[] = {
		{ "a TXT x\nb TXT \"y\n", "file:2: a string without its last quote" },
		{ "a TXT \"x", "file:1: a string without its last quote" },
		{ "a TXT (\n\"x\"\n", "file:3: a parenthesis without its other half" },
		{ "a TXT \"x\" )", "file:1: a parenthesis without its other half" },
		{ "a TXT ( ( \"x\" ) )", "file:1: a parenthesis without its other half" },
		{ "a TXT", "file:1: TXT wants strings" },
		{ "\n\na TXT ; \"x\"\n", "file:3: TXT wants strings" },
		{ "  TXT x", "file:1: no name in front" },
		{ ". TXT", "file:1: TXT wants strings" },
		{ "\"a\" TXT x", "file:1: no name in front" },
		{ "a", "file:1: expected TXT or CNAME" },
		{ "a IN", "file:1: expected TXT or CNAME" },
		{ "a MX 10 b", "file:1: expected TXT or CNAME" },
		{ "a CH TXT x", "file:1: expected TXT or CNAME" },
		{ "a \"TXT\" x", "file:1: expected TXT or CNAME" },
		{ "$ORIGIN example.org.\n", "file:1: $ORIGIN, $TTL and @ are not known" },
		{ "@ TXT x\n", "file:1: $ORIGIN, $TTL and @ are not known" },
		{ "a CNAME @\n", "file:1: $ORIGIN, $TTL and @ are not known" },
		{ "a CNAME\n", "file:1: CNAME wants a name" },
		{ "a CNAME \"b\"\n", "file:1: CNAME wants a name" },
		{ "a CNAME b c\n", "file:1: CNAME wants one name alone" },
		{ "a CNAME b \"\n", "file:1: a string without" },
		{ "a CNAME )\n", "file:1: a parenthesis" },
		{ "\xc3\xa4 TXT x", "file:1: a name that is not printable ASCII" },
		{ "a\\027 TXT x", "file:1: a name that is not printable ASCII" },
		{ "a TXT \"\\", "file:1: a backslash ends the line" },
		{ "a TXT x\\\n", "file:1: a backslash ends the line" },
		{ "a TXT \\25", "file:1: a backslash and a digit want" },
		{ "a TXT \"\\1x2\"", "file:1: a backslash and a digit want" },
		{ "a TXT \\256", "file:1: the number behind a backslash" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		refused(span_of(rows[i].text), rows[i].words);
	refused((struct span){ "a TXT x\0y", 9 }, "file:1: holds a NUL byte");
	refused((struct span){ "\0", 1 }, "file:1: holds a NUL byte");
}

static void add_string(struct buf *text, size_t len)
{
	buf_addc(text, '"');
	for (size_t i = 0; i < len; i++)
		buf_addc(text, 'x');
	buf_adds(text, "\" ");
}

/* 255 octets are a string, 256 are none; many strings are a record up to 65535. */
static void lengths(void **state)
{
	struct result r = RESULT_OK;
	struct buf text;
	struct zone z;

	(void)state;
	buf_init(&text, 100000);
	buf_adds(&text, "a TXT ");
	for (int n = 0; n < 65535 / 255; n++)
		add_string(&text, 255);
	zone_init(&z);
	assert_true(zone_read(buf_span(&text), "file", &z, &r));
	assert_int_equal(z.n, 1);
	assert_int_equal(z.rows[0].text.len, 65535);
	zone_free(&z);
	add_string(&text, 1);
	refused(buf_span(&text), "file:1: a record of more than 65535 octets");
	buf_clear(&text);
	buf_adds(&text, "a TXT ");
	add_string(&text, 256);
	refused(buf_span(&text), "file:1: a string of more than 255 octets");
	buf_clear(&text);
	buf_adds(&text, "a TXT ");
	add_string(&text, 2000);
	refused(buf_span(&text), "file:1: a string of more than 255 octets");
	buf_clear(&text);
	for (int n = 0; n < 2000; n++)
		buf_addc(&text, 'n');
	buf_adds(&text, " TXT x");
	refused(buf_span(&text), "file:1: a name that is too long");
	buf_free(&text);
}

/* Cut anywhere it is read within its bounds, and fails or gives a part of the whole. */
static void every_prefix(void **state)
{
	static const char text[] =
		"a.b. 60 IN TXT ( \"v=D\\\"KIM1; \" ; c\n \"\\065\" )\n CNAME b.\n";
	struct zone z;

	(void)state;
	for (size_t len = 0; len <= strlen(text); len++) {
		struct result r = RESULT_OK;

		zone_init(&z);
		assert_true(zone_read((struct span){ text, len }, "f", &z, &r) !=
			    result_failed(&r));
		assert_true(z.n <= 2);
		result_free(&r);
		zone_free(&z);
	}
}

static void aliases(void **state)
{
	static const char text[] = "a CNAME b.\nb. CNAME c\nc TXT x\nd CNAME nowhere\n"
				   "e CNAME f\nf CNAME e\ng CNAME g\n"
				   "x.y.z TXT x\n";
	struct result r = RESULT_OK;
	struct zone z;

	(void)state;
	zone_init(&z);
	assert_true(zone_read(span_of(text), "file", &z, &r));
	assert_string_equal(zone_follow(&z, "A"), "c");
	assert_string_equal(zone_follow(&z, "c"), "c");
	assert_string_equal(zone_follow(&z, "d"), "nowhere");
	assert_null(zone_follow(&z, "e"));
	assert_null(zone_follow(&z, "g"));
	assert_true(zone_has_name(&z, "x.y.z"));
	assert_true(zone_has_name(&z, "Y.z"));
	assert_true(zone_has_name(&z, "z"));
	assert_false(zone_has_name(&z, "w.x.y.z"));
	assert_false(zone_has_name(&z, ".z"));
	assert_false(zone_has_name(&z, "nowhere"));
	zone_free(&z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),    cmocka_unit_test(wrong),
		cmocka_unit_test(lengths), cmocka_unit_test(every_prefix),
		cmocka_unit_test(aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
