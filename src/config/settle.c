/*
 * settle.c - what must hold between the settings of a section, and the defaults that follow
 */
#include "config/settle.h"

#include "base/util.h"
#include "config/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* --- account --- */

struct account_rule {
	bool (*broken)(const struct conf_account *a);
	const char *sentence;
};

static bool without_host(const struct conf_account *a)
{
	return a->host == NULL;
}

/* Before settle_host: both "name:port" and port. */
static bool two_ports(const struct conf_account *a)
{
	struct span host, port;

	return a->port != NULL && value_endpoint(a->host, &host, &port) && port.p != NULL;
}

static bool mixed_auth(const struct conf_account *a)
{
	for (size_t i = 0; a->mechanisms != NULL && a->mechanisms[i] != NULL; i++)
		if ((i > 0 || a->mechanisms[1] != NULL) &&
		    (strcmp(a->mechanisms[i], "AUTO") == 0 || strcmp(a->mechanisms[i], "OFF") == 0))
			return true;
	return false;
}

static bool two_passwords(const struct conf_account *a)
{
	return a->password != NULL && a->password_file != NULL;
}

static bool has_password(const struct conf_account *a)
{
	return a->password != NULL || a->password_file != NULL;
}

static bool password_without_user(const struct conf_account *a)
{
	return has_password(a) && a->user == NULL;
}

static bool auth_without_user(const struct conf_account *a)
{
	return a->auth != AUTH_OFF && a->user == NULL;
}

/* PLAIN and LOGIN, all there is, both need one. */
static bool auth_without_password(const struct conf_account *a)
{
	return a->auth != AUTH_OFF && !has_password(a);
}

static bool password_in_clear(const struct conf_account *a)
{
	return a->tls == TLS_OFF && a->auth == AUTH_AUTO;
}

static bool required_off(const struct conf_account *a)
{
	return a->dkim_required && !a->dkim;
}

/* What is wrong before anything can be settled, ... */
static const struct account_rule rules_as_read[] = {
	{ without_host, "host is missing" },
	{ two_ports, "port is given in host and as port; keep one of them" },
	{ required_off, "dkim_required = yes and dkim = off contradict each other" },
	{ mixed_auth, "auth is auto, off, or a list of mechanisms, not a mixture" },
	{ two_passwords, "password and password_file are both given; keep one of them" },
	{ NULL, NULL },
};

/* ... and afterwards. */
static const struct account_rule rules_settled[] = {
	{ password_without_user, "user is missing, but there is a password" },
	{ auth_without_user, "user is missing, but auth is on; give both, or auth = off" },
	{ auth_without_password, "password or password_file is missing; auth = off does without" },
	{ password_in_clear, "tls = off would send the password in clear; write tls = starttls, "
			     "or name the mechanisms in auth (auth = {PLAIN}) if it is meant" },
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

/* Parts host and port, and fills in TLS and port after each other. */
static void settle_host(struct conf_account *a)
{
	static const char *const default_ports[] = {
		[TLS_STARTTLS] = "587", [TLS_IMPLICIT] = "465", [TLS_OFF] = "25"
	};
	struct span host, port;
	char *name;

	value_endpoint(a->host, &host, &port);
	name = xstrndup(host.p, host.len);
	if (port.p != NULL)
		a->port = xstrndup(port.p, port.len);
	free(a->host);
	a->host = name;
	if (!a->tls_set && a->port != NULL && strcmp(a->port, "465") == 0)
		a->tls = TLS_IMPLICIT;
	if (a->port == NULL)
		a->port = xstrdup(default_ports[a->tls]);
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
	settle_host(a);
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
