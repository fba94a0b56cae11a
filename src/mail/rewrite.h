/*
 * rewrite.h - senders that mean nothing outside this host get an address that does
 *
 * "root (Cron Daemon)" cannot be answered, authenticated or signed for. Its address gives way
 * to the account's; who it was stays readable in the display name, for somebody with fifty
 * machines, and whole in X-Original-From.
 */
#ifndef MAILCHUTE_REWRITE_H
#define MAILCHUTE_REWRITE_H

#include "base/policy.h"
#include "mail/header.h"

#include <stdbool.h>

/* All borrowed. */
struct rewrite {
	enum rewrite_mode mode;
	const char *from;      /* the address to put there; NULL: nothing is rewritten */
	const char *node;      /* this host, in "root@web1" */
	const char *login;     /* the caller */
	const char *full_name; /* the caller's, or NULL */
	const char *name;      /* given for this message (-F), or NULL */
	bool (*is_local)(void *ctx, const char *domain);
	void *ctx;
};

/* True if a sender with this domain (NULL for a bare name) is to be replaced. */
bool rewrite_applies(const struct rewrite *w, const char *domain);

/*
 * Rewrites From: and Sender: where it applies to all of their mailboxes. The old value goes to
 * X-Original-From (X-Original-Sender); to Reply-To as well when it is an address others can
 * reach and there is none. Fields that cannot be parsed stay.
 */
void rewrite_header(struct header *h, const struct rewrite *w);

/*
 * The same for a From: field that names nobody ("Mail System <>", or no address list at all),
 * which nobody outside could answer either. False where senders are not rewritten.
 */
bool rewrite_unreadable(struct header *h, const struct rewrite *w);

#endif
