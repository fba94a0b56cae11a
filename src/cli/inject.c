/*
 * inject.c - -bm, the main job, told from top to bottom: read, address, fix, sign, submit
 */
#include "cli/inject.h"

#include "base/clock.h"
#include "base/util.h"
#include "cli/caller.h"
#include "cli/host.h"
#include "cli/outcome.h"
#include "cli/signing.h"
#include "config/account.h"
#include "config/conf.h"
#include "mail/addr.h"
#include "mail/envelope.h"
#include "mail/fixup.h"
#include "mail/message.h"
#include "smtp/submit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define SIGNED_HEADER_MAX (8 * 1024 * 1024) /* over any header with its signatures */

/* Everything one message gathers on its way. */
struct injection {
	const struct options *o;
	struct report *rep;
	struct conf *conf;
	struct caller caller;
	struct message message;
	struct body_hash body_hash;
	struct envelope envelope;
	const struct conf_account *account;
	char *sender;        /* reverse-path */
	char *author_domain; /* of the From: field, in ASCII: whose keys sign */
	struct signing signing;
	struct host host;
	struct buf header; /* final: signatures and fields */
	struct smtp_submission submission;
};

static bool load_configuration(struct injection *in, struct result *r)
{
	char *path = conf_find(in->o->config, r);
	bool ok = path != NULL && conf_load(path, &in->conf, r);

	free(path);
	if (ok)
		caller_find(in->conf, &in->caller);
	return ok;
}

static bool read_message(struct injection *in, struct result *r)
{
	bool dot_ends = !in->o->ignore_dots && isatty(STDIN_FILENO) == 1;
	struct sink tap;

	signing_begin_body(in->conf, &in->body_hash);
	tap = body_hash_sink(&in->body_hash);
	if (!message_read(STDIN_FILENO, dot_ends, &tap, &in->message, r))
		return false;
	body_hash_finish(&in->body_hash);
	return true;
}

/*
 * Folding is part of an address in a header, where lines end. In argv it is somebody's attempt
 * at a second line.
 */
static bool one_line(struct span text, const char *origin, struct result *r)
{
	if (!has_control(text.p, text.len))
		return true;
	return result_fail(r, CAUSE_DATA, STEP_ADDRESS, "%s holds a control character", origin);
}

static bool find_recipients(struct injection *in, struct result *r)
{
	const char *domain = in->caller.domain;

	for (size_t i = 0; i < in->o->n_recipients; i++) {
		struct span list = span_of(in->o->recipients[i]);

		if (!one_line(list, "the recipient", r) ||
		    !envelope_add_list(&in->envelope, list, domain, "the recipient", r))
			return false;
	}
	if (in->o->header_recipients &&
	    !envelope_add_header(&in->envelope, &in->message.header, domain, r))
		return false;
	if (in->envelope.n == 0)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   in->o->header_recipients
					   ? "no recipients, neither given nor in To, Cc or Bcc"
					   : "no recipients given (name them, or use -t)");
	return true;
}

/*
 * The From: field's address; *local tells whether it means anything outside. *address stays
 * NULL when there is no such field.
 */
static bool find_author(const struct injection *in, char **address, bool *local, struct result *r)
{
	struct mailbox m;

	*local = true;
	if (!fixup_author(&in->message.header, &m, r))
		return !result_failed(r);
	*local = domain_is_local(m.domain, in->caller.hostname);
	bool ok = envelope_address(&m, in->caller.domain, "From:", address, r);
	mailbox_free(&m);
	return ok;
}

static char *own_address(const struct injection *in)
{
	if (in->host.from != NULL)
		return xstrdup(in->host.from);
	return xasprintf("%s@%s", in->caller.login, in->caller.domain);
}

/*
 * Account and reverse-path depend on each other; the order is that of sendmail.conf(5). All the
 * account needs is loaded on the way.
 */
static bool choose_account_and_sender(struct injection *in, struct result *r)
{
	char *given = NULL, *author = NULL;
	bool author_is_local = true, ok = true;

	if (in->o->sender != NULL)
		ok = one_line(span_of(in->o->sender), "the sender", r) &&
		     envelope_parse(span_of(in->o->sender), true, in->caller.domain, "the sender",
				    &given, r);
	ok = ok && find_author(in, &author, &author_is_local, r);
	if (ok)
		in->account = account_choose(in->conf, in->o->account, given, author, r);
	ok = in->account != NULL && host_load(in->account, &in->caller, &in->host, r);
	if (ok) {
		if (given != NULL)
			in->sender = xstrdup(given);
		else if (author != NULL && !author_is_local)
			in->sender = xstrdup(author);
		else
			in->sender = own_address(in);
	}
	free(given);
	free(author);
	return ok;
}

