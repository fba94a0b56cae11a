/*
 * test_conf.c - sendmail.conf: what is read, and what it means
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

static void test_defaults(void **state)
{
	struct conf *c = load_text("account \"default\" { host = mx.example.org }\n");
	const struct conf_account *a = &c->accounts[0];

	(void)state;
	assert_null(c->hostname);
	assert_null(c->domain);
	assert_null(c->local_domains);
	assert_null(c->aliases);
	assert_null(c->default_account);
	assert_int_equal(c->deadline_ms, 300000);
	assert_int_equal(c->partial, PARTIAL_DELIVER);
	assert_int_equal(c->tempfail_status, 75);
	assert_int_equal(c->log, LOG_TO_SYSLOG);
	assert_null(c->log_file);
	assert_int_equal(c->log_format, FORMAT_TEXT);
	assert_true(c->cache);
	assert_null(c->cache_dir);
	assert_int_equal(c->n_accounts, 1);
	assert_int_equal(c->n_dkims, 0);
	assert_string_equal(a->name, "default");
	assert_string_equal(a->hosts[0], "mx.example.org");
	assert_null(a->hosts[1]);
	assert_int_equal(a->n_endpoints, 1);
	assert_null(a->port);
	assert_int_equal(a->tls, TLS_STARTTLS);
	assert_false(a->tls_set);
	assert_int_equal(a->protocol, PROTOCOL_SMTP);
	assert_null(a->tls_ca_file);
	assert_false(a->tls_pins_only);
	assert_null(a->tls_pin);
	assert_null(a->tls_host);
	assert_null(a->tls_cert_file);
	assert_null(a->tls_key_file);
	assert_null(a->tls_priority);
	assert_null(a->source_address);
	assert_int_equal(a->auth, AUTH_OFF);
	assert_null(a->mechanisms);
	assert_null(a->senders);
	assert_int_equal(a->smtputf8, UTF8_AUTO);
	assert_true(a->repair);
	assert_true(a->dkim);
	assert_false(a->dkim_required);
	assert_int_equal(a->ip, IP_ANY);
	assert_int_equal(a->rewrite_from, REWRITE_LOCAL);
	assert_false(a->discard);
	assert_null(a->divert_to);
	conf_free(c);
}

static void test_global(void **state)
{
	struct conf *c = load_text("hostname = host.example.org\n"
				   "domain = \"b\xc3\xbc"
				   "cher.example\"\n"
				   "local_domains = {localhost, web1.example.org}\n"
				   "aliases = aliases\n"
				   "default_account = two\n"
				   "deadline = 90s\n"
				   "partial = abort\n"
				   "tempfail_status = 1\n"
				   "log = file\n"
				   "log_file = /var/log/mailchute\n"
				   "log_format = json\n"
				   "cache = off\n"
				   "cache_dir = cache\n"
				   "account one { host = a }\n"
				   "account two { host = b }\n");

	(void)state;
	assert_string_equal(c->hostname, "host.example.org");
	assert_string_equal(c->domain, "b\xc3\xbc"
				       "cher.example");
	assert_string_equal(c->local_domains[0], "localhost");
	assert_string_equal(c->local_domains[1], "web1.example.org");
	assert_null(c->local_domains[2]);
	assert_string_equal(c->aliases + strlen(dir), "/aliases");
	assert_string_equal(c->default_account, "two");
	assert_int_equal(c->deadline_ms, 90000);
	assert_int_equal(c->partial, PARTIAL_ABORT);
	assert_int_equal(c->tempfail_status, 1);
	assert_int_equal(c->log, LOG_TO_FILE);
	assert_string_equal(c->log_file, "/var/log/mailchute");
	assert_int_equal(c->log_format, FORMAT_JSON);
	assert_false(c->cache);
	assert_int_equal(c->n_accounts, 2);
	assert_string_equal(account_host(&c->accounts[1]), "b");
	assert_true(strncmp(c->cache_dir, dir, strlen(dir)) == 0);
	assert_string_equal(c->cache_dir + strlen(dir), "/cache");
	conf_free(c);
}

static void test_account(void **state)
{
	struct conf *c = load_text("# comment\n"
				   "account \"work\" {\r\n"
				   "  host = \"smtp.example.org\"   # comment { \" '\n"
				   "  port = 2525\n"
				   "  tls = implicit /* one\n two */\n"
				   "  tls_ca_file = ~/ca.pem\n"
				   "  tls_pin = {\"sha256:" HEX64 "\", sha256:" HEX64 "}\n"
				   "  tls_host = other.example.org // comment\n"
				   "  tls_cert_file = client.pem\n"
				   "  tls_key_file = ~/client.key\n"
				   "  tls_priority = \"NORMAL:-VERS-ALL:+VERS-TLS1.3\"\n"
				   "  source_address = \"2001:db8::2\"\n"
				   "  auth = {login, # comment\n  \"PLAIN\"}\r\n"
				   "  user = \"a\\\"b\\\\c\\$d\"\n"
				   "  password = ' \"#{}\\\\\\''\n"
				   "  senders = {\"*@example.org\", \"*@example.net\"}\n"
				   "  from = robot@example.org\n"
				   "  smtputf8 = yes\n"
				   "  repair = off\n"
				   "  dkim = off\n"
				   "  dkim_required = no\n"
				   "  ip = 6\n"
				   "  rewrite_from = always\n"
				   "  discard = on\n"
				   "  divert_to = {b@example.org, \"a@example.org\"}\n"
				   "}\n");
	const struct conf_account *a = &c->accounts[0];

	(void)state;
	assert_int_equal(c->n_accounts, 1);
	assert_string_equal(a->name, "work");
	assert_string_equal(a->file, c->path);
	assert_int_equal(a->line, 2);
	assert_string_equal(account_host(a), "smtp.example.org");
	assert_string_equal(a->port, "2525");
	assert_string_equal(a->endpoints[0].port, "2525");
	assert_int_equal(a->endpoints[0].tls, TLS_IMPLICIT);
	assert_int_equal(a->tls, TLS_IMPLICIT);
	assert_true(a->tls_set);
	assert_string_equal(a->tls_ca_file, "/home/somebody/ca.pem");
	assert_false(a->tls_pins_only);
	assert_string_equal(a->tls_pin[0], "sha256:" HEX64);
	assert_string_equal(a->tls_pin[1], "sha256:" HEX64);
	assert_null(a->tls_pin[2]);
	assert_string_equal(a->tls_host, "other.example.org");
	assert_string_equal(a->tls_cert_file + strlen(dir), "/client.pem");
	assert_string_equal(a->tls_key_file, "/home/somebody/client.key");
	assert_string_equal(a->tls_priority, "NORMAL:-VERS-ALL:+VERS-TLS1.3");
	assert_string_equal(a->source_address, "2001:db8::2");
	assert_int_equal(a->auth, AUTH_LIST);
	assert_string_equal(a->mechanisms[0], "LOGIN");
	assert_string_equal(a->mechanisms[1], "PLAIN");
	assert_null(a->mechanisms[2]);
	assert_string_equal(a->user, "a\"b\\c$d");
	assert_string_equal(a->password, " \"#{}\\'");
	assert_string_equal(a->senders[0], "*@example.org");
	assert_string_equal(a->senders[1], "*@example.net");
	assert_null(a->senders[2]);
	assert_string_equal(a->from, "robot@example.org");
	assert_int_equal(a->smtputf8, UTF8_YES);
	assert_false(a->repair);
	assert_false(a->dkim);
	assert_false(a->dkim_required);
	assert_int_equal(a->ip, IP_6);
	assert_int_equal(a->rewrite_from, REWRITE_ALWAYS);
	assert_true(a->discard);
	assert_string_equal(a->divert_to[0], "b@example.org");
	assert_string_equal(a->divert_to[1], "a@example.org");
	assert_null(a->divert_to[2]);
	conf_free(c);
}

