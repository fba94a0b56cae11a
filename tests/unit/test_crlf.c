/*
 * test_crlf.c - line ends: tables, a plain model, what is counted on the way
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"
#include "base/util.h"
#include "mail/crlf.h"
#include "split.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* One run through the filter, for each_split(). */
struct run {
	struct crlf_in crlf;
	struct buf out;
	struct span want;
};

static void run_begin(void *ctx)
{
	struct run *r = ctx;

	buf_clear(&r->out);
	crlf_in_init(&r->crlf, sink_to_buf(&r->out));
}

static void run_feed(void *ctx, const char *p, size_t len)
{
	struct run *r = ctx;
	struct result result = RESULT_OK;

	assert_true(crlf_in_feed(&r->crlf, p, len, &result));
}

static void run_end(void *ctx)
{
	struct run *r = ctx;

	assert_true(crlf_in_finish(&r->crlf));
	if (!span_eq(buf_span(&r->out), r->want)) {
		print_error(" got: \"%.*s\"\nwant: \"%.*s\"\n", (int)r->out.len, buf_str(&r->out),
			    (int)r->want.len, r->want.p);
		fail();
	}
	crlf_in_free(&r->crlf);
}

static void check(struct span in, struct span want)
{
	struct run r = { .want = want };
	struct split_run split = { run_begin, run_feed, run_end, &r };

	buf_init(&r.out, OUT_MAX);
	each_split(&split, in.p, in.len);
	buf_free(&r.out);
}

static void line_ends(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "", "" },
		{ "a", "a\r\n" },
		{ "a\n", "a\r\n" },
		{ "a\r\n", "a\r\n" },
		{ "\n", "\r\n" },
		{ "\r\n", "\r\n" },
		{ "a\nbc\r\nd\n", "a\r\nbc\r\nd\r\n" },
		{ "a\r\n\nb", "a\r\n\r\nb\r\n" },
		{ "\n\n\n", "\r\n\r\n\r\n" },
		/* a bare CR is a blank, wherever it stands */
		{ "a\rb\n", "a b\r\n" },
		{ "a\r", "a \r\n" },
		{ "\r", " \r\n" },
		{ "\r\r", "  \r\n" },
		{ "a\r\r\n", "a \r\n" },
		{ "a\r\r\r\nb", "a  \r\nb\r\n" },
		{ "\n\r", "\r\n \r\n" },
		{ "\n\r\n\r", "\r\n\r\n \r\n" },
		{ "a\r\rb\r\n", "a  b\r\n" },
		/* what smugglers try */
		{ "a\r\n.\rb\n", "a\r\n. b\r\n" },
		{ "a\n.\r\r\nb\n", "a\r\n. \r\nb\r\n" },
		{ "a\r.\r\n", "a .\r\n" },
		{ "a\r\n\r.\r\nMAIL\n", "a\r\n .\r\nMAIL\r\n" },
		/* all else goes through */
		{ "\t\v\f\x1b\x7f \n", "\t\v\f\x1b\x7f \r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(span_of(rows[i].in), span_of(rows[i].out));
}

static void eight_bit(void **state)
{
	(void)state;
	check(span_of("a\x7f\n"), span_of("a\x7f\r\n"));
	check(span_of("a\x80\n"), span_of("a\x80\r\n"));
	check(span_of("\xff"), span_of("\xff\r\n"));
	check(span_of("a\n\xc3\xa4\rb\nc"), span_of("a\r\n\xc3\xa4 b\r\nc\r\n"));
}

