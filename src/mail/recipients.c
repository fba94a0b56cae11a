/*
 * recipients.c - from the recipients a caller names to those the smart host is told
 */
#include "mail/recipients.h"

#include "base/util.h"
#include "mail/addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define INCLUDE_WORD ":include:"

/* The aliases that led here, innermost first. */
struct trail {
	const struct alias *alias; /* NULL for an included file */
	const struct trail *up;
	unsigned depth;
};

static bool follow_targets(struct recipients *rc, char **targets, size_t n,
			   const struct trail *trail, struct result *r);

static unsigned depth_below(const struct trail *trail)
{
	return trail != NULL ? trail->depth + 1 : 0;
}

static void tell(const struct recipients *rc, const struct trail *trail, const char *address,
		 const char *how)
{
	if (rc->tell != NULL)
		rc->tell(rc->ctx, depth_below(trail), address, how);
}

/* What is wrong with a target is the alias file's fault, wherever the name came from. */
static bool alias_failed_by(const struct recipients *rc, const struct trail *trail,
			    enum cause cause, const char *what, struct result *r)
{
	while (trail->alias == NULL)
		trail = trail->up;
	return result_fail(r, cause, STEP_CONFIG, "%s:%d: alias %s: %s", rc->aliases->path,
			   trail->alias->line, trail->alias->name, what);
}

static bool alias_failed(const struct recipients *rc, const struct trail *trail, struct result *r,
			 const char *what)
{
	return alias_failed_by(rc, trail, CAUSE_CONFIG, what, r);
}

static bool is_of_this_host(const struct recipients *rc, const struct mailbox *m)
{
	if (m->domain == NULL)
		return true;
	for (char *const *d = rc->local_domains; d != NULL && *d != NULL; d++)
		if (ascii_casecmp(*d, m->domain) == 0)
			return true;
	return false;
}

/* The end of the way: into the envelope. */
static bool take(struct recipients *rc, const struct mailbox *m, const char *origin,
		 const struct trail *trail, struct result *r)
{
	struct result why = RESULT_OK;
	char *address;

	if (envelope_address(m, rc->domain, origin, &address, trail != NULL ? &why : r)) {
		tell(rc, trail, address, NULL);
		envelope_add(rc->to, address);
		return true;
	}
	if (trail != NULL)
		alias_failed(rc, trail, r, why.text);
	result_free(&why);
	return false;
}

static bool is_in(const struct trail *trail, const struct alias *alias)
{
	while (trail != NULL && trail->alias != alias)
		trail = trail->up;
	return trail != NULL;
}

static bool follow_alias(struct recipients *rc, const struct alias *alias, const char *name,
			 const struct trail *trail, struct result *r)
{
	struct trail here = { alias, trail, depth_below(trail) };
	char *how;

	if (is_in(trail, alias))
		return alias_failed(rc, &here, r, "it leads back to itself");
	if (here.depth > ALIAS_DEPTH_MAX || ++rc->steps > ALIAS_STEPS_MAX)
		return alias_failed(rc, &here, r, "it leads to too many others");
	how = xasprintf("alias %s at %s:%d", alias->name, rc->aliases->path, alias->line);
	tell(rc, trail, name, how);
	free(how);
	return follow_targets(rc, alias->targets, alias->n, &here, r);
}

static bool follow_mailbox(struct recipients *rc, const struct mailbox *m, const char *origin,
			   const struct trail *trail, struct result *r)
{
	const struct alias *alias = NULL;

	if (rc->alias_file != NULL && is_of_this_host(rc, m)) {
		if (!recipients_load_aliases(rc, r))
			return false;
		alias = aliases_find(rc->aliases, m->local);
	}
	/*
	 * `root: root, x@y` means root's own mailbox, which here is root@domain. A name that only
	 * the catch-all fits, and that the catch-all led to, is at its end too.
	 */
	if (alias == NULL || (trail != NULL && trail->alias == alias) ||
	    (strcmp(alias->name, "*") == 0 && is_in(trail, alias)))
		return take(rc, m, origin, trail, r);
	return follow_alias(rc, alias, m->local, trail, r);
}

static bool follow_list(struct recipients *rc, struct span list, const char *origin,
			const struct trail *trail, struct result *r)
{
	struct addr_list l;
	struct mailbox m;
	enum addr_next got;
	bool ok = true;

	addr_list_init(&l, list);
	while (ok && (got = addr_next(&l, &m)) != ADDR_END) {
		if (got == ADDR_BAD)
			return envelope_bad_address(list, origin, l.error, r);
		if (mailbox_is_null(&m))
			ok = envelope_bad_address(list, origin, "nobody can receive mail at <>", r);
		else
			ok = follow_mailbox(rc, &m, origin, trail, r);
		mailbox_free(&m);
	}
	return ok;
}

static bool follow_include(struct recipients *rc, const char *path, const struct trail *trail,
			   struct result *r)
{
	struct trail here = { NULL, trail, depth_below(trail) };
	struct result why = RESULT_OK;
	char **targets;
	size_t n;
	bool ok;

	path += strspn(path, " \t");
	if (path[0] != '/')
		return alias_failed(rc, trail, r, "an included file is named from the root, /...");

