/*
 * info.h - the modes that only say something: --version, --help, mailq, -q
 */
#ifndef MAILCHUTE_INFO_H
#define MAILCHUTE_INFO_H

#include "cli/options.h"
#include "cli/report.h"

/* Each returns the exit status, which is 0. */
int info_version(const struct options *o, struct report *rep);
int info_help(const struct options *o, struct report *rep);
/* There is no spool: what could not be sent was refused, and nothing waits. */
int info_queue(const struct options *o, struct report *rep);
int info_queue_run(const struct options *o, struct report *rep);

#endif
