/*
 * route.c - the recipients of a message through the aliases; -bv and newaliases
 */
#include "cli/route.h"

#include "base/util.h"
#include "cli/mill.h"
#include "smtp/hosts.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/banned.h"

#define HOSTS_MAX (64 * 1024)

#define SYSTEM_ALIASES "/etc/aliases"

/* The configured file must be there; the system's need not. NULL: no aliases. */
static const char *alias_file(const struct conf *conf)
{
	if (conf->aliases != NULL)
		return conf->aliases;
	return access(SYSTEM_ALIASES, F_OK) == 0 ? SYSTEM_ALIASES : NULL;
}

void route_init(struct recipients *rc, const struct options *o, const struct conf *conf,
		const struct caller *caller, struct envelope *to)
{
	recipients_init(rc, to, caller->domain, o->no_aliases ? NULL : alias_file(conf),
			caller->local_domains);
}

/*
 * Folding is part of an address in a header, where lines end. In argv it is somebody's attempt
 * at a second line.
 */
static bool one_line(struct span text, struct result *r)
{
	if (!has_control(text.p, text.len))
		return true;
	return result_fail(r, CAUSE_DATA, STEP_ADDRESS, "the recipient holds a control character");
}

static bool add_all(struct recipients *rc, const struct options *o, const struct header *header,
		    struct result *r)
{
	for (size_t i = 0; i < o->n_recipients; i++) {
		struct span list = span_of(o->recipients[i]);

		if (!one_line(list, r) || !recipients_add_list(rc, list, "the recipient", r))
			return false;
	}
	return header == NULL || recipients_add_header(rc, header, r);
}

bool route_recipients(const struct options *o, const struct conf *conf, const struct caller *caller,
		      const struct header *header, struct envelope *to, struct result *r)
{
	struct recipients rc;
	bool ok;

	route_init(&rc, o, conf, caller, to);
	ok = add_all(&rc, o, header, r);
	recipients_free(&rc);
	return ok;
}

/* What -bv writes about, while it goes along. */
struct verifying {
	struct report *rep;
	const struct mill *mill;
	const char *signature; /* words about the key */
	const char *hosts;     /* words about where it would go */
};

static void say(const struct report *rep, char *line)
{
	sink_write(&rep->out, line, strlen(line));
	free(line);
}

static void tell_step(void *ctx, unsigned depth, const char *address, const char *how)
{
	const struct verifying *v = ctx;
	const struct mill *m = v->mill;
	char *what;

	if (how != NULL)
		what = xstrdup(how);
	else if (m->account->discard)
		what = xasprintf("account %s, discarded", m->account->name);
	else
		what = xasprintf("account %s, host %s, sender <%s>, %s%s", m->account->name,
				 v->hosts, m->sender, v->signature,
				 m->account->divert_to != NULL ? ", diverted (divert_to)" : "");
	say(v->rep, xasprintf("%*s%s: %s\n", (int)(2 * depth), "", address, what));
	free(what);
}

/* Without a message the author is the sender, or who calls. */
static char *describe_keys(const struct mill *m, struct result *r)
{
	const char *at = strrchr(m->sender, '@');
	struct signing signing = { .n = 0 };
	struct buf words;

	if (!m->account->dkim || at == NULL)
		return xstrdup("not signed");
	if (!signing_load(m->conf, at + 1, &signing, r))
		return NULL;
	buf_init(&words, 64 * 1024);
	buf_adds(&words, signing.n > 0 ? "signed with" : "not signed (no key for ");
	if (signing.n == 0)
		buf_addf(&words, "%s)", at + 1);
	for (size_t i = 0; i < signing.n; i++)
		buf_addf(&words, "%s %s._domainkey.%s", i > 0 ? " and" : "",
			 signing.signers[i].selector, signing.signers[i].domain);
	signing_free(&signing);
	return buf_detach(&words);
}

