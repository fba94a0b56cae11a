/*
 * key.c - keys and SHA-256 with GnuTLS
 */
#include "dkim/key.h"

#include "base/base64.h"
#include "base/util.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define RSA_BITS_MAX     16384
#define RSA_EXPONENT_MAX 8 /* octets; anybody's is 65537, a long one only costs time */
#define PUBLIC_MAX       4096
#define ED25519_SIZE     32
#define PEM_LINE         48 /* octets in a line of 64 digits */

struct digest {
	gnutls_hash_hd_t handle;
};

struct dkim_key {
	gnutls_privkey_t handle;
	enum key_type type;
	unsigned bits;
};

struct dkim_public {
	gnutls_pubkey_t handle;
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

/* Takes the line at the front off, without its line end; false when nothing is left. */
static bool next_line(struct span *rest, struct span *line)
{
	const char *end = rest->len > 0 ? memchr(rest->p, '\n', rest->len) : NULL;

	*line = *rest;
	if (end != NULL)
		line->len = (size_t)(end - rest->p);
	rest->p += line->len + (end != NULL);
	rest->len -= line->len + (end != NULL);
	*line = span_trim(*line);
	return line->len > 0 || rest->len > 0;
}

static bool is_mark(struct span line, const char *mark, const char *label)
{
	const size_t len = strlen(mark);

	return line.len == len + strlen(label) && memcmp(line.p, mark, len) == 0 &&
	       memcmp(line.p + len, label, line.len - len) == 0;
}

/* The first is PKCS#8; the last two are no use to DKIM, but are to be named for what they are. */
static const char *const labels[] = {
	"PRIVATE KEY-----",
	"RSA PRIVATE KEY-----",
	"EC PRIVATE KEY-----",
	"DSA PRIVATE KEY-----",
};

/* The label of the key that begins in this line, NULL if none does. */
static const char *label_of(struct span line)
{
	for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
		if (is_mark(line, "-----BEGIN ", labels[i]))
			return labels[i];
	return NULL;
}

/* The text between the lines of the first private key (RFC 7468 section 2); false without one. */
static bool find_armoured(struct span pem, struct span *text, bool *pkcs8)
{
	const char *label = NULL;
	struct span line;

	while (label == NULL && next_line(&pem, &line))
		label = label_of(line);
	*text = (struct span){ pem.p, 0 };
	*pkcs8 = label == labels[0];
	while (label != NULL && next_line(&pem, &line)) {
		if (is_mark(line, "-----END ", label))
			return true;
		text->len = (size_t)(pem.p - text->p);
	}
	return false;
}

static int import_der(gnutls_privkey_t key, struct buf *der, bool pkcs8)
{
	gnutls_datum_t in = { .data = (unsigned char *)der->p, .size = (unsigned)der->len };
	gnutls_x509_privkey_t numbers;
	int error;

	must(gnutls_x509_privkey_init(&numbers));
	if (pkcs8)
		error = gnutls_x509_privkey_import_pkcs8(numbers, &in, GNUTLS_X509_FMT_DER, NULL,
							 GNUTLS_PKCS_PLAIN);
	else
		error = gnutls_x509_privkey_import(numbers, &in, GNUTLS_X509_FMT_DER);
	if (error >= 0)
		error = gnutls_privkey_import_x509(key, numbers, GNUTLS_PRIVKEY_IMPORT_COPY);
	gnutls_x509_privkey_deinit(numbers);
	return error;
}

/*
 * GnuTLS reads PEM too, but leaves the text and what it stands for in freed memory then. Both
 * buffers are large enough from the start never to move.
 */
static int import_armoured(gnutls_privkey_t key, struct span text, bool pkcs8)
{
	int error = GNUTLS_E_BASE64_DECODING_ERROR;
	struct buf base64, der;

	buf_init(&base64, text.len);
	buf_init(&der, text.len);
	buf_reserve(&base64, text.len);
	buf_reserve(&der, text.len);
	base64_unfold(text, &base64);
	if (base64.len > 0 && base64_read(buf_span(&base64), &der))
		error = import_der(key, &der, pkcs8);
	buf_wipe(&base64);
	buf_wipe(&der);
	return error;
}

static int import_pem(gnutls_privkey_t key, struct span pem)
{
	struct span text;
	bool pkcs8;

	if (!find_armoured(pem, &text, &pkcs8))
		return GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR;
	return import_armoured(key, text, pkcs8);
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
	/* The one number of an Ed25519 key fits always, and would be left in freed memory. */
	if (k->type == KEY_RSA && gnutls_privkey_verify_params(k->handle) < 0)
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
	gnutls_pubkey_t half;
	int error;

	must(gnutls_pubkey_init(&half));
	error = gnutls_pubkey_import_privkey(half, k->handle, 0, 0);
	if (error >= 0)
		error = export_public(half, k->type, &bytes);
	gnutls_pubkey_deinit(half);
	if (error < 0)
		return result_fail(r, CAUSE_CONFIG, STEP_SIGN,
				   "cannot take the public key out of the DKIM key: %s",
				   gnutls_strerror(error));
	base64_write(bytes.data, bytes.size, base64);
	gnutls_free(bytes.data);
	return true;
}

/* PEM as RFC 7468 section 2 has it; written in place, so that no copy is to be wiped. */
static void add_armoured(const char *der, size_t len, struct buf *pem)
{
	buf_adds(pem, "-----BEGIN PRIVATE KEY-----\n");
	while (len > 0) {
		size_t n = len < PEM_LINE ? len : PEM_LINE;

		base64_write(der, n, pem);
		buf_addc(pem, '\n');
		der += n;
		len -= n;
	}
	buf_adds(pem, "-----END PRIVATE KEY-----\n");
}

/* The new key as PKCS#8; GnuTLS's own copy of it is wiped. */
static int generate_pem(gnutls_x509_privkey_t key, enum key_type type, unsigned bits,
			struct buf *pem)
{
	gnutls_datum_t der = { .data = NULL, .size = 0 };
	int error;

