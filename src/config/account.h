/*
 * account.h - which account sends for this sender, and which keys sign for this author
 */
#ifndef MAILCHUTE_ACCOUNT_H
#define MAILCHUTE_ACCOUNT_H

#include "base/result.h"
#include "config/conf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The account named `name` (--account), if not NULL; else the first whose `senders` match
 * `sender` (an address, NULL or "" when there is none); else the first that matches `author`
 * (likewise); else the default one. NULL and r (CAUSE_CONFIG) when none fits.
 */
const struct conf_account *account_choose(const struct conf *c, const char *name,
					  const char *sender, const char *author, struct result *r);

/* The smart host's name for a message: the first of the list. Borrowed. */
const char *account_host(const struct conf_account *a);

/* True if there may be a session with TLS, by an entry of `host` that wants it. */
bool account_may_use_tls(const struct conf_account *a);

/*
 * True if password or token may go over a network in clear: a mechanism that shows it is listed,
 * and an entry of `host` but a Unix domain socket is to do without TLS.
 */
bool account_sends_clear(const struct conf_account *a);

/*
 * True if the address (with its domain) matches a pattern of `senders`: '*', '?' and '[...]' as in
 * a shell, the domain without regard to case; with "+detail" in its local part, the address matches
 * by its whole local part or by the part before it. A pattern without "@" is one of local parts.
 */
bool account_matches(const char *pattern, const char *address);

/*
 * True for a domain that means nothing outside this host: NULL (a bare name), without a dot,
 * equal to `hostname` (may be NULL) or one of `local_domains` (NULL at the end), or under
 * .local, .lan, .internal, .localdomain, .home.arpa.
 */
bool domain_is_local(const char *domain, const char *hostname, char *const *local_domains);

/*
 * The next dkim section after `previous` (NULL: the first) that signs for the domain of an
 * author: the same domain, or with `subdomains` a parent of it. Only the sections of the
 * nearest domain fit. NULL when there are no more.
 */
const struct conf_dkim *dkim_for_domain(const struct conf *c, const char *domain,
					const struct conf_dkim *previous);

#endif
