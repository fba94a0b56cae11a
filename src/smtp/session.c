/*
 * session.c - a session with a smart host: opened, secured, authenticated
 */
#include "smtp/session.h"

#include "net/dial.h"
#include "smtp/auth.h"

#include <stdlib.h>

#include "base/banned.h"

static bool say_ehlo(struct client *c, struct result *r)
{
	char *literal = NULL;

	if (c->host->ehlo_name == NULL)
		literal = dial_own_literal(c->conn.fd);
	bool ok = client_command(c, STEP_EHLO, r, "EHLO %s",
				 literal != NULL ? literal : c->host->ehlo_name);
	free(literal);
	if (!ok || !client_expect(c, STEP_EHLO, 2, r))
		return false;
	ehlo_parse(&c->ehlo, buf_span(&c->reply.text));
	return true;
}

static bool handshake(struct client *c, struct result *r)
{
	conn_begin_step(&c->conn, STEP_TLS, client_step_ms(STEP_TLS));
	return tls_start(&c->conn, c->host->trust, c->host->tls_name, &c->tls, r);
}

/* STARTTLS, RFC 3207: what was said before it does not count afterwards. */
static bool upgrade(struct client *c, struct result *r)
{
	if (!ehlo_has(&c->ehlo, EXT_STARTTLS))
		return result_fail(
			r, CAUSE_CONFIG, STEP_STARTTLS,
			"the server does not offer STARTTLS, and nothing is sent in clear "
			"(another port? tls = implicit?)");
	if (!client_command(c, STEP_STARTTLS, r, "STARTTLS") ||
	    !client_expect(c, STEP_STARTTLS, 2, r))
		return false;
	if (conn_has_input(&c->conn))
		return result_fail(
			r, CAUSE_PROTOCOL, STEP_STARTTLS,
			"the server sent more behind its reply to STARTTLS: somebody may "
			"have put it there, so the session ends");
	return handshake(c, r) && say_ehlo(c, r);
}

/* From the greeting to where MAIL may follow. */
static bool get_ready(struct client *c, struct result *r)
{
	const struct smtp_host *h = c->host;

	if (h->tls == TLS_IMPLICIT && !handshake(c, r))
		return false;
	if (!client_expect(c, STEP_GREETING, 2, r) || !say_ehlo(c, r))
		return false;
	if (h->tls == TLS_STARTTLS && !upgrade(c, r))
		return false;
	return h->auth == AUTH_OFF || smtp_auth(c, r);
}

bool session_open(struct client *c, const struct smtp_host *host, const struct smtp_trace *trace,
		  int64_t deadline, struct result *r)
{
	int fd = dial(host->host, host->port, host->ip, deadline, r);

	if (fd < 0)
		return false;
	client_init(c, fd, host, trace, deadline);
	if (get_ready(c, r))
		return true;
	/*
	 * A server that refuses politely gets its QUIT; one that broke the rules does not, nor
	 * one that listens for TLS and would get it in clear.
	 */
	client_close(c,
		     r->step != STEP_TLS && (r->cause == CAUSE_REPLY || r->cause == CAUSE_CONFIG));
	return false;
}
