/*
 * values.c - what the value of a setting may be
 */
#include "config/values.h"

#include "base/util.h"
#include "config/paths.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/banned.h"

#define LABEL_MAX       63
#define NAME_MAX_LENGTH 253
#define PORT_MAX        65535
#define SRV_PREFIX      "srv:"
#define URL_PREFIX      "pkcs11:"
#define PIN_PREFIX      "sha256:"
#define PIN_DIGITS      64
#define SOCKET_PATH_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path)

/* Not empty, no control characters. */
static bool text_ok(const char *text)
{
	return text[0] != '\0' && !has_control(text, strlen(text));
}

static bool no_blanks_ok(const char *text)
{
	return text_ok(text) && strchr(text, ' ') == NULL;
}

static bool secret_ok(const char *text)
{
	return text[0] != '\0' && strpbrk(text, "\r\n") == NULL;
}

static bool path_ok(const char *text)
{
	char *path;
	bool ok;

	if (!text_ok(text))
		return false;
	path = path_resolve(text, "");
	ok = path != NULL;
	free(path);
	return ok;
}

static bool component_ok(const char *text)
{
	return text_ok(text) && strchr(text, '/') == NULL && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

static bool label_ok(struct span label)
{
	if (label.len == 0 || label.p[0] == '-' || label.p[label.len - 1] == '-')
		return false;
	if (!has_8bit(label.p, label.len) && label.len > LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = label.p[i];

		if (!ascii_isalnum(c) && c != '-' && c != '_' && !has_8bit(&c, 1))
			return false;
	}
	return true;
}

bool value_is_name(struct span text)
{
	/* in UTF-8 a name may be longer than what goes over the wire */
	size_t max = has_8bit(text.p, text.len) ? 4 * NAME_MAX_LENGTH : NAME_MAX_LENGTH;

	if (text.len > max || !is_utf8(text.p, text.len))
		return false;
	for (;;) {
		const char *dot = text.len > 0 ? memchr(text.p, '.', text.len) : NULL;
		size_t len = dot != NULL ? (size_t)(dot - text.p) : text.len;

		if (!label_ok((struct span){ text.p, len }))
			return false;
		if (dot == NULL)
			return true;
		text.p += len + 1;
		text.len -= len + 1;
	}
}

static bool name_ok(const char *text)
{
	return value_is_name(span_of(text));
}

/* An IPv6 address, with or without a zone ("fe80::1%eth0"). */
static bool is_ipv6(struct span text)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	const char *zone = text.len > 0 ? memchr(text.p, '%', text.len) : NULL;
	size_t len = zone != NULL ? (size_t)(zone - text.p) : text.len;

	if (len >= sizeof address)
		return false;
	if (zone != NULL && !value_is_name((struct span){ zone + 1, text.len - len - 1 }))
		return false;
	memcpy(address, text.p, len);
	address[len] = '\0';
	return inet_pton(AF_INET6, address, &ignored) == 1;
}

static bool port_ok(const char *text)
{
	uint64_t port;

	return parse_number(text, PORT_MAX, &port) && port > 0;
}

static bool host_and_port(const char *text, struct span *host, struct span *port)
{
	const char *end = NULL; /* of the host */

	if (is_ipv6(*host))
		return true;
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return false;
		*host = (struct span){ text + 1, (size_t)(end - text) - 1 };
		end++;
	} else {
		end = text + strcspn(text, ":");
		host->len = (size_t)(end - text);
	}
	if (text[0] == '[' ? !is_ipv6(*host) : !value_is_name(*host))
		return false;
	if (*end == '\0')
		return true;
	*port = span_of(end + 1);
	return *end == ':' && port_ok(end + 1);
}

bool value_endpoint(const char *text, enum endpoint_kind *kind, struct span *name,
		    struct span *port)
{
	size_t prefix = strlen(SRV_PREFIX);

	*kind = ENDPOINT_HOST;
	*name = span_of(text);
	*port = (struct span){ NULL, 0 };
	if (text[0] == '/') {
		*kind = ENDPOINT_UNIX;
		return text_ok(text) && name->len < SOCKET_PATH_MAX;
	}
	/* "srv:25" is port 25 of a host with that name. */
	if (ascii_ncasecmp(text, SRV_PREFIX, prefix) == 0 && !port_ok(text + prefix)) {
		*kind = ENDPOINT_SRV;
		*name = span_of(text + prefix);
		return value_is_name(*name);
	}
	return host_and_port(text, name, port);
}

static bool endpoint_ok(const char *text)
{
	enum endpoint_kind kind;
	struct span name, port;

	return value_endpoint(text, &kind, &name, &port);
}

static bool host_ok(const char *text)
{
	return value_is_name(span_of(text)) || is_ipv6(span_of(text));
}

static bool ip_address_ok(const char *text)
{
	struct in_addr ignored;

	return inet_pton(AF_INET, text, &ignored) == 1 || is_ipv6(span_of(text));
}

static bool pin_ok(const char *text)
{
	size_t prefix = strlen(PIN_PREFIX);

	return strncmp(text, PIN_PREFIX, prefix) == 0 && strlen(text + prefix) == PIN_DIGITS &&
	       strspn(text + prefix, "0123456789abcdefABCDEF") == PIN_DIGITS;
}

