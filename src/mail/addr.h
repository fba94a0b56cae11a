/*
 * addr.h - addresses as RFC 5322 section 3.4 writes them, obsolete forms included
 *
 * One parser for everything that holds addresses: -f, recipient arguments, To:, Cc:, Bcc:,
 * From:, Sender:, settings. It pulls one mailbox at a time out of a list:
 *
 *	struct addr_list list;
 *	addr_list_init(&list, span_of(text));
 *	while ((got = addr_next(&list, &mailbox)) == ADDR_MAILBOX) {
 *		...
 *		mailbox_free(&mailbox);
 *	}
 *	if (got == ADDR_BAD) ... list.error says what, list.at where
 *
 * Understood: display names (atoms, quoted strings, encoded words, raw 8-bit, dots), comments
 * (nested, anywhere), folding, groups (also empty, also without a name before the last
 * semicolon's end), quoted local parts, domain literals, source routes (dropped), blanks
 * around dots, empty list elements, bare names without a domain.
 *
 * Deviations, because real mail has them: consecutive, leading and trailing dots in a local
 * part are accepted (and quoted when written); an unquoted address as display name is accepted
 * (`a@x <b@y>`); raw 8-bit is accepted wherever an atom character may stand.
 *
 * Refused everywhere: NUL, CR or LF other than folding, control characters other than tab, also
 * when quoted or behind a backslash, so that no mailbox that leaves here can break a command.
 * A local part over 64, a domain over 255 octets, "@" without a local part or domain.
 */
#ifndef MAILCHUTE_ADDR_H
#define MAILCHUTE_ADDR_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct mailbox {
	char *name;    /* display name, quotes and backslashes undone, white space folded to one
			* blank; encoded words left as they are; NULL without one */
	char *comment; /* the last comment's text, likewise ("root (Cron Daemon)"), or NULL */
	char *local;   /* local part, quotes and backslashes undone; "" for the null address <> */
	char *domain;  /* as typed, without blanks; literal with its brackets; NULL for a bare name
			*/
	size_t local_end; /* offset in the list's text behind the local part: where "@domain" goes
			   * that makes a bare name whole */
};

enum addr_next {
	ADDR_MAILBOX, /* the mailbox is filled; the caller frees it */
	ADDR_END,     /* no more */
	ADDR_BAD      /* error and at are filled; the list cannot be read further */
};

struct addr_list {
	struct span text; /* borrowed */
	size_t pos;
	bool in_group;
	const char *error; /* static words, such as "unbalanced quote" */
	size_t at;         /* offset in text where it was noticed */
};

void addr_list_init(struct addr_list *l, struct span text);
enum addr_next addr_next(struct addr_list *l, struct mailbox *m);
/*
 * The text as exactly one mailbox (the null address <> and the empty text both count as null
 * when `allow_null`). Returns NULL when it is one, else static words that say why not.
 */
const char *addr_parse_one(struct span text, bool allow_null, struct mailbox *m);

void mailbox_free(struct mailbox *m);
bool mailbox_is_null(const struct mailbox *m);

/*
 * "local@domain" as RFC 5321 section 4.1.2 wants it in a command: the local part quoted when
 * it is no dot-string, the domain as it is. A bare name is written without "@".
 */
void addr_write(const struct mailbox *m, struct buf *out);
/*
 * A display name as a phrase of RFC 5322: atoms as they are, a quoted string where needed,
 * encoded words of RFC 2047 (UTF-8, B or Q whichever is shorter, each at most 75 octets, no
 * character split) where it is not ASCII and is UTF-8. Bytes that are not UTF-8 are encoded
 * with charset unknown-8bit. Control characters become blanks. No folding is done.
 */
void addr_write_phrase(const char *name, struct buf *out);

#endif
