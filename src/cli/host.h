/*
 * host.h - an account of the configuration as the smart host that smtp/ talks to
 */
#ifndef MAILCHUTE_HOST_H
#define MAILCHUTE_HOST_H

#include "base/result.h"
#include "cli/caller.h"
#include "config/conf.h"
#include "smtp/client.h"

#include <stdbool.h>

/* Owns what the struct smtp_host in it borrows. */
struct host {
	struct smtp_host smtp;
	char *name;
	char *tls_name;
	char *from;     /* the account's, as an address on the wire; NULL when not set */
	char *password; /* secret */
	struct tls_trust *trust;
};

/*
 * Loads all the account needs before the network is touched: its secret, whom to trust, names
 * in ASCII. CAUSE_CONFIG or CAUSE_PERMISSION for what cannot be had. host_free is due in
 * either case.
 */
bool host_load(const struct conf_account *a, const struct caller *caller, struct host *h,
	       struct result *r);
void host_free(struct host *h);

#endif
