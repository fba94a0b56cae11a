/*
 * test_transfer.c - transfer encodings: tables, plain models, and decoders that undo them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/sink.h"
#include "base/util.h"
#include "repair/transfer.h"
#include "split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (8 * 1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

#define A10 "aaaaaaaaaa"
#define A70 A10 A10 A10 A10 A10 A10 A10

/* The contents, with a pointer even when there are none. */
static struct span text_of(const struct buf *b)
{
	return (struct span){ buf_str(b), b->len };
}

/* One run through the filter, for each_split(). */
struct run {
	enum transfer kind;
	struct transfer_out transfer;
	struct buf out;
	struct span want;
};

static void run_begin(void *ctx)
{
	struct run *r = ctx;

	buf_clear(&r->out);
	transfer_init(&r->transfer, r->kind, sink_to_buf(&r->out));
}

static void run_feed(void *ctx, const char *p, size_t len)
{
	struct run *r = ctx;
	/* alone, so that who looks for the piece before it in front of it finds nothing */
	char *piece = xmalloc(len);

	memcpy(piece, p, len);
	assert_true(transfer_feed(&r->transfer, piece, len));
	memset(piece, '!', len);
	free(piece);
}

static void run_end(void *ctx)
{
	struct run *r = ctx;

	assert_true(transfer_finish(&r->transfer));
	if (span_eq(buf_span(&r->out), r->want))
		return;
	print_error(" got: \"%.*s\"\nwant: \"%.*s\"\n", (int)r->out.len, buf_str(&r->out),
		    (int)r->want.len, r->want.p);
	fail();
}

static void check(enum transfer kind, struct span in, struct span want)
{
	struct run r = { .kind = kind, .want = want };
	struct split_run split = { run_begin, run_feed, run_end, &r };

	buf_init(&r.out, OUT_MAX);
	each_split(&split, in.p, in.len);
	buf_free(&r.out);
}

/* --- tables --- */

struct row {
	const char *in;
	const char *out; /* NULL: as it came */
};

static void check_rows(enum transfer kind, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(kind, span_of(rows[i].in),
		      span_of(rows[i].out != NULL ? rows[i].out : rows[i].in));
}