static void test_dkim(void **state)
{
	struct conf *c = load_text("account default { host = a }\n"
				   "dkim Example.ORG { selector = s1 key_file = key.pem }\n"
				   "dkim second {\n"
				   "  domain = Example.org\n"
				   "  selector = s2.sub\n"
				   "  key_credential = dkim-key\n"
				   "  canonicalization = simple/relaxed\n"
				   "  headers = {Subject, from}\n"
				   "  oversign = From\n"
				   "  identity = \"@mail.EXAMPLE.org\"\n"
				   "  expire = 5d\n"
				   "  subdomains = on\n"
				   "}\n");
	const struct conf_dkim *d = c->dkims;

	(void)state;
	assert_int_equal(c->n_dkims, 2);
	assert_string_equal(d->name, "Example.ORG");
	assert_string_equal(d->domain, "example.org");
	assert_string_equal(d->selector, "s1");
	assert_string_equal(d->key_file + strlen(dir), "/key.pem");
	assert_null(d->key_credential);
	assert_int_equal(d->header_canon, CANON_RELAXED);
	assert_int_equal(d->body_canon, CANON_RELAXED);
	assert_null(d->headers);
	assert_int_equal(d->expire_ms, 0);
	assert_false(d->subdomains);
	d++;
	assert_int_equal(d->line, 3);
	assert_string_equal(d->domain, "example.org");
	assert_string_equal(d->selector, "s2.sub");
	assert_null(d->key_file);
	assert_string_equal(d->key_credential, "dkim-key");
	assert_int_equal(d->header_canon, CANON_SIMPLE);
	assert_int_equal(d->body_canon, CANON_RELAXED);
	assert_string_equal(d->headers[1], "from");
	assert_string_equal(d->oversign[0], "From");
	assert_null(d->oversign[1]);
	assert_string_equal(d->identity, "@mail.EXAMPLE.org");
	assert_int_equal(d->expire_ms, 5 * 86400000LL);
	assert_true(d->subdomains);
	conf_free(c);
}

