/*
 * check.h - --check and -bC: is the configuration one that works?
 */
#ifndef MAILCHUTE_CHECK_H
#define MAILCHUTE_CHECK_H

#include "cli/options.h"
#include "cli/report.h"

/*
 * Reads the configuration, and for every account its secret and whom it trusts, and every DKIM
 * key. A line on stderr for each thing that is wrong, one on stdout when nothing is. Returns the
 * exit status of the first failure; warnings do not count. The network is not touched.
 */
int check(const struct options *o, struct report *rep);

#endif
