/*
 * field.c - a header field that may not travel as it is, made one that may
 */
#include "repair/field.h"

#include "base/util.h"
#include "mail/word.h"
#include "repair/fold.h"
#include "repair/mailboxes.h"
#include "repair/parameter.h"
#include "repair/words.h"

#include <string.h>

#include "base/banned.h"

#define WORDS_LINE 76  /* with encoded words; RFC 2047 section 2 */
#define OTHER_LINE 78  /* RFC 5322 section 2.1.1 */
#define NAME_SHOWN 100 /* octets of a name in a sentence */

/* What the value is made of. */
enum kind {
	KIND_TEXT,
	KIND_TOKENS,     /* and quoted strings and comments, RFC 5322 section 3.2 */
	KIND_PARAMETERS, /* RFC 2231 */
	KIND_LIST,       /* addresses nobody delivers to: what is not good in them is text */
	KIND_ADDRESSES   /* TRAIT_ADDRESS */
};

/* The first that fits counts; "*" stands for any end. */
static const struct {
	const char *name;
	enum kind kind;
} kinds[] = {
	{ "Content-Type", KIND_PARAMETERS },
	{ "Content-Disposition", KIND_PARAMETERS },
	{ "Content-Description", KIND_TEXT },
	{ "Content-*", KIND_TOKENS },
	{ "MIME-Version", KIND_TOKENS },
	{ "Received", KIND_TOKENS },
	{ "Return-Path", KIND_TOKENS },
	{ "Date", KIND_TOKENS },
	{ "Resent-Date", KIND_TOKENS },
	{ "Message-ID", KIND_TOKENS },
	{ "Resent-Message-ID", KIND_TOKENS },
	{ "In-Reply-To", KIND_TOKENS },
	{ "References", KIND_TOKENS },
	{ "List-*", KIND_TOKENS },
	{ "Authentication-Results", KIND_TOKENS },
	{ "DKIM-Signature", KIND_TOKENS },
	{ "ARC-*", KIND_TOKENS },
	{ "Disposition-Notification-To", KIND_LIST },
	{ "Return-Receipt-To", KIND_LIST },
	{ "Errors-To", KIND_LIST },
	{ "Apparently-To", KIND_LIST },
	{ "Mail-Followup-To", KIND_LIST },
	{ "Mail-Reply-To", KIND_LIST },
	{ "X-Original-From", KIND_LIST },
	{ "X-Original-Sender", KIND_LIST },
	{ "X-Original-To", KIND_LIST },
};

/* A field taken apart. */
struct parts {
	struct span front; /* up to and with the colon */
	struct span name;
	struct span value; /* without the CRLF at the field's end */
	enum kind kind;
};

static bool is_called(struct span name, const char *pattern)
{
	size_t len = strcspn(pattern, "*");

	if (pattern[len] == '*' && name.len > len)
		name.len = len;
	return name.len == len && ascii_ncasecmp(name.p, pattern, len) == 0;
}

static enum kind kind_of(struct span name)
{
	if ((field_traits(field_id_of(name)) & TRAIT_ADDRESS) != 0)
		return KIND_ADDRESSES;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (is_called(name, kinds[i].name))
			return kinds[i].kind;
	return KIND_TEXT;
}

static bool take_apart(struct span field, struct parts *p)
{
	const char *colon = memchr(field.p, ':', field.len);
	size_t front = colon != NULL ? (size_t)(colon - field.p) + 1 : 0;

	if (front < 2 || field.len < front + 2 || has_8bit(field.p, front))
		return false;
	p->front = (struct span){ field.p, front };
	p->name = span_trim((struct span){ field.p, front - 1 });
	p->value = (struct span){ field.p + front, field.len - front - 2 };
	p->kind = kind_of(p->name);
	return true;
}

const char *field_complaint(struct span field, bool utf8)
{
	if (words_wrong(field, utf8))
		return utf8 ? "holds octets that are no UTF-8" : "holds octets beyond ASCII";
	if (fold_longest(field) > LINE_OCTETS_MAX)
		return "has a line over 998 octets";
	return NULL;
}

bool field_is_wrong(struct span field, bool utf8)
{
	return field_complaint(field, utf8) != NULL;
}

bool field_needs_utf8(struct span field)
{
	struct parts p;
	struct mailbox beyond;
	bool needs;

	if (!has_8bit(field.p, field.len) || !take_apart(field, &p) || p.kind != KIND_ADDRESSES ||
	    !mailboxes_read(p.value, false, &beyond))
		return false;
	needs = beyond.local != NULL;
	mailbox_free(&beyond);
	return needs;
}