static void plain_to_qp(void **state)
{
	static const struct row rows[] = {
		{ "", NULL },
		{ "a", NULL },
		{ "a\r\n", NULL },
		{ "\r\n\r\n", NULL },
		{ "one two\tthree\r\n!~\r\n", NULL },
		{ "1+1=2\r\n", "1+1=3D2\r\n" },
		{ "=\r\n", "=3D\r\n" },
		{ "=41", "=3D41" },
		{ "J\xc3\xbcrgen\r\n", "J=C3=BCrgen\r\n" },
		{ "\x01\x7f\xff\x80\r\n", "=01=7F=FF=80\r\n" },
		/* blanks at an end */
		{ "a \r\n", "a=20\r\n" },
		{ "a\t\r\n", "a=09\r\n" },
		{ "a  \r\n", "a =20\r\n" },
		{ " ", "=20" },
		{ " \r\n \r\n", "=20\r\n=20\r\n" },
		{ "a b ", "a b=20" },
		{ "a\t", "a=09" },
		{ " a", NULL },
		/* a CR or LF that is no line end */
		{ "a\rb", "a=0Db" },
		{ "a\nb\r", "a=0Ab=0D" },
		{ "\r\r\n\n", "=0D\r\n=0A" },
		{ "a \rb", "a =0Db" },
		/* a dot alone */
		{ ".\r\n", "=2E\r\n" },
		{ ".", "=2E" },
		{ "a\r\n.\r\nb", "a\r\n=2E\r\nb" },
		{ "..\r\n.a\r\n. \r\na.\r\n", "..\r\n.a\r\n.=20\r\na.\r\n" },
		{ ".\r", ".=0D" },
		/* From */
		{ "From a\r\n", "=46rom a\r\n" },
		{ "From ", "=46rom=20" },
		{ "a\r\nFrom a\r\n", "a\r\n=46rom a\r\n" },
		{ "From\r\nFrom", NULL },
		{ "From\ta\r\nFrom: a\r\nfrom a\r\n>From a\r\n a From a\r\n", NULL },
		/* delimiters */
		{ "--", "=2D-" },
		{ "--\r\n", "=2D-\r\n" },
		{ "-- \r\n", "=2D-=20\r\n" },
		{ "--x--\r\n", "=2D-x--\r\n" },
		{ "-\r\n-", NULL },
		{ "-\xff\r\n- -\r\na--\r\n", "-=FF\r\n- -\r\na--\r\n" },
		/* 76 is enough for a line that ends there */
		{ A70 "123456\r\nb", NULL },
		{ A70 "123456", NULL },
		{ A70 "1234567\r\nb", A70 "12345=\r\n67\r\nb" },
		{ A70 "12345 \r\nb", A70 "12345=\r\n=20\r\nb" },
		{ A70 "123 \r\nb", A70 "123=20\r\nb" },
		{ A70 "1234 \r\nb", A70 "1234=\r\n=20\r\nb" },
		{ A70 "1234 7\r\n", A70 "1234 7\r\n" },
		{ A70 "1234 78\r\n", A70 "1234 =\r\n78\r\n" },
		{ A70 "123\xff\r\n", A70 "123=FF\r\n" },
		{ A70 "12\xff"
		      "a\r\n",
		  A70 "12=FFa\r\n" },
		{ A70 "123\xff"
		      "a\r\n",
		  A70 "123=\r\n=FFa\r\n" },
		{ A70 "1234\xff\r\n", A70 "1234=\r\n=FF\r\n" },
		/* lines that are made here begin with care too */
		{ A70 "12345--\r\n", A70 "12345=\r\n=2D-\r\n" },
		{ A70 "12345From a\r\n", A70 "12345=\r\n=46rom a\r\n" },
		{ A70 "12345..\r\n", A70 "12345=\r\n..\r\n" },
		{ A70 "123456.\r\n", A70 "12345=\r\n6.\r\n" },
		{ A70 A70 "123456789.\r\n",
		  A70 "aaaaa=\r\n" A10 A10 A10 A10 A10 A10 "aaaaa123456789.\r\n" },
	};

	(void)state;
	check_rows(TRANSFER_QP, rows, COUNT(rows));
}

static void plain_to_base64(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "a", "YQ==" },
		{ "ab", "YWI=" },
		{ "abc", "YWJj" },
		{ "a\r\n", "YQ0K" },
		{ "\xff\xfe\xfd\r\n", "//79DQo=" },
		/* 57 octets are a line */
		{ A10 A10 A10 A10 A10 "aaaaaa", "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
						"YWFhYWFhYWFhYWFhYWFhYWFhYWE=" },
		{ A10 A10 A10 A10 A10 "aaaaaaa", "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
						 "YWFhYWFhYWFhYWFhYWFhYWFhYWFh" },
		{ A10 A10 A10 A10 A10 "aaaaaaaa", "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
						  "YWFhYWFhYWFhYWFhYWFhYWFhYWFh\r\nYQ==" },
	};

	(void)state;
	check_rows(TRANSFER_BASE64, rows, COUNT(rows));
}

static void base64_anew(void **state)
{
	static const struct row rows[] = {
		{ "", NULL },
		{ "YQ==", NULL },
		{ "YQ==\r\n", "YQ==" },
		{ "\r\n\r\nY\r\nQ \t= =\r\n\r\n", "YQ==" },
		{ "-_-YQ==\xff\x80!\x01", "YQ==" },
		{ "YQ==YQ==", NULL },
		{ A70 "123456\r\n" A70 "123456\r\n", A70 "123456\r\n" A70 "123456" },
		{ A70 "\r\n" A70 "\r\n", A70 "aaaaaa\r\n" A10 A10 A10 A10 A10 A10 "aaaa" },
		{ A70 A70 "abcdefghijkl",
		  A70 "aaaaaa\r\n" A10 A10 A10 A10 A10 A10 "aaaaabcdefghijkl" },
	};

	(void)state;
	check_rows(TRANSFER_PATCH_BASE64, rows, COUNT(rows));
}

