/*
 * auth.c - AUTH: a mechanism is chosen, its messages go out and in as lines of base64
 */
#include "smtp/auth.h"

#include "base/base64.h"
#include "base/util.h"
#include "smtp/client.h"

#include <string.h>

#include "base/banned.h"

#define LINE_MAX    (12 * 1024 + 64) /* what AUTH has room for, and the command */
#define NAMES_SHOWN 300              /* of the mechanisms in an error */
#define BINDING_MAX 256              /* a hash, or a Finished message */

static bool offered(const struct client *c, const char *end)
{
	return strstr(buf_str(&c->ehlo.mechanisms), end) != NULL;
}

/* May this mechanism be used here at all, whatever the server offers? */
static bool allowed(const struct client *c, const struct auth *a, const struct sasl_mechanism *m)
{
	const struct smtp_host *h = c->host;

	if (m->needs_binding && a->login.binding_type == NULL)
		return false;
	if (m->needs_secret && (h->user == NULL || h->password == NULL))
		return false;
	if (h->auth == AUTH_LIST)
		return true;
	if (m->listed_only)
		return !m->needs_secret && h->client_cert && h->password == NULL;
	return c->tls != NULL || !m->shows_secret;
}

static unsigned bit_of(const struct sasl_mechanism *m)
{
	return 1u << (m - sasl_mechanisms);
}

/* The next one in the order of the list or else of the table; NULL when none is left. */
static const struct sasl_mechanism *pick(const struct client *c, const struct auth *a)
{
	const bool listed = c->host->auth == AUTH_LIST;

	for (size_t i = 0;; i++) {
		const struct sasl_mechanism *m = &sasl_mechanisms[i];

		if (listed && c->host->mechanisms[i] == NULL)
			return NULL;
		if (listed)
			m = sasl_find(c->host->mechanisms[i]);
		else if (m->name == NULL)
			return NULL;
		if (m != NULL && (a->tried & bit_of(m)) == 0 && allowed(c, a, m) &&
		    ehlo_has_mechanism(&c->ehlo, m->name))
			return m;
	}
}

/* Asks the mechanism, and adds its answer to the line. */
static bool add_response(struct auth *a, struct span challenge, struct buf *line, struct result *r)
{
	struct buf response;

	buf_init(&response, SASL_MESSAGE_MAX);
	bool ok = sasl_respond(&a->sasl, challenge, &response, r);
	if (ok)
		base64_write(response.p, response.len, line);
	buf_wipe(&response);
	return ok;
}

/* AUTH with an initial response; an empty one is "=" (RFC 4954 section 4). */
static bool begin_with(struct client *c, struct auth *a, const struct sasl_mechanism *m,
		       struct result *r)
{
	struct buf line;
	size_t command;

	a->tried |= bit_of(m);
	sasl_free(&a->sasl);
	sasl_init(&a->sasl, m, &a->login);
	if (!m->client_first)
		return client_command(c, STEP_AUTH, r, "AUTH %s", m->name);
	buf_init(&line, LINE_MAX);
	buf_reserve(&line, LINE_MAX);
	buf_addf(&line, "AUTH %s ", m->name);
	command = line.len;
	bool ok = add_response(a, (struct span){ NULL, 0 }, &line, r);
	if (ok && line.len == command)
		buf_addc(&line, '=');
	ok = ok && client_secret(c, STEP_AUTH, buf_str(&line), r);
	buf_wipe(&line);
	return ok;
}

bool smtp_auth_begin(struct client *c, struct auth *a, struct result *r)
{
	const bool by_name = c->at.kind == ENDPOINT_HOST;
	const struct span names = span_trim(buf_span(&c->ehlo.mechanisms));
	const struct sasl_mechanism *m;

	*a = (struct auth){ .login = { .user = c->host->user,
				       .password = c->host->password,
				       .host = by_name ? c->at.name : NULL,
				       .port = by_name ? c->at.port : NULL,
				       .plus_offered = offered(c, "-PLUS ") } };
	buf_init(&a->binding, BINDING_MAX);
	sasl_init(&a->sasl, NULL, &a->login);
	if (!ehlo_has(&c->ehlo, EXT_AUTH))
		return result_fail(r, CAUSE_CONFIG, STEP_AUTH, "the server does not offer AUTH%s",
				   c->tls == NULL ? " without TLS (set tls = starttls)" : "");
	if (c->tls != NULL && offered(c, " SCRAM-"))
		a->login.binding_type = tls_channel_binding(c->tls, &a->binding);
	a->login.binding = buf_span(&a->binding);
	m = pick(c, a);
	if (m != NULL)
		return begin_with(c, a, m, r);
	return result_fail(r, CAUSE_CONFIG, STEP_AUTH,
			   "the server offers no mechanism that may be used here: it has %.*s "
			   "(see `auth` in the configuration)",
			   (int)(names.len < NAMES_SHOWN ? names.len : NAMES_SHOWN),
			   names.len > 0 ? names.p : "none");
}

