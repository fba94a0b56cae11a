/*
 * test_conf_refused.c - sendmail.conf: what is refused, and in which words
 */
#include "config/conf.h"

#include "base/util.h"
#include "conf_file.h"

#include <stdlib.h>

#include "base/banned.h"

/* --- lexical traps --- */

static const struct refusal scan_refusals[] = {
	/* braces */
	{ "account x {\n host = a\n", "@main.conf:1: a { that is never closed" },
	{ OK_ACCOUNT "account y {\n auth = {PLAIN,\n", "@main.conf:3: a { that is never closed" },
	{ OK_ACCOUNT "}\n", "@main.conf:2: a } without its {" },
	{ "account x {\n host = {a {\n", "@main.conf:2: a { too many: sections and lists "
					 "do not nest" },
	/* variables */
	{ "\ndomain = ${TEST_CONF_UNSET}\n",
	  "@main.conf:2: ${TEST_CONF_UNSET} is not set in the environment; "
	  "${TEST_CONF_UNSET:-default} would give a default" },
	{ "domain = \"x${TEST_CONF_UNSET}\"\n",
	  "@main.conf:1: ${TEST_CONF_UNSET} is not set in the environment; "
	  "${TEST_CONF_UNSET:-default} would give a default" },
	{ "domain = '${TEST_CONF_SET}'\n",
	  "@main.conf:1: single quotes do not expand ${...}; use double quotes, with a "
	  "backslash before the $ for these very characters" },
	{ "domain = \"${A:x}\"\n", "@main.conf:1: ${ begins a variable, ${VAR} or "
				   "${VAR:-default}; write \"\\${\" for these very "
				   "characters" },
	{ "domain = \"${}\"\n", "@main.conf:1: ${ begins a variable, ${VAR} or "
				"${VAR:-default}; write \"\\${\" for these very characters" },
	{ "domain = \"${9}\"\n", "@main.conf:1: ${ begins a variable, ${VAR} or "
				 "${VAR:-default}; write \"\\${\" for these very "
				 "characters" },
	{ "domain = \"${A\"\n}\n", "@main.conf:1: ${ begins a variable, ${VAR} or "
				   "${VAR:-default}; write \"\\${\" for these very "
				   "characters" },
	{ "domain = \"${A:-x\"\n}\n", "@main.conf:1: a ${ without its }; write \"\\${\" for "
				      "these very characters" },
	{ "domain = a${TEST_CONF_SET}\n",
	  "@main.conf:1: ${ in a bare word; put the whole value in double quotes" },
	{ "domain = ${TEST_CONF_SET}a\n",
	  "@main.conf:1: a bare word cannot hold quotes, #, * or +, and nothing may touch "
	  "the end of a string; put the whole value in double quotes" },
	/* what would be cut or dropped */
	{ "domain = a#b\n",
	  "@main.conf:1: a bare word cannot hold quotes, #, * or +, and nothing may touch "
	  "the end of a string; put the whole value in double quotes" },
	{ "domain = a*b\n",
	  "@main.conf:1: a bare word cannot hold quotes, #, * or +, and nothing may touch "
	  "the end of a string; put the whole value in double quotes" },
	{ "account x { from = a+b@c }\n",
	  "@main.conf:1: a bare word cannot hold quotes, #, * or +, and nothing may touch "
	  "the end of a string; put the whole value in double quotes" },
	{ "account x { user = o'brien }\n",
	  "@main.conf:1: a bare word cannot hold quotes, #, * or +, and nothing may touch "
	  "the end of a string; put the whole value in double quotes" },
	{ "domain = \"a\"b\n",
	  "@main.conf:1: a bare word cannot hold quotes, #, * or +, and nothing may touch "
	  "the end of a string; put the whole value in double quotes" },
	{ "domain = \"a\"'b'\n",
	  "@main.conf:1: a bare word cannot hold quotes, #, * or +, and nothing may touch "
	  "the end of a string; put the whole value in double quotes" },
	{ "account x { senders = *@example.org }\n",
	  "@main.conf:1: a bare word cannot hold quotes, #, * or +, and nothing may touch "
	  "the end of a string; put the whole value in double quotes" },
	{ "domain = #b\n", "@main.conf:1: a comment where a value should be; put the value "
			   "in double quotes" },
	{ "domain = //b\n", "@main.conf:1: a comment where a value should be; put the value "
			    "in double quotes" },
	{ "domain =\nlog = off\n", "@main.conf:1: nothing behind the =" },
	{ "domain =", "@main.conf:1: nothing behind the =" },
	{ "account x {\n auth = {}\n}\n",
	  "@main.conf:2: an empty list; leave the setting out for its default" },
	{ "account x {\n auth = { # none\n }\n}\n",
	  "@main.conf:3: an empty list; leave the setting out for its default" },
	{ "account x {\n auth = PLAIN\n auth += {LOGIN}\n}\n",
	  "@main.conf:3: += is not used here: give the whole list at once, with =" },
	{ "account x {\n auth = PLAIN\n auth+=LOGIN\n}\n",
	  "@main.conf:3: += is not used here: give the whole list at once, with =" },
	/* strings */
	{ "domain = \"a\nlog = off\n",
	  "@main.conf:1: a string ends on the line it begins on: a quote is missing" },
	{ "domain = 'a\r\nlog = off\n",
	  "@main.conf:1: a string ends on the line it begins on: a quote is missing" },
	{ "domain = \"a",
	  "@main.conf:1: a string ends on the line it begins on: a quote is missing" },
	{ "domain = 'a\\'",
	  "@main.conf:1: a string ends on the line it begins on: a quote is missing" },
	{ "domain = \"a\\\nb\"",
	  "@main.conf:1: a string ends on the line it begins on: a quote is missing" },
	{ "domain = \"CORP\\user\"\n",
	  "@main.conf:1: a backslash before a letter or digit in double quotes; write "
	  "\\\\ for a backslash, or \\xHH for a byte (not \\x00)" },
	{ "domain = \"\\0\"\n",
	  "@main.conf:1: a backslash before a letter or digit in double quotes; write "
	  "\\\\ for a backslash, or \\xHH for a byte (not \\x00)" },
	{ "domain = \"\\x00\"\n",
	  "@main.conf:1: a backslash before a letter or digit in double quotes; write "
	  "\\\\ for a backslash, or \\xHH for a byte (not \\x00)" },
	{ "domain = \"\\x4\"\n",
	  "@main.conf:1: a backslash before a letter or digit in double quotes; write "
	  "\\\\ for a backslash, or \\xHH for a byte (not \\x00)" },
	/* bytes and comments */
	{ "\n# \x01\n", "@main.conf:2: a control character" },
	{ "domain = \"a\x7f\"\n", "@main.conf:1: a control character" },
	{ "\n/* a\n", "@main.conf:2: a comment that is never closed" },
	{ "/*/\n", "@main.conf:1: a comment that is never closed" },
};