static void unchanged(void **state)
{
	static const struct row rows[] = {
		{ "", NULL },
		{ "--\r\n.\r\nFrom a \r\n\xff=\x01", NULL },
		{ A70 A70, NULL },
	};

	(void)state;
	check_rows(TRANSFER_NONE, rows, COUNT(rows));
}

static void patched_qp(void **state)
{
	static const struct row rows[] = {
		{ "", NULL },
		/* whatever can travel stays, be it good or not */
		{ "a =\r\n b=20\r\n=\r\n=", NULL },
		{ "=3d=3D=zz==41=4", NULL },
		{ "--\r\n.\r\nFrom a\r\na \r\n-- \r\n", NULL },
		{ "= \t\r\n\x01\x7f", NULL },
		{ A70 A70 A70, NULL },
		/* and what cannot does not */
		{ "J\xc3\xbcrgen =C3=BC=\r\n", "J=C3=BCrgen =C3=BC=\r\n" },
		{ "=\xff=4\xff", "==FF=4=FF" },
		{ "a\rb\nc", "a=0Db=0Ac" },
	};

	(void)state;
	check_rows(TRANSFER_PATCH_QP, rows, COUNT(rows));
}

/* Behind so many plain octets. */
static void long_patched_qp(void **state)
{
	static const struct {
		size_t before;
		const char *in;
		const char *out; /* NULL: as it came */
	} rows[] = {
		{ 996, "bc\r\nd", NULL },
		{ 996, "bc", NULL },
		{ 996, "bcd\r\n", "b=\r\ncd\r\n" },
		{ 995, "=41\r\n", NULL },
		{ 995, "=41", NULL },
		{ 995, "=41b", "=\r\n=41b" },
		{ 994, "=41b", NULL },
		{ 994, "=41=\r\nb", NULL },
		{ 995, "=41=\r\nb", "=\r\n=41=\r\nb" },
		{ 996, "=41", "=\r\n=41" },
		{ 997, "=41", "=\r\n=41" },
		{ 997, "=\r\nb", NULL },
		{ 997, "b=\r\nc", "=\r\nb=\r\nc" },
		{ 994,
		  "\xff"
		  "b",
		  "=FFb" },
		{ 995,
		  "\xff"
		  "b",
		  "=\r\n=FFb" },
		{ 995, "\xff\r\n", "=FF\r\n" },
		/* only what begins here is looked at */
		{ 997, "--\r\n--", "=\r\n=2D-\r\n--" },
		{ 997, "From a", "=\r\n=46rom a" },
		{ 997, "b.\r\n.\r\n", "=\r\nb.\r\n.\r\n" },
		{ 997, ". \r\n", "=\r\n. \r\n" },
		/* a second line of 997, and a dot alone behind it */
		{ 1994, ".\r\n", NULL },
	};
	struct buf in, want;

	(void)state;
	buf_init(&in, OUT_MAX);
	buf_init(&want, OUT_MAX);
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&in);
		buf_clear(&want);
		for (size_t n = 0; n < rows[i].before; n++) {
			buf_addc(&in, 'a');
			buf_adds(&want, n == 997 ? "=\r\na" : "a");
		}
		buf_adds(&in, rows[i].in);
		buf_adds(&want, rows[i].out != NULL ? rows[i].out : rows[i].in);
		check(TRANSFER_PATCH_QP, buf_span(&in), buf_span(&want));
	}
	buf_free(&in);
	buf_free(&want);
}

/* --- models: all of the content at once --- */

