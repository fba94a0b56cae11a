/*
 * ehlo.c - what the server says it can do
 */
#include "smtp/ehlo.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static void take_size(struct ehlo *e, struct span parameters);
static void take_mechanisms(struct ehlo *e, struct span parameters);
static void take_limits(struct ehlo *e, struct span parameters);
static void take_hold(struct ehlo *e, struct span parameters);

/* Keywords are compared whole: STARTTLSX is not STARTTLS. */
static const struct {
	const char *keyword;
	unsigned extension;
	void (*take)(struct ehlo *e, struct span parameters);
} extensions[] = {
	{ "STARTTLS", EXT_STARTTLS, NULL },       { "PIPELINING", EXT_PIPELINING, NULL },
	{ "SIZE", EXT_SIZE, take_size },          { "8BITMIME", EXT_8BITMIME, NULL },
	{ "AUTH", EXT_AUTH, take_mechanisms },    { "DSN", EXT_DSN, NULL },
	{ "REQUIRETLS", EXT_REQUIRETLS, NULL },   { "SMTPUTF8", EXT_SMTPUTF8, NULL },
	{ "CHUNKING", EXT_CHUNKING, NULL },       { "LIMITS", EXT_LIMITS, take_limits },
	{ "MT-PRIORITY", EXT_MT_PRIORITY, NULL }, { "FUTURERELEASE", EXT_FUTURERELEASE, take_hold },
	{ "PIPECONNECT", EXT_PIPECONNECT, NULL },
};

void ehlo_init(struct ehlo *e)
{
	*e = (struct ehlo){ .extensions = 0 };
	buf_init(&e->mechanisms, EHLO_MECHANISMS_MAX);
}

void ehlo_free(struct ehlo *e)
{
	buf_free(&e->mechanisms);
	ehlo_init(e);
}

/* Cuts the first word off the text. */
static struct span next_word(struct span *text)
{
	struct span word;
	size_t i = 0;

	*text = span_trim(*text);
	while (i < text->len && !ascii_isblank(text->p[i]))
		i++;
	word = (struct span){ text->p, i };
	text->p += i;
	text->len -= i;
	return word;
}

/* 0 for what is no number, or too large to be one that limits us. */
static uint64_t number_of(struct span word)
{
	char *digits = xstrndup(word.len > 0 ? word.p : "", word.len);
	uint64_t number;

	if (!parse_number(digits, UINT64_MAX / 2, &number))
		number = 0;
	free(digits);
	return number;
}

static void take_size(struct ehlo *e, struct span parameters)
{
	e->size = number_of(next_word(&parameters));
}

/* RFC 4865 section 3: max-future-release-interval, max-future-release-date-time. */
static void take_hold(struct ehlo *e, struct span parameters)
{
	e->hold_max = number_of(next_word(&parameters));
	struct span date = next_word(&parameters);

	if (date.len == EHLO_DATE && date.p[EHLO_DATE - 1] == 'Z')
		memcpy(e->hold_until, date.p, EHLO_DATE);
}

/* RFC 9422 section 4: NAME=VALUE, those we know. */
static void take_limits(struct ehlo *e, struct span parameters)
{
	struct span word;

	while ((word = next_word(&parameters)).len > 0) {
		const char *equals = memchr(word.p, '=', word.len);
		size_t len = equals != NULL ? (size_t)(equals - word.p) : word.len;
		struct span name = { word.p, len };

		if (equals == NULL)
			continue;
		if (span_ieq(name, "RCPTMAX"))
			e->rcpt_max = number_of((struct span){ equals + 1, word.len - len - 1 });
		else if (span_ieq(name, "MAILMAX"))
			e->mail_max = number_of((struct span){ equals + 1, word.len - len - 1 });
	}
}

static void take_mechanisms(struct ehlo *e, struct span parameters)
{
	struct span word;

	while ((word = next_word(&parameters)).len > 0) {
		if (e->mechanisms.len == 0)
			buf_addc(&e->mechanisms, ' ');
		for (size_t i = 0; i < word.len; i++) {
			char c = word.p[i];

			buf_addc(&e->mechanisms, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
		}
		buf_addc(&e->mechanisms, ' ');
	}
}

static void take_line(struct ehlo *e, struct span line)
{
	struct span keyword = next_word(&line);
	const size_t auth = strlen("AUTH=");

	/* The form of AUTH before RFC 2554, which some servers still send for old clients. */
	if (keyword.len > auth && ascii_ncasecmp(keyword.p, "AUTH=", auth) == 0) {
		take_mechanisms(e, (struct span){ keyword.p + auth, keyword.len - auth });
		take_mechanisms(e, line);
		e->extensions |= EXT_AUTH;
		return;
	}
	for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
		if (!span_ieq(keyword, extensions[i].keyword))
			continue;
		e->extensions |= extensions[i].extension;
		if (extensions[i].take != NULL)
			extensions[i].take(e, line);
	}
}

void ehlo_parse(struct ehlo *e, struct span text)
{
	bool greeting = true;

	ehlo_free(e);
	while (text.len > 0) {
		const char *end = memchr(text.p, '\n', text.len);
		size_t len = end != NULL ? (size_t)(end - text.p) : text.len;

		if (!greeting)
			take_line(e, (struct span){ text.p, len });
		greeting = false;
		len += end != NULL ? 1 : 0;
		text.p += len;
		text.len -= len;
	}
}

bool ehlo_has(const struct ehlo *e, unsigned extension)
{
	return (e->extensions & extension) != 0;
}

bool ehlo_takes_utf8(const struct ehlo *e)
{
	return ehlo_has(e, EXT_SMTPUTF8) && ehlo_has(e, EXT_8BITMIME);
}

bool ehlo_has_mechanism(const struct ehlo *e, const char *mechanism)
{
	char *word = xasprintf(" %s ", mechanism);
	bool has = strstr(buf_str(&e->mechanisms), word) != NULL;

	free(word);
	return has;
}
