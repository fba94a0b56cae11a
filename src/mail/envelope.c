/*
 * envelope.c - who a message is for
 */
#include "mail/envelope.h"

#include "base/util.h"
#include "mail/idn.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define ADDRESS_MAX 1024 /* a local part of 64 octets, all quoted, "@" and 255 octets */

void envelope_init(struct envelope *e)
{
	*e = (struct envelope){ .recipients = NULL };
}

/* Order of the search tree: the domain without case, the local part as it is. */
static int compare(const void *a, const void *b)
{
	const char *x = a, *y = b;
	const char *x_at = strrchr(x, '@'), *y_at = strrchr(y, '@');
	size_t x_len = x_at != NULL ? (size_t)(x_at - x) : strlen(x);
	size_t y_len = y_at != NULL ? (size_t)(y_at - y) : strlen(y);

	if (x_len != y_len)
		return x_len < y_len ? -1 : 1;
	int local = memcmp(x, y, x_len);
	return local != 0 ? local : ascii_casecmp(x + x_len, y + y_len);
}

void envelope_free(struct envelope *e)
{
	for (size_t i = 0; i < e->n; i++) {
		tdelete(e->recipients[i], &e->seen, compare);
		free(e->recipients[i]);
	}
	free(e->recipients);
	envelope_init(e);
}

bool envelope_bad_address(struct span text, const char *origin, const char *why, struct result *r)
{
	const size_t shown = 200;
	int len = (int)(text.len < shown ? text.len : shown);

	return result_fail(r, CAUSE_DATA, STEP_ADDRESS, "%s \"%.*s\" is no address: %s", origin,
			   len, text.len > 0 ? text.p : "", why);
}

/* U+0080 to U+009F: no part of a name, but commands to a terminal that shows it. */
static bool has_c1(const char *utf8)
{
	for (const char *p = utf8; (p = strchr(p, 0xc2)) != NULL; p++)
		if ((unsigned char)p[1] < 0xa0)
			return true;
	return false;
}

/* NULL, or why no command of SMTP can carry the local part. */
static const char *bad_local(const char *local)
{
	if (!is_utf8(local, strlen(local)))
		return "its local part is neither ASCII nor UTF-8";
	return has_c1(local) ? "its local part holds a control character" : NULL;
}

bool envelope_address(const struct mailbox *m, const char *domain, const char *origin, char **out,
		      struct result *r)
{
	struct mailbox wire = *m;
	struct buf b;
	const char *why;
	char *ascii = NULL;

	if (mailbox_is_null(m)) {
		*out = xstrdup("");
		return true;
	}
	why = bad_local(m->local);
	if (why == NULL)
		why = idn_to_ascii(m->domain != NULL ? m->domain : domain, &ascii);
	if (why != NULL) {
		struct span shown;
		buf_init(&b, ADDRESS_MAX);
		addr_write(m, &b);
		shown = buf_span(&b);
		envelope_bad_address(shown, origin, why, r);
		buf_free(&b);
		return false;
	}
	wire.domain = ascii;
	buf_init(&b, ADDRESS_MAX);
	addr_write(&wire, &b);
	free(ascii);
	*out = buf_detach(&b);
	return true;
}

bool envelope_needs_utf8(const char *address)
{
	return has_8bit(address, strlen(address));
}

bool envelope_parse(struct span text, bool allow_null, const char *domain, const char *origin,
		    char **out, struct result *r)
{
	struct mailbox m;
	const char *why = addr_parse_one(text, allow_null, &m);

	if (why != NULL)
		return envelope_bad_address(text, origin, why, r);
	bool ok = envelope_address(&m, domain, origin, out, r);
	mailbox_free(&m);
	return ok;
}

void envelope_add(struct envelope *e, char *address)
{
	char **node = tsearch(address, &e->seen, compare);

	if (node == NULL)
		out_of_memory();
	if (*node != address) {
		free(address);
		return;
	}
	if (e->n == e->cap) {
		e->cap = e->cap > 0 ? 2 * e->cap : 8;
		e->recipients = xreallocarray(e->recipients, e->cap, sizeof e->recipients[0]);
	}
	e->recipients[e->n++] = address;
}

bool envelope_has(const struct envelope *e, const char *address)
{
	return tfind(address, &e->seen, compare) != NULL;
}
