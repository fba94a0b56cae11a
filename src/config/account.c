/*
 * account.c - which account sends for this sender, and which keys sign for this author
 */
#include "config/account.h"

#include "base/util.h"
#include "config/values.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static bool matches_local(const char *pattern, char *local)
{
	char *plus = strchr(local, '+');

	if (fnmatch(pattern, local, 0) == 0)
		return true;
	if (plus == NULL || plus == local)
		return false;
	*plus = '\0';
	return fnmatch(pattern, local, 0) == 0;
}

bool account_matches(const char *pattern, const char *address)
{
	char *p = xstrdup(pattern), *a = xstrdup(address);
	char *p_at = strrchr(p, '@'), *a_at = strrchr(a, '@');
	bool matches = a_at != NULL;

	if (matches) {
		*a_at = '\0';
		ascii_lower(a_at + 1);
	}
	if (matches && p_at != NULL) {
		*p_at = '\0';
		ascii_lower(p_at + 1);
		matches = fnmatch(p_at + 1, a_at + 1, 0) == 0;
	}
	matches = matches && matches_local(p, a);
	free(p);
	free(a);
	return matches;
}

static const struct conf_account *by_name(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_accounts; i++)
		if (strcmp(c->accounts[i].name, name) == 0)
			return &c->accounts[i];
	return NULL;
}

static const struct conf_account *by_sender(const struct conf *c, const char *address)
{
	if (address == NULL || address[0] == '\0')
		return NULL;
	for (size_t i = 0; i < c->n_accounts; i++)
		for (char **p = c->accounts[i].senders; p != NULL && *p != NULL; p++)
			if (account_matches(*p, address))
				return &c->accounts[i];
	return NULL;
}

static const struct conf_account *by_default(const struct conf *c)
{
	const struct conf_account *a;

	if (c->default_account != NULL)
		return by_name(c, c->default_account);
	a = by_name(c, "default");
	return a != NULL || c->n_accounts != 1 ? a : &c->accounts[0];
}

const struct conf_account *account_choose(const struct conf *c, const char *name,
					  const char *sender, const char *author, struct result *r)
{
	const struct conf_account *a;

	if (name != NULL) {
		a = by_name(c, name);
		if (a == NULL)
			result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: no account is named \"%s\"",
				    c->path, name);
		return a;
	}
	a = by_sender(c, sender);
	if (a == NULL)
		a = by_sender(c, author);
	if (a == NULL)
		a = by_default(c);
	if (a == NULL)
		result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
			    "%s: no account serves the sender %s, and none is the default "
			    "(set default_account)",
			    c->path,
			    sender != NULL && sender[0] != '\0' ? sender
			    : author != NULL                    ? author
								: "<>");
	return a;
}

const char *account_host(const struct conf_account *a)
{
	return a->endpoints[0].name;
}

bool account_may_use_tls(const struct conf_account *a)
{
	for (size_t i = 0; i < a->n_endpoints; i++)
		if (a->endpoints[i].tls != TLS_OFF)
			return true;
	return false;
}

static bool lists_clear_mechanism(const struct conf_account *a)
{
	for (size_t i = 0; a->mechanisms != NULL && a->mechanisms[i] != NULL; i++)
		if (value_shows_secret(a->mechanisms[i]))
			return true;
	return false;
}

bool account_sends_clear(const struct conf_account *a)
{
	if (!lists_clear_mechanism(a))
		return false;
	for (size_t i = 0; i < a->n_endpoints; i++)
		if (a->endpoints[i].kind != ENDPOINT_UNIX && a->endpoints[i].tls == TLS_OFF)
			return true;
	return false;
}

/* True if `domain` ends in `suffix`, which begins with a dot. */
static bool is_under(const char *domain, const char *suffix)
{
	size_t len = strlen(domain), tail = strlen(suffix);

	return len > tail && ascii_casecmp(domain + len - tail, suffix) == 0;
}

bool domain_is_local(const char *domain, const char *hostname, char *const *local_domains)
{
	static const char *const suffixes[] = { ".local", ".lan", ".internal", ".localdomain",
						".home.arpa" };

	if (domain == NULL || (strchr(domain, '.') == NULL && domain[0] != '['))
		return true;
	if (hostname != NULL && ascii_casecmp(domain, hostname) == 0)
		return true;
	for (char *const *d = local_domains; d != NULL && *d != NULL; d++)
		if (ascii_casecmp(domain, *d) == 0)
			return true;
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
		if (is_under(domain, suffixes[i]))
			return true;
	return false;
}

static bool signs_for(const struct conf_dkim *d, const char *domain)
{
	char *suffix;
	bool parent;

	if (ascii_casecmp(d->domain, domain) == 0)
		return true;
	suffix = xasprintf(".%s", d->domain);
	parent = d->subdomains && is_under(domain, suffix);
	free(suffix);
	return parent;
}

const struct conf_dkim *dkim_for_domain(const struct conf *c, const char *domain,
					const struct conf_dkim *previous)
{
	size_t nearest = 0;

	for (size_t i = 0; i < c->n_dkims; i++)
		if (signs_for(&c->dkims[i], domain) && strlen(c->dkims[i].domain) > nearest)
			nearest = strlen(c->dkims[i].domain);
	for (size_t i = previous != NULL ? (size_t)(previous - c->dkims) + 1 : 0; i < c->n_dkims;
	     i++)
		if (signs_for(&c->dkims[i], domain) && strlen(c->dkims[i].domain) == nearest)
			return &c->dkims[i];
	return NULL;
}
