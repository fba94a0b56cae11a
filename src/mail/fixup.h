/*
 * fixup.h - what every message needs before it may leave: fields taken out, fields added
 */
#ifndef MAILCHUTE_FIXUP_H
#define MAILCHUTE_FIXUP_H

#include "base/result.h"
#include "mail/header.h"
#include "mail/rewrite.h"

#include <stdbool.h>
#include <time.h>

/* What the missing fields are made of. All borrowed, checked addresses and names. */
struct fixup {
	const char *from;      /* address for a From: that is missing */
	const char *from_name; /* its display name, or NULL */
	const char *domain;    /* for bare names in address fields */
	const char *id_domain; /* of the Message-ID */
	time_t now;
	const struct rewrite *rewrite; /* NULL: senders stay as they are */
};

/*
 * Takes out Bcc, Resent-Bcc, Return-Path and Content-Length; adds Date, Message-ID and From
 * (and Resent-Date, Resent-From, Resent-Message-ID in front of the first Resent- block) where
 * they are missing; rewrites senders; gives bare names in address fields the domain. Everything
 * else stays as it came, byte for byte. CAUSE_DATA when a From: field is there that holds no
 * address and cannot be rewritten: a message without an author cannot be signed, and receivers
 * refuse it.
 */
bool fixup_header(struct header *h, const struct fixup *f, struct result *r);

/*
 * The first mailbox of the From: field that has a domain, else the first, in *m, which the caller
 * frees. False without such a field; false with r filled (CAUSE_DATA) when what is there is no
 * address.
 */
struct mailbox;
bool fixup_author(const struct header *h, struct mailbox *m, struct result *r);

/*
 * Whose domain signs, likewise: of several authors the Sender: field's mailbox when there is one,
 * else the author.
 */
bool fixup_signer(const struct header *h, struct mailbox *m, const char **origin, struct result *r);

/*
 * Who sends the message, likewise, for the account and the reverse-path: the author, but of a
 * message with a Resent- block who resends it, the Resent-From: field of the first block. False
 * when that has none, whoever wrote the message once. *origin, for an error, is static words
 * that name the field.
 */
bool fixup_sender(const struct header *h, struct mailbox *m, const char **origin, struct result *r);

#endif