/* Each recipient gets its lines, or one for what is wrong with it; that is CAUSE_CONFIG here. */
static void verify_each(const struct options *o, struct recipients *rc, struct report *rep,
			struct result *r)
{
	for (size_t i = 0; i < o->n_recipients; i++) {
		struct span list = span_of(o->recipients[i]);
		struct result why = RESULT_OK;

		if (one_line(list, &why) && recipients_add_list(rc, list, "the recipient", &why))
			continue;
		if (result_failed(r))
			report_failure(rep, NULL, NULL, &why);
		else
			result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s", why.text);
		result_free(&why);
	}
}

static bool verify(const struct options *o, struct mill *m, struct report *rep, struct result *r)
{
	struct verifying v = { .rep = rep, .mill = m };
	struct recipients rc;
	struct envelope to;
	struct buf hosts;
	char *signature;

	if (o->n_recipients == 0)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE, "no recipients given to verify");
	if (!mill_choose(m, o->sender, false, r))
		return false;
	signature = describe_keys(m, r);
	if (signature == NULL)
		return false;
	buf_init(&hosts, HOSTS_MAX);
	hosts_describe(&m->host->smtp, &hosts);
	v.signature = signature;
	v.hosts = buf_str(&hosts);
	envelope_init(&to);
	route_init(&rc, o, m->conf, m->caller, &to);
	rc.tell = tell_step;
	rc.ctx = &v;
	verify_each(o, &rc, rep, r);
	recipients_free(&rc);
	envelope_free(&to);
	buf_free(&hosts);
	free(signature);
	return !result_failed(r);
}

/* Runs a mode that wants the configuration; its failure becomes a line and the status. */
static int with_configuration(const struct options *o, struct report *rep,
			      bool (*run)(const struct options *o, struct mill *m,
					  struct report *rep, struct result *r))
{
	struct result r = RESULT_OK;
	struct conf *conf = NULL;
	struct caller caller;
	struct mill m;
	int status;

	if (conf_find_and_load(o->config, &conf, &r)) {
		caller_find(conf, true, &caller);
		mill_init(&m, conf, &caller, o, NULL, NULL);
		run(o, &m, rep, &r);
		mill_free(&m);
		caller_free(&caller);
	}
	status = result_status(&r);
	if (result_failed(&r))
		report_failure(rep, NULL, NULL, &r);
	result_free(&r);
	conf_free(conf);
	return status;
}

int route_verify(const struct options *o, struct report *rep)
{
	return with_configuration(o, rep, verify);
}

/* Was it told before? What is wrong with one alias is wrong with all that lead to it. */
static bool is_told(const struct report *rep, const struct result *first, const struct result *why)
{
	return strcmp(first->text, why->text) == 0 || strstr(buf_str(&rep->err), why->text) != NULL;
}

/* Every alias is tried, and each fault gets its line; the first is left to the caller, in r. */
static bool try_aliases(struct recipients *rc, struct report *rep, struct result *r)
{
	struct result why = RESULT_OK;

	for (size_t i = 0; i < rc->aliases->n; i++) {
		if (recipients_try_alias(rc, &rc->aliases->list[i], &why))
			continue;
		if (!result_failed(r))
			result_move(r, &why);
		else if (!is_told(rep, r, &why))
			report_failure(rep, NULL, NULL, &why);
		result_free(&why);
	}
	return !result_failed(r);
}

static bool check_aliases(const struct options *o, struct mill *m, struct report *rep,
			  struct result *r)
{
	struct recipients rc;
	struct envelope to;
	bool ok = true;

	envelope_init(&to);
	route_init(&rc, o, m->conf, m->caller, &to);
	if (rc.alias_file == NULL) {
		say(rep, xstrdup("No alias file\n"));
	} else {
		ok = recipients_load_aliases(&rc, r) && aliases_check_doubles(rc.aliases, r) &&
		     try_aliases(&rc, rep, r);
		if (ok)
			say(rep, xasprintf("%s: %zu aliases\n", rc.alias_file, rc.aliases->n));
	}
	recipients_free(&rc);
	envelope_free(&to);
	return ok;
}

int route_aliases(const struct options *o, struct report *rep)
{
	return with_configuration(o, rep, check_aliases);
}
