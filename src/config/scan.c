/*
 * scan.c - looks over a configuration text before libconfuse reads it
 */
#include "config/scan.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define DEPTH_MAX    2           /* a list in a section */
#define VARIABLE_MAX 255         /* bytes in the name of an environment variable */
#define VALUE_MAX    (64 * 1024) /* libconfuse gets slow on a long one */

enum token { TOKEN_NONE, TOKEN_VALUE, TOKEN_EQUALS, TOKEN_LIST, TOKEN_OTHER };

struct scan {
	const char *file;
	char *p;
	size_t len;
	size_t at;
	int line;
	enum token last;
	int depth;
	int opened[DEPTH_MAX]; /* lines of the braces that are open */
	struct result *r;
};

static bool fail_at(struct scan *s, int line, const char *sentence)
{
	return result_fail(s->r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: %s", s->file, line, sentence);
}

static bool fail(struct scan *s, const char *sentence)
{
	return fail_at(s, s->line, sentence);
}

/* The byte `ahead` of the current one; a line's end when there is none. */
static char peek(const struct scan *s, size_t ahead)
{
	return ahead < s->len - s->at ? s->p[s->at + ahead] : '\n';
}

static bool is_hex(char c)
{
	return ascii_isdigit(c) || (ascii_tolower(c) >= 'a' && ascii_tolower(c) <= 'f');
}

/* A backslash in double quotes: before anything else libconfuse drops it or makes a control. */
static bool scan_escape(struct scan *s)
{
	char c = peek(s, 1);
	size_t len = 2;

	if (c == 'x' && is_hex(peek(s, 2)) && is_hex(peek(s, 3)) &&
	    (peek(s, 2) != '0' || peek(s, 3) != '0'))
		len = 4;
	else if (ascii_isalnum(c))
		return fail(s, "a backslash before a letter or digit in double quotes; write \\\\ "
			       "for a backslash, or \\xHH for a byte (not \\x00)");
	else if (c == '\n' || c == '\r')
		len = 1; /* the string is not closed, see there */
	s->at += len;
	return true;
}

/* ${VAR} or ${VAR:-default}, as far as its brace. */
static bool scan_variable(struct scan *s)
{
	char name[VARIABLE_MAX + 1];
	size_t len = 0;
	const char *end;

	s->at += strlen("${");
	while (len < VARIABLE_MAX && (ascii_isalnum(peek(s, len)) || peek(s, len) == '_'))
		len++;
	memcpy(name, s->p + s->at, len);
	name[len] = '\0';
	s->at += len;
	if (len == 0 || ascii_isdigit(name[0]) ||
	    (peek(s, 0) != '}' && (peek(s, 0) != ':' || peek(s, 1) != '-')))
		return fail(s,
			    "${ begins a variable, ${VAR} or ${VAR:-default}; write \"\\${\" for "
			    "these very characters");
	if (peek(s, 0) == '}' && getenv(name) == NULL)
		return result_fail(s->r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s:%d: ${%s} is not set in the environment; ${%s:-default} "
				   "would give a default",
				   s->file, s->line, name, name);
	end = memchr(s->p + s->at, '}', s->len - s->at);
	if (end == NULL || memchr(s->p + s->at, '\n', (size_t)(end - s->p) - s->at) != NULL)
		return fail(s, "a ${ without its }; write \"\\${\" for these very characters");
	s->at = (size_t)(end - s->p) + 1;
	return true;
}

/* A quoted string, from its first quote to behind its last. */
static bool scan_string(struct scan *s)
{
	char quote = peek(s, 0);

	for (s->at++; peek(s, 0) != quote;) {
		char c = peek(s, 0);
		bool variable = c == '$' && peek(s, 1) == '{';
		bool ok = true;

		if (c == '\n' || c == '\r')
			return fail(s,
				    "a string ends on the line it begins on: a quote is missing");
		if (variable && quote == '\'')
			return fail(s,
				    "single quotes do not expand ${...}; use double quotes, with "
				    "a backslash before the $ for these very characters");
		if (variable)
			ok = scan_variable(s);
		else if (c == '\\' && quote == '"')
			ok = scan_escape(s);
		else if (c == '\\' && (peek(s, 1) == '\'' || peek(s, 1) == '\\'))
			s->at += 2;
		else
			s->at++;
		if (!ok)
			return false;
	}
	s->at++;
	return true;
}

/* True where a word, a string or a variable may end. */
static bool is_delimiter(char c)
{
	return c != '\0' && strchr(" \t\r\n={}(),", c) != NULL;
}

/* A name or a value: a word, a string or a variable. */
static bool scan_value(struct scan *s)
{
	char first = peek(s, 0);
	size_t from = s->at;

	if (first == '"' || first == '\'') {
		if (!scan_string(s))
			return false;
	} else if (first == '$' && peek(s, 1) == '{') {
		if (!scan_variable(s))
			return false;
	} else {
		while (!is_delimiter(peek(s, 0)) && strchr("\"'#*+", peek(s, 0)) == NULL)
			s->at++;
		if (peek(s, 0) == '{' && s->p[s->at - 1] == '$')
			return fail(s, "${ in a bare word; put the whole value in double quotes");
	}
	if (peek(s, 0) == '+' && peek(s, 1) == '=')
		return fail(s, "+= is not used here: give the whole list at once, with =");
	if (!is_delimiter(peek(s, 0)))
		return fail(s, "a bare word cannot hold quotes, #, * or +, and nothing may touch "
			       "the end of a string; put the whole value in double quotes");
	if (s->at - from > VALUE_MAX)
		return fail(s, "a value of more than 65536 bytes");
	s->last = TOKEN_VALUE;
	return true;
}

/* Where the comment ends, or s->len. */
static size_t comment_end(const struct scan *s, bool block)
{
	size_t at = s->at + (block ? 2 : 0);

	if (!block) {
		while (at < s->len && s->p[at] != '\n')
			at++;
		return at;
	}
	for (; at + 1 < s->len; at++)
		if (s->p[at] == '*' && s->p[at + 1] == '/')
			return at + 2;
	return s->len + 1;
}

/* Comments become blanks: libconfuse miscounts lines behind some, and takes none in lists. */
static bool scan_comment(struct scan *s)
{
	bool block = peek(s, 0) == '/' && peek(s, 1) == '*';
	size_t end = comment_end(s, block);

	if (s->last == TOKEN_EQUALS && !block)
		return fail(s, "a comment where a value should be; put the value in double quotes");
	if (end > s->len)
		return fail(s, "a comment that is never closed");
	for (; s->at < end; s->at++) {
		if (s->p[s->at] == '\n')
			s->line++;
		else
			s->p[s->at] = ' ';
	}
	return true;
}

static bool open_brace(struct scan *s)
{
	if (s->depth == DEPTH_MAX)
		return fail(s, "a { too many: sections and lists do not nest");
	s->opened[s->depth++] = s->line;
	s->last = s->last == TOKEN_EQUALS ? TOKEN_LIST : TOKEN_OTHER;
	s->at++;
	return true;
}

static bool close_brace(struct scan *s)
{
	if (s->depth == 0)
		return fail(s, "a } without its {");
	if (s->last == TOKEN_LIST)
		return fail(s, "an empty list; leave the setting out for its default");
	s->depth--;
	s->last = TOKEN_OTHER;
	s->at++;
	return true;
}

static void skip_blanks(struct scan *s)
{
	while (ascii_isblank(peek(s, 0)))
		s->at++;
}

/* What follows include: libconfuse leaks memory when it is not one value in parentheses. */
static bool scan_call(struct scan *s)
{
	size_t from;

	s->at++;
	skip_blanks(s);
	from = s->at;
	if (!scan_value(s))
		return false;
	skip_blanks(s);
	if (s->at == from || peek(s, 0) != ')')
		return fail(s, "expected include(\"file\")");
	s->at++;
	s->last = TOKEN_OTHER;
	return true;
}

static bool scan_newline(struct scan *s)
{
	if (s->last == TOKEN_EQUALS)
		return fail(s, "nothing behind the =");
	s->line++;
	s->at++;
	return true;
}

static bool scan_token(struct scan *s)
{
	switch (peek(s, 0)) {
	case '\n':
		return scan_newline(s);
	case '\r':
		s->p[s->at] = ' ';
		s->at++;
		return true;
	case ' ':
	case '\t':
		s->at++;
		return true;
	case '{':
		return open_brace(s);
	case '}':
		return close_brace(s);
	case '=':
		s->last = TOKEN_EQUALS;
		s->at++;
		return true;
	case '(':
		return scan_call(s);
	case ')':
	case ',':
		s->last = TOKEN_OTHER;
		s->at++;
		return true;
	case '#':
		return scan_comment(s);
	case '/':
		return peek(s, 1) == '/' || peek(s, 1) == '*' ? scan_comment(s) : scan_value(s);
	default:
		return scan_value(s);
	}
}

/* Nobody means a NUL or another control character; libconfuse would end or drop text there. */
static bool refuse_controls(struct scan *s)
{
	int line = 1;

	for (size_t i = 0; i < s->len; i++) {
		char c = s->p[i];

		if (c == '\n')
			line++;
		else if (ascii_iscntrl(c) && c != '\t' && c != '\r')
			return fail_at(s, line, c == '\0' ? "a NUL byte" : "a control character");
	}
	return true;
}

/* Some editors put a byte order mark in front of UTF-8. */
static void blank_byte_order_mark(struct scan *s)
{
	if (s->len >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0)
		memset(s->p, ' ', 3);
}

bool conf_scan(const char *file, struct buf *text, struct result *r)
{
	struct scan s = { .file = file, .p = text->p, .len = text->len, .line = 1, .r = r };

	if (!refuse_controls(&s))
		return false;
	blank_byte_order_mark(&s);
	while (s.at < s.len)
		if (!scan_token(&s))
			return false;
	if (s.last == TOKEN_EQUALS)
		return fail(&s, "nothing behind the =");
	if (s.depth > 0)
		return fail_at(&s, s.opened[s.depth - 1], "a { that is never closed");
	return true;
}
