/*
 * test_buf.c - buffers and their ceilings, spans
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/sink.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void empty(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b, 10);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_span(&b).len, 0);
	buf_add(&b, NULL, 0);
	buf_consume(&b, 5);
	buf_clear(&b);
	buf_wipe(&b);
	assert_null(b.p);
	s = buf_detach(&b);
	assert_string_equal(s, "");
	free(s);
	buf_free(&b);
}

/* Each way of adding, and the NUL that is always there. */
static void adding(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b, 1000);
	buf_adds(&b, "ab");
	buf_addc(&b, 'c');
	buf_addspan(&b, (struct span){ "defg", 2 });
	buf_addf(&b, "-%d-%s", 7, "x");
	assert_string_equal(buf_str(&b), "abcde-7-x");
	buf_consume(&b, 5);
	assert_string_equal(buf_str(&b), "-7-x");
	buf_consume(&b, 100);
	assert_string_equal(buf_str(&b), "");
	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.p, "a\0b", 4);
	buf_clear(&b);
	assert_string_equal(buf_str(&b), "");
	buf_adds(&b, "own");
	s = buf_detach(&b);
	assert_string_equal(s, "own");
	assert_null(b.p);
	assert_int_equal(b.max, 1000);
	free(s);
	buf_free(&b);
}

/* Around the piece of stack that short results of buf_addf pass through. */
static void formatted(void **state)
{
	(void)state;
	for (int len = 250; len < 260; len++) {
		struct buf b;

		buf_init(&b, 1000);
		buf_addf(&b, "%0*d", len, 7);
		assert_int_equal(b.len, len);
		assert_int_equal(strlen(b.p), len);
		assert_int_equal(b.p[len - 1], '7');
		buf_free(&b);
	}
}

/* What would pass the ceiling is left out whole, and so is all that follows. */
static void ceiling(void **state)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 65, 1000 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct buf b;

		buf_init(&b, sizes[i]);
		for (size_t n = 0; n < sizes[i]; n++)
			buf_addc(&b, 'x');
		assert_false(buf_overflowed(&b));
		assert_int_equal(b.len, sizes[i]);
		buf_add(&b, "", 0);
		assert_false(buf_overflowed(&b));
		buf_addc(&b, 'y');
		assert_true(buf_overflowed(&b));
		buf_consume(&b, 1);
		buf_addc(&b, 'z');
		assert_true(buf_overflowed(&b));
		assert_null(strpbrk(buf_str(&b), "yz"));
		buf_clear(&b);
		assert_false(buf_overflowed(&b));
		buf_free(&b);
		assert_int_equal(b.max, sizes[i]);
	}
}

static void whole_or_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_adds(&b, "ab");
	buf_adds(&b, "cde");
	assert_true(buf_overflowed(&b));
	buf_adds(&b, "c");
	assert_string_equal(buf_str(&b), "ab");
	buf_free(&b);
	buf_init(&b, 4);
	buf_addf(&b, "%0300d", 1);
	assert_true(buf_overflowed(&b));
	assert_int_equal(b.len, 0);
	buf_free(&b);
	buf_init(&b, 4);
	buf_addc(&b, 'a');
	buf_add(&b, "x", SIZE_MAX);
	assert_true(buf_overflowed(&b));
	buf_free(&b);
}

/* A secret is never moved: what it would leave behind could not be wiped. */
static void reserved(void **state)
{
	struct buf b;
	const char *p;

	(void)state;
	buf_init(&b, 5000);
	buf_reserve(&b, 5000);
	p = b.p;
	assert_string_equal(p, "");
	for (int i = 0; i < 5000; i++)
		buf_addc(&b, 'x');
	assert_ptr_equal(b.p, p);
	buf_wipe(&b);
	buf_reserve(&b, SIZE_MAX);
	assert_int_equal(b.cap, 5001);
	buf_wipe(&b);
}

static void sink(void **state)
{
	struct buf b;
	struct sink s;

	(void)state;
	buf_init(&b, 4);
	s = sink_to_buf(&b);
	assert_true(sink_write(&s, NULL, 0));
	assert_true(sink_write(&s, "abcd", 4));
	assert_true(sink_write(&s, "", 0));
	assert_false(sink_write(&s, "e", 1));
	assert_false(sink_write(&s, "f", 1));
	assert_string_equal(buf_str(&b), "abcd");
	buf_free(&b);
}

static void trimming(void **state)
{
	static const struct {
		const char *text;
		const char *trimmed;
	} rows[] = {
		{ "", "" },           { " \t\r\n", "" },
		{ "a", "a" },         { "\r\n a b\t\n", "a b" },
		{ "\va\f", "\va\f" }, { "\xa0 a", "\xa0 a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_true(span_eq(span_trim(span_of(rows[i].text)), span_of(rows[i].trimmed)));
}

static void equality(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		bool same;
		bool same_word; /* case aside */
	} rows[] = {
		{ "", "", true, true },
		{ "a", "", false, false },
		{ "To", "To", true, true },
		{ "To", "tO", false, true },
		{ "To", "Toe", false, false },
		{ "Toe", "To", false, false },
		{ "\xc3\xa4", "\xc3\x84", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span a = span_of(rows[i].a);

		assert_int_equal(span_eq(a, span_of(rows[i].b)), rows[i].same);
		assert_int_equal(span_ieq(a, rows[i].b), rows[i].same_word);
	}
	assert_true(span_eq((struct span){ NULL, 0 }, span_of("")));
	assert_true(span_ieq((struct span){ NULL, 0 }, ""));
	assert_false(span_ieq((struct span){ "a\0b", 3 }, "a"));
	assert_false(span_eq((struct span){ "a\0b", 3 }, (struct span){ "a\0c", 3 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(adding),
		cmocka_unit_test(formatted),
		cmocka_unit_test(ceiling),
		cmocka_unit_test(whole_or_nothing),
		cmocka_unit_test(reserved),
		cmocka_unit_test(sink),
		cmocka_unit_test(trimming),
		cmocka_unit_test(equality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
