/*
 * settle.c - what must hold between the settings of a section, and the defaults that follow
 */
#include "config/settle.h"

#include "base/util.h"
#include "config/account.h"
#include "config/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* --- account --- */

struct account_rule {
	bool (*broken)(const struct conf_account *a);
	const char *sentence;
};

static bool is_set(char *const *list)
{
	return list != NULL;
}

static bool lists(const struct conf_account *a, const char *mechanism)
{
	for (size_t i = 0; a->mechanisms != NULL && a->mechanisms[i] != NULL; i++)
		if (strcmp(a->mechanisms[i], mechanism) == 0)
			return true;
	return false;
}

static bool lists_other_than(const struct conf_account *a, const char *mechanism)
{
	for (size_t i = 0; a->mechanisms != NULL && a->mechanisms[i] != NULL; i++)
		if (strcmp(a->mechanisms[i], mechanism) != 0)
			return true;
	return false;
}

/* Before settle_endpoints: does an entry of `host` have use for `port`? */
static bool takes_port(const char *entry)
{
	enum endpoint_kind kind;
	struct span name, port;

	return value_endpoint(entry, &kind, &name, &port) && kind == ENDPOINT_HOST &&
	       port.p == NULL;
}

static bool has_kind(const struct conf_account *a, enum endpoint_kind kind)
{
	for (size_t i = 0; i < a->n_endpoints; i++)
		if (a->endpoints[i].kind == kind)
			return true;
	return false;
}

static bool without_host(const struct conf_account *a)
{
	return !is_set(a->hosts);
}

static bool port_for_nobody(const struct conf_account *a)
{
	for (char **entry = a->hosts; a->port != NULL && *entry != NULL; entry++)
		if (takes_port(*entry))
			return false;
	return a->port != NULL;
}

static bool required_off(const struct conf_account *a)
{
	return a->dkim_required && !a->dkim;
}

static bool mixed_auth(const struct conf_account *a)
{
	return (lists(a, "AUTO") || lists(a, "OFF")) && a->mechanisms[1] != NULL;
}

static int passwords(const struct conf_account *a)
{
	return (a->password != NULL) + (a->password_file != NULL) + is_set(a->password_command) +
	       (a->password_credential != NULL);
}

static bool two_passwords(const struct conf_account *a)
{
	return passwords(a) > 1;
}

static bool key_without_cert(const struct conf_account *a)
{
	return a->tls_key_file != NULL && a->tls_cert_file == NULL;
}

/* A PEM file can hold both, a URL means one object. */
static bool url_without_key(const struct conf_account *a)
{
	return a->tls_cert_file != NULL && value_is_url(a->tls_cert_file) &&
	       a->tls_key_file == NULL;
}

static bool foreign_source(const struct conf_account *a)
{
	enum ip_family other = a->source_address == NULL                ? IP_ANY
			       : strchr(a->source_address, ':') != NULL ? IP_4
									: IP_6;

	return other != IP_ANY && a->ip == other;
}

static bool pins_missing(const struct conf_account *a)
{
	return a->tls_pins_only && !is_set(a->tls_pin);
}

static bool lmtp_by_srv(const struct conf_account *a)
{
	return a->protocol == PROTOCOL_LMTP && has_kind(a, ENDPOINT_SRV);
}

/* What demands something of TLS, and no session has any. */
static bool demands_without_tls(const struct conf_account *a)
{
	return (is_set(a->tls_pin) || a->tls_cert_file != NULL) && !account_may_use_tls(a);
}

static bool socket_without_name(const struct conf_account *a)
{
	return has_kind(a, ENDPOINT_UNIX) && a->tls_set && a->tls != TLS_OFF && a->tls_host == NULL;
}

static bool password_without_user(const struct conf_account *a)
{
	return passwords(a) > 0 && a->user == NULL;
}

static bool external_without_cert(const struct conf_account *a)
{
	return lists(a, "EXTERNAL") && a->tls_cert_file == NULL;
}

/* With AUTH_AUTO a client certificate stands in for the password, by EXTERNAL. */
static bool needs_password(const struct conf_account *a)
{
	return a->auth == AUTH_AUTO ? a->tls_cert_file == NULL : lists_other_than(a, "EXTERNAL");
}

static bool auth_without_user(const struct conf_account *a)
{
	return a->auth != AUTH_OFF && needs_password(a) && a->user == NULL;
}

