/*
 * survey.h - what a body is like, noted while it is read
 *
 * Whether a message has to change is known only when the server has told what it takes; what is
 * noted here for each MIME entity answers that without reading the body again.
 */
#ifndef MAILCHUTE_REPAIR_SURVEY_H
#define MAILCHUTE_REPAIR_SURVEY_H

#include "base/sink.h"
#include "mail/header.h"
#include "repair/mime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one entity: its header as a part, and its text (a leaf's content, a multipart's frame). */
struct entity_facts {
	bool sealed;    /* as struct mime_entity has it, at the end */
	bool delimited; /* a multipart that has a delimiter */
	bool head_eight_bit;
	bool head_long; /* a line over 998 octets */
	bool eight_bit;
	bool not_utf8;
	bool long_line;
	bool mislabelled; /* octets beyond ASCII, and no Content-Transfer-Encoding that says so */
	uint64_t size;    /* octets */
	uint64_t special; /* of them those that quoted-printable writes as three, from where on it
			   * is known that they may have to be */
};

struct survey {
	const struct header *header; /* the message's, complete before its body comes */
	struct mime walk;
	bool begun;
	struct entity_facts *facts; /* by the entities' numbers */
	size_t n;
	size_t cap;
	uint64_t line_len;     /* of the line being read */
	unsigned char tail[4]; /* the beginning of a UTF-8 sequence, its rest to come */
	size_t n_tail;

	/* Of the whole body. */
	bool eight_bit;
	bool long_line;
	bool mislabelled; /* a part, which is not sealed; the message's own label is in its header
			   */
};

/* Borrows the header until the end. survey_free is due. */
void survey_init(struct survey *s, const struct header *h);
/* Takes the body, in pieces of any size; never fails. Borrows `s`. */
struct sink survey_sink(struct survey *s);
void survey_finish(struct survey *s);
/* The message itself as an entity, once finished. */
const struct mime_entity *survey_message(const struct survey *s);
void survey_free(struct survey *s);

#endif
