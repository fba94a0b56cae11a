/*
 * session.c - a session with a smart host: opened, secured, authenticated
 */
#include "smtp/session.h"

#include "base/cache.h"
#include "base/clock.h"
#include "base/util.h"
#include "net/dial.h"
#include "smtp/auth.h"

#include <stdlib.h>

#include "base/banned.h"

/* A server that is silent for so long may be waiting for our TLS. */
#define SILENCE_MS 10000
#define PROBE_MS   3000

/* --- EHLO --- */

static char *own_name(const struct client *c)
{
	const char *name = c->host->ehlo_name;

	return name != NULL ? xstrdup(name) : dial_own_literal(c->conn.fd);
}

static bool queue_hello(struct client *c, const char *verb, struct result *r)
{
	char *name = own_name(c);
	bool ok = client_command(c, STEP_EHLO, r, "%s %s", verb, name);

	free(name);
	return ok;
}

static bool queue_ehlo(struct client *c, struct result *r)
{
	return queue_hello(c, c->host->protocol == PROTOCOL_LMTP ? "LHLO" : "EHLO", r);
}

/* RFC 5321 section 3.2: for a server from before EHLO, of which nothing is wanted but mail. */
static bool may_say_helo(const struct client *c)
{
	return c->reply.code / 100 == 5 && c->at.tls == TLS_OFF && c->host->auth == AUTH_OFF &&
	       c->host->protocol == PROTOCOL_SMTP;
}

static bool read_ehlo(struct client *c, struct result *r)
{
	if (!client_reply(c, STEP_EHLO, r))
		return false;
	buf_clear(&c->ehlo_text);
	if (c->reply.code / 100 == 2)
		buf_addspan(&c->ehlo_text, buf_span(&c->reply.text));
	ehlo_parse(&c->ehlo, buf_span(&c->ehlo_text));
	if (may_say_helo(c))
		return queue_hello(c, "HELO", r) && client_expect(c, STEP_EHLO, 2, r);
	return client_judge(c, STEP_EHLO, 2, r);
}

static bool say_ehlo(struct client *c, struct result *r)
{
	return queue_ehlo(c, r) && read_ehlo(c, r);
}

/* --- TLS --- */

static bool handshake(struct client *c, struct result *r)
{
	conn_begin_step(&c->conn, STEP_TLS, client_step_ms(STEP_TLS));
	return tls_start(&c->conn, c->host->tls_setup, c->at.tls_name, buf_span(&c->recall.ticket),
			 &c->tls, r);
}

static bool check_starttls(const struct client *c, struct result *r)
{
	return ehlo_has(&c->ehlo, EXT_STARTTLS) ||
	       result_fail(r, CAUSE_CONFIG, STEP_STARTTLS,
			   "the server does not offer STARTTLS, and nothing is sent in clear "
			   "(another port? tls = implicit?)");
}

/* STARTTLS, RFC 3207: what was said before it does not count afterwards. */
static bool upgrade(struct client *c, struct result *r)
{
	if (!client_expect(c, STEP_STARTTLS, 2, r))
		return false;
	if (conn_has_input(&c->conn))
		return result_fail(
			r, CAUSE_PROTOCOL, STEP_STARTTLS,
			"the server sent more behind its reply to STARTTLS: somebody may "
			"have put it there, so the session ends");
	buf_addspan(&c->clear_text, buf_span(&c->ehlo_text));
	return handshake(c, r);
}

/* --- connecting --- */

static int connect_to(const struct smtp_host *host, const struct smtp_endpoint *at,
		      int64_t deadline, struct result *r)
{
	const struct dial_target target = {
		.host = at->name,
		.port = at->port,
		.ip = host->ip,
		.source = host->source_address,
	};

	if (at->kind == ENDPOINT_UNIX)
		return dial_unix(at->name, deadline, r);
	return dial(&target, deadline, r);
}

