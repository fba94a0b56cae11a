/*
 * outcome.h - what became of a message: exit status, lines for the caller, line for the log
 */
#ifndef MAILCHUTE_OUTCOME_H
#define MAILCHUTE_OUTCOME_H

#include "base/result.h"
#include "cli/report.h"
#include "config/conf.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "smtp/submit.h"

/* All borrowed; conf, account and sender are NULL when it did not come that far. */
struct outcome {
	const struct conf *conf;
	const struct conf_account *account;
	const struct message *message;
	const struct envelope *envelope;
	const char *sender;
	const struct smtp_submission *submission;
	const struct result *failure; /* of the message or the session; not failed: none */
	const char *dkim;             /* word for the log, or NULL */
	double seconds;
	const char *log_tag;
};

/*
 * The status of the failure, else that of the first recipient refused for good, else EX_TEMPFAIL
 * when some are refused for now, else 0. EX_TEMPFAIL becomes tempfail_status.
 */
int outcome_status(const struct outcome *oc);
/* A line for each cause: refused recipients, the failure. Nothing when all went well. */
void outcome_report(const struct outcome *oc, struct report *rep);
/* One line in the log. */
void outcome_log(const struct outcome *oc, int status);

#endif
