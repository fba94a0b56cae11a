/*
 * words.c - text of a header field in which what may not travel becomes encoded words
 */
#include "repair/words.h"

#include "base/util.h"
#include "mail/word.h"

#include <string.h>

#include "base/banned.h"

#define LINE_MAX      76 /* with an encoded word in it; RFC 2047 section 2 */
#define COMMENT_WORD  70 /* leaves room for parentheses, and a comma behind them */
#define WORTH_SHARING 40 /* octets of an encoded word for which the name's line is not left */

static const struct span nothing = { "", 0 };

/* Words on their way out. */
struct weaver {
	const struct words *to;
	bool in_comment;
	struct span gap; /* white space since the last word */
	struct buf run;  /* the text of encoded words that are not written yet */
	bool run_utf8;
	bool behind_encoded; /* what was written last, but for the gap, is an encoded word */
};

bool words_wrong(struct span s, bool utf8)
{
	return has_8bit(s.p, s.len) && !(utf8 && is_utf8(s.p, s.len));
}

bool words_is_blank(char c)
{
	return ascii_isblank(c) || c == '\r' || c == '\n';
}

size_t words_comment_len(struct span s)
{
	size_t depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return s.len;
}

size_t words_quoted_len(struct span s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return s.len;
}

void words_unfold(struct span s, struct buf *to)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != '\r' && s.p[i] != '\n')
			buf_addc(to, s.p[i]);
}

void words_unquote(struct span s, struct buf *to)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			continue;
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		if (s.p[i] != '\r' && s.p[i] != '\n')
			buf_addc(to, s.p[i]);
	}
}

static void begin(struct weaver *v, const struct words *to, bool in_comment, size_t len)
{
	*v = (struct weaver){ .to = to, .in_comment = in_comment, .gap = nothing };
	buf_init(&v->run, len);
}

/*
 * The length of encoded words for which there is room behind what cannot be folded away: the
 * white space they begin with, and the field's name.
 */
static size_t room(const struct weaver *v)
{
	const struct buf *out = v->to->out;
	size_t most = v->in_comment ? COMMENT_WORD : ENCODED_WORD_MAX;
	size_t at = out->len;

	while (at > v->to->value && ascii_isblank(out->p[at - 1]))
		at--;
	if (at <= v->to->value)
		at = v->to->start;

	size_t column = out->len - at;

	if (column + WORTH_SHARING > LINE_MAX || column + most <= LINE_MAX)
		return most;
	return LINE_MAX - column;
}

/* Writes the run, if there is one, with `behind` as its end. */
static bool end_run(struct weaver *v, struct span behind)
{
	if (v->run.len == 0)
		return false;
	words_unfold(behind, &v->run);
	word_encode_within(buf_span(&v->run), v->to->charset, room(v), v->to->out);
	buf_clear(&v->run);
	v->behind_encoded = true;
	return true;
}

static void put_gap(struct weaver *v)
{
	buf_addspan(v->to->out, v->gap);
	v->gap = nothing;
}

static void add_blank(struct weaver *v, struct span s)
{
	if (v->gap.len == 0)
		v->gap.p = s.p;
	v->gap.len += s.len;
}

/* `raw` is one word as it stands there; `text`, when it is not to stay, what it says. */
static void add_word(struct weaver *v, struct span raw, struct span text)
{
	struct buf *out = v->to->out;
	bool utf8 = is_utf8(text.p, text.len);

	if (!words_wrong(raw, v->to->utf8)) {
		bool encoded = word_is_encoded(raw);

		end_run(v, encoded ? v->gap : nothing);
		put_gap(v);
		buf_addspan(out, raw);
		v->behind_encoded = encoded;
	} else if (v->run.len > 0 && v->run_utf8 == utf8 && (v->in_comment || !v->to->apart)) {
		words_unfold(v->gap, &v->run);
		v->gap = nothing;
		buf_addspan(&v->run, text);
	} else {
		end_run(v, nothing);
		if (v->behind_encoded)
			words_unfold(v->gap, &v->run);
		else if (v->gap.len == 0 && !v->in_comment && !ascii_isblank(out->p[out->len - 1]))
			buf_addc(out, ' ');
		put_gap(v);
		buf_addspan(&v->run, text);
		v->run_utf8 = utf8;
	}
}

/* All is written; true when a new encoded word is the last. */
static bool finish(struct weaver *v)
{
	bool encoded = end_run(v, nothing) && v->gap.len == 0;

	put_gap(v);
	v->behind_encoded = false;
	return encoded;
}