	if (type == KEY_RSA)
		error = gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, bits, 0);
	else
		error = gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519,
						     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519),
						     0);
	if (error >= 0)
		error = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_DER, NULL,
							  GNUTLS_PKCS_PLAIN, &der);
	if (error < 0)
		return error;
	add_armoured((const char *)der.data, der.size, pem);
	wipe(der.data, der.size);
	gnutls_free(der.data);
	return 0;
}

bool dkim_key_generate(enum key_type type, unsigned bits, struct buf *pem, struct dkim_key **out,
		       struct result *r)
{
	gnutls_x509_privkey_t key;
	size_t start = pem->len;
	int error;

	must(gnutls_x509_privkey_init(&key));
	error = generate_pem(key, type, bits, pem);
	gnutls_x509_privkey_deinit(key);
	if (error < 0)
		return result_fail(r, CAUSE_INTERNAL, STEP_CONFIG, "cannot make a key: %s",
				   gnutls_strerror(error));
	/* Read back, it has passed what every key has to pass. */
	return dkim_key_load((struct span){ pem->p + start, pem->len - start }, "the new key", out,
			     r);
}

/* The tag and length octets of a DER value of `len` octets, below 64 KiB. */
static void add_der_head(struct buf *b, unsigned char tag, size_t len)
{
	buf_addc(b, (char)tag);
	if (len > 0xff)
		buf_addc(b, (char)0x82);
	else if (len > 0x7f)
		buf_addc(b, (char)0x81);
	if (len > 0xff)
		buf_addc(b, (char)(len >> 8));
	buf_addc(b, (char)(len & 0xff));
}

