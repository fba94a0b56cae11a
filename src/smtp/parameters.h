/*
 * parameters.h - MAIL and RCPT with what is said beside the address
 */
#ifndef MAILCHUTE_PARAMETERS_H
#define MAILCHUTE_PARAMETERS_H

#include "base/result.h"
#include "smtp/client.h"

#include <stdbool.h>
#include <stdint.h>

/* What else is said about a message; strings are checked and borrowed, NULL when not given. */
struct smtp_options {
	const char *notify;    /* NOTIFY= of RFC 3461, "NEVER" or a list */
	const char *ret;       /* RET=, "FULL" or "HDRS" */
	const char *envid;     /* ENVID=, in xtext */
	bool requiretls;       /* RFC 8689 */
	bool smtputf8;         /* RFC 6531 */
	const char *priority;  /* MT-PRIORITY= of RFC 6710, "-9" to "9" */
	const char *holdfor;   /* HOLDFOR= of RFC 4865, seconds in decimal */
	const char *holduntil; /* HOLDUNTIL=, a date and time of RFC 3339 in UTC */
};

/* CAUSE_DATA, with both numbers, when the server told that it takes no message of this size. */
bool smtp_check_size(const struct client *c, uint64_t size, struct result *r);
/*
 * Queues MAIL. DSN parameters and the priority are left out where the server does not know them;
 * REQUIRETLS, SMTPUTF8 and a hold are demands, and CAUSE_CONFIG where they cannot be met. `size` 0
 * is not told.
 */
bool smtp_queue_mail(struct client *c, const char *sender, const struct smtp_options *options,
		     uint64_t size, bool eight_bit, struct result *r);
/* Queues RCPT; `orcpt` is the parameter's value as it is, or NULL. */
bool smtp_queue_rcpt(struct client *c, const char *address, const struct smtp_options *options,
		     const char *orcpt, struct result *r);

#endif