bool value_is_url(const char *text)
{
	return ascii_ncasecmp(text, URL_PREFIX, strlen(URL_PREFIX)) == 0;
}

static bool cert_ok(const char *text)
{
	return value_is_url(text) ? text_ok(text) : path_ok(text);
}

static const struct mechanism {
	const char *name;
	bool shows_secret;
} mechanisms[] = {
	{ "AUTO", false },
	{ "OFF", false },
	{ "PLAIN", true },
	{ "LOGIN", true },
	{ "CRAM-MD5", false },
	{ "SCRAM-SHA-1", false },
	{ "SCRAM-SHA-1-PLUS", false },
	{ "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256-PLUS", false },
	{ "XOAUTH2", true },
	{ "OAUTHBEARER", true },
	{ "EXTERNAL", false },
};

static const struct mechanism *find_mechanism(const char *text)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		if (ascii_casecmp(text, mechanisms[i].name) == 0)
			return &mechanisms[i];
	return NULL;
}

const char *value_mechanism(const char *text)
{
	const struct mechanism *m = find_mechanism(text);

	return m != NULL ? m->name : NULL;
}

bool value_shows_secret(const char *mechanism)
{
	const struct mechanism *m = find_mechanism(mechanism);

	return m != NULL && m->shows_secret;
}

static bool mechanism_ok(const char *text)
{
	return value_mechanism(text) != NULL;
}

/* Exactly one "@" with a domain behind it; the real parser has its turn later. */
static bool identity_ok(const char *text)
{
	const char *at = strchr(text, '@');

	return no_blanks_ok(text) && at != NULL && value_is_name(span_of(at + 1)) &&
	       strpbrk(text, "<>,;") == NULL;
}

static bool address_ok(const char *text)
{
	return identity_ok(text) && text[0] != '@';
}

/* RFC 5322 section 2.2: printable ASCII but the colon. */
static bool field_ok(const char *text)
{
	return no_blanks_ok(text) && !has_8bit(text, strlen(text)) && strchr(text, ':') == NULL;
}

static bool canon_word(struct span text, enum canon *out)
{
	bool relaxed = span_eq(text, span_of("relaxed"));

	*out = relaxed ? CANON_RELAXED : CANON_SIMPLE;
	return relaxed || span_eq(text, span_of("simple"));
}

bool value_canon(const char *text, enum canon *header, enum canon *body)
{
	const char *slash = strchr(text, '/');

	*body = CANON_SIMPLE;
	if (slash == NULL)
		return canon_word(span_of(text), header);
	return canon_word((struct span){ text, (size_t)(slash - text) }, header) &&
	       canon_word(span_of(slash + 1), body);
}

static bool canon_ok(const char *text)
{
	enum canon header, body;

	return value_canon(text, &header, &body);
}

static bool duration_ok(const char *text)
{
	int64_t ms;

	return parse_duration(text, &ms);
}

static bool status_ok(const char *text)
{
	uint64_t status;

	return parse_number(text, 255, &status) && status > 0;
}

const struct value_kind kind_text = { "text without control characters", text_ok };
const struct value_kind kind_secret = { "one line of text, not empty", secret_ok };
const struct value_kind kind_path = { "a file name (with ~/ in front only if there is a home)",
				      path_ok };
const struct value_kind kind_trust = {
	"a file name (with ~/ in front only if there is a home), or none", path_ok
};
const struct value_kind kind_cert = {
	"a file name (with ~/ in front only if there is a home) or a \"pkcs11:\" URL", cert_ok
};
const struct value_kind kind_command = {
	"words without control characters (with ~/ in front only if there is a home)", path_ok
};
const struct value_kind kind_component = { "a name without a slash", component_ok };
const struct value_kind kind_name = { "a host or domain name", name_ok };
const struct value_kind kind_endpoint = {
	"\"name\", \"name:port\", an IP address, \"[IPv6]:port\", \"srv:domain\" or the path of a "
	"socket",
	endpoint_ok
};
const struct value_kind kind_host = { "a host name or an IP address", host_ok };
const struct value_kind kind_ip_address = { "an IPv4 or IPv6 address", ip_address_ok };
const struct value_kind kind_port = { "a number from 1 to 65535", port_ok };
const struct value_kind kind_pin = { "\"sha256:\" and 64 hexadecimal digits", pin_ok };
const struct value_kind kind_mechanism = {
	"auto, off, or a list of PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-1, SCRAM-SHA-256 (or with "
	"-PLUS), XOAUTH2, OAUTHBEARER and EXTERNAL",
	mechanism_ok
};
const struct value_kind kind_pattern = { "a pattern such as \"*@example.org\", without blanks",
					 no_blanks_ok };
const struct value_kind kind_address = { "an address, local@domain", address_ok };
const struct value_kind kind_identity = { "\"@domain\" or \"local@domain\"", identity_ok };
const struct value_kind kind_field = { "the name of a header field", field_ok };
const struct value_kind kind_canon = { "simple or relaxed, or two of them as in relaxed/simple",
				       canon_ok };
const struct value_kind kind_duration = { "a time such as \"90s\", \"5m\", \"2h\" or \"5d\"",
					  duration_ok };
const struct value_kind kind_status = { "a number from 1 to 255", status_ok };
