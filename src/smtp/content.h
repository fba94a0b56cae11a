/*
 * content.h - the message itself on its way: behind DATA, dot-stuffed, or as one chunk
 */
#ifndef MAILCHUTE_CONTENT_H
#define MAILCHUTE_CONTENT_H

#include "base/buf.h"
#include "base/result.h"
#include "base/spill.h"
#include "smtp/client.h"

#include <stdbool.h>
#include <stdint.h>

#define CONTENT_LAST_WORDS_MS 1000 /* for what a server said before it broke off */

/* The message as it goes onto the wire, but for dot-stuffing. Borrowed. */
struct smtp_content {
	struct span header; /* final, signed, its fields only */
	const struct spill *body;
	bool eight_bit; /* octets beyond ASCII: BODY=8BITMIME */
	bool utf8;      /* SMTPUTF8, where the host offers it */
};

/* Header, empty line and body: what SIZE= counts, and BDAT. */
uint64_t smtp_content_size(const struct smtp_content *content);

/*
 * The whole message: with CHUNKING as BDAT ... LAST (RFC 3030), else dot-stuffed, for which DATA's
 * 354 must have come. QUIT goes with it if `quit`. True when everything has left; the step's time
 * is for each piece: a slow line may take long, silence may not.
 *
 * *complete tells whether the server may have all of the message, which it also may when no more
 * than QUIT got stuck.
 */
bool content_write(struct client *c, const struct smtp_content *content, bool quit, bool *complete,
		   struct result *r);
/*
 * A server that breaks off in the middle of the message has often said why before: that tells
 * more than the lost connection in `r`, which it replaces, if there is any.
 */
void content_prefer_last_words(struct client *c, struct result *r);

#endif
