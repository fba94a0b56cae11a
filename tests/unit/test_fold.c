/*
 * test_fold.c - long header lines, folded where white space allows
 *
 * In the tables "{n}" behind a character stands for n of it.
 */
#include "repair/fold.h"

#include "base/util.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "base/banned.h"

#define OUT_MAX (4 * 1024 * 1024)

static void expand(const char *s, struct buf *out)
{
	for (; *s != '\0'; s++) {
		size_t times = 1;

		if (s[1] == '{') {
			const char *p = s + 2;

			for (times = 0; *p != '}'; p++)
				times = times * 10 + (size_t)(*p - '0');
			for (size_t i = 0; i < times; i++)
				buf_addc(out, *s);
			s = p;
		} else {
			buf_addc(out, *s);
		}
	}
}

static void expect_folded(const char *field, size_t limit, bool commas, const char *expected)
{
	struct buf in, want, out;

	buf_init(&in, OUT_MAX);
	buf_init(&want, OUT_MAX);
	buf_init(&out, OUT_MAX);
	expand(field, &in);
	buf_adds(&in, "\r\n");
	if (expected == NULL) {
		assert_false(fold_field(buf_span(&in), limit, commas, &out));
	} else {
		expand(expected, &want);
		buf_adds(&want, "\r\n");
		assert_true(fold_field(buf_span(&in), limit, commas, &out));
		assert_string_equal(buf_str(&out), buf_str(&want));
	}
	buf_free(&in);
	buf_free(&want);
	buf_free(&out);
}

struct row {
	const char *field;
	size_t limit;
	bool commas;
	const char *folded; /* NULL: cannot be */
};

static void expect_all(const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_folded(row[i].field, row[i].limit, row[i].commas, row[i].folded);
}

static void test_fold(void **state)
{
	static const struct row table[] = {
		/* Short enough, or exactly so */
		{ "A: b", 78, false, "A: b" },
		{ "A: a{75}", 78, false, "A: a{75}" },
		{ "A: b\r\n c", 78, false, "A: b\r\n c" },
		{ "A:", 78, false, "A:" },
		{ "A:\r\n b", 78, false, "A:\r\n b" },
		/* White space stays what it is */
		{ "A: b{70} c{7}", 78, false, "A: b{70}\r\n c{7}" },
		{ "A: b{70}  \t c{7}", 78, false, "A: b{70}\r\n  \t c{7}" },
		{ "A: b{70}\tc{7}", 78, false, "A: b{70}\r\n\tc{7}" },
		{ "A: b{40} c{40} d{40}", 78, false, "A: b{40}\r\n c{40}\r\n d{40}" },
		{ "A: b{40} c{36} d{41}", 78, false, "A: b{40}\r\n c{36}\r\n d{41}" },
		{ "A: b{40} c{34} d{40}", 78, false, "A: b{40} c{34}\r\n d{40}" },
		/* The lines that are there are kept, and long ones among them folded */
		{ "A: b\r\n c{60} d{60}\r\n\te", 78, false, "A: b\r\n c{60}\r\n d{60}\r\n\te" },
		/* Never within a token, which may be long */
		{ "A: b c{200} d", 78, false, "A: b\r\n c{200}\r\n d" },
		/* The name alone on a line only when that helps */
		{ "A: b{76}", 78, false, "A:\r\n b{76}" },
		{ "A: b{77}", 78, false, "A:\r\n b{77}" },
		{ "A: b{78}", 78, false, "A: b{78}" },
		{ "A: b{78} c", 78, false, "A: b{78}\r\n c" },
		{ "A: b{996}", 78, false, "A:\r\n b{996}" },
		{ "A : b{996}", 78, false, "A :\r\n b{996}" },
		{ "A:b{78} c", 78, false, "A:b{78}\r\n c" },
		/* What is too long for a line */
		{ "A: b{997}", 78, false, "A:\r\n b{997}" },
		{ "A: b{998}", 78, false, NULL },
		{ "A:b{997}", 78, false, NULL },
		{ "A: b{1200}", 78, true, NULL },
		{ "A{999}: b", 78, false, NULL },
		/* Quoted strings and comments stay whole if they can */
		{ "A: \"b{50} c{50}\" d", 78, false, "A: \"b{50} c{50}\"\r\n d" },
		{ "A: b{50} \"c{20} d{50}\" e", 78, false, "A: b{50}\r\n \"c{20} d{50}\" e" },
		{ "A: b{50} \"c{15} \\\" d{50}\" e", 78, false,
		  "A: b{50}\r\n \"c{15} \\\" d{50}\" e" },
		{ "A: b{50} (c{20} (d{50} e) f) g", 78, false,
		  "A: b{50}\r\n (c{20} (d{50} e) f)\r\n g" },
		{ "A: b{50} (c{20} \" d{40} e) f", 78, false, "A: b{50}\r\n (c{20} \" d{40} e) f" },
		{ "A: \"b{500} c{500} d{20} e\" <f>", 78, true,
		  "A: \"b{500}\r\n c{500}\r\n d{20} e\" <f>" },
		{ "A: (b{500} c{500} d{20} e) f", 78, true,
		  "A: (b{500}\r\n c{500}\r\n d{20} e) f" },
		{ "A: \"b\r\n c{40} d{40}\" e", 78, false, "A: \"b\r\n c{40} d{40}\"\r\n e" },
		/* ... but the line of an encoded word is short */
		{ "A: (b{40} =?x?q?c{25}?= d{20} e{30})", 76, true,
		  "A: (b{40}\r\n =?x?q?c{25}?=\r\n d{20} e{30})" },
		/* A backslash and what is behind it are one thing in an address */
		{ "A: \"b{500}\\ c{450} d{60}\" <e>", 78, true,
		  "A: \"b{500}\\ c{450}\r\n d{60}\" <e>" },
		/* Commas */
		{ "A: b{40},c{40},d{20}", 78, false, "A: b{40},c{40},d{20}" },
		{ "A: b{40},c{40},d{20}", 78, true, "A: b{40},\r\n c{40},d{20}" },
		{ "A: b{40}, c{40},", 78, true, "A: b{40},\r\n c{40}," },
		{ "A: b{40},c{37}", 78, true, "A: b{40},\r\n c{37}" },
		{ "A: \"b{40},c{40}\" <d>", 78, true, "A: \"b{40},c{40}\"\r\n <d>" },
		{ "A: (b{40},c{40}) d", 78, true, "A: (b{40},c{40})\r\n d" },
		{ "A: <@b{40},@c{40}:d@e>", 78, true, "A: <@b{40},@c{40}:d@e>" },
		{ "A: \"<\" <b>,\">\" <c{62}>,d", 78, true, "A: \"<\" <b>,\">\"\r\n <c{62}>,d" },
	};

	(void)state;
	expect_all(table, sizeof table / sizeof table[0]);
}

