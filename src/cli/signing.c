/*
 * signing.c - the keys for an author's domain, from the configuration to signers at work
 */
#include "cli/signing.h"

#include "base/clock.h"
#include "base/util.h"
#include "config/account.h"
#include "config/secret.h"
#include "dkim/verify.h"

#include <stdlib.h>

#include "base/banned.h"

/* Which account it will be is known when the body has been read; perhaps none signs at all. */
static bool somebody_signs(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_accounts; i++)
		if (conf->accounts[i].dkim)
			return true;
	return false;
}

void signing_begin_body(const struct conf *conf, struct body_hash *body)
{
	bool wanted[CANON_COUNT] = { false };

	for (size_t i = 0; i < conf->n_dkims && somebody_signs(conf); i++)
		wanted[conf->dkims[i].body_canon] = true;
	body_hash_init(body, wanted[CANON_SIMPLE], wanted[CANON_RELAXED]);
}

bool signing_load_key(const struct conf_dkim *d, struct dkim_key **key, struct result *r)
{
	struct buf pem;
	bool ok;

	if (d->key_file != NULL)
		ok = secret_read_file(d->key_file, "key_file", &pem, r);
	else
		ok = secret_read_credential(d->key_credential, "key_credential", &pem, r);
	ok = ok && dkim_key_load(buf_span(&pem),
				 d->key_file != NULL ? d->key_file : d->key_credential, key, r);
	buf_wipe(&pem);
	return ok;
}

static struct dkim_signer signer_of(const struct conf_dkim *d, const struct dkim_key *key)
{
	return (struct dkim_signer){
		.domain = d->domain,
		.selector = d->selector,
		.identity = d->identity,
		.key = key,
		.header_canon = d->header_canon,
		.body_canon = d->body_canon,
		.headers = (const char *const *)d->headers,
		.oversign = (const char *const *)d->oversign,
		.expire = d->expire_ms / 1000,
	};
}

bool signing_load(const struct conf *conf, const char *domain, struct signing *s, struct result *r)
{
	const struct conf_dkim *d = NULL;

	*s = (struct signing){ .n = 0 };
	if (conf->n_dkims == 0)
		return true;
	s->signers = xcalloc(conf->n_dkims, sizeof s->signers[0]);
	s->keys = xcalloc(conf->n_dkims, sizeof s->keys[0]);
	while ((d = dkim_for_domain(conf, domain, d)) != NULL) {
		if (!signing_load_key(d, &s->keys[s->n], r)) {
			signing_free(s);
			return false;
		}
		s->signers[s->n] = signer_of(d, s->keys[s->n]);
		s->n++;
	}
	return true;
}

void signing_free(struct signing *s)
{
	for (size_t i = 0; i < s->n; i++)
		dkim_key_free(s->keys[i]);
	free(s->signers);
	free(s->keys);
	*s = (struct signing){ .n = 0 };
}

bool signing_run(const struct signing *s, struct header *h, const struct body_hash *body,
		 struct buf *out, struct result *r)
{
	time_t now = clock_now();

	header_freeze(h);
	/* A message may come with a signature that makes another one needless. */
	for (size_t i = 0; i < s->n; i++)
		if (!verify_own(&s->signers[i], h, body, now) &&
		    !dkim_sign(&s->signers[i], h, body, now, out, r))
			return false;
	header_write(h, out);
	return true;
}
