/*
 * test_path.c - FROM:<address> and TO:<address> with their parameters
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "cli/path.h"

#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (64 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define L31      "0123456789012345678901234567890"

/* The address, and behind it each parameter as KEYWORD=value with a bar in front. */
static void describe(const struct path *p, struct buf *out)
{
	buf_adds(out, p->address);
	for (size_t i = 0; i < p->n; i++)
		buf_addf(out, "|%s=%s", p->parameters[i].keyword, p->parameters[i].value);
}

static void taken(void **state)
{
	static const struct {
		const char *text;
		const char *word;
		const char *path;
	} rows[] = {
		{ " FROM:<a@b>", "FROM", "<a@b>" },
		{ " from:<a@b>", "FROM", "<a@b>" },
		{ "From:<>", "FROM", "<>" },
		{ "TO:<a@b>", "TO", "<a@b>" },
		/* blanks where no standard has them, no brackets */
		{ "  FROM : <a@b>  ", "FROM", "<a@b>" },
		{ "\tFROM\t:\t<a@b>\t", "FROM", "<a@b>" },
		{ "TO:a@b", "TO", "a@b" },
		{ "TO: a@b NOTIFY=NEVER", "TO", "a@b|NOTIFY=NEVER" },
		/* where an address ends */
		{ "TO:<\"a>b\"@c>", "TO", "<\"a>b\"@c>" },
		{ "TO:<\"a\\\">b\"@c> X=1", "TO", "<\"a\\\">b\"@c>|X=1" },
		{ "TO:<\"a b\"@c>", "TO", "<\"a b\"@c>" },
		{ "TO:<\"a ORCPT=rfc822;x\"@c>", "TO", "<\"a ORCPT=rfc822;x\"@c>" },
		{ "TO:<@x,@y:a@b>", "TO", "<@x,@y:a@b>" },
		/* parameters */
		{ "FROM:<a@b> SIZE=10", "FROM", "<a@b>|SIZE=10" },
		{ "FROM:<a@b> size=10 Body=8BITMIME", "FROM", "<a@b>|SIZE=10|BODY=8BITMIME" },
		{ "FROM:<a@b>   SIZE=1\t RET=FULL ", "FROM", "<a@b>|SIZE=1|RET=FULL" },
		{ "FROM:<a@b> SMTPUTF8", "FROM", "<a@b>|SMTPUTF8=" },
		{ "FROM:<a@b> AUTH=", "FROM", "<a@b>|AUTH=" },
		{ "FROM:<a@b> AUTH=<>", "FROM", "<a@b>|AUTH=<>" },
		{ "FROM:<a@b> ENVID=a=b", "FROM", "<a@b>|ENVID=a=b" },
		{ "FROM:<a@b> X-1=y", "FROM", "<a@b>|X-1=y" },
		{ "FROM:<a@b> " L31 "=1", "FROM", "<a@b>|" L31 "=1" },
		{ "FROM:<a@b> A=1 B=2 C=3 D=4 E=5 F=6 G=7 H=8", "FROM",
		  "<a@b>|A=1|B=2|C=3|D=4|E=5|F=6|G=7|H=8" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct path p;
		struct buf got;
		const char *why = path_parse(span_of(rows[i].text), rows[i].word, &p);

		if (why != NULL)
			fail_msg("\"%s\": %s", rows[i].text, why);
		buf_init(&got, OUT_MAX);
		describe(&p, &got);
		assert_string_equal(buf_str(&got), rows[i].path);
		buf_free(&got);
		path_free(&p);
		assert_null(p.address);
		path_free(&p);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{ "", "expected FROM" },
		{ " ", "expected FROM" },
		{ "FROM", "expected FROM" },
		{ "FROM <a@b>", "expected FROM" },
		{ "TO:<a@b>", "expected FROM" },
		{ "FROMAGE:<a@b>", "expected FROM" },
		{ "<a@b>", "expected FROM" },
		{ "FROM:", "no address" },
		{ "FROM: ", "no address" },
		{ "FROM:<", "no address" },
		{ "FROM:<a@b", "no address" },
		{ "FROM:<\"a@b>", "no address" },
		{ "FROM:<a@b>x", "something behind" },
		{ "FROM:<a@b>>", "something behind" },
		{ "FROM:<a@b>SIZE=1", "something behind" },
		{ "FROM:<a@b> =1", "no parameter" },
		{ "FROM:<a@b> =", "no parameter" },
		{ "FROM:<a@b> S_X=1", "no parameter" },
		{ "FROM:<a@b> <c@d>", "no parameter" },
		{ "FROM:<a@b> \xc3\xa4=1", "no parameter" },
		{ "FROM:<a@b> " L31 "x=1", "no parameter" },
		{ "FROM:<a@b> A=1 B=2 C=3 D=4 E=5 F=6 G=7 H=8 I=9", "too many" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct path p;
		const char *why = path_parse(span_of(rows[i].text), "FROM", &p);

		if (why == NULL || strstr(why, rows[i].words) == NULL)
			fail_msg("\"%s\": %s", rows[i].text, why != NULL ? why : "taken");
		path_free(&p);
	}
}

/* A line is not a string: what lies behind its end is not looked at. */
static void length(void **state)
{
	static const char line[] = "FROM:<a@b> SIZE=10>";

	(void)state;
	for (size_t len = 0; len < sizeof line; len++) {
		struct path p;
		const char *why = path_parse((struct span){ line, len }, "FROM", &p);

		assert_int_equal(why == NULL, len >= strlen("FROM:<a@b>"));
		path_free(&p);
	}
}

static void parameters(void **state)
{
	struct path p;

	(void)state;
	assert_null(path_parse(span_of("TO:<a@b> notify=NEVER FLAG"), "TO", &p));
	assert_string_equal(path_parameter(&p, "NOTIFY"), "NEVER");
	assert_string_equal(path_parameter(&p, "FLAG"), "");
	assert_null(path_parameter(&p, "ORCPT"));
	path_free(&p);
	assert_null(path_parameter(&p, "NOTIFY"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),
		cmocka_unit_test(refused),
		cmocka_unit_test(length),
		cmocka_unit_test(parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
