/*
 * buf.h - the one growable buffer, and the borrowed piece of bytes
 *
 * Every buffer has a ceiling, named where it is made. Bytes that would pass it are not added,
 * and the buffer says so from then on (buf_overflowed): where a hostile input can reach the
 * ceiling, the caller asks once at the end instead of after each addition. Running out of
 * memory ends the process with EX_TEMPFAIL (see util.h), so nothing here reports it.
 *
 * Contents are bytes with a length; a NUL follows them always, for the few readers that want
 * a C string and know that none is inside (buf_str).
 */
#ifndef MAILCHUTE_BUF_H
#define MAILCHUTE_BUF_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that belong to somebody else; valid as long as their owner leaves them alone. */
struct span {
	const char *p;
	size_t len;
};

struct buf {
	char *p; /* NULL until the first byte */
	size_t len;
	size_t cap;
	size_t max; /* the ceiling, in bytes */
	bool overflowed;
};

/* An empty buffer that will never hold more than `max` bytes. Owns memory once filled. */
void buf_init(struct buf *b, size_t max);
/* Gives the memory back; the buffer is empty and usable again, its ceiling kept. */
void buf_free(struct buf *b);
/* Like buf_free, but overwrites the contents first; for secrets. */
void buf_wipe(struct buf *b);
/* Empties the buffer and keeps its memory. */
void buf_clear(struct buf *b);
/* Makes room for `len` bytes in all, up to the ceiling, so that a secret is never moved. */
void buf_reserve(struct buf *b, size_t len);

void buf_add(struct buf *b, const void *p, size_t len);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_addspan(struct buf *b, struct span s);
/* printf for our own words and for strings that were checked; never for message bytes. */
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first `len` bytes (at most all). */
void buf_consume(struct buf *b, size_t len);

/* True once bytes were left out because of the ceiling. */
bool buf_overflowed(const struct buf *b);
/* The contents as a C string, "" when empty. Borrowed: valid until the next change. */
const char *buf_str(const struct buf *b);
/* The contents as a string of its own, for the caller to free(); the buffer is emptied. */
char *buf_detach(struct buf *b);
struct span buf_span(const struct buf *b);

struct span span_of(const char *s); /* of a C string, without its NUL */
bool span_eq(struct span a, struct span b);
bool span_ieq(struct span a, const char *s); /* ASCII case ignored */
/* Without white space (blank, tab, CR, LF) at both ends. */
struct span span_trim(struct span s);

#endif
