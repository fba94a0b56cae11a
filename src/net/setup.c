/*
 * setup.c - what the configuration says about TLS, made ready
 */
#include "net/setup.h"

#include "base/util.h"
#include "net/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define IDENTITY_MAX (64 * 1024)
#define SHA256_SIZE  32

static bool config_error(struct result *r, const char *what, int rc)
{
	if (rc == GNUTLS_E_MEMORY_ERROR)
		out_of_memory();
	return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s", what, gnutls_strerror(rc));
}

static gnutls_datum_t datum_of(struct span s)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)s.p, (unsigned)s.len };
}

static bool load_cert_url(const char *url, gnutls_pcert_st *chain, unsigned *n, struct result *r)
{
	gnutls_x509_crt_t crt;
	int rc;

	if (gnutls_x509_crt_init(&crt) < 0)
		out_of_memory();
	rc = gnutls_x509_crt_import_url(crt, url, 0);
	if (rc >= 0)
		rc = gnutls_pcert_import_x509(chain, crt, 0);
	gnutls_x509_crt_deinit(crt);
	*n = rc >= 0 ? 1 : 0;
	return rc >= 0 || config_error(r, "tls_cert_file", rc);
}

static bool load_cert(const struct tls_settings *s, gnutls_pcert_st *chain, unsigned *n,
		      struct result *r)
{
	gnutls_datum_t pem = datum_of(s->cert);
	int rc;

	if (s->cert_url != NULL)
		return load_cert_url(s->cert_url, chain, n, r);
	*n = CHAIN_MAX;
	rc = gnutls_pcert_list_import_x509_raw(chain, n, &pem, GNUTLS_X509_FMT_PEM, 0);
	return rc >= 0 || config_error(r, "tls_cert_file", rc);
}

static bool load_key(const struct tls_settings *s, gnutls_privkey_t *key, struct result *r)
{
	/* The URL of a certificate names its key too, unless it says what type the object is. */
	const char *url = s->key_url == NULL && s->key.len == 0 ? s->cert_url : s->key_url;
	gnutls_datum_t pem = datum_of(s->key);
	int rc;

	if (gnutls_privkey_init(key) < 0)
		out_of_memory();
	if (url != NULL)
		rc = gnutls_privkey_import_url(*key, url, 0);
	else
		rc = gnutls_privkey_import_x509_raw(*key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc >= 0)
		return true;
	gnutls_privkey_deinit(*key);
	return config_error(r, "tls_key_file", rc);
}

static void add_fingerprint(const gnutls_datum_t *der, struct buf *out)
{
	unsigned char hash[SHA256_SIZE];
	size_t size = sizeof hash;

	if (gnutls_fingerprint(GNUTLS_DIG_SHA256, der, hash, &size) < 0)
		out_of_memory();
	for (size_t i = 0; i < size; i++)
		buf_addf(out, "%02x", hash[i]);
}

static bool load_client(struct tls_setup *t, const struct tls_settings *s, struct result *r)
{
	gnutls_pcert_st chain[CHAIN_MAX];
	gnutls_privkey_t key;
	unsigned n = 0;

	if (s->cert.len == 0 && s->cert_url == NULL)
		return true;
	if (!load_cert(s, chain, &n, r))
		return false;
	bool ok = load_key(s, &key, r);
	if (ok) {
		add_fingerprint(&chain[0].cert, &t->identity);
		int rc = gnutls_certificate_set_key(t->cred, NULL, 0, chain, (int)n, key);
		if (rc >= 0)
			return true; /* the credentials own chain and key */
		gnutls_privkey_deinit(key);
		ok = rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH
			     ? result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
					   "tls_key_file: not the key of tls_cert_file")
			     : config_error(r, "tls_cert_file and tls_key_file", rc);
	}
	for (unsigned i = 0; i < n; i++)
		gnutls_pcert_deinit(&chain[i]);
	return ok;
}

static bool load_priority(struct tls_setup *t, const char *priority, struct result *r)
{
	static const char usual[] = "-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
	const char *at = "";
	int rc;

	if (priority != NULL)
		rc = gnutls_priority_init(&t->priority, priority, &at);
	else
		rc = gnutls_priority_init2(&t->priority, usual, &at,
					   GNUTLS_PRIORITY_INIT_DEF_APPEND);
	if (rc == GNUTLS_E_MEMORY_ERROR)
		out_of_memory();
	if (rc >= 0)
		return true;
	t->priority = NULL;
	return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "tls_priority: %s, at \"%s\"",
			   gnutls_strerror(rc), at);
}

/* Each in a line of its own, whatever it holds. */
static void identify(struct tls_setup *t, const char *what, const char *text)
{
	buf_addf(&t->identity, "%s %zu:%s\n", what, strlen(text), text);
}

static void copy_pins(struct tls_setup *t, char *const *pins)
{
	size_t n = 0;

	while (pins != NULL && pins[n] != NULL)
		n++;
	if (n == 0)
		return;
	t->pins = xcalloc(n + 1, sizeof *t->pins);
	for (size_t i = 0; i < n; i++) {
		t->pins[i] = xstrdup(pins[i]);
		identify(t, "pin", pins[i]);
	}
}

bool tls_setup_load(const struct tls_settings *s, struct tls_setup **out, struct result *r)
{
	struct tls_setup *t = xcalloc(1, sizeof *t);
	bool ok;

	buf_init(&t->identity, IDENTITY_MAX);
	if (gnutls_certificate_allocate_credentials(&t->cred) < 0)
		out_of_memory();
	t->pins_only = s->pins_only;
	copy_pins(t, s->pins);
	identify(t, "priority", s->priority != NULL ? s->priority : "");
	ok = load_priority(t, s->priority, r) && load_client(t, s, r) &&
	     (s->pins_only || trust_load(s->ca_file, &t->trust, r));
	if (ok) {
		buf_adds(&t->identity, s->pins_only ? "\npins only\n" : "\nchain ");
		if (t->trust != NULL)
			trust_identity(t->trust, &t->identity);
		*out = t;
	} else {
		tls_setup_free(t);
	}
	return ok;
}

void tls_setup_free(struct tls_setup *t)
{
	if (t == NULL)
		return;
	gnutls_certificate_free_credentials(t->cred);
	if (t->priority != NULL)
		gnutls_priority_deinit(t->priority);
	trust_free(t->trust);
	for (char **p = t->pins; p != NULL && *p != NULL; p++)
		free(*p);
	free(t->pins);
	buf_free(&t->identity);
	free(t);
}

void tls_setup_identity(const struct tls_setup *t, struct buf *out)
{
	buf_addspan(out, buf_span(&t->identity));
}
