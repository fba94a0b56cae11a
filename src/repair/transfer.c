/*
 * transfer.c - content-transfer-encodings as filters
 */
#include "repair/transfer.h"

#include "base/base64.h"
#include "base/buf.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"

#define ENCODED_LINE  76  /* RFC 2045 sections 6.7 and 6.8 */
#define PATCHED_LINE  998 /* RFC 5322 section 2.1.1 */
#define BASE64_OCTETS 57  /* that make a line of 76 */
#define LOOKAHEAD     5   /* "From ", or =XX and the line break behind it */

/* --- out --- */

static void flush(struct transfer_out *t)
{
	t->ok = t->ok && sink_write(&t->to, t->out, t->n_out);
	t->n_out = 0;
}

/* At most a line. */
static void put(struct transfer_out *t, const char *p, size_t len)
{
	assert(len <= sizeof t->out);
	if (len > sizeof t->out - t->n_out)
		flush(t);
	memcpy(t->out + t->n_out, p, len);
	t->n_out += len;
	t->column += len;
}

static void put_break(struct transfer_out *t, bool soft)
{
	if (soft)
		put(t, "=\r\n", 3);
	else
		put(t, "\r\n", 2);
	t->column = 0;
	t->soft = soft;
}

/* --- quoted-printable, RFC 2045 section 6.7 --- */

static bool is_patch(const struct transfer_out *t)
{
	return t->kind == TRANSFER_PATCH_QP;
}

static size_t line_limit(const struct transfer_out *t)
{
	return is_patch(t) ? PATCHED_LINE : ENCODED_LINE;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* May stand for itself within a line. What a message has already stays, were it a control. */
static inline bool is_literal(bool patch, unsigned char c)
{
	if (c == '=' || c == '\r' || c == '\n')
		return false;
	return patch ? c < 0x80 : (c >= ' ' && c < 0x7f) || c == '\t';
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool is_break(struct span in)
{
	return in.len >= 2 && in.p[0] == '\r' && in.p[1] == '\n';
}

/* Is the line, or all of the content, over behind so many octets? */
static bool ends_behind(struct span in, size_t n)
{
	return n == in.len || is_break((struct span){ in.p + n, in.len - n });
}

static bool begins(struct span in, const char *word)
{
	size_t len = strlen(word);

	return in.len >= len && memcmp(in.p, word, len) == 0;
}

/* What other programs take for something else at the beginning of a line. */
static bool misleads(struct span in)
{
	return begins(in, "From ") || begins(in, "--") || (begins(in, ".") && ends_behind(in, 1));
}

static bool must_encode(const struct transfer_out *t, struct span in)
{
	bool patch = is_patch(t);

	if (!is_literal(patch, (unsigned char)in.p[0]))
		return !patch || in.p[0] != '=';
	if (t->column == 0 && (!patch || t->soft) && misleads(in))
		return true;
	return !patch && is_blank(in.p[0]) && ends_behind(in, 1);
}

/* Octets that need no thought: literal ones, with room for a soft break behind them. */
static size_t plain_run(const struct transfer_out *t, struct span in)
{
	size_t room = line_limit(t) - 1, n = 0;
	bool patch = is_patch(t);

	if (t->column == 0 || t->column >= room)
		return 0;
	room -= t->column;
	if (room > in.len)
		room = in.len;
	while (n < room && is_literal(patch, (unsigned char)in.p[n]))
		n++;
	return n > 0 && is_blank(in.p[n - 1]) ? n - 1 : n;
}

/* One octet, or an =XX that is there; 0 when it takes a new line. */
static size_t put_octet(struct transfer_out *t, struct span in)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char c = (unsigned char)in.p[0];
	const char escape[3] = { '=', digits[c >> 4], digits[c & 15] };
	bool encode = must_encode(t, in);
	bool whole = !encode && in.len >= 3 && c == '=' && is_hex(in.p[1]) && is_hex(in.p[2]);
	size_t takes = whole ? 3 : 1, size = encode ? 3 : takes;

	if (t->column + size > line_limit(t) - (ends_behind(in, takes) ? 0 : 1)) {
		put_break(t, true);
		return 0;
	}
	put(t, encode ? escape : in.p, size);
	return takes;
}

/*
 * Writes what can be decided and returns how much that was: all of it when this is the last
 * of the content, else all but less than LOOKAHEAD octets.
 */
static size_t put_qp(struct transfer_out *t, struct span in, bool last)
{
	size_t all = in.len;

	while (in.len >= (last ? 1 : LOOKAHEAD)) {
		size_t n = plain_run(t, in);

		if (n > 0)
			put(t, in.p, n);
		else if (is_break(in)) {
			put_break(t, false);
			n = 2;
		} else
			n = put_octet(t, in);
		in.p += n;
		in.len -= n;
	}
	return all - in.len;
}

static void hold(struct transfer_out *t, const char *p, size_t len)
{
	memcpy(t->held + t->n_held, p, len);
	t->n_held += len;
}

static void feed_qp(struct transfer_out *t, const char *p, size_t len)
{
	size_t before = t->n_held, n = len < LOOKAHEAD ? len : LOOKAHEAD, done;

	if (before > 0) {
		hold(t, p, n);
		done = put_qp(t, (struct span){ t->held, t->n_held }, false);
		if (done < before) {
			/* So little came that all of it is held now. */
			t->n_held -= done;
			memmove(t->held, t->held + done, t->n_held);
			return;
		}
		t->n_held = 0;
		p += done - before;
		len -= done - before;
	}
	done = put_qp(t, (struct span){ p, len }, false);
	hold(t, p + done, len - done);
}

/* --- base64, RFC 2045 section 6.8 --- */

/* Lines have a break between them, none behind the last. */
static void put_base64(struct transfer_out *t, const char *p, size_t len, struct buf *line)
{
	if (t->column > 0)
		put_break(t, false);
	buf_clear(line);
	base64_write(p, len, line);
	put(t, line->p, line->len);
}

static void feed_base64(struct transfer_out *t, const char *p, size_t len, bool last)
{
	struct buf line;

	buf_init(&line, ENCODED_LINE);
	while (t->n_held + len >= BASE64_OCTETS) {
		size_t n = BASE64_OCTETS - t->n_held;

		if (t->n_held > 0) {
			hold(t, p, n);
			put_base64(t, t->held, BASE64_OCTETS, &line);
			t->n_held = 0;
		} else {
			put_base64(t, p, BASE64_OCTETS, &line);
		}
		p += n;
		len -= n;
	}
	hold(t, p, len);
	if (last && t->n_held > 0)
		put_base64(t, t->held, t->n_held, &line);
	buf_free(&line);
}

static inline bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/' || c == '=';
}

