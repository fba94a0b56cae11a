/*
 * mill.h - what every message passes, wherever it came from: account, sender, header, repair,
 * signature
 *
 * -bm and -bs differ in how a message arrives and in who is told what became of it. All between
 * is here, in the order of its calls.
 */
#ifndef MAILCHUTE_MILL_H
#define MAILCHUTE_MILL_H

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"
#include "cli/caller.h"
#include "cli/host.h"
#include "cli/options.h"
#include "cli/signing.h"
#include "config/conf.h"
#include "dkim/canon.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "mail/rewrite.h"
#include "repair/repair.h"
#include "repair/survey.h"
#include "smtp/transaction.h"

#include <stdbool.h>

struct mill {
	const struct conf *conf;
	const struct caller *caller;
	const struct options *o;
	const struct conf_account *kept_account;
	struct host *kept_host;
	const struct conf_account *account; /* NULL until chosen */
	struct host own_host;               /* loaded when the account is chosen */
	struct host *host;                  /* that, or the one that was kept */
	struct rewrite rewrite;
	char *sender;       /* reverse-path */
	char *author;       /* for a From: that is missing, as typed */
	char *utf8_address; /* of the envelope, with a local part only SMTPUTF8 carries, or NULL */
	struct message message;
	struct body_hash body_hash;
	struct survey survey;
	struct signing signing;
	bool unsigned_author; /* the account signs, and no key of all fits */
	/* final, for one host */
	struct repaired repaired;
	struct body_hash repaired_hash; /* of a body that had to change */
	struct buf header;              /* signatures and fields */
};

/* What the transaction with the host can carry. */
struct mill_terms {
	bool eight_bit; /* 8BITMIME */
	bool utf8;      /* SMTPUTF8 */
};

/*
 * Borrows all until mill_free. `kept` is the host of `kept_account`, loaded for an earlier message
 * of the same session; both may be NULL.
 */
void mill_init(struct mill *m, const struct conf *conf, const struct caller *caller,
	       const struct options *o, const struct conf_account *kept_account, struct host *kept);
void mill_free(struct mill *m);

/* Where the body is hashed and surveyed while m->message is read. Once for each message. */
struct sink mill_tap(struct mill *m);

/*
 * Settles account and reverse-path, and loads what the account needs before the network is
 * touched. `given` is the sender as typed (-f, MAIL), NULL when there is none. The From: field
 * of m->message is asked after it if `ask_author`. The order is that of sendmail.conf(5).
 */
bool mill_choose(struct mill *m, const char *given, bool ask_author, struct result *r);

/*
 * Makes the header what it has to be, the account's divert_to included (the recipients of `to`
 * are then replaced), and loads the keys that sign for its author.
 */
bool mill_fix(struct mill *m, struct envelope *to, struct result *r);

/* For the log: "none" when the account signs and no key fits the author, else NULL. Static. */
const char *mill_dkim_word(const struct mill *m);

/*
 * The final message for a host that takes this: repaired and signed, from the original anew with
 * each call. What is put into *content belongs to the mill, until the next call.
 */
bool mill_finish(struct mill *m, const struct mill_terms *terms, struct smtp_content *content,
		 struct result *r);

#endif
