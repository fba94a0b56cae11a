/*
 * test_result.c - the table of EXIT STATUS in mailchute(1), row by row, and the words told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/result.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/banned.h"

#define COUNT(a)  (sizeof(a) / sizeof(a)[0])
#define WORDS_MAX 1000
#define ANY_STEP  STEP_NONE /* in a table: the row holds at every step of a session but AUTH */

static int status_of(enum step step, int code, const char *enhanced)
{
	struct result r = RESULT_OK;
	int status;

	assert_false(result_refused(&r, step, code, enhanced, "no", 2));
	status = result_status(&r);
	assert_int_equal(result_temporary(&r), status == EX_TEMPFAIL);
	result_free(&r);
	return status;
}

static void check(enum step step, int code, const char *enhanced, int want)
{
	int got = status_of(step, code, enhanced);

	if (got != want)
		fail_msg("%s: %d %s is %d, not %d", step_name(step), code, enhanced, got, want);
}

static void check_row(enum step step, int code, const char *enhanced, int want)
{
	if (step != ANY_STEP) {
		check(step, code, enhanced, want);
		return;
	}
	for (int s = STEP_GREETING; s <= STEP_QUIT; s++)
		if (s != STEP_AUTH)
			check((enum step)s, code, enhanced, want);
}

static void refused_for_now(void **state)
{
	static const char *const enhanced[] = { "", "4.7.1", "4.4.4", "5.1.1", "5.7.8" };

	(void)state;
	for (int step = STEP_GREETING; step <= STEP_QUIT; step++)
		for (int code = 400; code <= 499; code++)
			for (size_t i = 0; i < COUNT(enhanced); i++)
				check((enum step)step, code, enhanced[i], EX_TEMPFAIL);
}

/* The enhanced code decides, whatever step and reply code. */
static void refused_with_enhanced_code(void **state)
{
	static const struct {
		const char *enhanced;
		int status;
	} rows[] = {
		{ "5.1.1", EX_NOUSER },
		{ "5.1.6", EX_NOUSER },
		{ "5.1.10", EX_NOUSER },
		{ "5.1.2", EX_NOHOST },
		{ "5.4.4", EX_NOHOST },
		{ "5.1.0", EX_DATAERR },
		{ "5.1.3", EX_DATAERR },
		{ "5.1.7", EX_DATAERR },
		{ "5.1.8", EX_DATAERR },
		{ "5.2.3", EX_DATAERR },
		{ "5.3.4", EX_DATAERR },
		{ "5.6.0", EX_DATAERR },
		{ "5.6.1", EX_DATAERR },
		{ "5.6.7", EX_DATAERR },
		{ "5.6.999", EX_DATAERR },
		{ "5.5.0", EX_PROTOCOL },
		{ "5.5.1", EX_PROTOCOL },
		{ "5.5.4", EX_PROTOCOL },
		{ "5.7.0", EX_NOPERM },
		{ "5.7.1", EX_NOPERM },
		{ "5.7.4", EX_NOPERM },
		{ "5.7.27", EX_NOPERM },
		/* all others, and those a careless comparison takes for one of the above */
		{ "5.0.0", EX_UNAVAILABLE },
		{ "5.1.4", EX_UNAVAILABLE },
		{ "5.1.5", EX_UNAVAILABLE },
		{ "5.1.9", EX_UNAVAILABLE },
		{ "5.1.11", EX_UNAVAILABLE },
		{ "5.1.16", EX_UNAVAILABLE },
		{ "5.1.20", EX_UNAVAILABLE },
		{ "5.1.100", EX_UNAVAILABLE },
		{ "5.11.1", EX_UNAVAILABLE },
		{ "5.2.1", EX_UNAVAILABLE },
		{ "5.2.2", EX_UNAVAILABLE },
		{ "5.2.33", EX_UNAVAILABLE },
		{ "5.3.0", EX_UNAVAILABLE },
		{ "5.3.41", EX_UNAVAILABLE },
		{ "5.4.1", EX_UNAVAILABLE },
		{ "5.4.44", EX_UNAVAILABLE },
		{ "5.44.4", EX_UNAVAILABLE },
		{ "5.8.0", EX_UNAVAILABLE },
		{ "5.55.1", EX_UNAVAILABLE },
		{ "5.60.1", EX_UNAVAILABLE },
		{ "5.70.1", EX_UNAVAILABLE },
		{ "5.999.999", EX_UNAVAILABLE },
	};
	static const int codes[] = { 500, 501, 530, 535, 550, 552, 553, 554, 556 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t k = 0; k < COUNT(codes); k++)
			check_row(ANY_STEP, codes[k], rows[i].enhanced, rows[i].status);
}