static void test_scan_refusals(void **state)
{
	(void)state;
	refuse_each(scan_refusals, ARRAY_LEN(scan_refusals));
}

static void test_nul(void **state)
{
	static const char text[] = "domain = a\n# \0 \n" OK_ACCOUNT;

	(void)state;
	put_file("main.conf", text, sizeof text - 1);
	refused("main.conf", CAUSE_CONFIG, "@main.conf:2: a NUL byte");
}

/* --- libconfuse --- */

static const struct refusal syntax_refusals[] = {
	{ "\nhots = a\n", "@main.conf:2: no such option 'hots'" },
	{ "/* a\n b */ /* c */ hots = a\n", "@main.conf:2: no such option 'hots'" },
	{ "account x {\n host = a # c\n  hots = a\n}\n", "@main.conf:3: no such option 'hots'" },
	{ "account x {\n selector = a\n}\n", "@main.conf:2: no such option 'selector'" },
	{ "local_domain = a\n", "@main.conf:1: no such option 'local_domain'" },
	{ "\n\"\" = a\n", "@main.conf:2: syntax error" },
	{ "domain a\n", "@main.conf:1: missing equal sign after option 'domain'" },
	{ "domain = {a}\n", "@main.conf:1: unexpected token '{'" },
	{ "account x { user = {a, b} }\n", "@main.conf:1: unexpected token '{'" },
	{ "account {\n host = a }\n", "@main.conf:1: missing title for section 'account'" },
	{ "account x host = a\n", "@main.conf:1: missing opening brace for section 'account'" },
	{ OK_ACCOUNT OK_ACCOUNT, "@main.conf:2: found duplicate title 'x'" },
	{ OK_ACCOUNT "dkim a.org { selector=s key_file=k }\ndkim a.org {}\n",
	  "@main.conf:3: found duplicate title 'a.org'" },
	{ "domain = a\nlog = off\ndomain = a\n",
	  "@main.conf:3: domain: given twice, first at @main.conf:1" },
	{ "account x {\n auth = {PLAIN, LOGIN}\n\n auth = PLAIN\n}\n",
	  "@main.conf:4: auth: given twice, first at @main.conf:2" },
	{ OK_ACCOUNT "\"account=x|host\" = a\n",
	  "@main.conf:2: host: this setting belongs inside its section" },
	{ OK_ACCOUNT "dkim a.org { selector=s key_file=k }\n\"dkim=a.org|domain\" = b\n",
	  "@main.conf:3: domain: this setting belongs inside its section" },
	{ "account \"\" { host = a }\n",
	  "@main.conf:1: account: the section's name is wrong, expected text without "
	  "control characters" },
	{ "account \"a\\x0ab\" { host = a }\n",
	  "@main.conf:1: account: the section's name is wrong, expected text without "
	  "control characters" },
	/* nothing of a password in an error */
	{ "account x {\n password = my secret\n}\n",
	  "@main.conf:2: what follows the password is not understood; put the password in "
	  "double quotes" },
	{ "account x {\n password = my, secret\n}\n",
	  "@main.conf:2: what follows the password is not understood; put the password in "
	  "double quotes" },
};

