/*
 * key.c - private keys and SHA-256 with GnuTLS
 */
#include "dkim/key.h"

#include "base/base64.h"
#include "base/util.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define RSA_BITS_MIN 1024 /* RFC 8301 section 3.2 */

struct digest {
	gnutls_hash_hd_t handle;
};

struct dkim_key {
	gnutls_privkey_t handle;
	enum key_type type;
	unsigned bits;
};

/* SHA-256 and the making of empty handles fail for want of memory alone. */
static void must(int error)
{
	if (error < 0)
		out_of_memory();
}

struct digest *digest_begin(void)
{
	struct digest *d = xmalloc(sizeof *d);

	must(gnutls_hash_init(&d->handle, GNUTLS_DIG_SHA256));
	return d;
}

void digest_update(struct digest *d, const void *p, size_t len)
{
	must(gnutls_hash(d->handle, p, len));
}

void digest_end(struct digest *d, unsigned char out[SHA256_SIZE])
{
	gnutls_hash_deinit(d->handle, out);
	free(d);
}

void digest_drop(struct digest *d)
{
	if (d == NULL)
		return;
	gnutls_hash_deinit(d->handle, NULL);
	free(d);
}

static bool contains(struct span text, const char *word)
{
	return memmem(text.p, text.len, word, strlen(word)) != NULL;
}

/* PKCS#8 says it in the BEGIN line, PKCS#1 in a header line below it (RFC 1421). */
static bool is_encrypted(struct span pem)
{
	return contains(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") ||
	       contains(pem, "\nProc-Type: 4,ENCRYPTED");
}

static int import_pem(gnutls_privkey_t key, struct span pem)
{
	gnutls_datum_t copy = { .data = xmalloc(pem.len + 1), .size = (unsigned)pem.len };
	int error;

	/* GnuTLS wants it writable and sees the NUL as a string's end. */
	memcpy(copy.data, pem.p, pem.len);
	copy.data[pem.len] = '\0';
	error = gnutls_privkey_import_x509_raw(key, &copy, GNUTLS_X509_FMT_PEM, NULL, 0);
	wipe(copy.data, pem.len);
	free(copy.data);
	return error;
}

/* Settles type and size, or tells why DKIM has no use for the key. */
static bool judge(struct dkim_key *k, const char *name, struct result *r)
{
	int algorithm = gnutls_privkey_get_pk_algorithm(k->handle, &k->bits);
	const char *words = gnutls_pk_get_name((gnutls_pk_algorithm_t)algorithm);

	if (algorithm == GNUTLS_PK_EDDSA_ED25519) {
		k->type = KEY_ED25519;
	} else if (algorithm == GNUTLS_PK_RSA) {
		k->type = KEY_RSA;
	} else {
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s holds a key of type %s; DKIM knows RSA and Ed25519 only",
				   name, words != NULL ? words : "unknown");
	}
	if (k->type == KEY_RSA && k->bits < RSA_BITS_MIN)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s holds an RSA key of %u bits; receivers want 1024 at least, "
				   "2048 are advised",
				   name, k->bits);
	if (gnutls_privkey_verify_params(k->handle) < 0)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s holds a damaged key: its numbers do not fit together", name);
	return true;
}

bool dkim_key_load(struct span pem, const char *name, struct dkim_key **out, struct result *r)
{
	struct dkim_key *k;
	int error;

	if (is_encrypted(pem))
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s is encrypted, and nobody is there to ask for the password; "
				   "decrypt it: openssl pkey -in %s -out NEW",
				   name, name);
	k = xcalloc(1, sizeof *k);
	must(gnutls_privkey_init(&k->handle));
	error = import_pem(k->handle, pem);
	if (error == GNUTLS_E_MEMORY_ERROR)
		out_of_memory();
	if (error < 0)
		result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s holds no private key in PEM (%s)",
			    name, gnutls_strerror(error));
	else if (judge(k, name, r)) {
		*out = k;
		return true;
	}
	dkim_key_free(k);
	return false;
}

void dkim_key_free(struct dkim_key *k)
{
	if (k == NULL)
		return;
	gnutls_privkey_deinit(k->handle);
	free(k);
}

enum key_type dkim_key_type(const struct dkim_key *k)
{
	return k->type;
}

unsigned dkim_key_bits(const struct dkim_key *k)
{
	return k->bits;
}

const char *dkim_key_algorithm(const struct dkim_key *k)
{
	return k->type == KEY_RSA ? "rsa-sha256" : "ed25519-sha256";
}

bool dkim_key_sign(const struct dkim_key *k, const unsigned char hash[SHA256_SIZE],
		   struct buf *base64, struct result *r)
{
	unsigned char copy[SHA256_SIZE];
	gnutls_datum_t in = { .data = copy, .size = sizeof copy };
	gnutls_datum_t signature = { .data = NULL, .size = 0 };
	int error;

	memcpy(copy, hash, sizeof copy);
	if (k->type == KEY_RSA)
		error = gnutls_privkey_sign_hash(k->handle, GNUTLS_DIG_SHA256, 0, &in, &signature);
	else
		error = gnutls_privkey_sign_data2(k->handle, GNUTLS_SIGN_EDDSA_ED25519, 0, &in,
						  &signature);
	if (error < 0)
		return result_fail(r, CAUSE_CONFIG, STEP_SIGN, "cannot sign with the DKIM key: %s",
				   gnutls_strerror(error));
	base64_write(signature.data, signature.size, base64);
	gnutls_free(signature.data);
	return true;
}

static int export_public(gnutls_pubkey_t key, enum key_type type, gnutls_datum_t *out)
{
	gnutls_ecc_curve_t curve;

	if (type == KEY_RSA)
		return gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, out);
	return gnutls_pubkey_export_ecc_raw2(key, &curve, out, NULL, 0);
}

bool dkim_key_public(const struct dkim_key *k, struct buf *base64, struct result *r)
{
	gnutls_datum_t bytes = { .data = NULL, .size = 0 };
	gnutls_pubkey_t public;
	int error;

	must(gnutls_pubkey_init(&public));
	error = gnutls_pubkey_import_privkey(public, k->handle, 0, 0);
	if (error >= 0)
		error = export_public(public, k->type, &bytes);
	gnutls_pubkey_deinit(public);
	if (error < 0)
		return result_fail(r, CAUSE_CONFIG, STEP_SIGN,
				   "cannot take the public key out of the DKIM key: %s",
				   gnutls_strerror(error));
	base64_write(bytes.data, bytes.size, base64);
	gnutls_free(bytes.data);
	return true;
}