	if (here.depth > ALIAS_DEPTH_MAX || ++rc->steps > ALIAS_STEPS_MAX)
		return alias_failed(rc, trail, r, "it includes too many files");
	tell(rc, trail, path, "included file");
	ok = aliases_include(rc->aliases, path, &targets, &n, &why);
	if (!ok)
		alias_failed_by(rc, trail, why.cause, why.text, r);
	ok = ok && follow_targets(rc, targets, n, &here, r);
	result_free(&why);
	alias_targets_free(targets);
	return ok;
}

/* A quoted target without its quotes and backslashes. */
static char *unquote(const char *target)
{
	struct buf b;
	size_t len = strlen(target);

	if (len < 2 || target[0] != '"' || target[len - 1] != '"')
		return xstrdup(target);
	buf_init(&b, len);
	for (size_t i = 1; i < len - 1; i++) {
		if (target[i] == '\\' && i + 1 < len - 1)
			i++;
		buf_addc(&b, target[i]);
	}
	return buf_detach(&b);
}

static bool follow_name(struct recipients *rc, const char *name, const struct trail *trail,
			struct result *r)
{
	struct result why = RESULT_OK;
	struct mailbox m;
	const char *bad = addr_parse_one(span_of(name), false, &m);
	bool ok;

	if (bad != NULL) {
		envelope_bad_address(span_of(name), "the name", bad, &why);
		ok = trail != NULL ? alias_failed(rc, trail, r, why.text)
				   : envelope_bad_address(span_of(name), "the recipient", bad, r);
		result_free(&why);
		return ok;
	}
	ok = take(rc, &m, "the recipient", trail, r);
	mailbox_free(&m);
	return ok;
}

static bool follow_target(struct recipients *rc, const char *target, const struct trail *trail,
			  struct result *r)
{
	struct result why = RESULT_OK;
	char *text = unquote(target);
	bool ok;

	if (target[0] == '|' || text[0] == '|')
		ok = alias_failed(rc, trail, r, "it leads to a program, and none is ever run");
	else if (text[0] == '/')
		ok = alias_failed(rc, trail, r, "it leads to a file, and none is ever written");
	else if (ascii_ncasecmp(text, INCLUDE_WORD, strlen(INCLUDE_WORD)) == 0)
		ok = follow_include(rc, text + strlen(INCLUDE_WORD), trail, r);
	else if (text[0] == '\\')
		ok = follow_name(rc, text + 1, trail, r);
	else {
		/* Deeper aliases have said their own place; this alias's text has not. */
		ok = follow_list(rc, span_of(target), "the target", trail, &why);
		if (!ok && why.cause == CAUSE_DATA)
			alias_failed(rc, trail, r, why.text);
		else if (!ok)
			result_move(r, &why);
		result_free(&why);
	}
	free(text);
	return ok;
}

static bool follow_targets(struct recipients *rc, char **targets, size_t n,
			   const struct trail *trail, struct result *r)
{
	for (size_t i = 0; i < n; i++)
		if (!follow_target(rc, targets[i], trail, r))
			return false;
	return true;
}

void recipients_init(struct recipients *rc, struct envelope *to, const char *domain,
		     const char *alias_file, char *const *local_domains)
{
	*rc = (struct recipients){
		.to = to, .domain = domain, .alias_file = alias_file, .local_domains = local_domains
	};
}

void recipients_free(struct recipients *rc)
{
	aliases_free(rc->aliases);
	rc->aliases = NULL;
}

bool recipients_load_aliases(struct recipients *rc, struct result *r)
{
	return rc->aliases != NULL || aliases_load(rc->alias_file, &rc->aliases, r);
}

bool recipients_add_list(struct recipients *rc, struct span list, const char *origin,
			 struct result *r)
{
	struct span trimmed = span_trim(list);

	if (trimmed.len > 0 && trimmed.p[0] == '\\') {
		char *name = xstrndup(trimmed.p + 1, trimmed.len - 1);
		bool ok = follow_name(rc, name, NULL, r);

		free(name);
		return ok;
	}
	return follow_list(rc, list, origin, NULL, r);
}

bool recipients_add_header(struct recipients *rc, const struct header *h, struct result *r)
{
	size_t first, end;
	bool resent = header_resent_block(h, &first, &end);
	unsigned wanted = TRAIT_RECIPIENT | (resent ? TRAIT_RESENT : 0);

	for (size_t i = resent ? first : 0; i < (resent ? end : h->n); i++) {
		enum field_id id = h->fields[i].id;
		unsigned traits = field_traits(id) & (TRAIT_RECIPIENT | TRAIT_RESENT);

		if (traits != wanted)
			continue;
		char *origin = xasprintf("%s:", field_name(id));
		bool ok = follow_list(rc, header_value(h, i), origin, NULL, r);
		free(origin);
		if (!ok)
			return false;
	}
	return true;
}

bool recipients_try_alias(struct recipients *rc, const struct alias *alias, struct result *r)
{
	rc->steps = 0;
	return follow_alias(rc, alias, alias->name, NULL, r);
}
