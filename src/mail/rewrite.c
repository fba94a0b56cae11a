/*
 * rewrite.c - senders that mean nothing outside this host get an address that does
 */
#include "mail/rewrite.h"

#include "base/util.h"
#include "mail/addr.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define NAME_MAX_LEN 300 /* octets; the field is one line, and that is 998 at most */
#define PHRASE_MAX   600 /* with the address behind it that stays below the limit, too */

bool rewrite_applies(const struct rewrite *w, const char *domain)
{
	if (w->from == NULL || w->mode == REWRITE_NEVER)
		return false;
	return w->mode == REWRITE_ALWAYS || w->is_local(w->ctx, domain);
}

/* What an address list is to us. */
struct reading {
	struct mailbox author; /* the first that others can reach, else the first */
	bool reachable;        /* they can */
	size_t n;
	bool applies; /* they are to be replaced */
};

static void take_author(struct reading *found, struct mailbox *m, bool local)
{
	bool better = found->n == 0 || (!found->reachable && !local);

	if (better && found->n > 0)
		mailbox_free(&found->author);
	if (better)
		found->author = *m;
	else
		mailbox_free(m);
	found->reachable = found->reachable || !local;
	found->n++;
}

static bool read_list(struct span value, const struct rewrite *w, struct reading *found)
{
	struct addr_list l;
	struct mailbox m;
	enum addr_next got;

	*found = (struct reading){ .applies = true };
	addr_list_init(&l, value);
	while ((got = addr_next(&l, &m)) == ADDR_MAILBOX) {
		found->applies = found->applies && rewrite_applies(w, m.domain);
		take_author(found, &m, w->is_local(w->ctx, m.domain));
	}
	if (got == ADDR_END && found->n > 0)
		return true;
	if (found->n > 0)
		mailbox_free(&found->author);
	return false;
}

/* "localhost" and "localhost.localdomain" are every host's name. */
static bool names_no_host(const char *domain)
{
	size_t len = strlen("localhost");

	return domain == NULL || (ascii_ncasecmp(domain, "localhost", len) == 0 &&
				  (domain[len] == '\0' || domain[len] == '.'));
}

/* "root@web1": the old address as somebody who looks for the machine would write it. */
static void write_old_address(const struct mailbox *m, const struct rewrite *w, struct buf *out)
{
	buf_adds(out, m->local);
	buf_addc(out, '@');
	buf_adds(out, names_no_host(m->domain) ? w->node : m->domain);
}

/* The human part of a mailbox; cronie writes it as "(Cron Daemon)". NULL without one. */
static char *human_name(const struct mailbox *m, const struct rewrite *w)
{
	const char *name = m->name != NULL ? m->name : m->comment;
	size_t len;

	if (name == NULL)
		name = w->name;
	if (name == NULL && strcmp(m->local, w->login) == 0)
		name = w->full_name;
	if (name == NULL)
		return NULL;
	len = strlen(name);
	if (len > 2 && name[0] == '(' && name[len - 1] == ')')
		return xstrndup(name + 1, len - 2);
	return len > 0 && len <= NAME_MAX_LEN ? xstrdup(name) : NULL;
}

/* An encoded word (RFC 2047) must stay a word of its own; in quotes nobody would decode it. */
static void write_phrase(const char *name, const char *old, struct buf *out)
{
	char *together;

	if (name != NULL && strstr(name, "=?") != NULL) {
		addr_write_phrase(name, out);
		together = xasprintf("(%s)", old);
		buf_addc(out, ' ');
	} else {
		together = name != NULL ? xasprintf("%s (%s)", name, old) : xstrdup(old);
	}
	addr_write_phrase(together, out);
	free(together);
}

static void write_value(const struct mailbox *m, const struct rewrite *w, struct buf *out)
{
	char *name = human_name(m, w);
	struct buf old;

	buf_init(&old, FIELD_MAX);
	write_old_address(m, w, &old);
	write_phrase(name, buf_str(&old), out);
	if (out->len > PHRASE_MAX)
		buf_clear(out);
	buf_addf(out, "%s<%s>", out->len > 0 ? " " : "", w->from);
	buf_free(&old);
	free(name);
}

