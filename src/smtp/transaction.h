/*
 * transaction.h - MAIL, RCPT, DATA: one message to its recipients in an open session
 */
#ifndef MAILCHUTE_TRANSACTION_H
#define MAILCHUTE_TRANSACTION_H

#include "base/buf.h"
#include "base/result.h"
#include "base/spill.h"
#include "smtp/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The message as it goes onto the wire, but for dot-stuffing. Borrowed. */
struct smtp_content {
	struct span header; /* final, signed, its fields only */
	const struct spill *body;
	bool eight_bit; /* octets beyond ASCII: BODY=8BITMIME */
	bool utf8;      /* SMTPUTF8, where the host offers it */
};

/* Header, empty line and body: what SIZE= counts. */
uint64_t smtp_content_size(const struct smtp_content *content);
/* CAUSE_DATA, with both numbers, when the server told that it takes no message of this size. */
bool smtp_check_size(const struct client *c, uint64_t size, struct result *r);

/* What else is said about a message; strings are checked and borrowed, NULL when not given. */
struct smtp_options {
	const char *notify; /* NOTIFY= of RFC 3461, "NEVER" or a list */
	const char *ret;    /* RET=, "FULL" or "HDRS" */
	const char *envid;  /* ENVID=, in xtext */
	bool requiretls;    /* RFC 8689 */
	bool smtputf8;      /* RFC 6531 */
};

struct smtp_recipient {
	const char *address; /* borrowed, in the form of a command */
	bool accepted;
	struct result result; /* the refusal, when there was one; the caller frees it */
};

/*
 * Queues MAIL. DSN parameters are left out where the server does not do DSN; REQUIRETLS and
 * SMTPUTF8 are demands, and CAUSE_CONFIG where they cannot be met. `size` 0 is not told.
 */
bool smtp_queue_mail(struct client *c, const char *sender, const struct smtp_options *options,
		     uint64_t size, bool eight_bit, struct result *r);
/* Queues RCPT; `orcpt` is the parameter's value as it is, or NULL. */
bool smtp_queue_rcpt(struct client *c, const char *address, const struct smtp_options *options,
		     const char *orcpt, struct result *r);
/*
 * DATA (unless `data_asked`: it is queued or sent already), the message, and the reply to it.
 * *sent and r as in smtp_transaction.
 */
bool smtp_send_content(struct client *c, const struct smtp_content *content, bool data_asked,
		       bool *sent, struct result *r);

/*
 * Sends one message. With PIPELINING, MAIL, every RCPT and DATA share a flight; DATA waits for
 * the RCPT replies when `all_or_nothing`, or when the message is large.
 *
 * *sent tells whether the server took the message for the accepted recipients. False only when
 * the message or the session failed (r filled, maybe_sent set when the reply to the last byte
 * is what is missing); refused recipients are told in their own results.
 */
bool smtp_transaction(struct client *c, const char *sender, struct smtp_recipient *recipients,
		      size_t n, bool all_or_nothing, const struct smtp_options *options,
		      const struct smtp_content *content, bool *sent, struct result *r);

#endif