/* The exchange ends by our will; what the server says to that is of no interest. */
static void cancel(struct client *c)
{
	struct result ignored = RESULT_OK;

	if (client_command(c, STEP_AUTH, &ignored, "*"))
		client_reply(c, STEP_AUTH, &ignored);
	result_free(&ignored);
}

/*
 * The response to the challenge that just came. To an error it is no secret, and what a later
 * reply must not repeat is then the one before.
 */
static bool respond(struct client *c, struct auth *a, struct result *r)
{
	const struct sasl *s = &a->sasl;
	struct buf challenge, line;

	buf_init(&challenge, SASL_MESSAGE_MAX);
	buf_init(&line, LINE_MAX);
	buf_reserve(&line, LINE_MAX);
	bool ok = s->mechanism->deaf || base64_read(buf_span(&c->reply.text), &challenge) ||
		  sasl_broken(s, r, "the server's challenge is no base64");
	if (ok && buf_overflowed(&challenge))
		ok = sasl_broken(s, r, "the server's challenge is too long");
	ok = ok && add_response(a, buf_span(&challenge), &line, r);
	if (!ok)
		cancel(c);
	else if (line.len == 0 || s->error.len > 0)
		ok = client_command(c, STEP_AUTH, r, "%s", buf_str(&line));
	else
		ok = client_secret(c, STEP_AUTH, buf_str(&line), r);
	buf_wipe(&challenge);
	buf_wipe(&line);
	return ok;
}

/* The server's refusal, and behind it what it said to the mechanism, without our secret. */
static bool refused(const struct client *c, const struct auth *a, struct result *r)
{
	const struct reply *reply = &c->reply;
	const struct span said = buf_span(&a->sasl.error);
	const char *secret = a->login.password;
	struct buf words;

	if (said.len == 0 || reply->code / 100 < 4)
		return client_judge(c, STEP_AUTH, 2, r);
	bool told = secret != NULL && secret[0] != '\0' &&
		    memmem(said.p, said.len, secret, strlen(secret)) != NULL;
	buf_init(&words, REPLY_MAX + SASL_ERROR_MAX + 3);
	buf_addspan(&words, buf_span(&reply->text));
	buf_adds(&words, words.len > 0 ? " (" : "(");
	buf_addspan(&words, told ? span_of("***") : said);
	buf_addc(&words, ')');
	result_refused(r, STEP_AUTH, reply->code, reply->enhanced, words.p, words.len);
	buf_free(&words);
	return false;
}

/* One mechanism's exchange, from the reply to AUTH on. */
static bool converse(struct client *c, struct auth *a, struct result *r)
{
	const struct sasl *s = &a->sasl;

	do {
		if (!client_reply(c, STEP_AUTH, r))
			return false;
		if (c->reply.code / 100 == 2 && s->mechanism->proves_server && !s->server_ok)
			return sasl_broken(s, r,
					   "the server says yes without proving that it knows the "
					   "password: it may not be the one it says it is");
		if (c->reply.code / 100 == 2 && s->turn < s->mechanism->least)
			return sasl_broken(s, r, "the server says yes before it was told anything");
		if (c->reply.code / 100 == 2)
			return true;
		if (c->reply.code / 100 != 3)
			return refused(c, a, r);
	} while (respond(c, a, r));
	return false;
}

bool smtp_auth_finish(struct client *c, struct auth *a, struct result *r)
{
	struct result unsupported = RESULT_OK;
	const struct sasl_mechanism *m = a->sasl.mechanism;

	while (!converse(c, a, r)) {
		if (!result_unsupported(r))
			break;
		result_move(&unsupported, r);
		/* Whoever takes the channel out of the next one has to answer for it (RFC 5802 6).
		 */
		if (m->needs_binding)
			a->login.plus_offered = false;
		m = pick(c, a);
		if (m == NULL)
			result_move(r, &unsupported);
		if (m == NULL || !begin_with(c, a, m, r))
			break;
	}
	result_free(&unsupported);
	return !result_failed(r);
}

void smtp_auth_end(struct auth *a)
{
	sasl_free(&a->sasl);
	buf_wipe(&a->binding);
}

bool smtp_auth(struct client *c, struct result *r)
{
	struct auth a;
	bool ok = smtp_auth_begin(c, &a, r) && smtp_auth_finish(c, &a, r);

	smtp_auth_end(&a);
	return ok;
}