static void test_syntax_refusals(void **state)
{
	(void)state;
	refuse_each(syntax_refusals, ARRAY_LEN(syntax_refusals));
}

/* --- values --- */

static void refuse_values(const char *before, const struct refusal *cases, size_t n,
			  const char *after)
{
	for (size_t i = 0; i < n; i++) {
		char *text = xasprintf("%s%s%s", before, cases[i].text, after);
		char *error = xasprintf("@main.conf:2: %s", cases[i].error);

		refused_text(text, error);
		free(text);
		free(error);
	}
}

static const struct refusal global_values[] = {
	{ "hostname = \"a b\"", "hostname: \"a b\" is wrong, expected a host or domain name" },
	{ "hostname = \"\"", "hostname: \"\" is wrong, expected a host or domain name" },
	{ "hostname = \"a\\x0d\\x0ab\"",
	  "hostname: \"a b\" is wrong, expected a host or domain name" },
	{ "domain = a..b", "domain: \"a..b\" is wrong, expected a host or domain name" },
	{ "domain = a.", "domain: \"a.\" is wrong, expected a host or domain name" },
	{ "domain = -a", "domain: \"-a\" is wrong, expected a host or domain name" },
	{ "domain = \"\xff\"", "domain: \"?\" is wrong, expected a host or domain name" },
	{ "domain = 0123456789012345678901234567890123456789012345678901234567890123",
	  "domain: \"012345678901234567890123456789012345678901234567890123456789\" is "
	  "wrong, expected a host or domain name" },
	{ "local_domains = {a, \"b c\"}",
	  "local_domains: \"b c\" is wrong, expected a host or domain name" },
	{ "aliases = \"\"", "aliases: \"\" is wrong, expected a file name (with ~/ in "
			    "front only if there is a home)" },
	{ "default_account = \"\"",
	  "default_account: \"\" is wrong, expected text without control characters" },
	{ "deadline = 0", "deadline: \"0\" is wrong, expected a time such as \"90s\", "
			  "\"5m\", \"2h\" or \"5d\"" },
	{ "deadline = 5x", "deadline: \"5x\" is wrong, expected a time such as \"90s\", "
			   "\"5m\", \"2h\" or \"5d\"" },
	{ "deadline = 0300", "deadline: \"0300\" is wrong, expected a time such as "
			     "\"90s\", \"5m\", \"2h\" or \"5d\"" },
	{ "partial = Deliver", "partial: \"Deliver\" is wrong, expected deliver or abort" },
	{ "tempfail_status = 0",
	  "tempfail_status: \"0\" is wrong, expected a number from 1 to 255" },
	{ "tempfail_status = 256",
	  "tempfail_status: \"256\" is wrong, expected a number from 1 to 255" },
	{ "tempfail_status = 071",
	  "tempfail_status: \"071\" is wrong, expected a number from 1 to 255" },
	{ "tempfail_status = 0x4b",
	  "tempfail_status: \"0x4b\" is wrong, expected a number from 1 to 255" },
	{ "tempfail_status = -1",
	  "tempfail_status: \"-1\" is wrong, expected a number from 1 to 255" },
	{ "log = stderr", "log: \"stderr\" is wrong, expected syslog, file or off" },
	{ "log_file = \"\"", "log_file: \"\" is wrong, expected a file name (with ~/ in "
			     "front only if there is a home)" },
	{ "log_format = xml", "log_format: \"xml\" is wrong, expected text or json" },
	{ "cache = yes", "cache: \"yes\" is wrong, expected on or off" },
	{ "log = file", "log: log = file needs log_file" },
	{ "default_account = y", "default_account: there is no account \"y\"" },
};

