/*
 * ehlo.h - what the server says it can do (RFC 5321 section 4.1.1.1)
 */
#ifndef MAILCHUTE_EHLO_H
#define MAILCHUTE_EHLO_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Extensions as bits; their keywords stand in ehlo.c, one row each. */
enum {
	EXT_STARTTLS = 1 << 0,
	EXT_PIPELINING = 1 << 1,
	EXT_SIZE = 1 << 2,
	EXT_8BITMIME = 1 << 3,
	EXT_AUTH = 1 << 4,
	EXT_DSN = 1 << 5,
	EXT_REQUIRETLS = 1 << 6,
	EXT_SMTPUTF8 = 1 << 7,
	EXT_CHUNKING = 1 << 8,
	EXT_LIMITS = 1 << 9,
	EXT_MT_PRIORITY = 1 << 10,
	EXT_FUTURERELEASE = 1 << 11,
	EXT_PIPECONNECT = 1 << 12
};

#define EHLO_MECHANISMS_MAX 4096

#define EHLO_DATE 20 /* octets of a date and time of RFC 3339 in UTC */

struct ehlo {
	unsigned extensions;
	uint64_t size;     /* the largest message, 0: no limit told */
	uint64_t rcpt_max; /* recipients in one transaction (LIMITS, RFC 9422), 0: not told */
	uint64_t mail_max; /* transactions in one session, 0: not told */
	uint64_t hold_max; /* FUTURERELEASE: the longest interval in seconds, 0: not told */
	char hold_until[EHLO_DATE + 1]; /* and the latest time, "2030-01-01T00:00:00Z", or "" */
	struct buf
		mechanisms; /* AUTH mechanisms, upper case, each between blanks: " PLAIN LOGIN " */
};

void ehlo_init(struct ehlo *e);
void ehlo_free(struct ehlo *e);
/* Fills it from a reply's text (lines apart by '\n', the greeting line first). */
void ehlo_parse(struct ehlo *e, struct span text);
bool ehlo_has(const struct ehlo *e, unsigned extension);
/* SMTPUTF8, which is worth nothing without 8BITMIME (RFC 6531 section 3.1). */
bool ehlo_takes_utf8(const struct ehlo *e);
/* Mechanism in upper case. */
bool ehlo_has_mechanism(const struct ehlo *e, const char *mechanism);

#endif
