/*
 * transaction.c - MAIL, RCPT, DATA or BDAT
 */
#include "smtp/transaction.h"

#include "base/clock.h"
#include "base/util.h"

#include <stdlib.h>
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
	bool content_sent;  /* the server may have all of it */
	bool left_open;     /* LMTP: not for all has it said anything */
	bool taken;         /* it said so, for somebody */
	struct result mail; /* MAIL's refusal */
};

void smtp_recipient_reset(struct smtp_recipient *rcpt)
{
	result_free(&rcpt->result);
	free(rcpt->refused_by);
	rcpt->refused_by = NULL;
	rcpt->state = RECIPIENT_WAITING;
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

static void settle(const struct run *run, struct smtp_recipient *rcpt, enum recipient_state state)
{
	rcpt->state = state;
	if (state == RECIPIENT_REFUSED && rcpt->refused_by == NULL)
		rcpt->refused_by = xstrdup(run->c->at.name);
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

		settle(run, rcpt, accepted ? RECIPIENT_ACCEPTED : RECIPIENT_REFUSED);
		run->accepted += accepted ? 1 : 0;
		run->answered++;
	}
	return true;
}

/*
 * The session broke before the answer to the message, which the server may have. Only a refusal of
 * all that could be taken says that it was not: of MAIL, of the message, or of each recipient.
 */
static void judge_loss(const struct run *run, struct result *r)
{
	bool nobody = run->accepted == 0 && run->answered == run->t->n;

	/* Of a reply that ends the session: 421, behind which nobody else is accepted. */
	if (r->cause == CAUSE_REPLY)
		nobody = (r->step != STEP_RCPT || run->accepted == 0) && !run->left_open;
	r->maybe_sent = run->content_sent && !nobody;
}

/* Memory may also be gone once the server has the message. */
static void tell_afterwards(bool maybe_sent)
{
	out_of_memory_says(maybe_sent ? "; the message may have been delivered" : NULL);
}

/*
 * The message in the flight of the envelope. When the connection breaks under it, the answers that
 * came before tell more; they are here by now, or will not be.
 */
static bool send_early(struct run *run, struct result *r)
{
	struct client *c = run->c;
	struct result words = RESULT_OK;

	if (!ehlo_has(&c->ehlo, EXT_CHUNKING))
		return client_command(c, STEP_DATA, r, "DATA");
	tell_afterwards(true);
	if (content_write(c, run->t->content, run->quit, &run->content_sent, r))
		return true;
	if (r->cause != CAUSE_TEMPORARY)
		return false;
	conn_stop_writing(&c->conn);
	client_set_deadline(c, clock_mono_ms() + CONTENT_LAST_WORDS_MS);
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
	for (size_t i = 0; i < run->asked; i++)
		smtp_recipient_reset(run->t->recipients[i]);
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

static void take(struct run *run, struct smtp_recipient *rcpt)
{
	if (run->t->reply != NULL && *run->t->reply == NULL)
		*run->t->reply = reply_words(&run->c->reply);
	settle(run, rcpt, RECIPIENT_DONE);
	run->taken = true;
}

/* The one answer of SMTP, for all recipients. */
static bool take_answer(struct run *run, struct result *r)
{
	if (!client_expect(run->c, STEP_END, 2, r))
		return false;
	for (size_t i = 0; i < run->t->n; i++)
		if (run->t->recipients[i]->state == RECIPIENT_ACCEPTED)
			take(run, run->t->recipients[i]);
	return true;
}

bool smtp_too_many(const struct result *r)
{
	return r->step == STEP_RCPT && (r->code == 452 || r->code == 552) &&
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

static bool any_accepted(const struct run *run, size_t from)
{
	for (size_t i = from; i < run->t->n; i++)
		if (run->t->recipients[i]->state == RECIPIENT_ACCEPTED)
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
		if (!read_answer(run->c, STEP_END, &rcpt->result, r)) {
			run->left_open = any_accepted(run, i + 1);
			return false;
		}
		if (result_failed(&rcpt->result))
			settle(run, rcpt, RECIPIENT_REFUSED);
		else
			take(run, rcpt);
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
	tell_afterwards(true);
	if (!run->content_sent &&
	    !content_write(c, run->t->content, run->quit && !anybody_left(run), &run->content_sent,
			   r)) {
		if (r->cause == CAUSE_TEMPORARY)
			content_prefer_last_words(c, r);
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
	return !result_failed(&run->mail);
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
	/* Whatever went wrong behind it, the refused MAIL is the cause. */
	if (result_failed(&run.mail)) {
		forget_refusals(&run);
		result_move(r, &run.mail);
	} else if (!ok) {
		judge_loss(&run, r);
	}
	tell_afterwards(run.taken || r->maybe_sent);
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

	free(all.refused_by);
	if (!ok)
		judge_loss(&run, r);
	tell_afterwards(run.taken || r->maybe_sent);
	if (ok && all.state != RECIPIENT_DONE)
		result_move(r, &all.result);
	return ok && all.state == RECIPIENT_DONE;
}
