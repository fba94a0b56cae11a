/*
 * transaction.c - MAIL, RCPT, DATA
 */
#include "smtp/transaction.h"

#include "base/clock.h"
#include "base/util.h"
#include "smtp/dot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* A message over this is not begun before somebody is known to want it. */
#define LARGE_MESSAGE (64 * 1024)

#define PARAMETERS_MAX 4096 /* of one command */

/* Commands are answered before more than this is queued, so that neither side ever blocks. */
#define FLIGHT_MAX (CONN_PIECE - 4096)

struct transaction {
	struct client *c;
	const struct smtp_options *options;
	struct smtp_recipient *recipients;
	size_t n;
	size_t asked;    /* recipients whose RCPT is queued */
	size_t answered; /* and whose reply was read */
	size_t accepted;
	bool mail_answered;
	bool data_asked;
	struct result mail; /* MAIL's refusal */
};

uint64_t smtp_content_size(const struct smtp_content *content)
{
	return (uint64_t)content->header.len + 2 + content->body->size;
}

bool smtp_check_size(const struct client *c, uint64_t size, struct result *r)
{
	uint64_t limit = ehlo_has(&c->ehlo, EXT_SIZE) ? c->ehlo.size : 0;

	if (limit == 0 || size <= limit)
		return true;
	return result_fail(r, CAUSE_DATA, STEP_MAIL,
			   "the message has %" PRIu64 " bytes, the server takes %" PRIu64, size,
			   limit);
}

/* What the caller demands and the host cannot do is a reason not to send. */
static bool check_demands(const struct client *c, const struct smtp_options *options,
			  struct result *r)
{
	if (options->requiretls && (c->tls == NULL || !ehlo_has(&c->ehlo, EXT_REQUIRETLS)))
		return result_fail(r, CAUSE_CONFIG, STEP_MAIL,
				   "REQUIRETLS is asked for (-O requiretls=yes), and the server "
				   "does not offer it");
	if (options->smtputf8 && !ehlo_takes_utf8(&c->ehlo))
		return result_fail(r, CAUSE_CONFIG, STEP_MAIL,
				   "SMTPUTF8 is asked for (-O smtputf8=yes), and the server does "
				   "not offer it together with 8BITMIME");
	return true;
}

static void add_parameter(struct buf *b, const char *name, const char *value)
{
	if (value != NULL)
		buf_addf(b, " %s=%s", name, value);
}

/* A parameter that was cut off could be the one that mattered. */
static bool fits(const struct buf *parameters, enum step step, struct result *r)
{
	return !buf_overflowed(parameters) ||
	       result_fail(r, CAUSE_DATA, step, "the parameters are too long");
}

/* Behind this a server could not tell our address from garbage. */
static bool check_address(const char *address, const struct smtp_options *options, enum step step,
			  struct result *r)
{
	static const char non_ascii[] = "5.6.7"; /* RFC 6531 section 3.2 */

	if (options->smtputf8 || !has_8bit(address, strlen(address)))
		return true;
	memcpy(r->enhanced, non_ascii, sizeof non_ascii);
	return result_fail(r, CAUSE_DATA, step,
			   "the address \"%s\" has a local part that is not ASCII, which only "
			   "SMTPUTF8 can carry: the server does not offer it, smtputf8 = no, or "
			   "the client of -bs did not ask for it",
			   address);
}

bool smtp_queue_mail(struct client *c, const char *sender, const struct smtp_options *options,
		     uint64_t size, bool eight_bit, struct result *r)
{
	struct buf parameters;
	bool ok;

	if (!check_demands(c, options, r) || !check_address(sender, options, STEP_MAIL, r))
		return false;
	buf_init(&parameters, PARAMETERS_MAX);
	if (size > 0 && ehlo_has(&c->ehlo, EXT_SIZE))
		buf_addf(&parameters, " SIZE=%" PRIu64, size);
	if (eight_bit && ehlo_has(&c->ehlo, EXT_8BITMIME))
		buf_adds(&parameters, " BODY=8BITMIME");
	if (ehlo_has(&c->ehlo, EXT_DSN)) {
		add_parameter(&parameters, "RET", options->ret);
		add_parameter(&parameters, "ENVID", options->envid);
	}
	buf_adds(&parameters, options->smtputf8 ? " SMTPUTF8" : "");
	buf_adds(&parameters, options->requiretls ? " REQUIRETLS" : "");
	ok = fits(&parameters, STEP_MAIL, r) &&
	     client_command(c, STEP_MAIL, r, "MAIL FROM:<%s>%s", sender, buf_str(&parameters));
	buf_free(&parameters);
	return ok;
}

