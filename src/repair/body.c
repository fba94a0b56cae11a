/*
 * body.c - a body written anew, part by part
 */
#include "repair/body.h"

#include "base/util.h"
#include "repair/field.h"
#include "repair/plan.h"

#include <string.h>

#include "base/banned.h"

struct rewriter {
	const struct survey *survey;
	bool eight_bit;
	const char *charset;
	const struct sink *tap;
	struct spill *out;
	char last[2]; /* octets written */
	struct plan plan;
	size_t planned; /* for which entity; 0 for the message */
	struct transfer_out transfer;
	bool in_text; /* a stretch was begun */
	struct result *r;
};

static bool write_out(void *ctx, const char *p, size_t len)
{
	struct rewriter *w = ctx;

	if (len == 0)
		return true;
	w->last[0] = len > 1 ? p[len - 2] : w->last[1];
	w->last[1] = p[len - 1];
	if (w->tap != NULL)
		sink_write(w->tap, p, len);
	return spill_write(w->out, p, len, w->r);
}

static const char *charset_of(const struct rewriter *w, const struct mime_entity *e)
{
	return w->survey->facts[e->number].not_utf8 ? w->charset : "UTF-8";
}

/* The part's header, its wrong fields mended. */
static bool mend_head(const struct rewriter *w, const struct header *from, struct header *to)
{
	struct buf field;
	bool ok = true;

	buf_init(&field, HEADER_ARENA_MAX);
	for (size_t i = 0; ok && i < from->n; i++) {
		struct span f = header_field(from, i);

		buf_clear(&field);
		if (w->plan.mend_head && field_is_wrong(f, w->eight_bit)) {
			ok = field_repair(f, w->eight_bit, w->charset, &field, w->r);
			f = buf_span(&field);
		}
		if (ok && to->text.len + f.len > HEADER_ARENA_MAX / 2)
			ok = result_fail(w->r, CAUSE_DATA, STEP_INPUT,
					 "the header of a part is too large when encoded");
		if (ok)
			header_append(to, f);
	}
	buf_free(&field);
	if (ok && !content_same(from, to))
		ok = result_fail(
			w->r, CAUSE_DATA, STEP_INPUT,
			"a Content- field of a part holds octets beyond ASCII where nobody "
			"can tell what it means");
	return ok;
}

static bool write_head(struct rewriter *w, const struct mime_entity *e, const struct header *h)
{
	struct header mended;
	struct buf text;

	header_init(&mended);
	buf_init(&text, HEADER_ARENA_MAX);
	bool ok = mend_head(w, h, &mended);
	if (ok) {
		plan_label(&w->plan, e, charset_of(w, e), &mended);
		header_write(&mended, &text);
		buf_adds(&text, "\r\n");
		ok = write_out(w, text.p, text.len);
	}
	buf_free(&text);
	header_free(&mended);
	return ok;
}

/* Does the header end in an empty line? One that a line that is no field ended does not. */
static bool ends_empty(struct span raw)
{
	return (raw.len == 2 || (raw.len >= 4 && raw.p[raw.len - 3] == '\n')) &&
	       raw.p[raw.len - 2] == '\r';
}

static bool begin(void *ctx, const struct mime_entity *e, const struct header *h, struct span raw)
{
	struct rewriter *w = ctx;

	if (e->number >= w->survey->n)
		return result_fail(w->r, CAUSE_INTERNAL, STEP_INPUT,
				   "the body has changed while it was read");
	if (!plan_entity(e, w->survey, w->eight_bit, &w->plan, w->r))
		return false;
	w->planned = e->number;
	if (e->number == 0)
		return true;
	if (plan_changes_head(&w->plan))
		return write_head(w, e, h);
	if (!write_out(w, raw.p, raw.len))
		return false;
	/* The header of a message within must not run into its part's. */
	return e->kind != MIME_MESSAGE || ends_empty(raw) || write_out(w, "\r\n", 2);
}

static bool text(void *ctx, const struct mime_entity *e, const char *p, size_t len)
{
	struct rewriter *w = ctx;

	/* Behind a part, the multipart around it goes on. */
	if (e->number != w->planned && !plan_entity(e, w->survey, w->eight_bit, &w->plan, w->r))
		return false;
	w->planned = e->number;
	if (!w->in_text)
		transfer_init(&w->transfer, w->plan.transfer, (struct sink){ write_out, w });
	w->in_text = true;
	return transfer_feed(&w->transfer, p, len);
}

static bool end(void *ctx, const struct mime_entity *e)
{
	struct rewriter *w = ctx;
	bool in_text = w->in_text;

	(void)e;
	w->in_text = false;
	return !in_text || transfer_finish(&w->transfer);
}

static bool delimiter(void *ctx, const struct mime_entity *e, const char *p, size_t len)
{
	(void)e;
	return write_out(ctx, p, len);
}

static bool walk(void *ctx, const char *p, size_t len)
{
	return mime_feed(ctx, p, len);
}

bool body_rewrite(const struct message *m, const struct survey *survey, bool eight_bit,
		  const char *charset, const struct sink *tap, struct spill *out, struct result *r)
{
	struct rewriter w = {
		.survey = survey,
		.eight_bit = eight_bit,
		.charset = charset,
		.tap = tap,
		.out = out,
		.r = r,
	};
	struct mime mime;
	const struct sink to = { walk, &mime };

	bool ok = mime_begin(&mime, &m->header,
			     (struct mime_handler){ begin, text, end, delimiter, &w }) &&
		  spill_replay(&m->body, &to, r) && mime_finish(&mime);
	mime_free(&mime);
	/* Base64 has no line break of its own at the end; a body needs one. */
	if (ok && out->size > 0 && memcmp(w.last, "\r\n", 2) != 0)
		ok = write_out(&w, "\r\n", 2);
	return ok && spill_finish(out, r);
}