static void test_global_values(void **state)
{
	(void)state;
	refuse_values(OK_ACCOUNT, global_values, ARRAY_LEN(global_values), "\n");
	refused_text("", "@main.conf: no account; at least a section account \"default\" with a "
			 "host is needed");
}

#define BAD_HOST(shown)                                                                            \
	"host: \"" shown "\" is wrong, expected \"name\", \"name:port\", an IP address, "          \
	"\"[IPv6]:port\", \"srv:domain\" or the path of a socket"

#define BAD_AUTH(shown)                                                                            \
	"auth: \"" shown "\" is wrong, expected auto, off, or a list of PLAIN, LOGIN, CRAM-MD5, "  \
	"SCRAM-SHA-1, SCRAM-SHA-256 (or with -PLUS), XOAUTH2, OAUTHBEARER and EXTERNAL"

#define BAD_PIN(shown)                                                                             \
	"tls_pin: \"" shown "\" is wrong, expected \"sha256:\" and 64 hexadecimal digits"

#define X20  "xxxxxxxxxxxxxxxxxxxx"
#define X100 X20 X20 X20 X20 X20
#define F16  "0123456789abcdef"
#define F60  F16 F16 F16 "0123456789ab"
#define F64  F16 F16 F16 F16
/* as much of a pin as is shown */
#define SHOWN_PIN "sha256:" F16 F16 F16 "01234"

