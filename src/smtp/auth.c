/*
 * auth.c - AUTH
 */
#include "smtp/auth.h"

#include "base/base64.h"
#include "base/util.h"
#include "smtp/client.h"

#include <string.h>

#include "base/banned.h"

#define RESPONSE_MAX 9000 /* in base64 that is 12,000, and 12,288 is all AUTH has room for */

static bool auth_plain(struct client *c, struct result *r);
static bool auth_login(struct client *c, struct result *r);

/* In the order AUTH_AUTO prefers them. */
static const struct mechanism {
	const char *name;
	bool shows_password; /* in clear unless TLS hides it */
	bool (*run)(struct client *c, struct result *r);
} mechanisms[] = {
	{ "PLAIN", true, auth_plain },
	{ "LOGIN", true, auth_login },
};

/* What was cut would be refused as a wrong password, and nobody would know why. */
static bool fits(const struct buf *message, struct result *r)
{
	if (!buf_overflowed(message))
		return true;
	return result_fail(r, CAUSE_CONFIG, STEP_AUTH, "user and password are too long for AUTH");
}

/* RFC 4616: no authorization identity, user, password; as initial response. */
static bool auth_plain(struct client *c, struct result *r)
{
	struct buf message, line;

	buf_init(&message, RESPONSE_MAX);
	buf_init(&line, 2 * RESPONSE_MAX);
	buf_reserve(&message, strlen(c->host->user) + strlen(c->host->password) + 2);
	buf_reserve(&line, 2 * message.cap + 16);
	buf_addc(&message, '\0');
	buf_adds(&message, c->host->user);
	buf_addc(&message, '\0');
	buf_adds(&message, c->host->password);
	buf_adds(&line, "AUTH PLAIN ");
	base64_write(message.p, message.len, &line);
	bool ok = fits(&message, r) && client_secret(c, STEP_AUTH, buf_str(&line), r) &&
		  client_expect(c, STEP_AUTH, 2, r);
	buf_wipe(&message);
	buf_wipe(&line);
	return ok;
}

static bool send_base64(struct client *c, const char *text, struct result *r)
{
	struct buf line;

	buf_init(&line, 12288); /* RFC 4954 section 4 */
	buf_reserve(&line, 2 * strlen(text) + 4);
	base64_write(text, strlen(text), &line);
	bool ok = fits(&line, r) && client_secret(c, STEP_AUTH, buf_str(&line), r);
	buf_wipe(&line);
	return ok;
}

/* Never standardized: two prompts, whose texts nobody reads, for user and password. */
static bool auth_login(struct client *c, struct result *r)
{
	return client_command(c, STEP_AUTH, r, "AUTH LOGIN") && client_expect(c, STEP_AUTH, 3, r) &&
	       send_base64(c, c->host->user, r) && client_expect(c, STEP_AUTH, 3, r) &&
	       send_base64(c, c->host->password, r) && client_expect(c, STEP_AUTH, 2, r);
}

/* May this mechanism be used here at all, whatever the server offers? */
static bool allowed(const struct client *c, const struct mechanism *m)
{
	if (c->host->auth == AUTH_AUTO)
		return c->tls != NULL || !m->shows_password;
	for (char *const *name = c->host->mechanisms; *name != NULL; name++)
		if (strcmp(*name, m->name) == 0)
			return true;
	return false;
}

bool smtp_auth(struct client *c, struct result *r)
{
	struct result unsupported = RESULT_OK;

	if (!ehlo_has(&c->ehlo, EXT_AUTH))
		return result_fail(r, CAUSE_CONFIG, STEP_AUTH, "the server does not offer AUTH%s",
				   c->tls == NULL ? " without TLS (set tls = starttls)" : "");
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++) {
		const struct mechanism *m = &mechanisms[i];

		if (!allowed(c, m) || !ehlo_has_mechanism(&c->ehlo, m->name))
			continue;
		if (m->run(c, r)) {
			result_free(&unsupported);
			return true;
		}
		if (!result_unsupported(r))
			break;
		result_move(&unsupported, r);
	}
	if (result_failed(r))
		result_free(&unsupported);
	else if (result_failed(&unsupported))
		result_move(r, &unsupported);
	else
		result_fail(r, CAUSE_CONFIG, STEP_AUTH,
			    "the server offers no mechanism that may be used here: it has%s"
			    "(see `auth` in the configuration)",
			    buf_str(&c->ehlo.mechanisms));
	return false;
}
