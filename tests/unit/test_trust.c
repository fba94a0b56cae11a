/*
 * test_trust.c - what is picked out of a store gives the verdicts of the whole store
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "authority.h"
#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "net/trust.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a)  (sizeof(a) / sizeof(a)[0])
#define STORE_MAX 64 /* certificates */
#define CHAIN_MAX 8
#define PEM_MAX   (1024 * 1024)

static struct authority world;

static int set_up_world(void **state)
{
	(void)state;
	authority_init(&world);
	return 0;
}

static int tear_down_world(void **state)
{
	(void)state;
	authority_free(&world);
	return 0;
}

/* --- stores --- */

static void write_file(const char *path, struct span text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text.p, 1, text.len, f), text.len);
	assert_int_equal(fclose(f), 0);
}

/* A file name of this test's own; the file is gone when the test is over. */
static char *new_path(void)
{
	char *path = xstrdup("/tmp/test_trust.XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	return path;
}

static void drop_path(char *path)
{
	unlink(path);
	free(path);
}

static struct trust *trust_of(struct span pem)
{
	struct result r = RESULT_OK;
	struct trust *t = NULL;
	char *path = new_path();

	write_file(path, pem);
	if (!trust_load(path, &t, &r))
		fail_msg("%s", r.text);
	drop_path(path);
	return t;
}

/* GnuTLS's verdict of a chain, by the CAs that `cred` was given for it. */
static unsigned verdict_by_choice(const struct trust *t, gnutls_x509_crt_t *chain, unsigned n)
{
	gnutls_certificate_credentials_t cred;
	gnutls_x509_trust_list_t list;
	gnutls_datum_t der[CHAIN_MAX];
	gnutls_x509_crt_t copy[CHAIN_MAX];
	unsigned status = 0;

	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	for (unsigned i = 0; i < n; i++) {
		copy[i] = chain[i];
		assert_int_equal(gnutls_x509_crt_export2(chain[i], GNUTLS_X509_FMT_DER, &der[i]),
				 0);
	}
	assert_true(trust_for_chain(t, der, n, cred) >= 0);
	gnutls_certificate_get_trust_list(cred, &list);
	assert_int_equal(
		gnutls_x509_trust_list_verify_crt2(list, copy, n, NULL, 0, 0, &status, NULL), 0);
	for (unsigned i = 0; i < n; i++)
		gnutls_free(der[i].data);
	gnutls_certificate_free_credentials(cred);
	return status;
}

/* The same by the whole store. */
static unsigned verdict_by_all(gnutls_x509_crt_t *store, unsigned n_store, gnutls_x509_crt_t *chain,
			       unsigned n)
{
	gnutls_x509_trust_list_t list;
	gnutls_x509_crt_t copy[CHAIN_MAX];
	unsigned status = 0;

	assert_int_equal(gnutls_x509_trust_list_init(&list, 0), 0);
	for (unsigned i = 0; i < n_store; i++)
		assert_int_equal(gnutls_x509_trust_list_add_cas(list, &store[i], 1, 0), 1);
	for (unsigned i = 0; i < n; i++)
		copy[i] = chain[i];
	assert_int_equal(
		gnutls_x509_trust_list_verify_crt2(list, copy, n, NULL, 0, 0, &status, NULL), 0);
	gnutls_x509_trust_list_deinit(list, 0);
	return status;
}

static void add_pem(struct buf *pem, gnutls_x509_crt_t crt)
{
	gnutls_datum_t text;

	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &text), 0);
	buf_add(pem, text.data, text.size);
	gnutls_free(text.data);
}

static unsigned compare(gnutls_x509_crt_t *store, unsigned n_store, gnutls_x509_crt_t *chain,
			unsigned n)
{
	struct trust *t;
	struct buf pem;
	unsigned all, choice;

	buf_init(&pem, PEM_MAX);
	for (unsigned i = 0; i < n_store; i++)
		add_pem(&pem, store[i]);
	t = trust_of(buf_span(&pem));
	all = verdict_by_all(store, n_store, chain, n);
	choice = verdict_by_choice(t, chain, n);
	trust_free(t);
	buf_free(&pem);
	assert_int_equal(all, choice);
	return choice;
}

/* --- chains by name --- */

enum { GOOD = 0, UNKNOWN = GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND };

/*
 * Certificates as "subject<issuer", names of authority.h: a letter for the name, a digit for the
 * key, "-" behind it for one that has expired. A leaf's name is in lower case.
 */