static void refused_at_auth(void **state)
{
	static const struct {
		int code;
		const char *enhanced;
		int status;
	} rows[] = {
		/* not this mechanism, or no AUTH at all */
		{ 504, "", EX_CONFIG },
		{ 504, "5.5.4", EX_CONFIG },
		{ 504, "5.7.4", EX_CONFIG },
		{ 504, "5.7.0", EX_CONFIG },
		{ 535, "5.7.4", EX_CONFIG },
		{ 501, "5.5.4", EX_CONFIG },
		{ 500, "", EX_CONFIG },
		{ 500, "5.5.1", EX_CONFIG },
		{ 502, "", EX_CONFIG },
		{ 502, "5.5.2", EX_CONFIG },
		/* refused otherwise */
		{ 535, "", EX_NOPERM },
		{ 535, "5.7.8", EX_NOPERM },
		{ 534, "5.7.9", EX_NOPERM },
		{ 538, "5.7.11", EX_NOPERM },
		{ 530, "5.7.0", EX_NOPERM },
		{ 501, "5.5.2", EX_NOPERM },
		{ 503, "5.5.1", EX_NOPERM },
		{ 550, "5.1.1", EX_NOPERM },
		{ 554, "", EX_NOPERM },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;

		check(STEP_AUTH, rows[i].code, rows[i].enhanced, rows[i].status);
		result_refused(&r, STEP_AUTH, rows[i].code, rows[i].enhanced, "", 0);
		assert_int_equal(result_unsupported(&r), rows[i].status == EX_CONFIG);
		r.step = STEP_MAIL;
		assert_false(result_unsupported(&r));
		result_free(&r);
	}
}

