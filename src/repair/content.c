/*
 * content.c - what the header of a MIME entity says about its content
 */
#include "repair/content.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define VALUE_MAX 1000

/* A structured value while it is read. */
struct reader {
	struct span rest;
};

static int peek(const struct reader *in)
{
	return in->rest.len > 0 ? (unsigned char)in->rest.p[0] : -1;
}

static void skip(struct reader *in)
{
	in->rest.p++;
	in->rest.len--;
}

/*
 * White space, line breaks and comments (RFC 5322 section 3.2.2). A comment that never closes takes
 * all with it.
 */
static void skip_cfws(struct reader *in)
{
	size_t depth = 0;

	for (; in->rest.len > 0; skip(in)) {
		char c = in->rest.p[0];

		if (c == '(')
			depth++;
		else if (depth == 0 && !ascii_isblank(c) && c != '\r' && c != '\n')
			return;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == '\\' && depth > 0 && in->rest.len > 1)
			skip(in);
	}
}

/* token of RFC 2045 section 5.1 */
static bool is_token_char(int c)
{
	return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static void read_token(struct reader *in, struct buf *out)
{
	while (is_token_char(peek(in))) {
		buf_addc(out, in->rest.p[0]);
		skip(in);
	}
}

static void read_quoted(struct reader *in, struct buf *out)
{
	for (skip(in); in->rest.len > 0 && in->rest.p[0] != '"'; skip(in)) {
		if (in->rest.p[0] == '\\' && in->rest.len > 1)
			skip(in);
		if (in->rest.p[0] != '\r' && in->rest.p[0] != '\n')
			buf_addc(out, in->rest.p[0]);
	}
	if (in->rest.len > 0)
		skip(in);
}

/*
 * A value without quotes: boundaries in use have characters that a token has not, such as "="
 * and "/". It ends at a semicolon or white space.
 */
static void read_value(struct reader *in, struct buf *out)
{
	if (peek(in) == '"') {
		read_quoted(in, out);
		return;
	}
	for (int c = peek(in); c > ' ' && c != ';' && c != '('; c = peek(in)) {
		buf_addc(out, (char)c);
		skip(in);
	}
}

/* Up to the next parameter, whatever stands in between. */
static bool next_parameter(struct reader *in)
{
	struct buf ignored;

	buf_init(&ignored, 0);
	for (skip_cfws(in); peek(in) != -1 && peek(in) != ';'; skip_cfws(in)) {
		if (peek(in) == '"')
			read_quoted(in, &ignored);
		else
			skip(in);
	}
	if (peek(in) == -1)
		return false;
	skip(in);
	skip_cfws(in);
	return true;
}

static void store_parameter(struct content *c, const char *name, const struct buf *value)
{
	const struct {
		const char *name;
		char **to;
		size_t max;
	} known[] = {
		{ "boundary", &c->boundary, BOUNDARY_MAX },
		{ "charset", &c->charset, VALUE_MAX },
	};

	if (ascii_casecmp(name, "charset") == 0 || ascii_ncasecmp(name, "charset*", 8) == 0)
		c->has_charset = true;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (ascii_casecmp(name, known[i].name) == 0 && *known[i].to == NULL &&
		    value->len > 0 && value->len <= known[i].max &&
		    memchr(value->p, '\0', value->len) == NULL && !has_8bit(value->p, value->len))
			*known[i].to = xstrdup(buf_str(value));
}

static void read_parameter(struct reader *in, struct content *c)
{
	struct buf name, value;

	buf_init(&name, VALUE_MAX);
	buf_init(&value, VALUE_MAX);
	read_token(in, &name);
	skip_cfws(in);
	if (peek(in) == '=') {
		skip(in);
		skip_cfws(in);
		read_value(in, &value);
		if (!buf_overflowed(&name) && !buf_overflowed(&value))
			store_parameter(c, buf_str(&name), &value);
	}
	buf_free(&name);
	buf_free(&value);
}

/* A blank at the end of a boundary cannot be told from one behind it (RFC 2046 section 5.1.1). */
static void trim_boundary(struct content *c)
{
	size_t len = c->boundary != NULL ? strlen(c->boundary) : 0;

	while (len > 0 && ascii_isblank(c->boundary[len - 1]))
		c->boundary[--len] = '\0';
	if (c->boundary != NULL && len == 0) {
		free(c->boundary);
		c->boundary = NULL;
	}
}

static void read_type(struct span value, struct content *c)
{
	struct reader in = { value };
	struct buf type;

	buf_init(&type, VALUE_MAX);
	skip_cfws(&in);
	read_token(&in, &type);
	skip_cfws(&in);
	if (peek(&in) == '/') {
		skip(&in);
		skip_cfws(&in);
		buf_addc(&type, '/');
		read_token(&in, &type);
		for (size_t i = 0; i < type.len; i++)
			type.p[i] = ascii_tolower(type.p[i]);
		if (!buf_overflowed(&type) && peek(&in) < 0x80)
			c->type = buf_detach(&type);
	}
	buf_free(&type);
	while (next_parameter(&in))
		read_parameter(&in, c);
	trim_boundary(c);
}

static enum content_encoding read_encoding(struct span value)
{
	static const struct {
		const char *name;
		enum content_encoding encoding;
	} known[] = {
		{ "", CONTENT_7BIT },
		{ "7bit", CONTENT_7BIT },
		{ "7-bit", CONTENT_7BIT },
		{ "8bit", CONTENT_8BIT },
		{ "8-bit", CONTENT_8BIT }, /* what some mailers write for it */
		{ "utf-8", CONTENT_8BIT },
		{ "binary", CONTENT_BINARY },
		{ "quoted-printable", CONTENT_QP },
		{ "base64", CONTENT_BASE64 },
	};
	struct reader in = { value };
	enum content_encoding found = CONTENT_UNKNOWN;
	struct buf name;

	buf_init(&name, VALUE_MAX);
	skip_cfws(&in);
	read_token(&in, &name);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (ascii_casecmp(buf_str(&name), known[i].name) == 0)
			found = known[i].encoding;
	/* Neither a beginning nor nothing at all is the whole of it. */
	if (peek(&in) >= 0x80 || (name.len == 0 && peek(&in) != -1 && peek(&in) != ';'))
		found = CONTENT_UNKNOWN;
	buf_free(&name);
	return found;
}

size_t content_find(const struct header *h, const char *name)
{
	size_t at = 0;

	while (at < h->n && !span_ieq(header_name(h, at), name))
		at++;
	return at;
}

void content_read(const struct header *h, struct content *c)
{
	size_t type = content_find(h, "Content-Type");
	size_t encoding = content_find(h, "Content-Transfer-Encoding");

	*c = (struct content){
		.has_type_field = type < h->n,
		.has_encoding_field = encoding < h->n,
		.has_version_field = content_find(h, "MIME-Version") < h->n,
	};
	if (c->has_type_field)
		read_type(header_value(h, type), c);
	if (c->has_encoding_field)
		c->encoding = read_encoding(header_value(h, encoding));
}

void content_free(struct content *c)
{
	free(c->type);
	free(c->boundary);
	free(c->charset);
	*c = (struct content){ .type = NULL };
}

bool content_is(const struct content *c, const char *type)
{
	size_t len = strlen(type);

	if (c->type == NULL)
		return false;
	return type[len - 1] == '/' ? strncmp(c->type, type, len) == 0 : strcmp(c->type, type) == 0;
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool content_same(const struct header *a, const struct header *b)
{
	struct content x, y;

	content_read(a, &x);
	content_read(b, &y);
	bool same = same_text(x.type, y.type) && same_text(x.boundary, y.boundary) &&
		    x.encoding == y.encoding;
	content_free(&x);
	content_free(&y);
	return same;
}
