/*
 * verify.h - --verify: are the DKIM signatures of a message good?
 */
#ifndef MAILCHUTE_CLI_VERIFY_H
#define MAILCHUTE_CLI_VERIFY_H

#include "cli/options.h"
#include "cli/report.h"

/*
 * Verifies the messages in the files named, "-" or none being standard input, with keys from the
 * DNS or o->records. A line on stdout for each signature, with the file in front when there are
 * several; a line on stderr for what cannot be read. A message is good when one of its
 * signatures is (RFC 6376 section 6.1). Returns 0 when all are good, else the status of the
 * first that is not for good, else that of a temporary failure.
 */
int verify_signatures(const struct options *o, struct report *rep);

#endif
