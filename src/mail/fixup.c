/*
 * fixup.c - what every message needs before it may leave
 */
#include "mail/fixup.h"

#include "base/clock.h"
#include "base/util.h"
#include "mail/addr.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* RFC 5322 section 3.3, in the local time zone. */
static char *make_date(time_t now)
{
	char text[64] = "";
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL)
		strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &tm);
	return xstrdup(text);
}

/* Random alone on the left: no time, no process, no host is told. RFC 5322 section 3.6.4. */
static char *make_message_id(const char *domain)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char bytes[24];
	char left[sizeof bytes + 1];

	random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		left[i] = digits[bytes[i] % 32];
	left[sizeof bytes] = '\0';
	return xasprintf("<%s@%s>", left, domain);
}

static char *make_from(const struct fixup *f)
{
	struct buf b;

	if (f->from_name == NULL || f->from_name[0] == '\0')
		return xstrdup(f->from);
	buf_init(&b, FIELD_MAX);
	addr_write_phrase(f->from_name, &b);
	buf_adds(&b, " <");
	buf_adds(&b, f->from);
	buf_adds(&b, ">");
	return buf_detach(&b);
}

static char *make_value(enum field_id id, const struct fixup *f)
{
	switch (id) {
	case FIELD_DATE:
	case FIELD_RESENT_DATE:
		return make_date(f->now);
	case FIELD_MESSAGE_ID:
	case FIELD_RESENT_MESSAGE_ID:
		return make_message_id(f->id_domain);
	default:
		return make_from(f);
	}
}

/* Inserts those of the fields that are missing from `first` up to `end`, before `at`. */
static void add_missing(struct header *h, size_t first, size_t end, size_t at,
			const enum field_id *ids, const struct fixup *f)
{
	for (size_t i = 0; ids[i] != FIELD_OTHER; i++) {
		if (header_find(h, ids[i], first) < end)
			continue;
		char *value = make_value(ids[i], f);
		header_insert_value(h, at++, field_name(ids[i]), value);
		free(value);
		end++;
	}
}

static void add_fields(struct header *h, const struct fixup *f)
{
	static const enum field_id always[] = { FIELD_DATE, FIELD_FROM, FIELD_MESSAGE_ID,
						FIELD_OTHER };
	static const enum field_id resent[] = { FIELD_RESENT_DATE, FIELD_RESENT_FROM,
						FIELD_RESENT_MESSAGE_ID, FIELD_OTHER };
	size_t first, end;

	if (header_resent_block(h, &first, &end))
		add_missing(h, first, end, first, resent, f);
	add_missing(h, 0, h->n, h->n, always, f);
}

/*
 * In `From: Doe, John <john@example.org>` a comma in an unquoted name has made two of one
 * author; a domain for Doe would invent somebody.
 */
static bool is_split_author(const struct header *h, size_t at)
{
	struct addr_list l;
	struct mailbox m;
	bool bare = false, whole = false;

	if (h->fields[at].id != FIELD_FROM)
		return false;
	addr_list_init(&l, header_value(h, at));
	while (addr_next(&l, &m) == ADDR_MAILBOX) {
		bare = bare || m.domain == NULL;
		whole = whole || m.domain != NULL;
		mailbox_free(&m);
	}
	return bare && whole;
}

/*
 * The field at `at` with "@domain" behind each bare name. A list that cannot be parsed stays
 * as it is: it is not needed for delivery, and guessing would damage it. So does one that a
 * domain for each of very many names would make huge.
 */
static void qualify_field(struct header *h, size_t at, const char *domain)
{
	struct span field = header_field(h, at), value = header_value(h, at);
	struct addr_list l;
	struct mailbox m;
	enum addr_next got;
	struct buf b;
	size_t copied = 0;

	buf_init(&b, 2 * (size_t)FIELD_MAX);
	buf_add(&b, field.p, (size_t)(value.p - field.p));
	addr_list_init(&l, value);
	while ((got = addr_next(&l, &m)) == ADDR_MAILBOX) {
		if (m.domain == NULL && !mailbox_is_null(&m)) {
			buf_add(&b, value.p + copied, m.local_end - copied);
			buf_addc(&b, '@');
			buf_adds(&b, domain);
			copied = m.local_end;
		}
		mailbox_free(&m);
	}
	if (got == ADDR_END && copied > 0) {
		buf_add(&b, value.p + copied, value.len - copied);
		buf_adds(&b, "\r\n");
		if (!buf_overflowed(&b) && h->text.len + b.len <= HEADER_ARENA_MAX / 2)
			header_replace(h, at, buf_span(&b));
	}
	buf_free(&b);
}

