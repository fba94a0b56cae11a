/*
 * envelope.h - who a message is for, and who answers for it
 *
 * Addresses here are in the form a command of SMTP carries (RFC 5321 section 4.1.2): a local
 * part quoted where it must be, "@", a domain in ASCII. Whatever cannot be brought into that
 * form is refused here, so that no later stage has to look at it again.
 */
#ifndef MAILCHUTE_ENVELOPE_H
#define MAILCHUTE_ENVELOPE_H

#include "base/buf.h"
#include "base/result.h"
#include "mail/addr.h"
#include "mail/header.h"

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

/*
 * Adds every mailbox of an address list; one that is there already (domains compare without
 * case) is not added again. CAUSE_DATA for the first that is no address.
 */
bool envelope_add_list(struct envelope *e, struct span list, const char *domain, const char *origin,
		       struct result *r);
/*
 * The recipients -t takes from the header: To, Cc, Bcc, or Resent-To, Resent-Cc, Resent-Bcc
 * alone when there is any Resent- field (RFC 5322 section 3.6.6).
 */
bool envelope_add_header(struct envelope *e, const struct header *h, const char *domain,
			 struct result *r);

#endif
