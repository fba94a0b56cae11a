/*
 * test_mime.c - the structure of MIME messages, whole, byte by byte and cut at every offset
 */
#include "repair/mime.h"

#include "base/util.h"
#include "split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRACE_MAX (1024 * 1024)

/* What a handler was told, as text: the structure in `trace`, every byte in `bytes`. */
struct told {
	struct mime walk;
	struct header header;
	struct buf trace;
	struct buf bytes;
	bool in_text;
	const char *want;
	struct span body;
};

static void close_text(struct told *t)
{
	if (t->in_text)
		buf_adds(&t->trace, "}");
	t->in_text = false;
}

/* Line breaks as "|", so that a trace stays one line. */
static void show(struct told *t, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] == '\n')
			buf_addc(&t->trace, '|');
		else if (p[i] != '\r')
			buf_addc(&t->trace, p[i]);
}

static bool begin(void *ctx, const struct mime_entity *e, const struct header *h, struct span raw)
{
	static const char *const kinds[] = {
		[MIME_LEAF] = "leaf", [MIME_MULTIPART] = "multi", [MIME_MESSAGE] = "message"
	};
	struct told *t = ctx;

	close_text(t);
	buf_addf(&t->trace, "%s%zu:%s%s%s/%zu", t->trace.len > 0 ? " " : "", e->number,
		 kinds[e->kind], e->sealed ? "!" : "", e->whole ? "" : "-", h->n);
	buf_addspan(&t->bytes, raw);
	return true;
}

static bool text(void *ctx, const struct mime_entity *e, const char *p, size_t len)
{
	struct told *t = ctx;

	if (!t->in_text)
		buf_addf(&t->trace, " %zu{", e->number);
	t->in_text = true;
	show(t, p, len);
	buf_add(&t->bytes, p, len);
	return true;
}

static bool end(void *ctx, const struct mime_entity *e)
{
	struct told *t = ctx;

	close_text(t);
	buf_addf(&t->trace, " .%zu", e->number);
	return true;
}

static bool delimiter(void *ctx, const struct mime_entity *e, const char *p, size_t len)
{
	struct told *t = ctx;

	assert_int_equal(e->kind, MIME_MULTIPART);
	assert_false(t->in_text);
	buf_adds(&t->trace, " <");
	show(t, p, len);
	buf_adds(&t->trace, ">");
	buf_add(&t->bytes, p, len);
	return true;
}

static void begin_run(void *ctx)
{
	struct told *t = ctx;

	buf_clear(&t->trace);
	buf_clear(&t->bytes);
	t->in_text = false;
	assert_true(mime_begin(&t->walk, &t->header,
			       (struct mime_handler){ begin, text, end, delimiter, t }));
}

static void feed_run(void *ctx, const char *p, size_t len)
{
	struct told *t = ctx;

	assert_true(mime_feed(&t->walk, p, len));
}

static void end_run(void *ctx)
{
	struct told *t = ctx;

	assert_true(mime_finish(&t->walk));
	mime_free(&t->walk);
	if (t->want != NULL)
		assert_string_equal(buf_str(&t->trace), t->want);
	assert_int_equal(t->bytes.len, t->body.len);
	assert_memory_equal(t->bytes.p, t->body.p, t->body.len);
}

static void told_init(struct told *t, const char *header)
{
	*t = (struct told){ .in_text = false };
	header_init(&t->header);
	if (header[0] != '\0')
		header_append(&t->header, span_of(header));
	buf_init(&t->trace, TRACE_MAX);
	buf_init(&t->bytes, TRACE_MAX);
}

