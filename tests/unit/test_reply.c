/*
 * test_reply.c - replies of a server: whole, cut off, mixed, endless
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/util.h"
#include "smtp/reply.h"

#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Feeds lines that '\n' ends (the last one needs none) as long as the reply wants more. */
static enum reply_state feed(struct reply *r, const char *lines)
{
	enum reply_state state = REPLY_MORE;

	while (state == REPLY_MORE && *lines != '\0') {
		size_t len = strcspn(lines, "\n");

		state = reply_line(r, (struct span){ lines, len });
		lines += len + (lines[len] == '\n' ? 1 : 0);
	}
	return state;
}

static void good(void **state)
{
	static const struct {
		const char *lines;
		int code;
		const char *enhanced;
		const char *text;
	} rows[] = {
		{ "250 ok", 250, "", "ok" },
		{ "250", 250, "", "" },
		{ "250 ", 250, "", "" },
		{ "200 a", 200, "", "a" },
		{ "599 a", 599, "", "a" },
		{ "250-one\n250-two\n250 three", 250, "", "one\ntwo\nthree" },
		{ "250-\n250-\n250", 250, "", "\n\n" },
		{ "220-mail.example.org\n220", 220, "", "mail.example.org\n" },
		{ "250  two blanks", 250, "", " two blanks" },
		{ "250 250 ok", 250, "", "250 ok" },
		/* enhanced codes */
		{ "250 2.1.0 ok", 250, "2.1.0", "ok" },
		{ "250 2.1.0", 250, "2.1.0", "" },
		{ "250 2.1.0 ", 250, "2.1.0", "" },
		{ "550 5.1.10 null mx", 550, "5.1.10", "null mx" },
		{ "550 5.999.999 x", 550, "5.999.999", "x" },
		{ "451 4.7.1 later", 451, "4.7.1", "later" },
		{ "550-5.1.1 no such\n550-5.1.1 user\n550 5.1.1 here", 550, "5.1.1",
		  "no such\nuser\nhere" },
		{ "550-first\n550 5.7.1 second", 550, "5.7.1", "first\nsecond" },
		{ "550-5.7.1 first\n550 5.1.1 second", 550, "5.7.1", "first\nsecond" },
		/* of another class: words like any others */
		{ "550 4.7.1 greylisted", 550, "", "4.7.1 greylisted" },
		{ "450 5.1.1 x", 450, "", "5.1.1 x" },
		{ "250 5.1.1 x", 250, "", "5.1.1 x" },
		{ "354 2.0.0 go on", 354, "", "2.0.0 go on" },
		{ "354 3.0.0 go on", 354, "", "3.0.0 go on" },
		/* what only looks like one */
		{ "250 2.1 x", 250, "", "2.1 x" },
		{ "250 2.1. x", 250, "", "2.1. x" },
		{ "250 2..1 x", 250, "", "2..1 x" },
		{ "250 2.1.0.1 x", 250, "", "2.1.0.1 x" },
		{ "250 2.1.0x", 250, "", "2.1.0x" },
		{ "250 2.1.0\tx", 250, "", "2.1.0\tx" },
		{ "250 2.1.1000 x", 250, "", "2.1.1000 x" },
		{ "250 2.1000.1 x", 250, "", "2.1000.1 x" },
		{ "250 22.1.1 x", 250, "", "22.1.1 x" },
		{ "250 2,1,1 x", 250, "", "2,1,1 x" },
		{ "250  2.1.1 x", 250, "", " 2.1.1 x" },
		{ "250 .1.1 x", 250, "", ".1.1 x" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reply r;

		reply_init(&r);
		if (feed(&r, rows[i].lines) != REPLY_DONE)
			fail_msg("\"%s\" is not taken", rows[i].lines);
		assert_int_equal(r.code, rows[i].code);
		assert_string_equal(r.enhanced, rows[i].enhanced);
		assert_string_equal(buf_str(&r.text), rows[i].text);
		reply_free(&r);
	}
}

/* Every beginning of a good line alone: more, done, or bad, but never read beyond its end. */
static void cut_off(void **state)
{
	static const char line[] = "550-5.1.10 no";

	(void)state;
	for (size_t len = 0; len <= strlen(line); len++) {
		char *exact = len > 0 ? xstrndup(line, len) : NULL;
		enum reply_state want = len < 3 ? REPLY_BAD : len == 3 ? REPLY_DONE : REPLY_MORE;
		struct reply r;

		reply_init(&r);
		assert_int_equal(reply_line(&r, (struct span){ exact, len }), want);
		assert_int_equal(r.code, len < 3 ? 0 : 550);
		assert_string_equal(r.enhanced, len == 9 ? "5.1.1" : len >= 10 ? "5.1.10" : "");
		reply_free(&r);
		wipe_free(exact);
	}
}

static void bad(void **state)
{
	static const char *const rows[] = {
		"",
		"2",
		"25",
		"ok",
		"SSH-2.0-OpenSSH_9.2",
		"HTTP/1.1 400 Bad Request",
		"-ERR",
		"2500 ok",
		"25O ok",
		"2 50 ok",
		" 250 ok",
		"+250 ok",
		"250\tok",
		"250_ok",
		"250:ok",
		"250\r",
		"150 ok",
		"199 ok",
		"000 ok",
		"600 ok",
		"999 ok",
		"\xb2\x35\x30 ok",
		/* several lines: the code must stay, and each must have one */
		"250-a\n251 b",
		"250-a\n550 b",
		"550-a\n250 b",
		"250-a\nb",
		"250-a\n\n250 c",
		"250-a\n250-b\n25",
		"250-a\n 250 b",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reply r;

		reply_init(&r);
		if (rows[i][0] == '\0')
			assert_int_equal(reply_line(&r, span_of("")), REPLY_BAD);
		else if (feed(&r, rows[i]) != REPLY_BAD)
			fail_msg("\"%s\" is taken", rows[i]);
		reply_free(&r);
	}
}

static void every_code(void **state)
{
	(void)state;
	for (int code = 0; code < 1000; code++) {
		char *line = xasprintf("%03d x", code);
		bool ok = code >= 200 && code <= 599;
		struct reply r;

		reply_init(&r);
		assert_int_equal(reply_line(&r, span_of(line)), ok ? REPLY_DONE : REPLY_BAD);
		assert_int_equal(r.code, ok ? code : 0);
		reply_free(&r);
		wipe_free(line);
	}
}

/* NUL and others are text; judging them is result_refused()'s. */
static void any_bytes(void **state)
{
	struct reply r;

	(void)state;
	reply_init(&r);
	assert_int_equal(reply_line(&r, (struct span){ "250 a\0\r\xff", 8 }), REPLY_DONE);
	assert_int_equal(r.text.len, 4);
	assert_memory_equal(r.text.p, "a\0\r\xff", 4);
	reply_clear(&r);
	assert_int_equal(reply_line(&r, (struct span){ "250 \0.1.1 a", 11 }), REPLY_DONE);
	assert_string_equal(r.enhanced, "");
	reply_free(&r);
}

static void again(void **state)
{
	struct reply r;

	(void)state;
	reply_init(&r);
	assert_int_equal(feed(&r, "550-5.1.1 a\n550 b"), REPLY_DONE);
	reply_clear(&r);
	assert_int_equal(r.code, 0);
	assert_int_equal(feed(&r, "250 ok"), REPLY_DONE);
	assert_string_equal(r.enhanced, "");
	assert_string_equal(buf_str(&r.text), "ok");
	reply_free(&r);
}

/* Lines of `len` bytes of text until it is too much; the number that was taken. */
static size_t endless(size_t len)
{
	struct buf line;
	struct reply r;
	size_t taken = 0;

	buf_init(&line, REPLY_MAX + 100);
	buf_adds(&line, "250-");
	for (size_t i = 0; i < len; i++)
		buf_addc(&line, 'x');
	reply_init(&r);
	while (reply_line(&r, buf_span(&line)) == REPLY_MORE)
		assert_true(++taken <= REPLY_MAX + 1);
	buf_free(&line);
	reply_free(&r);
	return taken;
}

/* A '\n' stands between two lines: n lines of k bytes are n * (k + 1) - 1. */
static void ceiling(void **state)
{
	(void)state;
	assert_int_equal(endless(REPLY_MAX), 1);
	assert_int_equal(endless(REPLY_MAX + 1), 0);
	assert_int_equal(endless(REPLY_MAX / 2), 1);
	assert_int_equal(endless(REPLY_MAX / 2 - 1), 2);
	assert_int_equal(endless(63), REPLY_MAX / 64);
	assert_int_equal(endless(0), REPLY_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),       cmocka_unit_test(cut_off),   cmocka_unit_test(bad),
		cmocka_unit_test(every_code), cmocka_unit_test(any_bytes), cmocka_unit_test(again),
		cmocka_unit_test(ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
