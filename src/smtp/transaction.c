/*
 * transaction.c - MAIL, RCPT, DATA or BDAT
 */
#include "smtp/transaction.h"

#include "base/clock.h"
#include "base/util.h"

#include <string.h>

#include "base/banned.h"

/* A message over this is not begun before somebody is known to want it. */
#define LARGE_MESSAGE (64 * 1024)

/* Commands are answered before more than this is queued, so that neither side ever blocks. */
#define FLIGHT_MAX (CONN_PIECE - 4096)

struct run {
	struct client *c;
	const struct smtp_transaction *t;
	struct smtp_options options;
	bool pipelining;
	bool early;      /* DATA or the message goes with the envelope */
	bool quit;       /* QUIT goes with the message */
	size_t asked;    /* recipients whose RCPT is queued */
	size_t answered; /* and whose reply was read */
	size_t accepted;
	bool mail_answered;
	bool content_sent;  /* its last byte has left */
	struct result mail; /* MAIL's refusal */
};

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

static bool read_answers(struct run *run, struct result *r)
{
	if (!run->mail_answered && !read_answer(run->c, STEP_MAIL, &run->mail, r))
		return false;
	run->mail_answered = true;
	while (run->answered < run->asked) {
		struct smtp_recipient *rcpt = run->t->recipients[run->answered];

		if (!read_answer(run->c, STEP_RCPT, &rcpt->result, r))
			return false;
		/* Without a reverse-path nobody can be accepted, whatever the server says. */
		bool accepted = !result_failed(&rcpt->result) && !result_failed(&run->mail);

		rcpt->state = accepted ? RECIPIENT_ACCEPTED : RECIPIENT_REFUSED;
		run->accepted += accepted ? 1 : 0;
		run->answered++;
	}
	return true;
}

/*
 * The last byte has left, and the session broke before the answer to it. Only a refusal, of all
 * that could be taken, says that the message was not: of MAIL, of every recipient, or 421, behind
 * which a server reads nothing more.
 */
static void judge_loss(const struct run *run, struct result *r)
{
	bool refused = result_failed(&run->mail) || r->cause == CAUSE_REPLY ||
		       (run->answered == run->t->n && run->accepted == 0);

	r->maybe_sent = run->content_sent && !refused;
}

/*
 * The message in the flight of the envelope. When the connection breaks under it, the answers that
 * came before tell more.
 */
static bool send_early(struct run *run, struct result *r)
{
	struct result words = RESULT_OK;

	if (!ehlo_has(&run->c->ehlo, EXT_CHUNKING))
		return client_command(run->c, STEP_DATA, r, "DATA");
	run->content_sent = content_write(run->c, run->t->content, run->quit, r);
	if (run->content_sent)
		return true;
	if (r->cause != CAUSE_TEMPORARY)
		return false;
	buf_clear(&run->c->conn.out);
	read_answers(run, &words);
	if (words.cause == CAUSE_REPLY)
		result_move(r, &words);
	result_free(&words);
	return false;
}

/* MAIL is queued; RCPT follows, and what else may share the flight. */
static bool run_envelope(struct run *run, struct result *r)
{
	struct client *c = run->c;

	if (!run->pipelining && !read_answers(run, r))
		return false;
	while (run->asked < run->t->n && !result_failed(&run->mail)) {
		const struct smtp_recipient *rcpt = run->t->recipients[run->asked];

		if (!smtp_queue_rcpt(c, rcpt->address, &run->options, NULL, r))
			return false;
		run->asked++;
		if ((!run->pipelining || c->conn.out.len > FLIGHT_MAX) && !read_answers(run, r))
			return false;
	}
	run->early = run->early && !result_failed(&run->mail);
	return (!run->early || send_early(run, r)) && read_answers(run, r);
}

/* MAIL was refused: what the server says to the RCPTs behind it is a consequence, no cause. */
static void forget_refusals(struct run *run)
{
	for (size_t i = 0; i < run->answered; i++) {
		result_free(&run->t->recipients[i]->result);
		run->t->recipients[i]->state = RECIPIENT_WAITING;
	}
}

/*
 * DATA or the message went out with the envelope, and nobody is left to receive. Should the server
 * want a message behind DATA all the same, an empty one to nobody ends the transaction (RFC 2920
 * section 3.1). What it answers does not count, nor does a connection that breaks now.
 */
