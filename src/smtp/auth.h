/*
 * auth.h - AUTH, RFC 4954: which mechanism, and its dialogue
 */
#ifndef MAILCHUTE_AUTH_H
#define MAILCHUTE_AUTH_H

#include "base/result.h"
#include "smtp/sasl.h"

#include <stdbool.h>

struct client;

/* A dialogue that has begun; not to be moved meanwhile. */
struct auth {
	struct sasl_login login;
	struct buf binding; /* what login.binding borrows */
	struct sasl sasl;
	unsigned tried; /* mechanisms, bit by row of the table */
};

/*
 * Picks a mechanism by what c->ehlo offers and the client's host allows, and queues AUTH with its
 * initial response, if it has one. With AUTH_AUTO that is the first of our table that the server
 * offers, none that shows the secret without TLS, EXTERNAL alone with a client certificate and no
 * password; with AUTH_LIST the first listed one that the server offers. CAUSE_CONFIG when there is
 * none. smtp_auth_end is due in any case.
 */
bool smtp_auth_begin(struct client *c, struct auth *a, struct result *r);
/*
 * The rest of the dialogue. A refusal that means "not this mechanism" goes on with the next one;
 * any other is final. CAUSE_CONFIG when none is left. CAUSE_PROTOCOL for a challenge against the
 * mechanism's rules (the exchange is cancelled), and for a server that says yes without the proof
 * its mechanism owes us: like bytes behind STARTTLS, that is somebody else's doing and nothing
 * that the configuration could mend. The session must not go on after either.
 */
bool smtp_auth_finish(struct client *c, struct auth *a, struct result *r);
/* Wipes and frees. */
void smtp_auth_end(struct auth *a);
/* All three. */
bool smtp_auth(struct client *c, struct result *r);

#endif
