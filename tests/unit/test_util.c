/*
 * test_util.c - ASCII, UTF-8, numbers, durations, memory that is wiped
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/util.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a)      (sizeof(a) / sizeof(a)[0])
#define HUNDRED_YEARS INT64_C(3153600000000) /* in milliseconds */

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool ok;
		uint64_t value;
	} rows[] = {
		{ "0", 0, true, 0 },
		{ "0", 9, true, 0 },
		{ "7", 7, true, 7 },
		{ "8", 7, false, 0 },
		{ "1", 0, false, 0 },
		{ "65535", 65535, true, 65535 },
		{ "65536", 65535, false, 0 },
		{ "99999", 65535, false, 0 },
		{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, false, 0 },
		{ "18446744073709551625", UINT64_MAX, false, 0 },
		{ "184467440737095516150", UINT64_MAX, false, 0 },
		{ "99999999999999999999999999999999999999", UINT64_MAX, false, 0 },
		/* nobody means octal, or anything else but decimal */
		{ "00", 99, false, 0 },
		{ "010", 99, false, 0 },
		{ "0600", 9999, false, 0 },
		{ "0x10", 99, false, 0 },
		{ "1e2", 999, false, 0 },
		{ "1.0", 99, false, 0 },
		{ "1,000", 9999, false, 0 },
		/* signs, blanks, nothing */
		{ "", 99, false, 0 },
		{ "+1", 99, false, 0 },
		{ "-1", UINT64_MAX, false, 0 },
		{ "-0", 99, false, 0 },
		{ " 1", 99, false, 0 },
		{ "1 ", 99, false, 0 },
		{ "1\n", 99, false, 0 },
		{ "1s", 99, false, 0 },
		/* digits of another script */
		{ "\xd9\xa1", 99, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t value = 0;
		bool ok = parse_number(rows[i].text, rows[i].max, &value);

		if (ok != rows[i].ok || (ok && value != rows[i].value))
			fail_msg("\"%s\" up to %ju", rows[i].text, (uintmax_t)rows[i].max);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* 0: refused */
	} rows[] = {
		{ "1", 1000 },
		{ "90", 90000 },
		{ "90s", 90000 },
		{ "5m", 300000 },
		{ "2h", 7200000 },
		{ "5d", 432000000 },
		/* a hundred years is enough, in any unit */
		{ "36500d", HUNDRED_YEARS },
		{ "36501d", 0 },
		{ "876000h", HUNDRED_YEARS },
		{ "876001h", 0 },
		{ "3153600000", HUNDRED_YEARS },
		{ "3153600001", 0 },
		{ "3153600001s", 0 },
		{ "106751991168d", 0 },
		{ "18446744073709551615", 0 },
		{ "18446744073709551616s", 0 },
		{ "0", 0 },
		{ "0s", 0 },
		{ "0d", 0 },
		{ "", 0 },
		{ "s", 0 },
		{ "05m", 0 },
		{ "-5m", 0 },
		{ "+5m", 0 },
		{ " 5m", 0 },
		{ "5 m", 0 },
		{ "5m ", 0 },
		{ "5M", 0 },
		{ "5ms", 0 },
		{ "5w", 0 },
		{ "1h30m", 0 },
		{ "1.5h", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ms = 0;
		bool ok = parse_duration(rows[i].text, &ms);

		if (ok != (rows[i].ms != 0) || (ok && ms != rows[i].ms))
			fail_msg("\"%s\"", rows[i].text);
	}
}

static void utf8(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "", true },
		{ "a\x7f", true },
		{ "\xc3\xa4", true },
		/* the first and the last of each length */
		{ "\xc2\x80", true },
		{ "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true },
		{ "\xef\xbf\xbf", true },
		{ "\xf0\x90\x80\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		/* around the surrogates, and they themselves */
		{ "\xed\x9f\xbf", true },
		{ "\xee\x80\x80", true },
		{ "\xed\xa0\x80", false },
		{ "\xed\xbf\xbf", false },
		/* overlong */
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xf0\x8f\xbf\xbf", false },
		/* beyond U+10FFFF */
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xff", false },
		{ "\xfe", false },
		/* cut off, or not continued */
		{ "\x80", false },
		{ "\xbf", false },
		{ "\xc3", false },
		{ "a\xe2\x82", false },
		{ "\xf0\x9f\x98", false },
		{ "\xc3"
		  "a",
		  false },
		{ "\xe2\x82"
		  "a",
		  false },
		{ "\xe2"
		  "a\xac",
		  false },
		{ "\xf0\x9f\x98"
		  "a",
		  false },
		{ "\xf0\x9f\x98\xc3\xa4", false },
		{ "\xc3\xa4\xa4", false },
	};

	(void)state;
	assert_true(is_utf8("\0", 1));
	/* the length is what counts, whatever stands behind it */
	for (size_t len = 1; len < 4; len++)
		assert_false(is_utf8("\xf0\x9f\x98\x80", len));
	for (size_t i = 0; i < COUNT(rows); i++)
		if (is_utf8(rows[i].text, strlen(rows[i].text)) != rows[i].ok)
			fail_msg("row %zu", i);
}

/* Every byte value, also in a locale of one byte a character, where the C library differs. */
static void bytes(void **state)
{
	(void)state;
	setlocale(LC_ALL, "");
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool upper = i >= 'A' && i <= 'Z', lower = i >= 'a' && i <= 'z';
		bool number = i >= '0' && i <= '9', control = i < 32 || i == 127;

		assert_int_equal(ascii_isalpha(c), upper || lower);
		assert_int_equal(ascii_isdigit(c), number);
		assert_int_equal(ascii_isalnum(c), upper || lower || number);
		assert_int_equal(ascii_isblank(c), i == ' ' || i == '\t');
		assert_int_equal(ascii_iscntrl(c), control);
		assert_int_equal(has_control(&c, 1), control);
		assert_int_equal(has_8bit(&c, 1), i > 127);
		assert_int_equal(ascii_tolower(c), upper ? (char)(i + 32) : c);
	}
	setlocale(LC_ALL, "C");
	assert_false(has_control("", 0));
	assert_false(has_8bit("", 0));
	assert_true(has_control("ab\r", 3));
	assert_false(has_control("ab\r", 2));
	assert_true(has_8bit("ab\x80", 3));
	assert_false(has_8bit("ab\x80", 2));
}

