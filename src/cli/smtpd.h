/*
 * smtpd.h - -bs: SMTP on standard input and output (RFC 5321), relayed to the smart host
 */
#ifndef MAILCHUTE_SMTPD_H
#define MAILCHUTE_SMTPD_H

#include "cli/options.h"
#include "cli/report.h"

#define SMTPD_IDLE_MS (5 * 60 * 1000)

/*
 * Speaks until QUIT, end of input, five minutes of silence or too many bad commands; returns 0.
 * What became of each message is in the replies; nothing is written to stderr.
 */
int smtpd(const struct options *o, struct report *rep);

#endif
