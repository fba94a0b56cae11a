/*
 * submit.c - a message to a smart host, from connecting to QUIT
 */
#include "smtp/submit.h"

#include "base/util.h"
#include "smtp/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* The accepting reply for the log: it carries the queue id. */
char *smtp_reply_line(const struct reply *reply)
{
	char *line = xasprintf("%d%s%s %s", reply->code, reply->enhanced[0] != '\0' ? " " : "",
			       reply->enhanced, buf_str(&reply->text));

	for (char *p = line; *p != '\0'; p++)
		if (ascii_iscntrl(*p))
			*p = ' ';
	return line;
}

static bool run(struct client *c, struct smtp_submission *s, struct result *r)
{
	struct smtp_content content;

	if (!s->prepare(s->ctx, &c->ehlo, &content, r))
		return false;
	s->size = smtp_content_size(&content);
	if (!smtp_transaction(c, s->sender, s->recipients, s->n, s->all_or_nothing, &s->options,
			      &content, &s->sent, r))
		return false;
	if (s->sent)
		s->reply = smtp_reply_line(&c->reply);
	return true;
}

bool smtp_submit(const struct smtp_host *host, int64_t deadline, struct smtp_submission *s,
		 struct result *r)
{
	struct client c;

	if (!session_open(&c, host, &s->trace, deadline, r))
		return false;
	s->tls = client_tls_version(&c);
	bool ok = run(&c, s, r);
	/*
	 * QUIT only where the server expects a command. After a failure in the middle of the
	 * message it would be text of the message.
	 */
	client_close(&c,
		     ok || (r->cause == CAUSE_REPLY && r->step != STEP_BODY && r->code != 421) ||
			     (r->step < STEP_BODY && r->cause != CAUSE_TEMPORARY &&
			      r->cause != CAUSE_PROTOCOL && r->cause != CAUSE_REPLY));
	return ok;
}

void smtp_submission_free(struct smtp_submission *s)
{
	for (size_t i = 0; i < s->n; i++)
		result_free(&s->recipients[i].result);
	free(s->reply);
	s->reply = NULL;
}
