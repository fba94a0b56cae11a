/*
 * addr.c - reads and writes addresses
 *
 * An element of a list is looked at twice at most. The first look takes it for a phrase and
 * ends at the special character that tells what it is: "<" behind a display name, ":" behind
 * a group's name, else an address without angle brackets, which the second look reads from
 * the element's start. So the work is linear, and nothing recurses.
 */
#include "mail/addr.h"

#include "base/util.h"
#include "mail/phrase.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define LOCAL_MAX  64  /* RFC 5321 section 4.5.3.1.1 */
#define DOMAIN_MAX 255 /* RFC 5321 section 4.5.3.1.2 */

#define END (-1) /* what peek() sees behind the text */

/* What is gathered of one element. */
struct parts {
	struct buf name;
	struct buf comment;
	struct buf local;
	struct buf domain;
	bool has_words; /* the phrase is not empty, though its text may be */
	bool has_at;    /* the phrase holds an unquoted "@" */
	bool has_local; /* there is a local part, which may be "" too */
	bool has_domain;
	size_t local_end; /* where the local part ends in the text */
};

static void parts_init(struct parts *e, size_t text_len)
{
	*e = (struct parts){ .has_words = false };
	buf_init(&e->name, text_len);
	buf_init(&e->comment, text_len);
	buf_init(&e->local, LOCAL_MAX);
	buf_init(&e->domain, DOMAIN_MAX);
}

static void parts_clear(struct parts *e)
{
	buf_clear(&e->name);
	buf_clear(&e->comment);
	e->has_words = false;
	e->has_at = false;
}

static void parts_free(struct parts *e)
{
	buf_free(&e->name);
	buf_free(&e->comment);
	buf_free(&e->local);
	buf_free(&e->domain);
}

static int peek(const struct addr_list *l)
{
	return l->pos < l->text.len ? (unsigned char)l->text.p[l->pos] : END;
}

static bool fail_at(struct addr_list *l, size_t at, const char *words)
{
	l->error = words;
	l->at = at;
	return false;
}

static bool fail(struct addr_list *l, const char *words)
{
	return fail_at(l, l->pos, words);
}

/* Why the next character cannot stand where it stands. */
static const char *misplaced(const struct addr_list *l)
{
	static const struct {
		int c;
		const char *words;
	} table[] = {
		{ END, "unbalanced <" },
		{ '\r', "line break" },
		{ '\n', "line break" },
		{ '"', "misplaced quote" },
		{ ')', "unbalanced parenthesis" },
		{ ',', "misplaced comma" },
		{ ':', "misplaced colon" },
		{ ';', "misplaced semicolon" },
		{ '<', "misplaced <" },
		{ '>', "unbalanced >" },
		{ '@', "more than one @" },
		{ '[', "misplaced bracket" },
		{ '\\', "backslash outside quotes" },
		{ ']', "misplaced bracket" },
	};
	int c = peek(l);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].c == c)
			return table[i].words;
	}
	return ascii_iscntrl((char)c) ? "control character" : "a word too many";
}

/* RFC 5322 section 3.2.2: a line break that counts for nothing, as white space follows. */
static bool at_fold(const struct addr_list *l)
{
	const char *p = l->text.p;
	size_t at = l->pos;

	return l->text.len - at >= 3 && p[at] == '\r' && p[at + 1] == '\n' &&
	       ascii_isblank(p[at + 2]);
}

/*
 * One character of a quoted string or comment that began at `open`, with folding undone;
 * `quoted` tells that a backslash stood before it. A tab comes out as a blank: it is white
 * space to a reader, and a local part that kept it could not be put into a command.
 */
static bool read_text_char(struct addr_list *l, size_t open, char *c, bool *quoted)
{
	if (at_fold(l))
		l->pos += 2;
	*quoted = peek(l) == '\\';
	if (*quoted)
		l->pos++;
	if (peek(l) == END)
		return fail_at(l, open,
			       l->text.p[open] == '(' ? "unbalanced parenthesis"
						      : "unbalanced quote");
	*c = (char)peek(l);
	if (*c == '\t')
		*c = ' ';
	if (ascii_iscntrl(*c))
		return fail(l, misplaced(l));
	l->pos++;
	return true;
}

