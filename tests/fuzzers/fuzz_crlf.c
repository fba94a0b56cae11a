/*
 * fuzz_crlf.c - line ends: the filter, in pieces, against a model that sees all at once
 *
 * The first byte cuts the rest into pieces, the second one's lowest bit is keep_cr.
 */
#include "mail/crlf.h"

#include "fuzz.h"

static bool model(struct span in, bool keep_cr, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		bool at_end = i + 1 == in.len;

		if (in.p[i] == '\0')
			return false;
		if (in.p[i] == '\n')
			buf_adds(out, "\r\n");
		else if (in.p[i] != '\r')
			buf_addc(out, in.p[i]);
		else if (at_end || in.p[i + 1] != '\n')
			buf_addc(out, keep_cr ? '\r' : ' ');
	}
	if (in.len > 0 && in.p[in.len - 1] != '\n')
		buf_adds(out, "\r\n");
	return true;
}

static bool filter(struct span in, uint8_t how, bool keep_cr, struct buf *out)
{
	struct result r = RESULT_OK;
	struct pieces cut;
	struct span piece;
	struct crlf_in c;
	bool ok = true;

	crlf_in_init(&c, sink_to_buf(out));
	c.keep_cr = keep_cr;
	pieces_init(&cut, how, in);
	while (ok && pieces_next(&cut, &piece))
		ok = crlf_in_feed(&c, piece.p, piece.len, &r);
	pieces_drop(&cut);
	ok = ok && crlf_in_finish(&c);
	require(ok != result_failed(&r));
	crlf_in_free(&c);
	result_free(&r);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf want, got;

	if (size < 2)
		return 0;
	struct span in = { (const char *)data + 2, size - 2 };
	bool keep_cr = (data[1] & 1) != 0;

	buf_init(&want, FUZZ_OUT_MAX);
	buf_init(&got, FUZZ_OUT_MAX);
	bool good = model(in, keep_cr, &want);
	require(filter(in, data[0], keep_cr, &got) == good);
	require(!good || span_eq(buf_span(&want), buf_span(&got)));
	/* What has passed once passes as it is. */
	buf_clear(&want);
	if (good) {
		require(filter(buf_span(&got), data[0], keep_cr, &want));
		require(span_eq(buf_span(&want), buf_span(&got)));
	}
	buf_free(&want);
	buf_free(&got);
	return 0;
}