static const struct refusal account_values[] = {
	{ "host = \"\"", BAD_HOST("") },
	{ "host = \"a b\"", BAD_HOST("a b") },
	{ "host = a:", BAD_HOST("a:") },
	{ "host = a:0", BAD_HOST("a:0") },
	{ "host = a:0587", BAD_HOST("a:0587") },
	{ "host = a:65536", BAD_HOST("a:65536") },
	{ "host = a:b:25", BAD_HOST("a:b:25") },
	{ "host = srv:", BAD_HOST("srv:") },
	{ "host = srv:a:465", BAD_HOST("srv:a:465") },
	{ "host = \"srv:a b\"", BAD_HOST("srv:a b") },
	{ "host = srv:[::1]", BAD_HOST("srv:[::1]") },
	{ "host = srv:/run/s", BAD_HOST("srv:/run/s") },
	{ "host = run/socket", BAD_HOST("run/socket") },
	{ "host = ~/socket", BAD_HOST("~/socket") },
	{ "host = /" X100 X20, BAD_HOST("/" X20 X20 "xxxxxxxxxxxxxxxxxxx") },
	{ "host = \"/run/\\x0as\"", BAD_HOST("/run/ s") },
	{ "host = {a, \"b c\"}", BAD_HOST("b c") },
	{ "host = {a, b:0, c}", BAD_HOST("b:0") },
	{ "host = [2001:db8::1", BAD_HOST("[2001:db8::1") },
	{ "host = [a]", BAD_HOST("[a]") },
	{ "host = []", BAD_HOST("[]") },
	{ "host = [::1]25", BAD_HOST("[::1]25") },
	{ "host = \"a\\x0a\"", BAD_HOST("a ") },
	{ "port = 0587", "port: \"0587\" is wrong, expected a number from 1 to 65535" },
	{ "port = 0", "port: \"0\" is wrong, expected a number from 1 to 65535" },
	{ "port = smtp", "port: \"smtp\" is wrong, expected a number from 1 to 65535" },
	{ "tls = on", "tls: \"on\" is wrong, expected starttls, implicit or off" },
	{ "tls_host = a:25", "tls_host: \"a:25\" is wrong, expected a host name or an IP address" },
	{ "protocol = SMTP", "protocol: \"SMTP\" is wrong, expected smtp or lmtp" },
	{ "tls_ca_file = \"\"",
	  "tls_ca_file: \"\" is wrong, expected a file name (with ~/ in front "
	  "only if there is a home), or none" },
	{ "tls_pin = \"\"", BAD_PIN("") },
	{ "tls_pin = none", BAD_PIN("none") },
	{ "tls_pin = sha256:", BAD_PIN("sha256:") },
	{ "tls_pin = " F64, BAD_PIN(F60) },
	{ "tls_pin = sha512:" F64, BAD_PIN("sha512:" F16 F16 F16 "01234") },
	{ "tls_pin = SHA256:" F64, BAD_PIN("SHA256:" F16 F16 F16 "01234") },
	{ "tls_pin = sha256:" F60, BAD_PIN(SHOWN_PIN) },
	{ "tls_pin = sha256:" F64 "0", BAD_PIN(SHOWN_PIN) },
	{ "tls_pin = {sha256:" F64 ", \"sha256:" F60 "xxxx\"}", BAD_PIN(SHOWN_PIN) },
	{ "tls_cert_file = \"\"", "tls_cert_file: \"\" is wrong, expected a file name (with ~/ in "
				  "front only if there is a home) or a \"pkcs11:\" URL" },
	{ "tls_key_file = \"pkcs11:\\x0a\"",
	  "tls_key_file: \"pkcs11: \" is wrong, expected a file name (with ~/ in front only if "
	  "there is a home) or a \"pkcs11:\" URL" },
	{ "tls_priority = \"\"",
	  "tls_priority: \"\" is wrong, expected text without control characters" },
	{ "auth = CRAM", BAD_AUTH("CRAM") },
	{ "auth = {PLAIN, SCRAM-SHA-512}", BAD_AUTH("SCRAM-SHA-512") },
	{ "auth = on", BAD_AUTH("on") },
	{ "password_command = \"\"", "password_command: \"\" is wrong, expected words without "
				     "control characters (with ~/ in front only if there is a "
				     "home)" },
	{ "password_command = {pass, \"\"}", "password_command: \"\" is wrong, expected words "
					     "without control characters (with ~/ in front only if "
					     "there is a home)" },
	{ "password_credential = a/b",
	  "password_credential: \"a/b\" is wrong, expected a name without a slash" },
	{ "source_address = localhost",
	  "source_address: \"localhost\" is wrong, expected an IPv4 or IPv6 address" },
	{ "source_address = 192.0.2.1:25",
	  "source_address: \"192.0.2.1:25\" is wrong, expected an IPv4 or IPv6 address" },
	{ "source_address = [::1]",
	  "source_address: \"[::1]\" is wrong, expected an IPv4 or IPv6 address" },
	{ "user = \"a\\x0a\"", "user: \"a \" is wrong, expected text without control characters" },
	{ "password = \"\"", "password: \"***\" is wrong, expected one line of text, not empty" },
	{ "password = \"secret\\x0a\"",
	  "password: \"***\" is wrong, expected one line of text, not empty" },
	{ "password = \"secret\\x0d\"",
	  "password: \"***\" is wrong, expected one line of text, not empty" },
	{ "senders = {\"*@a\", \"b c\"}",
	  "senders: \"b c\" is wrong, expected a pattern such as \"*@example.org\", "
	  "without blanks" },
	{ "senders = \"\"", "senders: \"\" is wrong, expected a pattern such as "
			    "\"*@example.org\", without blanks" },
	{ "from = robot", "from: \"robot\" is wrong, expected an address, local@domain" },
	{ "from = @a.org", "from: \"@a.org\" is wrong, expected an address, local@domain" },
	{ "from = a@", "from: \"a@\" is wrong, expected an address, local@domain" },
	{ "from = a@b@c", "from: \"a@b@c\" is wrong, expected an address, local@domain" },
	{ "from = \"A <a@b>\"", "from: \"A <a@b>\" is wrong, expected an address, local@domain" },
	{ "from = \"a@b\\x0dX\"", "from: \"a@b X\" is wrong, expected an address, local@domain" },
	{ "rewrite_from = on", "rewrite_from: \"on\" is wrong, expected local, never or always" },
	{ "smtputf8 = on", "smtputf8: \"on\" is wrong, expected auto, yes or no" },
	{ "smtputf8 = \"\"", "smtputf8: \"\" is wrong, expected auto, yes or no" },
	{ "repair = yes", "repair: \"yes\" is wrong, expected on or off" },
	{ "repair = auto", "repair: \"auto\" is wrong, expected on or off" },
	{ "dkim = no", "dkim: \"no\" is wrong, expected on or off" },
	{ "dkim_required = on", "dkim_required: \"on\" is wrong, expected yes or no" },
	{ "dkim_required = Yes", "dkim_required: \"Yes\" is wrong, expected yes or no" },
	{ "discard = yes", "discard: \"yes\" is wrong, expected on or off" },
	{ "divert_to = root", "divert_to: \"root\" is wrong, expected an address, local@domain" },
	{ "divert_to = {a@b, c@}",
	  "divert_to: \"c@\" is wrong, expected an address, local@domain" },
	{ "ip = 06", "ip: \"06\" is wrong, expected any, 4 or 6" },
};

