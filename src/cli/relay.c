/*
 * relay.c - the other side of -bs: a session with the smart host, kept for the next message
 */
#include "cli/relay.h"

#include "base/clock.h"
#include "base/util.h"
#include "cli/outcome.h"
#include "cli/route.h"
#include "config/account.h"
#include "mail/addr.h"
#include "smtp/session.h"
#include "smtp/submit.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

void relay_init(struct relay *relay, const struct options *o)
{
	*relay = (struct relay){ .o = o };
	mill_init(&relay->mill, NULL, NULL, o, NULL, NULL);
	envelope_init(&relay->to);
	envelope_init(&relay->diverted);
}

static void close_session(struct relay *relay, bool polite)
{
	if (relay->open)
		session_close(&relay->client, polite);
	relay->mails = 0;
	relay->open = false;
	relay->upstream = false;
}

/* A line in the log: each message gets one, whatever became of it. */
static void note(const struct relay *relay, const char *reply, const struct result *r)
{
	struct smtp_submission submission = { .reply = reply != NULL ? xstrdup(reply) : NULL };
	struct outcome oc = {
		.conf = relay->conf,
		.account = relay->mill.account,
		.message = &relay->mill.message,
		.envelope = &relay->to,
		.sender = relay->mill.sender,
		.submission = &submission,
		.failure = r,
		.dkim = mill_dkim_word(&relay->mill),
		.seconds = (double)(clock_mono_ms() - relay->started) / 1000,
		.log_tag = relay->o->log_tag != NULL ? relay->o->log_tag : relay->o->program,
	};

	submission.hosts.at = relay->hosts.at; /* borrowed: its name, for the line */
	if (relay->open)
		submission.tls = client_tls_version(&relay->client);
	outcome_log(&oc, result_status(r));
	smtp_submission_free(&submission);
}

static void forget_message(struct relay *relay)
{
	/* Given up by the client after a refusal: this is what the log has to tell. */
	if (result_failed(&relay->refused))
		note(relay, NULL, &relay->refused);
	if (relay->has_sender)
		message_in_free(&relay->in);
	relay->has_sender = false;
	envelope_free(&relay->to);
	envelope_free(&relay->diverted);
	relay->told = 0;
	relay->rc.steps = 0;
	result_free(&relay->refused);
	mill_free(&relay->mill);
	mill_init(&relay->mill, relay->conf, &relay->caller, relay->o, relay->account,
		  &relay->host);
	result_free(&relay->failed);
}

void relay_free(struct relay *relay)
{
	forget_message(relay);
	close_session(relay, true);
	hosts_free(&relay->hosts);
	mill_free(&relay->mill);
	recipients_free(&relay->rc);
	host_free(&relay->host);
	caller_free(&relay->caller);
	conf_free(relay->conf);
}

const char *relay_host(const struct relay *relay)
{
	const char *name = hosts_name(&relay->hosts);

	if (name != NULL)
		return name;
	if (relay->mill.account != NULL)
		return account_host(relay->mill.account);
	return relay->account != NULL ? account_host(relay->account) : NULL;
}

const struct reply *relay_reply(const struct relay *relay)
{
	return relay->asked && relay->open ? &relay->client.reply : NULL;
}

/* Each command of the client has the whole `deadline` for its answer, whatever it takes. */
static void begin_command(struct relay *relay)
{
	relay->deadline = clock_mono_ms() + relay->conf->deadline_ms;
	if (relay->open)
		client_set_deadline(&relay->client, relay->deadline);
}

/* Nothing of ours went wrong on the wire: a check of our own came first. */
static bool never_said(const struct result *r)
{
	return r->cause == CAUSE_DATA || r->cause == CAUSE_CONFIG;
}

/* A failure of the session ends it; one of a recipient or the message leaves it usable. */
static bool judge(struct relay *relay, bool ok, const struct result *r)
{
	if (!ok && result_fault(r) == FAULT_SESSION && !never_said(r))
		close_session(relay, false);
	return ok;
}

/* --- MAIL --- */

static bool load_configuration(struct relay *relay, struct result *r)
{
	if (relay->conf != NULL)
		return true;
	if (!conf_find_and_load(relay->o->config, &relay->conf, r))
		return false;
	caller_find(relay->conf, true, &relay->caller);
	route_init(&relay->rc, relay->o, relay->conf, &relay->caller, NULL);
	return true;
}

/* The account's host is kept loaded for the messages to come. */
static void keep_host(struct relay *relay)
{
	struct mill *m = &relay->mill;

	if (m->host == &relay->host)
		return;
	close_session(relay, true);
	hosts_free(&relay->hosts);
	host_free(&relay->host);
	relay->host = m->own_host;
	m->own_host = (struct host){ .from = NULL };
	m->host = &relay->host;
	relay->account = m->account;
}

