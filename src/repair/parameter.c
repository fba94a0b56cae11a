/*
 * parameter.c - parameters beyond ASCII in Content-Type and Content-Disposition
 */
#include "repair/parameter.h"

#include "base/util.h"
#include "mail/word.h"

#include <string.h>

#include "base/banned.h"

#define SECTION_MAX 74 /* a blank in front, a semicolon behind: 76 */
#define SECTION_MIN 24 /* octets of text in a section, however long the name is */

#define RELATIVES_MAX 16 /* names with an asterisk that are looked at */

static struct span part(struct span s, size_t from, size_t to)
{
	return (struct span){ s.p + from, to - from };
}

/*
 * Up to the next semicolon outside quotes and comments. A "(" that none closes is no comment, and
 * after the first such nobody looks for more.
 */
static size_t segment_len(struct span s, bool *comments)
{
	size_t len = 0;

	while (len < s.len && s.p[len] != ';') {
		struct span rest = part(s, len, s.len);
		size_t step = 1;

		if (rest.p[0] == '"')
			step = words_quoted_len(rest);
		else if (rest.p[0] == '(' && *comments)
			step = words_comment_len(rest);
		if (rest.p[0] == '(' && *comments && rest.p[step - 1] != ')') {
			*comments = false;
			step = 1;
		}
		len += step;
	}
	return len;
}

/* token of RFC 2045 section 5.1. */
static bool is_token_char(char c)
{
	return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* attribute-char of RFC 2231 section 7. */
static bool is_plain(char c)
{
	return is_token_char(c) && strchr("*'%", c) == NULL;
}

/* The front of `text` that is at most `room` octets when encoded, but a character at least. */
static struct span fitting(struct span text, bool utf8, size_t room)
{
	size_t len = 0, size = 0;

	while (len < text.len) {
		size_t next = len;

		do
			size += is_plain(text.p[next++]) ? 1 : 3;
		while (utf8 && next < text.len && ((unsigned char)text.p[next] & 0xc0) == 0x80);
		if (size > room && len > 0)
			break;
		len = next;
	}
	return part(text, 0, len);
}

/* What is left of a section's line behind the `taken` octets in front of its text. */
static size_t room_behind(size_t taken)
{
	return taken + SECTION_MIN < SECTION_MAX ? SECTION_MAX - taken : SECTION_MIN;
}

static void write_percents(struct span text, const char *keep, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (is_plain(text.p[i]) || strchr(keep, text.p[i]) != NULL)
			buf_addc(out, text.p[i]);
		else
			buf_addf(out, "%%%02X", (unsigned int)(unsigned char)text.p[i]);
	}
}

/* name*=UTF-8''text, or name*0*=UTF-8''te; name*1*=xt */
static void write_extended(const struct words *w, struct span name, struct span text)
{
	const char *charset = word_charset(text, w->charset);
	bool utf8 = is_utf8(text.p, text.len);
	size_t room = room_behind(name.len + strlen(charset) + strlen("*=''"));
	bool sections = fitting(text, utf8, room).len < text.len;

	for (size_t n = 0; text.len > 0; n++) {
		struct span front = text;
		size_t before;

		buf_adds(w->out, n > 0 ? "; " : "");
		before = w->out->len;
		buf_addspan(w->out, name);
		if (sections)
			buf_addf(w->out, "*%zu", n);
		buf_adds(w->out, "*=");
		if (n == 0)
			buf_addf(w->out, "%s''", charset);
		if (sections)
			front = fitting(text, utf8, room_behind(w->out->len - before));
		write_percents(front, "", w->out);
		text = part(text, front.len, text.len);
	}
}

/*
 * A parameter that is extended already, or a section of one (name*, name*0, name*0*), and holds
 * raw bytes all the same, or is followed by one that does: in `charset`, if that is known.
 */
static void write_section(const struct words *w, struct span name, struct span text,
			  const char *charset)
{
	bool extended = name.p[name.len - 1] == '*';
	bool first = name.len > 2 && memcmp(name.p + name.len - 2, "*0", 2) == 0;

	buf_addspan(w->out, name);
	buf_adds(w->out, extended ? "=" : "*=");
	if (first && charset == NULL)
		charset = word_charset(text, w->charset);
	if (first)
		buf_addf(w->out, "%s''", charset);
	write_percents(text, extended ? "*'%" : "", w->out);
}

/* A parameter taken apart; all are parts of the segment. */
struct parameter {
	struct span before; /* white space and comments */
	struct span name;
	struct span value; /* as it stands there */
	struct span behind;
};

static size_t skip_cfws(struct span s, size_t at)
{
	while (at < s.len && (words_is_blank(s.p[at]) || s.p[at] == '('))
		at += s.p[at] == '(' ? words_comment_len(part(s, at, s.len)) : 1;
	return at;
}

static bool read_parameter(struct span s, struct parameter *p)
{
	size_t at = skip_cfws(s, 0), start = at;

	while (at < s.len && is_token_char(s.p[at]))
		at++;
	p->before = part(s, 0, start);
	p->name = part(s, start, at);
	at = skip_cfws(s, at);
	if (p->name.len == 0 || at == s.len || s.p[at] != '=')
		return false;
	at++;
	while (at < s.len && words_is_blank(s.p[at]))
		at++;
	p->value = part(s, at, s.len);
	if (p->value.len > 0 && p->value.p[0] == '"')
		p->value.len = words_quoted_len(p->value);
	else
		p->value = span_trim(p->value);
	p->behind = part(s, (size_t)(p->value.p - s.p) + p->value.len, s.len);
	return true;
}

