/*
 * host.c - an account of the configuration as the smart host that smtp/ talks to
 */
#include "cli/host.h"

#include "base/util.h"
#include "config/secret.h"
#include "mail/envelope.h"
#include "mail/idn.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static bool load_password(const struct conf_account *a, struct host *h, struct result *r)
{
	struct buf text;

	if (a->password != NULL) {
		h->password = xstrdup(a->password);
		return true;
	}
	if (a->password_file == NULL)
		return true;
	bool ok = secret_read_file(a->password_file, "password_file", &text, r) &&
		  secret_first_line(&text, a->password_file, "password_file", r);
	if (ok)
		h->password = xstrdup(buf_str(&text));
	buf_wipe(&text);
	return ok;
}

/* An IPv6 address has colons, which no name has. */
static bool to_ascii(const struct conf_account *a, const char *setting, const char *name,
		     char **out, struct result *r)
{
	const char *why = NULL;

	if (strchr(name, ':') != NULL)
		*out = xstrdup(name);
	else
		why = idn_to_ascii(name, out);
	if (why != NULL)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s:%d: %s: \"%s\" is no host name: %s", a->file, a->line,
				   setting, name, why);
	return true;
}

static bool load_from(const struct conf_account *a, const char *domain, char **out,
		      struct result *r)
{
	struct result why = RESULT_OK;

	if (a->from == NULL || envelope_parse(span_of(a->from), false, domain, "from", out, &why))
		return true;
	result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: %s", a->file, a->line, why.text);
	result_free(&why);
	return false;
}

bool host_load(const struct conf_account *a, const struct caller *caller, struct host *h,
	       struct result *r)
{
	*h = (struct host){ .name = NULL };
	if (!to_ascii(a, "host", a->host, &h->name, r) ||
	    !to_ascii(a, "tls_host", a->tls_host != NULL ? a->tls_host : a->host, &h->tls_name,
		      r) ||
	    !load_from(a, caller->domain, &h->from, r))
		return false;
	if (a->auth != AUTH_OFF && !load_password(a, h, r))
		return false;
	if (a->tls != TLS_OFF && !tls_trust_load(a->tls_ca_file, &h->trust, r))
		return false;
	h->smtp = (struct smtp_host){
		.host = h->name,
		.port = a->port,
		.ip = a->ip,
		.ehlo_name = caller->hostname,
		.tls = a->tls,
		.trust = h->trust,
		.tls_name = h->tls_name,
		.auth = a->auth,
		.mechanisms = a->mechanisms,
		.user = a->user,
		.password = h->password,
	};
	return true;
}

void host_free(struct host *h)
{
	free(h->name);
	free(h->tls_name);
	free(h->from);
	wipe_free(h->password);
	tls_trust_free(h->trust);
	*h = (struct host){ .name = NULL };
}
