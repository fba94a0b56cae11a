/*
 * mailboxes.c - address fields: names and comments as encoded words, domains as A-labels
 *
 * addr_next() has read the list, so its structure is sound and a simple walk finds it again: an
 * element is a phrase up to "<" or ":", else an address. Everything but what must change is copied.
 * Where the list cannot be read the same walk finds what a lenient reader may take for structure.
 */
#include "repair/mailboxes.h"

#include "base/util.h"
#include "mail/idn.h"
#include "mail/phrase.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

bool mailboxes_read(struct span value, bool utf8, struct mailbox *m)
{
	struct addr_list list;
	struct mailbox next;
	enum addr_next got;

	*m = (struct mailbox){ .local = NULL };
	addr_list_init(&list, value);
	while ((got = addr_next(&list, &next)) == ADDR_MAILBOX) {
		if (m->local == NULL && words_wrong(span_of(next.local), utf8))
			*m = next;
		else
			mailbox_free(&next);
	}
	if (got == ADDR_BAD)
		mailbox_free(m);
	return got != ADDR_BAD;
}

static struct span part(struct span s, size_t from, size_t to)
{
	return (struct span){ s.p + from, to - from };
}

/* Octets of a quoted string, of a comment, or of one character in front. */
static size_t token_len(struct span s)
{
	if (s.p[0] == '"')
		return words_quoted_len(s);
	if (s.p[0] == '(')
		return words_comment_len(s);
	return 1;
}

/* Where the element's first "<", ":", "," or ";" is; an IPv6 literal has colons too. */
static size_t element_len(struct span s)
{
	bool in_brackets = false;
	size_t len = 0;

	while (len < s.len) {
		char c = s.p[len];

		if (c == '<' || c == ',' || c == ';' || (c == ':' && !in_brackets))
			break;
		in_brackets = c == '[' || (in_brackets && c != ']');
		len += token_len(part(s, len, s.len));
	}
	return len;
}

/* With both ends. */
static size_t angle_len(struct span s)
{
	size_t len = 0;

	while (len < s.len && s.p[len] != '>')
		len += token_len(part(s, len, s.len));
	return len < s.len ? len + 1 : s.len;
}

static size_t cfws_len(struct span s)
{
	size_t len = 0;

	while (len < s.len && (words_is_blank(s.p[len]) || s.p[len] == '('))
		len += token_len(part(s, len, s.len));
	return len;
}

static size_t atom_len(struct span s)
{
	size_t len = 0;

	while (len < s.len && phrase_is_atext((unsigned char)s.p[len]))
		len++;
	return len;
}

/*
 * What stands behind an "@": appends its atoms and dots to `domain` and returns where the last
 * of them ends. There is nothing to convert in an address literal, for which this is 0.
 */
static size_t read_domain(struct span s, struct buf *domain)
{
	size_t at = 0, end = 0;

	for (;;) {
		at += cfws_len(part(s, at, s.len));

		size_t len = atom_len(part(s, at, s.len));

		if (len == 0 && at < s.len && s.p[at] == '.')
			len = 1;
		else if (end > 0 && domain->p[domain->len - 1] != '.')
			return end;
		if (len == 0)
			return end;
		buf_add(domain, s.p + at, len);
		at += len;
		end = at;
	}
}

/* The comments alone, a blank in front of each. */
static void write_comments(const struct words *w, struct span s)
{
	size_t len;

	for (size_t at = 0; at < s.len; at += len) {
		len = token_len(part(s, at, s.len));
		if (s.p[at] != '(')
			continue;
		buf_addc(w->out, ' ');
		words_comment(w, part(s, at, at + len));
	}
}

/*
 * The domain behind an "@", as A-labels when it may not travel; *len is what was taken of `s`.
 * Comments from its inside are behind it then.
 */
static bool write_domain(const struct words *w, struct span s, struct span name, size_t *len,
			 struct result *r)
{
	struct buf domain;
	char *ascii;
	const char *why;
	bool ok = true;

	buf_init(&domain, s.len);
	*len = read_domain(s, &domain);
	if (!words_wrong(buf_span(&domain), w->utf8)) {
		*len = 0;
	} else if ((why = idn_to_ascii(buf_str(&domain), &ascii)) != NULL) {
		ok = result_fail(r, CAUSE_DATA, STEP_HEADER,
				 "the header field %.*s holds an address at \"%s\": %s",
				 (int)name.len, name.p, buf_str(&domain), why);
	} else {
		buf_adds(w->out, ascii);
		free(ascii);
		write_comments(w, part(s, 0, *len));
	}
	buf_free(&domain);
	return ok;
}

/* An address, or what stands behind one. */
static bool write_spec(const struct words *w, struct span s, struct span name, struct result *r)
{
	size_t len;

	for (size_t at = 0; at < s.len; at += len) {
		struct span rest = part(s, at, s.len);

		len = token_len(rest);
		if (rest.p[0] == '(')
			words_comment(w, part(rest, 0, len));
		else
			buf_add(w->out, rest.p, len);
		if (rest.p[0] == '@') {
			if (!write_domain(w, part(rest, 1, rest.len), name, &len, r))
				return false;
			len++;
		}
	}
	return true;
}

bool mailboxes_write(const struct words *w, struct span value, struct span name, struct result *r)
{
	size_t len;

	for (size_t at = 0; at < value.len; at += len) {
		struct span rest = part(value, at, value.len);
		bool phrase;

		if (rest.p[0] == '<') {
			len = angle_len(rest);
			if (!write_spec(w, part(rest, 0, len), name, r))
				return false;
			continue;
		}
		len = element_len(rest);
		phrase = len < rest.len && (rest.p[len] == '<' || rest.p[len] == ':');
		if (phrase && words_phrase(w, part(rest, 0, len)))
			buf_addc(w->out, ' ');
		if (!phrase && !write_spec(w, part(rest, 0, len), name, r))
			return false;
		if (len < rest.len && rest.p[len] != '<')
			buf_addc(w->out, rest.p[len++]);
	}
	return true;
}

/*
 * Words are not joined: two words that are no address would become one, which is a mailbox. What
 * is in angle brackets becomes one word, as an encoded word in an address is another address.
 */
void mailboxes_text(const struct words *w, struct span value)
{
	struct words apart = *w;
	size_t at = 0;

	apart.apart = true;
	while (at < value.len) {
		struct span rest = part(value, at, value.len);
		bool angle = rest.p[0] == '<';
		size_t len = angle ? angle_len(rest) : element_len(rest);
		bool due = angle ? words_whole(&apart, part(rest, 0, len))
				 : words_phrase(&apart, part(rest, 0, len));

		at += len;
		if (due && at < value.len && !words_is_blank(value.p[at]))
			buf_addc(w->out, ' ');
		if (!angle && at < value.len && value.p[at] != '<')
			buf_addc(w->out, value.p[at++]);
	}
}