static void told_free(struct told *t)
{
	header_free(&t->header);
	buf_free(&t->trace);
	buf_free(&t->bytes);
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n"

static const struct {
	const char *header;
	const char *body;
	const char *want;
} rows[] = {
	{ "", "a\r\nb\r\n", "0:leaf/0 0{a|b|} .0" },
	{ "", "", "0:leaf/0 .0" },
	{ "", "--b\r\n", "0:leaf/0 0{--b|} .0" },
	/* the break in front of a delimiter is the delimiter's */
	{ MIXED, "--b\r\n\r\nx\r\n--b--\r\n",
	  "0:multi/1 .0 <--b|> 1:leaf-/0 1{x} .1 <|--b--|> .0" },
	{ MIXED, "pre\r\n--b\r\nA: 1\r\n\r\nx\r\n\r\n--b\r\n\r\ny\r\n--b--\r\nepi\r\n",
	  "0:multi/1 0{pre} .0 <|--b|> 1:leaf-/1 1{x|} .1 <|--b|> 2:leaf-/0 2{y} .2 <|--b--|> "
	  "0{epi|} .0" },
	/* blanks may stand behind a delimiter, nothing else */
	{ MIXED, "--b \t\r\n\r\nx\r\n--bb\r\n--b-\r\n--\r\n-\r\n--b--  \r\n",
	  "0:multi/1 .0 <--b \t|> 1:leaf-/0 1{x|--bb|--b-|--|-} .1 <|--b--  |> .0" },
	/* nothing opens behind the last delimiter */
	{ MIXED, "--b\r\n\r\nx\r\n--b--\r\n--b\r\ny\r\n",
	  "0:multi/1 .0 <--b|> 1:leaf-/0 1{x} .1 <|--b--|> 0{--b|y|} .0" },
	/* it never closes */
	{ MIXED, "--b\r\n\r\nx\r\n", "0:multi/1 .0 <--b|> 1:leaf-/0 1{x|} .1" },
	{ MIXED, "--b\r\n", "0:multi/1 .0 <--b|> 1:leaf-/0 .1" },
	{ MIXED, "none\r\n", "0:multi/1 0{none|} .0" },
	/* parts without an empty line, without a header, without anything */
	{ MIXED, "--b\r\nA: 1\r\n--b\r\n--b\r\nno field\r\nx\r\n--b--\r\n",
	  "0:multi/1 .0 <--b|> 1:leaf-/1 .1 <--b|> 2:leaf-/0 .2 <--b|> "
	  "3:leaf-/0 3{no field|x} .3 <|--b--|> .0" },
	/* inner multiparts end where the outer one goes on */
	{ MIXED,
	  "--b\r\nContent-Type: multipart/alternative; boundary=\"i i\"\r\n\r\n--i i\r\n\r\nx\r\n"
	  "--i i--\r\n\r\n--b\r\n\r\ny\r\n--b--\r\n",
	  "0:multi/1 .0 <--b|> 1:multi-/1 .1 <--i i|> 2:leaf-/0 2{x} .2 <|--i i--|> .1 "
	  "<|--b|> 3:leaf-/0 3{y} .3 <|--b--|> .0" },
	{ MIXED,
	  "--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--b\r\n\r\n"
	  "y\r\n--i\r\n--b--\r\n",
	  "0:multi/1 .0 <--b|> 1:multi-/1 .1 <--i|> 2:leaf-/0 2{x} .2 <|--b|> "
	  "3:leaf-/0 3{y|--i} .3 <|--b--|> .0" },
	/* a message in a message, also one with a line of an mbox in front */
	{ MIXED, "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nx\r\n--b--\r\n",
	  "0:multi/1 .0 <--b|> 1:message-/1 2:leaf/1 2{x} .2 <|--b--|> .0" },
	{ "Content-Type: message/rfc822\r\n", "From x y\r\nSubject: s\r\n\tt\r\n\r\nx\r\n",
	  "0:message/1 1:leaf/1 1{x|} .1" },
	{ "Content-Type: message/rfc822\r\n", "", "0:message/1 1:leaf/0 .1" },
	{ "Content-Type: multipart/digest; boundary=b\r\n",
	  "--b\r\n\r\nSubject: s\r\n\r\nx\r\n--b\r\nContent-Type: text/plain\r\n\r\ny\r\n--b--\r\n",
	  "0:multi/1 .0 <--b|> 1:message-/0 2:leaf/1 2{x} .2 <|--b|> 3:leaf-/1 3{y} .3 "
	  "<|--b--|> .0" },
	/* what may not change */
	{ "Content-Type: multipart/signed; boundary=b\r\n",
	  "--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--i--\r\n"
	  "--b--\r\n",
	  "0:multi/1 .0 <--b|> 1:multi!-/1 .1 <--i|> 2:leaf!-/0 2{x} .2 <|--i--|> .1 "
	  "<--b--|> .0" },
	{ "Content-Type: message/partial\r\n", "x\r\n", "0:leaf!/1 0{x|} .0" },
	{ "Content-Type: message/global\r\n", "x\r\n", "0:leaf/1 0{x|} .0" },
	/* an encoding of a multipart means nothing; one without a boundary may have parts */
	{ "Content-Type: multipart/mixed; boundary=b\r\n"
	  "Content-Transfer-Encoding: base64\r\n",
	  "--b\r\n\r\nx\r\n--b--\r\n", "0:multi/2 .0 <--b|> 1:leaf-/0 1{x} .1 <|--b--|> .0" },
	{ "Content-Type: message/rfc822\r\n"
	  "Content-Transfer-Encoding: base64\r\n",
	  "QQ==\r\n", "0:leaf!/2 0{QQ==|} .0" },
	{ "Content-Type: multipart/mixed\r\n", "--\r\n", "0:leaf!/1 0{--|} .0" },
	{ "Content-Type: multipart/mixed; boundary*=us-ascii''b\r\n", "--b\r\n",
	  "0:leaf!/1 0{--b|} .0" },
	{ "Content-Type: multipart/mixed; boundary=\"  \"\r\n", "--  \r\n",
	  "0:leaf!/1 0{--  |} .0" },
};

/* The rows' headers may be several fields. */
static void set_header(struct told *t, const char *header)
{
	struct span rest = span_of(header);

	told_init(t, "");
	while (rest.len > 0) {
		const char *lf = memchr(rest.p, '\n', rest.len);
		size_t len = (size_t)(lf - rest.p) + 1;

		header_append(&t->header, (struct span){ rest.p, len });
		rest.p += len;
		rest.len -= len;
	}
}

static void structure(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct told t;
		const struct split_run run = { begin_run, feed_run, end_run, &t };

		set_header(&t, rows[i].header);
		t.want = rows[i].want;
		t.body = span_of(rows[i].body);
		each_split(&run, t.body.p, t.body.len);
		told_free(&t);
	}
}

