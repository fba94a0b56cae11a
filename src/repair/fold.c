/*
 * fold.c - long header lines
 *
 * A line is taken apart in pieces, white space in front of each. Pieces that are better left
 * together, those of a quoted string or comment, make a group, which is only taken apart when it
 * is too long for a line of its own. So each byte is looked at three times at most.
 */
#include "repair/fold.h"

#include "base/util.h"
#include "repair/field.h"

#include <string.h>

#include "base/banned.h"

/* What is left of a line, and where in the field's structure that begins. */
struct scan {
	struct span rest;
	const char *end; /* of what is not white space */
	bool list;       /* of addresses: commas divide, and backslashes count */
	bool named;      /* the field's name is behind us, */
	bool fresh;      /* and nothing else */
	bool quoted;
	bool angle;
	size_t comments; /* depth */
};

struct piece {
	struct span text;
	bool inside;   /* it begins in a quoted string or comment */
	bool bare;     /* it begins without white space, behind a comma */
	bool value;    /* only the field's name is in front of it */
	bool has_word; /* it holds, as it seems, an encoded word */
};

struct fold {
	struct buf *out;
	size_t limit;
	size_t column;
	bool inked; /* this line holds something else than white space */
	bool good;  /* no line is over LINE_OCTETS_MAX */
};

size_t fold_longest(struct span field)
{
	size_t longest = 0;

	while (field.len > 0) {
		const char *lf = memchr(field.p, '\n', field.len);
		size_t len = lf != NULL ? (size_t)(lf - field.p) + 1 : field.len;
		size_t text = len - (lf != NULL);

		text -= text > 0 && lf != NULL && field.p[text - 1] == '\r';
		if (text > longest)
			longest = text;
		field.p += len;
		field.len -= len;
	}
	return longest;
}

static bool is_inside(const struct scan *s)
{
	return s->quoted || s->comments > 0;
}

static void pass(struct scan *s, char c)
{
	s->fresh = !s->named && c == ':';
	if (!s->named)
		s->named = s->fresh;
	else if (c == '"' && s->comments == 0)
		s->quoted = !s->quoted;
	else if (s->quoted)
		return;
	else if (c == '(')
		s->comments++;
	else if (c == ')' && s->comments > 0)
		s->comments--;
	else if (s->comments == 0 && (c == '<' || c == '>'))
		s->angle = c == '<';
}

/* A backslash and what it quotes. In an address even a blank must not be folded away from it. */
static bool is_pair(const struct scan *s, const char *p)
{
	return p[0] == '\\' && is_inside(s) && p + 1 < s->rest.p + s->rest.len &&
	       (s->list || !ascii_isblank(p[1]));
}

/* May a line end in front of `p`, where `last` was passed? */
static bool may_end(const struct scan *s, const char *p, char last)
{
	if (!s->named || p >= s->end)
		return false;
	return ascii_isblank(*p) || (s->list && last == ',' && !s->angle && !is_inside(s));
}

static bool next_piece(struct scan *s, struct piece *piece)
{
	const char *p = s->rest.p, *end = p + s->rest.len;
	char last = '\0';

	if (p == end)
		return false;
	*piece = (struct piece){ .inside = is_inside(s), .value = s->fresh };
	piece->bare = s->named && !ascii_isblank(*p);
	while (p < end && ascii_isblank(*p))
		p++;
	while (p < end && (last == '\0' || !may_end(s, p, last))) {
		bool pair = is_pair(s, p);

		piece->has_word = piece->has_word || (last == '=' && *p == '?');
		if (!pair)
			pass(s, *p);
		last = pair ? '\\' : *p;
		p += pair ? 2 : 1;
	}
	piece->text = (struct span){ s->rest.p, (size_t)(p - s->rest.p) };
	s->rest.len -= piece->text.len;
	s->rest.p = p;
	return true;
}

/*
 * The next pieces between which it is better not to fold: the inside of a quoted string or
 * comment, but not where an encoded word is, whose line is to be short (RFC 2047 section 2).
 */