bool smtp_queue_rcpt(struct client *c, const char *address, const struct smtp_options *options,
		     const char *orcpt, struct result *r)
{
	struct buf parameters;
	bool ok;

	if (!check_address(address, options, STEP_RCPT, r))
		return false;
	buf_init(&parameters, PARAMETERS_MAX);
	if (ehlo_has(&c->ehlo, EXT_DSN)) {
		add_parameter(&parameters, "NOTIFY", options->notify);
		add_parameter(&parameters, "ORCPT", orcpt);
	}
	ok = fits(&parameters, STEP_RCPT, r) &&
	     client_command(c, STEP_RCPT, r, "RCPT TO:<%s>%s", address, buf_str(&parameters));
	buf_free(&parameters);
	return ok;
}

/*
 * Reads the reply to MAIL or RCPT. A refusal goes into `own` and is no failure here, but for
 * 421, with which the server ends the session (RFC 5321 section 3.8).
 */
static bool read_answer(struct client *c, enum step step, struct result *own, struct result *r)
{
	if (!client_reply(c, step, r))
		return false;
	if (c->reply.code == 421 || c->reply.code / 100 == 3)
		return client_judge(c, step, 2, r);
	client_judge(c, step, 2, own);
	return true;
}

static bool read_answers(struct transaction *t, struct result *r)
{
	if (!t->mail_answered && !read_answer(t->c, STEP_MAIL, &t->mail, r))
		return false;
	t->mail_answered = true;
	while (t->answered < t->asked) {
		struct smtp_recipient *rcpt = &t->recipients[t->answered];

		if (!read_answer(t->c, STEP_RCPT, &rcpt->result, r))
			return false;
		/* Without a reverse-path nobody can be accepted, whatever the server says. */
		rcpt->accepted = !result_failed(&rcpt->result) && !result_failed(&t->mail);
		t->accepted += rcpt->accepted ? 1 : 0;
		t->answered++;
	}
	return true;
}

/* MAIL is queued; RCPT follows, and DATA if it may share the flight. */
static bool run_envelope(struct transaction *t, bool pipelining, bool early_data, struct result *r)
{
	struct client *c = t->c;

	if (!pipelining && !read_answers(t, r))
		return false;
	while (t->asked < t->n && !result_failed(&t->mail)) {
		if (!smtp_queue_rcpt(c, t->recipients[t->asked].address, t->options, NULL, r))
			return false;
		t->asked++;
		if ((!pipelining || c->conn.out.len > FLIGHT_MAX) && !read_answers(t, r))
			return false;
	}
	if (early_data && !result_failed(&t->mail)) {
		t->data_asked = true;
		if (!client_command(c, STEP_DATA, r, "DATA"))
			return false;
	}
	return read_answers(t, r);
}

/* MAIL was refused: what the server says to the RCPTs behind it is a consequence, no cause. */
static void forget_refusals(struct transaction *t)
{
	for (size_t i = 0; i < t->answered; i++)
		result_free(&t->recipients[i].result);
}

/*
 * DATA went out with the envelope, and nobody is left to receive. Should the server want the
 * message all the same, an empty one to nobody ends the transaction (RFC 2920 section 3.1).
 * What it answers does not count, nor does a connection that breaks now.
 */
static void end_empty(struct client *c)
{
	struct result ignored = RESULT_OK;

	if (client_reply(c, STEP_DATA, &ignored) && c->reply.code / 100 == 3 &&
	    conn_write(&c->conn, ".\r\n", 3, &ignored))
		client_reply(c, STEP_END, &ignored);
	result_free(&ignored);
}