static void read_text(struct span value, struct buf *text)
{
	if (value.len > 0 && value.p[0] == '"')
		words_unquote(value, text);
	else
		words_unfold(value, text);
}

/* The sections and extended parameters of the field, as far as they matter to others. */
struct relatives {
	struct relative {
		struct span name;    /* without what is behind its first asterisk */
		bool extended;       /* all that comes of it says its charset: name*, name*0* */
		const char *charset; /* of sections that say none and hold raw octets, or NULL */
	} list[RELATIVES_MAX];
	size_t n;
};

static struct relative *relative_of(struct relatives *all, struct span name)
{
	for (size_t i = 0; i < all->n; i++) {
		struct span known = all->list[i].name;

		if (known.len == name.len && ascii_ncasecmp(known.p, name.p, name.len) == 0)
			return &all->list[i];
	}
	return NULL;
}

static struct span base_of(struct span name)
{
	const char *star = memchr(name.p, '*', name.len);

	return star != NULL ? part(name, 0, (size_t)(star - name.p)) : name;
}

static void note(const struct words *w, const struct parameter *p, struct relatives *all)
{
	const struct span base = base_of(p->name), behind = part(p->name, base.len, p->name.len);
	struct relative *r = relative_of(all, base);
	struct buf text;

	if (behind.len == 0 || (r == NULL && all->n == RELATIVES_MAX))
		return;
	if (r == NULL) {
		r = &all->list[all->n++];
		*r = (struct relative){ .name = base };
	}
	if (span_ieq(behind, "*") || span_ieq(behind, "*0*"))
		r->extended = true;
	if (r->charset != NULL || !words_wrong(p->value, w->utf8))
		return;
	buf_init(&text, p->value.len);
	read_text(p->value, &text);
	r->charset = word_charset(buf_span(&text), w->charset);
	buf_free(&text);
}

/* Cuts off the segment in front, and the semicolon behind it; false when none is left. */
static bool take_segment(struct span *rest, bool *comments, struct span *segment)
{
	size_t len;

	if (rest->p == NULL)
		return false;
	len = segment_len(*rest, comments);
	*segment = part(*rest, 0, len);
	*rest = len < rest->len ? part(*rest, len + 1, rest->len) : (struct span){ NULL, 0 };
	return true;
}

static void find_relatives(const struct words *w, struct span value, struct relatives *all)
{
	bool comments = true;
	struct span segment;
	struct parameter p;

	all->n = 0;
	while (take_segment(&value, &comments, &segment))
		if (read_parameter(segment, &p))
			note(w, &p, all);
}

enum deed { DEED_COPY, DEED_LEAVE_OUT, DEED_EXTEND, DEED_SECTION };

/* What becomes of a parameter: its raw twin says nothing that name* does not say. */
static enum deed judge(const struct words *w, const struct parameter *p, struct relatives *all)
{
	const struct span base = base_of(p->name), behind = part(p->name, base.len, p->name.len);
	const struct relative *r = relative_of(all, base);
	bool wrong = words_wrong(p->value, w->utf8);

	if (behind.len > 0)
		return wrong || (span_ieq(behind, "*0") && r != NULL && r->charset != NULL)
			       ? DEED_SECTION
			       : DEED_COPY;
	if (!wrong)
		return DEED_COPY;
	return r != NULL && r->extended ? DEED_LEAVE_OUT : DEED_EXTEND;
}

static void write_parameter(const struct words *w, const struct parameter *p, enum deed deed,
			    const char *charset)
{
	struct buf text;

	buf_init(&text, p->value.len);
	read_text(p->value, &text);
	if (p->before.len == 0 || words_phrase(w, p->before))
		buf_addc(w->out, ' ');
	if (deed == DEED_SECTION)
		write_section(w, p->name, buf_span(&text), charset);
	else
		write_extended(w, p->name, buf_span(&text));
	if (p->behind.len > 0 && !words_is_blank(p->behind.p[0]))
		buf_addc(w->out, ' ');
	buf_free(&text);
}

/* What is written, with a semicolon in front of each segment but the first. */
struct writer {
	const struct words *w;
	struct relatives relatives;
	bool any;
	bool due; /* white space, before anything else comes */
};

static void write_segment(struct writer *to, struct span segment)
{
	struct parameter p;
	enum deed deed = DEED_COPY;

	if (read_parameter(segment, &p))
		deed = judge(to->w, &p, &to->relatives);
	if (deed == DEED_LEAVE_OUT)
		return;
	if (to->any)
		buf_adds(to->w->out, to->due ? " ;" : ";");
	if (deed != DEED_COPY) {
		const struct relative *r = relative_of(&to->relatives, base_of(p.name));

		write_parameter(to->w, &p, deed, r != NULL ? r->charset : NULL);
		segment = p.behind;
	}
	to->due = words_phrase(to->w, segment);
	to->any = true;
}

void parameters_write(const struct words *w, struct span value)
{
	struct writer to = { .w = w };
	bool comments = true;
	struct span segment;

	find_relatives(w, value, &to.relatives);
	while (take_segment(&value, &comments, &segment))
		write_segment(&to, segment);
}