/* Where what is remembered goes. Root has one place for all, so that others' differ. */
static void test_cache_dir(void **state)
{
	static const struct {
		const char *settings;
		const char *home, *xdg;
		const char *expected; /* NULL: nowhere */
	} cases[] = {
		{ "", "/home/a", NULL, "/home/a/.cache/mailchute" },
		{ "cache = on", "/home/a", "", "/home/a/.cache/mailchute" },
		{ "", "/home/a", "/x", "/x/mailchute" },
		{ "", "/home/a", "x", "/home/a/.cache/mailchute" },
		{ "", "relative", NULL, NULL },
		{ "cache_dir = /c", "/home/a", "/x", "/c" },
		{ "cache_dir = ~/c", "/home/a", "/x", "/home/a/c" },
		{ "cache = off", "/home/a", "/x", NULL },
		{ "cache = off cache_dir = /c", "/home/a", "/x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf(OK_ACCOUNT "%s\n", cases[i].settings);
		const char *expected = cases[i].expected;
		struct conf *c;
		char *got;

		setenv("HOME", cases[i].home, 1);
		setenv("XDG_CACHE_HOME", cases[i].xdg != NULL ? cases[i].xdg : "", 1);
		c = load_text(text);
		got = conf_cache_dir(c);
		if (geteuid() == 0 && c->cache && c->cache_dir == NULL)
			expected = "/var/cache/mailchute";
		assert_int_equal(got == NULL, expected == NULL);
		if (expected != NULL)
			assert_string_equal(got, expected);
		free(got);
		conf_free(c);
		free(text);
	}
	unsetenv("XDG_CACHE_HOME");
	setenv("HOME", "/home/somebody", 1);
}

/* What may be done to a message, with all the words there are. */
static void test_treatment(void **state)
{
	static const struct {
		const char *settings;
		enum utf8_mode smtputf8;
		bool repair, dkim, dkim_required;
	} cases[] = {
		{ "", UTF8_AUTO, true, true, false },
		{ "smtputf8 = auto", UTF8_AUTO, true, true, false },
		{ "smtputf8 = yes", UTF8_YES, true, true, false },
		{ "smtputf8 = no", UTF8_NO, true, true, false },
		{ "repair = on", UTF8_AUTO, true, true, false },
		{ "repair = off", UTF8_AUTO, false, true, false },
		{ "dkim = on", UTF8_AUTO, true, true, false },
		{ "dkim = off", UTF8_AUTO, true, false, false },
		{ "dkim_required = no", UTF8_AUTO, true, true, false },
		{ "dkim_required = yes", UTF8_AUTO, true, true, true },
		{ "dkim = on dkim_required = yes", UTF8_AUTO, true, true, true },
		{ "dkim = off dkim_required = no", UTF8_AUTO, true, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { host = a %s }", cases[i].settings);
		struct conf *c = load_text(text);
		const struct conf_account *a = &c->accounts[0];

		assert_int_equal(a->smtputf8, cases[i].smtputf8);
		assert_int_equal(a->repair, cases[i].repair);
		assert_int_equal(a->dkim, cases[i].dkim);
		assert_int_equal(a->dkim_required, cases[i].dkim_required);
		conf_free(c);
		free(text);
	}
}

/* RFC 6376 section 3.5: the second word is simple when it is missing. */
static void test_canonicalization(void **state)
{
	static const struct {
		const char *value;
		enum canon header, body;
	} cases[] = {
		{ "relaxed", CANON_RELAXED, CANON_SIMPLE },
		{ "simple", CANON_SIMPLE, CANON_SIMPLE },
		{ "relaxed/relaxed", CANON_RELAXED, CANON_RELAXED },
		{ "relaxed/simple", CANON_RELAXED, CANON_SIMPLE },
		{ "simple/simple", CANON_SIMPLE, CANON_SIMPLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { host = a }\ndkim example.org { selector = s "
				       "key_file = k canonicalization = %s }",
				       cases[i].value);
		struct conf *c = load_text(text);

		assert_int_equal(c->dkims[0].header_canon, cases[i].header);
		assert_int_equal(c->dkims[0].body_canon, cases[i].body);
		conf_free(c);
		free(text);
	}
}

/* How strings are written, seen in a password. */
static void test_strings(void **state)
{
	static const struct {
		const char *written;
		const char *value;
	} cases[] = {
		{ "plain", "plain" },
		{ "0300", "0300" },
		{ "a\\b/c//d~e;f|g", "a\\b/c//d~e;f|g" },
		{ "\"a b\tc\"", "a b\tc" },
		{ "\"\\\\ \\\" \\' \\# \\x41\\xfF\"", "\\ \" ' # A\xff" },
		{ "\"$ $x $(y) \\${z}\"", "$ $x $(y) ${z}" },
		{ "'$x \\n \\' \\\\'", "$x \\n ' \\" },
		{ "\"# // /* */ { } = , ( )\"", "# // /* */ { } = , ( )" },
		{ "'# // /* */ { } = , ( )'", "# // /* */ { } = , ( )" },
		{ "${TEST_CONF_SET}", "va lue\"'#" },
		{ "\"<${TEST_CONF_SET}>\"", "<va lue\"'#>" },
		{ "${TEST_CONF_UNSET:-else}", "else" },
		{ "\"${TEST_CONF_UNSET:-a b}${TEST_CONF_SET:-x}\"", "a bva lue\"'#" },
		{ "\"${TEST_CONF_UNSET:-}x\"", "x" },
		{ "\"caf\xc3\xa9 \xe9\"", "caf\xc3\xa9 \xe9" },
		{ "/* c */ x", "x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { host = a user = u password = %s\n}",
				       cases[i].written);
		struct conf *c = load_text(text);

		assert_string_equal(c->accounts[0].password, cases[i].value);
		conf_free(c);
		free(text);
	}
}

/* Names of files: beside the file that names them, or under the caller's home. */
static void test_paths(void **state)
{
	static const struct {
		const char *written;
		const char *value; /* behind "DIR/" unless absolute */
	} cases[] = {
		{ "keys/a.pem", "keys/a.pem" }, { "../a.pem", "../a.pem" },
		{ "/etc/a.pem", "/etc/a.pem" }, { "~/a.pem", "/home/somebody/a.pem" },
		{ "~a.pem", "~a.pem" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = xasprintf("account x { host = a }\ndkim example.org { selector = s "
				       "key_file = %s }",
				       cases[i].written);
		char *expected =
			cases[i].value[0] == '/' ? xstrdup(cases[i].value) : in_dir(cases[i].value);
		struct conf *c = load_text(text);

		assert_string_equal(c->dkims[0].key_file, expected);
		conf_free(c);
		free(expected);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),  cmocka_unit_test(test_global),
		cmocka_unit_test(test_account),   cmocka_unit_test(test_dkim),
		cmocka_unit_test(test_treatment), cmocka_unit_test(test_canonicalization),
		cmocka_unit_test(test_strings),   cmocka_unit_test(test_paths),
		cmocka_unit_test(test_cache_dir),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
