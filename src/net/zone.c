/*
 * zone.c - TXT and CNAME records, and the zone files they are written in
 */
#include "net/zone.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define NAME_TEXT_MAX  1024 /* 255 octets (RFC 1035 section 2.3.4), each as "\DDD" */
#define STRING_MAX_LEN 255  /* one length octet, section 3.3 */
#define TEXT_MAX       65535
#define ALIASES_MAX    16

void zone_init(struct zone *z)
{
	*z = (struct zone){ .n = 0 };
}

void zone_free(struct zone *z)
{
	for (size_t i = 0; i < z->n; i++) {
		free(z->rows[i].owner);
		free(z->rows[i].target);
		buf_free(&z->rows[i].text);
	}
	free(z->rows);
	zone_init(z);
}

static char *without_dot(const char *name)
{
	size_t len = strlen(name);

	return xstrndup(name, len > 0 && name[len - 1] == '.' ? len - 1 : len);
}

static struct zone_row *add_row(struct zone *z, const char *owner)
{
	if (z->n == z->size) {
		z->size = z->size == 0 ? 8 : 2 * z->size;
		z->rows = xreallocarray(z->rows, z->size, sizeof *z->rows);
	}
	z->rows[z->n] = (struct zone_row){ .owner = without_dot(owner) };
	return &z->rows[z->n++];
}

void zone_add_txt(struct zone *z, const char *owner, struct buf *text)
{
	struct zone_row *row = add_row(z, owner);

	row->text = *text;
	buf_init(text, row->text.max);
}

void zone_add_cname(struct zone *z, const char *owner, const char *target)
{
	struct zone_row *row = add_row(z, owner);

	row->target = without_dot(target);
	buf_init(&row->text, 0);
}

static const char *target_of(const struct zone *z, const char *name)
{
	for (size_t i = 0; i < z->n; i++)
		if (z->rows[i].target != NULL && ascii_casecmp(z->rows[i].owner, name) == 0)
			return z->rows[i].target;
	return NULL;
}

const char *zone_follow(const struct zone *z, const char *name)
{
	for (int i = 0; i < ALIASES_MAX; i++) {
		const char *target = target_of(z, name);

		if (target == NULL)
			return name;
		name = target;
	}
	return NULL;
}

bool zone_has_name(const struct zone *z, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < z->n; i++) {
		const char *owner = z->rows[i].owner;
		size_t more = strlen(owner);

		if (more < len || ascii_casecmp(owner + (more - len), name) != 0)
			continue;
		if (more == len || owner[more - len - 1] == '.')
			return true;
	}
	return false;
}

/* --- zone files --- */

enum token {
	TOKEN_WORD,
	TOKEN_STRING, /* was in quotes */
	TOKEN_END,    /* of the record; what ends it is still to be read */
	TOKEN_BAD     /* the result says why */
};

struct lexer {
	const char *p;
	const char *end;
	const char *file;
	int line;
	bool in_parentheses;
	struct buf token; /* of a word or a string, with its escapes undone */
	struct buf owner; /* of the record being read, or of the one above */
	struct result *r;
};

static bool complain(struct lexer *x, const char *sentence)
{
	return result_fail(x->r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: %s", x->file, x->line,
			   sentence);
}

static enum token bad(struct lexer *x, const char *sentence)
{
	complain(x, sentence);
	return TOKEN_BAD;
}

/* Behind a backslash: three digits for an octet, or a character that means itself. */
static bool read_escape(struct lexer *x)
{
	unsigned value = 0;

	if (x->p == x->end || *x->p == '\n')
		return complain(x, "a backslash ends the line");
	if (!ascii_isdigit(*x->p)) {
		buf_addc(&x->token, *x->p++);
		return true;
	}
	for (int i = 0; i < 3; i++, x->p++) {
		if (x->p == x->end || !ascii_isdigit(*x->p))
			return complain(x, "a backslash and a digit want three digits");
		value = 10 * value + (unsigned)(*x->p - '0');
	}
	if (value > 255)
		return complain(x, "the number behind a backslash is over 255");
	buf_addc(&x->token, (char)value);
	return true;
}

static bool ends_token(char c, enum token kind)
{
	return kind == TOKEN_STRING ? c == '"' : c == '\0' || strchr(" \t\r\n;()\"", c) != NULL;
}

static enum token read_token(struct lexer *x, enum token kind)
{
	buf_clear(&x->token);
	while (x->p < x->end && *x->p != '\n' && !ends_token(*x->p, kind)) {
		char c = *x->p++;

		if (c != '\\')
			buf_addc(&x->token, c);
		else if (!read_escape(x))
			return TOKEN_BAD;
	}
	if (kind == TOKEN_WORD)
		return kind;
	if (x->p == x->end || *x->p != '"')
		return bad(x, "a string without its last quote");
	x->p++;
	return kind;
}

static void skip_comment(struct lexer *x)
{
	while (x->p < x->end && *x->p != '\n')
		x->p++;
}

