/*
 * test_txt.c - TXT records from a file, and what a server's message says
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "net/txt.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* --- a file --- */

static char file[] = "/tmp/test_txt.XXXXXX";

static int make_file(void **state)
{
	static const char text[] = "one TXT \"a\" \"b\"\n"
				   "two. TXT x\ntwo TXT y\n"
				   "alias CNAME chain\nchain CNAME one.\nnowhere CNAME missing\n"
				   "circle CNAME circle\nbelow.empty TXT z\n";
	int fd = mkstemp(file);
	bool ok = fd >= 0 && write_all(fd, text, strlen(text));

	(void)state;
	close(fd);
	return ok ? 0 : -1;
}

static int remove_file(void **state)
{
	(void)state;
	return remove(file);
}

/* The answer as text: "found a|b", with the alias in brackets in front. */
static void write_answer(const struct txt *t, struct buf *out)
{
	static const char *const words[] = {
		[TXT_FOUND] = "found",
		[TXT_NO_NAME] = "no name",
		[TXT_NO_RECORD] = "no record",
		[TXT_UNAVAILABLE] = "unavailable",
	};

	buf_clear(out);
	if (t->alias != NULL)
		buf_addf(out, "[%s] ", t->alias);
	buf_adds(out, words[t->answer]);
	for (size_t i = 0; i < t->n; i++) {
		buf_addc(out, i == 0 ? ' ' : '|');
		buf_addspan(out, buf_span(&t->records[i]));
	}
}

static void names_in_a_file(void **state)
{
	static const struct {
		const char *name;
		const char *answer;
	} rows[] = {
		{ "one", "found ab" },
		{ "ONE.", "found ab" },
		{ "two", "found x|y" },
		{ "alias", "[one] found ab" },
		{ "nowhere", "[missing] no name" },
		{ "circle", "unavailable" },
		{ "missing", "no name" },
		{ "empty", "no record" },
		{ "", "no name" },
	};
	struct txt_source *source = NULL;
	struct result r = RESULT_OK;
	struct buf out;
	struct txt t;

	(void)state;
	assert_true(txt_open(file, &source, &r));
	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(rows); i++) {
		txt_find(source, rows[i].name, &t);
		write_answer(&t, &out);
		assert_string_equal(buf_str(&out), rows[i].answer);
		txt_free(&t);
	}
	buf_free(&out);
	txt_close(source);
	txt_close(NULL);
}

static void files_that_are_none(void **state)
{
	static const char *const rows[] = { "/nosuch/file", "/tmp", "/dev/zero" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct txt_source *source = NULL;
		struct result r = RESULT_OK;

		assert_false(txt_open(rows[i], &source, &r));
		assert_null(source);
		assert_int_equal(r.cause, CAUSE_CONFIG);
		assert_non_null(strstr(r.text, rows[i]));
		result_free(&r);
	}
}

/* --- messages --- */

/* The header with so many answers, and the question: TXT of a.b. */
#define HEAD(flags1, flags2, answers)                                                              \
	"\x12\x34" flags1 flags2 "\0\1\0" answers "\0\0\0\0"                                       \
	"\1a\1b\0\0\x10\0\1"
#define OK(answers) HEAD("\x81", "\x80", answers)
/* The fixed middle of a record: class IN, a TTL. */
#define TXT   "\0\x10\0\1\0\0\0\x3c"
#define CNAME "\0\5\0\1\0\0\0\x3c"
#define A_B   "\xc0\x0c" /* the question's name */

