/*
 * sign.h - DKIM-Signature fields, RFC 6376 section 3.5 and RFC 8463
 *
 * The header given is the final one: signing is the last thing done to it, and the caller only
 * puts the fields made here in front.
 */
#ifndef MAILCHUTE_DKIM_SIGN_H
#define MAILCHUTE_DKIM_SIGN_H

#include "base/buf.h"
#include "base/result.h"
#include "dkim/canon.h"
#include "dkim/key.h"
#include "mail/header.h"

#include <stdint.h>
#include <time.h>

/* How one signature is to be made. All borrowed; lists end in NULL. */
struct dkim_signer {
	const char *domain;   /* d=, an A-label */
	const char *selector; /* s= */
	const char *identity; /* i=, or NULL for none */
	const struct dkim_key *key;
	enum canon header_canon;
	enum canon body_canon;
	const char *const *headers;  /* fields to sign; NULL: the default list */
	const char *const *oversign; /* fields to sign once more than present; NULL: the default
					list, as far as `headers` has them too */
	int64_t expire;              /* seconds from now to x=, 0 for none */
};

/*
 * Appends one DKIM-Signature field, folded at 78, b= last, CRLF at its end. `now` becomes t=;
 * `body` is finished. The fields signed are From, those of `headers` and those of `oversign`
 * that are present, each as often as it occurs, from the bottom up, then the names of `oversign`
 * once more; however many entries mean a field, it is in h= that often and no more. A name ending
 * in '*' stands for all fields that begin so (Content-*); there is nothing to oversign in it.
 * Fields that are added or removed on the way (Received, Return-Path, Bcc, DKIM-Signature, ...) are
 * never signed, nor those whose name h= cannot hold. Fails when the key does; with CAUSE_DATA when
 * the header has no From: (which RFC 6376 section 5.4 demands) or more fields to sign than
 * FIELD_MAX can name. Nothing is appended then.
 */
bool dkim_sign(const struct dkim_signer *s, const struct header *h, const struct body_hash *body,
	       time_t now, struct buf *out, struct result *r);

/*
 * Appends what h= of dkim_sign() is for this header: names with colons between them. An `out`
 * that overflows says that there are too many.
 */
void dkim_signed_names(const struct dkim_signer *s, const struct header *h, struct buf *out);

/*
 * The hash that a signature is made of and verified with (section 3.7): of the `n` fields of `h`
 * at the positions `at`, in this order, and of the DKIM-Signature field itself, given with an
 * empty b=.
 */
void dkim_header_hash(enum canon kind, const struct header *h, const size_t *at, size_t n,
		      struct span signature, unsigned char hash[SHA256_SIZE]);

#endif
