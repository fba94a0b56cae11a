/*
 * test_conf_account.c - sendmail.conf: what an account's hosts, TLS and secrets come to
 */
#include "config/conf.h"

#include "base/util.h"
#include "conf_file.h"
#include "config/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define HEX16 "0123456789abcDEF"
#define HEX64 HEX16 HEX16 HEX16 HEX16

static void describe_endpoint(const struct conf_endpoint *e, struct buf *out)
{
	static const char *const kinds[] = {
		[ENDPOINT_HOST] = "", [ENDPOINT_SRV] = "srv ", [ENDPOINT_UNIX] = "unix "
	};
	static const char *const modes[] = {
		[TLS_STARTTLS] = "starttls", [TLS_IMPLICIT] = "implicit", [TLS_OFF] = "off"
	};

	buf_addf(out, "%s%s%s %s %s", out->len > 0 ? ", " : "", kinds[e->kind], e->name,
		 e->port != NULL ? e->port : "-", modes[e->tls]);
}

/* Host, port, protocol and TLS settle each other, entry by entry. */
static void test_endpoints(void **state)
{
	static const struct {
		const char *settings;
		const char *endpoints; /* name, port and TLS of each */
	} cases[] = {
		{ "host = a", "a 587 starttls" },
		{ "host = {a}", "a 587 starttls" },
		{ "host = \"a:25\"", "a 25 starttls" },
		{ "host = a:465", "a 465 implicit" },
		{ "host = a port = 465", "a 465 implicit" },
		{ "host = a port = 465 tls = starttls", "a 465 starttls" },
		{ "host = a tls = implicit", "a 465 implicit" },
		{ "host = a tls = off", "a 25 off" },
		{ "host = a:1025 tls = off", "a 1025 off" },
		{ "host = 192.0.2.1", "192.0.2.1 587 starttls" },
		{ "host = 192.0.2.1:26", "192.0.2.1 26 starttls" },
		{ "host = 2001:db8::1", "2001:db8::1 587 starttls" },
		{ "host = [2001:db8::1]", "2001:db8::1 587 starttls" },
		{ "host = [2001:db8::1]:465", "2001:db8::1 465 implicit" },
		{ "host = [fe80::1%eth0]:25", "fe80::1%eth0 25 starttls" },
		/* several */
		{ "host = {a, b}", "a 587 starttls, b 587 starttls" },
		{ "host = {a:465, b, \"[::1]:26\"}", "a 465 implicit, b 587 starttls, ::1 26 "
						     "starttls" },
		{ "host = {a:25, b} port = 465", "a 25 starttls, b 465 implicit" },
		{ "host = {a, b:25, c} port = 2525",
		  "a 2525 starttls, b 25 starttls, c 2525 starttls" },
		{ "host = {a, b:587} tls = implicit", "a 465 implicit, b 587 implicit" },
		{ "host = {a, srv:example.org, /run/s}",
		  "a 587 starttls, srv example.org - starttls, unix /run/s - off" },
		{ "host = {a, srv:example.org, /run/s} port = 465",
		  "a 465 implicit, srv example.org - starttls, unix /run/s - off" },
		/* by SRV records, which have ports */
		{ "host = srv:example.org", "srv example.org - starttls" },
		{ "host = \"SRV:example.org\" tls = implicit", "srv example.org - implicit" },
		{ "host = srv:example.org tls = off", "srv example.org - off" },
		{ "host = srv:25", "srv 25 starttls" },
		{ "host = srv", "srv 587 starttls" },
		{ "host = srv:srv", "srv srv - starttls" },
		/* sockets */
		{ "host = /run/dovecot/lmtp protocol = lmtp", "unix /run/dovecot/lmtp - off" },
		{ "host = \"/run/a b:25\"", "unix /run/a b:25 - off" },
		{ "host = /run/s tls = starttls tls_host = a", "unix /run/s - starttls" },
		{ "host = /run/s tls = off", "unix /run/s - off" },
		/* LMTP has no port of its own */
		{ "host = a protocol = smtp", "a 587 starttls" },
		{ "host = a protocol = lmtp", "a 24 starttls" },
		{ "host = a protocol = lmtp tls = off", "a 24 off" },
		{ "host = a protocol = lmtp port = 2003", "a 2003 starttls" },
		{ "host = {a:465, b} protocol = lmtp", "a 465 implicit, b 24 starttls" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { %s }", cases[i].settings);
		struct conf *c = load_text(text);
		const struct conf_account *a = &c->accounts[0];
		struct buf got;

		buf_init(&got, 1024);
		for (size_t n = 0; n < a->n_endpoints; n++)
			describe_endpoint(&a->endpoints[n], &got);
		assert_string_equal(buf_str(&got), cases[i].endpoints);
		assert_ptr_equal(account_host(a), a->endpoints[0].name);
		buf_free(&got);
		conf_free(c);
		free(text);
	}
}

/* Whom to trust, and who we are. */
static void test_tls(void **state)
{
	static const struct {
		const char *settings;
		const char *ca, *cert, *key; /* behind "DIR/" unless absolute or a URL */
		bool pins_only;
	} cases[] = {
		{ "", NULL, NULL, NULL, false },
		{ "tls_ca_file = ca.pem", "ca.pem", NULL, NULL, false },
		{ "tls_ca_file = none tls_pin = sha256:" HEX64, NULL, NULL, NULL, true },
		{ "tls_ca_file = ./none", "./none", NULL, NULL, false },
		{ "tls_cert_file = a.pem", NULL, "a.pem", NULL, false },
		{ "tls_cert_file = /a.pem tls_key_file = b.pem", NULL, "/a.pem", "b.pem", false },
		{ "tls_cert_file = none tls_key_file = none", NULL, "none", "none", false },
		{ "tls_cert_file = \"pkcs11:token=a;object=b\" tls_key_file = \"PKCS11:token=a\"",
		  NULL, "pkcs11:token=a;object=b", "PKCS11:token=a", false },
		{ "tls_cert_file = a.pem tls_key_file = \"pkcs11:token=a\"", NULL, "a.pem",
		  "pkcs11:token=a", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { host = a %s }", cases[i].settings);
		struct conf *c = load_text(text);
		const struct conf_account *a = &c->accounts[0];
		const char *want[] = { cases[i].ca, cases[i].cert, cases[i].key };
		const char *got[] = { a->tls_ca_file, a->tls_cert_file, a->tls_key_file };

		for (size_t n = 0; n < ARRAY_LEN(got); n++) {
			bool plain = want[n] == NULL || want[n][0] == '/' ||
				     strchr(want[n], ':') != NULL;
			char *path = plain ? NULL : in_dir(want[n]);
			const char *expected = plain ? want[n] : path;

			assert_int_equal(got[n] == NULL, expected == NULL);
			if (expected != NULL)
				assert_string_equal(got[n], expected);
			free(path);
		}
		assert_int_equal(a->tls_pins_only, cases[i].pins_only);
		conf_free(c);
		free(text);
	}
}

/* What of an account others ask about. */
static void test_sessions(void **state)
{
	static const struct {
		const char *settings;
		bool may_use_tls, sends_clear;
	} cases[] = {
		{ "host = a", true, false },
		{ "host = a tls = off", false, false },
		{ "host = srv:a", true, false },
		{ "host = srv:a tls = off", false, false },
		{ "host = /a", false, false },
		{ "host = /a tls = implicit tls_host = a", true, false },
		{ "host = {/a, b}", true, false },
		{ "host = a tls = off user = u password = p", false, false },
		{ "host = a tls = off user = u password = p auth = SCRAM-SHA-256", false, false },
		{ "host = a tls = off user = u password = p auth = {CRAM-MD5, LOGIN}", false,
		  true },
		{ "host = a tls = off user = u password = p auth = PLAIN", false, true },
		{ "host = a tls = off user = u password = p auth = XOAUTH2", false, true },
		{ "host = a tls = off user = u password = p auth = OAUTHBEARER", false, true },
		{ "host = a user = u password = p auth = PLAIN", true, false },
		{ "host = /a user = u password = p auth = PLAIN", false, false },
		{ "host = {/a, b} tls = off user = u password = p auth = PLAIN", false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { %s }", cases[i].settings);
		struct conf *c = load_text(text);

		assert_int_equal(account_may_use_tls(&c->accounts[0]), cases[i].may_use_tls);
		assert_int_equal(account_sends_clear(&c->accounts[0]), cases[i].sends_clear);
		conf_free(c);
		free(text);
	}
}

static void test_source_address(void **state)
{
	static const char *const settings[] = { "192.0.2.1", "192.0.2.1 ip = any",
						"192.0.2.1 ip = 4", "::1",
						"\"fe80::1%eth0\" ip = 6" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		char *text = xasprintf("account x { host = a source_address = %s }", settings[i]);

		conf_free(load_text(text));
		free(text);
	}
}

/* A program's path is one like any other; its arguments are what they are. */
static void test_password_command(void **state)
{
	static const struct {
		const char *written;
		const char *program; /* behind "DIR/" unless absolute; "" for `pass` itself */
	} cases[] = {
		{ "{pass, show, \"~/mail\"}", "" },
		{ "{\"bin/pass\", \"show\", \"~/mail\"}", "bin/pass" },
		{ "{/usr/bin/pass, show, \"~/mail\"}", "/usr/bin/pass" },
		{ "{~/bin/pass, show, \"~/mail\"}", "/home/somebody/bin/pass" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { host = a user = u password_command = %s }",
				       cases[i].written);
		const char *program = cases[i].program;
		char *expected = program[0] == '\0'  ? xstrdup("pass")
				 : program[0] == '/' ? xstrdup(program)
						     : in_dir(program);
		struct conf *c = load_text(text);
		char **words = c->accounts[0].password_command;

		assert_string_equal(words[0], expected);
		assert_string_equal(words[1], "show");
		assert_string_equal(words[2], "~/mail");
		assert_null(words[3]);
		conf_free(c);
		free(expected);
		free(text);
	}
}

static void test_auth(void **state)
{
	static const struct {
		const char *settings;
		enum auth_mode auth;
	} cases[] = {
		{ "", AUTH_OFF },
		{ "user = u password = p", AUTH_AUTO },
		{ "user = u password_file = /p auth = AUTO", AUTH_AUTO },
		{ "user = u auth = off", AUTH_OFF },
		{ "user = u password = p auth = off", AUTH_OFF },
		{ "user = u password = p auth = plain", AUTH_LIST },
		{ "user = u password = p auth = {PLAIN} tls = off", AUTH_LIST },
		{ "user = u password = p auth = off tls = off", AUTH_OFF },
		{ "user = u password = p tls = off", AUTH_AUTO },
		{ "user = u password = p auth = auto tls = off", AUTH_AUTO },
		{ "user = u password_command = pass", AUTH_AUTO },
		{ "user = u password_command = {pass, show}", AUTH_AUTO },
		{ "user = u password_credential = smtp", AUTH_AUTO },
		/* a certificate in the place of a password, or beside it */
		{ "tls_cert_file = c", AUTH_OFF },
		{ "user = u tls_cert_file = c", AUTH_AUTO },
		{ "user = u password = p tls_cert_file = c", AUTH_AUTO },
		{ "auth = auto tls_cert_file = c", AUTH_AUTO },
		{ "auth = external tls_cert_file = c", AUTH_LIST },
		{ "auth = EXTERNAL user = u tls_cert_file = c", AUTH_LIST },
		{ "auth = {EXTERNAL, PLAIN} user = u password = p tls_cert_file = c", AUTH_LIST },
		{ "auth = off tls_cert_file = c", AUTH_OFF },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { host = a %s }", cases[i].settings);
		struct conf *c = load_text(text);

		assert_int_equal(c->accounts[0].auth, cases[i].auth);
		assert_true((c->accounts[0].mechanisms != NULL) == (cases[i].auth == AUTH_LIST));
		conf_free(c);
		free(text);
	}
}

static void test_mechanisms(void **state)
{
	static const char *const names[] = { "PLAIN",
					     "LOGIN",
					     "CRAM-MD5",
					     "SCRAM-SHA-1",
					     "SCRAM-SHA-1-PLUS",
					     "SCRAM-SHA-256",
					     "SCRAM-SHA-256-PLUS",
					     "XOAUTH2",
					     "OAUTHBEARER",
					     "EXTERNAL" };
	struct buf text;
	struct conf *c;

	(void)state;
	buf_init(&text, 1024);
	buf_adds(&text, "account x { host = a tls_cert_file = c user = u password = p auth = {");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *name = xstrdup(names[i]);

		ascii_lower(name);
		buf_addf(&text, "%s%s", i > 0 ? ", " : "", name);
		free(name);
	}
	buf_adds(&text, "} }");
	c = load_text(buf_str(&text));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_string_equal(c->accounts[0].mechanisms[i], names[i]);
	assert_null(c->accounts[0].mechanisms[ARRAY_LEN(names)]);
	conf_free(c);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoints),        cmocka_unit_test(test_tls),
		cmocka_unit_test(test_sessions),         cmocka_unit_test(test_source_address),
		cmocka_unit_test(test_password_command), cmocka_unit_test(test_auth),
		cmocka_unit_test(test_mechanisms),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
