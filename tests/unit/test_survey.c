/*
 * test_survey.c - what a body is like, whole, byte by byte and cut at every offset
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "repair/survey.h"
#include "split.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define X10      "xxxxxxxxxx"
#define X99      X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxxx"
#define X998     X99 X99 X99 X99 X99 X99 X99 X99 X99 X99 "xxxxxxxx"
#define MIXED    "Content-Type: multipart/mixed; boundary=b\r\n"

/* What is noted, as letters: of the body, and of each entity. */
static void describe(const struct survey *s, struct buf *out)
{
	buf_addf(out, "%s%s%s", s->eight_bit ? "8" : "", s->long_line ? "L" : "",
		 s->mislabelled ? "M" : "");
	for (size_t i = 0; i < s->n; i++) {
		const struct entity_facts *f = &s->facts[i];

		buf_addf(out, " %s%s%s%s%s%s%s", f->head_eight_bit ? "h8" : "",
			 f->head_long ? "hL" : "", f->eight_bit ? "8" : "", f->not_utf8 ? "?" : "",
			 f->long_line ? "L" : "", f->mislabelled ? "M" : "", f->sealed ? "!" : "");
		buf_addf(out, "%u/%u", (unsigned)f->size, (unsigned)f->special);
	}
}

struct run {
	struct header header;
	struct survey survey;
	const char *want;
};

static void run_begin(void *ctx)
{
	struct run *r = ctx;

	survey_init(&r->survey, &r->header);
}

static void run_feed(void *ctx, const char *p, size_t len)
{
	struct run *r = ctx;
	struct sink to = survey_sink(&r->survey);

	assert_true(sink_write(&to, p, len));
}

static void run_end(void *ctx)
{
	struct run *r = ctx;
	struct buf got;

	buf_init(&got, 4096);
	survey_finish(&r->survey);
	/* How much of a piece counts as special depends on the piece, for lines that are ASCII. */
	describe(&r->survey, &got);
	assert_string_equal(buf_str(&got), r->want);
	buf_free(&got);
	survey_free(&r->survey);
}

static const struct {
	const char *header;
	const char *body;
	const char *want;
} rows[] = {
	{ "", "", " 0/0" },
	{ "", "a\r\n", " 3/0" },
	{ "", "\xc3\xa4\r\n", "8 8M4/2" },
	{ "", "\xe4\r\n", "8 8?M3/1" },
	{ "", "\xe2\x82\xac\xf0\x9f\x98\x80\r\n", "8 8M9/7" },
	/* UTF-8 that is cut off, overlong, a surrogate, too long */
	{ "", "\xe2\x82\r\n", "8 8?M4/2" },
	{ "", "\xc0\xaf\r\n", "8 8?M4/2" },
	{ "", "\xed\xa0\x80\r\n", "8 8?M5/3" },
	{ "", "\xf0\x9f\x98\x80\x80\r\n", "8 8?M7/5" },
	{ "", "\x80\x80\x80\x80\x80\r\n", "8 8?M7/5" },
	/* declared, in one way or another */
	{ "Content-Transfer-Encoding: 8bit\r\n", "\xc3\xa4\r\n", "8 84/2" },
	{ "Content-Transfer-Encoding: x-uue\r\n", "\xc3\xa4\r\n", "8 84/2" },
	{ "Content-Transfer-Encoding: binary\r\n", "\xc3\xa4\r\n", "8 84/2" },
	{ "Content-Transfer-Encoding: base64\r\n", "\xc3\xa4\r\n", "8 84/2" },
	{ "Content-Transfer-Encoding: quoted-printable\r\n", "\xc3\xa4\r\n", "8 8M4/2" },
	{ "Content-Transfer-Encoding: 8-bit\r\n", "\xc3\xa4\r\n", "8 84/2" },
	{ "", "=\x01\t\x7f\r\n", " 6/0" },
	{ "", "\xc3\xa4=\x01\t\x7f\r\n", "8 8M8/5" },
	/* lines, with the line break and without */
	{ "", X998 "\r\n", " 1000/0" },
	{ "", X998 "x\r\n", "L L1001/0" },
	{ "", "a\r\n" X998 "x\r\nb\r\n", "L L1007/0" },
	{ MIXED, "--b\r\n\r\n" X998 "\r\n--b--\r\n", " 0/0 998/0" },
	{ MIXED, "--b\r\n\r\n" X998 "x\r\n--b--\r\n", "L 0/0 L999/0" },
	/* parts, their headers, what stands around them */
	{ MIXED, "p\xc3\xa4\r\n--b\r\n\r\n\xe4\r\n--b--\r\n", "8M 83/2 8?M1/1" },
	{ MIXED, "--b\r\nA: \xc3\xa4\r\n\r\nx\r\n--b--\r\n" X998 "x\r\n", "8L L1001/0 h81/0" },
	{ MIXED, "--b\r\nA: " X998 "\r\n\r\nx\r\n--b--\r\n", "L 0/0 hL1/0" },
	{ MIXED, "--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa4\r\n--b--\r\n",
	  "8 0/0 82/2" },
	/* a sequence that a part's end cuts does not go on in the next */
	{ MIXED, "--b\r\n\r\n\xc3\r\n--b\r\n\r\n\xa4\r\n--b--\r\n", "8M 0/0 8?M1/1 8?M1/1" },
	/* what is signed is not mislabelled: nobody may change it */
	{ "Content-Type: multipart/signed; boundary=b\r\n", "--b\r\n\r\n\xc3\xa4\r\n--b--\r\n",
	  "8 0/0 8!2/2" },
};

static void notes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct run r = { .want = rows[i].want };
		const struct split_run run = { run_begin, run_feed, run_end, &r };

		header_init(&r.header);
		if (rows[i].header[0] != '\0')
			header_append(&r.header, span_of(rows[i].header));
		each_split(&run, rows[i].body, strlen(rows[i].body));
		header_free(&r.header);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(notes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
