/*
 * canon.h - canonicalization of header fields and of the body, RFC 6376 section 3.4
 *
 * The body's is a filter: fed in pieces of any size while the message is read, it pushes the
 * canonical form into a sink (a digest, in a test a buffer). Its input has CRLF line ends and
 * ends in CRLF, as everything past crlf_in does.
 */
#ifndef MAILCHUTE_DKIM_CANON_H
#define MAILCHUTE_DKIM_CANON_H

#include "base/buf.h"
#include "base/sink.h"
#include "dkim/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum canon { CANON_SIMPLE, CANON_RELAXED, CANON_COUNT };

struct canon_body {
	enum canon kind;
	struct sink to;
	uint64_t breaks; /* CRLFs held back: one stays at the end, all stay before more text */
	bool cr;         /* a CR was seen whose LF may be in the next piece */
	bool blank;      /* relaxed: white space held back */
	bool any;        /* some text came */
};

/* "simple" or "relaxed", as c= has it. */
const char *canon_name(enum canon kind);

void canon_body_init(struct canon_body *c, enum canon kind, struct sink to);
/* False as soon as the sink is. */
bool canon_body_feed(struct canon_body *c, const char *p, size_t len);
/* The end of the body: simple gives CRLF for an empty one, relaxed nothing. */
bool canon_body_finish(struct canon_body *c);

/*
 * Appends one field in canonical form, which is never longer than the field. `field` is complete
 * with its CRLF; the result ends in CRLF too unless `last` (the DKIM-Signature field itself goes
 * in without, section 3.7).
 */
void canon_field(enum canon kind, struct span field, bool last, struct buf *out);

/*
 * The body hashes of one message, for each canonicalization that some key uses: feed it the
 * body while it is read (body_hash_sink), then ask.
 */
struct body_hash {
	struct digest *digest[CANON_COUNT]; /* NULL: not wanted, or done */
	struct canon_body canon[CANON_COUNT];
	unsigned char hash[CANON_COUNT][SHA256_SIZE];
	bool wanted[CANON_COUNT];
};

/* Owns memory until body_hash_finish or body_hash_free. */
void body_hash_init(struct body_hash *b, bool simple, bool relaxed);
/* Takes the body in pieces of any size; never fails. Borrows `b`. */
struct sink body_hash_sink(struct body_hash *b);
/* The end of the body: b->hash is filled for each kind wanted. */
void body_hash_finish(struct body_hash *b);
/* Drops what was begun and not finished; may be called at any time after body_hash_init. */
void body_hash_free(struct body_hash *b);

#endif
