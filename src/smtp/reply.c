/*
 * reply.c - what an SMTP server says
 */
#include "smtp/reply.h"

#include "base/util.h"

#include <string.h>

#include "base/banned.h"

void reply_init(struct reply *r)
{
	*r = (struct reply){ .code = 0 };
	buf_init(&r->text, REPLY_MAX);
}

void reply_free(struct reply *r)
{
	buf_free(&r->text);
	reply_init(r);
}

void reply_clear(struct reply *r)
{
	buf_clear(&r->text);
	r->code = 0;
	r->enhanced[0] = '\0';
}

/* Three digits, 200 to 599; 0 if it is none. */
static int code_of(struct span line)
{
	if (line.len < 3 || line.p[0] < '2' || line.p[0] > '5' || !ascii_isdigit(line.p[1]) ||
	    !ascii_isdigit(line.p[2]))
		return 0;
	return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

/*
 * The length of an enhanced status code at the beginning of a line's text, 0 if there is none:
 * class "." subject "." detail, one to three digits each (RFC 3463 section 2), then a blank or
 * the end.
 */
static size_t enhanced_length(struct span text)
{
	size_t i = 1;

	if (text.len < 5 || strchr("245", text.p[0]) == NULL || text.p[0] == '\0')
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (i >= text.len || text.p[i++] != '.')
			return 0;
		while (i < text.len && digits < 4 && ascii_isdigit(text.p[i])) {
			i++;
			digits++;
		}
		if (digits < 1 || digits > 3)
			return 0;
	}
	return i == text.len || text.p[i] == ' ' ? i : 0;
}

static void take_text(struct reply *r, struct span text)
{
	size_t len = enhanced_length(text);

	if (len > 0 && text.p[0] - '0' == r->code / 100) {
		if (r->enhanced[0] == '\0') {
			memcpy(r->enhanced, text.p, len);
			r->enhanced[len] = '\0';
		}
		len += len < text.len ? 1 : 0;
		text.p += len;
		text.len -= len;
	}
	buf_addspan(&r->text, text);
}

enum reply_state reply_line(struct reply *r, struct span line)
{
	int code = code_of(line);
	bool more = line.len > 3 && line.p[3] == '-';

	if (code == 0 || (r->code != 0 && code != r->code))
		return REPLY_BAD;
	if (line.len > 3 && line.p[3] != ' ' && !more)
		return REPLY_BAD;
	if (r->code != 0)
		buf_addc(&r->text, '\n');
	r->code = code;
	if (line.len > 4)
		take_text(r, (struct span){ line.p + 4, line.len - 4 });
	if (buf_overflowed(&r->text))
		return REPLY_BAD;
	return more ? REPLY_MORE : REPLY_DONE;
}

char *reply_words(const struct reply *r)
{
	char *line = xasprintf("%d%s%s %s", r->code, r->enhanced[0] != '\0' ? " " : "", r->enhanced,
			       buf_str(&r->text));

	for (char *p = line; *p != '\0'; p++)
		if (ascii_iscntrl(*p))
			*p = ' ';
	return line;
}
