/*
 * digest.h - hashes of passwords and the like; digest.c is the only file of smtp/ that knows GnuTLS
 *
 * What returns bool fails where the system's policy forbids the hash (MD5 under FIPS 140).
 */
#ifndef MAILCHUTE_SMTP_DIGEST_H
#define MAILCHUTE_SMTP_DIGEST_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum hash { HASH_MD5, HASH_SHA1, HASH_SHA256 };

#define HASH_MAX 32 /* the size of the largest, in bytes */

/* In bytes. */
size_t hash_size(enum hash h);
/* The hash of the text, hash_size() bytes. */
bool hash_of(enum hash h, struct span text, unsigned char *out);
/* HMAC, RFC 2104. */
bool hash_hmac(enum hash h, struct span key, struct span text, unsigned char *out);
/* PBKDF2 with that HMAC, as long as the hash: the Hi() of RFC 5802 section 2.2. */
bool hash_pbkdf2(enum hash h, struct span password, struct span salt, unsigned iterations,
		 unsigned char *out);
/* Are they the same bytes? In a time that does not depend on where they differ. */
bool secret_eq(struct span a, struct span b);
/*
 * Appends the OpaqueString of RFC 8265 of a password in UTF-8. Returns NULL, or why it is none
 * (static). No copy of it is left in memory.
 */
const char *password_prepare(struct span password, struct buf *out);

#endif
