/*
 * dmarc.c - what a domain's DMARC record asks of receivers
 */
#include "dkim/dmarc.h"

#include "base/util.h"
#include "dkim/tags.h"

#include <string.h>

#include "base/banned.h"

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

static bool is_below(const char *name, const char *parent)
{
	size_t len = strlen(name), parent_len = strlen(parent);

	return len > parent_len && name[len - parent_len - 1] == '.' &&
	       ascii_casecmp(name + (len - parent_len), parent) == 0;
}

bool dmarc_aligned(bool strict, const char *from, const char *domain)
{
	return ascii_casecmp(from, domain) == 0 ||
	       (!strict && (is_below(from, domain) || is_below(domain, from)));
}
