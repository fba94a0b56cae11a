/*
 * mime.h - walks through the structure of a MIME message, RFC 2046
 *
 * A filter: fed the body, with CRLF line ends, in pieces of any size, it tells a handler what the
 * bytes are. Every byte is told exactly once and in order, so that a handler that writes all it
 * is told writes the body as it was. What it sees depends on the bytes alone, not on the pieces:
 * two walks over one body number its entities alike.
 *
 * Bounds: past MIME_DEPTH_MAX levels, MIME_ENTITIES_MAX entities or a part's header over
 * MIME_HEADER_MAX nothing is taken apart any more; what is left is the content of one sealed leaf.
 */
#ifndef MAILCHUTE_REPAIR_MIME_H
#define MAILCHUTE_REPAIR_MIME_H

#include "base/buf.h"
#include "mail/header.h"
#include "repair/content.h"

#include <stdbool.h>
#include <stddef.h>

#define MIME_DEPTH_MAX    32
#define MIME_ENTITIES_MAX 10000
#define MIME_HEADER_MAX   (128 * 1024)

enum mime_kind {
	MIME_LEAF,
	MIME_MULTIPART, /* entities between delimiters */
	MIME_MESSAGE    /* one entity, with the header of a message */
};

struct mime_entity {
	size_t number; /* 0 is the message, the others follow in order */
	enum mime_kind kind;
	struct content content;
	bool whole; /* its header is that of a message, not of a part */
	/*
	 * Nothing in it may change: it is signed (multipart/signed), of a type that takes no
	 * encoding (RFC 2046 section 5.2), a multipart without a boundary, or past a bound.
	 */
	bool sealed;
};

struct mime_handler {
	/*
	 * An entity's header is complete: its fields, and its bytes as they came with the empty
	 * line, if there was one (no bytes for the message itself).
	 */
	bool (*begin)(void *ctx, const struct mime_entity *e, const struct header *h,
		      struct span raw);
	/* The content of a leaf, or what stands in front of and behind the parts of a multipart. */
	bool (*text)(void *ctx, const struct mime_entity *e, const char *p, size_t len);
	/* A stretch of text is over: the leaf's content, or before and behind delimiters. */
	bool (*end)(void *ctx, const struct mime_entity *e);
	/* A delimiter line of a multipart, with the line break in front that belongs to it. */
	bool (*delimiter)(void *ctx, const struct mime_entity *e, const char *p, size_t len);
	void *ctx;
};

struct mime_level {
	struct mime_entity entity;
	bool closed; /* a multipart whose last delimiter was seen */
};

struct mime {
	struct mime_handler handler; /* any may be false, which ends the walk */
	struct mime_level levels[MIME_DEPTH_MAX];
	size_t depth;    /* levels in use */
	size_t entities; /* begun so far */
	size_t open;     /* multiparts among the levels that are not closed */
	bool in_header;
	bool whole_header; /* of a message */
	bool in_digest;    /* parts without a type are messages, RFC 2046 section 5.1.5 */
	bool opaque;
	bool line_start; /* in text: the bytes held, without a break in front, begin a line */
	struct buf held; /* in text: a line break and what may be a delimiter behind it; in a
			  * header: the line being read */
	struct buf head; /* the header being read, complete lines */
};

/* Begins with the message's own header; its body is fed then. */
bool mime_begin(struct mime *w, const struct header *h, struct mime_handler handler);
/* Both are false as soon as the handler is. */
bool mime_feed(struct mime *w, const char *p, size_t len);
bool mime_finish(struct mime *w);
void mime_free(struct mime *w);

#endif
