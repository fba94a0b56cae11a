/*
 * auth.h - AUTH, RFC 4954
 */
#ifndef MAILCHUTE_AUTH_H
#define MAILCHUTE_AUTH_H

#include "base/result.h"

#include <stdbool.h>

struct client;

/*
 * Authenticates as the client's host says. With AUTH_AUTO the first mechanism of our table that
 * the server offers is taken, none that shows the password without TLS; with AUTH_LIST only
 * those listed. A refusal that means "not this mechanism" tries the next one; any other is
 * final. CAUSE_CONFIG when none is left.
 */
bool smtp_auth(struct client *c, struct result *r);

#endif
