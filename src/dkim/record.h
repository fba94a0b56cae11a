/*
 * record.h - DKIM key records, RFC 6376 section 3.6.1 and RFC 8463 section 4
 */
#ifndef MAILCHUTE_DKIM_RECORD_H
#define MAILCHUTE_DKIM_RECORD_H

#include "base/buf.h"
#include "dkim/key.h"

#include <stdbool.h>

enum record_state {
	RECORD_GOOD,
	RECORD_REVOKED,      /* p= is empty */
	RECORD_NOT_DKIM,     /* v= is not DKIM1, or not the first tag; no tag list */
	RECORD_NO_KEY,       /* no p=, or what it holds is no key of type k= */
	RECORD_UNKNOWN_TYPE, /* k= is neither rsa nor ed25519 */
	RECORD_NOT_SHA256,   /* h= without sha256 */
	RECORD_NOT_EMAIL     /* s= without email or * */
};

struct dkim_record {
	enum record_state state;
	enum key_type type;
	struct dkim_public *key; /* owned, with RECORD_GOOD */
	struct buf base64;       /* p= without white space */
	bool testing;            /* t=y */
	bool strict;             /* t=s */
};

/* Reads one TXT record. record_free is due whatever it says. */
enum record_state record_read(struct span text, struct dkim_record *out);
void record_free(struct dkim_record *rec);
/* Why the state is what it is, as a sentence goes on. Static. */
const char *record_words(enum record_state state);

#endif
