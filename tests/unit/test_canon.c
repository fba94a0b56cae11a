/*
 * test_canon.c - canonicalization: the RFC's examples, tables, and a plain model
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/sink.h"
#include "dkim/canon.h"
#include "dkim/key.h"
#include "split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void assert_text(struct span got, struct span want, const char *what)
{
	if (span_eq(got, want))
		return;
	print_error("%s\n got: \"%.*s\"\nwant: \"%.*s\"\n", what, (int)got.len,
		    got.p != NULL ? got.p : "", (int)want.len, want.p != NULL ? want.p : "");
	fail();
}

/* One run of a body through the filter, for each_split(). */
struct run {
	struct canon_body canon;
	enum canon kind;
	struct buf out;
	struct span want;
	const char *what;
};

static void run_begin(void *ctx)
{
	struct run *r = ctx;

	buf_clear(&r->out);
	canon_body_init(&r->canon, r->kind, sink_to_buf(&r->out));
}

static void run_feed(void *ctx, const char *p, size_t len)
{
	struct run *r = ctx;

	assert_true(canon_body_feed(&r->canon, p, len));
}

static void run_end(void *ctx)
{
	struct run *r = ctx;

	assert_true(canon_body_finish(&r->canon));
	assert_text(buf_span(&r->out), r->want, r->what);
}

static void check_body(enum canon kind, struct span body, struct span want)
{
	struct run r = { .kind = kind, .want = want, .what = canon_name(kind) };
	struct split_run split = { run_begin, run_feed, run_end, &r };

	buf_init(&r.out, OUT_MAX);
	each_split(&split, body.p, body.len);
	for (size_t size = 2; size < body.len; size++)
		split_pieces(&split, body.p, body.len, 0, size);
	buf_free(&r.out);
}

