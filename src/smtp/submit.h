/*
 * submit.h - a message to a smart host, from connecting to QUIT, or to the next one
 */
#ifndef MAILCHUTE_SUBMIT_H
#define MAILCHUTE_SUBMIT_H

#include "base/result.h"
#include "smtp/client.h"
#include "smtp/ehlo.h"
#include "smtp/hosts.h"
#include "smtp/transaction.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smtp_submission {
	const char *sender; /* reverse-path, "" for the null one */
	struct smtp_recipient *recipients;
	size_t n;
	bool all_or_nothing;
	struct smtp_options options;
	/*
	 * Makes the final message for a host that offers this; called once a session is open,
	 * before MAIL. What it puts into *content stays the caller's, valid until the next call.
	 */
	bool (*prepare)(void *ctx, const struct ehlo *offered, struct smtp_content *content,
			struct result *r);
	void *ctx;
	struct smtp_trace trace;

	/* What came of it. */
	struct hosts hosts; /* who was tried, and what was wrong with them */
	const char *tls;    /* static, NULL before a session was open */
	uint64_t size;
	char *reply; /* the server's to the message, codes in front, one line; owned, or NULL */
};

/*
 * Submits within `deadline` (a time of clock_mono_ms()): to the first host of the list that takes
 * the message, in as many transactions and sessions as that host wants for its recipients. True
 * when no session and no message failure came up; the recipients' states and results tell the rest.
 */
bool smtp_submit(const struct smtp_host *host, int64_t deadline, struct smtp_submission *s,
		 struct result *r);
void smtp_submission_free(struct smtp_submission *s);

#endif
