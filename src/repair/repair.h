/*
 * repair.h - a message as it was written, made one that this server takes
 *
 * What is right stays as it is, byte for byte. What is not is changed as little as possible:
 *
 *	octets beyond ASCII in the body	  declared (MIME-Version, Content-Type, Content-Transfer-
 *					  Encoding) where they are not; without 8BITMIME encoded
 *	lines over 998 octets		  encoded in a body, folded in a header
 *	octets beyond ASCII in a header	  encoded words, A-labels, RFC 2231, unless the message goes
 *					  as RFC 6532 has it, with SMTPUTF8
 *
 * This is done behind EHLO, before signing, and from the original anew for each host.
 */
#ifndef MAILCHUTE_REPAIR_H
#define MAILCHUTE_REPAIR_H

#include "base/policy.h"
#include "base/result.h"
#include "base/sink.h"
#include "base/spill.h"
#include "mail/message.h"
#include "repair/survey.h"

#include <stdbool.h>

/* What can be done, and what is wanted. Borrowed. */
struct repair_terms {
	bool eight_bit;           /* the server takes octets beyond ASCII (8BITMIME) */
	bool utf8;                /* it takes SMTPUTF8, and the account allows it */
	bool utf8_preferred;      /* where encoded words would do as well */
	bool may_change;          /* repair = on; else what is wrong is refused */
	const char *utf8_address; /* of the envelope, with a local part beyond ASCII, or NULL */
	const char *charset;      /* of octets nobody declares and that are no UTF-8: a token */
};

struct repaired {
	struct header header;
	struct spill body;
	bool changed_body; /* else the message's own is to be sent, and this one is empty */
	bool eight_bit;    /* header or body hold octets beyond ASCII */
	bool utf8;         /* SMTPUTF8 has to be asked for */
};

void repaired_init(struct repaired *out);
void repaired_free(struct repaired *out);

/*
 * Fills *out, which is empty, for repaired_free in either case. A body that has to change is
 * written into out->body, and into `tap` too. Fails with CAUSE_DATA when what is wrong may not be
 * touched (multipart/signed, message/partial, repair = off), cannot be mended (a field without
 * white space), or needs SMTPUTF8; and as the spill does.
 */
bool repair_message(const struct message *m, const struct survey *survey,
		    const struct repair_terms *terms, const struct sink *tap, struct repaired *out,
		    struct result *r);

#endif
