/*
 * dot.c - dot-stuffing
 */
#include "smtp/dot.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"

void dot_out_init(struct dot_out *d, struct sink to)
{
	*d = (struct dot_out){ .to = to };
}

bool dot_out_feed(struct dot_out *d, const char *p, size_t len)
{
	size_t sent = 0, at = 0;

	/* Runs without a dot at a line's beginning go out in one piece. */
	while (at < len) {
		if (!d->mid_line && p[at] == '.') {
			if (!sink_write(&d->to, p + sent, at - sent) || !sink_write(&d->to, ".", 1))
				return false;
			sent = at;
		}
		const char *lf = memchr(p + at, '\n', len - at);
		d->mid_line = lf == NULL;
		at = lf != NULL ? (size_t)(lf - p) + 1 : len;
	}
	return sink_write(&d->to, p + sent, len - sent);
}

bool dot_out_finish(struct dot_out *d)
{
	assert(!d->mid_line);
	return sink_write(&d->to, ".\r\n", 3);
}

void dot_in_init(struct dot_in *d, bool lf, struct sink to)
{
	*d = (struct dot_in){ .to = to, .lf = lf, .state = DOT_AT_START };
}

/* The state behind a byte of text. */
static void step_text(struct dot_in *d, char c)
{
	if (c == '\n' && d->state == DOT_TEXT_CR) {
		d->state = DOT_AT_CRLF;
		d->lf = false; /* not throughout, then */
	} else if (c == '\n')
		d->state = DOT_AT_LF;
	else
		d->state = c == '\r' ? DOT_TEXT_CR : DOT_TEXT;
}

/* May a line begin here, as far as this session is concerned? */
static bool at_line_start(const struct dot_in *d)
{
	return d->state == DOT_AT_CRLF || d->state == DOT_AT_START ||
	       (d->state == DOT_AT_LF && d->lf);
}

/*
 * One byte while a dot at a line's beginning is held back. True if it ends the message. *put
 * says what has to come out before the byte itself.
 */
static bool step_dot(struct dot_in *d, char c, const char **put)
{
	*put = "";
	if (d->state == DOT_DOT && c == '\r') {
		d->state = DOT_DOT_CR;
		return false;
	}
	if (c == '\n' && (d->state == DOT_DOT_CR ? !d->after_lf : d->lf && !d->after_crlf))
		return true;
	/* An ordinary line: the dot was stuffing, and is gone. A CR that was held back is not. */
	if (d->state == DOT_DOT_CR) {
		*put = "\r";
		d->state = DOT_TEXT_CR;
	} else {
		d->state = DOT_TEXT;
	}
	step_text(d, c);
	return false;
}

bool dot_in_feed(struct dot_in *d, const char *p, size_t len, size_t *taken)
{
	size_t sent = 0, at = 0;

	for (; at < len && !d->ended; at++) {
		const char *put;

		if (d->state == DOT_DOT || d->state == DOT_DOT_CR) {
			d->ended = step_dot(d, p[at], &put);
			if (put[0] != '\0' && !sink_write(&d->to, put, 1))
				return false;
			sent = d->ended || d->state == DOT_DOT_CR ? at + 1 : at;
		} else if (p[at] == '.' && at_line_start(d)) {
			if (!sink_write(&d->to, p + sent, at - sent))
				return false;
			d->after_lf = d->state == DOT_AT_LF;
			d->after_crlf = d->state == DOT_AT_CRLF;
			d->state = DOT_DOT;
			sent = at + 1;
		} else {
			step_text(d, p[at]);
		}
	}
	*taken = at;
	return sent >= at || sink_write(&d->to, p + sent, at - sent);
}
