/*
 * reply.h - what an SMTP server says, parsed in one place and strictly (RFC 5321 section 4.2)
 */
#ifndef MAILCHUTE_REPLY_H
#define MAILCHUTE_REPLY_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>

#define REPLY_MAX (64 * 1024) /* all lines of one reply together */

struct reply {
	int code;                    /* 200 to 599 */
	char enhanced[ENHANCED_MAX]; /* of RFC 3463, when its class is the code's; else "" */
	struct buf text;             /* lines without code and enhanced code, '\n' between them */
};

enum reply_state {
	REPLY_MORE, /* the line says that another follows */
	REPLY_DONE,
	REPLY_BAD /* that is no reply line, or the codes differ, or it is too long */
};

void reply_init(struct reply *r);
void reply_free(struct reply *r);
/* Empties it for the next reply. */
void reply_clear(struct reply *r);
/* For the log: the codes in front, one line, no control characters; the caller frees it. */
char *reply_words(const struct reply *r);
/* Takes one line in, without its line end. After REPLY_BAD the session cannot go on. */
enum reply_state reply_line(struct reply *r, struct span line);

#endif