static void compare(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		int whole;
		int two; /* the first two bytes alone */
	} rows[] = {
		{ "", "", 0, 0 },
		{ "", "a", -1, -1 },
		{ "aBc", "AbC", 0, 0 },
		{ "abc", "abD", -1, 0 },
		{ "ab", "ABC", -1, 0 },
		{ "b", "A", 1, 1 },
		{ "[", "{", -1, -1 }, /* 32 apart as well, and no letters */
		{ "\xc3\xa4", "\xc3\x84", 1, 1 },
		{ "\xff", "a", 1, 1 },
	};
	char text[] = "A-Z[\xc3\x84";

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(ascii_casecmp(rows[i].a, rows[i].b), rows[i].whole);
		assert_int_equal(ascii_casecmp(rows[i].b, rows[i].a), -rows[i].whole);
		assert_int_equal(ascii_ncasecmp(rows[i].a, rows[i].b, 2), rows[i].two);
		assert_int_equal(ascii_ncasecmp(rows[i].a, rows[i].b, 0), 0);
	}
	ascii_lower(text);
	assert_string_equal(text, "a-z[\xc3\x84");
}

static void memory(void **state)
{
	static const char zeroes[8];
	char secret[8] = "secret!";
	char *s = xasprintf("%s-%d", "a", 7);

	(void)state;
	assert_string_equal(s, "a-7");
	wipe_free(s);
	wipe_free(NULL);
	wipe(secret, sizeof secret);
	assert_memory_equal(secret, zeroes, sizeof zeroes);
	s = xstrndup("abc", 2);
	assert_string_equal(s, "ab");
	free(s);
	s = xcalloc(2, 4);
	assert_memory_equal(s, zeroes, sizeof zeroes);
	s = xreallocarray(s, 4, 4);
	free(s);
	free(xmalloc(0));
	free(xcalloc(0, 1));
}

/* In a child: ends with EX_TEMPFAIL and one line on stderr. */
static void out_of_it(void **state)
{
	char line[200] = "";
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		xreallocarray(NULL, SIZE_MAX / 2, 3);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EX_TEMPFAIL);
	assert_true(read(fds[0], line, sizeof line - 1) > 0);
	assert_string_equal(line, "mailchute: out of memory\n");
	close(fds[0]);
}

static void writing(void **state)
{
	char got[8] = "";
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_true(write_all(fds[1], NULL, 0));
	assert_true(write_all(fds[1], "a\0b", 3));
	assert_int_equal(read(fds[0], got, sizeof got), 3);
	assert_memory_equal(got, "a\0b", 3);
	close(fds[0]);
	close(fds[1]);
	assert_false(write_all(fds[1], "a", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers), cmocka_unit_test(durations), cmocka_unit_test(utf8),
		cmocka_unit_test(bytes),   cmocka_unit_test(compare),   cmocka_unit_test(memory),
		cmocka_unit_test(writing), cmocka_unit_test(out_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
