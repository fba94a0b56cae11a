/*
 * sasl.h - the mechanisms of AUTH, each a row: what the client says to what the server says
 *
 * A mechanism sees no socket: it is given challenges (decoded) and makes responses, so that the
 * examples of the RFCs are its tests. auth.c carries them to and fro.
 */
#ifndef MAILCHUTE_SASL_H
#define MAILCHUTE_SASL_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>

#define SASL_MESSAGE_MAX 9000 /* in base64 that is 12,000, and 12,288 is all AUTH has room for */
#define SASL_ERROR_MAX   1000 /* of a server's words in a sentence of ours */

/* Who we are, and what the connection is. All borrowed. */
struct sasl_login {
	const char *user;         /* UTF-8; NULL: none, which EXTERNAL alone can do with */
	const char *password;     /* or token; NULL where none is set */
	const char *host;         /* as dialled: OAUTHBEARER tells it; NULL for a Unix socket */
	const char *port;         /* NULL with it */
	const char *binding_type; /* "tls-exporter", ...; NULL without TLS */
	struct span binding;
	bool plus_offered; /* the server offers a -PLUS form: SCRAM without it says "n", else "y" */
};

struct sasl_mechanism;

/* One exchange. */
struct sasl {
	const struct sasl_mechanism *mechanism;
	const struct sasl_login *login;
	int turn;         /* responses made */
	bool server_ok;   /* the server has proved itself, where the mechanism has it do so */
	struct buf state; /* the mechanism's own between turns: secret */
	struct buf error; /* what the server said was wrong, decoded, for people */
};

struct sasl_mechanism {
	const char *name;   /* upper case */
	int least;          /* responses before a yes counts */
	int turns;          /* responses at most; a server that wants more wants something else */
	bool shows_secret;  /* password or token in clear unless TLS hides it */
	bool listed_only;   /* never by AUTH_AUTO, but see smtp_auth_begin for EXTERNAL */
	bool needs_secret;  /* a user, and a password or token */
	bool needs_binding; /* -PLUS */
	bool client_first;  /* has an initial response */
	bool deaf;          /* challenges are not read, and need not be base64 */
	bool proves_server; /* success counts only after sasl.server_ok */
	/*
	 * The next response to `challenge` (empty for the initial response) into `out`, both
	 * without base64. False: the exchange cannot go on (r says why; it is cancelled then).
	 */
	bool (*respond)(struct sasl *s, struct span challenge, struct buf *out, struct result *r);
};

/* The table, in the order AUTH_AUTO prefers them; a row without a name ends it. */
extern const struct sasl_mechanism sasl_mechanisms[];
/* NULL when there is none of that name (in upper case). */
const struct sasl_mechanism *sasl_find(const char *name);

void sasl_init(struct sasl *s, const struct sasl_mechanism *m, const struct sasl_login *login);
void sasl_free(struct sasl *s); /* wipes */
/*
 * One turn of the mechanism's respond(). CAUSE_PROTOCOL for a challenge that it cannot be given or
 * one too many, CAUSE_CONFIG for a password or token that does not do.
 */
bool sasl_respond(struct sasl *s, struct span challenge, struct buf *out, struct result *r);

/*
 * For the mechanisms. The password as it is compared: ASCII as it is, else the OpaqueString of RFC
 * 8265, which took SASLprep's place. Into `out`, secret; CAUSE_CONFIG if it is none.
 */
bool sasl_password(const struct sasl *s, struct buf *out, struct result *r);
/* The server says what is wrong; its refusal is to follow. */
void sasl_take_error(struct sasl *s, struct span words);
/* CAUSE_PROTOCOL: a message against the rules, said with the mechanism's name. Returns false. */
bool sasl_broken(const struct sasl *s, struct result *r, const char *what);

#endif
