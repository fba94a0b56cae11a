/*
 * race.h - of many addresses the first that answers: Happy Eyeballs (RFC 8305)
 */
#ifndef MAILCHUTE_RACE_H
#define MAILCHUTE_RACE_H

#include "base/result.h"

#include <netdb.h>
#include <stdint.h>

#define RACE_MAX 16 /* addresses that are tried */

/* All borrowed. */
struct race_course {
	const struct addrinfo *addresses; /* of stream sockets, the preferred one first */
	const struct addrinfo *source;    /* the address to connect from; NULL: any */
	const char *source_text;          /* for sentences, as the two below */
	const char *host;
	const char *port;
};

/*
 * Connects to the addresses, the families by turns, until one answers: the next is tried as soon as
 * one fails, and every 250 ms while none has. With a source only those of its family take part.
 * Returns a non-blocking socket (TCP_NODELAY, close-on-exec), or -1 with r filled (STEP_CONNECT):
 * CAUSE_CONFIG when the source does not fit the addresses or this machine, else CAUSE_TEMPORARY,
 * no later than `deadline`, a time of clock_mono_ms().
 */
int race_run(const struct race_course *course, int64_t deadline, struct result *r);

#endif
