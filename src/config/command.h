/*
 * command.h - a program that prints a secret
 */
#ifndef MAILCHUTE_COMMAND_H
#define MAILCHUTE_COMMAND_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

#define COMMAND_OUTPUT_MAX (64 * 1024)
#define COMMAND_TIMEOUT_MS (30 * 1000)

/*
 * Runs `words`, the program first (looked up in PATH if it has no slash), NULL at the end. There is
 * no shell. It gets our environment as it is, /dev/null as standard input and no other descriptor
 * than those of its output, in a process group of its own.
 *
 * What it prints goes into `out`, a buffer initialised here that the caller wipes. CAUSE_CONFIG
 * (CAUSE_PERMISSION, CAUSE_TEMPORARY where it cannot be started for such a reason) when it cannot
 * be run, does not end with status 0, prints more than COMMAND_OUTPUT_MAX bytes, or takes longer
 * than `timeout_ms`, when its group is killed; the sentence then has the end of its standard error.
 * `what` begins the sentence ("password_command").
 */
bool command_run(char *const *words, const char *what, int64_t timeout_ms, struct buf *out,
		 struct result *r);

#endif
