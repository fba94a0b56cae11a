/*
 * outcome.c - what became of a message
 */
#include "cli/outcome.h"

#include "base/log.h"
#include "base/util.h"
#include "config/account.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/banned.h"

#define LOGGED_RECIPIENTS_MAX (16 * 1024)

int outcome_status(const struct outcome *oc)
{
	const struct smtp_submission *s = oc->submission;
	int status = result_status(oc->failure);

	for (size_t i = 0; status == EX_OK && i < s->n; i++)
		if (!result_temporary(&s->recipients[i].result))
			status = result_status(&s->recipients[i].result);
	for (size_t i = 0; status == EX_OK && i < s->n; i++)
		status = result_status(&s->recipients[i].result);
	return status == EX_TEMPFAIL && oc->conf != NULL ? oc->conf->tempfail_status : status;
}

/* The host in hand at the end, or what the account calls it. */
static const char *host_of(const struct outcome *oc)
{
	const char *name = hosts_name(&oc->submission->hosts);

	if (name != NULL)
		return name;
	return oc->account != NULL ? account_host(oc->account) : NULL;
}

/* When all hosts failed, each has its line; the failure is one of theirs. */
static void report_hosts(const struct outcome *oc, struct report *rep)
{
	const struct hosts *h = &oc->submission->hosts;

	for (size_t i = 0; i < h->n_failed; i++)
		report_failure(rep, h->failed[i].host, NULL, &h->failed[i].result);
	if (!h->exhausted)
		report_failure(rep, host_of(oc), NULL, oc->failure);
}

/* Some have the message, and others would get it twice if it were sent to all of them again. */
static void report_halves(const struct smtp_submission *s, struct report *rep)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->recipients[i].state == RECIPIENT_DONE)
			report_line(rep, "<%s> has the message all the same",
				    s->recipients[i].address);
}

void outcome_report(const struct outcome *oc, struct report *rep)
{
	const struct smtp_submission *s = oc->submission;
	const char *host = host_of(oc);

	/* First, since of very many lines the last might not fit. */
	if (result_failed(oc->failure))
		report_hosts(oc, rep);
	for (size_t i = 0; i < s->n; i++) {
		const struct smtp_recipient *rcpt = &s->recipients[i];

		if (result_failed(&rcpt->result))
			report_failure(rep, rcpt->refused_by != NULL ? rcpt->refused_by : host,
				       rcpt->address, &rcpt->result);
	}
	if (result_failed(oc->failure))
		report_halves(s, rep);
}

static char *join_recipients(const struct envelope *e)
{
	struct buf b;

	buf_init(&b, LOGGED_RECIPIENTS_MAX);
	for (size_t i = 0; i < e->n; i++) {
		char *one = xasprintf("%s<%s>", i > 0 ? "," : "", e->recipients[i]);
		bool room = b.len + 64 < b.max && strlen(one) < b.max - b.len - 64;

		if (room)
			buf_adds(&b, one);
		else
			buf_addf(&b, " and %zu more", e->n - i);
		free(one);
		if (!room)
			break;
	}
	return buf_detach(&b);
}

/* The Message-ID as it leaves; NULL when the header was never read. */
static char *message_id(const struct header *h)
{
	size_t at = header_find(h, FIELD_MESSAGE_ID, 0);

	if (at == h->n)
		return NULL;
	struct span value = span_trim(header_value(h, at));
	return xstrndup(value.p, value.len);
}

/* The words for the reply= of the log: the server's acceptance, or what went wrong first. */
static char *logged_reply(const struct outcome *oc)
{
	const struct smtp_submission *s = oc->submission;

	if (result_failed(oc->failure))
		return report_words(NULL, oc->failure);
	if (s->reply != NULL)
		return xstrdup(s->reply);
	for (size_t i = 0; i < s->n; i++)
		if (result_failed(&s->recipients[i].result))
			return report_words(s->recipients[i].address, &s->recipients[i].result);
	return NULL;
}

static struct log_target target_of(const struct outcome *oc)
{
	struct log_target to = { .kind = LOG_TO_SYSLOG, .tag = oc->log_tag };

	if (oc->conf != NULL) {
		to.kind = oc->conf->log;
		to.format = oc->conf->log_format;
		to.file = oc->conf->log_file;
	}
	return to;
}

void outcome_log(const struct outcome *oc, int status)
{
	struct log_target to = target_of(oc);
	const struct smtp_submission *s = oc->submission;
	char *id = message_id(&oc->message->header);
	char *recipients = oc->envelope->n > 0 ? join_recipients(oc->envelope) : NULL;
	char *sender = oc->sender != NULL ? xasprintf("<%s>", oc->sender) : NULL;
	char *reply = logged_reply(oc);
	char size[32], status_text[16], seconds[32];

	snprintf(size, sizeof size, "%" PRIu64, s->size);
	snprintf(status_text, sizeof status_text, "%d", status);
	snprintf(seconds, sizeof seconds, "%.3f", oc->seconds);
	const struct log_pair pairs[] = {
		{ "msgid", id },        { "from", sender },
		{ "to", recipients },   { "host", host_of(oc) },
		{ "tls", s->tls },      { "size", s->size > 0 ? size : NULL },
		{ "reply", reply },     { "status", status_text },
		{ "seconds", seconds }, { "dkim", oc->dkim },
	};
	log_write(&to, status != EX_OK, pairs, sizeof pairs / sizeof pairs[0]);
	free(id);
	free(recipients);
	free(sender);
	free(reply);
}