static void test_account_values(void **state)
{
	(void)state;
	refuse_values("account x {\n", account_values, ARRAY_LEN(account_values), "\n}\n");
}

#define PORT_UNUSED                                                                                \
	"port is given, but every entry of host has its own or cannot have one; take one of them " \
	"out"
#define TWO_PASSWORDS                                                                              \
	"only one of password, password_file, password_command and password_credential can be "    \
	"given"
#define NO_PASSWORD                                                                                \
	"password, password_file, password_command or password_credential is missing; auth = off " \
	"does without"

static const struct refusal account_rules[] = {
	{ "{ }", "host is missing" },
	{ "{ port = 25 }", "host is missing" },
	{ "{ host = a:25 port = 25 }", PORT_UNUSED },
	{ "{ host = {a:25, b:26} port = 25 }", PORT_UNUSED },
	{ "{ host = srv:a port = 25 }", PORT_UNUSED },
	{ "{ port = 25 host = {/run/s, a:25, srv:b} }", PORT_UNUSED },
	{ "{ host = a protocol = lmtp ip = 4 source_address = ::1 }",
	  "source_address and ip contradict each other" },
	{ "{ host = a source_address = 192.0.2.1 ip = 6 }",
	  "source_address and ip contradict each other" },
	{ "{ host = srv:a protocol = lmtp }",
	  "\"srv:\" finds servers for submission, and they do not speak LMTP" },
	{ "{ host = {a, srv:a} protocol = lmtp }",
	  "\"srv:\" finds servers for submission, and they do not speak LMTP" },
	{ "{ host = a tls_ca_file = none }", "tls_ca_file = none needs tls_pin" },
	{ "{ host = a tls = off tls_pin = sha256:" F64 " }",
	  "tls_pin and tls_cert_file are of no use without TLS" },
	{ "{ host = /s tls_cert_file = c }",
	  "tls_pin and tls_cert_file are of no use without TLS" },
	{ "{ host = /s tls = starttls }",
	  "TLS over a socket needs tls_host, the name in the certificate" },
	{ "{ host = {a, /s} tls = implicit }",
	  "TLS over a socket needs tls_host, the name in the certificate" },
	{ "{ host = a tls_key_file = k }", "tls_key_file is given, but tls_cert_file is missing" },
	{ "{ host = a tls_cert_file = \"pkcs11:object=a\" }",
	  "tls_key_file is missing: tls_cert_file is a URL and holds no key" },
	{ "{ host = a dkim = off dkim_required = yes }",
	  "dkim_required = yes and dkim = off contradict each other" },
	{ "{ dkim_required = yes host = a dkim = off }",
	  "dkim_required = yes and dkim = off contradict each other" },
	{ "{ host = a auth = {auto, PLAIN} }",
	  "auth is auto, off, or a list of mechanisms, not a mixture" },
	{ "{ host = a auth = {PLAIN, off} }",
	  "auth is auto, off, or a list of mechanisms, not a mixture" },
	{ "{ host = a user = u password = p password_file = f }", TWO_PASSWORDS },
	{ "{ host = a user = u password = p password_command = f }", TWO_PASSWORDS },
	{ "{ host = a user = u password_command = p password_credential = f }", TWO_PASSWORDS },
	{ "{ host = a user = u password_file = p password_credential = f auth = off }",
	  TWO_PASSWORDS },
	{ "{ host = a password_command = p }", "user is missing, but there is a password" },
	{ "{ host = a password_credential = p tls_cert_file = c }",
	  "user is missing, but there is a password" },
	{ "{ host = a password = p }", "user is missing, but there is a password" },
	{ "{ host = a password_file = p auth = off }", "user is missing, but there is a password" },
	{ "{ host = a auth = auto }", "user is missing, but auth is on; give both, or auth = off" },
	{ "{ host = a auth = PLAIN }",
	  "user is missing, but auth is on; give both, or auth = off" },
	{ "{ host = a tls_cert_file = c auth = {EXTERNAL, SCRAM-SHA-256} }",
	  "user is missing, but auth is on; give both, or auth = off" },
	{ "{ host = a auth = OAUTHBEARER }",
	  "user is missing, but auth is on; give both, or auth = off" },
	{ "{ host = a auth = EXTERNAL }", "EXTERNAL in auth needs tls_cert_file" },
	{ "{ host = a user = u password = p auth = {PLAIN, EXTERNAL} }",
	  "EXTERNAL in auth needs tls_cert_file" },
	{ "{ host = a user = u }", NO_PASSWORD },
	{ "{ host = a user = u auth = {LOGIN} }", NO_PASSWORD },
	{ "{ host = a user = u auth = XOAUTH2 tls_cert_file = c }", NO_PASSWORD },
	{ "{ host = a user = u auth = {EXTERNAL, PLAIN} tls_cert_file = c }", NO_PASSWORD },
};

