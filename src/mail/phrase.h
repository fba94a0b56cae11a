/*
 * phrase.h - the words of display names; what addr.c and phrase.c share
 *
 * For these two alone; others write a name with addr_write_phrase() of addr.h.
 */
#ifndef MAILCHUTE_PHRASE_H
#define MAILCHUTE_PHRASE_H

#include "base/buf.h"

#include <stdbool.h>

/*
 * True for a byte (or a negative number: none) that may stand in an atom: atext of RFC 5322
 * section 3.2.3, and any byte beyond ASCII, as in RFC 6532.
 */
bool phrase_is_atext(int c);
/*
 * A copy, for the caller to free(), with every run of blanks and control characters as one
 * blank and none at the ends; NULL when nothing is left.
 */
char *phrase_squeeze(struct span text);
/* The text, which holds no control character, as a quoted string (RFC 5322 section 3.2.4). */
void phrase_write_quoted(struct span text, struct buf *out);

#endif
