/*
 * dmarc.c - what a domain's DMARC record asks of receivers
 */
#include "dkim/dmarc.h"

#include "base/util.h"
#include "dkim/tags.h"

#include <string.h>

#include "base/banned.h"

#define LABELS_MAX 7 /* of the names above the first, RFC 9989 section 4.10 */

static const char *const policies[] = {
	[DMARC_UNSET] = "",
	[DMARC_NONE] = "none",
	[DMARC_QUARANTINE] = "quarantine",
	[DMARC_REJECT] = "reject",
};

const char *dmarc_policy_name(enum dmarc_policy policy)
{
	return policies[policy];
}

static enum dmarc_policy policy_of(struct span value)
{
	for (int i = DMARC_NONE; i <= DMARC_REJECT; i++)
		if (span_ieq(value, policies[i]))
			return (enum dmarc_policy)i;
	return DMARC_UNSET;
}

/* Takes the text up to the next semicolon off the front, as a tag list of one; n is 0 for none. */
static void next_tag(struct span *rest, struct tags *t)
{
	const char *end = memchr(rest->p, ';', rest->len);
	size_t len = end != NULL ? (size_t)(end - rest->p) : rest->len;

	if (!tags_parse((struct span){ rest->p, len }, t))
		t->n = 0;
	if (end != NULL)
		len++;
	rest->p += len;
	rest->len -= len;
}

static void take_tag(const struct tags *t, struct dmarc *out)
{
	struct span value;

	if (tags_get(t, "p", &value))
		out->policy = policy_of(value);
	else if (tags_get(t, "sp", &value))
		out->subdomains = policy_of(value);
	else if (tags_get(t, "adkim", &value))
		out->strict_dkim = span_ieq(value, "s");
	else if (tags_get(t, "aspf", &value))
		out->strict_spf = span_ieq(value, "s");
	else if (tags_get(t, "psd", &value)) {
		out->suffix = span_ieq(value, "y");
		out->organization = span_ieq(value, "n");
	}
}

bool dmarc_read(struct span text, struct dmarc *out)
{
	struct span rest = text, version;
	struct tags t = { .n = 0 };

	*out = (struct dmarc){ .policy = DMARC_UNSET };
	if (rest.len > 0)
		next_tag(&rest, &t);
	if (!tags_get(&t, "v", &version) || !span_eq(version, span_of("DMARC1")))
		return false;
	while (rest.len > 0) {
		next_tag(&rest, &t);
		take_tag(&t, out);
	}
	return true;
}

static size_t labels_of(const char *domain)
{
	size_t n = 1;

	for (; *domain != '\0'; domain++)
		n += *domain == '.';
	return n;
}

/* The next domain to ask after this one, of few labels only; NULL after the top level. */
static const char *above(const char *domain)
{
	size_t labels = labels_of(domain);
	size_t left = labels > LABELS_MAX ? LABELS_MAX : labels - 1;

	if (left == 0)
		return NULL;
	for (; labels > left; labels--)
		domain = strchr(domain, '.') + 1;
	return domain;
}

/* With one label more, of those that `start` has. */
static const char *below(const char *start, const char *domain)
{
	const char *p = domain - 1;

	while (p > start && p[-1] != '.')
		p--;
	return p;
}

void dmarc_walk_begin(struct dmarc_walk *walk, const char *domain)
{
	*walk = (struct dmarc_walk){ .start = domain, .next = domain, .organization = domain };
}

void dmarc_walk_take(struct dmarc_walk *walk, const struct dmarc *record)
{
	const char *here = walk->next;
	bool is_suffix;

	walk->next = above(here);
	if (record == NULL)
		return;
	is_suffix = record->suffix && here != walk->start;
	walk->organization = is_suffix ? below(walk->start, here) : here;
	/* The start's own comes first, the organization's next; then that of the suffix. */
	if (walk->found == NULL ||
	    (walk->found != walk->start && !(is_suffix && walk->found == walk->organization))) {
		walk->found = here;
		walk->policy = *record;
	}
	if (record->suffix || record->organization)
		walk->next = NULL;
}

bool dmarc_aligned(bool strict, const struct dmarc_walk *author, const struct dmarc_walk *signer)
{
	return ascii_casecmp(author->start, signer->start) == 0 ||
	       (!strict && ascii_casecmp(author->organization, signer->organization) == 0);
}