static bool auth_without_password(const struct conf_account *a)
{
	return a->auth != AUTH_OFF && needs_password(a) && passwords(a) == 0;
}

/* What is wrong before anything can be settled, ... */
static const struct account_rule rules_as_read[] = {
	{ without_host, "host is missing" },
	{ port_for_nobody, "port is given, but every entry of host has its own or cannot have one; "
			   "take one of them out" },
	{ required_off, "dkim_required = yes and dkim = off contradict each other" },
	{ mixed_auth, "auth is auto, off, or a list of mechanisms, not a mixture" },
	{ two_passwords, "only one of password, password_file, password_command and "
			 "password_credential can be given" },
	{ key_without_cert, "tls_key_file is given, but tls_cert_file is missing" },
	{ url_without_key, "tls_key_file is missing: tls_cert_file is a URL and holds no key" },
	{ foreign_source, "source_address and ip contradict each other" },
	{ NULL, NULL },
};

/* ... and afterwards. */
static const struct account_rule rules_settled[] = {
	{ pins_missing, "tls_ca_file = none needs tls_pin" },
	{ lmtp_by_srv, "\"srv:\" finds servers for submission, and they do not speak LMTP" },
	{ demands_without_tls, "tls_pin and tls_cert_file are of no use without TLS" },
	{ socket_without_name, "TLS over a socket needs tls_host, the name in the certificate" },
	{ password_without_user, "user is missing, but there is a password" },
	{ external_without_cert, "EXTERNAL in auth needs tls_cert_file" },
	{ auth_without_user, "user is missing, but auth is on; give both, or auth = off" },
	{ auth_without_password, "password, password_file, password_command or password_credential "
				 "is missing; auth = off does without" },
	{ NULL, NULL },
};

static bool hold_account(const struct account_rule *rules, const struct conf_account *a,
			 struct result *r)
{
	for (; rules->broken != NULL; rules++)
		if (rules->broken(a))
			return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
					   "%s:%d: account \"%s\": %s", a->file, a->line, a->name,
					   rules->sentence);
	return true;
}

/* RFC 2033 has no port of its own for LMTP, only that 25 is not to be used; 24 is private mail. */
static const char *default_port(const struct conf_account *a)
{
	static const char *const ports[] = {
		[TLS_STARTTLS] = "587", [TLS_IMPLICIT] = "465", [TLS_OFF] = "25"
	};

	return a->protocol == PROTOCOL_LMTP ? "24" : ports[a->tls];
}

/* Parts name and port, and fills in port and TLS by each other. */
static void settle_endpoint(const struct conf_account *a, const char *entry,
			    struct conf_endpoint *e)
{
	struct span name, port;

	value_endpoint(entry, &e->kind, &name, &port);
	e->name = xstrndup(name.p, name.len);
	e->tls = a->tls;
	if (port.p != NULL)
		e->port = xstrndup(port.p, port.len);
	else if (e->kind == ENDPOINT_HOST)
		e->port = xstrdup(a->port != NULL ? a->port : default_port(a));
	if (a->tls_set)
		return;
	if (e->kind == ENDPOINT_UNIX)
		e->tls = TLS_OFF;
	else if (e->kind == ENDPOINT_HOST && strcmp(e->port, "465") == 0)
		e->tls = TLS_IMPLICIT;
}

static void settle_endpoints(struct conf_account *a)
{
	size_t n = 0;

	while (a->hosts[n] != NULL)
		n++;
	a->endpoints = xcalloc(n, sizeof *a->endpoints);
	a->n_endpoints = n;
	for (size_t i = 0; i < n; i++)
		settle_endpoint(a, a->hosts[i], &a->endpoints[i]);
}

/* "none" as it was written; a file of that name has a directory by now. */
static void settle_trust(struct conf_account *a)
{
	a->tls_pins_only = a->tls_ca_file != NULL && strcmp(a->tls_ca_file, "none") == 0;
	if (!a->tls_pins_only)
		return;
	free(a->tls_ca_file);
	a->tls_ca_file = NULL;
}