/* One token of a line: an octet, or an =XX that was there. */
static size_t model_token(bool patch, struct span line, size_t i, char token[4])
{
	static const char hex[] = "0123456789ABCDEFabcdef";
	unsigned char c = (unsigned char)line.p[i];
	bool last = i + 1 == line.len, encode;

	if (patch && c == '=' && i + 2 < line.len && strchr(hex, line.p[i + 1]) != NULL &&
	    strchr(hex, line.p[i + 2]) != NULL && line.p[i + 1] != '\0' && line.p[i + 2] != '\0') {
		snprintf(token, 4, "%.3s", line.p + i);
		return 3;
	}
	if (patch)
		encode = c >= 0x80 || c == '\r' || c == '\n';
	else if (c == ' ' || c == '\t')
		encode = last;
	else
		encode = c <= 32 || c >= 127 || c == '=';
	snprintf(token, 4, encode ? "=%02X" : "%c", c);
	return 1;
}

static void model_line(bool patch, struct span line, struct buf *out)
{
	size_t limit = patch ? 998 : 76, column = 0, n;
	bool careful = !patch;

	for (size_t i = 0; i < line.len; i += n) {
		struct span rest = { line.p + i, line.len - i };
		char token[4];

		n = model_token(patch, line, i, token);
		if (column + strlen(token) + (n < rest.len ? 1 : 0) > limit) {
			buf_adds(out, "=\r\n");
			column = 0;
			careful = true;
		}
		if (column == 0 && careful &&
		    ((rest.len == 1 && rest.p[0] == '.') ||
		     (rest.len >= 2 && memcmp(rest.p, "--", 2) == 0) ||
		     (rest.len >= 5 && memcmp(rest.p, "From ", 5) == 0)))
			snprintf(token, sizeof token, "=%02X", rest.p[0]);
		buf_adds(out, token);
		column += strlen(token);
	}
}

static void model_qp(bool patch, struct span in, struct buf *out)
{
	const char *end;

	while ((end = memmem(in.p, in.len, "\r\n", 2)) != NULL) {
		size_t len = (size_t)(end - in.p);

		model_line(patch, (struct span){ in.p, len }, out);
		buf_adds(out, "\r\n");
		in.p += len + 2;
		in.len -= len + 2;
	}
	model_line(patch, in, out);
}

static void model_lines(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (i > 0 && i % 76 == 0)
			buf_adds(out, "\r\n");
		buf_addc(out, text.p[i]);
	}
}

static void model(enum transfer kind, struct span in, struct buf *out)
{
	struct buf text;

	buf_init(&text, OUT_MAX);
	if (kind == TRANSFER_BASE64)
		base64_write(in.p, in.len, &text);
	for (size_t i = 0; kind == TRANSFER_PATCH_BASE64 && i < in.len; i++)
		if (ascii_isalnum(in.p[i]) || (in.p[i] != '\0' && strchr("+/=", in.p[i]) != NULL))
			buf_addc(&text, in.p[i]);
	if (kind == TRANSFER_NONE)
		buf_addspan(out, in);
	else if (kind == TRANSFER_QP || kind == TRANSFER_PATCH_QP)
		model_qp(kind == TRANSFER_PATCH_QP, in, out);
	else
		model_lines(text_of(&text), out);
	buf_free(&text);
}

