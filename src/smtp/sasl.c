/*
 * sasl.c - the table of mechanisms, and those of one sentence
 */
#include "smtp/sasl.h"

#include "base/util.h"
#include "smtp/digest.h"
#include "smtp/scram.h"

#include <string.h>

#include "base/banned.h"

#define KV_END '\001' /* what ends a key and its value in the two of OAuth */

bool sasl_broken(const struct sasl *s, struct result *r, const char *what)
{
	return result_fail(r, CAUSE_PROTOCOL, STEP_AUTH, "%s: %s", s->mechanism->name, what);
}

void sasl_take_error(struct sasl *s, struct span words)
{
	buf_clear(&s->error);
	if (words.len == 0)
		words = span_of("no reason is given");
	buf_add(&s->error, words.p, words.len < SASL_ERROR_MAX ? words.len : SASL_ERROR_MAX);
}

/* What was cut would be refused as a wrong password, and nobody would know why. */
static bool fits(const struct buf *message, struct result *r)
{
	if (!buf_overflowed(message))
		return true;
	return result_fail(r, CAUSE_CONFIG, STEP_AUTH, "user and password are too long for AUTH");
}

bool sasl_password(const struct sasl *s, struct buf *out, struct result *r)
{
	struct span password = span_of(s->login->password);
	const char *why = NULL;

	buf_reserve(out, SASL_MESSAGE_MAX); /* a secret is not to be moved */
	if (has_8bit(password.p, password.len))
		why = password_prepare(password, out);
	else
		buf_addspan(out, password);
	if (why == NULL)
		return fits(out, r);
	return result_fail(r, CAUSE_CONFIG, STEP_AUTH,
			   "the password is neither ASCII nor UTF-8 as RFC 8265 wants it: %s", why);
}

/* RFC 4616: no authorization identity, user, password. */
static bool plain(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	(void)challenge;
	buf_addc(out, '\0');
	buf_adds(out, s->login->user);
	buf_addc(out, '\0');
	return sasl_password(s, out, r);
}

/* Never standardized: two prompts, whose texts nobody reads, for user and password. */
static bool login(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	(void)challenge;
	if (s->turn > 0)
		return sasl_password(s, out, r);
	buf_adds(out, s->login->user);
	return true;
}

/* RFC 2195: the user, and the challenge's HMAC-MD5 under the password, in hex. */
static bool cram_md5(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	unsigned char mac[HASH_MAX];
	struct buf password;

	buf_init(&password, SASL_MESSAGE_MAX);
	bool ok = sasl_password(s, &password, r);
	if (ok && !hash_hmac(HASH_MD5, buf_span(&password), challenge, mac))
		ok = result_fail(r, CAUSE_CONFIG, STEP_AUTH, "this system forbids MD5");
	buf_wipe(&password);
	if (!ok)
		return false;
	buf_adds(out, s->login->user);
	buf_addc(out, ' ');
	for (size_t i = 0; i < hash_size(HASH_MD5); i++)
		buf_addf(out, "%02x", mac[i]);
	return true;
}

static void add_pair(struct buf *out, const char *key, const char *value)
{
	buf_adds(out, key);
	buf_adds(out, value);
	buf_addc(out, KV_END);
}

/* A token is b64token of RFC 6750; what would end it early would say something else. */
static bool token_ok(const struct sasl *s, struct result *r)
{
	const char *token = s->login->password;

	if (!has_control(token, strlen(token)))
		return true;
	return result_fail(r, CAUSE_CONFIG, STEP_AUTH, "the token has a control character in it");
}

/* Google's and Microsoft's: a challenge is an error in JSON, to be answered by nothing. */
static bool xoauth2(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	if (s->turn > 0) {
		sasl_take_error(s, challenge);
		return true;
	}
	add_pair(out, "user=", s->login->user);
	add_pair(out, "auth=Bearer ", s->login->password);
	buf_addc(out, KV_END);
	return token_ok(s, r);
}

/* RFC 7628 section 3; its errors are answered by a single ^A (section 3.2.3). */
static bool oauthbearer(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	const struct sasl_login *l = s->login;

	if (s->turn > 0) {
		sasl_take_error(s, challenge);
		buf_addc(out, KV_END);
		return true;
	}
	buf_adds(out, "n,a=");
	scram_name(l->user, out);
	add_pair(out, ",", "");
	if (l->host != NULL)
		add_pair(out, "host=", l->host);
	if (l->port != NULL)
		add_pair(out, "port=", l->port);
	add_pair(out, "auth=Bearer ", l->password);
	buf_addc(out, KV_END);
	return token_ok(s, r);
}

/* RFC 4422 appendix A: who we are the certificate says; the user is whom to act as, if any. */
static bool external(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	(void)challenge;
	(void)r;
	if (s->login->user != NULL)
		buf_adds(out, s->login->user);
	return true;
}

/* What all of SCRAM have in common: two messages, and nothing to the server's last one. */
#define SCRAM                                                                                      \
	.least = 2, .turns = 3, .needs_secret = true, .client_first = true, .proves_server = true
#define CLEAR .shows_secret = true, .needs_secret = true
#define OAUTH CLEAR, .least = 1, .turns = 2, .listed_only = true, .client_first = true

const struct sasl_mechanism sasl_mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", SCRAM, .needs_binding = true, .respond = scram_sha256 },
	{ "SCRAM-SHA-1-PLUS", SCRAM, .needs_binding = true, .respond = scram_sha1 },
	{ "SCRAM-SHA-256", SCRAM, .respond = scram_sha256 },
	{ "SCRAM-SHA-1", SCRAM, .respond = scram_sha1 },
	{ "CRAM-MD5", .least = 1, .turns = 1, .needs_secret = true, .respond = cram_md5 },
	{ "PLAIN", CLEAR, .least = 1, .turns = 1, .client_first = true, .respond = plain },
	{ "LOGIN", CLEAR, .least = 2, .turns = 2, .deaf = true, .respond = login },
	{ "XOAUTH2", OAUTH, .respond = xoauth2 },
	{ "OAUTHBEARER", OAUTH, .respond = oauthbearer },
	{ "EXTERNAL", .least = 1, .turns = 1, .listed_only = true, .client_first = true,
	  .respond = external },
	{ .name = NULL },
};

const struct sasl_mechanism *sasl_find(const char *name)
{
	for (const struct sasl_mechanism *m = sasl_mechanisms; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

void sasl_init(struct sasl *s, const struct sasl_mechanism *m, const struct sasl_login *l)
{
	*s = (struct sasl){ .mechanism = m, .login = l };
	buf_init(&s->state, 2 * SASL_MESSAGE_MAX);
	buf_init(&s->error, SASL_ERROR_MAX);
}

void sasl_free(struct sasl *s)
{
	buf_wipe(&s->state);
	buf_wipe(&s->error);
}

bool sasl_respond(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	if (s->turn == s->mechanism->turns || s->error.len > 0)
		return sasl_broken(s, r, "the server wants more than there is to say");
	buf_reserve(out, SASL_MESSAGE_MAX); /* as in sasl_password */
	if (!s->mechanism->respond(s, challenge, out, r) || !fits(out, r))
		return false;
	s->turn++;
	return true;
}
