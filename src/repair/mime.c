/*
 * mime.c - walks through the structure of a MIME message
 *
 * Text is passed on in the largest pieces there are; only a line that begins with "--" inside a
 * multipart is looked at by itself, held until it is known to be a delimiter or none. The line
 * break in front of it is held as well, since it belongs to a delimiter.
 */
#include "repair/mime.h"

#include "base/util.h"
#include "repair/field.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* A longer line is no delimiter. */
#define DELIMITER_MAX (2 + LINE_OCTETS_MAX + 2)

static struct mime_entity *present(struct mime *w)
{
	return &w->levels[w->depth - 1].entity;
}

static bool tell_text(struct mime *w, const char *p, size_t len)
{
	return len == 0 || w->handler.text(w->handler.ctx, present(w), p, len);
}

static bool tell_end(struct mime *w)
{
	return w->handler.end(w->handler.ctx, present(w));
}

/* --- entities --- */

static bool is_plain(enum content_encoding encoding)
{
	return encoding == CONTENT_7BIT || encoding == CONTENT_8BIT || encoding == CONTENT_BINARY;
}

/*
 * An encoding of a multipart is against RFC 2045 section 6.4, and no reader heeds it. A message
 * that claims to be encoded may really be so.
 */
static enum mime_kind kind_of(const struct content *c)
{
	if (content_is(c, "multipart/") && c->boundary != NULL)
		return MIME_MULTIPART;
	return content_is(c, "message/rfc822") && is_plain(c->encoding) ? MIME_MESSAGE : MIME_LEAF;
}

/*
 * RFC 2046 section 5.2; message/global and its kin may be encoded, RFC 6532 section 3.7. A
 * multipart whose boundary we cannot read may have parts for others.
 */
static bool takes_no_encoding(const struct mime_entity *e)
{
	if (e->kind != MIME_LEAF)
		return false;
	return content_is(&e->content, "multipart/") ||
	       (content_is(&e->content, "message/") &&
		strncmp(e->content.type, "message/global", strlen("message/global")) != 0);
}

static bool is_sealed(const struct mime *w, const struct mime_entity *e)
{
	const struct mime_entity *parent = w->depth > 0 ? &w->levels[w->depth - 1].entity : NULL;

	return takes_no_encoding(e) ||
	       (parent != NULL &&
		(parent->sealed || content_is(&parent->content, "multipart/signed")));
}

static void pop(struct mime *w)
{
	struct mime_level *level = &w->levels[--w->depth];

	if (level->entity.kind == MIME_MULTIPART && !level->closed)
		w->open--;
	content_free(&level->entity.content);
}

/* From here on nothing is taken apart: all is text of the present entity. */
static void become_opaque(struct mime *w)
{
	w->opaque = true;
	present(w)->sealed = true;
	present(w)->kind = MIME_LEAF;
	w->open = 0;
}

/* The entity of this header becomes the present one. */
static bool begin_entity(struct mime *w, const struct header *h, struct span raw)
{
	struct mime_entity e = { .number = w->entities++, .whole = w->whole_header };

	content_read(h, &e.content);
	if (w->in_digest && !e.content.has_type_field)
		e.content.type = xstrdup("message/rfc822");
	e.kind = kind_of(&e.content);
	e.sealed = is_sealed(w, &e);
	/* The last level is for a leaf. */
	bool too_deep = e.kind != MIME_LEAF && w->depth + 1 >= MIME_DEPTH_MAX;
	w->levels[w->depth++] = (struct mime_level){ .entity = e };
	if (e.kind == MIME_MULTIPART)
		w->open++;
	w->in_header = e.kind == MIME_MESSAGE;
	w->whole_header = true;
	w->in_digest = false;
	w->line_start = true;
	if (too_deep || w->entities >= MIME_ENTITIES_MAX) {
		become_opaque(w);
		w->in_header = false;
	}
	return w->handler.begin(w->handler.ctx, present(w), h, raw);
}

/* --- headers of parts --- */

static bool is_field(struct span line)
{
	size_t i = 0;

	while (i < line.len && line.p[i] > ' ' && line.p[i] < 0x7f && line.p[i] != ':')
		i++;
	size_t name = i;
	while (i < line.len && ascii_isblank(line.p[i]))
		i++;
	return name > 0 && i < line.len && line.p[i] == ':';
}