/* Octets in front of the first character that is, or is not, white space. */
static size_t span_of_blanks(struct span s, bool blank)
{
	size_t len = 0;

	while (len < s.len && words_is_blank(s.p[len]) == blank)
		len++;
	return len;
}

/* Cuts off the front. */
static struct span take(struct span *rest, size_t len)
{
	struct span front = { rest->p, len };

	rest->p += len;
	rest->len -= len;
	return front;
}

void words_text(const struct words *w, struct span text)
{
	struct weaver v;

	begin(&v, w, false, text.len);
	while (text.len > 0) {
		struct span word;

		add_blank(&v, take(&text, span_of_blanks(text, true)));
		word = take(&text, span_of_blanks(text, false));
		if (word.len > 0)
			add_word(&v, word, word);
	}
	finish(&v);
	buf_free(&v.run);
}

/*
 * Up to white space or a comment. Quoted strings may be in it, and so may anything in brackets:
 * one without the other would change what a colon behind it means. A comment in there is text.
 */
static size_t phrase_word_len(struct span s)
{
	bool in_brackets = false;
	size_t len = 0;

	while (len < s.len && (in_brackets || !(words_is_blank(s.p[len]) || s.p[len] == '('))) {
		struct span rest = { s.p + len, s.len - len };

		if (rest.p[0] == '"')
			len += words_quoted_len(rest);
		else if (rest.p[0] == '(')
			len += words_comment_len(rest);
		else
			len++;
		in_brackets = rest.p[0] == '[' || (in_brackets && rest.p[0] != ']');
	}
	return len;
}

bool words_phrase(const struct words *w, struct span phrase)
{
	struct weaver v;
	struct buf text;
	bool encoded;

	begin(&v, w, false, phrase.len);
	buf_init(&text, phrase.len);
	while (phrase.len > 0) {
		struct span word;

		add_blank(&v, take(&phrase, span_of_blanks(phrase, true)));
		if (phrase.len > 0 && phrase.p[0] == '(') {
			if (finish(&v))
				buf_addc(w->out, ' ');
			words_comment(w, take(&phrase, words_comment_len(phrase)));
			continue;
		}
		word = take(&phrase, phrase_word_len(phrase));
		if (word.len == 0)
			continue;
		buf_clear(&text);
		words_unquote(word, &text);
		add_word(&v, word, buf_span(&text));
	}
	encoded = finish(&v);
	buf_free(&text);
	buf_free(&v.run);
	return encoded;
}

/* Is an encoded word, it seems, the last but for blanks? */
static bool ends_in_word(const struct words *w)
{
	size_t end = w->out->len;

	while (end > w->value && ascii_isblank(w->out->p[end - 1]))
		end--;
	return end > w->value + 2 && memcmp(w->out->p + end - 2, "?=", 2) == 0;
}

bool words_whole(const struct words *w, struct span word)
{
	struct weaver v;
	struct buf text;
	bool encoded;

	begin(&v, w, false, word.len + 1);
	buf_init(&text, word.len + 1);
	if (ends_in_word(w))
		buf_addc(&text, ' ');
	words_unfold(word, &text);
	add_word(&v, word, buf_span(&text));
	encoded = finish(&v);
	buf_free(&text);
	buf_free(&v.run);
	return encoded;
}

/* Up to white space or a parenthesis that no backslash quotes; a backslash quotes no line break. */
static size_t comment_word_len(struct span s)
{
	size_t len = 0;

	while (len < s.len && !words_is_blank(s.p[len]) && s.p[len] != '(' && s.p[len] != ')') {
		bool pair = s.p[len] == '\\' && len + 1 < s.len && s.p[len + 1] != '\r' &&
			    s.p[len + 1] != '\n';

		len += pair ? 2 : 1;
	}
	return len;
}

static void unescape(struct span s, struct buf *to)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		buf_addc(to, s.p[i]);
	}
}

void words_comment(const struct words *w, struct span comment)
{
	struct weaver v;
	struct buf text;

	if (!words_wrong(comment, w->utf8)) {
		buf_addspan(w->out, comment);
		return;
	}
	begin(&v, w, true, comment.len);
	buf_init(&text, comment.len);
	while (comment.len > 0) {
		struct span word;

		add_blank(&v, take(&comment, span_of_blanks(comment, true)));
		if (comment.len > 0 && (comment.p[0] == '(' || comment.p[0] == ')')) {
			finish(&v);
			buf_addspan(w->out, take(&comment, 1));
			continue;
		}
		word = take(&comment, comment_word_len(comment));
		if (word.len == 0)
			continue;
		buf_clear(&text);
		unescape(word, &text);
		add_word(&v, word, buf_span(&text));
	}
	finish(&v);
	buf_free(&text);
	buf_free(&v.run);
}