static void end_empty(struct run *run)
{
	struct client *c = run->c;
	struct result ignored = RESULT_OK;

	if (client_reply(c, STEP_DATA, &ignored) && !run->content_sent &&
	    c->reply.code / 100 == 3 && conn_write(&c->conn, ".\r\n", 3, &ignored))
		client_reply(c, STEP_END, &ignored);
	result_free(&ignored);
}

/* The one answer of SMTP, for all recipients. */
static bool take_answer(struct run *run, struct result *r)
{
	if (!client_expect(run->c, STEP_END, 2, r))
		return false;
	for (size_t i = 0; i < run->t->n; i++)
		if (run->t->recipients[i]->state == RECIPIENT_ACCEPTED)
			run->t->recipients[i]->state = RECIPIENT_DONE;
	return true;
}

bool smtp_too_many(const struct result *r)
{
	return (r->code == 452 || r->code == 552) &&
	       (r->enhanced[0] == '\0' || strcmp(r->enhanced + 1, ".5.3") == 0);
}

/* Somebody is left for a further transaction of this session. */
static bool anybody_left(const struct run *run)
{
	for (size_t i = 0; i < run->answered; i++)
		if (smtp_too_many(&run->t->recipients[i]->result))
			return true;
	return false;
}

/* LMTP has an answer for each accepted recipient (RFC 2033 section 4.2). */
static bool take_each_answer(struct run *run, struct result *r)
{
	for (size_t i = 0; i < run->t->n; i++) {
		struct smtp_recipient *rcpt = run->t->recipients[i];

		if (rcpt->state != RECIPIENT_ACCEPTED)
			continue;
		if (!read_answer(run->c, STEP_END, &rcpt->result, r))
			return false;
		rcpt->state = result_failed(&rcpt->result) ? RECIPIENT_REFUSED : RECIPIENT_DONE;
	}
	return true;
}

/* What is still to be sent, and the answer to all of it. */
static bool run_content(struct run *run, struct result *r)
{
	struct client *c = run->c;
	bool chunking = ehlo_has(&c->ehlo, EXT_CHUNKING);

	if (!chunking && !run->early && !client_command(c, STEP_DATA, r, "DATA"))
		return false;
	if (!chunking && !client_expect(c, STEP_DATA, 3, r))
		return false;
	if (!run->content_sent) {
		run->content_sent =
			content_write(c, run->t->content, run->quit && !anybody_left(run), r);
		if (!run->content_sent && r->cause == CAUSE_TEMPORARY)
			content_prefer_last_words(c, r);
		if (!run->content_sent)
			return false;
	}
	return c->host->protocol == PROTOCOL_LMTP ? take_each_answer(run, r) : take_answer(run, r);
}

/* Envelope and content. */
static bool run_all(struct run *run, struct result *r)
{
	if (!run_envelope(run, r))
		return false;
	if (run->accepted > 0 && (!run->t->all_or_nothing || run->accepted == run->t->n))
		return run_content(run, r);
	if (run->early)
		end_empty(run);
	if (!result_failed(&run->mail))
		return true;
	forget_refusals(run);
	result_copy(r, &run->mail);
	return false;
}

bool smtp_transaction(struct client *c, const struct smtp_transaction *t, struct result *r)
{
	uint64_t size = smtp_content_size(t->content);
	struct run run = { .c = c, .t = t, .options = *t->options };
	bool ok;

	run.pipelining = ehlo_has(&c->ehlo, EXT_PIPELINING);
	run.quit = run.pipelining && t->last;
	run.early = run.pipelining && !t->all_or_nothing && size <= LARGE_MESSAGE;
	run.options.smtputf8 = t->options->smtputf8 || t->content->utf8;
	ok = smtp_check_size(c, size, r) &&
	     smtp_queue_mail(c, t->sender, &run.options, size, t->content->eight_bit, r) &&
	     run_all(&run, r);
	if (!ok)
		judge_loss(&run, r);
	result_free(&run.mail);
	return ok;
}

bool smtp_send_content(struct client *c, const struct smtp_content *content, struct result *r)
{
	struct smtp_recipient all = { .state = RECIPIENT_ACCEPTED };
	struct smtp_recipient *one = &all;
	const struct smtp_transaction t = { .recipients = &one, .n = 1, .content = content };
	struct run run = { .c = c, .t = &t, .answered = 1, .accepted = 1 };
	bool ok = run_content(&run, r);

	if (!ok)
		judge_loss(&run, r);
	else if (all.state != RECIPIENT_DONE)
		result_move(r, &all.result);
	return ok && all.state == RECIPIENT_DONE;
}
