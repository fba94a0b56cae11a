/*
 * phrase.c - display names: cleaning them, quoting them, writing them
 */
#include "mail/phrase.h"

#include "base/util.h"
#include "mail/addr.h"
#include "mail/word.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

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

static bool is_atom(struct span s)
{
	size_t len = 0;

	while (len < s.len && phrase_is_atext((unsigned char)s.p[len]))
		len++;
	return len > 0 && len == s.len;
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
		any_encoded = any_encoded || (is_atom(word) && word_is_encoded(word));
	}
	if (has_8bit(text.p, text.len)) {
		word_encode(text, CHARSET_UNKNOWN, out);
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
