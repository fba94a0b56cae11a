/*
 * verify.h - checks the DKIM-Signature fields of a message, RFC 6376 section 6
 */
#ifndef MAILCHUTE_DKIM_VERIFY_H
#define MAILCHUTE_DKIM_VERIFY_H

#include "base/buf.h"
#include "base/sink.h"
#include "dkim/canon.h"
#include "dkim/sign.h"
#include "mail/header.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define VERIFY_SIGNATURES_MAX 20 /* the others are not looked at, and said to be so */

/* In the words of RFC 8601 section 2.7.1. */
enum verdict {
	VERDICT_PASS,
	VERDICT_FAIL,      /* a hash or the signature does not fit */
	VERDICT_NEUTRAL,   /* the signature field cannot be understood */
	VERDICT_POLICY,    /* good or not, it is not accepted: rsa-sha1, a key under 1024 bits */
	VERDICT_TEMPERROR, /* the key could not be looked up now */
	VERDICT_PERMERROR, /* there is no key, or it is revoked, expired, of another type */
	VERDICT_COUNT
};

const char *verdict_name(enum verdict v); /* "pass" */

struct verification {
	enum verdict verdict;
	const char *why; /* static words, NULL for pass */
	char *domain;    /* d= and s= as A-labels, NULL if they are no domains; owned */
	char *selector;
	char *identity;  /* i= without its encoding, NULL if it is none, "@d" without one; owned */
	char *algorithm; /* a=, whatever it says, or NULL; owned */
	bool testing;    /* the key's t=y: receivers treat the message as unsigned */
	bool partial;    /* l= leaves a part of the body unsigned */
};

/*
 * A verification in three steps, as the message is read: begin when the header is complete, feed
 * the body (CRLF line ends), end. No key is looked up before the end. The header is borrowed
 * until then and must not change.
 */
struct verifier;

struct verifier *verify_begin(const struct header *h);
struct sink verify_body(struct verifier *v);

/*
 * Appends to `record` the key record of "selector._domainkey.domain", and tells how the look-up
 * went. A name is asked for once, and only when the body is as signed.
 */
enum key_answer { KEY_FOUND, KEY_NONE, KEY_SEVERAL, KEY_UNAVAILABLE };
typedef enum key_answer verify_find_fn(void *ctx, const char *name, struct buf *record);

/*
 * The end of the message. Returns how many results are in *out, in the order of the header's
 * fields; when some were not looked at the last one says so. verification_free is due. The
 * verifier is gone.
 */
size_t verify_end(struct verifier *v, verify_find_fn *find, void *ctx, time_t now,
		  struct verification **out);
/* Gives a verification up that will not come to its end; NULL is fine. */
void verify_drop(struct verifier *v);
void verification_free(struct verification *list, size_t n);

/*
 * Has the final header, among its first VERIFY_SIGNATURES_MAX signatures, one that makes another
 * one of this signer needless? It is of its d=, s= and key, good over all of the message, and no
 * poorer than dkim_sign() would make it now: h= has every name that it would have, as often; i= is
 * the same ("@d" being none); it has no l=, and an x= only where the signer has one and then still
 * with more than half of that time to go; t= is not in the future. `body` is finished; a signature
 * over a canonicalization that was not hashed counts as not good.
 */
bool verify_own(const struct dkim_signer *s, const struct header *h, const struct body_hash *body,
		time_t now);

#endif
