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
};

void message_init(struct message *m);
void message_free(struct message *m);

/*
 * A message on its way in, fed in pieces of any size. Header and body are told apart as RFC 5322
 * section 2.1 has it, with what real senders do: a "From " line of an mbox in front is dropped,
 * and a line that is no field ends the header and begins the body, as if an empty line stood
 * before it.
 */
struct message_in {
	struct message *m;
	const struct sink *tap; /* gets the body as well; must not fail; may be NULL */
	struct crlf_in crlf;
	struct buf field;  /* the field being read, complete lines first */
	size_t line_start; /* in field: where the line that is not complete begins */
	bool in_body;
	bool first_line;
	struct result *r; /* of the call that is running */
};

/* `in` must stay where it is until message_in_free. */
void message_in_init(struct message_in *in, struct message *m, const struct sink *tap);
/*
 * Fails with CAUSE_DATA (NUL, header over HEADER_MAX, field over FIELD_MAX), or as the spill
 * does; nothing more is to be fed then.
 */
bool message_in_feed(struct message_in *in, const char *p, size_t len, struct result *r);
/* The end: also CAUSE_LOOP, for more than RECEIVED_MAX Received fields. */
bool message_in_finish(struct message_in *in, struct result *r);
void message_in_free(struct message_in *in);

/*
 * Reads `fd` to its end into `m`, as above; also CAUSE_NO_INPUT when there is no byte at all,
 * and CAUSE_READ. With `dot_ends` a line of one dot ends the message too, which is meant for a
 * terminal: it is noticed only where read(2) returns line by line.
 */
bool message_read(int fd, bool dot_ends, const struct sink *tap, struct message *m,
		  struct result *r);

/*
 * Reads `fd` to its end and forgets it: a caller whose message is refused should find out by
 * our status and words, not by a broken pipe in the middle of its writing.
 */
void message_drain(int fd);

#endif
