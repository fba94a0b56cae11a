/*
 * submit.c - a message to a smart host, from connecting to QUIT, or to the next one
 */
#include "smtp/submit.h"

#include "base/util.h"
#include "smtp/session.h"

#include <stdlib.h>

#include "base/banned.h"

/* What is left of the recipients for the next transaction. */
struct round {
	struct smtp_submission *s;
	struct smtp_recipient **chosen;
	size_t n;      /* of them */
	size_t limit;  /* recipients that this server takes at once, as far as known */
	size_t left;   /* waiting, chosen or not */
	uint64_t done; /* transactions of this session */
};

static void choose(struct round *round)
{
	struct smtp_submission *s = round->s;

	round->n = round->left = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct smtp_recipient *rcpt = &s->recipients[i];

		/* Accepted by a host that then failed is nothing. */
		if (rcpt->state == RECIPIENT_ACCEPTED)
			rcpt->state = RECIPIENT_WAITING;
		if (rcpt->state != RECIPIENT_WAITING)
			continue;
		round->left++;
		if (round->n < round->limit)
			round->chosen[round->n++] = rcpt;
	}
}

static size_t count_done(const struct round *round)
{
	size_t done = 0;

	for (size_t i = 0; i < round->n; i++)
		done += round->chosen[i]->state == RECIPIENT_DONE ? 1 : 0;
	return done;
}

/* They have their turn in a further transaction, when this one took the message for others. */
static void defer_the_rest(struct round *round)
{
	size_t done = count_done(round), deferred = 0;

	for (size_t i = 0; done > 0 && i < round->n; i++) {
		struct smtp_recipient *rcpt = round->chosen[i];

		if (rcpt->state != RECIPIENT_REFUSED || !smtp_too_many(&rcpt->result))
			continue;
		smtp_recipient_reset(rcpt);
		deferred++;
	}
	if (deferred > 0)
		round->limit = done;
}

static bool anybody_has_it(const struct smtp_submission *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->recipients[i].state == RECIPIENT_DONE)
			return true;
	return false;
}

/* A refusal of the message, which others have already, is told with those who do not get it. */
static bool refuse_chosen(struct round *round, struct result *r)
{
	if (r->cause != CAUSE_REPLY || result_fault(r) != FAULT_MESSAGE ||
	    !anybody_has_it(round->s))
		return false;
	for (size_t i = 0; i < round->n; i++) {
		if (round->chosen[i]->state == RECIPIENT_REFUSED)
			continue;
		result_copy(&round->chosen[i]->result, r);
		round->chosen[i]->refused_by = xstrdup(hosts_name(&round->s->hosts));
		round->chosen[i]->state = RECIPIENT_REFUSED;
	}
	result_free(r);
	return true;
}

static bool fits_at_once(const struct round *round, struct result *r)
{
	return !round->s->all_or_nothing || round->n == round->left ||
	       result_fail(r, CAUSE_CONFIG, STEP_MAIL,
			   "partial = abort needs one transaction for all %zu recipients, and the "
			   "server takes %zu",
			   round->left, round->limit);
}

static bool one_transaction(struct round *round, struct client *c,
			    const struct smtp_content *content, struct result *r)
{
	struct smtp_submission *s = round->s;
	const struct smtp_transaction t = {
		.sender = s->sender,
		.recipients = round->chosen,
		.n = round->n,
		.all_or_nothing = s->all_or_nothing,
		.last = round->n == round->left || round->done + 1 == c->ehlo.mail_max,
		.options = &s->options,
		.content = content,
		.reply = &s->reply,
	};

	if (!fits_at_once(round, r))
		return false;
	if (!smtp_transaction(c, &t, r))
		return refuse_chosen(round, r);
	defer_the_rest(round);
	round->done++;
	return true;
}

static bool reset(struct client *c, struct result *r)
{
	return client_command(c, STEP_MAIL, r, "RSET") && client_expect(c, STEP_MAIL, 2, r);
}

