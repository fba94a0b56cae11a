/*
 * message.c - a message as it was read: header in memory, body in a spill
 */
#include "mail/message.h"

#include "base/buf.h"
#include "base/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define READ_PIECE     (64 * 1024)
#define FIELD_NAME_MAX 998 /* a line's length, RFC 5322 section 2.1.1 */

enum line_kind { LINE_UNSURE, LINE_EMPTY, LINE_MBOX_FROM, LINE_FIELD, LINE_CONTINUED, LINE_TEXT };

void message_init(struct message *m)
{
	*m = (struct message){ .header = { .n = 0 } };
	header_init(&m->header);
	spill_init(&m->body);
}

void message_free(struct message *m)
{
	header_free(&m->header);
	spill_free(&m->body);
}

/* ftext of RFC 5322 section 3.6.8: printable US-ASCII but the colon. */
static bool is_name_char(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

static bool starts_with(struct span line, const char *s)
{
	return line.len >= strlen(s) && memcmp(line.p, s, strlen(s)) == 0;
}

/* A name, perhaps white space, a colon; unsure while the colon may still come. */
static enum line_kind field_or_text(struct span line)
{
	size_t i = 0;

	while (i < line.len && is_name_char(line.p[i]))
		i++;
	if (i > FIELD_NAME_MAX)
		return LINE_TEXT;
	size_t name_len = i;
	while (i < line.len && ascii_isblank(line.p[i]) && i <= FIELD_NAME_MAX)
		i++;
	if (i == line.len)
		return LINE_UNSURE;
	return line.p[i] == ':' && name_len > 0 ? LINE_FIELD : LINE_TEXT;
}

/* What the line is, as far as its beginning tells. `complete`: its CRLF is there. */
static enum line_kind classify(const struct message_in *s, struct span line, bool complete)
{
	if (line.len == 0)
		return LINE_UNSURE;
	if (line.p[0] == '\r')
		return complete ? LINE_EMPTY : LINE_UNSURE;
	if (ascii_isblank(line.p[0]))
		return s->line_start > 0 ? LINE_CONTINUED : LINE_TEXT;
	/* "From : a@example.org" is a field all the same. */
	if (s->first_line && field_or_text(line) != LINE_FIELD) {
		if (starts_with(line, "From ") || starts_with(line, ">From "))
			return complete ? LINE_MBOX_FROM : LINE_UNSURE;
		if (!complete && line.len < strlen(">From "))
			return LINE_UNSURE;
	}
	return field_or_text(line);
}

static bool body_write(struct message_in *s, const char *p, size_t len)
{
	if (len == 0)
		return true;
	if (s->tap != NULL)
		sink_write(s->tap, p, len);
	return spill_write(&s->m->body, p, len, s->r);
}

/* The field whose lines are complete goes into the header. */
static bool end_field(struct message_in *s)
{
	struct header *h = &s->m->header;

	if (s->line_start == 0)
		return true;
	if (h->text.len + s->line_start > HEADER_MAX)
		return result_fail(s->r, CAUSE_DATA, STEP_INPUT,
				   "the header is larger than %d bytes", HEADER_MAX);
	header_append(h, (struct span){ s->field.p, s->line_start });
	buf_consume(&s->field, s->line_start);
	s->line_start = 0;
	return true;
}

static bool field_too_long(struct message_in *s)
{
	struct span field = buf_span(&s->field);
	const char *colon = memchr(field.p, ':', field.len);
	int name_len = colon != NULL ? (int)(colon - field.p) : 0;

	return result_fail(s->r, CAUSE_DATA, STEP_INPUT,
			   "the header field %.*s is longer than %d bytes",
			   name_len < 100 ? name_len : 100, field.p, FIELD_MAX);
}

/* The line held back is no header: the body begins with it. */
static bool begin_body(struct message_in *s)
{
	if (!end_field(s))
		return false;
	s->in_body = true;
	bool ok = body_write(s, s->field.p, s->field.len);
	buf_free(&s->field);
	return ok;
}

static bool fits(struct message_in *s)
{
	return s->field.len <= FIELD_MAX || field_too_long(s);
}

/* The line belongs to the field. */
static bool take_line(struct message_in *s)
{
	s->line_start = s->field.len;
	return fits(s);
}

static bool complete_line(struct message_in *s)
{
	struct span line = { s->field.p + s->line_start, s->field.len - s->line_start };
	enum line_kind kind = classify(s, line, true);

	s->first_line = false;
	switch (kind) {
	case LINE_EMPTY:
		s->field.len -= 2;
		return begin_body(s);
	case LINE_MBOX_FROM:
		buf_clear(&s->field);
		return true;
	case LINE_FIELD:
		return end_field(s) && take_line(s);
	case LINE_CONTINUED:
		return take_line(s);
	case LINE_UNSURE:
	case LINE_TEXT:
		break;
	}
	return begin_body(s);
}

/* The line that is not complete yet, judged by its beginning: it may be large. */
static bool partial_line(struct message_in *s)
{
	struct span line = { s->field.p + s->line_start, s->field.len - s->line_start };

	switch (classify(s, line, false)) {
	case LINE_TEXT:
		return begin_body(s);
	case LINE_FIELD:
		return end_field(s) && fits(s);
	case LINE_CONTINUED:
		return fits(s);
	default:
		return true;
	}
}

/* Header bytes up to the next line end, or all; *len says how many were taken. */
static bool header_write_piece(struct message_in *s, const char *p, size_t *len)
{
	const char *lf = memchr(p, '\n', *len);

	if (lf != NULL)
		*len = (size_t)(lf - p) + 1;
	buf_add(&s->field, p, *len);
	if (buf_overflowed(&s->field))
		return field_too_long(s);
	return lf != NULL ? complete_line(s) : partial_line(s);
}

static bool split(void *ctx, const char *p, size_t len)
{
	struct message_in *s = ctx;

	while (len > 0 && !s->in_body) {
		size_t n = len;

		if (!header_write_piece(s, p, &n))
			return false;
		p += n;
		len -= n;
	}
	return body_write(s, p, len);
}

static bool check_loop(const struct header *h, struct result *r)
{
	size_t received = 0;

	for (size_t i = header_find(h, FIELD_RECEIVED, 0); i < h->n;
	     i = header_find(h, FIELD_RECEIVED, i + 1))
		received++;
	if (received > RECEIVED_MAX)
		return result_fail(r, CAUSE_LOOP, STEP_HEADER,
				   "mail loop: the message has %zu Received fields, more than %d",
				   received, RECEIVED_MAX);
	return true;
}

void message_in_init(struct message_in *in, struct message *m, const struct sink *tap)
{
	*in = (struct message_in){ .m = m, .tap = tap, .first_line = true };
	buf_init(&in->field, FIELD_MAX + FIELD_NAME_MAX + 1 + READ_PIECE);
	crlf_in_init(&in->crlf, (struct sink){ split, in });
}

bool message_in_feed(struct message_in *in, const char *p, size_t len, struct result *r)
{
	in->r = r;
	return crlf_in_feed(&in->crlf, p, len, r);
}

bool message_in_finish(struct message_in *in, struct result *r)
{
	in->r = r;
	bool ok = crlf_in_finish(&in->crlf) && (in->in_body || end_field(in)) &&
		  spill_finish(&in->m->body, r);
	return ok && check_loop(&in->m->header, r);
}

void message_in_free(struct message_in *in)
{
	crlf_in_free(&in->crlf);
	buf_free(&in->field);
}

static bool read_through(int fd, bool dot_ends, struct message_in *in, struct result *r)
{
	char *piece = xmalloc(READ_PIECE);
	bool line_start = true, any = false, ok = true;

	for (;;) {
		ssize_t n = read(fd, piece, READ_PIECE);

		if (n < 0 && try_again(errno, fd, false))
			continue;
		if (n < 0)
			ok = result_fail(r, CAUSE_READ, STEP_INPUT, "cannot read the message: %s",
					 strerror(errno));
		if (n <= 0)
			break;
		any = true;
		if (dot_ends && line_start && n == 2 && memcmp(piece, ".\n", 2) == 0)
			break;
		line_start = piece[n - 1] == '\n';
		ok = message_in_feed(in, piece, (size_t)n, r);
		if (!ok)
			break;
	}
	free(piece);
	if (ok && !any)
		ok = result_fail(r, CAUSE_NO_INPUT, STEP_INPUT,
				 "no message: standard input is empty");
	return ok;
}

bool message_read(int fd, bool dot_ends, const struct sink *tap, struct message *m,
		  struct result *r)
{
	struct message_in in;

	message_in_init(&in, m, tap);
	bool ok = read_through(fd, dot_ends, &in, r) && message_in_finish(&in, r);
	message_in_free(&in);
	return ok;
}

void message_drain(int fd)
{
	char piece[4096];
	ssize_t n;

	do
		n = read(fd, piece, sizeof piece);
	while (n > 0 || (n < 0 && try_again(errno, fd, false)));
}