static void patch_base64(struct transfer_out *t, const char *p, size_t len)
{
	while (len > 0) {
		size_t n = 0, room = ENCODED_LINE - t->column % ENCODED_LINE;

		while (n < len && n < room && is_base64(p[n]))
			n++;
		if (n > 0 && t->column == ENCODED_LINE)
			put_break(t, false);
		put(t, p, n);
		while (n < len && !is_base64(p[n]))
			n++;
		p += n;
		len -= n;
	}
}

/* --- all of them --- */

void transfer_init(struct transfer_out *t, enum transfer kind, struct sink to)
{
	t->kind = kind;
	t->to = to;
	t->n_held = 0;
	t->n_out = 0;
	t->column = 0;
	t->soft = false;
	t->ok = true;
}

bool transfer_feed(struct transfer_out *t, const char *p, size_t len)
{
	if (!t->ok || len == 0)
		return t->ok;
	switch (t->kind) {
	case TRANSFER_NONE:
		t->ok = sink_write(&t->to, p, len);
		break;
	case TRANSFER_QP:
	case TRANSFER_PATCH_QP:
		feed_qp(t, p, len);
		break;
	case TRANSFER_BASE64:
		feed_base64(t, p, len, false);
		break;
	case TRANSFER_PATCH_BASE64:
		patch_base64(t, p, len);
		break;
	}
	return t->ok;
}

bool transfer_finish(struct transfer_out *t)
{
	if (t->kind == TRANSFER_BASE64)
		feed_base64(t, "", 0, true);
	else
		put_qp(t, (struct span){ t->held, t->n_held }, true);
	t->n_held = 0;
	flush(t);
	return t->ok;
}

const char *transfer_label(enum transfer kind)
{
	switch (kind) {
	case TRANSFER_QP:
		return "quoted-printable";
	case TRANSFER_BASE64:
		return "base64";
	default:
		return NULL;
	}
}
