/*
 * plan.c - what has to be done with one MIME entity
 */
#include "repair/plan.h"

#include "base/util.h"
#include "repair/field.h"

#include <stdlib.h>

#include "base/banned.h"

#define TYPE_SHOWN 80

/* Something in the entity has to change, and may not. */
static bool refuse(const struct mime_entity *e, const char *what, const char *why, struct result *r)
{
	const char *type = e->content.type != NULL ? e->content.type : "text/plain";

	if (e->number == 0)
		return result_fail(r, CAUSE_DATA, STEP_INPUT, "the message (%.*s) %s, and %s",
				   TYPE_SHOWN, type, what, why);
	return result_fail(r, CAUSE_DATA, STEP_INPUT, "part %zu of the message (%.*s) %s, and %s",
			   e->number, TYPE_SHOWN, type, what, why);
}

/* Why a sealed entity is. */
static const char *seal_of(const struct mime_entity *e)
{
	if (content_is(&e->content, "message/"))
		return "content of this type may not be encoded";
	if (content_is(&e->content, "multipart/") && e->content.boundary == NULL)
		return "its boundary cannot be read";
	return "it is signed, or nested too deep, or too large, to be changed";
}

static const char *complaint(bool eight_bit, bool long_line)
{
	if (eight_bit)
		return "holds octets beyond ASCII, which the server does not take (8BITMIME)";
	return long_line ? "has a line longer than 998 octets" : NULL;
}

/* Quoted-printable, or base64 where that is shorter. */
static enum transfer choose(const struct entity_facts *f)
{
	uint64_t qp = f->size + 2 * f->special + f->size / 25;
	uint64_t base64 = f->size / 3 * 4 + f->size / 28;

	return base64 < qp ? TRANSFER_BASE64 : TRANSFER_QP;
}

static bool plan_leaf(const struct mime_entity *e, const struct entity_facts *f, const char *wrong,
		      struct plan *plan, struct result *r)
{
	if (wrong == NULL && !f->mislabelled)
		return true;
	if (wrong != NULL && (e->sealed || f->sealed))
		return refuse(e, wrong, seal_of(e), r);
	switch (e->content.encoding) {
	case CONTENT_7BIT:
	case CONTENT_8BIT:
	case CONTENT_BINARY:
		plan->transfer = wrong != NULL ? choose(f) : TRANSFER_NONE;
		plan->encoding = wrong != NULL ? transfer_label(plan->transfer) : "8bit";
		/* "unknown-8bit" would tell less than a type that says nothing. */
		plan->declare = f->eight_bit && !e->content.has_charset &&
				(!e->content.has_type_field ||
				 (content_is(&e->content, "text/plain") && !f->not_utf8));
		break;
	case CONTENT_QP:
		plan->transfer = TRANSFER_PATCH_QP;
		break;
	case CONTENT_BASE64:
		/* What is plain text under a wrong label would be lost. */
		if (f->eight_bit)
			return refuse(e, wrong, "it is no base64, though it claims to be", r);
		plan->transfer = TRANSFER_PATCH_BASE64;
		break;
	case CONTENT_UNKNOWN:
		return refuse(e, wrong, "its Content-Transfer-Encoding is one nobody knows", r);
	}
	return true;
}

bool plan_entity(const struct mime_entity *e, const struct survey *survey, bool eight_bit,
		 struct plan *plan, struct result *r)
{
	const struct entity_facts *f = &survey->facts[e->number];
	const char *wrong_head = complaint(f->head_eight_bit && !eight_bit, f->head_long);
	const char *wrong = complaint(f->eight_bit && !eight_bit, f->long_line);

	*plan = (struct plan){ .mend_head = wrong_head != NULL };
	if (wrong_head != NULL && e->sealed)
		return refuse(e, wrong_head, seal_of(e), r);
	if (e->kind == MIME_LEAF)
		return plan_leaf(e, f, wrong, plan, r);
	if (wrong != NULL && e->sealed)
		return refuse(e, wrong, seal_of(e), r);
	if (wrong != NULL && !f->delimited)
		return refuse(e, wrong, "it has no part: its boundary never comes", r);
	/* What stands around the parts of a multipart is for nobody to see, and stays readable. */
	plan->transfer = wrong != NULL ? TRANSFER_QP : TRANSFER_NONE;
	if (survey->eight_bit && !eight_bit && !e->sealed && e->content.encoding != CONTENT_7BIT)
		plan->encoding = "7bit";
	return true;
}

bool plan_changes_head(const struct plan *plan)
{
	return plan->mend_head || plan->declare || plan->encoding != NULL;
}

/* One field of this name, with this value; where there was none, behind `behind`. */
static void set_field(struct header *h, const char *name, const char *value, const char *behind)
{
	size_t at = content_find(h, name);

	if (at == h->n) {
		size_t after = content_find(h, behind);

		at = after < h->n ? after + 1 : h->n;
	} else {
		for (size_t again = content_find(h, name); again < h->n;
		     again = content_find(h, name))
			header_remove(h, again);
	}
	header_insert_value(h, at, name, value);
}

/* text/plain without a charset keeps what else its field says. */
static void declare_charset(struct header *h, const char *charset)
{
	size_t at = content_find(h, "Content-Type");
	struct buf field;

	if (at == h->n) {
		char *value = xasprintf("text/plain; charset=%s", charset);

		set_field(h, "Content-Type", value, "MIME-Version");
		free(value);
		return;
	}
	struct span old = span_trim(header_field(h, at));
	if (old.p[old.len - 1] == ';')
		old.len--;
	buf_init(&field, old.len + 100);
	buf_addspan(&field, old);
	buf_addf(&field, ";\r\n charset=%s\r\n", charset);
	header_replace(h, at, buf_span(&field));
	buf_free(&field);
}

void plan_label(const struct plan *plan, const struct mime_entity *e, const char *charset,
		struct header *h)
{
	if ((plan->declare || plan->encoding != NULL) && e->whole && !e->content.has_version_field)
		header_insert_value(h, h->n, "MIME-Version", "1.0");
	if (plan->declare)
		declare_charset(h, charset);
	if (plan->encoding != NULL)
		set_field(h, "Content-Transfer-Encoding", plan->encoding, "Content-Type");
}
