/*
 * repair.c - a message as it was written, made one that this server takes
 */
#include "repair/repair.h"

#include "base/util.h"
#include "mail/word.h"
#include "repair/body.h"
#include "repair/field.h"
#include "repair/plan.h"

#include <string.h>

#include "base/banned.h"

/* One message on its way through. */
struct job {
	const struct message *m;
	const struct survey *survey;
	const struct repair_terms *terms;
	struct repaired *out;
	const char *charset; /* of octets that are no UTF-8 */
	struct content content;
	bool needs_utf8; /* there is an address that nothing else carries */
	struct result *r;
};

/* --- SMTPUTF8 --- */

/* The first address field that nothing else can carry. */
static size_t find_utf8_address(const struct header *h)
{
	size_t at = 0;

	while (at < h->n && !field_needs_utf8(header_field(h, at)))
		at++;
	return at;
}

static bool lacks_utf8(struct job *job, enum step step, const char *where, struct span what)
{
	static const char non_ascii[] = "5.6.7"; /* RFC 6531 section 3.2 */
	const size_t shown = 200;

	memcpy(job->r->enhanced, non_ascii, sizeof non_ascii);
	return result_fail(job->r, CAUSE_DATA, step,
			   "%s \"%.*s\" has a local part that is not ASCII, which only SMTPUTF8 "
			   "can carry: the server does not offer it, smtputf8 = no, or the client "
			   "of -bs did not ask for it",
			   where, (int)(what.len < shown ? what.len : shown), what.p);
}

static bool settle_utf8(struct job *job)
{
	const struct repair_terms *terms = job->terms;
	const struct header *h = &job->m->header;
	size_t at = find_utf8_address(h);

	job->needs_utf8 = terms->utf8_address != NULL || at < h->n;
	if (job->needs_utf8 && !terms->utf8) {
		if (terms->utf8_address != NULL)
			return lacks_utf8(job, STEP_ADDRESS, "the address",
					  span_of(terms->utf8_address));
		return lacks_utf8(job, STEP_HEADER, field_name(h->fields[at].id),
				  span_trim(header_value(h, at)));
	}
	job->out->utf8 =
		job->needs_utf8 || (terms->utf8 && (terms->utf8_preferred || !terms->may_change) &&
				    header_has_8bit(h));
	return true;
}

/* --- the header --- */

static bool refuse_field(struct job *job, struct span name, const char *why)
{
	const size_t shown = 100;

	return result_fail(job->r, CAUSE_DATA, STEP_HEADER,
			   "the header field %.*s %s, and repair = off",
			   (int)(name.len < shown ? name.len : shown), name.p, why);
}

static bool take_field(struct job *job, size_t at, struct buf *mended)
{
	const struct header *h = &job->m->header;
	struct header *to = &job->out->header;
	struct span field = header_field(h, at);
	bool utf8 = job->out->utf8;

	if (field_is_wrong(field, utf8)) {
		if (!job->terms->may_change)
			return refuse_field(job, header_name(h, at), field_complaint(field, utf8));
		buf_clear(mended);
		if (!field_repair(field, utf8, job->charset, mended, job->r))
			return false;
		field = buf_span(mended);
	}
	if (to->text.len + field.len > HEADER_ARENA_MAX / 2)
		return result_fail(job->r, CAUSE_DATA, STEP_HEADER,
				   "the header is too large when encoded");
	header_append(to, field);
	return true;
}

static bool mend_header(struct job *job)
{
	struct buf mended;
	bool ok = true;

	buf_init(&mended, HEADER_ARENA_MAX);
	for (size_t i = 0; ok && i < job->m->header.n; i++)
		ok = take_field(job, i, &mended);
	buf_free(&mended);
	/* Octets that are no UTF-8 are encoded words now, and need nothing. */
	job->out->utf8 = job->needs_utf8 || (job->out->utf8 && header_has_8bit(&job->out->header));
	if (ok && !content_same(&job->m->header, &job->out->header))
		ok = result_fail(job->r, CAUSE_DATA, STEP_HEADER,
				 "a Content- field of the header holds octets beyond ASCII where "
				 "nobody can tell what it means");
	return ok;
}

/* A header in another charset is most likely written in the one the body declares. */
static const char *charset_for(const struct job *job)
{
	const char *declared = job->content.charset;

	if (declared == NULL || !word_charset_usable(declared))
		return job->terms->charset;
	return declared;
}

/* --- the body --- */

/* With repair = off the body is sent as it came, or not at all. */
static bool check_body(const struct job *job)
{
	if (job->survey->long_line)
		return result_fail(job->r, CAUSE_DATA, STEP_INPUT,
				   "the body has a line longer than 998 octets, and repair = off");
	if (job->survey->eight_bit && !job->terms->eight_bit)
		return result_fail(job->r, CAUSE_DATA, STEP_INPUT,
				   "the body holds octets beyond ASCII, the server does not offer "
				   "8BITMIME, and repair = off");
	return true;
}

static bool body_must_change(const struct job *job, const struct plan *own)
{
	const struct survey *s = job->survey;

	return s->long_line || s->mislabelled || (s->eight_bit && !job->terms->eight_bit) ||
	       own->transfer != TRANSFER_NONE;
}

static bool mend_body(struct job *job, const struct sink *tap)
{
	const struct mime_entity *message = survey_message(job->survey);
	const struct entity_facts *facts = &job->survey->facts[message->number];
	bool eight_bit = job->terms->eight_bit;
	struct plan own;

	if (!job->terms->may_change)
		return check_body(job);
	if (!plan_entity(message, job->survey, eight_bit, &own, job->r))
		return false;
	plan_label(&own, message, facts->not_utf8 ? job->charset : "UTF-8", &job->out->header);
	if (!body_must_change(job, &own))
		return true;
	job->out->changed_body = true;
	return body_rewrite(job->m, job->survey, eight_bit, job->charset, tap, &job->out->body,
			    job->r);
}

bool repair_message(const struct message *m, const struct survey *survey,
		    const struct repair_terms *terms, const struct sink *tap, struct repaired *out,
		    struct result *r)
{
	struct job job = { .m = m, .survey = survey, .terms = terms, .out = out, .r = r };

	content_read(&m->header, &job.content);
	job.charset = charset_for(&job);
	bool ok = settle_utf8(&job) && mend_header(&job) && mend_body(&job, tap);
	content_free(&job.content);
	out->eight_bit = header_has_8bit(&out->header) || (survey->eight_bit && terms->eight_bit);
	return ok;
}

void repaired_init(struct repaired *out)
{
	*out = (struct repaired){ .eight_bit = false };
	header_init(&out->header);
	spill_init(&out->body);
}

void repaired_free(struct repaired *out)
{
	header_free(&out->header);
	spill_free(&out->body);
	repaired_init(out);
}
