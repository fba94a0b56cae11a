/*
 * words.h - text of a header field in which what may not travel becomes encoded words
 *
 * An encoded word swallows the white space between itself and the next one (RFC 2047 section
 * 6.2). So words that follow each other are encoded together with what is between them, and where
 * an encoded word stood already, the white space is encoded with its new neighbour.
 */
#ifndef MAILCHUTE_REPAIR_WORDS_H
#define MAILCHUTE_REPAIR_WORDS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* The field that is being written, and how. All borrowed. */
struct words {
	struct buf *out;
	size_t start; /* where in `out` the field begins, */
	size_t value; /* and its value */
	bool utf8;    /* UTF-8 may stay */
	bool apart;   /* words of a phrase stay as many as they are, none is joined to the next */
	const char *charset;
};

/* Beyond what may travel: ASCII, or UTF-8 where that may stay. */
bool words_wrong(struct span s, bool utf8);
/* White space, or part of folding. */
bool words_is_blank(char c);
/* Octets of the comment or quoted string in front, with both ends; all of it when one is missing.
 */
size_t words_comment_len(struct span s);
size_t words_quoted_len(struct span s);
/* Appends the text without the line breaks of folding. */
void words_unfold(struct span s, struct buf *to);
/* Appends what words, some of which may be quoted strings, say. */
void words_unquote(struct span s, struct buf *to);

/* Unstructured text: words are what stands between white space. */
void words_text(const struct words *w, struct span text);
/*
 * A phrase: words may be quoted strings, and comments may stand in between. True when it ends in a
 * new encoded word, to which white space is due before anything else comes.
 */
bool words_phrase(const struct words *w, struct span phrase);
/* The same for what is one word, white space and all. */
bool words_whole(const struct words *w, struct span word);
/* A comment with its parentheses. */
void words_comment(const struct words *w, struct span comment);

#endif
