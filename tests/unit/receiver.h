/*
 * receiver.h - what a receiver does with a public key and a signature
 */
#ifndef MAILCHUTE_TESTS_RECEIVER_H
#define MAILCHUTE_TESTS_RECEIVER_H

#include "base/base64.h"
#include "base/buf.h"
#include "dkim/key.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <string.h>

/* Is `b` (a b= without folds) a signature of the hash by the key of `p` (a record's p=)? */
static inline bool receiver_accepts(enum key_type type, const char *p,
				    const unsigned char hash[SHA256_SIZE], const char *b)
{
	unsigned char copy[SHA256_SIZE];
	gnutls_datum_t message = { copy, sizeof copy };
	gnutls_pubkey_t key;
	struct buf public;
	struct buf signature;
	bool ok;

	memcpy(copy, hash, sizeof copy);
	buf_init(&public, 4096);
	buf_init(&signature, 4096);
	ok = base64_read(span_of(p), &public) && base64_read(span_of(b), &signature);
	gnutls_datum_t key_bytes = { (unsigned char *)public.p, (unsigned)public.len };
	gnutls_datum_t sig_bytes = { (unsigned char *)signature.p, (unsigned)signature.len };

	gnutls_pubkey_init(&key);
	if (type == KEY_RSA)
		ok = ok && gnutls_pubkey_import(key, &key_bytes, GNUTLS_X509_FMT_DER) >= 0 &&
		     gnutls_pubkey_verify_hash2(key, GNUTLS_SIGN_RSA_SHA256, 0, &message,
						&sig_bytes) >= 0;
	else
		ok = ok &&
		     gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519, &key_bytes,
						  NULL) >= 0 &&
		     gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_EDDSA_ED25519, 0, &message,
						&sig_bytes) >= 0;
	gnutls_pubkey_deinit(key);
	buf_free(&public);
	buf_free(&signature);
	return ok;
}

#endif