static void test_account_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(account_rules); i++) {
		char *text =
			xasprintf("account y { host = a }\naccount x %s\n", account_rules[i].text);
		char *error = xasprintf("@main.conf:2: account \"x\": %s", account_rules[i].error);

		refused_text(text, error);
		free(text);
		free(error);
	}
}

static const struct refusal dkim_values[] = {
	{ "domain = \"a b\"", "domain: \"a b\" is wrong, expected a host or domain name" },
	{ "selector = \"a;b\"", "selector: \"a;b\" is wrong, expected a host or domain name" },
	{ "key_credential = ../k",
	  "key_credential: \"../k\" is wrong, expected a name without a slash" },
	{ "key_credential = ..",
	  "key_credential: \"..\" is wrong, expected a name without a slash" },
	{ "canonicalization = relaxed/",
	  "canonicalization: \"relaxed/\" is wrong, expected simple or relaxed, or two of "
	  "them as in relaxed/simple" },
	{ "canonicalization = nowsp",
	  "canonicalization: \"nowsp\" is wrong, expected simple or relaxed, or two of "
	  "them as in relaxed/simple" },
	{ "headers = {From, \"a:b\"}",
	  "headers: \"a:b\" is wrong, expected the name of a header field" },
	{ "oversign = \"\"", "oversign: \"\" is wrong, expected the name of a header field" },
	{ "identity = example.org",
	  "identity: \"example.org\" is wrong, expected \"@domain\" or \"local@domain\"" },
	{ "identity = \"a b@example.org\"",
	  "identity: \"a b@example.org\" is wrong, expected \"@domain\" or "
	  "\"local@domain\"" },
	{ "expire = 5y", "expire: \"5y\" is wrong, expected a time such as \"90s\", "
			 "\"5m\", \"2h\" or \"5d\"" },
	{ "subdomains = 1", "subdomains: \"1\" is wrong, expected on or off" },
};

