/*
 * txt.h - TXT records: from the DNS by libc's resolver, or from a file
 */
#ifndef MAILCHUTE_TXT_H
#define MAILCHUTE_TXT_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>

#define TXT_RECORDS_MAX 32

enum txt_answer {
	TXT_FOUND,      /* at least one record */
	TXT_NO_NAME,    /* the name does not exist (NXDOMAIN) */
	TXT_NO_RECORD,  /* the name exists, without a TXT record */
	TXT_UNAVAILABLE /* nobody could say: time-out, SERVFAIL; trying again may help */
};

struct txt {
	enum txt_answer answer;
	struct buf records[TXT_RECORDS_MAX]; /* the strings of each joined, as RFC 6376 3.6.2.2 */
	size_t n;
	char *alias; /* the name CNAMEs led to, NULL when there was none; owned */
};

/* Where to look: the DNS, or a file of records (below) instead of it. */
struct txt_source;

/*
 * `file` NULL: the DNS. Else it is read as a zone file (zone.h says what may stand in it);
 * CAUSE_CONFIG tells file and line, CAUSE_PERMISSION that it cannot be read. The caller closes.
 */
bool txt_open(const char *file, struct txt_source **out, struct result *r);
void txt_close(struct txt_source *s);

/*
 * Looks the name up, which is absolute with or without its last dot; never fails: the answer says
 * how it went, after 15 seconds at the latest. Records beyond TXT_RECORDS_MAX are left out.
 * txt_free is due. `s` is not changed, so that one source serves several look-ups.
 */
void txt_find(const struct txt_source *s, const char *name, struct txt *out);
void txt_free(struct txt *t);

/*
 * What a server's message (RFC 1035 section 4) answers to the one question in it; hostile or
 * truncated ones are TXT_UNAVAILABLE. For txt_find and the tests. txt_free is due.
 */
void txt_from_message(const unsigned char *message, size_t len, struct txt *out);

#endif