static bool read_quoted(struct addr_list *l, struct buf *out)
{
	size_t open = l->pos++;
	char c;
	bool quoted;

	while (read_text_char(l, open, &c, &quoted)) {
		if (c == '"' && !quoted)
			return true;
		buf_addc(out, c);
	}
	return false;
}

static bool read_comment(struct addr_list *l, struct buf *out)
{
	size_t open = l->pos++;
	size_t depth = 1;
	char c;
	bool quoted;

	buf_clear(out);
	while (read_text_char(l, open, &c, &quoted)) {
		if (c == '(' && !quoted)
			depth++;
		if (c == ')' && !quoted && --depth == 0)
			return true;
		buf_addc(out, c);
	}
	return false;
}

/* CFWS of RFC 5322 section 3.2.2; what a comment says replaces what one said before. */
static bool skip_cfws(struct addr_list *l, struct parts *e)
{
	for (;;) {
		int c = peek(l);

		if (at_fold(l))
			l->pos += 2;
		else if (c == ' ' || c == '\t')
			l->pos++;
		else if (c != '(')
			return true;
		else if (!read_comment(l, &e->comment))
			return false;
	}
}

static void read_atom(struct addr_list *l, struct buf *out)
{
	size_t start = l->pos;

	while (phrase_is_atext(peek(l)))
		l->pos++;
	buf_add(out, l->text.p + start, l->pos - start);
}

/*
 * Everything that can stand in a display name (obs-phrase with its dots, an address, brackets:
 * "[Support] Jo"), in a group's name or in an address without angle brackets, up to the first
 * character that cannot. A colon in brackets does not end it: that is an IPv6 literal.
 */
static bool read_phrase(struct addr_list *l, struct parts *e)
{
	bool in_brackets = false;

	for (;;) {
		size_t before = l->pos;

		if (!skip_cfws(l, e))
			return false;
		if (l->pos != before)
			buf_addc(&e->name, ' ');

		int c = peek(l);

		if (phrase_is_atext(c)) {
			read_atom(l, &e->name);
		} else if (c == '"') {
			if (!read_quoted(l, &e->name))
				return false;
		} else if (c == '.' || c == '@' || c == '[' || c == ']' ||
			   (c == ':' && in_brackets)) {
			e->has_at |= c == '@';
			in_brackets = c == '[' || (in_brackets && c != ']');
			buf_addc(&e->name, (char)c);
			l->pos++;
		} else {
			return true;
		}
		e->has_words = true;
	}
}

/* RFC 5322 section 3.4.1 and obs-local-part, and dots wherever they are. */
static bool read_local(struct addr_list *l, struct parts *e)
{
	bool after_word = false;

	for (;;) {
		if (!skip_cfws(l, e))
			return false;

		int c = peek(l);

		if (c == '.') {
			buf_addc(&e->local, '.');
			l->pos++;
			after_word = false;
		} else if (after_word) {
			return true;
		} else if (phrase_is_atext(c)) {
			read_atom(l, &e->local);
			after_word = true;
		} else if (c == '"') {
			if (!read_quoted(l, &e->local))
				return false;
			after_word = true;
		} else {
			return true;
		}
		e->has_local = true;
		e->local_end = l->pos;
	}
}

/*
 * RFC 5321 section 4.1.3. RFC 5322 has more characters here; none that is in use, and some
 * that would not survive between the angle brackets of a command.
 */
static bool read_literal(struct addr_list *l, struct buf *out)
{
	size_t open = l->pos++;

	buf_addc(out, '[');
	for (;;) {
		int c = peek(l);

		if (c == END)
			return fail_at(l, open, "unbalanced bracket");
		if (at_fold(l))
			l->pos++;
		else if (c == ']')
			break;
		else if (c > 0 && (ascii_isalnum((char)c) || strchr(".:-", c) != NULL))
			buf_addc(out, (char)c);
		else if (c != ' ' && c != '\t')
			return fail(l, "bad character in brackets");
		l->pos++;
	}
	if (out->len == 1)
		return fail(l, "nothing in brackets");
	buf_addc(out, ']');
	l->pos++;
	return true;
}

