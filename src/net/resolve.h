/*
 * resolve.h - a host's addresses by getaddrinfo, within a deadline
 */
#ifndef MAILCHUTE_RESOLVE_H
#define MAILCHUTE_RESOLVE_H

#include "base/result.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

/* What is asked; borrowed. */
struct resolve_query {
	const char *host;
	const char *port; /* decimal; NULL: none */
	int family;       /* AF_* */
	int flags;        /* AI_* */
};

/*
 * The addresses for stream sockets, which the caller frees by freeaddrinfo(). NULL with r filled
 * (STEP_RESOLVE): CAUSE_NO_HOST when there is no such name or it has no address of that family,
 * else CAUSE_TEMPORARY. It ends at `deadline`, a time of clock_mono_ms(), whatever the C library
 * is waiting for.
 */
struct addrinfo *resolve(const struct resolve_query *q, int64_t deadline, struct result *r);

#endif
