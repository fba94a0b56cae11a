/*
 * test_dsn.c - what may be a value of RFC 3461's parameters
 */
#include "smtp/dsn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MAX 10

static void xtext(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "x", true },      { "!#~", true },        { "a+2Bb", true },
		{ "+3D+20", true }, { "0123456789", true }, { "01234567890", false },
		{ "", false },      { "a=b", false },       { "a b", false },
		{ "a\tb", false },  { "a\nb", false },      { "a\rRSET", false },
		{ "\x7f", false },  { "\xc3\xa4", false },  { "+", false },
		{ "+2", false },    { "a+2", false },       { "+2b", false },
		{ "+g0", false },   { "+ 1", false },       { "++2B", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (dsn_xtext_ok(cases[i].text, MAX) != cases[i].ok)
			fail_msg("\"%s\" should be %d", cases[i].text, cases[i].ok);
}

static void xtext_written(void **state)
{
	static const char *const cases[][2] = {
		{ "id", "id" },           { "a b", "a+20b" }, { "+", "+2B" },
		{ "x=y+z", "x+3Dy+2Bz" }, { "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out;

		buf_init(&out, 100);
		dsn_write_xtext(cases[i][0], &out);
		assert_string_equal(buf_str(&out), cases[i][1]);
		buf_free(&out);
	}
}

static void notify(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "NEVER", true },
		{ "never", true },
		{ "SUCCESS", true },
		{ "success,Failure,DELAY", true },
		{ "DELAY,DELAY", true },
		{ "", false },
		{ ",", false },
		{ "SUCCESS,", false },
		{ ",SUCCESS", false },
		{ "SUCCESS,,DELAY", false },
		{ "NEVER,SUCCESS", false },
		{ "SUCCESS,NEVER", false },
		{ "ALWAYS", false },
		{ "SUCCES", false },
		{ "SUCCESSES", false },
		{ "SUCCESS, DELAY", false },
		{ "SUCCESS ORCPT=x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (dsn_notify_ok(cases[i].text) != cases[i].ok)
			fail_msg("\"%s\" should be %d", cases[i].text, cases[i].ok);
}

static void ret(void **state)
{
	(void)state;
	assert_true(dsn_ret_ok("FULL"));
	assert_true(dsn_ret_ok("hdrs"));
	assert_false(dsn_ret_ok(""));
	assert_false(dsn_ret_ok("FULL "));
	assert_false(dsn_ret_ok("SOME"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xtext),
		cmocka_unit_test(xtext_written),
		cmocka_unit_test(notify),
		cmocka_unit_test(ret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
