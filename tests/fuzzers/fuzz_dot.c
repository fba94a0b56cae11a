/*
 * fuzz_dot.c - dot-stuffing, both ways and there and back, against models that see all at once
 *
 * The first byte cuts the rest into pieces, the second one's lowest bit says that the session
 * speaks LF.
 */
#include "smtp/dot.h"

#include "dot_model.h"
#include "fuzz.h"

/* --- out: a dot that begins a line, which is the text's beginning or behind a LF, is doubled ---
 */

static void model_out(struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] == '.' && (i == 0 || in.p[i - 1] == '\n'))
			buf_addc(out, '.');
		buf_addc(out, in.p[i]);
	}
	buf_adds(out, ".\r\n");
}

static void stuff(struct span in, uint8_t how, struct buf *out)
{
	struct pieces cut;
	struct span piece;
	struct dot_out d;

	dot_out_init(&d, sink_to_buf(out));
	pieces_init(&cut, how, in);
	while (pieces_next(&cut, &piece))
		require(dot_out_feed(&d, piece.p, piece.len));
	require(dot_out_finish(&d));
}

/* --- in --- */

/* All of it in pieces, or up to the end; what was taken in all. */
static size_t unstuff(struct span in, uint8_t how, bool lf, struct buf *out, bool *ended)
{
	struct pieces cut;
	struct span piece;
	struct dot_in d;
	size_t taken, all = 0;

	dot_in_init(&d, lf, sink_to_buf(out));
	pieces_init(&cut, how, in);
	while (!d.ended && pieces_next(&cut, &piece)) {
		require(dot_in_feed(&d, piece.p, piece.len, &taken));
		require(taken == piece.len || d.ended);
		all += taken;
	}
	pieces_drop(&cut);
	*ended = d.ended;
	return all;
}

static void check_in(struct span in, uint8_t how, bool lf)
{
	struct buf want, got;
	bool want_ended, ended;

	buf_init(&want, FUZZ_OUT_MAX);
	buf_init(&got, FUZZ_OUT_MAX);
	size_t n = model_in(in, lf, &want, &want_ended);
	require(unstuff(in, how, lf, &got, &ended) == n && ended == want_ended);
	/* A dot and CR at the very end are held back: they may yet be the end. */
	require(ended ? span_eq(buf_span(&got), buf_span(&want))
		      : got.len <= want.len && want.len - got.len <= 1 &&
				memcmp(buf_str(&got), buf_str(&want), got.len) == 0);
	buf_free(&want);
	buf_free(&got);
}

static void check_out(struct span in, uint8_t how)
{
	struct buf want, got, back;
	bool ended;

	buf_init(&want, FUZZ_OUT_MAX);
	buf_init(&got, FUZZ_OUT_MAX);
	buf_init(&back, FUZZ_OUT_MAX);
	model_out(in, &want);
	stuff(in, how, &got);
	require(span_eq(buf_span(&got), buf_span(&want)));
	require(unstuff(buf_span(&got), how, false, &back, &ended) == got.len && ended);
	require(span_eq(buf_span(&back), in));
	buf_free(&want);
	buf_free(&got);
	buf_free(&back);
}

/* The text with CRLF for each LF and no other CR, as messages are that go out. */
static void make_lines(struct span in, struct buf *text)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] == '\n')
			buf_adds(text, "\r\n");
		else if (in.p[i] != '\r')
			buf_addc(text, in.p[i]);
	}
	if (text->len > 0 && text->p[text->len - 1] != '\n')
		buf_adds(text, "\r\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text;

	if (size < 2)
		return 0;
	struct span in = { (const char *)data + 2, size - 2 };

	check_in(in, data[0], (data[1] & 1) != 0);
	buf_init(&text, FUZZ_OUT_MAX);
	make_lines(in, &text);
	check_out(buf_span(&text), data[0]);
	buf_free(&text);
	return 0;
}
