/*
 * test_dot.c - dot-stuffing: tables, a plain model, and a receiver that undoes it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/sink.h"
#include "smtp/dot.h"
#include "split.h"

#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* One run through the filter, for each_split(). */
struct run {
	struct dot_out dot;
	struct buf out;
	struct span want;
};

static void run_begin(void *ctx)
{
	struct run *r = ctx;

	buf_clear(&r->out);
	dot_out_init(&r->dot, sink_to_buf(&r->out));
}

static void run_feed(void *ctx, const char *p, size_t len)
{
	struct run *r = ctx;

	assert_true(dot_out_feed(&r->dot, p, len));
}

static void run_end(void *ctx)
{
	struct run *r = ctx;

	assert_true(dot_out_finish(&r->dot));
	if (span_eq(buf_span(&r->out), r->want))
		return;
	print_error(" got: \"%.*s\"\nwant: \"%.*s\"\n", (int)r->out.len, buf_str(&r->out),
		    (int)r->want.len, r->want.p);
	fail();
}

static void check(struct span in, struct span want)
{
	struct run r = { .want = want };
	struct split_run split = { run_begin, run_feed, run_end, &r };

	buf_init(&r.out, OUT_MAX);
	each_split(&split, in.p, in.len);
	buf_free(&r.out);
}

static void texts(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "", ".\r\n" },
		{ "a\r\n", "a\r\n.\r\n" },
		{ "\r\n", "\r\n.\r\n" },
		{ ".\r\n", "..\r\n.\r\n" },
		{ "..\r\n", "...\r\n.\r\n" },
		{ "...\r\n", "....\r\n.\r\n" },
		{ ".a\r\n", "..a\r\n.\r\n" },
		{ "a.\r\n", "a.\r\n.\r\n" },
		{ "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n" },
		{ "a\r\n.\r\n.\r\n", "a\r\n..\r\n..\r\n.\r\n" },
		{ ".\r\n..\r\n.b.\r\n", "..\r\n...\r\n..b.\r\n.\r\n" },
		{ "\r\n\r\n.\r\n", "\r\n\r\n..\r\n.\r\n" },
		{ " .\r\n", " .\r\n.\r\n" },
		/* a lone CR, which crlf_in never lets through, is text: no line begins behind it */
		{ "a\r.\r\n", "a\r.\r\n.\r\n" },
		{ "\r.\r\n", "\r.\r\n.\r\n" },
		{ "a\r\r\n.\r\n", "a\r\r\n..\r\n.\r\n" },
		{ ".\r.\r\n", "..\r.\r\n.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(span_of(rows[i].in), span_of(rows[i].out));
}

/* The model: a line begins with the text and behind every CRLF. */
static void model(struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		bool starts = i == 0 || (i >= 2 && memcmp(in.p + i - 2, "\r\n", 2) == 0);

		if (starts && in.p[i] == '.')
			buf_addc(out, '.');
		buf_addc(out, in.p[i]);
	}
	buf_adds(out, ".\r\n");
}

/* RFC 5321 section 4.5.2 from the other side: false if the text does not end where it ends. */
static bool receive(struct span wire, struct buf *out)
{
	while (wire.len > 0) {
		const char *end = memmem(wire.p, wire.len, "\r\n", 2);
		size_t len = end != NULL ? (size_t)(end - wire.p) + 2 : wire.len;
		size_t skip = wire.p[0] == '.' ? 1 : 0;

		if (len == 3 && skip == 1)
			return wire.len == 3;
		buf_add(out, wire.p + skip, len - skip);
		wire.p += len;
		wire.len -= len;
	}
	return false;
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void random_texts(void **state)
{
	static const char *const parts[] = { ".", ".", "\r\n", "\r\n", "\r", "ab" };
	uint32_t seed = 5321;
	struct buf in, want, back;

	(void)state;
	buf_init(&in, OUT_MAX);
	buf_init(&want, OUT_MAX);
	buf_init(&back, OUT_MAX);
	for (int i = 0; i < 10000; i++) {
		size_t n = next_random(&seed) % 14;

		buf_clear(&in);
		buf_clear(&want);
		buf_clear(&back);
		while (n-- > 0)
			buf_adds(&in, parts[next_random(&seed) % COUNT(parts)]);
		if (in.len > 0)
			buf_adds(&in, "\r\n");
		model(buf_span(&in), &want);
		check(buf_span(&in), buf_span(&want));
		assert_true(receive(buf_span(&want), &back));
		assert_true(span_eq(buf_span(&back), buf_span(&in)));
	}
	buf_free(&in);
	buf_free(&want);
	buf_free(&back);
}

static bool count_write(void *ctx, const char *p, size_t len)
{
	(void)p;
	(void)len;
	++*(size_t *)ctx;
	return true;
}

/* Text without dots in front goes through in one write, whatever the number of its lines. */
static void few_writes(void **state)
{
	struct dot_out dot;
	struct buf text;
	size_t writes = 0;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "one line.\r\n");
	dot_out_init(&dot, (struct sink){ count_write, &writes });
	assert_true(dot_out_feed(&dot, text.p, text.len));
	assert_int_equal(writes, 1);
	buf_free(&text);
}

/* The sink has room for the first bytes only, however many these are. */
static void failing_sink(void **state)
{
	static const char text[] = "a\r\n.b\r\nc\r\n";
	static const char wire[] = "a\r\n..b\r\nc\r\n.\r\n";

	(void)state;
	for (size_t room = 0; room < sizeof wire; room++) {
		struct dot_out dot;
		struct buf out;

		buf_init(&out, room);
		dot_out_init(&dot, sink_to_buf(&out));
		bool ok = dot_out_feed(&dot, text, strlen(text)) && dot_out_finish(&dot);
		assert_int_equal(ok, room == strlen(wire));
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(random_texts),
		cmocka_unit_test(few_writes),
		cmocka_unit_test(failing_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
