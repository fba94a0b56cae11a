/*
 * fold.h - long header lines, RFC 5322 section 2.2.3
 */
#ifndef MAILCHUTE_REPAIR_FOLD_H
#define MAILCHUTE_REPAIR_FOLD_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Octets of the field's longest line, without CRLF. */
size_t fold_longest(struct span field);

/*
 * Appends the field (complete, CRLF at its end) with every line that is over `limit` octets folded
 * there, in front of white space it has; never within a token, and within a quoted string or
 * comment only when the line would otherwise be over 998. With `commas` a fold may also be put
 * behind a comma outside quotes, comments and angle brackets, as in a list of addresses without
 * a blank. A line over 998 loses white space at its end, and so much of other white space as two
 * lines have no room for. No line holds white space alone, also where one did. False when a line
 * is over 998 all the same; what was appended is then of no use.
 */
bool fold_field(struct span field, size_t limit, bool commas, struct buf *out);

#endif