static enum token next_token(struct lexer *x)
{
	for (; x->p < x->end; x->p++) {
		if (*x->p == ';')
			skip_comment(x);
		if (x->p == x->end)
			break;
		switch (*x->p) {
		case '\n':
			if (!x->in_parentheses)
				return TOKEN_END;
			x->line++;
			break;
		case ' ':
		case '\t':
		case '\r':
			break;
		case '(':
		case ')':
			if ((*x->p == '(') == x->in_parentheses)
				return bad(x, "a parenthesis without its other half");
			x->in_parentheses = !x->in_parentheses;
			break;
		case '"':
			x->p++;
			return read_token(x, TOKEN_STRING);
		case '\0':
			return bad(x, "holds a NUL byte");
		default:
			return read_token(x, TOKEN_WORD);
		}
	}
	return x->in_parentheses ? bad(x, "a parenthesis without its other half") : TOKEN_END;
}

/* The token as a name. */
static bool take_name(struct lexer *x, struct buf *name)
{
	struct span token = buf_span(&x->token);

	if (token.len > 0 && (token.p[0] == '$' || span_eq(token, span_of("@"))))
		return complain(x, "$ORIGIN, $TTL and @ are not known here: write names in full");
	if (buf_overflowed(&x->token))
		return complain(x, "a name that is too long");
	for (size_t i = 0; i < token.len; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return complain(x, "a name that is not printable ASCII");
	buf_clear(name);
	buf_addspan(name, token);
	return true;
}

static bool read_cname(struct lexer *x, struct zone *z)
{
	struct buf target;
	bool ok;

	if (next_token(x) != TOKEN_WORD)
		return !result_failed(x->r) && complain(x, "CNAME wants a name");
	buf_init(&target, NAME_TEXT_MAX);
	ok = take_name(x, &target);
	if (ok && next_token(x) != TOKEN_END)
		ok = !result_failed(x->r) && complain(x, "CNAME wants one name alone");
	if (ok)
		zone_add_cname(z, buf_str(&x->owner), buf_str(&target));
	buf_free(&target);
	return ok;
}

static bool read_strings(struct lexer *x, struct buf *text)
{
	enum token t = next_token(x);

	if (t == TOKEN_END)
		return complain(x, "TXT wants strings in quotes");
	for (; t == TOKEN_STRING || t == TOKEN_WORD; t = next_token(x)) {
		if (x->token.len > STRING_MAX_LEN)
			return complain(x, "a string of more than 255 octets; split it in two: "
					   "\"...\" \"...\"");
		buf_addspan(text, buf_span(&x->token));
	}
	if (buf_overflowed(text))
		return complain(x, "a record of more than 65535 octets");
	return t == TOKEN_END;
}

static bool read_txt(struct lexer *x, struct zone *z)
{
	struct buf text;
	bool ok;

	buf_init(&text, TEXT_MAX);
	ok = read_strings(x, &text);
	if (ok)
		zone_add_txt(z, buf_str(&x->owner), &text);
	buf_free(&text);
	return ok;
}

/* "3600", "1h30m", or the class; in any order, as both may be left out. */
static bool is_ttl_or_class(struct span word)
{
	if (span_ieq(word, "IN"))
		return true;
	for (size_t i = 0; i < word.len; i++)
		if (!ascii_isalnum(word.p[i]))
			return false;
	return word.len > 0 && ascii_isdigit(word.p[0]);
}

static bool read_record(struct lexer *x, struct zone *z)
{
	bool same_owner = *x->p == ' ' || *x->p == '\t';
	enum token t = next_token(x);

	if (t == TOKEN_END)
		return true;
	if (!same_owner && t == TOKEN_WORD) {
		if (!take_name(x, &x->owner))
			return false;
		t = next_token(x);
	}
	while (t == TOKEN_WORD && is_ttl_or_class(buf_span(&x->token)))
		t = next_token(x);
	if (t == TOKEN_BAD)
		return false;
	if (x->owner.len == 0)
		return complain(x, "no name in front of the record");
	if (t == TOKEN_WORD && span_ieq(buf_span(&x->token), "TXT"))
		return read_txt(x, z);
	if (t == TOKEN_WORD && span_ieq(buf_span(&x->token), "CNAME"))
		return read_cname(x, z);
	return complain(x, "expected TXT or CNAME behind the name; no other record is known here");
}

bool zone_read(struct span text, const char *file, struct zone *z, struct result *r)
{
	struct lexer x = { .p = text.p, .file = file, .line = 1, .r = r };
	bool ok = true;

	if (text.len == 0)
		return true;
	x.end = text.p + text.len;
	buf_init(&x.token, NAME_TEXT_MAX); /* a string has no need of more */
	buf_init(&x.owner, NAME_TEXT_MAX);
	while (ok && x.p < x.end) {
		ok = read_record(&x, z);
		if (ok && x.p < x.end) {
			x.p++;
			x.line++;
		}
	}
	buf_free(&x.token);
	buf_free(&x.owner);
	return ok;
}