static void nul(void **state)
{
	static const struct span rows[] = {
		{ "\0", 1 }, { "a\0", 2 }, { "a\n\0b\n", 5 }, { "a\r\0\n", 4 }, { "a\r\n\0", 4 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; cut < rows[i].len; cut++) {
			struct result r = RESULT_OK;
			struct crlf_in c;
			struct buf out;

			buf_init(&out, OUT_MAX);
			crlf_in_init(&c, sink_to_buf(&out));
			bool ok = crlf_in_feed(&c, rows[i].p, cut, &r) &&
				  crlf_in_feed(&c, rows[i].p + cut, rows[i].len - cut, &r);
			assert_false(ok);
			assert_int_equal(r.cause, CAUSE_DATA);
			result_free(&r);
			crlf_in_free(&c);
			buf_free(&out);
		}
}

/* The model: the whole text in memory, one line end after the other. */
static void model(struct span in, struct buf *out)
{
	bool in_line = false;

	for (size_t i = 0; i < in.len; i++) {
		bool crlf = in.p[i] == '\r' && i + 1 < in.len && in.p[i + 1] == '\n';

		if (crlf || in.p[i] == '\n') {
			buf_adds(out, "\r\n");
			i += crlf ? 1 : 0;
			in_line = false;
			continue;
		}
		buf_addc(out, in.p[i] == '\r' ? ' ' : in.p[i]);
		in_line = true;
	}
	if (in_line)
		buf_adds(out, "\r\n");
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void random_texts(void **state)
{
	static const char *const parts[] = { "\r", "\r", "\n", "\n", "\r\n", ".", "ab", "\xe4" };
	uint32_t seed = 2142;
	struct buf in, want;

	(void)state;
	buf_init(&in, OUT_MAX);
	buf_init(&want, OUT_MAX);
	for (int i = 0; i < 10000; i++) {
		size_t n = next_random(&seed) % 16;

		buf_clear(&in);
		buf_clear(&want);
		while (n-- > 0)
			buf_adds(&in, parts[next_random(&seed) % COUNT(parts)]);
		model(buf_span(&in), &want);
		check(buf_span(&in), buf_span(&want));
	}
	buf_free(&in);
	buf_free(&want);
}

static bool count_write(void *ctx, const char *p, size_t len)
{
	(void)p;
	(void)len;
	++*(size_t *)ctx;
	return true;
}

/* Lines are gathered into large pieces; a line larger than these goes through whole. */
static void few_writes(void **state)
{
	const size_t size = 100000;
	char *text = xmalloc(size);
	struct result r = RESULT_OK;
	struct crlf_in c;
	size_t writes = 0;

	(void)state;
	memset(text, 'x', size);
	crlf_in_init(&c, (struct sink){ count_write, &writes });
	assert_true(crlf_in_feed(&c, text, size, &r));
	assert_true(crlf_in_finish(&c));
	assert_int_equal(writes, 2);
	crlf_in_free(&c);

	for (size_t i = 9; i < size; i += 10)
		text[i] = '\n';
	writes = 0;
	crlf_in_init(&c, (struct sink){ count_write, &writes });
	assert_true(crlf_in_feed(&c, text, size, &r));
	assert_true(crlf_in_finish(&c));
	assert_in_range(writes, 2, 5);
	crlf_in_free(&c);
	free(text);
}

/* Long lines around the size of the gathering buffer, compared byte for byte. */
static void long_lines(void **state)
{
	static const size_t lengths[] = { 32 * 1024 - 3, 32 * 1024 - 2, 32 * 1024 - 1,
					  32 * 1024,     32 * 1024 + 1, 100000 };
	struct buf in, want, out;

	(void)state;
	buf_init(&in, OUT_MAX);
	buf_init(&want, OUT_MAX);
	buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct result r = RESULT_OK;
		struct crlf_in c;

		buf_clear(&in);
		buf_clear(&want);
		buf_clear(&out);
		buf_adds(&in, "first\n");
		for (size_t n = 0; n < lengths[i]; n++)
			buf_addc(&in, (char)('a' + n % 26));
		buf_adds(&in, "\nlast\r");
		model(buf_span(&in), &want);
		crlf_in_init(&c, sink_to_buf(&out));
		assert_true(crlf_in_feed(&c, in.p, in.len, &r));
		assert_true(crlf_in_finish(&c));
		assert_true(span_eq(buf_span(&out), buf_span(&want)));
		crlf_in_free(&c);
	}
	buf_free(&in);
	buf_free(&want);
	buf_free(&out);
}

static void failing_sink(void **state)
{
	char *text = xcalloc(100000, 1);
	struct result r = RESULT_OK;
	struct crlf_in c;
	struct buf out;

	(void)state;
	buf_init(&out, 2);
	crlf_in_init(&c, sink_to_buf(&out));
	assert_true(crlf_in_feed(&c, "abc", 3, &r));
	assert_false(crlf_in_finish(&c));
	memset(text, 'x', 100000);
	assert_false(crlf_in_feed(&c, text, 100000, &r));
	assert_false(result_failed(&r));
	crlf_in_free(&c);
	buf_free(&out);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends),    cmocka_unit_test(eight_bit),
		cmocka_unit_test(nul),          cmocka_unit_test(random_texts),
		cmocka_unit_test(few_writes),   cmocka_unit_test(long_lines),
		cmocka_unit_test(failing_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
