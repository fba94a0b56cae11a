/*
 * route.h - the recipients of a message through the aliases; -bv and newaliases, which show it
 */
#ifndef MAILCHUTE_ROUTE_H
#define MAILCHUTE_ROUTE_H

#include "cli/caller.h"
#include "cli/options.h"
#include "cli/report.h"
#include "config/conf.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/recipients.h"

#include <stdbool.h>

/* Ready for recipients_add_list: with the alias file of the configuration, or none for -n. */
void route_init(struct recipients *rc, const struct options *o, const struct conf *conf,
		const struct caller *caller, struct envelope *to);

/*
 * The recipients of the command line, and those of `header` if it is not NULL, through the
 * aliases into `to`. CAUSE_DATA, CAUSE_CONFIG or CAUSE_PERMISSION.
 */
bool route_recipients(const struct options *o, const struct conf *conf, const struct caller *caller,
		      const struct header *header, struct envelope *to, struct result *r);

/* -bv: prints for each recipient what would happen; sends nothing. Returns the exit status. */
int route_verify(const struct options *o, struct report *rep);
/* newaliases, -bi, -I: checks the alias file, says how many there are. The same. */
int route_aliases(const struct options *o, struct report *rep);

#endif