/* As many transactions as one session takes. */
static bool use_session(struct round *round, struct client *c, struct result *r)
{
	struct smtp_submission *s = round->s;
	uint64_t most = c->ehlo.rcpt_max;
	struct smtp_content content;

	s->tls = client_tls_version(c);
	if (!s->prepare(s->ctx, &c->ehlo, &content, r))
		return false;
	s->size = smtp_content_size(&content);
	if (most > 0 && most < round->limit)
		round->limit = (size_t)most;
	round->done = 0;
	for (;;) {
		choose(round);
		if (!one_transaction(round, c, &content, r))
			return false;
		bool open = count_done(round) == 0;
		choose(round);
		/* Those who were accepted, but not all, wait for nothing. */
		if (s->all_or_nothing)
			round->left = 0;
		if (round->left == 0 || c->quit_said || round->done == c->ehlo.mail_max)
			return true;
		/* A transaction that came to nothing is not over for the server. */
		if (open && !reset(c, r))
			return false;
	}
}

/*
 * QUIT only where the server expects a command. After a failure in the middle of the message it
 * would be text of the message.
 */
static bool expects_quit(bool ok, const struct result *r)
{
	if (ok)
		return true;
	if (r->cause == CAUSE_REPLY)
		return r->step != STEP_BODY && r->code != 421;
	return r->step < STEP_BODY && r->cause != CAUSE_TEMPORARY && r->cause != CAUSE_PROTOCOL;
}

/* All that waits, to the host whose session is open; it is closed afterwards. */
static bool use_host(struct round *round, struct client *c, int64_t deadline, struct result *r)
{
	struct smtp_submission *s = round->s;

	for (;;) {
		bool ok = use_session(round, c, r);

		session_close(c, expects_quit(ok, r));
		if (!ok || round->left == 0)
			return ok;
		/* Every session takes somebody off the list, or the loop has ended. */
		if (!session_open(c, s->hosts.host, &s->hosts.at, &s->trace, deadline, r))
			return false;
	}
}

/* All or nothing it can no longer be, at no host: what is told is that refusal. */
static bool is_settled(const struct smtp_submission *s)
{
	for (size_t i = 0; s->all_or_nothing && i < s->n; i++)
		if (s->recipients[i].state == RECIPIENT_REFUSED)
			return true;
	return false;
}

/* A recipient about whom nothing is known must not pass for one who has the message. */
static bool check_all(const struct smtp_submission *s, struct result *r)
{
	for (size_t i = 0; !is_settled(s) && i < s->n; i++)
		if (s->recipients[i].state != RECIPIENT_DONE &&
		    !result_failed(&s->recipients[i].result))
			return result_fail(r, CAUSE_INTERNAL, STEP_RCPT,
					   "<%s> was left over, which is a fault in this program",
					   s->recipients[i].address);
	return true;
}

bool smtp_submit(const struct smtp_host *host, int64_t deadline, struct smtp_submission *s,
		 struct result *r)
{
	struct round round = { .s = s, .limit = s->n };
	struct client c;
	bool ok = false;

	hosts_init(&s->hosts, host);
	round.chosen = xcalloc(s->n, sizeof *round.chosen);
	while (hosts_open(&s->hosts, &c, &s->trace, deadline, r)) {
		ok = use_host(&round, &c, deadline, r);
		if (!ok && !r->maybe_sent && is_settled(s)) {
			result_free(r);
			ok = true;
		}
		if (ok || !hosts_try_next(&s->hosts, r))
			break;
		round.limit = s->n;
	}
	free(round.chosen);
	return ok && check_all(s, r);
}

void smtp_submission_free(struct smtp_submission *s)
{
	for (size_t i = 0; i < s->n; i++)
		smtp_recipient_reset(&s->recipients[i]);
	hosts_free(&s->hosts);
	free(s->reply);
	s->reply = NULL;
}
