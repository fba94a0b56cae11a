/*
 * message.h - a message as it was read: header in memory, body in a spill
 */
#ifndef MAILCHUTE_MESSAGE_H
#define MAILCHUTE_MESSAGE_H

#include "base/result.h"
#include "base/sink.h"
#include "base/spill.h"
#include "mail/crlf.h"
#include "mail/header.h"

#include <stdbool.h>

#define RECEIVED_MAX 100

struct message {
	struct header header;
	struct spill body; /* CRLF line ends, not dot-stuffed */
	struct facts facts;
};

void message_init(struct message *m);
void message_free(struct message *m);

/*
 * Reads `fd` to its end into `m`. Header and body are told apart as RFC 5322 section 2.1 has
 * it, with what real senders do: a "From " line of an mbox in front is dropped, and a line that
 * is no field ends the header and begins the body, as if an empty line stood before it.
 *
 * `tap` (may be NULL) gets the body as well, while it is read; it must not fail. With
 * `dot_ends` a line of one dot ends the message too, which is meant for a terminal: it is
 * noticed only where read(2) returns line by line.
 *
 * Fails with CAUSE_NO_INPUT when there is no byte at all, CAUSE_READ, CAUSE_DATA (NUL, header
 * over HEADER_MAX, field over FIELD_MAX), CAUSE_LOOP, or as the spill does.
 */
bool message_read(int fd, bool dot_ends, const struct sink *tap, struct message *m,
		  struct result *r);

/*
 * Reads `fd` to its end and forgets it: a caller whose message is refused should find out by
 * our status and words, not by a broken pipe in the middle of its writing.
 */
void message_drain(int fd);

#endif