static bool is_mbox_from(struct span line)
{
	return (line.len > 5 && memcmp(line.p, "From ", 5) == 0) ||
	       (line.len > 6 && memcmp(line.p, ">From ", 6) == 0);
}

/* The length of the first line of the text, its break included. */
static size_t line_length(struct span text)
{
	const char *lf = memchr(text.p, '\n', text.len);

	return lf != NULL ? (size_t)(lf - text.p) + 1 : text.len;
}

/* Complete lines as fields; a line of an mbox in front is none. */
static void split_fields(struct span text, struct header *h)
{
	while (text.len > 0) {
		size_t len = line_length(text);
		bool field = is_field((struct span){ text.p, len });

		while (field && len < text.len && ascii_isblank(text.p[len]))
			len += line_length((struct span){ text.p + len, text.len - len });
		if (field)
			header_append(h, (struct span){ text.p, len });
		text.p += len;
		text.len -= len;
	}
}

static bool end_header(struct mime *w)
{
	struct header h;

	header_init(&h);
	split_fields(buf_span(&w->head), &h);
	bool ok = begin_entity(w, &h, buf_span(&w->head));
	header_free(&h);
	buf_clear(&w->head);
	return ok;
}

/* A header of that size is none that a reader would take apart. */
static bool give_up_header(struct mime *w)
{
	struct header none;

	header_init(&none);
	bool ok = begin_entity(w, &none, (struct span){ NULL, 0 });
	become_opaque(w);
	w->in_header = false;
	ok = ok && tell_text(w, w->head.p, w->head.len) && tell_text(w, w->held.p, w->held.len);
	buf_free(&w->head);
	buf_clear(&w->held);
	return ok;
}

/* --- delimiters --- */

/* Which open multipart the line delimits, the innermost first; without its line break. */
static bool match(const struct mime *w, struct span line, size_t *level, bool *last)
{
	if (line.len < 3 || line.len > LINE_OCTETS_MAX || line.p[0] != '-' || line.p[1] != '-')
		return false;
	line = (struct span){ line.p + 2, line.len - 2 };
	while (line.len > 0 && ascii_isblank(line.p[line.len - 1]))
		line.len--;
	for (size_t i = w->depth; i-- > 0;) {
		const struct mime_level *l = &w->levels[i];
		size_t len;

		if (l->entity.kind != MIME_MULTIPART || l->closed)
			continue;
		len = strlen(l->entity.content.boundary);
		*level = i;
		*last = line.len == len + 2 && memcmp(line.p + len, "--", 2) == 0;
		if ((line.len == len || *last) &&
		    memcmp(line.p, l->entity.content.boundary, len) == 0)
			return true;
	}
	return false;
}

/* The delimiter of this level, held, ends all that is deeper. */
static bool pass_delimiter(struct mime *w, size_t level, bool last)
{
	struct mime_level *l = &w->levels[level];

	if (!tell_end(w) ||
	    !w->handler.delimiter(w->handler.ctx, &l->entity, w->held.p, w->held.len))
		return false;
	buf_clear(&w->held);
	while (w->depth > level + 1)
		pop(w);
	if (last) {
		l->closed = true;
		w->open--;
	}
	w->in_header = !last;
	w->whole_header = false;
	w->in_digest = content_is(&l->entity.content, "multipart/digest");
	w->line_start = true;
	return true;
}

static bool flush_held(struct mime *w, size_t keep)
{
	bool ok = tell_text(w, w->held.p, w->held.len - keep);

	buf_consume(&w->held, w->held.len - keep);
	w->line_start = false;
	return ok;
}

/* Can this be the next byte of a line break and "--" behind it? */
static bool is_plausible(const struct mime *w, char c)
{
	size_t before = w->line_start ? 0 : 2;

	if (w->held.len < before)
		return c == (w->held.len == 0 ? '\r' : '\n');
	return w->held.len >= before + 2 || c == '-';
}