/* With the first host of the list that lets itself be opened, from its beginning each time. */
static bool open_session(struct relay *relay, struct result *r)
{
	if (relay->open)
		return true;
	hosts_free(&relay->hosts);
	hosts_init(&relay->hosts, &relay->host.smtp);
	relay->open = hosts_open(&relay->hosts, &relay->client, NULL, relay->deadline, r);
	return relay->open;
}

/*
 * Whether SMTPUTF8 is told is settled before the message is there: when the client says that it
 * wants it, or the sender needs it. A header that needs it without that is encoded or refused.
 */
static void settle_utf8(struct relay *relay)
{
	const struct ehlo *e = &relay->client.ehlo;
	bool demanded = relay->o->delivery.smtputf8;
	bool wanted = relay->client_utf8 || envelope_needs_utf8(relay->mill.sender);
	bool possible = ehlo_takes_utf8(e) && relay->mill.account->smtputf8 != UTF8_NO;

	relay->options.smtputf8 = demanded || (wanted && possible);
}

static bool ask_mail(struct relay *relay, uint64_t size, struct result *r)
{
	struct client *c = &relay->client;
	bool ok;

	settle_utf8(relay);
	relay->mails++;
	ok = smtp_check_size(c, size, r) &&
	     smtp_queue_mail(c, relay->mill.sender, &relay->options, size, true, r) &&
	     client_expect(c, STEP_MAIL, 2, r);
	return judge(relay, ok, r);
}

/* The next host of the list, when it was not the message that was refused. */
static bool ask_mail_elsewhere(struct relay *relay, uint64_t size, struct result *r)
{
	while (hosts_try_next(&relay->hosts, r)) {
		close_session(relay, true);
		relay->open = hosts_open(&relay->hosts, &relay->client, NULL, relay->deadline, r);
		if (!relay->open)
			return false;
		if (ask_mail(relay, size, r))
			return true;
	}
	return false;
}

/* A session that was kept may have ended meanwhile; that is nobody's failure yet. */
static bool mail_upstream(struct relay *relay, uint64_t size, struct result *r)
{
	/* LIMITS, RFC 9422: what the server would refuse goes in a new session. */
	if (relay->open && relay->mails == relay->client.ehlo.mail_max && relay->mails > 0)
		close_session(relay, true);
	if (relay->open) {
		if (ask_mail(relay, size, r))
			return true;
		if (relay->open)
			return false;
		result_free(r);
	}
	return open_session(relay, r) &&
	       (ask_mail(relay, size, r) || ask_mail_elsewhere(relay, size, r));
}

bool relay_mail(struct relay *relay, const char *sender, const struct smtp_options *options,
		uint64_t size, struct result *r)
{
	bool ok = load_configuration(relay, r);

	relay->started = clock_mono_ms();
	relay->options = *options;
	relay->client_utf8 = options->smtputf8;
	if (ok) {
		forget_message(relay);
		begin_command(relay);
		ok = mill_choose(&relay->mill, sender, false, r);
	}
	if (ok) {
		keep_host(relay);
		ok = relay->mill.account->discard || mail_upstream(relay, size, r);
	}
	if (ok) {
		relay->upstream = !relay->mill.account->discard;
		relay->has_sender = true;
		message_in_init(&relay->in, &relay->mill.message, NULL);
	} else {
		note(relay, NULL, r);
	}
	return ok;
}

/* --- RCPT --- */

static const char too_many[] = "too many recipients";

static bool ask_rcpt(struct relay *relay, const char *address, const char *orcpt,
		     const struct smtp_options *options, struct result *r)
{
	struct client *c = &relay->client;
	bool ok;

	if (!relay->upstream)
		return relay->mill.account->discard ||
		       result_fail(r, CAUSE_TEMPORARY, STEP_RCPT, "the session was lost before");
	/* LMTP answers for each recipient, which the client's one answer could not tell. */
	if (relay->mill.account->protocol == PROTOCOL_LMTP && relay->told > 0)
		return result_refused(r, STEP_RCPT, 452, "4.5.3", too_many, strlen(too_many));
	relay->asked = true;
	ok = smtp_queue_rcpt(c, address, options, orcpt, r) && client_expect(c, STEP_RCPT, 2, r);
	relay->told += ok ? 1 : 0;
	return judge(relay, ok, r);
}

/* Diverted mail goes to those alone; each is told once, at the first recipient. */
static bool ask_diverted(struct relay *relay, const struct smtp_options *options, struct result *r)
{
	for (char **d = relay->mill.account->divert_to; *d != NULL; d++) {
		char *address;

		if (!envelope_parse(span_of(*d), false, relay->caller.domain, "divert_to", &address,
				    r))
			return false;
		if (!envelope_has(&relay->diverted, address) &&
		    !ask_rcpt(relay, address, NULL, options, r)) {
			free(address);
			return false;
		}
		envelope_add(&relay->diverted, address);
	}
	return true;
}

