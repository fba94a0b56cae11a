/*
 * recipients.h - from the recipients a caller names to those the smart host is told
 *
 * Bare names, and addresses in the domains of this host, go through the aliases first, again
 * and again until nothing changes. What comes out is put into the envelope.
 */
#ifndef MAILCHUTE_RECIPIENTS_H
#define MAILCHUTE_RECIPIENTS_H

#include "base/buf.h"
#include "base/result.h"
#include "mail/alias.h"
#include "mail/envelope.h"
#include "mail/header.h"

#include <stdbool.h>
#include <stddef.h>

#define ALIAS_DEPTH_MAX 32
#define ALIAS_STEPS_MAX 20000 /* for one message: aliases of aliases multiply */

struct recipients {
	struct envelope *to;
	const char *domain;         /* for bare names */
	const char *alias_file;     /* read when the first name of this host comes; NULL: none */
	struct aliases *aliases;    /* what was read */
	char *const *local_domains; /* NULL at the end; addresses there are names of this host */
	size_t steps;               /* taken so far */
	/*
	 * For -bv, may be NULL: told each step in order. `how` is NULL for a final address, else
	 * says what became of `address`, whose targets follow one level deeper.
	 */
	void (*tell)(void *ctx, unsigned depth, const char *address, const char *how);
	void *ctx;
};

/* All borrowed until recipients_free, which leaves the envelope alone. */
void recipients_init(struct recipients *rc, struct envelope *to, const char *domain,
		     const char *alias_file, char *const *local_domains);
void recipients_free(struct recipients *rc);

/*
 * Adds every mailbox of an address list. `origin` tells an error where the list came from
 * ("To:"). CAUSE_DATA for the first that is no address; CAUSE_CONFIG for an alias that loops,
 * is no address, or leads to a program or a file. A list that begins with a backslash is one
 * name that is not to be an alias.
 */
bool recipients_add_list(struct recipients *rc, struct span list, const char *origin,
			 struct result *r);
/*
 * The recipients -t takes from the header: To, Cc, Bcc, or when there is a Resent- block
 * Resent-To, Resent-Cc, Resent-Bcc of the first one alone (header_resent_block): the others
 * tell to whom it was sent before.
 */
bool recipients_add_header(struct recipients *rc, const struct header *h, struct result *r);
/* Reads the alias file now, for newaliases. */
bool recipients_load_aliases(struct recipients *rc, struct result *r);
/* Follows every target of an alias, for newaliases: a failure says what is wrong with it. */
bool recipients_try_alias(struct recipients *rc, const struct alias *alias, struct result *r);

#endif