struct body_sink {
	struct client *c;
	struct result *r;
};

static bool write_body(void *ctx, const char *p, size_t len)
{
	struct body_sink *b = ctx;

	/* The time for this step is for one piece: a slow line may take long, silence may not. */
	if (b->c->conn.out.len + len >= CONN_PIECE)
		conn_begin_step(&b->c->conn, STEP_BODY, client_step_ms(STEP_BODY));
	return conn_write(&b->c->conn, p, len, b->r);
}

static bool stuff(void *ctx, const char *p, size_t len)
{
	return dot_out_feed(ctx, p, len);
}

static bool write_content(struct client *c, const struct smtp_content *content, struct result *r)
{
	struct body_sink body = { c, r };
	struct dot_out dot;
	struct sink stuffed = { stuff, &dot };

	dot_out_init(&dot, (struct sink){ write_body, &body });
	conn_begin_step(&c->conn, STEP_BODY, client_step_ms(STEP_BODY));
	return sink_write(&stuffed, content->header.p, content->header.len) &&
	       sink_write(&stuffed, "\r\n", 2) && spill_replay(content->body, &stuffed, r) &&
	       dot_out_finish(&dot) && conn_flush(&c->conn, r);
}

/*
 * A server that breaks off in the middle of the message has often said why before: that tells
 * more than the broken connection. Its words replace the failure, if there are any.
 */
static void prefer_last_words(struct client *c, struct result *r)
{
	const int64_t wait_ms = 1000;
	struct result words = RESULT_OK, unread = RESULT_OK;
	struct span line;

	buf_clear(&c->conn.out);
	reply_clear(&c->reply);
	conn_begin_step(&c->conn, STEP_BODY, wait_ms);
	while (conn_read_line(&c->conn, &line, &unread)) {
		enum reply_state state = reply_line(&c->reply, line);

		if (state == REPLY_MORE)
			continue;
		if (state == REPLY_DONE && c->reply.code / 100 >= 4)
			client_judge(c, STEP_BODY, 2, &words);
		break;
	}
	result_free(&unread);
	if (result_failed(&words))
		result_move(r, &words);
}

bool smtp_send_content(struct client *c, const struct smtp_content *content, bool data_asked,
		       bool *sent, struct result *r)
{
	if (!data_asked && !client_command(c, STEP_DATA, r, "DATA"))
		return false;
	if (!client_expect(c, STEP_DATA, 3, r))
		return false;
	if (!write_content(c, content, r)) {
		if (r->cause == CAUSE_TEMPORARY)
			prefer_last_words(c, r);
		return false;
	}
	*sent = client_expect(c, STEP_END, 2, r);
	/* Only a refusal says that the message was not taken. */
	r->maybe_sent = !*sent && r->cause != CAUSE_REPLY;
	return *sent;
}

bool smtp_transaction(struct client *c, const char *sender, struct smtp_recipient *recipients,
		      size_t n, bool all_or_nothing, const struct smtp_options *options,
		      const struct smtp_content *content, bool *sent, struct result *r)
{
	struct smtp_options terms = *options;
	struct transaction t = { .c = c, .options = &terms, .recipients = recipients, .n = n };
	uint64_t size = smtp_content_size(content);
	bool pipelining = ehlo_has(&c->ehlo, EXT_PIPELINING);
	bool early_data = pipelining && !all_or_nothing && size <= LARGE_MESSAGE;

	*sent = false;
	terms.smtputf8 = options->smtputf8 || content->utf8;
	if (!smtp_check_size(c, size, r) ||
	    !smtp_queue_mail(c, sender, &terms, size, content->eight_bit, r))
		return false;
	bool ok = run_envelope(&t, pipelining, early_data, r);
	if (ok && t.data_asked && t.accepted == 0)
		end_empty(c);
	if (ok && result_failed(&t.mail)) {
		forget_refusals(&t);
		result_move(r, &t.mail);
		ok = false;
	}
	result_free(&t.mail);
	if (!ok)
		return false;
	if (t.accepted == 0 || (all_or_nothing && t.accepted < n))
		return true;
	return smtp_send_content(c, content, t.data_asked, sent, r);
}
