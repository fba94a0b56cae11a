/*
 * host.c - an account of the configuration as the smart hosts that smtp/ talks to
 */
#include "cli/host.h"

#include "base/buf.h"
#include "base/util.h"
#include "config/account.h"
#include "config/command.h"
#include "config/secret.h"
#include "config/values.h"
#include "mail/envelope.h"
#include "mail/idn.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* The file, command or credential that has the password in its first line. */
static bool read_password(const struct conf_account *a, struct buf *text, struct result *r)
{
	if (a->password_file != NULL)
		return secret_read_file(a->password_file, "password_file", text, r) &&
		       secret_first_line(text, a->password_file, "password_file", r);
	if (a->password_command != NULL)
		return command_run(a->password_command, "password_command", COMMAND_TIMEOUT_MS,
				   text, r) &&
		       secret_first_line(text, a->password_command[0], "password_command", r);
	return secret_read_credential(a->password_credential, "password_credential", text, r) &&
	       secret_first_line(text, a->password_credential, "password_credential", r);
}

static bool load_password(const struct conf_account *a, struct host *h, struct result *r)
{
	struct buf text;
	bool ok;

	if (a->auth == AUTH_OFF)
		return true;
	if (a->password != NULL) {
		h->password = xstrdup(a->password);
		return true;
	}
	if (a->password_file == NULL && a->password_command == NULL &&
	    a->password_credential == NULL)
		return true;
	ok = read_password(a, &text, r);
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

/* --- hosts --- */

/* What stands behind "host" is a path, which stays, or a name. */
static bool load_endpoint(const struct conf_account *a, size_t i, struct host *h, struct result *r)
{
	const struct conf_endpoint *from = &a->endpoints[i];
	const char *own = NULL;

	if (from->kind == ENDPOINT_UNIX)
		h->names[i] = xstrdup(from->name);
	else if (!to_ascii(a, "host", from->name, &h->names[i], r))
		return false;
	/* An SRV record's target has a name of its own. */
	if (from->kind == ENDPOINT_HOST)
		own = h->names[i];
	h->endpoints[i] = (struct smtp_endpoint){
		.kind = from->kind,
		.name = h->names[i],
		.port = from->port,
		.tls = from->tls,
		.tls_set = a->tls_set,
		.tls_name = h->tls_name != NULL ? h->tls_name : own,
	};
	return true;
}

static bool load_endpoints(const struct conf_account *a, struct host *h, struct result *r)
{
	if (a->tls_host != NULL && !to_ascii(a, "tls_host", a->tls_host, &h->tls_name, r))
		return false;
	h->endpoints = xcalloc(a->n_endpoints, sizeof *h->endpoints);
	h->names = xcalloc(a->n_endpoints, sizeof *h->names);
	h->smtp.endpoints = h->endpoints;
	h->smtp.n_endpoints = a->n_endpoints;
	for (size_t i = 0; i < a->n_endpoints; i++)
		if (!load_endpoint(a, i, h, r))
			return false;
	return true;
}

/* --- TLS --- */

/* A client's certificate with its key, which may be in the same file. */
struct identity {
	struct buf cert, key;
};

/* Nothing in it would be no certificate at all, and nobody would notice. */
static bool not_empty(const struct buf *text, const char *what, const char *path, struct result *r)
{
	return text->len > 0 ||
	       result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: is empty", what, path);
}

static bool read_identity(const struct conf_account *a, struct identity *id, struct result *r)
{
	const char *cert = a->tls_cert_file, *key = a->tls_key_file;
	bool ok = true;

	if (cert != NULL && !value_is_url(cert)) {
		ok = key == NULL ? secret_read_file(cert, "tls_cert_file", &id->cert, r)
				 : secret_read_public(cert, "tls_cert_file", &id->cert, r);
		ok = ok && not_empty(&id->cert, "tls_cert_file", cert, r);
	}
	if (key != NULL && !value_is_url(key))
		ok = ok && secret_read_file(key, "tls_key_file", &id->key, r);
	return ok;
}

static const char *url_or_null(const char *setting)
{
	return setting != NULL && value_is_url(setting) ? setting : NULL;
}

static bool load_tls(const struct conf_account *a, struct host *h, struct result *r)
{
	struct identity id;
	bool ok;

	if (!account_may_use_tls(a))
		return true;
	buf_init(&id.cert, SECRET_FILE_MAX);
	buf_init(&id.key, SECRET_FILE_MAX);
	ok = read_identity(a, &id, r);
	if (ok) {
		struct tls_settings settings = {
			.ca_file = a->tls_ca_file,
			.pins_only = a->tls_pins_only,
			.pins = a->tls_pin,
			.cert = buf_span(&id.cert),
			.key = buf_span(a->tls_key_file != NULL ? &id.key : &id.cert),
			.cert_url = url_or_null(a->tls_cert_file),
			.key_url = url_or_null(a->tls_key_file),
			.priority = a->tls_priority,
		};

		ok = tls_setup_load(&settings, &h->tls_setup, r);
	}
	buf_wipe(&id.cert);
	buf_wipe(&id.key);
	return ok;
}

bool host_load(const struct conf *conf, const struct conf_account *a, const struct caller *caller,
	       struct host *h, struct result *r)
{
	*h = (struct host){ .names = NULL };
	if (!load_endpoints(a, h, r) || !load_from(a, caller->domain, &h->from, r) ||
	    !load_password(a, h, r) || !load_tls(a, h, r))
		return false;
	h->cache_dir = conf_cache_dir(conf);
	h->smtp.protocol = a->protocol;
	h->smtp.ip = a->ip;
	h->smtp.source_address = a->source_address;
	h->smtp.ehlo_name = caller->hostname;
	h->smtp.tls_setup = h->tls_setup;
	h->smtp.auth = a->auth;
	h->smtp.mechanisms = a->mechanisms;
	h->smtp.user = a->user;
	h->smtp.password = h->password;
	h->smtp.client_cert = a->tls_cert_file != NULL;
	h->smtp.cache_dir = h->cache_dir;
	h->smtp.account = a->name;
	return true;
}

void host_free(struct host *h)
{
	for (size_t i = 0; h->names != NULL && i < h->smtp.n_endpoints; i++)
		free(h->names[i]);
	free(h->names);
	free(h->endpoints);
	free(h->tls_name);
	free(h->from);
	free(h->cache_dir);
	wipe_free(h->password);
	tls_setup_free(h->tls_setup);
	*h = (struct host){ .names = NULL };
}
