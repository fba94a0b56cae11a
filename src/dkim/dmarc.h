/*
 * dmarc.h - what a domain's DMARC record asks of receivers, RFC 9989 section 4.7, and alignment
 */
#ifndef MAILCHUTE_DKIM_DMARC_H
#define MAILCHUTE_DKIM_DMARC_H

#include "base/buf.h"

#include <stdbool.h>

enum dmarc_policy {
	DMARC_UNSET, /* not given, or none of the three */
	DMARC_NONE,
	DMARC_QUARANTINE,
	DMARC_REJECT
};

struct dmarc {
	enum dmarc_policy policy;     /* p= */
	enum dmarc_policy subdomains; /* sp= */
	bool strict_dkim;             /* adkim=s: From: and d= must be the same domain */
	bool strict_spf;              /* aspf=s */
	bool suffix;                  /* psd=y: others have the names below it */
	bool organization;            /* psd=n: an organization of its own */
};

/*
 * Reads one TXT record; false if it is no DMARC record, which begins with v=DMARC1. Parts that
 * are no tags, and values that are unknown, count as not given, as receivers hold it.
 */
bool dmarc_read(struct span text, struct dmarc *out);
/* "none", "quarantine", "reject"; "" when unset. Static. */
const char *dmarc_policy_name(enum dmarc_policy policy);

/*
 * The walk up the tree of names, which finds the policy for a domain and the organization that it
 * belongs to: RFC 9989 section 4.10, instead of a list of where organizations end. Begin, and
 * while `next` is not NULL take what is at _dmarc of it. All names are the end of `start`, or it.
 */
struct dmarc_walk {
	const char *start; /* borrowed */
	const char *next;  /* the domain whose record is wanted next; NULL: none */
	const char
		*organization; /* certain only when `next` is NULL; `start` if nothing says more */
	const char *found;     /* the domain whose policy is obeyed (4.10.1); NULL: none */
	struct dmarc policy;   /* what is found there */
};

void dmarc_walk_begin(struct dmarc_walk *walk, const char *domain);
/* `record` is NULL where there is none, or several. */
void dmarc_walk_take(struct dmarc_walk *walk, const struct dmarc *record);
/*
 * Does a signature count for an author, RFC 9989 section 4.10.2? Both walks have begun at their
 * domains. Strict: it is the same domain. Relaxed: both have the same organization; unless the
 * domain is the same, both walks must be over.
 */
bool dmarc_aligned(bool strict, const struct dmarc_walk *author, const struct dmarc_walk *signer);

#endif
