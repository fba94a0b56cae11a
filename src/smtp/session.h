/*
 * session.h - a session with a smart host: opened, secured, authenticated
 *
 * What the host is to be like is said in struct smtp_host, and the session is that or fails:
 * nothing is ever left out because a server does not offer it.
 */
#ifndef MAILCHUTE_SESSION_H
#define MAILCHUTE_SESSION_H

#include "base/result.h"
#include "smtp/client.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Connects, greets, starts TLS and authenticates as the host wants it, within `deadline` (a
 * time of clock_mono_ms). A server that is remembered to allow it (PIPECONNECT) is told EHLO and
 * what may follow without waiting, and a TLS session is resumed; when anything goes wrong with
 * that, it is forgotten, and the session begun anew in the usual order. On failure nothing is left
 * open. On success the caller ends with session_close. `host`, and what `at` borrows, must live as
 * long.
 */
bool session_open(struct client *c, const struct smtp_host *host, const struct smtp_endpoint *at,
		  const struct smtp_trace *trace, int64_t deadline, struct result *r);
/* client_close(), and what is worth remembering of the server is kept for the next run. */
void session_close(struct client *c, bool polite);

#endif