/* A domain (obs-domain too) and the "@" before it. */
static bool read_domain(struct addr_list *l, struct parts *e)
{
	buf_clear(&e->domain);
	e->has_domain = true;
	l->pos++;
	if (!skip_cfws(l, e))
		return false;
	if (peek(l) == '[')
		return read_literal(l, &e->domain) && skip_cfws(l, e);
	if (!phrase_is_atext(peek(l)) && peek(l) != '.')
		return fail(l, "no domain behind the @");
	for (;;) {
		if (!phrase_is_atext(peek(l)))
			return fail(l, "misplaced dot in the domain");
		read_atom(l, &e->domain);
		if (!skip_cfws(l, e))
			return false;
		if (peek(l) != '.')
			return true;
		buf_addc(&e->domain, '.');
		l->pos++;
		if (!skip_cfws(l, e))
			return false;
	}
}

/* An address without angle brackets, or what is between them; a bare name too. */
static bool read_spec(struct addr_list *l, struct parts *e)
{
	size_t start = l->pos;

	if (!read_local(l, e))
		return false;
	if (!e->has_local)
		return fail(l, peek(l) == '@' || peek(l) == '>' ? "no local part" : misplaced(l));
	if (buf_overflowed(&e->local))
		return fail_at(l, start, "local part over 64 octets");
	if (peek(l) != '@')
		return e->local.len > 0 || fail_at(l, start, "nothing in quotes");

	start = l->pos;
	if (!read_domain(l, e))
		return false;
	return !buf_overflowed(&e->domain) || fail_at(l, start, "domain over 255 octets");
}

/* obs-route of RFC 5322 section 4.4; it is dropped, as RFC 5321 appendix C says. */
static bool skip_route(struct addr_list *l, struct parts *e)
{
	bool after_domain = false;

	for (;;) {
		if (!skip_cfws(l, e))
			return false;

		int c = peek(l);

		if (c == '@' && !after_domain) {
			if (!read_domain(l, e))
				return false;
			after_domain = true;
		} else if (c == ',') {
			l->pos++;
			after_domain = false;
		} else if (c == ':' && e->has_domain) {
			l->pos++;
			e->has_domain = false;
			return true;
		} else {
			return fail(l, c == '>' ? "no local part" : misplaced(l));
		}
	}
}

static bool read_angle(struct addr_list *l, struct parts *e)
{
	size_t open = l->pos++;
	bool routed;

	if (!skip_cfws(l, e))
		return false;
	if (peek(l) == '>') {
		l->pos++;
		return true;
	}
	if (peek(l) == END)
		return fail_at(l, open, "unbalanced <");
	routed = peek(l) == '@' || peek(l) == ',';
	if ((routed && !skip_route(l, e)) || !read_spec(l, e))
		return false;
	if (peek(l) == END)
		return fail_at(l, open, "unbalanced <");
	if (peek(l) != '>')
		return fail(l, misplaced(l));
	/* A bare name there belongs to the route's host; ours would be another. */
	if (routed && !e->has_domain)
		return fail(l, "route to a bare name");
	l->pos++;
	return true;
}

/* A mailbox whose phrase began at `start` and has been read. */
static bool read_mailbox(struct addr_list *l, struct parts *e, size_t start)
{
	if (peek(l) == '<') {
		if (!read_angle(l, e) || !skip_cfws(l, e))
			return false;
	} else {
		size_t stop = l->pos;

		buf_clear(&e->name);
		l->pos = start;
		if (!read_spec(l, e))
			return false;
		if (l->pos != stop && !e->has_domain &&
		    (phrase_is_atext(peek(l)) || peek(l) == '"'))
			return fail(l, "several words but no <address>");
	}
	if (peek(l) != END && peek(l) != ',' && peek(l) != ';')
		return fail(l, misplaced(l));
	return true;
}

static bool open_group(struct addr_list *l, const struct parts *e)
{
	if (l->in_group || e->has_at)
		return fail(l, misplaced(l));
	l->in_group = true;
	l->pos++;
	return true;
}

