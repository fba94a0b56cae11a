/*
 * host.h - an account of the configuration as the smart hosts that smtp/ talks to
 */
#ifndef MAILCHUTE_HOST_H
#define MAILCHUTE_HOST_H

#include "base/result.h"
#include "cli/caller.h"
#include "config/conf.h"
#include "smtp/host.h"

#include <stdbool.h>
#include <stddef.h>

/* Owns what the struct smtp_host in it borrows, but for what that borrows of the account. */
struct host {
	struct smtp_host smtp;
	struct smtp_endpoint *endpoints;
	char **names; /* the endpoints', as they go over the wire; smtp.n_endpoints of them */
	char *tls_name;
	struct tls_setup *tls_setup;
	char *from;     /* the account's, as an address on the wire; NULL when not set */
	char *password; /* secret */
	char *cache_dir;
};

/*
 * Loads all the account needs before the network is touched: its secret (for which a
 * password_command is run), client certificate, whom to trust, names in ASCII. CAUSE_CONFIG or
 * CAUSE_PERMISSION for what cannot be had. The account must outlive the host. host_free is due in
 * either case.
 */
bool host_load(const struct conf *conf, const struct conf_account *a, const struct caller *caller,
	       struct host *h, struct result *r);
void host_free(struct host *h);

#endif
