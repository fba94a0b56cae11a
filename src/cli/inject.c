/*
 * inject.c - -bm, the main job, told from top to bottom: read, address, fix, sign, submit; and
 * --dry-run and --sign, which show what it would send
 */
#include "cli/inject.h"

#include "base/clock.h"
#include "base/util.h"
#include "cli/caller.h"
#include "cli/mill.h"
#include "cli/outcome.h"
#include "cli/route.h"
#include "config/conf.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "smtp/submit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"

/* Everything one message gathers on its way. */
struct injection {
	const struct options *o;
	struct report *rep;
	struct conf *conf;
	struct caller caller;
	struct mill mill;
	struct envelope envelope;
	struct smtp_submission submission;
	int64_t deadline; /* of the whole submission */
};

static bool load_configuration(struct injection *in, struct result *r)
{
	if (!conf_find_and_load(in->o->config, &in->conf, r))
		return false;
	mill_init(&in->mill, in->conf, &in->caller, in->o, NULL, NULL);
	return true;
}

static bool read_message(struct injection *in, struct result *r)
{
	bool dot_ends = !in->o->ignore_dots && isatty(STDIN_FILENO) == 1;
	struct sink tap = mill_tap(&in->mill);

	if (!message_read(STDIN_FILENO, dot_ends, &tap, &in->mill.message, r))
		return false;
	in->deadline = clock_mono_ms() + in->conf->deadline_ms;
	caller_find(in->conf, in->o->mode == MODE_MESSAGE, &in->caller);
	return true;
}

static bool find_recipients(struct injection *in, struct result *r)
{
	const struct header *header = in->o->header_recipients ? &in->mill.message.header : NULL;

	if (!route_recipients(in->o, in->conf, &in->caller, header, &in->envelope, r))
		return false;
	if (in->envelope.n == 0 && in->o->mode != MODE_SIGN)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   in->o->header_recipients
					   ? "no recipients, neither given nor in To, Cc or Bcc"
					   : "no recipients given (name them, or use -t)");
	return true;
}

/* Called once the host's extensions are known; see smtp/submit.h. */
static bool make_final(void *ctx, const struct ehlo *offered, struct smtp_content *content,
		       struct result *r)
{
	struct injection *in = ctx;
	const struct mill_terms terms = {
		.eight_bit = ehlo_has(offered, EXT_8BITMIME),
		.utf8 = ehlo_takes_utf8(offered),
	};

	return mill_finish(&in->mill, &terms, content, r);
}

/* The server's bytes go to a terminal: what could steer it becomes a question mark. */
static void trace_line(void *ctx, char direction, struct span text)
{
	struct injection *in = ctx;
	struct buf line;

	buf_init(&line, text.len + 4);
	buf_addc(&line, direction);
	buf_adds(&line, ": ");
	for (size_t i = 0; i < text.len; i++)
		buf_addc(&line, ascii_iscntrl(text.p[i]) ? '?' : text.p[i]);
	buf_addc(&line, '\n');
	sink_write(&in->rep->out, line.p, line.len);
	buf_free(&line);
}

static void address_submission(struct injection *in)
{
	struct smtp_submission *s = &in->submission;

	s->sender = in->mill.sender;
	s->n = in->envelope.n;
	s->recipients = xcalloc(s->n, sizeof s->recipients[0]);
	for (size_t i = 0; i < s->n; i++)
		s->recipients[i].address = in->envelope.recipients[i];
	s->all_or_nothing = in->conf->partial == PARTIAL_ABORT;
	s->options = in->o->delivery;
	s->prepare = make_final;
	s->ctx = in;
	if (in->o->verbose)
		s->trace = (struct smtp_trace){ trace_line, in };
}

/* The account and the envelope of --dry-run, an empty line behind them. */
static void show_envelope(const struct injection *in)
{
	struct buf b;

	buf_init(&b, 64 * 1024 * 1024);
	buf_addf(&b, "Account: %s (", in->mill.account->name);
	hosts_describe(&in->mill.host->smtp, &b);
	buf_addf(&b, ")\nSender: <%s>\n", in->mill.sender);
	for (size_t i = 0; i < in->envelope.n; i++)
		buf_addf(&b, "Recipient: <%s>\n", in->envelope.recipients[i]);
	buf_addc(&b, '\n');
	sink_write(&in->rep->out, b.p, b.len);
	buf_free(&b);
}

/* --dry-run and --sign: the message as it would leave for a host with 8BITMIME, no SMTPUTF8. */
static bool show(struct injection *in, struct result *r)
{
	const struct mill_terms terms = { .eight_bit = true };
	struct smtp_content content;

	if (!mill_finish(&in->mill, &terms, &content, r))
		return false;
	if (in->o->mode == MODE_DRY_RUN)
		show_envelope(in);
	sink_write(&in->rep->out, content.header.p, content.header.len);
	sink_write(&in->rep->out, "\r\n", 2);
	return spill_replay(content.body, &in->rep->out, r);
}

static bool submit(struct injection *in, struct result *r)
{
	if (in->o->mode != MODE_MESSAGE)
		return show(in, r);
	if (in->mill.account->discard) {
		in->submission.reply = xstrdup("discarded, as configured");
		return true;
	}
	return smtp_submit(&in->mill.host->smtp, in->deadline, &in->submission, r);
}

static bool run(struct injection *in, struct result *r)
{
	/* Until stdin was read to its end, a failure reads it and throws it away. */
	if (!load_configuration(in, r) || !read_message(in, r)) {
		if (isatty(STDIN_FILENO) != 1)
			message_drain(STDIN_FILENO);
		return false;
	}
	if (!find_recipients(in, r) || !mill_choose(&in->mill, in->o->sender, true, r) ||
	    !mill_fix(&in->mill, &in->envelope, r))
		return false;
	address_submission(in);
	return submit(in, r);
}

static int conclude(struct injection *in, const struct result *r, int64_t started)
{
	struct outcome oc = {
		.conf = in->conf,
		.account = in->mill.account,
		.message = &in->mill.message,
		.envelope = &in->envelope,
		.sender = in->mill.sender,
		.submission = &in->submission,
		.failure = r,
		.dkim = mill_dkim_word(&in->mill),
		.seconds = (double)(clock_mono_ms() - started) / 1000,
		.log_tag = in->o->log_tag != NULL ? in->o->log_tag : in->o->program,
	};
	int status = outcome_status(&oc);

	outcome_report(&oc, in->rep);
	if (in->o->mode == MODE_MESSAGE)
		outcome_log(&oc, status);
	return status;
}

static void clean_up(struct injection *in)
{
	smtp_submission_free(&in->submission);
	free(in->submission.recipients);
	envelope_free(&in->envelope);
	mill_free(&in->mill);
	caller_free(&in->caller);
	conf_free(in->conf);
}

int inject(const struct options *o, struct report *rep)
{
	struct injection in = { .o = o, .rep = rep };
	struct result r = RESULT_OK;
	int64_t started = clock_mono_ms();

	mill_init(&in.mill, NULL, NULL, o, NULL, NULL);
	envelope_init(&in.envelope);
	run(&in, &r);
	int status = conclude(&in, &r, started);
	result_free(&r);
	clean_up(&in);
	return status;
}
