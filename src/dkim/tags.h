/*
 * tags.h - tag=value lists, RFC 6376 section 3.2
 */
#ifndef MAILCHUTE_DKIM_TAGS_H
#define MAILCHUTE_DKIM_TAGS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define TAGS_MAX 64

/* Borrows the text it was parsed from. */
struct tags {
	struct {
		struct span name;
		struct span value; /* without white space at its ends, folding inside kept */
	} tag[TAGS_MAX];
	size_t n;
};

/* False for what is no tag-list: a name that is none, no "=", a tag given twice, over TAGS_MAX. */
bool tags_parse(struct span text, struct tags *t);
/* The tag's value; false without one. Names are compared with case. */
bool tags_get(const struct tags *t, const char *name, struct span *value);
/*
 * Takes the value before the next colon off the front of a list, without white space at its ends;
 * false at the end.
 */
bool tags_list_next(struct span *list, struct span *value);
/* Is `word` (ASCII case ignored) one of the values between colons? */
bool tags_list_has(struct span list, const char *word);

#endif