static void test_dkim_values(void **state)
{
	(void)state;
	refuse_values("dkim a.org {\n", dkim_values, ARRAY_LEN(dkim_values), "\n}\n");
}

static const struct refusal dkim_rules[] = {
	{ "\"my key\" { selector = s key_file = k }",
	  "dkim \"my key\": domain is missing, and the section's name is not a domain "
	  "name" },
	{ "a.org { key_file = k }", "dkim \"a.org\": selector is missing" },
	{ "a.org { selector = s }", "dkim \"a.org\": key_file or key_credential is missing" },
	{ "a.org { selector = s key_file = k key_credential = c }",
	  "dkim \"a.org\": key_file and key_credential are both given; keep one of them" },
	{ "a.org { selector = s key_file = k headers = {Subject, X-From} }",
	  "dkim \"a.org\": headers must name From" },
	{ "a.org { domain = \"b\303\274cher.example\" selector = s key_file = k }",
	  "dkim \"a.org\": domain must be written in ASCII, with A-labels (xn--...)" },
	{ "a.org { selector = \"s\303\274d\" key_file = k }",
	  "dkim \"a.org\": selector must be written in ASCII, with A-labels (xn--...)" },
	{ "a.org { selector = s key_file = k identity = x@b.org }",
	  "dkim \"a.org\": identity must end in the domain or in a subdomain of it" },
	{ "a.org { selector = s key_file = k identity = @ba.org }",
	  "dkim \"a.org\": identity must end in the domain or in a subdomain of it" },
	{ "a.org { selector = s key_file = k identity = @org }",
	  "dkim \"a.org\": identity must end in the domain or in a subdomain of it" },
};

static void test_dkim_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dkim_rules); i++) {
		char *text = xasprintf(OK_ACCOUNT "dkim %s\n", dkim_rules[i].text);
		char *error = xasprintf("@main.conf:2: %s", dkim_rules[i].error);

		refused_text(text, error);
		free(text);
		free(error);
	}
}

/* --- after a refusal --- */

/* A failure leaves nothing behind in libconfuse that would disturb the next one. */
static void test_again(void **state)
{
	(void)state;
	refused_text("account x {\n password = my secret\n}\n",
		     "@main.conf:2: what follows the password is not understood; put the password "
		     "in double quotes");
	conf_free(load_text("\xef\xbb\xbf" OK_ACCOUNT));
	conf_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan_refusals),   cmocka_unit_test(test_nul),
		cmocka_unit_test(test_syntax_refusals), cmocka_unit_test(test_global_values),
		cmocka_unit_test(test_account_values),  cmocka_unit_test(test_account_rules),
		cmocka_unit_test(test_dkim_values),     cmocka_unit_test(test_dkim_rules),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
