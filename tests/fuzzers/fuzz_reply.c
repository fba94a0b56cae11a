/*
 * fuzz_reply.c - what a server says: lines and replies, however the bytes arrive, against a
 * regular expression
 *
 * The first byte cuts the rest into pieces.
 */
#include "net/conn.h"
#include "smtp/ehlo.h"
#include "smtp/reply.h"

#include "fuzz.h"

#include <regex.h>

#define DEADLINE INT64_MAX

static ssize_t read_piece(void *ctx, char *p, size_t len, const char **why)
{
	struct span piece;

	(void)why;
	if (!pieces_next(ctx, &piece))
		return IO_EOF;
	require(piece.len <= len);
	memcpy(p, piece.p, piece.len);
	return (ssize_t)piece.len;
}

/* A NUL, which a regular expression cannot see, is as bad as any other control character. */
static bool matches(regex_t *re, const char *pattern, struct span s, regmatch_t *match, size_t n)
{
	char *text = xstrndup(s.p, s.len);
	bool found;

	for (size_t i = 0; i < s.len; i++)
		text[i] = s.p[i] != '\0' ? s.p[i] : '\1';
	require(re->re_nsub > 0 || regcomp(re, pattern, REG_EXTENDED) == 0);
	found = regexec(re, text, n, match, 0) == 0;
	free(text);
	return found;
}

/* What of RFC 5321 section 4.2 and RFC 3463 section 2 one line is, and its text in `out`. */
static enum reply_state model_line(int *code, char *enhanced, struct span line, struct buf *out)
{
	static regex_t code_re, enhanced_re;
	regmatch_t m[3];

	if (!matches(&code_re, "^([2-5][0-9][0-9])(-|$| )", line, m, 3))
		return REPLY_BAD;
	int this_code = (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + line.p[2] - '0';
	bool more = line.len > 3 && line.p[3] == '-';
	if (*code != 0 && *code != this_code)
		return REPLY_BAD;
	if (*code != 0)
		buf_addc(out, '\n');
	*code = this_code;
	size_t skip = line.len > 4 ? 4 : line.len;
	struct span text = { line.p + skip, line.len - skip };
	if (text.len > 0 && text.p[0] == line.p[0] && text.p[0] != '3' &&
	    matches(&enhanced_re, "^(.\\.[0-9]{1,3}\\.[0-9]{1,3})( |$)", text, m, 3)) {
		if (enhanced[0] == '\0')
			memcpy(enhanced, text.p, (size_t)m[1].rm_eo);
		text = (struct span){ text.p + m[0].rm_eo, text.len - (size_t)m[0].rm_eo };
	}
	buf_addspan(out, text);
	return more ? REPLY_MORE : REPLY_DONE;
}

static void use(const struct reply *reply)
{
	struct result r = RESULT_OK;
	struct ehlo e;

	ehlo_init(&e);
	ehlo_parse(&e, buf_span(&reply->text));
	require(!ehlo_takes_utf8(&e) || ehlo_has(&e, EXT_8BITMIME));
	ehlo_free(&e);
	require(!result_refused(&r, STEP_MAIL, reply->code, reply->enhanced, reply->text.p,
				reply->text.len));
	require(r.words == NULL || !has_control(r.words, strlen(r.words)));
	result_free(&r);
}

/* One reply; false at the end, or when it is none. */
static bool read_reply(struct conn *c, struct reply *reply, struct span *text)
{
	char enhanced[ENHANCED_MAX] = "";
	struct result r = RESULT_OK;
	struct buf words;
	enum reply_state state = REPLY_MORE;
	int code = 0;

	buf_init(&words, REPLY_MAX);
	reply_clear(reply);
	while (state == REPLY_MORE) {
		const char *lf = memchr(text->p, '\n', text->len);
		struct span line, got;

		if (!conn_read_line(c, &got, &r)) {
			require(r.cause == CAUSE_PROTOCOL || lf == NULL);
			break;
		}
		line = (struct span){ text->p, (size_t)(lf - text->p) };
		*text = (struct span){ lf + 1, text->len - line.len - 1 };
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		require(span_eq(line, got));
		state = model_line(&code, enhanced, line, &words);
		require(reply_line(reply, got) == (buf_overflowed(&words) ? REPLY_BAD : state));
	}
	if (state == REPLY_DONE) {
		require(reply->code == code && strcmp(reply->enhanced, enhanced) == 0);
		require(span_eq(buf_span(&reply->text), buf_span(&words)));
		use(reply);
	}
	buf_free(&words);
	result_free(&r);
	return state == REPLY_DONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply reply;
	struct pieces cut;
	struct conn c;

	if (size < 1)
		return 0;
	struct span text = { (const char *)data + 1, size - 1 };

	pieces_init(&cut, data[0], text);
	if (cut.longest == 0)
		cut.longest = CONN_PIECE;
	conn_init(&c, -1, DEADLINE);
	conn_set_transport(&c, (struct transport){ .read = read_piece, .ctx = &cut });
	reply_init(&reply);
	while (read_reply(&c, &reply, &text))
		;
	reply_free(&reply);
	conn_close(&c);
	pieces_drop(&cut);
	return 0;
}
