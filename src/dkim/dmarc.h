/*
 * dmarc.h - what a domain's DMARC record asks of receivers, RFC 9989 section 4.7
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
	bool organization;            /* psd=n: nothing above it counts */
};

/*
 * Reads one TXT record; false if it is no DMARC record, which begins with v=DMARC1. Parts that
 * are no tags, and values that are unknown, count as not given, as receivers hold it.
 */
bool dmarc_read(struct span text, struct dmarc *out);
/* "none", "quarantine", "reject"; "" when unset. Static. */
const char *dmarc_policy_name(enum dmarc_policy policy);
/*
 * Does a signature of `domain` count for an author at `from`? Strict: the same domain. Relaxed:
 * one is the other or above it, which with the same organizational domain is the case for all
 * that a signer may have in mind.
 */
bool dmarc_aligned(bool strict, const char *from, const char *domain);

#endif