static void test_white_space(void **state)
{
	static const struct row table[] = {
		/* Never a line of white space, also where there was one, and not at the end */
		{ "A: b{90}  ", 78, false, "A: b{90}  " },
		{ "A:  {100}", 78, false, "A:  {100}" },
		{ "A: b\r\n  {90}\r\n c", 78, false, "A: b\r\n c" },
		{ "A: b\r\n \t\r\n \r\n c\r\n \r\n  ", 78, false, "A: b\r\n c" },
		{ "A:\r\n ", 78, false, "A:" },
		/* ... which is text of quoted strings and comments */
		{ "A: \"b\r\n \r\n  \r\n\tc\" d", 78, true, "A: \"b\r\n   \tc\" d" },
		{ "A: (b\r\n \r\n c{77}) d", 78, true, "A: (b\r\n  c{77})\r\n d" },
		{ "A: (b\r\n {79}\r\n c) d", 78, true, "A: (b\r\n c) d" },
		{ "A: \"b\r\n \r\n ", 78, true, "A: \"b" },
		/* White space that is too long for a line */
		{ "A: b {1000}", 78, false, "A: b" },
		{ "A: b{78} c {1000}\r\n d", 78, false, "A: b{78}\r\n c\r\n d" },
		{ "A: {1000}", 78, false, "A:" },
		{ "A: \"b\\ {1000}\r\n c\"", 78, true, "A: \"b\\ \r\n c\"" },
		{ "A: b {997}c", 78, false, "A: b\r\n {997}c" },
		{ "A: b {1000}c", 78, false, "A: b {3}\r\n {997}c" },
		{ "A: {1000}c", 78, false, "A: {3}\r\n {997}c" },
		{ "A: b{90} {1000}c{997} d", 78, false, "A: b{90} {905}\r\n c{997}\r\n d" },
		{ "A: b {3000}c d", 78, false, "A: b {994}\r\n {997}c\r\n d" },
		{ "A: \"b {3000}c\" d", 78, true, "A: \"b {993}\r\n {996}c\"\r\n d" },
		{ "A: b {3000}c{998}", 78, false, NULL },
		{ "A: b{60} c{30} {20}", 78, false, "A: b{60}\r\n c{30} {20}" },
	};

	(void)state;
	expect_all(table, sizeof table / sizeof table[0]);
}

static void test_longest(void **state)
{
	(void)state;
	assert_int_equal(fold_longest(span_of("")), 0);
	assert_int_equal(fold_longest(span_of("A: b\r\n")), 4);
	assert_int_equal(fold_longest(span_of("A: b\r\n cdefghi\r\n d\r\n")), 8);
	assert_int_equal(fold_longest(span_of("A: b\r\n c d e")), 6);
}

/* Whatever is folded is folded well: taking the new line breaks out gives back what was there. */
static void expect_good(struct span field, bool commas)
{
	struct buf out, unfolded, before;

	buf_init(&out, OUT_MAX);
	buf_init(&unfolded, OUT_MAX);
	buf_init(&before, OUT_MAX);
	assert_true(fold_field(field, 78, commas, &out));
	assert_true(fold_longest(buf_span(&out)) <= 998);
	for (size_t i = 0; i < out.len; i++)
		if (out.p[i] != '\r' && out.p[i] != '\n')
			buf_addc(&unfolded, out.p[i]);
	buf_add(&before, field.p, field.len - 2);
	assert_string_equal(buf_str(&unfolded), buf_str(&before));
	buf_free(&out);
	buf_free(&unfolded);
	buf_free(&before);
}

/* Nothing takes longer than its length justifies, whatever it is made of. */
static void test_large(void **state)
{
	static const char *const pieces[] = {
		"<20201122.123456@example.org> ", "(", "\"", " \" ", "(a ", "a b) ", "\\ (", " =?",
	};
	struct buf field;

	(void)state;
	buf_init(&field, OUT_MAX);
	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		buf_clear(&field);
		buf_adds(&field, "References: ");
		while (field.len < 250 * 1024)
			for (size_t n = 0; n < 20; n++)
				buf_adds(&field, n < 19 ? pieces[i] : "x y ");
		buf_adds(&field, "z\r\n");
		expect_good(buf_span(&field), false);
	}
	buf_free(&field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_white_space),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
