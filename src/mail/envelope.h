/*
 * envelope.h - who a message is for, and who answers for it
 *
 * Addresses here are in the form a command of SMTP carries (RFC 5321 section 4.1.2): a local
 * part quoted where it must be, "@", a domain in ASCII. Whatever cannot be brought into that
 * form is refused here, so that no later stage has to look at it again. A local part may be
 * UTF-8 (RFC 6531 section 3.3); whether the server takes it is known only behind EHLO.
 */
#ifndef MAILCHUTE_ENVELOPE_H
#define MAILCHUTE_ENVELOPE_H

#include "base/buf.h"
#include "base/result.h"
#include "mail/addr.h"

#include <stdbool.h>
#include <stddef.h>

struct envelope {
	char **recipients;
	size_t n;
	size_t cap;
	void *seen; /* search tree over the recipients: each once */
};

void envelope_init(struct envelope *e);
void envelope_free(struct envelope *e);

/*
 * The mailbox as an address on the wire; bare names get `domain`. `origin` tells an error where
 * it came from ("-f", "To:"). CAUSE_DATA when it cannot be one. The string is the caller's;
 * the null address becomes "".
 */
bool envelope_address(const struct mailbox *m, const char *domain, const char *origin, char **out,
		      struct result *r);
/* Text that must be one address, or the null address if allowed, likewise. */
bool envelope_parse(struct span text, bool allow_null, const char *domain, const char *origin,
		    char **out, struct result *r);

/* Only SMTPUTF8 can carry this address: an octet of it is beyond ASCII. */
bool envelope_needs_utf8(const char *address);

/* CAUSE_DATA: `text`, from `origin`, is no address, and why. */
bool envelope_bad_address(struct span text, const char *origin, const char *why, struct result *r);

/*
 * Takes an address over as a recipient; one that is there already (domains compare without
 * case) is freed instead.
 */
void envelope_add(struct envelope *e, char *address);
bool envelope_has(const struct envelope *e, const char *address);

#endif