static bool next_group(struct scan *s, struct piece *group)
{
	struct scan ahead;
	struct piece next;

	if (!next_piece(s, group))
		return false;
	ahead = *s;
	while (next_piece(&ahead, &next) && next.inside && !next.has_word && !group->has_word) {
		group->text.len += next.text.len;
		*s = ahead;
	}
	return true;
}

/*
 * A piece that is over 998 octets only for the white space in front leaves of that what is too
 * much on the line before; what this has no room for is left out.
 */
static void leave_blanks(struct fold *f, struct span *text)
{
	size_t over = text->len > LINE_OCTETS_MAX ? text->len - LINE_OCTETS_MAX : 0;
	size_t room = f->inked && f->column < LINE_OCTETS_MAX ? LINE_OCTETS_MAX - f->column : 0;
	size_t blanks = 0;

	while (blanks < text->len && ascii_isblank(text->p[blanks]))
		blanks++;
	if (over >= blanks)
		return;
	buf_add(f->out, text->p, over < room ? over : room);
	f->column += over < room ? over : room;
	text->p += over;
	text->len -= over;
}

/* Appends the piece, or group, to this line or begins another with it. */
static void put(struct fold *f, struct piece *p)
{
	bool over;

	leave_blanks(f, &p->text);
	over = f->column + p->text.len > f->limit;

	/* The name alone on its line: only where that helps. */
	if (over && p->value)
		over = p->text.len <= f->limit || f->column + p->text.len > LINE_OCTETS_MAX;
	if (over && f->inked) {
		buf_adds(f->out, p->bare ? "\r\n " : "\r\n");
		f->column = p->bare;
	}
	buf_addspan(f->out, p->text);
	f->column += p->text.len;
	f->inked = true;
	f->good = f->good && f->column <= LINE_OCTETS_MAX;
}

static void fold_line(struct fold *f, struct scan *s)
{
	struct scan before = *s;
	struct piece group, piece;

	for (; next_group(s, &group); before = *s) {
		if (group.text.len + group.bare <= LINE_OCTETS_MAX) {
			put(f, &group);
			continue;
		}
		while (before.rest.p < s->rest.p && next_piece(&before, &piece))
			put(f, &piece);
	}
}

/* Cuts the field's next line off, which is s->rest then, without CRLF. */
static void take_line(struct span *field, struct scan *s)
{
	const char *lf = memchr(field->p, '\n', field->len);
	size_t len = lf != NULL ? (size_t)(lf - field->p) + 1 : field->len;

	s->rest = (struct span){ field->p, len };
	while (s->rest.len > 0 &&
	       (s->rest.p[s->rest.len - 1] == '\n' || s->rest.p[s->rest.len - 1] == '\r'))
		s->rest.len--;
	s->end = s->rest.p + s->rest.len;
	while (s->end > s->rest.p && ascii_isblank(s->end[-1]))
		s->end--;
	field->p += len;
	field->len -= len;
}

/* White space at the end of a line that is too long; a backslash may quote its first octet. */
static void cut_blanks(struct scan *s)
{
	size_t len = (size_t)(s->end - s->rest.p);

	if (s->rest.len <= LINE_OCTETS_MAX)
		return;
	if (s->rest.p[len - 1] == '\\' && len < s->rest.len)
		len++;
	s->rest.len = len;
}

/*
 * A line of white space alone is left out, but not from a quoted string or comment, whose text it
 * is part of: there the next line follows on it.
 */
static void join_blanks(struct fold *f, const struct scan *s)
{
	if (!is_inside(s) || f->column + s->rest.len > f->limit)
		return;
	buf_addspan(f->out, s->rest);
	f->column += s->rest.len;
}

bool fold_field(struct span field, size_t limit, bool commas, struct buf *out)
{
	struct fold f = { .out = out, .limit = limit, .good = true };
	struct scan s = { .list = commas };
	const struct span trimmed = span_trim(field);
	const char *end = trimmed.p + trimmed.len;

	while (field.len > 0 && field.p < end) {
		take_line(&field, &s);
		if (s.end == s.rest.p) {
			join_blanks(&f, &s);
			continue;
		}
		cut_blanks(&s);
		fold_line(&f, &s);
		buf_adds(out, "\r\n");
		f.column = 0;
		f.inked = false;
	}
	return f.good;
}
