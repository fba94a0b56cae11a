/*
 * key.h - keys and SHA-256; the only file of dkim/ that knows GnuTLS
 */
#ifndef MAILCHUTE_DKIM_KEY_H
#define MAILCHUTE_DKIM_KEY_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>

#define SHA256_SIZE  32
#define RSA_BITS_MIN 1024 /* of an RSA key; RFC 8301 section 3.2 */

/* A running SHA-256. digest_end gives the hash and frees the digest. */
struct digest;
struct digest *digest_begin(void);
void digest_update(struct digest *d, const void *p, size_t len);
void digest_end(struct digest *d, unsigned char out[SHA256_SIZE]);
/* Frees a digest whose hash nobody wants; NULL is fine. */
void digest_drop(struct digest *d);

enum key_type { KEY_RSA, KEY_ED25519 };

struct dkim_key;

/*
 * Reads a private key from PEM text (PKCS#1 or PKCS#8). `name` is what an error calls it,
 * usually the file's path. CAUSE_CONFIG for anything that is no usable key: not PEM, encrypted
 * (says so), neither RSA nor Ed25519, RSA under 1024 bits (RFC 8301 section 3.2). The key is
 * the caller's, to be freed. No copy of the text is left in memory, nor of what it stands for but
 * the 32 octets of an Ed25519 key, which GnuTLS does not wipe.
 */
bool dkim_key_load(struct span pem, const char *name, struct dkim_key **out, struct result *r);
void dkim_key_free(struct dkim_key *k);
enum key_type dkim_key_type(const struct dkim_key *k);
unsigned dkim_key_bits(const struct dkim_key *k);
/* "rsa-sha256" or "ed25519-sha256": the a= of a signature made with it. */
const char *dkim_key_algorithm(const struct dkim_key *k);
/*
 * Signs a SHA-256 hash: RSASSA-PKCS1-v1_5 over the hash (RFC 6376 section 3.3.1), or Ed25519
 * with the hash as message (RFC 8463 section 3). Appends the signature in base64, unfolded.
 */
bool dkim_key_sign(const struct dkim_key *k, const unsigned char hash[SHA256_SIZE],
		   struct buf *base64, struct result *r);
/* The public key in base64, as p= of a key record has it (RFC 6376 3.6.1, RFC 8463 4). */
bool dkim_key_public(const struct dkim_key *k, struct buf *base64, struct result *r);
/*
 * Makes a key of `bits` (RSA; Ed25519 has 256) and appends it to `pem` as PKCS#8, in *out as a
 * key too. The caller frees the key and wipes the buffer, which must be large enough not to move.
 */
bool dkim_key_generate(enum key_type type, unsigned bits, struct buf *pem, struct dkim_key **out,
		       struct result *r);

/* A public key, from the bytes p= of a record stands for; NULL if they are none of this type. */
struct dkim_public;
struct dkim_public *dkim_public_load(enum key_type type, struct span bytes);
void dkim_public_free(struct dkim_public *k);
unsigned dkim_public_bits(const struct dkim_public *k);
/* Was this made of the hash by the private key? The counterpart of dkim_key_sign(). */
bool dkim_public_verify(const struct dkim_public *k, enum key_type type,
			const unsigned char hash[SHA256_SIZE], struct span signature);

#endif
