/*
 * phrase.c - display names: cleaning them, quoting them, encoding them after RFC 2047
 */
#include "mail/phrase.h"

#include "base/base64.h"
#include "base/util.h"
#include "mail/addr.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define ENCODED_WORD_MAX 75 /* RFC 2047 section 2 */

bool phrase_is_atext(int c)
{
	return c >= 0x80 ||
	       (c > 0 && (ascii_isalnum((char)c) || strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL));
}

char *phrase_squeeze(struct span text)
{
	char *out = xmalloc(text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool blank = text.p[i] == ' ' || ascii_iscntrl(text.p[i]);

		if (!blank)
			out[len++] = text.p[i];
		else if (len > 0 && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	if (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
	if (len > 0)
		return out;
	free(out);
	return NULL;
}

void phrase_write_quoted(struct span s, struct buf *out)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, s.p[i]);
	}
	buf_addc(out, '"');
}

/* An encoding of RFC 2047: how many octets it makes of some bytes, and how it writes them. */
struct encoding {
	char letter;
	size_t (*size)(struct span s);
	void (*write)(struct span s, struct buf *out);
};

/* RFC 2047 section 5 rule (3): what stands for itself in a phrase; a blank is "_". */
static bool q_is_plain(char c)
{
	return ascii_isalnum(c) || (c != '\0' && strchr("!*+-/ ", c) != NULL);
}

static size_t q_size(struct span s)
{
	size_t size = 0;

	for (size_t i = 0; i < s.len; i++)
		size += q_is_plain(s.p[i]) ? 1 : 3;
	return size;
}

static void q_write(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == ' ')
			buf_addc(out, '_');
		else if (q_is_plain(s.p[i]))
			buf_addc(out, s.p[i]);
		else
			buf_addf(out, "=%02X", (unsigned int)(unsigned char)s.p[i]);
	}
}

static size_t b_size(struct span s)
{
	return (s.len + 2) / 3 * 4;
}

static void b_write(struct span s, struct buf *out)
{
	base64_write(s.p, s.len, out);
}

static const struct encoding encoding_q = { 'Q', q_size, q_write };
static const struct encoding encoding_b = { 'B', b_size, b_write };

/* As much of the front of `s` as is at most `room` octets when encoded; whole characters. */
static struct span fitting(struct span s, const struct encoding *as, bool utf8, size_t room)
{
	struct span front = { s.p, 0 };

	while (front.len < s.len) {
		struct span more = { s.p, front.len + 1 };

		while (utf8 && more.len < s.len && ((unsigned char)s.p[more.len] & 0xc0) == 0x80)
			more.len++;
		if (as->size(more) > room)
			break;
		front = more;
	}
	return front;
}

static void write_encoded(struct span s, struct buf *out)
{
	bool utf8 = is_utf8(s.p, s.len);
	const char *charset = utf8 ? "UTF-8" : "unknown-8bit";
	const struct encoding *as = b_size(s) < q_size(s) ? &encoding_b : &encoding_q;
	size_t room = ENCODED_WORD_MAX -
		      strlen("=?"
			     "?Q?"
			     "?=") -
		      strlen(charset);

	while (s.len > 0) {
		struct span part = fitting(s, as, utf8, room);

		buf_addf(out, "=?%s?%c?", charset, as->letter);
		as->write(part, out);
		buf_adds(out, "?=");
		s.p += part.len;
		s.len -= part.len;
		if (s.len > 0)
			buf_addc(out, ' ');
	}
}

static bool is_atom(struct span s)
{
	size_t len = 0;

	while (len < s.len && phrase_is_atext((unsigned char)s.p[len]))
		len++;
	return len > 0 && len == s.len;
}

static bool is_encoded_word(struct span s)
{
	return s.len > 4 && s.len <= ENCODED_WORD_MAX && is_atom(s) && memcmp(s.p, "=?", 2) == 0 &&
	       memcmp(s.p + s.len - 2, "?=", 2) == 0;
}

/* The front of `rest` up to a blank, which is dropped; false when nothing is left. */
static bool next_word(struct span *rest, struct span *word)
{
	const char *blank = memchr(rest->p, ' ', rest->len);

	*word = *rest;
	if (blank != NULL)
		word->len = (size_t)(blank - rest->p);
	rest->p += word->len + (blank != NULL);
	rest->len -= word->len + (blank != NULL);
	return word->len > 0;
}

void addr_write_phrase(const char *name, struct buf *out)
{
	char *clean = phrase_squeeze(span_of(name));
	struct span text = span_of(clean != NULL ? clean : "");
	struct span rest = text;
	struct span word;
	bool all_atoms = true;
	bool any_encoded = false;

	while (next_word(&rest, &word)) {
		all_atoms = all_atoms && is_atom(word);
		any_encoded = any_encoded || is_encoded_word(word);
	}
	if (has_8bit(text.p, text.len)) {
		write_encoded(text, out);
	} else if (all_atoms) {
		buf_addspan(out, text);
	} else if (!any_encoded) {
		phrase_write_quoted(text, out);
	} else {
		/* Quotes around an encoded word would make its code the name. */
		for (rest = text; next_word(&rest, &word);) {
			if (word.p != text.p)
				buf_addc(out, ' ');
			if (is_atom(word))
				buf_addspan(out, word);
			else
				phrase_write_quoted(word, out);
		}
	}
	free(clean);
}
