/*
 * client.h - the dialogue with a smart host: commands out, replies in
 *
 * The one place where a command gets onto the wire and a reply is judged. How a session is
 * opened is told in session.h, what is said in it in transaction.h.
 */
#ifndef MAILCHUTE_CLIENT_H
#define MAILCHUTE_CLIENT_H

#include "base/result.h"
#include "net/conn.h"
#include "net/tls.h"
#include "smtp/ehlo.h"
#include "smtp/host.h"
#include "smtp/recall.h"
#include "smtp/reply.h"

#include <stdbool.h>
#include <stdint.h>

/* Sees each line of the dialogue ("C: " or "S: " in front), secrets as ***; for -v. */
struct smtp_trace {
	void (*line)(void *ctx, char direction, struct span text);
	void *ctx;
};

struct client {
	const struct smtp_host *host;
	struct smtp_endpoint at; /* the one that is talked to; never ENDPOINT_SRV */
	struct smtp_trace trace;
	struct conn conn;
	struct tls *tls; /* NULL in plain text */
	struct ehlo ehlo;
	struct buf ehlo_text;  /* the last answer to EHLO, as it came */
	struct buf clear_text; /* the one before STARTTLS */
	struct recall recall;  /* what is remembered of this server */
	bool quit_said;
	struct reply reply; /* the last one */
	struct buf secret;  /* what the last line said in secret, in case a reply repeats it */
};

/* Takes the socket over; nothing is said yet. `trace` may be NULL. */
void client_init(struct client *c, int fd, const struct smtp_host *host,
		 const struct smtp_endpoint *at, const struct smtp_trace *trace, int64_t deadline);
/* Every wait from now on ends at this time of clock_mono_ms() at the latest. */
void client_set_deadline(struct client *c, int64_t deadline);
/* Says QUIT if `polite` and not said yet, without waiting for the answer, and closes. */
void client_close(struct client *c, bool polite);
/* "TLS1.3", or "none". Static. */
const char *client_tls_version(const struct client *c);

/*
 * Queues one command line. It is refused (CAUSE_DATA) when it holds CR, LF or any other control
 * character: there is no other way for a command to get onto the wire. The step's deadline
 * starts here.
 */
bool client_command(struct client *c, enum step step, struct result *r, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same for a line whose last word is a secret; `line` is without CRLF. */
bool client_secret(struct client *c, enum step step, const char *line, struct result *r);
/* Queues QUIT in the step as it is: it goes with what is sent anyway, and nobody waits for it. */
bool client_quit(struct client *c, struct result *r);
/* Sends what is queued and reads one reply, whatever it says, into c->reply. */
bool client_reply(struct client *c, enum step step, struct result *r);
/* client_reply without beginning the step anew: what is left of its time is all there is. */
bool client_next_reply(struct client *c, struct result *r);
/*
 * client_reply, and judges it: true if the code begins with `digit`; a 4yz or 5yz is the
 * server's refusal, anything else CAUSE_PROTOCOL.
 */
bool client_expect(struct client *c, enum step step, int digit, struct result *r);
/* The judgement alone, of the reply that is there. */
bool client_judge(const struct client *c, enum step step, int digit, struct result *r);
/* How long the step may take, in milliseconds. */
int64_t client_step_ms(enum step step);

#endif
