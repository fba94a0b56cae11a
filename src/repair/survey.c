/*
 * survey.c - what a body is like, noted while it is read
 */
#include "repair/survey.h"

#include "base/util.h"
#include "repair/field.h"
#include "repair/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static struct entity_facts *facts_of(struct survey *s, const struct mime_entity *e)
{
	return &s->facts[e->number];
}

static bool note_entity(void *ctx, const struct mime_entity *e, const struct header *h,
			struct span raw)
{
	struct survey *s = ctx;

	(void)h;
	if (s->n == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 8;
		s->facts = xreallocarray(s->facts, s->cap, sizeof s->facts[0]);
	}
	s->facts[s->n++] = (struct entity_facts){
		.sealed = e->sealed,
		.head_eight_bit = has_8bit(raw.p, raw.len),
		.head_long = fold_longest(raw) > LINE_OCTETS_MAX,
	};
	s->line_len = 0;
	s->n_tail = 0;
	return true;
}

/* Are these octets UTF-8, as far as they go? What is cut at their end waits for its rest. */
static void note_utf8(struct survey *s, struct entity_facts *f, const char *p, size_t len)
{
	while (!f->not_utf8 && s->n_tail > 0 && len > 0) {
		s->tail[s->n_tail++] = (unsigned char)*p;
		p++;
		len--;
		if (is_utf8((const char *)s->tail, s->n_tail))
			s->n_tail = 0;
		else if (s->n_tail == sizeof s->tail)
			f->not_utf8 = true;
	}
	if (f->not_utf8 || len == 0)
		return;
	size_t cut = len;
	while (cut > 0 && len - cut < 3 && ((unsigned char)p[cut - 1] & 0xc0) == 0x80)
		cut--;
	/* p[cut - 1] leads the last sequence, if that is not ASCII. */
	if (cut > 0 && (unsigned char)p[cut - 1] >= 0xc0 && len - cut + 1 < sizeof s->tail &&
	    !is_utf8(p + cut - 1, len - cut + 1)) {
		s->n_tail = len - cut + 1;
		memcpy(s->tail, p + cut - 1, s->n_tail);
		len = cut - 1;
	}
	f->not_utf8 = !is_utf8(p, len);
}

static uint64_t count_special(const char *p, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		n += (c >= 0x7f) | (c == '=') |
		     ((c < ' ') & (c != '\r') & (c != '\n') & (c != '\t'));
	}
	return n;
}

static void note_lines(struct survey *s, struct entity_facts *f, const char *p, size_t len)
{
	while (len > 0 && !f->long_line) {
		const char *lf = memchr(p, '\n', len);
		size_t n = lf != NULL ? (size_t)(lf - p) + 1 : len;

		s->line_len += n;
		/* The line break is counted, or still to come. */
		if (s->line_len > LINE_OCTETS_MAX + (lf != NULL ? 2 : 1))
			f->long_line = true;
		if (lf != NULL)
			s->line_len = 0;
		p += n;
		len -= n;
	}
}

static bool note_text(void *ctx, const struct mime_entity *e, const char *p, size_t len)
{
	struct survey *s = ctx;
	struct entity_facts *f = facts_of(s, e);

	f->size += len;
	f->sealed = e->sealed;
	f->eight_bit = f->eight_bit || has_8bit(p, len);
	note_lines(s, f, p, len);
	/* Text that nobody has to encode is not counted: that would cost more than its hash. */
	if (f->eight_bit || f->long_line)
		f->special += count_special(p, len);
	if (f->eight_bit || s->n_tail > 0)
		note_utf8(s, f, p, len);
	return true;
}

/* What is wrong with base64 that holds such octets no label mends. */
static bool is_declared(const struct mime_entity *e)
{
	return e->content.encoding != CONTENT_7BIT && e->content.encoding != CONTENT_QP;
}

static bool note_end(void *ctx, const struct mime_entity *e)
{
	struct survey *s = ctx;
	struct entity_facts *f = facts_of(s, e);

	f->not_utf8 = f->not_utf8 || s->n_tail > 0;
	f->long_line = f->long_line || s->line_len > LINE_OCTETS_MAX;
	f->mislabelled = f->eight_bit && !f->sealed && e->kind == MIME_LEAF && !is_declared(e);
	s->mislabelled = s->mislabelled || (f->mislabelled && e->number > 0);
	s->line_len = 0;
	s->n_tail = 0;
	return true;
}

static bool note_delimiter(void *ctx, const struct mime_entity *e, const char *p, size_t len)
{
	struct survey *s = ctx;

	(void)p, (void)len;
	facts_of(s, e)->delimited = true;
	return true;
}

void survey_init(struct survey *s, const struct header *h)
{
	*s = (struct survey){ .header = h };
}

static void begin(struct survey *s)
{
	if (!s->begun)
		mime_begin(&s->walk, s->header,
			   (struct mime_handler){ note_entity, note_text, note_end, note_delimiter,
						  s });
	s->begun = true;
}

static bool feed(void *ctx, const char *p, size_t len)
{
	struct survey *s = ctx;

	begin(s);
	return mime_feed(&s->walk, p, len);
}

struct sink survey_sink(struct survey *s)
{
	return (struct sink){ feed, s };
}

void survey_finish(struct survey *s)
{
	begin(s);
	mime_finish(&s->walk);
	for (size_t i = 0; i < s->n; i++) {
		const struct entity_facts *f = &s->facts[i];

		s->eight_bit = s->eight_bit || f->eight_bit || f->head_eight_bit;
		s->long_line = s->long_line || f->long_line || f->head_long;
	}
}

const struct mime_entity *survey_message(const struct survey *s)
{
	return &s->walk.levels[0].entity;
}

void survey_free(struct survey *s)
{
	if (s->begun)
		mime_free(&s->walk);
	free(s->facts);
	*s = (struct survey){ .header = NULL };
}
