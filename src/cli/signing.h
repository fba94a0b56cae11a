/*
 * signing.h - the keys for an author's domain, from the configuration to signers at work
 */
#ifndef MAILCHUTE_SIGNING_H
#define MAILCHUTE_SIGNING_H

#include "base/buf.h"
#include "base/result.h"
#include "config/conf.h"
#include "dkim/sign.h"
#include "mail/header.h"

#include <stdbool.h>
#include <stddef.h>

struct signing {
	struct dkim_signer *signers;
	struct dkim_key **keys; /* owned; signers[i].key is keys[i] */
	size_t n;
};

/* Starts the body hashes that the configuration's keys could need. */
void signing_begin_body(const struct conf *conf, struct body_hash *body);
/* Reads and proves the key of one section (CAUSE_CONFIG, CAUSE_PERMISSION). The caller frees. */
bool signing_load_key(const struct conf_dkim *d, struct dkim_key **key, struct result *r);
/* Loads every key that signs for the domain; none is no failure. */
bool signing_load(const struct conf *conf, const char *domain, struct signing *s, struct result *r);
void signing_free(struct signing *s);
/* Appends the signatures over the header, and the header behind them; it is frozen then. */
bool signing_run(const struct signing *s, struct header *h, const struct body_hash *body,
		 struct buf *out, struct result *r);

#endif