static bool refuse_local_part(const struct mailbox *m, struct span name, bool utf8,
			      struct result *r)
{
	struct buf address;

	buf_init(&address, FIELD_MAX);
	addr_write(m, &address);
	result_fail(r, CAUSE_DATA, STEP_HEADER,
		    utf8 ? "the header field %.*s holds the address \"%s\": its local part is "
			   "neither ASCII nor UTF-8"
			 : "the header field %.*s holds the address \"%s\": its local part is not "
			   "ASCII, which only a host that offers SMTPUTF8 can take",
		    (int)name.len, name.p, buf_str(&address));
	buf_free(&address);
	return false;
}

static bool write_addresses(const struct parts *p, const struct words *w, struct result *r)
{
	struct mailbox beyond;
	bool good;

	if (!mailboxes_read(p->value, w->utf8, &beyond)) {
		mailboxes_text(w, p->value);
		return true;
	}
	good = beyond.local == NULL ? mailboxes_write(w, p->value, p->name, r)
				    : refuse_local_part(&beyond, p->name, w->utf8, r);
	mailbox_free(&beyond);
	return good;
}

/* The same, but what would be refused is text. */
static void write_list(const struct parts *p, const struct words *w)
{
	struct result refused = RESULT_OK;
	const size_t before = w->out->len;

	if (!write_addresses(p, w, &refused)) {
		w->out->len = before;
		mailboxes_text(w, p->value);
	}
	result_free(&refused);
}

static bool encode(const struct parts *p, const struct words *w, struct result *r)
{
	switch (p->kind) {
	case KIND_ADDRESSES:
		return write_addresses(p, w, r);
	case KIND_LIST:
		write_list(p, w);
		break;
	case KIND_PARAMETERS:
		parameters_write(w, p->value);
		break;
	case KIND_TOKENS:
		words_phrase(w, p->value);
		break;
	case KIND_TEXT:
		words_text(w, p->value);
		break;
	}
	return true;
}

static bool check_size(const struct buf *b, const struct parts *p, struct result *r)
{
	if (!buf_overflowed(b))
		return true;
	return result_fail(r, CAUSE_DATA, STEP_HEADER,
			   "the header field %.*s would be longer than %zu bytes when encoded",
			   (int)p->name.len, p->name.p, b->max);
}

/* An escaped octet in a quoted local part may look like UTF-8 only without its backslash. */
static bool check_octets(const struct buf *b, const struct parts *p, bool utf8, struct result *r)
{
	if (!words_wrong(buf_span(b), utf8))
		return true;
	return result_fail(r, CAUSE_DATA, STEP_HEADER,
			   "the header field %.*s holds octets that are no UTF-8 where nothing can "
			   "be encoded",
			   (int)p->name.len, p->name.p);
}

static bool fold(struct span field, const struct parts *p, size_t limit, struct buf *out,
		 struct result *r)
{
	if (!fold_field(field, limit, p->kind == KIND_ADDRESSES || p->kind == KIND_LIST, out))
		return result_fail(r, CAUSE_DATA, STEP_HEADER,
				   "the header field %.*s has a line over %d octets and no white "
				   "space where it could be folded",
				   (int)p->name.len, p->name.p, LINE_OCTETS_MAX);
	return check_size(out, p, r);
}

bool field_repair(struct span field, bool utf8, const char *charset, struct buf *out,
		  struct result *r)
{
	struct parts p;
	struct buf made;
	bool ok;

	if (!take_apart(field, &p))
		return result_fail(r, CAUSE_DATA, STEP_HEADER,
				   "a header field has no name, or one beyond ASCII");
	if (p.name.len > NAME_SHOWN)
		p.name.len = NAME_SHOWN;
	if (!field_is_wrong(field, utf8)) {
		buf_addspan(out, field);
		return check_size(out, &p, r);
	}
	if (!words_wrong(field, utf8))
		return fold(field, &p, OTHER_LINE, out, r);

	buf_init(&made, out->max);
	buf_addspan(&made, p.front);
	const struct words words = {
		.out = &made, .value = made.len, .utf8 = utf8, .charset = charset
	};
	ok = encode(&p, &words, r);
	buf_adds(&made, "\r\n");
	ok = ok && check_size(&made, &p, r) && check_octets(&made, &p, utf8, r) &&
	     fold(buf_span(&made), &p, WORDS_LINE, out, r);
	buf_free(&made);
	return ok;
}
