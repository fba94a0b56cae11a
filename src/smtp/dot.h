/*
 * dot.h - dot-stuffing, RFC 5321 section 4.5.2
 *
 * A filter between the message (CRLF line ends only) and the connection: a dot that begins a
 * line gets a second one, and at the end comes the line of one dot. It never repairs line ends:
 * that was done long before, and doing both in one loop is how messages are smuggled.
 */
#ifndef MAILCHUTE_DOT_H
#define MAILCHUTE_DOT_H

#include "base/sink.h"

#include <stdbool.h>
#include <stddef.h>

struct dot_out {
	struct sink to;
	bool mid_line; /* the last byte was not the end of a line */
};

void dot_out_init(struct dot_out *d, struct sink to);
bool dot_out_feed(struct dot_out *d, const char *p, size_t len);
/* The end of data. What was fed must have ended with CRLF (asserted). */
bool dot_out_finish(struct dot_out *d);

/*
 * The other way: what an SMTP client sends behind DATA, up to its end. The bytes that come out
 * are the message as it was meant, its line ends untouched.
 *
 * Only CRLF "." CRLF ends a message, or LF "." LF in a session that has spoken LF alone: bytes
 * that one program takes for the end and another does not are how messages are smuggled. For
 * the same reason a dot is taken away only behind a line end that counts as one.
 */
struct dot_in {
	struct sink to;
	bool lf;    /* the session speaks LF throughout */
	bool ended; /* the end was seen; nothing more is taken */
	enum {
		DOT_AT_CRLF,
		DOT_AT_LF,
		DOT_AT_START,
		DOT_TEXT,
		DOT_TEXT_CR,
		DOT_DOT,
		DOT_DOT_CR
	} state;
	bool after_lf;   /* the dot held back came behind a lone LF */
	bool after_crlf; /* behind CRLF */
};

void dot_in_init(struct dot_in *d, bool lf, struct sink to);
/*
 * Takes from p what belongs to the message, at most `len` bytes; *taken says how many, the end
 * included. False when the sink fails.
 */
bool dot_in_feed(struct dot_in *d, const char *p, size_t len, size_t *taken);

#endif