static const struct message {
	const char *text;
	size_t len;
	const char *answer;
} messages[] = {
#define ROW(text, answer)                                                                          \
	{                                                                                          \
		text, sizeof(text) - 1, answer                                                     \
	}
	ROW(OK("\1") A_B TXT "\0\2\1x", "found x"),
	ROW(OK("\1") A_B TXT "\0\7\3a b\2cd", "found a bcd"),
	ROW(OK("\1") A_B TXT "\0\1\0", "found "),
	ROW(OK("\2") A_B TXT "\0\2\1x" A_B TXT "\0\2\1y", "found x|y"),
	ROW(OK("\1") "\1A\1B\0" TXT "\0\2\1x", "found x"),
	ROW(OK("\0"), "no record"),
	/* CNAME, in any order */
	ROW(OK("\2") A_B CNAME "\0\3\1c\0"
			       "\1c\0" TXT "\0\2\1x",
	    "[c] found x"),
	ROW(OK("\2") "\1c\0" TXT "\0\2\1x" A_B CNAME "\0\3\1c\0", "[c] found x"),
	ROW(OK("\1") A_B CNAME "\0\3\1c\0", "[c] no record"),
	ROW(HEAD("\x81", "\x83", "\1") A_B CNAME "\0\3\1c\0", "[c] no name"),
	ROW(OK("\1") A_B CNAME "\0\2" A_B, "unavailable"), /* to itself */
	/* the server's verdicts */
	ROW(HEAD("\x81", "\x83", "\0"), "no name"),
	ROW(HEAD("\x81", "\x82", "\0"), "unavailable"),                   /* SERVFAIL */
	ROW(HEAD("\x81", "\x85", "\0"), "unavailable"),                   /* REFUSED */
	ROW(HEAD("\x83", "\x80", "\1") A_B TXT "\0\2\1x", "unavailable"), /* truncated */
	/* what nobody asked for */
	ROW(OK("\1") "\1x\0" TXT "\0\2\1x", "no record"),
	ROW(OK("\1") A_B "\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1", "no record"), /* an address */
	ROW(OK("\1") A_B "\0\x10\0\3\0\0\0\x3c\0\2\1x", "no record"),      /* class CHAOS */
	/* broken */
	ROW(OK("\1") A_B TXT "\0\2\5x", "unavailable"), /* a string longer than its record */
	ROW(OK("\1") A_B TXT "\0\3\1xy", "unavailable"),
	ROW(OK("\1") A_B TXT "\0\x09\1x", "unavailable"), /* a record longer than the message */
	ROW(OK("\2") A_B TXT "\0\2\1x", "unavailable"),
	ROW(OK("\1") "\xc0\xff" TXT "\0\2\1x", "unavailable"), /* a pointer to nowhere */
	ROW(OK("\1") "\xc0\x15" TXT "\0\2\1x", "unavailable"), /* to itself */
	ROW(OK("\1") A_B CNAME "\0\2\xc0\xff", "unavailable"),
	ROW(OK("\1") A_B CNAME "\0\0", "unavailable"),
	ROW("\x12\x34\x81\x80\0\0\0\0\0\0\0\0", "unavailable"), /* no question */
	ROW("", "unavailable"),
#undef ROW
};

static void told_by_messages(void **state)
{
	struct buf out;
	struct txt t;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(messages); i++) {
		txt_from_message((const unsigned char *)messages[i].text, messages[i].len, &t);
		write_answer(&t, &out);
		if (strcmp(buf_str(&out), messages[i].answer) != 0)
			fail_msg("message %zu: %s, not %s", i, buf_str(&out), messages[i].answer);
		txt_free(&t);
	}
	buf_free(&out);
}

/* Cut anywhere, and with any octet changed, they are read within their bounds. */
static void damaged_messages(void **state)
{
	struct txt t;

	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		for (size_t len = 0; len < messages[i].len; len++) {
			unsigned char *copy = xmalloc(len + 1);

			memcpy(copy, messages[i].text, len);
			txt_from_message(copy, len, &t);
			assert_int_equal(t.answer, TXT_UNAVAILABLE);
			txt_free(&t);
			free(copy);
		}
		for (size_t at = 0; at < 256 * messages[i].len; at++) {
			unsigned char *copy = xmalloc(messages[i].len);

			memcpy(copy, messages[i].text, messages[i].len);
			copy[at / 256] = (unsigned char)(at % 256);
			txt_from_message(copy, messages[i].len, &t);
			txt_free(&t);
			free(copy);
		}
	}
}

/* More records than there is room for: the rest is left out. */
static void very_many(void **state)
{
	static const char head[] = OK("\xff");
	static const char record[] = A_B TXT "\0\2\1x";
	struct buf message;
	struct txt t;

	(void)state;
	buf_init(&message, 10000);
	buf_add(&message, head, sizeof head - 1);
	for (int i = 0; i < 255; i++)
		buf_add(&message, record, sizeof record - 1);
	txt_from_message((const unsigned char *)message.p, message.len, &t);
	assert_int_equal(t.answer, TXT_FOUND);
	assert_int_equal(t.n, TXT_RECORDS_MAX);
	txt_free(&t);
	buf_free(&message);
}

/* Names that cannot be in the DNS are not asked for: there is no such name. */
static void impossible_names(void **state)
{
	struct txt_source *source = NULL;
	struct result r = RESULT_OK;
	struct txt t;

	(void)state;
	assert_true(txt_open(NULL, &source, &r));
	txt_find(source, "a..b", &t);
	assert_int_equal(t.answer, TXT_NO_NAME);
	txt_free(&t);
	txt_find(source, "1234567890123456789012345678901234567890123456789012345678901234.b", &t);
	assert_int_equal(t.answer, TXT_NO_NAME);
	txt_free(&t);
	txt_close(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_in_a_file),  cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(told_by_messages), cmocka_unit_test(damaged_messages),
		cmocka_unit_test(very_many),        cmocka_unit_test(impossible_names),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