/* Pieces of messages, glued together: whatever they make, all bytes come out, told alike. */
static void any_message(void **state)
{
	static const char *const pieces[] = {
		"--b\r\n",
		"--b--\r\n",
		"--i\r\n",
		"--i--\r\n",
		"\r\n",
		"text\r\n",
		"-",
		"--",
		"\r\n--",
		"Content-Type: multipart/mixed; boundary=i\r\n",
		"Content-Type: message/rfc822\r\n",
		"Content-Type: multipart/signed; boundary=b\r\n",
		"A: b\r\n",
		" c\r\n",
		"b",
		"i",
		"From x\r\n",
		"Content-Type: multipart/digest; boundary=b\r\n",
	};
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct told t;
		const struct split_run run = { begin_run, feed_run, end_run, &t };
		struct buf body;
		char *whole;

		told_init(&t, MIXED);
		buf_init(&body, TRACE_MAX);
		for (int n = 0; n < 16; n++) {
			seed = seed * 1664525 + 1013904223;
			buf_adds(&body, pieces[(seed >> 16) % (sizeof pieces / sizeof pieces[0])]);
		}
		buf_adds(&body, "\r\n");
		t.body = buf_span(&body);
		split_pieces(&run, body.p, body.len, body.len, 1);
		whole = xstrdup(buf_str(&t.trace));
		t.want = whole;
		for (size_t size = 1; size < 8; size++)
			split_pieces(&run, body.p, body.len, 0, size);
		free(whole);
		buf_free(&body);
		told_free(&t);
	}
}

