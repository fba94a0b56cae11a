/*
 * fuzz_canon.c - canonicalization, in pieces, against RFC 6376 section 3.4 read word by word
 *
 * The first byte cuts the rest into pieces. The rest is a body and, its first line aside, the
 * value of a field.
 */
#include "dkim/canon.h"

#include "fuzz.h"

static bool is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

static bool at_crlf(struct span s, size_t at)
{
	return at + 1 < s.len && s.p[at] == '\r' && s.p[at + 1] == '\n';
}

/* "Reduces all sequences of WSP within a line to a single SP character." */
static void reduce_wsp(struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++)
		if (!is_wsp(in.p[i]))
			buf_addc(out, in.p[i]);
		else if (i == 0 || !is_wsp(in.p[i - 1]))
			buf_addc(out, ' ');
}

/* "Ignore all whitespace at the end of lines." */
static void drop_wsp_at_line_ends(struct span in, struct buf *out)
{
	size_t from = 0;

	while (from < in.len) {
		size_t to = from;

		while (to < in.len && is_wsp(in.p[to]))
			to++;
		if (!at_crlf(in, to))
			buf_add(out, in.p + from, to - from);
		if (to < in.len)
			buf_addc(out, in.p[to++]);
		from = to;
	}
}

/* "Ignores all empty lines at the end of the message body." */
static struct span without_empty_lines(struct span in)
{
	while (in.len >= 4 && memcmp(in.p + in.len - 4, "\r\n\r\n", 4) == 0)
		in.len -= 2;
	if (in.len == 2 && memcmp(in.p, "\r\n", 2) == 0)
		in.len = 0;
	return in;
}

static void model_body(enum canon kind, struct span in, struct buf *out)
{
	struct buf lines, reduced;

	buf_init(&lines, FUZZ_OUT_MAX);
	buf_init(&reduced, FUZZ_OUT_MAX);
	if (kind == CANON_RELAXED) {
		drop_wsp_at_line_ends(in, &lines);
		reduce_wsp(buf_span(&lines), &reduced);
		buf_addspan(out, without_empty_lines(buf_span(&reduced)));
	} else {
		struct span text = without_empty_lines(in);

		/* "If there is no body or no trailing CRLF on the message body, a CRLF is added."
		 */
		buf_addspan(out, text);
		if (text.len == 0)
			buf_adds(out, "\r\n");
	}
	buf_free(&lines);
	buf_free(&reduced);
}

static void check_body(enum canon kind, struct span in, uint8_t how)
{
	struct buf want, got;
	struct canon_body c;
	struct pieces cut;
	struct span piece;

	buf_init(&want, FUZZ_OUT_MAX);
	buf_init(&got, FUZZ_OUT_MAX);
	model_body(kind, in, &want);
	canon_body_init(&c, kind, sink_to_buf(&got));
	pieces_init(&cut, how, in);
	while (pieces_next(&cut, &piece))
		require(canon_body_feed(&c, piece.p, piece.len));
	require(canon_body_finish(&c));
	require(span_eq(buf_span(&got), buf_span(&want)));
	buf_free(&want);
	buf_free(&got);
}

/* Section 3.4.2, its steps in its order. */
static void model_field(struct span name, struct span value, struct buf *out)
{
	struct buf unfolded, reduced;

	buf_init(&unfolded, FUZZ_OUT_MAX);
	buf_init(&reduced, FUZZ_OUT_MAX);
	for (size_t i = 0; i < name.len; i++)
		if (!is_wsp(name.p[i]))
			buf_addc(out, ascii_tolower(name.p[i]));
	buf_addc(out, ':');
	for (size_t i = 0; i < value.len; i++) {
		if (at_crlf(value, i))
			i++;
		else
			buf_addc(&unfolded, value.p[i]);
	}
	reduce_wsp(buf_span(&unfolded), &reduced);
	struct span text = buf_span(&reduced);
	if (text.len > 0 && text.p[text.len - 1] == ' ')
		text.len--;
	if (text.len > 0 && text.p[0] == ' ')
		text = (struct span){ text.p + 1, text.len - 1 };
	buf_addspan(out, text);
	buf_free(&unfolded);
	buf_free(&reduced);
}

static void check_field(struct span name, struct span value)
{
	struct buf field, want, got;

	buf_init(&field, FUZZ_OUT_MAX);
	buf_init(&want, FUZZ_OUT_MAX);
	buf_init(&got, FUZZ_OUT_MAX);
	buf_addspan(&field, name);
	buf_addc(&field, ':');
	buf_addspan(&field, value);
	buf_adds(&field, "\r\n");
	canon_field(CANON_SIMPLE, buf_span(&field), false, &got);
	require(span_eq(buf_span(&got), buf_span(&field)));
	buf_clear(&got);
	model_field(name, value, &want);
	canon_field(CANON_RELAXED, buf_span(&field), true, &got);
	require(span_eq(buf_span(&got), buf_span(&want)));
	buf_adds(&want, "\r\n");
	buf_clear(&got);
	canon_field(CANON_RELAXED, buf_span(&field), false, &got);
	require(span_eq(buf_span(&got), buf_span(&want)) && got.len <= field.len);
	buf_free(&field);
	buf_free(&want);
	buf_free(&got);
}

/* CRLF for each LF; a CR that is no part of one is text. */
static void make_lines(struct span in, bool folded, struct buf *text)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] == '\n')
			buf_adds(text, folded ? "\r\n\t" : "\r\n");
		else if (in.p[i] != '\r' || !at_crlf(in, i))
			buf_addc(text, in.p[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "A", "Subject ", "x-Y \t" };
	struct buf text;

	if (size < 1)
		return 0;
	struct span in = { (const char *)data + 1, size - 1 };

	buf_init(&text, FUZZ_OUT_MAX);
	make_lines(in, false, &text);
	if (text.len > 0 && text.p[text.len - 1] != '\n')
		buf_adds(&text, "\r\n");
	for (int kind = 0; kind < CANON_COUNT; kind++)
		check_body((enum canon)kind, buf_span(&text), data[0]);
	buf_clear(&text);
	make_lines(in, true, &text);
	check_field(span_of(names[data[0] % 3]), buf_span(&text));
	buf_free(&text);
	return 0;
}
