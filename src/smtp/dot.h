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

#endif
