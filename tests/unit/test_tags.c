/*
 * test_tags.c - tag=value lists: what they hold, and what is none
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "dkim/tags.h"

#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The list written again as "name=value|...", which shows what was understood. */
static void write_again(const struct tags *t, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < t->n; i++) {
		buf_adds(out, i > 0 ? "|" : "");
		buf_addspan(out, t->tag[i].name);
		buf_addc(out, '=');
		buf_addspan(out, t->tag[i].value);
	}
}

static void lists(void **state)
{
	static const struct {
		const char *text;
		const char *tags;
	} rows[] = {
		{ "v=1", "v=1" },
		{ "v=DKIM1; p=", "v=DKIM1|p=" },
		{ "a=1;b=2;", "a=1|b=2" },
		{ "a=1;b=2; \r\n\t", "a=1|b=2" },
		{ " a = 1 ; b\t=\r\n 2 ", "a=1|b=2" },
		{ "p=AB\r\n CD==;k=rsa", "p=AB\r\n CD==|k=rsa" },
		{ "b=a=b==", "b=a=b==" },
		{ "a_1Z=x", "a_1Z=x" },
		/* with case: two tags */
		{ "a=1;A=2", "a=1|A=2" },
		{ "n=a note: with, \"signs\"", "n=a note: with, \"signs\"" },
		{ "i=\xc3\xa4@example.org", "i=\xc3\xa4@example.org" },
	};
	struct tags t;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!tags_parse(span_of(rows[i].text), &t))
			fail_msg("refused: %s", rows[i].text);
		write_again(&t, &out);
		assert_string_equal(buf_str(&out), rows[i].tags);
	}
	buf_free(&out);
}

static void no_lists(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		";",
		"v",
		"v=1;x",
		"=1",
		";v=1",
		"v=1;;a=2",
		"v=1; ;a=2",
		"v=1;;",
		"1a=2",
		"_a=2",
		"a-b=2",
		"a b=2",
		"\xc3\xa4=2",
		/* twice */
		"a=1;a=1",
		"a=1;b=2;a=",
		/* control characters */
		"a=\x01",
		"a=x\x7fy",
		"a=\x1b[31m",
	};
	struct tags t;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (tags_parse(span_of(rows[i]), &t))
			fail_msg("accepted: \"%s\"", rows[i]);
	assert_false(tags_parse((struct span){ NULL, 0 }, &t));
	assert_false(tags_parse((struct span){ "a=1\0", 4 }, &t));
}

static void as_many_as_fit(void **state)
{
	struct buf text;
	struct tags t;

	(void)state;
	buf_init(&text, 10000);
	for (int i = 0; i < TAGS_MAX; i++)
		buf_addf(&text, "t%d=%d;", i, i);
	assert_true(tags_parse(buf_span(&text), &t));
	assert_int_equal(t.n, TAGS_MAX);
	buf_adds(&text, "one=more");
	assert_false(tags_parse(buf_span(&text), &t));
	buf_free(&text);
}

/* A prefix that ends anywhere is read within its bounds, and never has more tags. */
static void every_prefix(void **state)
{
	static const char text[] = "v=1; a=rsa-sha256;\r\n\th=from:to; b=AAAA; ";
	struct tags whole, t;

	(void)state;
	assert_true(tags_parse(span_of(text), &whole));
	for (size_t len = 0; len < strlen(text); len++)
		if (tags_parse((struct span){ text, len }, &t))
			assert_true(t.n >= 1 && t.n <= whole.n);
}

static void values(void **state)
{
	struct span value;
	struct tags t;

	(void)state;
	assert_true(tags_parse(span_of("a=1; b= ;c=x y"), &t));
	assert_true(tags_get(&t, "c", &value));
	assert_true(span_eq(value, span_of("x y")));
	assert_true(tags_get(&t, "b", &value));
	assert_int_equal(value.len, 0);
	assert_false(tags_get(&t, "A", &value));
	assert_false(tags_get(&t, "", &value));
}

static void words_between_colons(void **state)
{
	static const struct {
		const char *list;
		const char *word;
		bool has;
	} rows[] = {
		{ "sha256", "sha256", true },
		{ "sha1:sha256", "sha256", true },
		{ "sha1 :\r\n SHA256\t:x", "sha256", true },
		{ "sha1", "sha256", false },
		{ "sha2567", "sha256", false },
		{ "xsha256:sha25", "sha256", false },
		{ "sha 256", "sha256", false },
		{ "", "sha256", false },
		{ ":", "sha256", false },
		{ "y:s", "s", true },
		{ "y:s", "y", true },
		{ "*", "*", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (tags_list_has(span_of(rows[i].list), rows[i].word) != rows[i].has)
			fail_msg("%s in \"%s\"", rows[i].word, rows[i].list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),          cmocka_unit_test(no_lists),
		cmocka_unit_test(as_many_as_fit), cmocka_unit_test(every_prefix),
		cmocka_unit_test(values),         cmocka_unit_test(words_between_colons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
