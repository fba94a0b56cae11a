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
	bool eight_bit;
};

/* Header, empty line and body: what SIZE= counts. */
uint64_t smtp_content_size(const struct smtp_content *content);

struct smtp_recipient {
	const char *address; /* borrowed, in the form of a command */
	bool accepted;
	struct result result; /* the refusal, when there was one; the caller frees it */
};

/*
 * Sends one message. With PIPELINING, MAIL, every RCPT and DATA share a flight; DATA waits for
 * the RCPT replies when `all_or_nothing`, or when the message is large.
 *
 * *sent tells whether the server took the message for the accepted recipients. False only when
 * the message or the session failed (r filled, maybe_sent set when the reply to the last byte
 * is what is missing); refused recipients are told in their own results.
 */
bool smtp_transaction(struct client *c, const char *sender, struct smtp_recipient *recipients,
		      size_t n, bool all_or_nothing, const struct smtp_content *content, bool *sent,
		      struct result *r);

#endif
