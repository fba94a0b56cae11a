/*
 * word.h - encoded words, RFC 2047
 */
#ifndef MAILCHUTE_WORD_H
#define MAILCHUTE_WORD_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define ENCODED_WORD_MAX 75             /* RFC 2047 section 2 */
#define CHARSET_UNKNOWN  "unknown-8bit" /* RFC 1428 */

/*
 * Appends the text, which holds no line break, as encoded words with one blank between: UTF-8
 * where it is that, else `charset`; B or Q, whichever is shorter; each at most 75 octets, no
 * character split. They are good in a phrase, in a comment and in unstructured text.
 */
void word_encode(struct span text, const char *charset, struct buf *out);
/* The same with a smaller limit, from 40 on, for words that have to share a line. */
void word_encode_within(struct span text, const char *charset, size_t max, struct buf *out);
/*
 * The charset word_encode() names: UTF-8 where the text is that, else `charset`, or that nothing is
 * known where this is not usable: UTF-8, what is no name, and all but the charsets of which is
 * known that raw octets of theirs can be cut into characters.
 */
const char *word_charset(struct span text, const char *charset);
/* Can it name the charset of octets that are no UTF-8? */
bool word_charset_usable(const char *charset);
/* Is this, which holds no blank, an encoded word? */
bool word_is_encoded(struct span word);

#endif