static void chains(void **state)
{
	static const struct {
		const char *label;
		const char *store;
		const char *chain;
		unsigned status; /* of these bits */
		bool good;
	} rows[] = {
		{ "one CA", "A0<A0 B0<B0 C0<C0", "x0<B0", 0, true },
		{ "root presented", "A0<A0 B0<B0", "x0<B0 B0<B0", 0, true },
		{ "intermediate", "A0<A0 B0<B0", "x0<C0 C0<B0", 0, true },
		{ "intermediate and root", "A0<A0 B0<B0", "x0<C0 C0<B0 B0<B0", 0, true },
		{ "unsorted", "A0<A0 B0<B0", "x0<D0 C0<B0 D0<C0", 0, true },
		{ "intermediate missing", "A0<A0 B0<B0", "x0<C0", UNKNOWN, false },
		{ "intermediate in the store", "A0<A0 C0<B0", "x0<C0", 0, true },
		{ "wrong root", "A0<A0 D0<D0", "x0<B0 B0<B0", UNKNOWN, false },
		{ "self-signed", "A0<A0", "x0<x0", UNKNOWN, false },
		{ "self-signed and trusted", "A0<A0 x0<x0", "x0<x0", 0, true },
		{ "leaf trusted", "A0<A0 x0<B0", "x0<B0", 0, true },
		{ "same name, other key", "A0<A0 B1<B1", "x0<B0", GNUTLS_CERT_INVALID, false },
		{ "same name, both keys", "B1<B1 A0<A0 B0<B0", "x0<B0", 0, true },
		{ "same name, both keys, GnuTLS takes the last", "B0<B0 B1<B1", "x0<B0",
		  GNUTLS_CERT_SIGNATURE_FAILURE, false },
		{ "expired root", "A0<A0 B0-<B0", "x0<B0", GNUTLS_CERT_EXPIRED, false },
		{ "expired and good root", "B0-<B0 B0<B0", "x0<B0", 0, true },
		{ "expired leaf", "B0<B0", "x0-<B0", GNUTLS_CERT_EXPIRED, false },
		{ "expired intermediate", "B0<B0", "x0<C0 C0-<B0", GNUTLS_CERT_EXPIRED, false },
		{ "cross-signed, old root known", "A0<A0", "x0<C0 C0<B0 B0<A0", 0, true },
		{ "cross-signed, new root known", "B0<B0", "x0<C0 C0<B0 B0<A0", 0, true },
		{ "cross-signed, both known", "A0<A0 B0<B0", "x0<C0 C0<B0 B0<A0", 0, true },
		{ "cross-signed, both known, other order", "B0<B0 A0<A0", "x0<C0 C0<B0 B0<A0", 0,
		  true },
		{ "cross-signed by an expired root", "A0-<A0 B0<B0", "x0<C0 C0<B0 B0<A0", 0, true },
		{ "cross-signed, expired", "A0<A0 B0<B0", "x0<C0 C0<B0 B0-<A0", 0, true },
		{ "cross-signed, both presented", "A0<A0", "x0<C0 C0<B0 B0<A0 B0<D0", 0, true },
		{ "cross-signed, neither known", "D0<D0", "x0<C0 C0<B0 B0<A0", UNKNOWN, false },
		{ "a stranger in the chain", "B0<B0", "x0<B0 D0<D0", 0, true },
		{ "twice the same", "B0<B0", "x0<C0 C0<B0 C0<B0", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		gnutls_x509_crt_t store[STORE_MAX], chain[CHAIN_MAX];
		unsigned n_store = authority_list(&world, rows[i].store, store, STORE_MAX);
		unsigned n = authority_list(&world, rows[i].chain, chain, CHAIN_MAX);
		unsigned status = compare(store, n_store, chain, n);

		if ((status == 0) != rows[i].good || (status & rows[i].status) != rows[i].status)
			fail_msg("%s: status %x", rows[i].label, status);
	}
}

/* --- chains at random --- */

static unsigned rnd(unsigned n)
{
	static uint32_t seed = 4711;

	seed = seed * 1664525 + 1013904223;
	return (unsigned)(((uint64_t)seed * n) >> 32);
}

static gnutls_x509_crt_t any_certificate(bool leaf)
{
	char spec[8];
	char subject = leaf ? 'x' : (char)('A' + rnd(4));
	unsigned key = leaf ? 0 : rnd(2);
	bool self = !leaf && rnd(3) == 0;

	snprintf(spec, sizeof spec, "%c%u%s<%c%u", subject, key, rnd(6) == 0 ? "-" : "",
		 self ? subject : (char)('A' + rnd(4)), self ? key : rnd(2));
	return authority_get(&world, spec);
}

static void any_chain(void **state)
{
	unsigned good = 0, bad = 0;

	(void)state;
	for (int round = 0; round < 600; round++) {
		gnutls_x509_crt_t store[STORE_MAX], chain[CHAIN_MAX];
		unsigned n_store = 1 + rnd(10), n = 1 + rnd(5);

		for (unsigned i = 0; i < n_store; i++)
			store[i] = any_certificate(rnd(12) == 0);
		for (unsigned i = 0; i < n; i++)
			chain[i] = any_certificate(i == 0);
		*(compare(store, n_store, chain, n) == 0 ? &good : &bad) += 1;
	}
	assert_true(good > 50 && bad > 50);
}

/* --- forms of the file --- */

static void add_form(struct buf *out, const char *text, int form)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (form == 1 && *p == '\n')
			buf_adds(out, "\r\n");
		else if (form == 2 && *p == '\n' && p[1] != '-' && p > text && p[-1] != '-')
			continue; /* one long line */
		else if (form == 3 && *p == '\n' && p[1] == '\0')
			continue; /* no line end at the end */
		else if (form == 4 && *p == '\n')
			buf_adds(out, " \n\t");
		else if (form == 5 && *p == '/')
			buf_adds(out, "/\n"); /* lines of any length */
		else
			buf_addc(out, *p);
	}
}

