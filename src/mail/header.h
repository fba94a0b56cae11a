/*
 * header.h - the header of a message, as a list of fields
 *
 * The fields' text lives in one arena and is never moved apart: a field is an offset and a
 * length, so that a header of a quarter of a million fields costs what its bytes cost. Text is
 * kept exactly as it came, folding included; a field ends in CRLF always.
 */
#ifndef MAILCHUTE_HEADER_H
#define MAILCHUTE_HEADER_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER_MAX (1024 * 1024)
#define FIELD_MAX  (256 * 1024)
/* The ceiling for what is read is HEADER_MAX; what we add to it is bounded and fits. */
#define HEADER_ARENA_MAX (8 * 1024 * 1024)

/* The fields the program acts on; all others are FIELD_OTHER. Names and traits: header.c. */
enum field_id {
	FIELD_OTHER,
	FIELD_FROM,
	FIELD_SENDER,
	FIELD_REPLY_TO,
	FIELD_TO,
	FIELD_CC,
	FIELD_BCC,
	FIELD_SUBJECT,
	FIELD_DATE,
	FIELD_MESSAGE_ID,
	FIELD_RETURN_PATH,
	FIELD_CONTENT_LENGTH,
	FIELD_RECEIVED,
	FIELD_RESENT_FROM,
	FIELD_RESENT_SENDER,
	FIELD_RESENT_REPLY_TO,
	FIELD_RESENT_TO,
	FIELD_RESENT_CC,
	FIELD_RESENT_BCC,
	FIELD_RESENT_DATE,
	FIELD_RESENT_MESSAGE_ID,
	FIELD_ID_COUNT
};

enum field_trait {
	TRAIT_RECIPIENT = 1, /* names recipients for -t */
	TRAIT_RESENT = 2,    /* belongs to a Resent- block */
	TRAIT_DROP = 4,      /* never leaves this host */
	TRAIT_ADDRESS = 8    /* its value is a list of addresses */
};

struct field {
	uint32_t off;      /* in header.text */
	uint32_t len;      /* with the final CRLF */
	uint32_t name_len; /* without the white space before the colon */
	enum field_id id;
};

struct header {
	struct buf text; /* the arena */
	struct field *fields;
	size_t n;
	size_t cap;
	bool frozen; /* signed: asserted never to change again */
};

void header_init(struct header *h);
void header_free(struct header *h);
/*
 * Takes one complete field (name, colon, value, folded or not, CRLF at the end) in before
 * position `at` (h->n: behind all). The bytes are copied.
 */
void header_insert(struct header *h, size_t at, struct span field);
void header_append(struct header *h, struct span field);
/* Makes "Name: value CRLF" of two checked strings and inserts it. */
void header_insert_value(struct header *h, size_t at, const char *name, const char *value);
/* Puts another complete field in the place of the one at `at`. */
void header_replace(struct header *h, size_t at, struct span field);
/* Takes out the field at `at`. */
void header_remove(struct header *h, size_t at);
/* Takes out every field that has one of these traits, in one pass. */
void header_drop(struct header *h, unsigned traits);
/* From now on changing the header is a bug; called when it has been signed. */
void header_freeze(struct header *h);

struct span header_field(const struct header *h, size_t at); /* all of it, CRLF included */
struct span header_name(const struct header *h, size_t at);
struct span header_value(const struct header *h, size_t at); /* behind the colon, as it is,
								without the final CRLF */
/* The first field with this id at or behind `from`; h->n if there is none. */
size_t header_find(const struct header *h, enum field_id id, size_t from);
bool header_has(const struct header *h, enum field_id id);
/*
 * The first Resent- block (RFC 5322 section 3.6.6), which is the latest: the fields from *first
 * up to, and without, *end. It begins at the first field with TRAIT_RESENT, goes on over those
 * that follow directly, unknown ones (Resent-Comments) among them, and ends where one of its
 * names comes again, as that is the next block's. False, and both h->n, when there is none.
 */
bool header_resent_block(const struct header *h, size_t *first, size_t *end);
/* All fields, in order, appended; no empty line behind them. */
void header_write(const struct header *h, struct buf *out);
/* True if any octet of it is beyond ASCII. */
bool header_has_8bit(const struct header *h);
/* The bytes header_write would append. */
size_t header_size(const struct header *h);

enum field_id field_id_of(struct span name);
const char *field_name(enum field_id id);
unsigned field_traits(enum field_id id);

#endif