/* In "550 4.7.1" the reply code's class wins, and the enhanced code says nothing. */
static void refused_with_a_bare_code(void **state)
{
	static const struct {
		enum step step;
		int code;
		int status;
	} rows[] = {
		{ ANY_STEP, 530, EX_NOPERM },
		{ ANY_STEP, 534, EX_NOPERM },
		{ ANY_STEP, 535, EX_NOPERM },
		{ ANY_STEP, 538, EX_NOPERM },
		{ STEP_RCPT, 550, EX_NOUSER },
		{ STEP_RCPT, 551, EX_NOUSER },
		{ STEP_RCPT, 553, EX_NOUSER },
		{ STEP_MAIL, 501, EX_DATAERR },
		{ STEP_RCPT, 501, EX_DATAERR },
		{ STEP_MAIL, 555, EX_DATAERR },
		{ STEP_RCPT, 555, EX_DATAERR },
		{ STEP_MAIL, 553, EX_DATAERR },
		{ STEP_MAIL, 552, EX_DATAERR },
		{ STEP_DATA, 552, EX_DATAERR },
		{ STEP_BODY, 552, EX_DATAERR },
		{ STEP_END, 552, EX_DATAERR },
		{ ANY_STEP, 556, EX_NOHOST },
		{ ANY_STEP, 500, EX_PROTOCOL },
		{ ANY_STEP, 502, EX_PROTOCOL },
		{ ANY_STEP, 503, EX_PROTOCOL },
		{ ANY_STEP, 504, EX_PROTOCOL },
		{ STEP_GREETING, 501, EX_PROTOCOL },
		{ STEP_EHLO, 501, EX_PROTOCOL },
		{ STEP_STARTTLS, 501, EX_PROTOCOL },
		{ STEP_DATA, 501, EX_PROTOCOL },
		{ STEP_END, 501, EX_PROTOCOL },
		/* all others */
		{ ANY_STEP, 521, EX_UNAVAILABLE },
		{ ANY_STEP, 554, EX_UNAVAILABLE },
		{ ANY_STEP, 571, EX_UNAVAILABLE },
		{ ANY_STEP, 599, EX_UNAVAILABLE },
		{ STEP_GREETING, 550, EX_UNAVAILABLE },
		{ STEP_MAIL, 550, EX_UNAVAILABLE },
		{ STEP_END, 550, EX_UNAVAILABLE },
		{ STEP_MAIL, 551, EX_UNAVAILABLE },
		{ STEP_RCPT, 552, EX_UNAVAILABLE },
		{ STEP_EHLO, 552, EX_UNAVAILABLE },
		{ STEP_DATA, 553, EX_UNAVAILABLE },
		{ STEP_END, 553, EX_UNAVAILABLE },
		{ STEP_END, 555, EX_UNAVAILABLE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_row(rows[i].step, rows[i].code, "", rows[i].status);
		check_row(rows[i].step, rows[i].code, "4.7.1", rows[i].status);
		check_row(rows[i].step, rows[i].code, "2.0.0", rows[i].status);
	}
}

static void causes(void **state)
{
	static const int statuses[CAUSE_COUNT] = {
		[CAUSE_NONE] = EX_OK,
		[CAUSE_REPLY] = EX_UNAVAILABLE, /* without any code: cannot be */
		[CAUSE_USAGE] = EX_USAGE,
		[CAUSE_DATA] = EX_DATAERR,
		[CAUSE_NO_INPUT] = EX_NOINPUT,
		[CAUSE_NO_HOST] = EX_NOHOST,
		[CAUSE_LOOP] = EX_UNAVAILABLE,
		[CAUSE_INTERNAL] = EX_SOFTWARE,
		[CAUSE_READ] = EX_IOERR,
		[CAUSE_TEMPORARY] = EX_TEMPFAIL,
		[CAUSE_PROTOCOL] = EX_PROTOCOL,
		[CAUSE_CONFIG] = EX_CONFIG,
		[CAUSE_PERMISSION] = EX_NOPERM,
		[CAUSE_UNVERIFIED] = 1,
	};

	(void)state;
	for (int cause = 0; cause < CAUSE_COUNT; cause++)
		for (int step = 0; step < STEP_COUNT; step++) {
			struct result r = { .cause = (enum cause)cause, .step = (enum step)step };

			if (cause == CAUSE_REPLY && step == STEP_AUTH)
				continue;
			assert_int_equal(result_status(&r), statuses[cause]);
			assert_int_equal(result_failed(&r), cause != CAUSE_NONE);
			assert_int_equal(result_temporary(&r), cause == CAUSE_TEMPORARY);
		}
}

static void faults(void **state)
{
	static const struct {
		enum cause cause;
		enum step step;
		int code;
		enum fault fault;
	} rows[] = {
		{ CAUSE_NONE, STEP_NONE, 0, FAULT_NONE },
		{ CAUSE_REPLY, STEP_RCPT, 550, FAULT_RECIPIENT },
		{ CAUSE_REPLY, STEP_RCPT, 450, FAULT_RECIPIENT },
		{ CAUSE_REPLY, STEP_MAIL, 550, FAULT_MESSAGE },
		{ CAUSE_REPLY, STEP_DATA, 554, FAULT_MESSAGE },
		{ CAUSE_REPLY, STEP_BODY, 552, FAULT_MESSAGE },
		{ CAUSE_REPLY, STEP_END, 451, FAULT_MESSAGE },
		/* 421: the server goes away, whatever it was asked */
		{ CAUSE_REPLY, STEP_RCPT, 421, FAULT_SESSION },
		{ CAUSE_REPLY, STEP_MAIL, 421, FAULT_SESSION },
		{ CAUSE_REPLY, STEP_END, 421, FAULT_SESSION },
		{ CAUSE_REPLY, STEP_GREETING, 554, FAULT_SESSION },
		{ CAUSE_REPLY, STEP_AUTH, 535, FAULT_SESSION },
		{ CAUSE_TEMPORARY, STEP_RESOLVE, 0, FAULT_SESSION },
		{ CAUSE_NO_HOST, STEP_RESOLVE, 0, FAULT_SESSION },
		{ CAUSE_TEMPORARY, STEP_RCPT, 0, FAULT_SESSION },
		{ CAUSE_PROTOCOL, STEP_STARTTLS, 0, FAULT_SESSION },
		{ CAUSE_CONFIG, STEP_TLS, 0, FAULT_SESSION },
		{ CAUSE_USAGE, STEP_USAGE, 0, FAULT_MESSAGE },
		{ CAUSE_DATA, STEP_ADDRESS, 0, FAULT_MESSAGE },
		{ CAUSE_NO_INPUT, STEP_INPUT, 0, FAULT_MESSAGE },
		{ CAUSE_LOOP, STEP_HEADER, 0, FAULT_MESSAGE },
		{ CAUSE_CONFIG, STEP_CONFIG, 0, FAULT_LOCAL },
		{ CAUSE_PERMISSION, STEP_SIGN, 0, FAULT_LOCAL },
		{ CAUSE_TEMPORARY, STEP_INPUT, 0, FAULT_LOCAL },
		{ CAUSE_READ, STEP_INPUT, 0, FAULT_LOCAL },
		{ CAUSE_INTERNAL, STEP_NONE, 0, FAULT_LOCAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = { .cause = rows[i].cause,
				    .step = rows[i].step,
				    .code = rows[i].code };

		assert_int_equal(result_fault(&r), rows[i].fault);
	}
}

/* Whatever a server says becomes one line that does no harm to a terminal. */
static void words(void **state)
{
	static const struct {
		const char *said;
		const char *told;
	} rows[] = {
		{ "", "" },
		{ "Mailbox unavailable", "Mailbox unavailable" },
		{ "first\nsecond\r\nthird", "first second third" },
		{ "\r\n\tx \n ", "x" },
		{ "\x1b[31mred\x1b[0m", "[31mred [0m" },
		{ "a\x7f"
		  "b",
		  "a b" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "caf\xe9", "caf?" },
		/* U+0085 and U+009B are controls as well; U+00A0 is none */
		{ "a\xc2\x85"
		  "b\xc2\x9b"
		  "c\xc2\xa0"
		  "d",
		  "a?b?c\xc2\xa0"
		  "d" },
		{ "%s%n", "%s%n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;

		result_refused(&r, STEP_RCPT, 550, "5.1.1", rows[i].said, strlen(rows[i].said));
		assert_string_equal(r.words, rows[i].told);
		assert_string_equal(r.enhanced, "5.1.1");
		assert_null(r.text);
		result_free(&r);
	}
}

static void words_are_cut(void **state)
{
	char said[WORDS_MAX + 200];
	struct result r = RESULT_OK;

	(void)state;
	memset(said, 'x', sizeof said);
	result_refused(&r, STEP_END, 554, "", said, sizeof said);
	assert_int_equal(strlen(r.words), WORDS_MAX);
	result_free(&r);
	/* not in the middle of a character: two bytes each, off by one */
	for (size_t i = 1; i + 1 < sizeof said; i += 2) {
		said[i] = '\xc3';
		said[i + 1] = '\xa4';
	}
	result_refused(&r, STEP_END, 554, "", said, sizeof said - 1);
	assert_int_equal(strlen(r.words), WORDS_MAX - 1);
	assert_true(is_utf8(r.words, strlen(r.words)));
	result_free(&r);
	result_refused(&r, STEP_END, 554, "", "a\0b", 3);
	assert_string_equal(r.words, "a b");
	result_free(&r);
}

static void own_text(void **state)
{
	struct result r = RESULT_OK, other = RESULT_OK;

	(void)state;
	assert_false(result_fail(&r, CAUSE_CONFIG, STEP_SIGN, "%s:%d:\nno key", "a\x1b", 7));
	assert_int_equal(r.step, STEP_SIGN);
	assert_string_equal(r.text, "a :7: no key");
	assert_null(r.words);
	result_fail(&other, CAUSE_DATA, STEP_INPUT, "old");
	result_move(&other, &r);
	assert_false(result_failed(&r));
	assert_null(r.text);
	assert_int_equal(other.cause, CAUSE_CONFIG);
	result_free(&other);
	assert_false(result_failed(&other));
	assert_int_equal(result_status(&other), EX_OK);
	result_fail(&r, CAUSE_DATA, STEP_INPUT, "%0*d", 100000, 1);
	assert_true(strlen(r.text) < 5000);
	result_free(&r);
}

static void steps_have_names(void **state)
{
	(void)state;
	for (int step = STEP_USAGE; step < STEP_COUNT; step++) {
		assert_non_null(step_name((enum step)step));
		assert_string_not_equal(step_name((enum step)step), "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_for_now), cmocka_unit_test(refused_with_enhanced_code),
		cmocka_unit_test(refused_at_auth), cmocka_unit_test(refused_with_a_bare_code),
		cmocka_unit_test(causes),          cmocka_unit_test(faults),
		cmocka_unit_test(words),           cmocka_unit_test(words_are_cut),
		cmocka_unit_test(own_text),        cmocka_unit_test(steps_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