/* The field under another name, its value byte for byte. */
static void insert_renamed(struct header *h, size_t at, const char *name, struct span value)
{
	struct buf field;

	buf_init(&field, FIELD_MAX + 64);
	buf_addf(&field, "%s:", name);
	buf_addspan(&field, value);
	buf_adds(&field, "\r\n");
	if (!buf_overflowed(&field))
		header_insert(h, at, buf_span(&field));
	buf_free(&field);
}

static bool is_already(const struct reading *found, const struct rewrite *w)
{
	struct buf wire;

	buf_init(&wire, FIELD_MAX);
	addr_write(&found->author, &wire);
	bool same = found->n == 1 && ascii_casecmp(buf_str(&wire), w->from) == 0;
	buf_free(&wire);
	return same;
}

/* Answers still reach the author, when there is an address for it. */
static void add_reply_to(struct header *h, size_t at, const struct mailbox *m)
{
	struct buf value;

	if (header_has(h, FIELD_REPLY_TO))
		return;
	buf_init(&value, FIELD_MAX);
	if (m->name != NULL && strlen(m->name) <= NAME_MAX_LEN) {
		addr_write_phrase(m->name, &value);
		buf_adds(&value, " <");
		addr_write(m, &value);
		buf_adds(&value, ">");
	} else {
		addr_write(m, &value);
	}
	header_insert_value(h, at, field_name(FIELD_REPLY_TO), buf_str(&value));
	buf_free(&value);
}

/* The field at `at`; those inserted stand behind it. */
static void rewrite_field(struct header *h, size_t at, const char *original_name,
			  const struct rewrite *w)
{
	enum field_id id = h->fields[at].id;
	struct reading found;
	struct buf value, field;

	if (!read_list(header_value(h, at), w, &found))
		return;
	if (found.applies && !is_already(&found, w)) {
		buf_init(&value, FIELD_MAX);
		buf_init(&field, FIELD_MAX);
		write_value(&found.author, w, &value);
		buf_addf(&field, "%s: %s\r\n", field_name(id), buf_str(&value));
		insert_renamed(h, at + 1, original_name, header_value(h, at));
		if (id == FIELD_FROM && found.reachable)
			add_reply_to(h, at + 1, &found.author);
		header_replace(h, at, buf_span(&field));
		buf_free(&field);
		buf_free(&value);
	}
	mailbox_free(&found.author);
}

bool rewrite_unreadable(struct header *h, const struct rewrite *w)
{
	size_t at = header_find(h, FIELD_FROM, 0);
	struct mailbox m = { .name = NULL };
	struct addr_list l;
	struct buf field;

	if (w->from == NULL || w->mode == REWRITE_NEVER)
		return false;
	addr_list_init(&l, header_value(h, at));
	bool named = addr_next(&l, &m) == ADDR_MAILBOX && m.name != NULL &&
		     strlen(m.name) <= NAME_MAX_LEN;
	buf_init(&field, FIELD_MAX);
	buf_addf(&field, "%s: ", field_name(FIELD_FROM));
	if (named) {
		addr_write_phrase(m.name, &field);
		buf_addc(&field, ' ');
	}
	buf_addf(&field, "<%s>\r\n", w->from);
	insert_renamed(h, at + 1, "X-Original-From", header_value(h, at));
	header_replace(h, at, buf_span(&field));
	buf_free(&field);
	mailbox_free(&m);
	return true;
}

/* There should be one field of each; a second one must not keep what the first had to give up. */
static void rewrite_all(struct header *h, enum field_id id, const char *original_name,
			const struct rewrite *w)
{
	for (size_t at = header_find(h, id, 0); at < h->n; at = header_find(h, id, at + 1))
		rewrite_field(h, at, original_name, w);
}

void rewrite_header(struct header *h, const struct rewrite *w)
{
	rewrite_all(h, FIELD_FROM, "X-Original-From", w);
	rewrite_all(h, FIELD_SENDER, "X-Original-Sender", w);
}
