/*
 * transaction.h - MAIL, RCPT, DATA or BDAT: one message to some recipients in an open session
 */
#ifndef MAILCHUTE_TRANSACTION_H
#define MAILCHUTE_TRANSACTION_H

#include "base/result.h"
#include "smtp/client.h"
#include "smtp/content.h"
#include "smtp/parameters.h"

#include <stdbool.h>
#include <stddef.h>

enum recipient_state {
	RECIPIENT_WAITING,  /* nothing was said about them */
	RECIPIENT_ACCEPTED, /* by RCPT */
	RECIPIENT_REFUSED,  /* by RCPT, or LMTP's answer to the message */
	RECIPIENT_DONE      /* the server took the message for them */
};

struct smtp_recipient {
	const char *address; /* borrowed, in the form of a command */
	enum recipient_state state;
	struct result result; /* the refusal, when there was one; owned */
	char *refused_by;     /* the host's name then; owned */
};

/* Frees what it owns; it is waiting afterwards, as if nothing had been said. */
void smtp_recipient_reset(struct smtp_recipient *rcpt);

/* One transaction. All borrowed. */
struct smtp_transaction {
	const char *sender; /* reverse-path, "" for the null one */
	struct smtp_recipient **recipients;
	size_t n;
	bool all_or_nothing;
	bool last; /* QUIT may go with the message, if nobody is refused as one too many */
	const struct smtp_options *options;
	const struct smtp_content *content;
	char **reply; /* NULL in it: gets the first answer that takes the message; the caller frees
			 it */
};

/*
 * Sends one message. With PIPELINING, MAIL and every RCPT share a flight, with the message itself
 * in it where there is CHUNKING, and DATA where there is not. The message waits for the RCPT
 * replies when `all_or_nothing`, or when it is large: what is sent cannot be taken back.
 *
 * The recipients' states tell who has the message; refusals are in their own results, and no
 * failure here. False only when the message or the session failed: r is filled, maybe_sent set
 * when the last byte had left and nothing says that the message was not taken.
 */
bool smtp_transaction(struct client *c, const struct smtp_transaction *t, struct result *r);

/*
 * Does a refusal mean "too many recipients" (RFC 5321 section 4.5.3.1.10, where 552 means it too),
 * so that a further transaction may serve?
 */
bool smtp_too_many(const struct result *r);

/*
 * DATA or BDAT to the recipients that were accepted already, for a session told step by step
 * (-bs). True when the server took the message; r as above. With LMTP there must be one recipient.
 */
bool smtp_send_content(struct client *c, const struct smtp_content *content, struct result *r);

#endif