static void bodies(void **state)
{
	static const struct {
		const char *body;
		const char *simple;
		const char *relaxed;
	} rows[] = {
		/* RFC 6376 section 3.4.5 */
		{ " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" },
		/* sections 3.4.3 and 3.4.4: empty */
		{ "", "\r\n", "" },
		{ "\r\n", "\r\n", "" },
		{ "\r\n\r\n\r\n", "\r\n", "" },
		{ " \t\r\n  \r\n", " \t\r\n  \r\n", "" },
		{ "a\r\n", "a\r\n", "a\r\n" },
		{ "\r\n\r\na\r\n", "\r\n\r\na\r\n", "\r\n\r\na\r\n" },
		{ "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n" },
		{ "a\r\n \r\nb\r\n \r\n", "a\r\n \r\nb\r\n \r\n", "a\r\n\r\nb\r\n" },
		{ "a b\tc\r\n", "a b\tc\r\n", "a b c\r\n" },
		{ "\ta \t\r\n", "\ta \t\r\n", " a\r\n" },
		{ "a  b\r\n  c\r\n", "a  b\r\n  c\r\n", "a b\r\n c\r\n" },
		/* a form feed, other control characters and 8-bit bytes are no white space */
		{ "a \f b\r\n", "a \f b\r\n", "a \f b\r\n" },
		{ "a \x01\x80\xff \r\n", "a \x01\x80\xff \r\n", "a \x01\x80\xff\r\n" },
		/* what crlf_in never lets through: no line end, and halves of one */
		{ "a", "a\r\n", "a\r\n" },
		{ "a ", "a \r\n", "a\r\n" },
		{ " ", " \r\n", "" },
		{ "\r", "\r\r\n", "\r\r\n" },
		{ "a \rb\nc \r\r\n", "a \rb\nc \r\r\n", "a \rb\nc \r\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span body = span_of(rows[i].body);

		check_body(CANON_SIMPLE, body, span_of(rows[i].simple));
		check_body(CANON_RELAXED, body, span_of(rows[i].relaxed));
	}
}

/* More line breaks held back than are pushed at once. */
static void many_breaks(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (int i = 0; i < 50; i++)
		buf_adds(&text, "\r\n");
	check_body(CANON_SIMPLE, buf_span(&text), span_of("\r\n"));
	check_body(CANON_RELAXED, buf_span(&text), span_of(""));
	buf_adds(&text, "x\r\n");
	check_body(CANON_SIMPLE, buf_span(&text), buf_span(&text));
	check_body(CANON_RELAXED, buf_span(&text), buf_span(&text));
	buf_free(&text);
}

static void fields(void **state)
{
	static const struct {
		const char *field;
		const char *relaxed; /* simple is the field itself */
	} rows[] = {
		/* RFC 6376 section 3.4.5 */
		{ "A: X\r\n", "a:X\r\n" },
		{ "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n" },
		{ "SubjECT: AbC\r\n", "subject:AbC\r\n" },
		{ "X:\r\n", "x:\r\n" },
		{ "X: \t \r\n", "x:\r\n" },
		{ "X \t:\r\n", "x:\r\n" },
		{ "X:\r\n a\r\n", "x:a\r\n" },
		{ "X: a\r\n \r\n\t\r\n b\r\n", "x:a b\r\n" },
		{ "X: a:b  :  c\r\n", "x:a:b : c\r\n" },
		{ "X:a \rb\r\n", "x:a \rb\r\n" },
		{ "X: \xc3\x84 \xff\r\n", "x:\xc3\x84 \xff\r\n" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span field = span_of(rows[i].field);
		struct span relaxed = span_of(rows[i].relaxed);

		for (int last = 0; last <= 1; last++) {
			size_t cut = last ? 2 : 0;

			buf_clear(&out);
			canon_field(CANON_SIMPLE, field, last, &out);
			assert_text(buf_span(&out), (struct span){ field.p, field.len - cut },
				    "simple");
			buf_clear(&out);
			canon_field(CANON_RELAXED, field, last, &out);
			assert_text(buf_span(&out), (struct span){ relaxed.p, relaxed.len - cut },
				    "relaxed");
		}
	}
	buf_free(&out);
}

static void body_hashes(void **state)
{
	static const struct {
		const char *body;
		const char *simple;
		const char *relaxed;
	} rows[] = {
		/* RFC 6376 sections 3.4.3 and 3.4.4 */
		{ "", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=",
		  "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
		/* RFC 8463 appendix A: two blanks behind a full stop */
		{ "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n",
		  "4bLNXImK9drULnmePzZNEBleUanJCX5PIsDIFoH4KTQ=",
		  "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=" },
	};
	struct body_hash hash;
	struct sink sink;
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (size_t i = 0; i < COUNT(rows); i++) {
		body_hash_init(&hash, true, true);
		sink = body_hash_sink(&hash);
		assert_true(sink_write(&sink, rows[i].body, strlen(rows[i].body)));
		body_hash_finish(&hash);
		buf_clear(&text);
		base64_write(hash.hash[CANON_SIMPLE], SHA256_SIZE, &text);
		assert_string_equal(buf_str(&text), rows[i].simple);
		buf_clear(&text);
		base64_write(hash.hash[CANON_RELAXED], SHA256_SIZE, &text);
		assert_string_equal(buf_str(&text), rows[i].relaxed);
		body_hash_free(&hash);
	}
	/* One kind wanted; and one given up before its end, for the leak checkers. */
	body_hash_init(&hash, false, true);
	assert_null(hash.digest[CANON_SIMPLE]);
	sink = body_hash_sink(&hash);
	assert_true(sink_write(&sink, "x", 1));
	body_hash_free(&hash);
	body_hash_free(&hash);
	buf_free(&text);
}

/* The model: the whole body in memory, line by line, as the RFC's words have it. */
static void model_line(enum canon kind, struct span line, struct buf *out)
{
	size_t end = line.len;

	if (kind == CANON_SIMPLE) {
		buf_addspan(out, line);
		return;
	}
	while (end > 0 && (line.p[end - 1] == ' ' || line.p[end - 1] == '\t'))
		end--;
	for (size_t i = 0; i < end; i++) {
		bool white = line.p[i] == ' ' || line.p[i] == '\t';

		if (!white)
			buf_addc(out, line.p[i]);
		else if (line.p[i + 1] != ' ' && line.p[i + 1] != '\t')
			buf_addc(out, ' ');
	}
}

static void model(enum canon kind, struct span body, struct buf *out)
{
	for (size_t at = 0; at < body.len; at += 2) {
		size_t start = at;

		while (at < body.len &&
		       !(at + 1 < body.len && body.p[at] == '\r' && body.p[at + 1] == '\n'))
			at++;
		model_line(kind, (struct span){ body.p + start, at - start }, out);
		buf_adds(out, "\r\n");
	}
	while (out->len >= 2 && memcmp(out->p + out->len - 2, "\r\n", 2) == 0 &&
	       (out->len == 2 || (out->len >= 4 && memcmp(out->p + out->len - 4, "\r\n", 2) == 0)))
		out->len -= 2;
	if (kind == CANON_SIMPLE && out->len == 0)
		buf_adds(out, "\r\n");
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Short ones are mostly white space; long ones mostly words, to run through whole blocks. */
static void random_body(uint32_t *seed, struct buf *body)
{
	static const char *const nasty[] = { " ", " ", "\t", "\r\n", "\r\n", "\r", "\n", "x" };
	bool is_long = next_random(seed) % 8 == 0;
	size_t n = next_random(seed) % (is_long ? 80 : 14);

	for (size_t i = 0; i < n; i++) {
		if (is_long && next_random(seed) % 8 != 0)
			buf_adds(body, next_random(seed) % 4 ? "lore" : " m");
		else
			buf_adds(body, nasty[next_random(seed) % COUNT(nasty)]);
	}
}

static void random_bodies(void **state)
{
	uint32_t seed = 6376;
	struct buf body;
	struct buf want;

	(void)state;
	buf_init(&body, OUT_MAX);
	buf_init(&want, OUT_MAX);
	for (int i = 0; i < 5000; i++) {
		buf_clear(&body);
		random_body(&seed, &body);
		for (int kind = 0; kind < CANON_COUNT; kind++) {
			buf_clear(&want);
			model((enum canon)kind, buf_span(&body), &want);
			check_body((enum canon)kind, buf_span(&body), buf_span(&want));
		}
	}
	buf_free(&body);
	buf_free(&want);
}

/* The model: unfold, make white space one blank, take it away at both ends. */
static void model_field(struct span field, struct buf *out)
{
	size_t colon = 0;
	struct buf value;

	while (colon < field.len && field.p[colon] != ':')
		colon++;
	buf_init(&value, OUT_MAX);
	for (size_t i = colon + 1; i < field.len; i++) {
		bool end = i + 1 < field.len && memcmp(field.p + i, "\r\n", 2) == 0;
		bool white = field.p[i] == ' ' || field.p[i] == '\t';

		if (end)
			i++;
		else if (!white)
			buf_addc(&value, field.p[i]);
		else if (value.len > 0 && value.p[value.len - 1] != ' ')
			buf_addc(&value, ' ');
	}
	if (value.len > 0 && value.p[value.len - 1] == ' ')
		value.len--;
	for (size_t i = 0; i < colon; i++)
		if (field.p[i] != ' ' && field.p[i] != '\t')
			buf_addc(out, field.p[i] >= 'A' && field.p[i] <= 'Z' ? field.p[i] + 32
									     : field.p[i]);
	buf_addc(out, ':');
	buf_addspan(out, buf_span(&value));
	buf_adds(out, "\r\n");
	buf_free(&value);
}

static void random_field(uint32_t *seed, struct buf *field)
{
	static const char *const names[] = { "Subject", "x", "X-A_b", "FROM" };
	static const char *const colons[] = { ":", ":", ": ", " :", "\t: \t" };
	static const char *const nasty[] = { " ",  "\t", "\r\n ", "\r\n\t", "\r",
					     "\n", ":",  "\x0b",  "\xff",   "Ab" };
	size_t n = next_random(seed) % 14;

	buf_adds(field, names[next_random(seed) % COUNT(names)]);
	buf_adds(field, colons[next_random(seed) % COUNT(colons)]);
	for (size_t i = 0; i < n; i++)
		buf_adds(field, nasty[next_random(seed) % COUNT(nasty)]);
	buf_adds(field, "\r\n");
}

static void random_fields(void **state)
{
	uint32_t seed = 3;
	struct buf field;
	struct buf want;
	struct buf got;

	(void)state;
	buf_init(&field, OUT_MAX);
	buf_init(&want, OUT_MAX);
	buf_init(&got, OUT_MAX);
	for (int i = 0; i < 20000; i++) {
		buf_clear(&field);
		buf_clear(&want);
		buf_clear(&got);
		random_field(&seed, &field);
		model_field(buf_span(&field), &want);
		canon_field(CANON_RELAXED, buf_span(&field), false, &got);
		assert_text(buf_span(&got), buf_span(&want), "relaxed");
		assert_true(got.len <= field.len);
	}
	buf_free(&field);
	buf_free(&want);
	buf_free(&got);
}

/* The hashes of both kinds at once, in pieces, are those of what the model makes. */
static void random_hashes(void **state)
{
	uint32_t seed = 4;
	struct buf body;
	struct buf want;

	(void)state;
	buf_init(&body, OUT_MAX);
	buf_init(&want, OUT_MAX);
	for (int i = 0; i < 2000; i++) {
		struct body_hash hash;
		struct sink sink;
		size_t size = 1 + (size_t)i % 37;

		buf_clear(&body);
		random_body(&seed, &body);
		body_hash_init(&hash, true, true);
		sink = body_hash_sink(&hash);
		for (size_t at = 0; at < body.len; at += size)
			assert_true(sink_write(&sink, body.p + at,
					       body.len - at < size ? body.len - at : size));
		body_hash_finish(&hash);
		for (int kind = 0; kind < CANON_COUNT; kind++) {
			unsigned char plain[SHA256_SIZE];
			struct digest *digest = digest_begin();

			buf_clear(&want);
			model((enum canon)kind, buf_span(&body), &want);
			digest_update(digest, want.p, want.len);
			digest_end(digest, plain);
			assert_memory_equal(hash.hash[kind], plain, SHA256_SIZE);
		}
	}
	buf_free(&body);
	buf_free(&want);
}

static bool count_write(void *ctx, const char *p, size_t len)
{
	(void)p;
	(void)len;
	++*(size_t *)ctx;
	return true;
}

/* Ordinary text goes through in one write, and the last line break is another. */
static void few_writes(void **state)
{
	static const char line[] =
		"A line of words with one blank between each two of them.\r\n\r\n";
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, line);
	for (int kind = 0; kind < CANON_COUNT; kind++) {
		struct canon_body canon;
		size_t writes = 0;

		canon_body_init(&canon, (enum canon)kind, (struct sink){ count_write, &writes });
		assert_true(canon_body_feed(&canon, text.p, text.len));
		assert_true(canon_body_finish(&canon));
		assert_int_equal(writes, 2);
	}
	buf_free(&text);
}

static void failing_sink(void **state)
{
	(void)state;
	for (int kind = 0; kind < CANON_COUNT; kind++) {
		struct canon_body canon;
		struct buf out;

		buf_init(&out, 3);
		canon_body_init(&canon, (enum canon)kind, sink_to_buf(&out));
		assert_true(canon_body_feed(&canon, "abc\r\n", 5));
		assert_false(canon_body_finish(&canon));
		assert_false(canon_body_feed(&canon, "\r\nd", 3));
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),        cmocka_unit_test(many_breaks),
		cmocka_unit_test(fields),        cmocka_unit_test(body_hashes),
		cmocka_unit_test(random_bodies), cmocka_unit_test(random_fields),
		cmocka_unit_test(random_hashes), cmocka_unit_test(few_writes),
		cmocka_unit_test(failing_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