/* Depth, number and size are bounded; what is past a bound is one sealed leaf. */
static void bounds(void **state)
{
	struct told t;
	struct buf body;

	(void)state;
	told_init(&t, MIXED);
	buf_init(&body, TRACE_MAX);
	buf_adds(&body, "--b\r\n");
	for (int i = 0; i < 100; i++)
		buf_adds(&body, "Content-Type: message/rfc822\r\n\r\n");
	begin_run(&t);
	feed_run(&t, body.p, body.len);
	assert_int_equal(t.walk.depth, MIME_DEPTH_MAX);
	assert_true(t.walk.levels[MIME_DEPTH_MAX - 1].entity.sealed);
	t.body = buf_span(&body);
	end_run(&t);

	buf_clear(&body);
	for (int i = 0; i < MIME_ENTITIES_MAX + 100; i++)
		buf_adds(&body, "--b\r\n\r\n");
	begin_run(&t);
	feed_run(&t, body.p, body.len);
	assert_int_equal(t.walk.entities, MIME_ENTITIES_MAX);
	assert_true(t.walk.levels[t.walk.depth - 1].entity.sealed);
	t.body = buf_span(&body);
	end_run(&t);

	buf_clear(&body);
	buf_adds(&body, "--b\r\nA: ");
	for (int i = 0; i < MIME_HEADER_MAX; i++)
		buf_addc(&body, 'x');
	buf_adds(&body, "\r\n\r\n--b\r\n");
	t.body = buf_span(&body);
	for (size_t size = 1000; size < body.len; size *= 3) {
		const struct split_run run = { begin_run, feed_run, end_run, &t };

		split_pieces(&run, body.p, body.len, 0, size);
		assert_int_equal(t.walk.entities, 2);
	}
	buf_free(&body);
	told_free(&t);
}

/* What Content-Type and Content-Transfer-Encoding may look like. */
static void content_fields(void **state)
{
	static const struct {
		const char *type, *encoding;
		const char *want_type, *want_boundary, *want_charset;
		enum content_encoding want;
	} fields[] = {
		{ " text/plain", " 7bit", "text/plain", NULL, NULL, CONTENT_7BIT },
		{ " TEXT/Plain; Charset=UTF-8", " 8BIT", "text/plain", NULL, "UTF-8",
		  CONTENT_8BIT },
		{ " text/html;charset=\"iso-8859-1\" (l1)", " Quoted-Printable", "text/html", NULL,
		  "iso-8859-1", CONTENT_QP },
		{ " (a(b)c) multipart / mixed (x) ;\r\n\tboundary = \"a\\\"b c\" ", " BASE64 (y)",
		  "multipart/mixed", "a\"b c", NULL, CONTENT_BASE64 },
		{ " multipart/mixed; x=\"boundary=no; y\"; boundary==_a/b=; boundary=z", " x-uue",
		  "multipart/mixed", "=_a/b=", NULL, CONTENT_UNKNOWN },
		{ " multipart/mixed; boundary=\"abc  \"", " binary", "multipart/mixed", "abc", NULL,
		  CONTENT_BINARY },
		{ " multipart/mixed; boundary=\"open", "", "multipart/mixed", "open", NULL,
		  CONTENT_7BIT },
		{ " text", " ;", NULL, NULL, NULL, CONTENT_7BIT },
		{ "", "8bit;", NULL, NULL, NULL, CONTENT_8BIT },
		{ " text/plain charset=utf-8", " ", "text/plain", NULL, NULL, CONTENT_7BIT },
		/* in ASCII or not at all: their fields are going to be encoded */
		{ " text/pl\xc3\xa4in; charset=\xe4; boundary=\xc3\xa4", " 7bit", NULL, NULL, NULL,
		  CONTENT_7BIT },
		{ " text/plain;; ; charset=utf-8", " ", "text/plain", NULL, "utf-8", CONTENT_7BIT },
		{ " text/plain; (charset=no) charset = (c) utf-8", " ", "text/plain", NULL, "utf-8",
		  CONTENT_7BIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		struct header h;
		struct content c;

		header_init(&h);
		header_insert_value(&h, 0, "content-type", fields[i].type);
		header_insert_value(&h, 1, "CONTENT-TRANSFER-ENCODING", fields[i].encoding);
		content_read(&h, &c);
		assert_int_equal(c.encoding, fields[i].want);
		assert_true(c.has_type_field && c.has_encoding_field && !c.has_version_field);
		const char *pairs[][2] = { { c.type, fields[i].want_type },
					   { c.boundary, fields[i].want_boundary },
					   { c.charset, fields[i].want_charset } };
		for (size_t k = 0; k < 3; k++) {
			assert_int_equal(pairs[k][0] == NULL, pairs[k][1] == NULL);
			if (pairs[k][0] != NULL)
				assert_string_equal(pairs[k][0], pairs[k][1]);
		}
		content_free(&c);
		header_free(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure),
		cmocka_unit_test(any_message),
		cmocka_unit_test(bounds),
		cmocka_unit_test(content_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