/* --- decoders, as receivers have them --- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) & 15 : -1;
}

static void decode_qp_line(struct span line, bool more, struct buf *out)
{
	while (line.len > 0 && ascii_isblank(line.p[line.len - 1]))
		line.len--;
	bool soft = line.len > 0 && line.p[line.len - 1] == '=';

	line.len -= soft ? 1 : 0;
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] == '=' && i + 2 < line.len && hex_digit(line.p[i + 1]) >= 0 &&
		    hex_digit(line.p[i + 2]) >= 0) {
			buf_addc(out,
				 (char)(hex_digit(line.p[i + 1]) << 4 | hex_digit(line.p[i + 2])));
			i += 2;
		} else {
			buf_addc(out, line.p[i]);
		}
	if (more && !soft)
		buf_adds(out, "\r\n");
}

static void decode_qp(struct span in, struct buf *out)
{
	const char *end;

	while ((end = memmem(in.p, in.len, "\r\n", 2)) != NULL) {
		size_t len = (size_t)(end - in.p);

		decode_qp_line((struct span){ in.p, len }, true, out);
		in.p += len + 2;
		in.len -= len + 2;
	}
	decode_qp_line(in, false, out);
}

static void decode_base64(struct span in, struct buf *out)
{
	struct buf text;

	buf_init(&text, OUT_MAX);
	for (size_t i = 0; i < in.len; i++)
		if (in.p[i] != '\r' && in.p[i] != '\n')
			buf_addc(&text, in.p[i]);
	assert_true(base64_read(text_of(&text), out));
	buf_free(&text);
}

/* What every line of an encoding promises. */
static void assert_line(enum transfer kind, struct span line)
{
	bool qp = kind == TRANSFER_QP;

	if (line.len > (kind == TRANSFER_PATCH_QP ? 998U : 76U))
		fail_msg("a line of %zu octets", line.len);
	assert_false(has_8bit(line.p, line.len));
	if (kind == TRANSFER_PATCH_QP)
		return;
	assert_false(line.len >= 2 && memcmp(line.p, "--", 2) == 0);
	assert_false(line.len > 0 && ascii_isblank(line.p[line.len - 1]));
	assert_false(qp && line.len == 1 && line.p[0] == '.');
	assert_false(qp && line.len >= 5 && memcmp(line.p, "From ", 5) == 0);
	for (size_t i = 0; i < line.len; i++)
		assert_true(!ascii_iscntrl(line.p[i]) || line.p[i] == '\t');
}

static void assert_lines(enum transfer kind, struct span out)
{
	const char *end;

	while ((end = memmem(out.p, out.len, "\r\n", 2)) != NULL) {
		size_t len = (size_t)(end - out.p);

		assert_line(kind, (struct span){ out.p, len });
		out.p += len + 2;
		out.len -= len + 2;
	}
	assert_line(kind, out);
}

/* --- random content --- */

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void check_random(enum transfer kind, struct span in)
{
	struct buf want, back, plain;
	bool base64 = kind == TRANSFER_BASE64;

	buf_init(&want, OUT_MAX);
	buf_init(&back, OUT_MAX);
	buf_init(&plain, OUT_MAX);
	model(kind, in, &want);
	check(kind, in, text_of(&want));
	assert_lines(kind, text_of(&want));
	if (kind == TRANSFER_PATCH_QP)
		decode_qp(in, &plain);
	else
		buf_addspan(&plain, in);
	if (base64)
		decode_base64(text_of(&want), &back);
	else if (kind != TRANSFER_PATCH_BASE64)
		decode_qp(text_of(&want), &back);
	else
		buf_addspan(&back, in);
	if (!span_eq(text_of(&back), text_of(&plain)))
		fail_msg("in: \"%s\"\nout: \"%s\"", buf_str(&plain), buf_str(&want));
	buf_free(&want);
	buf_free(&back);
	buf_free(&plain);
}

static const enum transfer kinds[] = { TRANSFER_QP, TRANSFER_BASE64, TRANSFER_PATCH_QP,
				       TRANSFER_PATCH_BASE64 };

static void random_pieces(struct buf *in, size_t n, const char *const *parts, size_t n_parts,
			  uint32_t *seed)
{
	buf_clear(in);
	while (n-- > 0)
		buf_adds(in, parts[next_random(seed) % n_parts]);
}

static void random_lines(void **state)
{
	static const char *const parts[] = { "\r\n",
					     "\r\n",
					     " ",
					     "\t",
					     "-",
					     "--",
					     ".",
					     "From ",
					     "=",
					     "\xc3\xa4",
					     "=C3",
					     "ab",
					     "0123456789012345678901234567890123456789",
					     "\r" };
	uint32_t seed = 2045;
	struct buf in;

	(void)state;
	buf_init(&in, OUT_MAX);
	for (int i = 0; i < 4000; i++) {
		random_pieces(&in, next_random(&seed) % 14, parts, COUNT(parts), &seed);
		check_random(kinds[i % COUNT(kinds)], text_of(&in));
	}
	buf_free(&in);
}