static bool fix_header(struct injection *in, struct result *r)
{
	char *own = own_address(in);
	struct fixup f = {
		.from = in->sender[0] != '\0' ? in->sender : own,
		.from_name = in->o->full_name != NULL ? in->o->full_name : in->caller.full_name,
		.domain = in->caller.domain,
		.now = clock_now(),
	};
	bool ok = fixup_header(&in->message.header, &f, r);

	free(own);
	return ok;
}

static bool load_keys(struct injection *in, struct result *r)
{
	struct mailbox author;
	char *address = NULL;

	if (!in->account->dkim)
		return true;
	if (!fixup_author(&in->message.header, &author, r))
		return false;
	bool ok = envelope_address(&author, in->caller.domain, "From:", &address, r);
	mailbox_free(&author);
	if (ok) {
		in->author_domain = xstrdup(strrchr(address, '@') + 1);
		ok = signing_load(in->conf, in->author_domain, &in->signing, r);
	}
	free(address);
	return ok;
}

/* Called once the host's extensions are known; see smtp/submit.h. */
static bool make_final(void *ctx, const struct ehlo *offered, struct smtp_content *content,
		       struct result *r)
{
	struct injection *in = ctx;

	(void)offered;
	buf_clear(&in->header);
	if (!signing_run(&in->signing, &in->message.header, &in->body_hash, &in->header, r))
		return false;
	if (buf_overflowed(&in->header))
		return result_fail(r, CAUSE_DATA, STEP_HEADER, "the signed header is too large");
	*content = (struct smtp_content){
		.header = buf_span(&in->header),
		.body = &in->message.body,
		.eight_bit = in->message.facts.eight_bit,
	};
	return true;
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

	s->sender = in->sender;
	s->n = in->envelope.n;
	s->recipients = xcalloc(s->n, sizeof s->recipients[0]);
	for (size_t i = 0; i < s->n; i++)
		s->recipients[i].address = in->envelope.recipients[i];
	s->all_or_nothing = in->conf->partial == PARTIAL_ABORT;
	s->prepare = make_final;
	s->ctx = in;
	if (in->o->verbose)
		s->trace = (struct smtp_trace){ trace_line, in };
}

/* --dry-run: the envelope, an empty line, and the message as it would leave. */
static bool show(struct injection *in, struct result *r)
{
	struct smtp_content content;
	struct buf b;

	if (!make_final(in, NULL, &content, r))
		return false;
	buf_init(&b, 64 * 1024 * 1024);
	buf_addf(&b, "Account: %s (%s:%s)\nSender: <%s>\n", in->account->name, in->host.smtp.host,
		 in->host.smtp.port, in->sender);
	for (size_t i = 0; i < in->envelope.n; i++)
		buf_addf(&b, "Recipient: <%s>\n", in->envelope.recipients[i]);
	buf_addc(&b, '\n');
	buf_addspan(&b, content.header);
	buf_adds(&b, "\r\n");
	sink_write(&in->rep->out, b.p, b.len);
	buf_free(&b);
	return spill_replay(content.body, &in->rep->out, r);
}

static bool submit(struct injection *in, struct result *r)
{
	int64_t deadline = clock_mono_ms() + in->conf->deadline_ms;

	if (in->o->mode == MODE_DRY_RUN)
		return show(in, r);
	return smtp_submit(&in->host.smtp, deadline, &in->submission, r);
}

static bool run(struct injection *in, struct result *r)
{
	/* Until stdin was read to its end, a failure reads it and throws it away. */
	if (!load_configuration(in, r) || !read_message(in, r)) {
		message_drain(STDIN_FILENO);
		return false;
	}
	if (!find_recipients(in, r) || !choose_account_and_sender(in, r) || !fix_header(in, r) ||
	    !load_keys(in, r))
		return false;
	address_submission(in);
	return submit(in, r);
}

static int conclude(struct injection *in, const struct result *r, int64_t started)
{
	struct outcome oc = {
		.conf = in->conf,
		.account = in->account,
		.message = &in->message,
		.envelope = &in->envelope,
		.sender = in->sender,
		.submission = &in->submission,
		.failure = r,
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
	host_free(&in->host);
	signing_free(&in->signing);
	buf_free(&in->header);
	free(in->author_domain);
	free(in->sender);
	envelope_free(&in->envelope);
	body_hash_free(&in->body_hash);
	message_free(&in->message);
	caller_free(&in->caller);
	conf_free(in->conf);
}

int inject(const struct options *o, struct report *rep)
{
	struct injection in = { .o = o, .rep = rep };
	struct result r = RESULT_OK;
	int64_t started = clock_mono_ms();

	message_init(&in.message);
	envelope_init(&in.envelope);
	buf_init(&in.header, SIGNED_HEADER_MAX);
	run(&in, &r);
	int status = conclude(&in, &r, started);
	result_free(&r);
	clean_up(&in);
	return status;
}
