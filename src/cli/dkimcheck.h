/*
 * dkimcheck.h - --dkim-check: would receivers find our signatures good?
 */
#ifndef MAILCHUTE_DKIMCHECK_H
#define MAILCHUTE_DKIMCHECK_H

#include "cli/options.h"
#include "cli/report.h"

/*
 * For every dkim section, or those that sign for the one argument, a domain: looks the key record
 * up (in the DNS, or in the file of --records) and holds it against the private key; then reads
 * the domain's DMARC record. A line on stdout for each finding; what is wrong has its cure behind
 * a semicolon. Returns 0 only when receivers would find every signature good; else the status of
 * the first thing that is wrong, or that of a temporary failure when all that is missing is an
 * answer.
 */
int dkim_check(const struct options *o, struct report *rep);

#endif