/* A SubjectPublicKeyInfo (RFC 5280 section 4.1) around an RSAPublicKey (RFC 8017 A.1.1). */
static void wrap_rsa(struct span rsa, struct buf *out)
{
	static const char algorithm[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
					"\x05\x00"; /* rsaEncryption, NULL */
	struct buf bits;

	buf_init(&bits, PUBLIC_MAX * 2);
	add_der_head(&bits, 0x03, rsa.len + 1);
	buf_addc(&bits, '\0'); /* no unused bits */
	buf_addspan(&bits, rsa);
	add_der_head(out, 0x30, sizeof algorithm - 1 + bits.len);
	buf_add(out, algorithm, sizeof algorithm - 1);
	buf_addspan(out, buf_span(&bits));
	buf_free(&bits);
}

static bool import_public(gnutls_pubkey_t key, struct buf *der)
{
	gnutls_datum_t in = { .data = (unsigned char *)der->p, .size = (unsigned)der->len };

	return gnutls_pubkey_import(key, &in, GNUTLS_X509_FMT_DER) >= 0;
}

static bool exponent_is_short(gnutls_pubkey_t key)
{
	gnutls_datum_t n = { .data = NULL, .size = 0 };
	gnutls_datum_t e = { .data = NULL, .size = 0 };
	bool is_short;

	if (gnutls_pubkey_export_rsa_raw2(key, &n, &e, GNUTLS_EXPORT_FLAG_NO_LZ) < 0)
		return false;
	is_short = e.size <= RSA_EXPONENT_MAX;
	gnutls_free(n.data);
	gnutls_free(e.data);
	return is_short;
}

/* RFC 6376 section 3.6.1 names the one form, its examples and everybody use the other. */
static bool import_rsa(gnutls_pubkey_t key, struct span bytes, unsigned *bits)
{
	struct buf der;
	bool ok;

	buf_init(&der, PUBLIC_MAX * 2);
	buf_addspan(&der, bytes);
	ok = import_public(key, &der);
	if (!ok) {
		buf_clear(&der);
		wrap_rsa(bytes, &der);
		ok = import_public(key, &der);
	}
	buf_free(&der);
	return ok && gnutls_pubkey_get_pk_algorithm(key, bits) == GNUTLS_PK_RSA &&
	       *bits <= RSA_BITS_MAX && exponent_is_short(key);
}

static bool import_ed25519(gnutls_pubkey_t key, struct span bytes, unsigned *bits)
{
	unsigned char copy[ED25519_SIZE];
	gnutls_datum_t x = { .data = copy, .size = sizeof copy };

	*bits = 8 * ED25519_SIZE;
	if (bytes.len != ED25519_SIZE)
		return false;
	memcpy(copy, bytes.p, sizeof copy);
	return gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519, &x, NULL) >= 0;
}

struct dkim_public *dkim_public_load(enum key_type type, struct span bytes)
{
	struct dkim_public *k = xcalloc(1, sizeof *k);
	bool ok = bytes.len > 0 && bytes.len <= PUBLIC_MAX;

	must(gnutls_pubkey_init(&k->handle));
	k->type = type;
	if (type == KEY_RSA)
		ok = ok && import_rsa(k->handle, bytes, &k->bits);
	else
		ok = ok && import_ed25519(k->handle, bytes, &k->bits);
	if (ok)
		return k;
	dkim_public_free(k);
	return NULL;
}

void dkim_public_free(struct dkim_public *k)
{
	if (k == NULL)
		return;
	gnutls_pubkey_deinit(k->handle);
	free(k);
}

unsigned dkim_public_bits(const struct dkim_public *k)
{
	return k->bits;
}

bool dkim_public_verify(const struct dkim_public *k, enum key_type type,
			const unsigned char hash[SHA256_SIZE], struct span signature)
{
	unsigned char hash_copy[SHA256_SIZE];
	unsigned char copy[RSA_BITS_MAX / 8];
	gnutls_datum_t in = { .data = hash_copy, .size = sizeof hash_copy };
	gnutls_datum_t sig = { .data = copy, .size = (unsigned)signature.len };

	if (type != k->type || signature.len == 0 || signature.len > sizeof copy)
		return false;
	memcpy(hash_copy, hash, sizeof hash_copy);
	memcpy(copy, signature.p, signature.len);
	if (type == KEY_RSA)
		return gnutls_pubkey_verify_hash2(k->handle, GNUTLS_SIGN_RSA_SHA256, 0, &in,
						  &sig) >= 0;
	return gnutls_pubkey_verify_data2(k->handle, GNUTLS_SIGN_EDDSA_ED25519, 0, &in, &sig) >= 0;
}
