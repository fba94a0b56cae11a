/*
 * test_dot.c - dot-stuffing and back: tables, plain models, and a receiver that undoes it
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

/* --- the other way --- */

/* One run through dot_in, for each_split(): what came out, and how many bytes it took. */
struct incoming {
	struct dot_in dot;
	bool lf;
	struct buf out;
	size_t taken;
	bool ends; /* what must come of it */
	size_t takes;
	struct buf want;
};

static void in_begin(void *ctx)
{
	struct incoming *r = ctx;

	buf_clear(&r->out);
	r->taken = 0;
	dot_in_init(&r->dot, r->lf, sink_to_buf(&r->out));
}

static void in_feed(void *ctx, const char *p, size_t len)
{
	struct incoming *r = ctx;
	bool over = r->dot.ended;
	size_t taken = SIZE_MAX;

	assert_true(dot_in_feed(&r->dot, p, len, &taken));
	assert_true(r->dot.ended ? taken <= len : taken == len);
	assert_true(!over || taken == 0);
	r->taken += taken;
}

static void in_end(void *ctx)
{
	struct incoming *r = ctx;

	if (r->dot.ended == r->ends && r->taken == r->takes &&
	    span_eq(buf_span(&r->out), buf_span(&r->want)))
		return;
	print_error(" got: %d %zu \"%.*s\"\nwant: %d %zu \"%.*s\"\n", r->dot.ended, r->taken,
		    (int)r->out.len, buf_str(&r->out), r->ends, r->takes, (int)r->want.len,
		    buf_str(&r->want));
	fail();
}

/* Looked at from above: what lies before each dot, and what behind it. */
static void in_model(struct incoming *r, struct span in)
{
	buf_clear(&r->want);
	r->ends = false;
	r->takes = in.len;
	for (size_t i = 0; i < in.len && !r->ends; i++) {
		struct span rest = { in.p + i + 1, in.len - i - 1 };
		bool crlf = i >= 2 && memcmp(in.p + i - 2, "\r\n", 2) == 0;
		bool lf = !crlf && i >= 1 && in.p[i - 1] == '\n';
		/* with one CRLF in it the text does not speak LF throughout */
		bool lf_counts = r->lf && (i == 0 || memmem(in.p, i, "\r\n", 2) == NULL);

		if (in.p[i] != '.' || !(i == 0 || crlf || (lf && lf_counts))) {
			buf_addc(&r->want, in.p[i]);
		} else if (!lf && rest.len >= 2 && memcmp(rest.p, "\r\n", 2) == 0) {
			r->ends = true;
			r->takes = i + 3;
		} else if (!crlf && lf_counts && rest.len >= 1 && rest.p[0] == '\n') {
			r->ends = true;
			r->takes = i + 2;
		}
	}
}

static void in_check(struct incoming *r, struct span in)
{
	struct split_run split = { in_begin, in_feed, in_end, r };

	in_model(r, in);
	each_split(&split, in.p, in.len);
}

/* Every text of up to seven bytes of those that matter, and an end that is one in both modes. */
static void all_incoming(void **state)
{
	static const char letters[] = { '.', '\r', '\n', 'a' };
	static const char end[] = "\r\n.\r\nQUIT\r\n";
	struct incoming r = { .lf = false };
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	buf_init(&r.out, OUT_MAX);
	buf_init(&r.want, OUT_MAX);
	for (unsigned len = 0; len <= 7; len++)
		for (unsigned n = 0; n < 1U << (2 * len); n++) {
			buf_clear(&text);
			for (unsigned i = 0; i < len; i++)
				buf_addc(&text, letters[n >> (2 * i) & 3]);
			buf_adds(&text, end);
			for (int lf = 0; lf < 2; lf++) {
				r.lf = lf;
				in_check(&r, buf_span(&text));
				assert_true(r.ends);
			}
		}
	buf_free(&text);
	buf_free(&r.out);
	buf_free(&r.want);
}

/* Between two lines of text: what ends the message, and in which session. */
static void endings(void **state)
{
	static const struct {
		const char *bytes;
		bool crlf, lf;
	} rows[] = {
		{ "\r\n.\r\n", true, true },
		{ "\n.\n", false, true },
		/* what one program takes for the end and another does not */
		{ "\r.\r\n", false, false },
		{ "\n.\r\n", false, false },
		{ "\r\n.\n", false, false },
		{ "\r\n.\r", false, false },
		{ "\r.\r", false, false },
		{ "\r.\n", false, false },
		{ "\n.\r", false, false },
		{ "\r\n.\r\r\n", false, false },
		{ "\r\r.\r\r\n", false, false },
		{ "\n\r.\r\n", false, false },
		{ "\r\n\r.\r\n", false, false },
		{ "\r\n .\r\n", false, false },
		{ "\r\n. \r\n", false, false },
		{ "\r\n..\r\n", false, false },
		{ "\n..\n", false, false },
		{ ".\r\n", false, false },
		/* a CR before the CRLF is text */
		{ "\r\r\n.\r\n", true, true },
		{ "\r\n\n.\n", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int lf = 0; lf < 2; lf++) {
			struct incoming r = { .lf = lf };
			struct buf text;

			buf_init(&text, OUT_MAX);
			buf_init(&r.out, OUT_MAX);
			buf_init(&r.want, OUT_MAX);
			buf_addf(&text, "one%sMAIL FROM:<x@y>", rows[i].bytes);
			in_check(&r, buf_span(&text));
			if (r.ends != (lf ? rows[i].lf : rows[i].crlf))
				fail_msg("row %zu, lf %d", i, lf);
			buf_free(&text);
			buf_free(&r.out);
			buf_free(&r.want);
		}
}

/* What dot_out wrote is what dot_in reads. */
static void there_and_back(void **state)
{
	static const char *const rows[] = { "",           "a\r\n",          ".\r\n", "..\r\n.\r\n",
					    "\r\n.a\r\n", "a\r\n.\r\nb\r\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct dot_out out;
		struct dot_in in;
		struct buf wire, back;
		size_t taken;

		buf_init(&wire, OUT_MAX);
		buf_init(&back, OUT_MAX);
		dot_out_init(&out, sink_to_buf(&wire));
		assert_true(dot_out_feed(&out, rows[i], strlen(rows[i])));
		assert_true(dot_out_finish(&out));
		dot_in_init(&in, false, sink_to_buf(&back));
		assert_true(dot_in_feed(&in, wire.p, wire.len, &taken));
		assert_true(in.ended);
		assert_int_equal(taken, wire.len);
		assert_string_equal(buf_str(&back), rows[i]);
		buf_free(&wire);
		buf_free(&back);
	}
}

/* A sink that is full is told; nothing is read behind it. */
static void failing_in(void **state)
{
	static const char wire[] = "a\r\n..b\r\n.\rc\r\n.\r\n";
	static const size_t size = 11; /* of the text */

	(void)state;
	for (size_t room = 0; room <= size; room++) {
		struct dot_in dot;
		struct buf out;
		size_t taken;
		bool ok = true;

		buf_init(&out, room);
		dot_in_init(&dot, false, sink_to_buf(&out));
		for (size_t i = 0; ok && i < strlen(wire); i++)
			ok = dot_in_feed(&dot, wire + i, 1, &taken);
		assert_int_equal(ok, room == size);
		assert_int_equal(dot.ended, room == size);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),          cmocka_unit_test(random_texts),
		cmocka_unit_test(few_writes),     cmocka_unit_test(failing_sink),
		cmocka_unit_test(all_incoming),   cmocka_unit_test(endings),
		cmocka_unit_test(there_and_back), cmocka_unit_test(failing_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