static void forms(void **state)
{
	static const char *const around[] = {
		"",
		"# a comment - with dashes --\n\n",
		"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE REQUEST-----\n",
		"-----BEGIN "
	};
	gnutls_x509_crt_t chain[] = { authority_get(&world, "x0<B0") };
	struct buf one;

	(void)state;
	buf_init(&one, PEM_MAX);
	add_pem(&one, authority_get(&world, "B0<B0"));
	for (size_t i = 0; i < COUNT(around); i++) {
		for (int form = 0; form < 6; form++) {
			struct buf pem;
			struct trust *t;

			buf_init(&pem, PEM_MAX);
			add_pem(&pem, authority_get(&world, "A0<A0"));
			buf_adds(&pem, around[i]);
			if (i == COUNT(around) - 1)
				buf_adds(&pem, "\n");
			add_form(&pem, buf_str(&one), form);
			t = trust_of(buf_span(&pem));
			if (verdict_by_choice(t, chain, 1) != 0)
				fail_msg("form %d behind \"%s\"", form, around[i]);
			trust_free(t);
			buf_free(&pem);
		}
	}
	buf_free(&one);
}

/* A store that is cut anywhere, or has a wrong byte anywhere, is read without harm. */
static void damaged(void **state)
{
	gnutls_x509_crt_t chain[] = { authority_get(&world, "x0<B0") };
	struct buf pem;
	char *path = new_path();

	(void)state;
	buf_init(&pem, PEM_MAX);
	add_pem(&pem, authority_get(&world, "A0<A0"));
	add_pem(&pem, authority_get(&world, "B0<B0"));
	for (size_t i = 0; i < pem.len; i += 3) {
		char saved = pem.p[i];
		struct result r = RESULT_OK;
		struct trust *t = NULL;

		write_file(path, (struct span){ pem.p, i });
		if (trust_load(path, &t, &r))
			verdict_by_choice(t, chain, 1);
		trust_free(t);
		result_free(&r);
		t = NULL;
		pem.p[i] = i % 2 != 0 ? '-' : '!';
		write_file(path, buf_span(&pem));
		pem.p[i] = saved;
		if (trust_load(path, &t, &r))
			verdict_by_choice(t, chain, 1);
		trust_free(t);
		result_free(&r);
	}
	drop_path(path);
	buf_free(&pem);
}

/* A chain that cannot be taken apart is verified by the whole store. */
static void odd_chain(void **state)
{
	static unsigned char junk[] = { 0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30 };
	gnutls_datum_t der[2] = { { junk, sizeof junk }, { junk, 0 } };
	gnutls_certificate_credentials_t cred;
	gnutls_x509_trust_list_t list;
	gnutls_x509_trust_list_iter_t at = NULL;
	gnutls_x509_crt_t crt;
	struct trust *t;
	struct buf pem;
	unsigned n = 0;

	(void)state;
	buf_init(&pem, PEM_MAX);
	add_pem(&pem, authority_get(&world, "A0<A0"));
	add_pem(&pem, authority_get(&world, "B0<B0"));
	t = trust_of(buf_span(&pem));
	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	assert_int_equal(trust_for_chain(t, der, COUNT(der), cred), 0);
	gnutls_certificate_get_trust_list(cred, &list);
	while (gnutls_x509_trust_list_iter_get_ca(list, &at, &crt) == 0) {
		gnutls_x509_crt_deinit(crt);
		n++;
	}
	assert_int_equal(n, 2);
	gnutls_certificate_free_credentials(cred);
	trust_free(t);
	buf_free(&pem);
}