/* Asks for each final address that is new; the first refusal is the answer. */
static bool ask_all(struct relay *relay, const struct envelope *found, const char *orcpt,
		    const struct smtp_options *options, struct result *r)
{
	bool divert = relay->mill.account->divert_to != NULL;

	if (divert && !ask_diverted(relay, options, r))
		return false;
	for (size_t i = 0; i < found->n; i++) {
		const char *address = found->recipients[i];
		struct result why = RESULT_OK;

		if (envelope_has(&relay->to, address))
			continue;
		if (relay->to.n >= RELAY_RECIPIENTS_MAX)
			return result_refused(r, STEP_RCPT, 452, "4.5.3", too_many,
					      strlen(too_many));
		if (divert || ask_rcpt(relay, address, orcpt, options, &why))
			envelope_add(&relay->to, xstrdup(address));
		else if (!result_failed(r))
			result_move(r, &why);
		result_free(&why);
	}
	return !result_failed(r);
}

/* A command names one recipient; one that begins with a backslash is not to be an alias. */
static bool add_one(struct relay *relay, const char *recipient, struct result *r)
{
	struct span text = span_of(recipient);
	struct mailbox m;
	const char *why;

	if (strncmp(recipient, "<\\", 2) == 0 && text.p[text.len - 1] == '>')
		text = (struct span){ recipient + 1, text.len - 2 };
	if (text.p[0] != '\\') {
		why = addr_parse_one(text, false, &m);
		if (why != NULL)
			return envelope_bad_address(text, "the recipient", why, r);
		mailbox_free(&m);
	}
	return recipients_add_list(&relay->rc, text, "the recipient", r);
}

bool relay_rcpt(struct relay *relay, const char *recipient, const char *notify, const char *orcpt,
		struct result *r)
{
	struct smtp_options options = relay->options;
	struct envelope found;
	bool ok;

	options.notify = notify != NULL ? notify : relay->options.notify;
	relay->asked = false;
	begin_command(relay);
	envelope_init(&found);
	relay->rc.to = &found;
	ok = add_one(relay, recipient, r) && ask_all(relay, &found, orcpt, &options, r);
	envelope_free(&found);
	if (!ok && !result_failed(&relay->refused))
		result_copy(&relay->refused, r);
	return ok;
}

/* --- DATA --- */

void relay_begin(struct relay *relay)
{
	relay->tap = mill_tap(&relay->mill);
	message_in_free(&relay->in);
	message_in_init(&relay->in, &relay->mill.message, &relay->tap);
}

void relay_feed(struct relay *relay, const char *p, size_t len)
{
	if (!result_failed(&relay->failed))
		message_in_feed(&relay->in, p, len, &relay->failed);
}

static bool send_upstream(struct relay *relay, char **reply, struct result *r)
{
	struct client *c = &relay->client;
	const struct mill_terms terms = { .eight_bit = ehlo_has(&c->ehlo, EXT_8BITMIME),
					  .utf8 = relay->options.smtputf8 };
	struct smtp_content content;

	if (relay->mill.account->discard) {
		*reply = xstrdup("250 2.0.0 discarded, as configured");
		return true;
	}
	if (!relay->upstream)
		return result_fail(r, CAUSE_TEMPORARY, STEP_DATA, "the session was lost before");
	if (!mill_finish(&relay->mill, &terms, &content, r) ||
	    !smtp_check_size(c, smtp_content_size(&content), r))
		return false;
	if (smtp_send_content(c, &content, r)) {
		*reply = reply_words(&c->reply);
		relay->upstream = false;
		return true;
	}
	/* Unless the server refused with a reply, nobody knows where the dialogue stands. */
	if (r->cause != CAUSE_REPLY || r->step == STEP_BODY || r->code == 421)
		close_session(relay, false);
	else if (r->step == STEP_END)
		relay->upstream = false;
	return false;
}

bool relay_end(struct relay *relay, char **reply, struct result *r)
{
	struct envelope shown;
	bool ok = !result_failed(&relay->failed) && message_in_finish(&relay->in, &relay->failed);

	*reply = NULL;
	begin_command(relay);
	if (!ok)
		result_move(r, &relay->failed);
	/* The recipients were told long ago; only the header is still to be diverted. */
	envelope_init(&shown);
	for (size_t i = 0; i < relay->to.n; i++)
		envelope_add(&shown, xstrdup(relay->to.recipients[i]));
	ok = ok && mill_fix(&relay->mill, &shown, r) && send_upstream(relay, reply, r);
	envelope_free(&shown);
	note(relay, *reply, r);
	result_free(&relay->refused);
	relay_reset(relay);
	return ok;
}

void relay_reset(struct relay *relay)
{
	struct result ignored = RESULT_OK;

	if (relay->upstream) {
		begin_command(relay);
		judge(relay,
		      client_command(&relay->client, STEP_MAIL, &ignored, "RSET") &&
			      client_expect(&relay->client, STEP_MAIL, 2, &ignored),
		      &ignored);
		if (result_failed(&ignored))
			close_session(relay, false);
		result_free(&ignored);
	}
	relay->upstream = false;
	forget_message(relay);
}