/*
 * In `Doe, John <john@example.org>`, a mistake that is often made, Doe is a mailbox too; who
 * signs and sends is the one with a domain.
 */
static bool read_sender(const struct header *h, size_t at, struct mailbox *m, struct result *r)
{
	struct addr_list l;
	struct mailbox next;
	enum addr_next got;

	addr_list_init(&l, header_value(h, at));
	got = addr_next(&l, m);
	while (got == ADDR_MAILBOX && m->domain == NULL && addr_next(&l, &next) == ADDR_MAILBOX) {
		if (next.domain == NULL) {
			mailbox_free(&next);
			continue;
		}
		mailbox_free(m);
		*m = next;
	}
	if (got == ADDR_MAILBOX && !mailbox_is_null(m))
		return true;
	if (got == ADDR_MAILBOX)
		mailbox_free(m);
	return result_fail(r, CAUSE_DATA, STEP_HEADER, "the %s: field holds no address%s%s",
			   field_name(h->fields[at].id), got == ADDR_BAD ? ": " : "",
			   got == ADDR_BAD ? l.error : "");
}

bool fixup_author(const struct header *h, struct mailbox *m, struct result *r)
{
	size_t at = header_find(h, FIELD_FROM, 0);

	return at < h->n && read_sender(h, at, m, r);
}

bool fixup_sender(const struct header *h, struct mailbox *m, const char **origin, struct result *r)
{
	size_t first, end, at;

	*origin = "From:";
	if (!header_resent_block(h, &first, &end))
		return fixup_author(h, m, r);
	*origin = "Resent-From:";
	at = header_find(h, FIELD_RESENT_FROM, first);
	return at < end && read_sender(h, at, m, r);
}

/* In one From: field as it should be, or in several. */
static bool has_several_authors(const struct header *h)
{
	struct addr_list l;
	struct mailbox m;
	size_t n = 0;

	for (size_t at = header_find(h, FIELD_FROM, 0); at < h->n;
	     at = header_find(h, FIELD_FROM, at + 1)) {
		addr_list_init(&l, header_value(h, at));
		while (addr_next(&l, &m) == ADDR_MAILBOX) {
			n += m.domain != NULL ? 1 : 0;
			mailbox_free(&m);
		}
	}
	return n > 1;
}

bool fixup_signer(const struct header *h, struct mailbox *m, const char **origin, struct result *r)
{
	size_t at = header_find(h, FIELD_SENDER, 0);
	struct result unreadable = RESULT_OK;

	*origin = "Sender:";
	if (at < h->n && has_several_authors(h) && read_sender(h, at, m, &unreadable))
		return true;
	result_free(&unreadable);
	*origin = "From:";
	return fixup_author(h, m, r);
}

/* A From: that is no author gives way to the account's address, where that may be. */
static bool have_author(struct header *h, const struct fixup *f, struct result *r)
{
	struct mailbox author;

	if (!header_has(h, FIELD_FROM))
		return true;
	if (fixup_author(h, &author, r)) {
		mailbox_free(&author);
		return true;
	}
	if (f->rewrite == NULL || !rewrite_unreadable(h, f->rewrite))
		return false;
	result_free(r);
	return true;
}

bool fixup_header(struct header *h, const struct fixup *f, struct result *r)
{
	if (!have_author(h, f, r))
		return false;
	add_fields(h, f);
	if (f->rewrite != NULL)
		rewrite_header(h, f->rewrite);
	header_drop(h, TRAIT_DROP);
	for (size_t i = 0; i < h->n; i++)
		if ((field_traits(h->fields[i].id) & TRAIT_ADDRESS) != 0 && !is_split_author(h, i))
			qualify_field(h, i, f->domain);
	return true;
}