/* Asked of a second connection, so that a server that is merely slow loses nothing. */
static bool waits_for_tls(const struct client *c)
{
	struct result ignored = RESULT_OK;
	int64_t deadline = clock_mono_ms() + PROBE_MS;
	struct conn probe;

	if (deadline > c->conn.deadline)
		deadline = c->conn.deadline;
	int fd = connect_to(c->host, &c->at, deadline, &ignored);
	result_free(&ignored);
	if (fd < 0)
		return false;
	conn_init(&probe, fd, deadline);
	conn_begin_step(&probe, STEP_TLS, PROBE_MS);
	bool speaks = tls_speaks(&probe);
	conn_close(&probe);
	return speaks;
}

static bool read_greeting(struct client *c, struct result *r)
{
	int64_t until = clock_mono_ms() + client_step_ms(STEP_GREETING);
	struct result silence = RESULT_OK;

	if (c->tls == NULL) {
		conn_begin_step(&c->conn, STEP_GREETING, SILENCE_MS);
		if (!conn_flush(&c->conn, r))
			return false;
		if (!conn_wait(&c->conn, false, &silence) && waits_for_tls(c)) {
			result_free(&silence);
			return result_fail(
				r, CAUSE_CONFIG, STEP_GREETING,
				"the server waits for TLS: this is a TLS port, set tls = "
				"implicit");
		}
		result_free(&silence);
	}
	conn_begin_step(&c->conn, STEP_GREETING, until - clock_mono_ms());
	return client_next_reply(c, r) && client_judge(c, STEP_GREETING, 2, r);
}

/* --- in the usual order --- */

static bool greet(struct client *c, struct result *r)
{
	if (c->at.tls == TLS_IMPLICIT && !handshake(c, r))
		return false;
	if (!read_greeting(c, r) || !say_ehlo(c, r))
		return false;
	if (c->at.tls == TLS_STARTTLS)
		return check_starttls(c, r) && client_command(c, STEP_STARTTLS, r, "STARTTLS") &&
		       upgrade(c, r) && say_ehlo(c, r);
	return true;
}

static bool get_ready(struct client *c, struct result *r)
{
	return greet(c, r) && (c->host->auth == AUTH_OFF || smtp_auth(c, r));
}

/* --- without waiting, for a server that is known to allow it --- */

static bool may_hurry(const struct client *c)
{
	return recall_allows_early(buf_span(&c->recall.ehlo)) &&
	       (c->at.tls != TLS_STARTTLS || recall_allows_early(buf_span(&c->recall.ehlo_clear)));
}

/* A size that changes with the room on a disk changes nothing here. */
static bool same_offers(const struct ehlo *now, const struct buf *known)
{
	struct ehlo then;
	bool same;

	ehlo_init(&then);
	ehlo_parse(&then, buf_span(known));
	same = now->extensions == then.extensions && now->rcpt_max == then.rcpt_max &&
	       now->mail_max == then.mail_max &&
	       span_eq(buf_span(&now->mechanisms), buf_span(&then.mechanisms));
	ehlo_free(&then);
	return same;
}

static bool read_known_ehlo(struct client *c, const struct buf *known, struct result *r)
{
	if (!read_ehlo(c, r))
		return false;
	return same_offers(&c->ehlo, known) ||
	       result_fail(r, CAUSE_TEMPORARY, STEP_EHLO,
			   "the server no longer offers what it did");
}

/* EHLO and AUTH in one flight; `greeting` when that is still to come, too. */
static bool hurry_to_auth(struct client *c, bool greeting, struct result *r)
{
	struct auth auth = { .tried = 0 };
	bool with_auth = c->host->auth != AUTH_OFF;
	bool ok;

	ehlo_parse(&c->ehlo, buf_span(&c->recall.ehlo));
	ok = queue_ehlo(c, r) && (!with_auth || smtp_auth_begin(c, &auth, r)) &&
	     (!greeting || client_expect(c, STEP_GREETING, 2, r)) &&
	     read_known_ehlo(c, &c->recall.ehlo, r) &&
	     (!with_auth || smtp_auth_finish(c, &auth, r));
	if (with_auth)
		smtp_auth_end(&auth);
	return ok;
}

