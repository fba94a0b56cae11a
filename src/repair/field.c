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

/* A field taken apart. */
struct parts {
	struct span front; /* up to and with the colon */
	struct span name;
	struct span value; /* without the CRLF at the field's end */
	bool is_list;      /* it should hold addresses */
	bool has_parameters;
};

static bool take_apart(struct span field, struct parts *p)
{
	const char *colon = memchr(field.p, ':', field.len);
	size_t front = colon != NULL ? (size_t)(colon - field.p) + 1 : 0;

	if (front < 2 || field.len < front + 2 || has_8bit(field.p, front))
		return false;
	p->front = (struct span){ field.p, front };
	p->name = span_trim((struct span){ field.p, front - 1 });
	p->value = (struct span){ field.p + front, field.len - front - 2 };
	p->is_list = (field_traits(field_id_of(p->name)) & TRAIT_ADDRESS) != 0;
	p->has_parameters =
		span_ieq(p->name, "Content-Type") || span_ieq(p->name, "Content-Disposition");
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

	if (!has_8bit(field.p, field.len) || !take_apart(field, &p) || !p.is_list ||
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

/* Encodes the value as what it turns out to be; *list tells that it is an address list. */
static bool encode(const struct parts *p, const struct words *w, bool *list, struct result *r)
{
	struct mailbox beyond;
	bool good;

	*list = p->is_list && mailboxes_read(p->value, w->utf8, &beyond);
	if (*list && beyond.local != NULL) {
		good = refuse_local_part(&beyond, p->name, w->utf8, r);
		mailbox_free(&beyond);
		return good;
	}
	if (*list)
		return mailboxes_write(w, p->value, p->name, r);
	if (p->has_parameters)
		parameters_write(w, p->value);
	else
		words_text(w, p->value);
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

static bool fold(struct span field, const struct parts *p, size_t limit, bool list, struct buf *out,
		 struct result *r)
{
	if (!fold_field(field, limit, list, out))
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
	bool ok, list;

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
		return fold(field, &p, OTHER_LINE, p.is_list, out, r);

	buf_init(&made, out->max);
	buf_addspan(&made, p.front);
	const struct words words = {
		.out = &made, .value = made.len, .utf8 = utf8, .charset = charset
	};
	ok = encode(&p, &words, &list, r);
	buf_adds(&made, "\r\n");
	ok = ok && check_size(&made, &p, r) && check_octets(&made, &p, utf8, r) &&
	     fold(buf_span(&made), &p, WORDS_LINE, list, out, r);
	buf_free(&made);
	return ok;
}