/* Any octets, few of them printable. */
static void random_octets(void **state)
{
	uint32_t seed = 6;
	struct buf in;

	(void)state;
	buf_init(&in, OUT_MAX);
	for (int i = 0; i < 1000; i++) {
		size_t n = next_random(&seed) % 160;

		buf_clear(&in);
		while (n-- > 0)
			buf_addc(&in, (char)next_random(&seed));
		check_random(i % 2 ? TRANSFER_QP : TRANSFER_BASE64, text_of(&in));
	}
	buf_free(&in);
}

/* Lines around 998 octets, which only these have. */
static void random_long_lines(void **state)
{
	static const char *const parts[] = { "x",       "=41", "=",  "\xc3\xa4",
					     "From ab", "--x", ".x", "\r\n" };
	uint32_t seed = 998;
	struct buf in, tail;

	(void)state;
	buf_init(&in, OUT_MAX);
	buf_init(&tail, OUT_MAX);
	for (int i = 0; i < 60; i++) {
		size_t before = 980 + next_random(&seed) % 20;

		buf_clear(&in);
		while (in.len < before)
			buf_addc(&in, 'a');
		random_pieces(&tail, 12, parts, COUNT(parts), &seed);
		buf_addspan(&in, text_of(&tail));
		check_random(TRANSFER_PATCH_QP, text_of(&in));
	}
	buf_free(&in);
	buf_free(&tail);
}

/* --- the sink --- */

static bool count_write(void *ctx, const char *p, size_t len)
{
	(void)p;
	(void)len;
	++*(size_t *)ctx;
	return true;
}

/* What comes out goes to the sink in pieces of some size, however small the lines. */
static void few_writes(void **state)
{
	struct transfer_out transfer;
	size_t writes;

	(void)state;
	for (size_t k = 0; k < COUNT(kinds); k++) {
		writes = 0;
		transfer_init(&transfer, kinds[k], (struct sink){ count_write, &writes });
		for (int i = 0; i < 10000; i++)
			assert_true(transfer_feed(&transfer, "line\xff\r\n", 7));
		assert_true(transfer_finish(&transfer));
		assert_in_range(writes, 8, 40);
	}
}

/* The sink has room for the first bytes only, however many these are. */
static void failing_sink(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(kinds); k++) {
		struct buf in, want;

		buf_init(&in, OUT_MAX);
		buf_init(&want, OUT_MAX);
		for (int i = 0; i < 2000; i++)
			buf_adds(&in, "line=20\r\n");
		model(kinds[k], text_of(&in), &want);
		for (size_t room = 0; room <= want.len; room += room + 700 < want.len ? 700 : 1) {
			struct transfer_out transfer;
			struct buf out;
			bool ok = true;

			buf_init(&out, room);
			transfer_init(&transfer, kinds[k], sink_to_buf(&out));
			for (size_t at = 0; at < in.len; at += 9)
				ok = transfer_feed(&transfer, in.p + at, 9) && ok;
			ok = transfer_finish(&transfer) && ok;
			assert_int_equal(ok, room == want.len);
			buf_free(&out);
		}
		buf_free(&in);
		buf_free(&want);
	}
}

static void labels(void **state)
{
	(void)state;
	assert_string_equal(transfer_label(TRANSFER_QP), "quoted-printable");
	assert_string_equal(transfer_label(TRANSFER_BASE64), "base64");
	assert_null(transfer_label(TRANSFER_NONE));
	assert_null(transfer_label(TRANSFER_PATCH_QP));
	assert_null(transfer_label(TRANSFER_PATCH_BASE64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_to_qp),       cmocka_unit_test(plain_to_base64),
		cmocka_unit_test(base64_anew),       cmocka_unit_test(unchanged),
		cmocka_unit_test(patched_qp),        cmocka_unit_test(long_patched_qp),
		cmocka_unit_test(random_lines),      cmocka_unit_test(random_octets),
		cmocka_unit_test(random_long_lines), cmocka_unit_test(few_writes),
		cmocka_unit_test(failing_sink),      cmocka_unit_test(labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
