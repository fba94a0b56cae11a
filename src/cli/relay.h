/*
 * relay.h - the other side of -bs: a session with the smart host, kept for the next message
 *
 * Every call asks the smart host before it answers; nothing is promised here that it has not
 * promised. A session is opened at the first sender, and kept as long as senders belong to the
 * same account. One that breaks is opened anew for the next message.
 */
#ifndef MAILCHUTE_RELAY_H
#define MAILCHUTE_RELAY_H

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"
#include "cli/caller.h"
#include "cli/mill.h"
#include "cli/options.h"
#include "config/conf.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "mail/recipients.h"
#include "smtp/client.h"
#include "smtp/hosts.h"
#include "smtp/transaction.h"

#include <stdbool.h>
#include <stdint.h>

#define RELAY_RECIPIENTS_MAX 10000

struct relay {
	const struct options *o;
	struct conf *conf; /* NULL until it could be loaded */
	struct caller caller;
	/* the session upstream */
	bool asked; /* the last recipient was asked after */
	bool open;
	const struct conf_account *account; /* whose `host` is loaded */
	struct host host;
	struct hosts hosts; /* of the session that is open, or that could not be opened */
	struct client client;
	/* the message in hand */
	bool has_sender;
	bool upstream; /* MAIL was accepted there and waits for its end */
	struct mill mill;
	struct recipients rc;     /* the aliases, read once */
	struct envelope to;       /* accepted, through the aliases */
	struct envelope diverted; /* told upstream in place of these */
	uint64_t mails;           /* told in this session */
	size_t told;              /* recipients accepted upstream */
	struct result refused;    /* the first recipient's refusal */
	int64_t deadline;         /* of the command that is running */
	struct smtp_options options;
	bool client_utf8; /* said SMTPUTF8; options has what was told upstream */
	struct message_in in;
	struct sink tap;      /* where its body is hashed */
	struct result failed; /* of reading it; told at its end */
	int64_t started;
};

void relay_init(struct relay *relay, const struct options *o);
void relay_free(struct relay *relay);

/* What the smart host answered to the last recipient; NULL when it was not asked. */
const struct reply *relay_reply(const struct relay *relay);
/* The host's name for messages, NULL before an account is known. */
const char *relay_host(const struct relay *relay);

/*
 * A new message from `sender` (as typed, angle brackets and all); `options` are the caller's
 * until relay_reset, `size` what the client says it will be, 0 for nothing said.
 */
bool relay_mail(struct relay *relay, const char *sender, const struct smtp_options *options,
		uint64_t size, struct result *r);
/* One more recipient, as typed; with aliases the first refusal among what it stands for. */
bool relay_rcpt(struct relay *relay, const char *recipient, const char *notify, const char *orcpt,
		struct result *r);
/* The message's bytes, of any size; what goes wrong is told by relay_end. */
void relay_begin(struct relay *relay);
void relay_feed(struct relay *relay, const char *p, size_t len);
/*
 * The end: the message is made final and sent. On success the smart host's reply is in `reply`
 * (codes in front, one line; the caller frees it). The message in hand is over in either case.
 */
bool relay_end(struct relay *relay, char **reply, struct result *r);
/* Forgets the message in hand, upstream too. */
void relay_reset(struct relay *relay);

#endif
