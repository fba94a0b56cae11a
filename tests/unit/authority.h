/*
 * authority.h - certificates for tests, made when they are first asked for
 *
 * A certificate is named "subject<issuer". A subject is a letter, which is the distinguished name,
 * and a digit, which is the key; in lower case it is a server's, else a CA's. Behind the subject
 * "-" is one that has expired, "+" one whose time has not come. A server's is for the names
 * localhost, mail.example.test and 127.0.0.1; with the letter n it has no subjectAltName.
 */
#ifndef MAILCHUTE_TEST_AUTHORITY_H
#define MAILCHUTE_TEST_AUTHORITY_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AUTHORITY_MAX 512
#define DAY           (24 * 3600)

struct authority {
	struct {
		char name[4];
		gnutls_x509_privkey_t key;
	} keys[64];
	struct {
		char spec[8];
		gnutls_x509_crt_t crt;
	} certs[AUTHORITY_MAX];
	unsigned n_keys;
	unsigned n;
};

static inline void authority_init(struct authority *a)
{
	memset(a, 0, sizeof *a);
}

static inline void authority_free(struct authority *a)
{
	for (unsigned i = 0; i < a->n_keys; i++)
		gnutls_x509_privkey_deinit(a->keys[i].key);
	for (unsigned i = 0; i < a->n; i++)
		gnutls_x509_crt_deinit(a->certs[i].crt);
}

/* The key of "A0", say. */
static inline gnutls_x509_privkey_t authority_key(struct authority *a, const char *who)
{
	unsigned i;

	for (i = 0; i < a->n_keys; i++) {
		if (memcmp(a->keys[i].name, who, 2) == 0)
			return a->keys[i].key;
	}
	assert_true(i < sizeof a->keys / sizeof a->keys[0]);
	memcpy(a->keys[i].name, who, 2);
	assert_int_equal(gnutls_x509_privkey_init(&a->keys[i].key), 0);
	assert_int_equal(
		gnutls_x509_privkey_generate(a->keys[i].key, GNUTLS_PK_ECDSA,
					     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
		0);
	a->n_keys++;
	return a->keys[i].key;
}

static inline gnutls_x509_crt_t authority_new_name(char letter)
{
	gnutls_x509_crt_t crt;
	char dn[32];

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	snprintf(dn, sizeof dn, "CN=%c,O=Example", letter);
	assert_int_equal(gnutls_x509_crt_set_dn(crt, dn, NULL), 0);
	return crt;
}

static inline void authority_add_names(gnutls_x509_crt_t crt)
{
	static const unsigned char loopback[] = { 127, 0, 0, 1 };
	static const char *const names[] = { "localhost", "mail.example.test" };

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(gnutls_x509_crt_set_subject_alt_name(
					 crt, GNUTLS_SAN_DNSNAME, names[i],
					 (unsigned)strlen(names[i]), GNUTLS_FSAN_APPEND),
				 0);
	assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, loopback,
							      sizeof loopback, GNUTLS_FSAN_APPEND),
			 0);
}

/* As it comes out of its DER, which one that was made with set functions is not the same as. */
static inline gnutls_x509_crt_t authority_reread(gnutls_x509_crt_t made)
{
	gnutls_x509_crt_t crt;
	gnutls_datum_t der;

	assert_int_equal(gnutls_x509_crt_export2(made, GNUTLS_X509_FMT_DER, &der), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER), 0);
	gnutls_free(der.data);
	gnutls_x509_crt_deinit(made);
	return crt;
}

static inline gnutls_x509_crt_t authority_get(struct authority *a, const char *spec)
{
	const char *issuer = strchr(spec, '<') + 1;
	bool leaf = spec[0] >= 'a';
	time_t now = time(NULL);
	time_t from = spec[2] == '+' ? now + DAY : now - 10 * DAY;
	time_t to = spec[2] == '-' ? now - DAY : now + 10 * DAY;
	char self[] = { issuer[0], '0', '<', issuer[0], '0', '\0' };
	gnutls_x509_crt_t crt, signer = NULL;
	unsigned char serial;

	for (unsigned i = 0; i < a->n; i++) {
		if (strcmp(a->certs[i].spec, spec) == 0)
			return a->certs[i].crt;
	}
	if (issuer[0] != spec[0]) /* for its name: any certificate of the issuer will do */
		signer = authority_get(a, self);
	assert_true(a->n < AUTHORITY_MAX && strlen(spec) < sizeof a->certs[0].spec);
	serial = (unsigned char)(1 + a->n % 100);
	crt = authority_new_name(spec[0]);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, &serial, 1), 0);
	gnutls_x509_crt_set_activation_time(crt, from);
	gnutls_x509_crt_set_expiration_time(crt, to);
	gnutls_x509_crt_set_key(crt, authority_key(a, spec));
	gnutls_x509_crt_set_basic_constraints(crt, !leaf, -1);
	if (leaf && spec[0] != 'n')
		authority_add_names(crt);
	else if (!leaf)
		gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	assert_int_equal(gnutls_x509_crt_sign2(crt, signer != NULL ? signer : crt,
					       authority_key(a, issuer), GNUTLS_DIG_SHA256, 0),
			 0);
	crt = authority_reread(crt);
	snprintf(a->certs[a->n].spec, sizeof a->certs[0].spec, "%s", spec);
	a->certs[a->n++].crt = crt;
	return crt;
}

/* Certificates by their names, with blanks between; returns how many. */
static inline unsigned authority_list(struct authority *a, const char *specs,
				      gnutls_x509_crt_t *out, unsigned max)
{
	unsigned n = 0;

	while (*specs != '\0') {
		char one[8];
		size_t len = strcspn(specs, " ");

		assert_true(n < max && len < sizeof one);
		memcpy(one, specs, len);
		one[len] = '\0';
		out[n++] = authority_get(a, one);
		specs += len + strspn(specs + len, " ");
	}
	return n;
}

/* The certificate as PEM. */
static inline void authority_write(FILE *f, gnutls_x509_crt_t crt)
{
	gnutls_datum_t text;

	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &text), 0);
	assert_int_equal(fwrite(text.data, 1, text.size, f), text.size);
	gnutls_free(text.data);
}

#endif
