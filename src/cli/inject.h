/*
 * inject.h - -bm, the main job: a message on stdin is signed and submitted
 */
#ifndef MAILCHUTE_INJECT_H
#define MAILCHUTE_INJECT_H

#include "cli/options.h"
#include "cli/report.h"

/* Does it all (or, with MODE_DRY_RUN, shows what it would do); returns the exit status. */
int inject(const struct options *o, struct report *rep);

#endif
