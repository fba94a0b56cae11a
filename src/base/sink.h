/*
 * sink.h - where a filter puts its bytes
 *
 * The transformers of the program (line ends, canonicalization, dot-stuffing, the spill) are
 * filters: they are fed pieces of any size and push what comes out into a sink. A sink that
 * fails has told its own struct result why and returns false; everyone above just hands the
 * false on.
 */
#ifndef MAILCHUTE_SINK_H
#define MAILCHUTE_SINK_H

#include <stdbool.h>
#include <stddef.h>

struct sink {
	bool (*write)(void *ctx, const char *p, size_t len);
	void *ctx;
};

static inline bool sink_write(const struct sink *s, const char *p, size_t len)
{
	return len == 0 || s->write(s->ctx, p, len);
}

struct buf;
/* A sink that appends to a buffer and is false once the buffer has overflowed. */
struct sink sink_to_buf(struct buf *b);

#endif
