/*
 * dial.h - from a host's name to a connected socket, within a deadline
 */
#ifndef MAILCHUTE_DIAL_H
#define MAILCHUTE_DIAL_H

#include "base/policy.h"
#include "base/result.h"

#include <stdint.h>

/* All borrowed. */
struct dial_target {
	const char *host; /* ASCII name or address */
	const char *port; /* decimal */
	enum ip_family ip;
	const char *source; /* the address to connect from; NULL: the system's choice */
};

/*
 * Looks the host up and connects by Happy Eyeballs (RFC 8305: families interleaved, a further
 * address every 250 ms while none has answered, the first that answers wins). Returns a
 * non-blocking socket (TCP_NODELAY, close-on-exec), or -1 with r filled: CAUSE_NO_HOST when the
 * name does not exist, CAUSE_CONFIG when `source` is no address of this machine or of no family
 * the host has, CAUSE_TEMPORARY for everything else. `deadline` is a time of clock_mono_ms(); it
 * also ends a look-up, whatever the resolver is doing. No host takes more than 30 s for its look-up
 * and 30 s for connecting, so that there is time for the next.
 */
int dial(const struct dial_target *t, int64_t deadline, struct result *r);
/* The same for a Unix domain socket (a stream); a path that does not exist is CAUSE_TEMPORARY. */
int dial_unix(const char *path, int64_t deadline, struct result *r);

/*
 * This host's fully qualified name: gethostname's if it has a dot, else what the resolver makes
 * of it within `wait_ms` (0: it is not asked); NULL when there is none, or it is "localhost" by any
 * name. The string is the caller's.
 */
char *dial_own_name(int64_t wait_ms);

/* The socket's own address as an address literal, "[192.0.2.1]", for EHLO. The caller's. */
char *dial_own_literal(int fd);

#endif