/* A line that is held is complete: it is a delimiter, or its break may belong to one. */
static bool judge_line(struct mime *w)
{
	size_t before = w->line_start ? 0 : 2, level;
	bool last;

	if (match(w, (struct span){ w->held.p + before, w->held.len - before - 2 }, &level, &last))
		return pass_delimiter(w, level, last);
	return flush_held(w, 2);
}

/* Takes bytes while nobody knows whether they begin a delimiter; *used says how many. */
static bool feed_held(struct mime *w, const char *p, size_t len, size_t *used)
{
	*used = 0;
	while (*used < len && (w->line_start || w->held.len > 0) && !w->in_header) {
		size_t before = w->line_start ? 0 : 2;
		char c = p[*used];

		if (!is_plausible(w, c) || w->held.len > DELIMITER_MAX)
			return flush_held(w, 0);
		buf_addc(&w->held, c);
		++*used;
		if (c == '\n' && w->held.len > before && !judge_line(w))
			return false;
	}
	return true;
}

/* Text in the middle of a line; ends where a delimiter might begin. */
static bool feed_text(struct mime *w, const char *p, size_t len, size_t *used)
{
	const char *end = p + len, *at = p;

	for (;;) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));

		if (lf == NULL) {
			at = end - (end[-1] == '\r' ? 1 : 0);
			break;
		}
		at = lf - (lf > p ? 1 : 0);
		if (end - lf < 3 || (lf[1] == '-' && lf[2] == '-'))
			break;
		at = lf + 1;
	}
	*used = (size_t)(at - p);
	if (!tell_text(w, p, *used))
		return false;
	/* The break is held next; the piece may end behind its CR. */
	if (at < end) {
		size_t n = end - at >= 2 ? 2 : 1;

		buf_add(&w->held, at, n);
		*used += n;
	}
	return true;
}

/* One line of a part's header, or a piece of it. */
static bool feed_header(struct mime *w, const char *p, size_t len, size_t *used)
{
	struct span line;
	size_t level;
	bool last;

	*used = line_length((struct span){ p, len });
	if (w->head.len + w->held.len + *used > MIME_HEADER_MAX) {
		*used = 0;
		return give_up_header(w);
	}
	buf_add(&w->held, p, *used);
	line = buf_span(&w->held);
	if (line.p[line.len - 1] != '\n')
		return true;
	if (match(w, (struct span){ line.p, line.len - 2 }, &level, &last))
		return end_header(w) && pass_delimiter(w, level, last);
	bool empty = line.len == 2;
	if (empty || is_field(line) || (w->head.len > 0 && ascii_isblank(line.p[0])) ||
	    (w->head.len == 0 && w->whole_header && is_mbox_from(line))) {
		buf_addspan(&w->head, line);
		buf_clear(&w->held);
		return !empty || end_header(w);
	}
	/* No field: the body begins with this line, without an empty one in front. */
	struct buf body = w->held;
	buf_init(&w->held, MIME_HEADER_MAX);
	bool ok = end_header(w) && mime_feed(w, body.p, body.len);
	buf_free(&body);
	return ok;
}

bool mime_feed(struct mime *w, const char *p, size_t len)
{
	bool ok = true;

	for (size_t used; ok && len > 0; p += used, len -= used) {
		used = len;
		if (w->in_header)
			ok = feed_header(w, p, len, &used);
		else if (w->open == 0)
			ok = flush_held(w, 0) && tell_text(w, p, len);
		else if (w->line_start || w->held.len > 0)
			ok = feed_held(w, p, len, &used);
		else
			ok = feed_text(w, p, len, &used);
	}
	return ok;
}

bool mime_begin(struct mime *w, const struct header *h, struct mime_handler handler)
{
	*w = (struct mime){ .handler = handler, .whole_header = true };
	buf_init(&w->held, MIME_HEADER_MAX);
	buf_init(&w->head, MIME_HEADER_MAX);
	return begin_entity(w, h, (struct span){ NULL, 0 });
}

bool mime_finish(struct mime *w)
{
	if (w->in_header && !end_header(w))
		return false;
	/* A message within whose header never came. */
	if (w->in_header && !end_header(w))
		return false;
	return flush_held(w, 0) && tell_end(w);
}

void mime_free(struct mime *w)
{
	while (w->depth > 0)
		pop(w);
	buf_free(&w->held);
	buf_free(&w->head);
}