static void settle_auth(struct conf_account *a)
{
	const char *first = a->mechanisms != NULL ? a->mechanisms[0] : NULL;

	if (first == NULL)
		a->auth = a->user != NULL ? AUTH_AUTO : AUTH_OFF;
	else if (strcmp(first, "AUTO") == 0)
		a->auth = AUTH_AUTO;
	else if (strcmp(first, "OFF") == 0)
		a->auth = AUTH_OFF;
	else
		a->auth = AUTH_LIST;
	if (first != NULL && a->auth != AUTH_LIST) {
		free(a->mechanisms[0]);
		free(a->mechanisms);
		a->mechanisms = NULL;
	}
}

bool settle_account(struct conf_account *a, struct result *r)
{
	if (!hold_account(rules_as_read, a, r))
		return false;
	settle_endpoints(a);
	settle_trust(a);
	settle_auth(a);
	return hold_account(rules_settled, a, r);
}

/* --- dkim --- */

struct dkim_rule {
	bool (*broken)(const struct conf_dkim *d);
	const char *sentence;
};

static bool bad_domain(const struct conf_dkim *d)
{
	return !value_is_name(span_of(d->domain));
}

/* It would never equal an author's domain, which is in A-labels: mail would leave unsigned. */
static bool domain_not_ascii(const struct conf_dkim *d)
{
	return has_8bit(d->domain, strlen(d->domain));
}

static bool selector_not_ascii(const struct conf_dkim *d)
{
	return d->selector != NULL && has_8bit(d->selector, strlen(d->selector));
}

static bool without_selector(const struct conf_dkim *d)
{
	return d->selector == NULL;
}

static bool without_key(const struct conf_dkim *d)
{
	return d->key_file == NULL && d->key_credential == NULL;
}

static bool two_keys(const struct conf_dkim *d)
{
	return d->key_file != NULL && d->key_credential != NULL;
}

/* RFC 6376 section 5.4: the From field must be signed. */
static bool from_unsigned(const struct conf_dkim *d)
{
	for (size_t i = 0; d->headers != NULL && d->headers[i] != NULL; i++)
		if (ascii_casecmp(d->headers[i], "From") == 0)
			return false;
	return d->headers != NULL;
}

/* RFC 6376 section 3.5, i=: its domain is the d= domain or a subdomain of it. */
static bool foreign_identity(const struct conf_dkim *d)
{
	const char *domain;
	size_t len, own = strlen(d->domain);

	if (d->identity == NULL)
		return false;
	domain = strchr(d->identity, '@') + 1;
	len = strlen(domain);
	if (len < own || ascii_casecmp(domain + (len - own), d->domain) != 0)
		return true;
	return len > own && domain[len - own - 1] != '.';
}

static const struct dkim_rule dkim_rules[] = {
	{ bad_domain, "domain is missing, and the section's name is not a domain name" },
	{ domain_not_ascii, "domain must be written in ASCII, with A-labels (xn--...)" },
	{ selector_not_ascii, "selector must be written in ASCII, with A-labels (xn--...)" },
	{ without_selector, "selector is missing" },
	{ without_key, "key_file or key_credential is missing" },
	{ two_keys, "key_file and key_credential are both given; keep one of them" },
	{ from_unsigned, "headers must name From" },
	{ foreign_identity, "identity must end in the domain or in a subdomain of it" },
	{ NULL, NULL },
};

bool settle_dkim(struct conf_dkim *d, struct result *r)
{
	if (d->domain == NULL)
		d->domain = xstrdup(d->name);
	ascii_lower(d->domain);
	for (const struct dkim_rule *rule = dkim_rules; rule->broken != NULL; rule++)
		if (rule->broken(d))
			return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: dkim \"%s\": %s",
					   d->file, d->line, d->name, rule->sentence);
	return true;
}

/* --- global settings --- */

static bool has_account(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_accounts; i++)
		if (strcmp(c->accounts[i].name, name) == 0)
			return true;
	return false;
}

bool settle_conf(const struct conf *c, const struct place *log, const struct place *default_account,
		 struct result *r)
{
	if (c->log == LOG_TO_FILE && c->log_file == NULL)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s:%d: log: log = file needs log_file", log->file, log->line);
	if (c->n_accounts == 0)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s: no account; at least a section account \"default\" with a "
				   "host is needed",
				   c->path);
	if (c->default_account != NULL && !has_account(c, c->default_account))
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s:%d: default_account: there is no account \"%s\"",
				   default_account->file, default_account->line,
				   c->default_account);
	return true;
}