/* The chain is a stranger's: each of its bytes may be wrong, and it may end anywhere. */
static void hostile_chain(void **state)
{
	gnutls_certificate_credentials_t cred;
	struct trust *t;
	struct buf pem;
	gnutls_datum_t der;

	(void)state;
	buf_init(&pem, PEM_MAX);
	add_pem(&pem, authority_get(&world, "A0<A0"));
	t = trust_of(buf_span(&pem));
	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	assert_int_equal(
		gnutls_x509_crt_export2(authority_get(&world, "x0<B0"), GNUTLS_X509_FMT_DER, &der),
		0);
	for (unsigned i = 0; i < der.size; i++) {
		static const unsigned char wrong[] = { 0, 0x30, 0x7f, 0x80, 0x83, 0xff };
		unsigned char *cut = xmalloc(i + 1), saved = der.data[i];
		gnutls_datum_t head = { cut, i };

		memcpy(cut, der.data, i);
		assert_int_equal(trust_for_chain(t, &head, 1, cred), 0);
		free(cut);
		for (size_t j = 0; j < COUNT(wrong); j++) {
			der.data[i] = wrong[j];
			assert_int_equal(trust_for_chain(t, &der, 1, cred), 0);
		}
		der.data[i] = saved;
	}
	gnutls_free(der.data);
	gnutls_certificate_free_credentials(cred);
	trust_free(t);
	buf_free(&pem);
}

static void refused(void **state)
{
	static const struct {
		const char *text; /* NULL: no file */
		mode_t mode;
		enum cause cause;
		const char *words;
	} rows[] = {
		{ NULL, 0, CAUSE_CONFIG, "No such file" },
		{ "", 0600, CAUSE_CONFIG, "no certificate in it" },
		{ "words\n", 0600, CAUSE_CONFIG, "no certificate in it" },
		{ "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", 0600,
		  CAUSE_CONFIG, "no certificate in it: " },
		{ "words\n", 0, CAUSE_PERMISSION, "Permission denied" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct trust *t = NULL;
		char *path = new_path();

		if (rows[i].text != NULL)
			write_file(path, span_of(rows[i].text));
		else
			unlink(path);
		if (rows[i].mode == 0 && rows[i].text != NULL) {
			chmod(path, 0);
			if (access(path, R_OK) == 0) { /* root reads everything */
				drop_path(path);
				continue;
			}
		}
		assert_false(trust_load(path, &t, &r));
		assert_int_equal(r.cause, rows[i].cause);
		assert_non_null(strstr(r.text, rows[i].words));
		assert_non_null(strstr(r.text, path));
		assert_non_null(strstr(r.text, "tls_ca_file"));
		result_free(&r);
		drop_path(path);
	}
}

static void identity(void **state)
{
	struct buf pem, a, b;
	struct trust *t;

	(void)state;
	buf_init(&pem, PEM_MAX);
	buf_init(&a, PEM_MAX);
	buf_init(&b, PEM_MAX);
	add_pem(&pem, authority_get(&world, "A0<A0"));
	t = trust_of(buf_span(&pem));
	trust_identity(t, &a);
	trust_identity(t, &b);
	assert_true(span_eq(buf_span(&a), buf_span(&b)));
	trust_free(t);
	t = trust_of(buf_span(&pem)); /* another file with the same contents */
	buf_clear(&b);
	trust_identity(t, &b);
	assert_false(span_eq(buf_span(&a), buf_span(&b)));
	trust_free(t);
	buf_free(&pem);
	buf_free(&a);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains),    cmocka_unit_test(any_chain),
		cmocka_unit_test(forms),     cmocka_unit_test(damaged),
		cmocka_unit_test(odd_chain), cmocka_unit_test(hostile_chain),
		cmocka_unit_test(refused),   cmocka_unit_test(identity),
	};

	return cmocka_run_group_tests(tests, set_up_world, tear_down_world);
}
