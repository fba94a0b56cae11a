/*
 * dial.h - from a host's name to a connected socket, within a deadline
 */
#ifndef MAILCHUTE_DIAL_H
#define MAILCHUTE_DIAL_H

#include "base/policy.h"
#include "base/result.h"

#include <stdint.h>

/*
 * Looks the host up and connects to one address after the other until one answers. Returns a
 * non-blocking socket (TCP_NODELAY, close-on-exec), or -1 with r filled: CAUSE_NO_HOST when the
 * name does not exist, CAUSE_TEMPORARY for everything else. `port` is decimal. `deadline` is a
 * time of clock_mono_ms(); it also ends a look-up, whatever the resolver is doing.
 */
int dial(const char *host, const char *port, enum ip_family family, int64_t deadline,
	 struct result *r);

/*
 * This host's fully qualified name: gethostname's if it has a dot, else what the resolver makes
 * of it within `wait_ms` (0: it is not asked); NULL when there is none, or it is "localhost" by any
 * name. The string is the caller's.
 */
char *dial_own_name(int64_t wait_ms);

/* The socket's own address as an address literal, "[192.0.2.1]", for EHLO. The caller's. */
char *dial_own_literal(int fd);

#endif
