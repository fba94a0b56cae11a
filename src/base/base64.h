/*
 * base64.h - base64 of RFC 4648 section 4, unfolded
 */
#ifndef MAILCHUTE_BASE64_H
#define MAILCHUTE_BASE64_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the encoding of the bytes, with padding. */
void base64_write(const void *p, size_t len, struct buf *out);
/*
 * Appends what the text decodes to; false (nothing more said) if it is no base64. Bits of the last
 * digit that stand for nothing may be any: signatures and keys are read, which come from programs
 * less strict, and what other receivers take must not be refused here (RFC 4648 section 3.5).
 */
bool base64_read(struct span text, struct buf *out);
/* Appends the text without its white space, which folding may put anywhere. */
void base64_unfold(struct span text, struct buf *out);

#endif
