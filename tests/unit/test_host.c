/*
 * test_host.c - an account as smart hosts: names on the wire, secrets, client certificates
 */
#include "cli/host.h"

#include "base/util.h"
#include "conf_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/banned.h"

#define OFF "tls = off "

static const char cert_pem[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIBkTCCATegAwIBAgIUM9EhHHttT+RUBNEKHPD/N2sNJzcwCgYIKoZIzj0EAwIw\n"
			       "HTEbMBkGA1UEAwwSY2xpZW50LmV4YW1wbGUub3JnMCAXDTI2MTEyMjA0NTUxOFoY\n"
			       "DzIxMjYxMDI5MDQ1NTE4WjAdMRswGQYDVQQDDBJjbGllbnQuZXhhbXBsZS5vcmcw\n"
			       "WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARnwUugeAO5AuyzpQNzVkhv9qeKUzy2\n"
			       "+jwQrkO4sR/ilfoKY6594b/QaxypA8OEnfIkHvA0mgA8TxXlTshh+sNKo1MwUTAd\n"
			       "BgNVHQ4EFgQURfuELj1sh5kllhoVeb/N0x53Ll8wHwYDVR0jBBgwFoAURfuELj1s\n"
			       "h5kllhoVeb/N0x53Ll8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBF\n"
			       "AiEAkl0zHFIZqPU2SNhPAJjlVNRiwX5u//kOMK756ztAWL0CIGAgVaDSQhIQ1dhp\n"
			       "2OthlIc5vmv7bfR2q3U2MwWEk1A7\n"
			       "-----END CERTIFICATE-----\n";
static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzhsytP7FOQ5mSQdo\n"
			      "dcQUrbZ/bp4SgsmGYDYGjEmzwUahRANCAARnwUugeAO5AuyzpQNzVkhv9qeKUzy2\n"
			      "+jwQrkO4sR/ilfoKY6594b/QaxypA8OEnfIkHvA0mgA8TxXlTshh+sNK\n"
			      "-----END PRIVATE KEY-----\n";
static const char other_key_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1C8LAzLt41vQOwGD\n"
	"wVjj4w+uD5EBOZik9PBI3akliBGhRANCAAQNESqathBxTovnZz16YxVcvGb0D8Fr\n"
	"+7LEFvQQXB+OejTdgWsuKlWxWb4MxmWC3V9wbryqtfTr/NM/EEdgP6Ss\n"
	"-----END PRIVATE KEY-----\n";

static char hostname[] = "client.example.org", domain[] = "example.org";

/* The only account of a configuration, loaded; NULL expects success. */
static void load_host(const char *settings, const char *error, enum cause cause,
		      void (*look)(const struct host *h))
{
	struct caller caller = { .hostname = hostname, .domain = domain };
	char *text = xasprintf("cache_dir = /c\naccount x { %s }\n", settings);
	struct conf *c = load_text(text);
	struct result r = RESULT_OK;
	struct host h;
	bool ok = host_load(c, &c->accounts[0], &caller, &h, &r);

	if (error == NULL) {
		if (!ok)
			fail_msg("%s: %s", settings, r.text);
		look(&h);
	} else {
		char *words;

		if (ok)
			fail_msg("%s: accepted, but expected: %s", settings, error);
		words = anonymous(r.text);
		if (strstr(words, error) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", settings, words, error);
		assert_int_equal(r.cause, cause);
		free(words);
	}
	result_free(&r);
	host_free(&h);
	conf_free(c);
	free(text);
}

static void look_at_all(const struct host *h)
{
	const struct smtp_host *s = &h->smtp;

	assert_int_equal(s->protocol, PROTOCOL_SMTP);
	assert_int_equal(s->n_endpoints, 4);
	assert_int_equal(s->endpoints[0].kind, ENDPOINT_HOST);
	assert_string_equal(s->endpoints[0].name, "xn--bcher-kva.example");
	assert_string_equal(s->endpoints[0].port, "465");
	assert_int_equal(s->endpoints[0].tls, TLS_IMPLICIT);
	assert_false(s->endpoints[0].tls_set);
	assert_string_equal(s->endpoints[0].tls_name, "xn--bcher-kva.example");
	assert_string_equal(s->endpoints[1].name, "::1");
	assert_string_equal(s->endpoints[1].tls_name, "::1");
	assert_int_equal(s->endpoints[2].kind, ENDPOINT_SRV);
	assert_string_equal(s->endpoints[2].name, "xn--mnchen-3ya.example");
	assert_null(s->endpoints[2].port);
	assert_null(s->endpoints[2].tls_name);
	assert_int_equal(s->endpoints[3].kind, ENDPOINT_UNIX);
	assert_string_equal(s->endpoints[3].name, "/run/b\303\274cher");
	assert_null(s->endpoints[3].tls_name);
	assert_int_equal(s->ip, IP_4);
	assert_string_equal(s->source_address, "192.0.2.1");
	assert_string_equal(s->ehlo_name, "client.example.org");
	assert_non_null(s->tls_setup);
	assert_int_equal(s->auth, AUTH_LIST);
	assert_string_equal(s->mechanisms[0], "LOGIN");
	assert_string_equal(s->user, "u");
	assert_string_equal(s->password, "p");
	assert_false(s->client_cert);
	assert_string_equal(s->cache_dir, "/c");
	assert_string_equal(s->account, "x");
	assert_string_equal(h->from, "a@example.org");
}

static void test_all(void **state)
{
	(void)state;
	load_host(
		"host = {\"b\303\274cher.example:465\", ::1, \"srv:m\303\274nchen.example\", "
		"\"/run/b\303\274cher\"} ip = 4 source_address = 192.0.2.1 auth = LOGIN user = u "
		"password = p from = a@example.org tls_ca_file = none "
		"tls_pin = sha256:0000000000000000000000000000000000000000000000000000000000000000",
		NULL, CAUSE_NONE, look_at_all);
}

static void look_at_tls_host(const struct host *h)
{
	for (size_t i = 0; i < h->smtp.n_endpoints; i++) {
		assert_true(h->smtp.endpoints[i].tls_set);
		assert_string_equal(h->smtp.endpoints[i].tls_name, "xn--bcher-kva.example");
	}
	assert_int_equal(h->smtp.protocol, PROTOCOL_LMTP);
}

static void test_tls_host(void **state)
{
	(void)state;
	load_host("host = {a, /run/s} protocol = lmtp tls = starttls tls_host = "
		  "\"b\303\274cher.example\"",
		  NULL, CAUSE_NONE, look_at_tls_host);
}

static void look_at_plain(const struct host *h)
{
	assert_null(h->smtp.tls_setup);
	assert_null(h->smtp.password);
	assert_null(h->from);
	assert_int_equal(h->smtp.auth, AUTH_OFF);
}

static void look_at_password(const struct host *h)
{
	assert_string_equal(h->smtp.password, "secret");
}

static void test_passwords(void **state)
{
	static const struct {
		const char *settings;
		const char *error; /* NULL: fine */
		enum cause cause;
	} cases[] = {
		{ "password = secret", NULL, CAUSE_NONE },
		{ "password_file = pw", NULL, CAUSE_NONE },
		{ "password_command = {echo, secret}", NULL, CAUSE_NONE },
		{ "password_credential = pw", NULL, CAUSE_NONE },
		{ "password_file = none", "password_file: @none: cannot be opened", CAUSE_CONFIG },
		{ "password_file = open", "password_file: @open: others have access",
		  CAUSE_PERMISSION },
		{ "password_command = false", "password_command: false: ended with status 1",
		  CAUSE_CONFIG },
		{ "password_command = true", "password_command: true: its first line is empty",
		  CAUSE_CONFIG },
		{ "password_credential = none", "password_credential: @none: cannot be opened",
		  CAUSE_CONFIG },
	};
	char *open_file = in_dir("open");

	(void)state;
	put("pw", "secret\nmore\n");
	put("open", "secret\n");
	chmod(open_file, 0644);
	free(open_file);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *settings = xasprintf("host = a " OFF "user = u %s", cases[i].settings);

		load_host(settings, cases[i].error, cases[i].cause, look_at_password);
		free(settings);
	}
	load_host("host = a " OFF, NULL, CAUSE_NONE, look_at_plain);
	load_host("host = a " OFF "user = u password_command = false auth = off", NULL, CAUSE_NONE,
		  look_at_plain);
	unsetenv("CREDENTIALS_DIRECTORY");
	remove_file("pw");
	remove_file("open");
}

static void look_at_client(const struct host *h)
{
	assert_true(h->smtp.client_cert);
	assert_non_null(h->smtp.tls_setup);
	assert_null(h->smtp.password);
}

static void put_mode(const char *name, const char *first, const char *second, mode_t mode)
{
	char *path = in_dir(name), *text = xasprintf("%s%s", first, second);

	put(name, text);
	chmod(path, mode);
	free(text);
	free(path);
}

/* The certificate may be anybody's to read, its key may not, wherever it is. */
static void test_client(void **state)
{
	static const struct {
		const char *settings;
		const char *error; /* NULL: fine */
		enum cause cause;
	} cases[] = {
		{ "tls_cert_file = c tls_key_file = k", NULL, CAUSE_NONE },
		{ "tls_cert_file = both", NULL, CAUSE_NONE },
		{ "tls_cert_file = shown", "tls_cert_file: @shown: others have access",
		  CAUSE_PERMISSION },
		{ "tls_cert_file = c tls_key_file = shown",
		  "tls_key_file: @shown: others have access", CAUSE_PERMISSION },
		{ "tls_cert_file = none tls_key_file = k", "tls_cert_file: @none: cannot be opened",
		  CAUSE_CONFIG },
		{ "tls_cert_file = . tls_key_file = k", "tls_cert_file: @.: is no regular file",
		  CAUSE_CONFIG },
		{ "tls_cert_file = c tls_key_file = none", "tls_key_file: @none: cannot be opened",
		  CAUSE_CONFIG },
		{ "tls_cert_file = empty tls_key_file = k", "tls_cert_file: @empty: is empty",
		  CAUSE_CONFIG },
		{ "tls_cert_file = c tls_key_file = k2", "tls_key_file", CAUSE_CONFIG },
		{ "tls_cert_file = k tls_key_file = k", "tls_cert_file", CAUSE_CONFIG },
		{ "tls_priority = NONSENSE", "tls_priority", CAUSE_CONFIG },
	};
	static const char *const names[] = { "c", "k", "k2", "both", "shown", "empty" };

	(void)state;
	put_mode("c", cert_pem, "", 0644);
	put_mode("k", key_pem, "", 0600);
	put_mode("k2", other_key_pem, "", 0600);
	put_mode("both", cert_pem, key_pem, 0600);
	put_mode("shown", cert_pem, key_pem, 0644);
	put_mode("empty", "", "", 0644);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *settings =
			xasprintf("host = a user = u auth = %s tls_ca_file = c %s",
				  cases[i].error == NULL ? "EXTERNAL" : "off", cases[i].settings);

		load_host(settings, cases[i].error, cases[i].cause, look_at_client);
		free(settings);
	}
	/* without TLS nobody reads it */
	load_host("host = /s", NULL, CAUSE_NONE, look_at_plain);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		remove_file(names[i]);
}

static void test_names(void **state)
{
	(void)state;
	load_host("host = {a, \"\342\200\213.example\"} " OFF, "host: \"", CAUSE_CONFIG, NULL);
	load_host("host = a " OFF "tls_host = \"\342\200\213.example\"", "tls_host: \"",
		  CAUSE_CONFIG, NULL);
	load_host("host = a " OFF "from = \"a@\342\200\213.example\"", "@main.conf:2: from",
		  CAUSE_CONFIG, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),       cmocka_unit_test(test_tls_host),
		cmocka_unit_test(test_passwords), cmocka_unit_test(test_client),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
