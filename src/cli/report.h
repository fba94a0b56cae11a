/*
 * report.h - what the caller gets to see: bytes on stdout, lines on stderr, a status
 *
 * Front ends fill it; main() owns the descriptors and prints.
 */
#ifndef MAILCHUTE_REPORT_H
#define MAILCHUTE_REPORT_H

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"

struct report {
	const char *program; /* begins each line on stderr */
	struct sink out;     /* stdout; false when nobody takes it, which only a dialogue minds */
	struct buf err;      /* whole lines for stderr */
};

void report_init(struct report *rep, const char *program, struct sink out);
void report_free(struct report *rep);

/*
 * One line for a failure: program, the smart host if the network was involved (`host` may be
 * NULL), step, the server's words or ours, and what to do where we know. `address` is the
 * refused recipient, or NULL.
 */
void report_failure(struct report *rep, const char *host, const char *address,
		    const struct result *r);
/* The same sentence without program and host, for the log; the caller frees it. */
char *report_words(const char *address, const struct result *r);
/* One line of our own. */
void report_line(struct report *rep, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