static bool close_group(struct addr_list *l, struct parts *e)
{
	if (!l->in_group)
		return fail(l, "semicolon outside a group");
	l->in_group = false;
	l->pos++;
	if (!skip_cfws(l, e))
		return false;
	return peek(l) == END || peek(l) == ',' || fail(l, "no comma behind the group");
}

static enum addr_next read_element(struct addr_list *l, struct parts *e)
{
	for (;;) {
		size_t start = l->pos;
		bool good = true;

		parts_clear(e);
		if (!read_phrase(l, e))
			return ADDR_BAD;

		int c = peek(l);

		if (c == ':')
			good = open_group(l, e);
		else if (e->has_words || c == '<')
			return read_mailbox(l, e, start) ? ADDR_MAILBOX : ADDR_BAD;
		else if (c == END)
			return ADDR_END;
		else if (c == ';')
			good = close_group(l, e);
		else if (c == ',')
			l->pos++;
		else
			good = fail(l, misplaced(l));
		if (!good)
			return ADDR_BAD;
	}
}

void addr_list_init(struct addr_list *l, struct span text)
{
	*l = (struct addr_list){ .text = text };
}

enum addr_next addr_next(struct addr_list *l, struct mailbox *m)
{
	struct parts e;
	enum addr_next got;

	*m = (struct mailbox){ .name = NULL };
	if (l->error != NULL)
		return ADDR_BAD;
	parts_init(&e, l->text.len);
	got = read_element(l, &e);
	if (got == ADDR_MAILBOX) {
		m->name = phrase_squeeze(buf_span(&e.name));
		m->comment = phrase_squeeze(buf_span(&e.comment));
		m->local = buf_detach(&e.local);
		m->local_end = e.local_end;
		if (e.has_domain)
			m->domain = buf_detach(&e.domain);
	}
	parts_free(&e);
	return got;
}

/* What else is wrong with the list that gave `m`, if that is to be the only one in it. */
static const char *not_the_only_one(struct addr_list *l)
{
	struct mailbox second;

	if (l->in_group)
		return "a group";
	switch (addr_next(l, &second)) {
	case ADDR_MAILBOX:
		mailbox_free(&second);
		return "more than one";
	case ADDR_BAD:
		return l->error;
	case ADDR_END:
		break;
	}
	return NULL;
}

const char *addr_parse_one(struct span text, bool allow_null, struct mailbox *m)
{
	struct addr_list l;
	const char *error;

	*m = (struct mailbox){ .name = NULL };
	if (text.len == 0 && allow_null) {
		m->local = xstrdup("");
		return NULL;
	}
	addr_list_init(&l, text);
	switch (addr_next(&l, m)) {
	case ADDR_BAD:
		return l.error;
	case ADDR_END:
		return "empty";
	case ADDR_MAILBOX:
		break;
	}
	error = not_the_only_one(&l);
	if (error == NULL && mailbox_is_null(m) && !allow_null)
		error = "the null address";
	if (error != NULL)
		mailbox_free(m);
	return error;
}

void mailbox_free(struct mailbox *m)
{
	free(m->name);
	free(m->comment);
	free(m->local);
	free(m->domain);
	*m = (struct mailbox){ .name = NULL };
}

bool mailbox_is_null(const struct mailbox *m)
{
	return m->local[0] == '\0' && m->domain == NULL;
}

/* Dot-string of RFC 5321 section 4.1.2. */
static bool is_dot_string(struct span s)
{
	bool after_dot = true;

	for (size_t i = 0; i < s.len; i++) {
		bool dot = s.p[i] == '.';

		if (dot ? after_dot : !phrase_is_atext((unsigned char)s.p[i]))
			return false;
		after_dot = dot;
	}
	return !after_dot;
}

void addr_write(const struct mailbox *m, struct buf *out)
{
	struct span local = span_of(m->local);

	/* Only the parser makes mailboxes, and it lets no control character through. */
	assert(!has_control(local.p, local.len));
	assert(m->domain == NULL || !has_control(m->domain, strlen(m->domain)));
	if (mailbox_is_null(m))
		return;
	if (is_dot_string(local))
		buf_addspan(out, local);
	else
		phrase_write_quoted(local, out);
	if (m->domain != NULL) {
		buf_addc(out, '@');
		buf_adds(out, m->domain);
	}
}