static bool hurry(struct client *c, struct result *r)
{
	if (c->at.tls == TLS_IMPLICIT && !handshake(c, r))
		return false;
	if (c->at.tls != TLS_STARTTLS)
		return hurry_to_auth(c, true, r);
	ehlo_parse(&c->ehlo, buf_span(&c->recall.ehlo_clear));
	return queue_ehlo(c, r) && check_starttls(c, r) &&
	       client_command(c, STEP_STARTTLS, r, "STARTTLS") &&
	       client_expect(c, STEP_GREETING, 2, r) &&
	       read_known_ehlo(c, &c->recall.ehlo_clear, r) && upgrade(c, r) &&
	       hurry_to_auth(c, false, r);
}

/* --- both --- */

static void remember(struct client *c)
{
	if (recall_allows_early(buf_span(&c->ehlo_text)))
		recall_keep_ehlo(&c->recall, buf_span(&c->clear_text), buf_span(&c->ehlo_text));
	else
		recall_drop_ehlo(&c->recall);
}

/*
 * A server that refuses politely gets its QUIT; one that broke the rules does not, nor one that
 * waits for TLS and would get it in clear.
 */
static bool expects_quit(const struct result *r)
{
	if (r->step == STEP_TLS || (r->step == STEP_GREETING && r->cause == CAUSE_CONFIG))
		return false;
	return r->cause == CAUSE_REPLY || r->cause == CAUSE_CONFIG;
}

static void load_memory(struct client *c)
{
	char *name = own_name(c);

	recall_load(&c->recall, c->host, &c->at, name);
	free(name);
}

/*
 * What was remembered failed, and is forgotten: without it the session may come about. A wrong
 * password is not tried again, it could lock the account.
 */
static bool forget(struct client *c, bool hurried, const struct result *r)
{
	bool resumed = c->recall.ticket.len > 0;
	bool refused = r->step == STEP_AUTH && r->cause == CAUSE_REPLY && !result_unsupported(r);

	if (hurried)
		recall_drop_ehlo(&c->recall);
	return (hurried && !refused) || (resumed && r->step == STEP_TLS);
}

/* *again: it failed by what was remembered, which is to be used if `memory`. */
static bool open_one(struct client *c, const struct smtp_host *host, const struct smtp_endpoint *at,
		     const struct smtp_trace *trace, int64_t deadline, bool memory, bool *again,
		     struct result *r)
{
	int fd = connect_to(host, at, deadline, r);
	bool hurried;

	*again = false;
	if (fd < 0)
		return false;
	client_init(c, fd, host, at, trace, deadline);
	load_memory(c);
	if (!memory)
		buf_wipe(&c->recall.ticket);
	hurried = memory && may_hurry(c);
	if (hurried ? hurry(c, r) : get_ready(c, r)) {
		if (memory)
			remember(c);
		return true;
	}
	*again = memory && forget(c, hurried, r) && clock_mono_ms() < deadline;
	client_close(c, expects_quit(r));
	return false;
}

bool session_open(struct client *c, const struct smtp_host *host, const struct smtp_endpoint *at,
		  const struct smtp_trace *trace, int64_t deadline, struct result *r)
{
	bool again;

	if (open_one(c, host, at, trace, deadline, true, &again, r))
		return true;
	if (!again)
		return false;
	result_free(r);
	return open_one(c, host, at, trace, deadline, false, &again, r);
}

void session_close(struct client *c, bool polite)
{
	struct buf ticket;
	time_t until;

	buf_init(&ticket, CACHE_FILE_MAX);
	if (c->tls != NULL && c->recall.dir != NULL && tls_ticket(c->tls, &ticket, &until))
		recall_keep_ticket(&c->recall, buf_span(&ticket), until);
	buf_wipe(&ticket);
	client_close(c, polite);
}
