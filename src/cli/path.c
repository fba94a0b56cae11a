/*
 * path.c - MAIL and RCPT as clients write them
 */
#include "cli/path.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static void skip_blanks(struct span *s)
{
	while (s->len > 0 && ascii_isblank(s->p[0])) {
		s->p++;
		s->len--;
	}
}

/* The length of <...> at the beginning, quoted strings respected; 0 if it does not end. */
static size_t bracketed(struct span s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && quoted)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == '>' && !quoted)
			return i + 1;
	}
	return 0;
}

static size_t word_length(struct span s)
{
	size_t i = 0;

	while (i < s.len && !ascii_isblank(s.p[i]))
		i++;
	return i;
}

static const char *take_parameter(struct path *p, char *word)
{
	struct parameter *out = &p->parameters[p->n];
	char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);

	if (p->n == PARAMETERS_MAX)
		return "too many parameters";
	if (len == 0 || len >= sizeof out->keyword)
		return "that is no parameter";
	for (size_t i = 0; i < len; i++) {
		if (!ascii_isalnum(word[i]) && word[i] != '-')
			return "that is no parameter";
		out->keyword[i] =
			word[i] >= 'a' && word[i] <= 'z' ? (char)(word[i] - 'a' + 'A') : word[i];
	}
	out->keyword[len] = '\0';
	out->value = equals != NULL ? equals + 1 : word + len;
	p->n++;
	return NULL;
}

static const char *take_parameters(struct path *p)
{
	const char *why = NULL;

	for (char *at = p->text; why == NULL && *at != '\0';) {
		size_t len = strcspn(at, " \t");
		bool last = at[len] == '\0';

		at[len] = '\0';
		if (len > 0)
			why = take_parameter(p, at);
		at += len + (last ? 0 : 1);
	}
	return why;
}

const char *path_parse(struct span text, const char *word, struct path *p)
{
	size_t len = strlen(word);

	*p = (struct path){ .n = 0 };
	skip_blanks(&text);
	if (text.len < len || ascii_ncasecmp(text.p, word, len) != 0)
		return "expected FROM:<address> or TO:<address>";
	text = (struct span){ text.p + len, text.len - len };
	skip_blanks(&text);
	if (text.len == 0 || text.p[0] != ':')
		return "expected FROM:<address> or TO:<address>";
	text = (struct span){ text.p + 1, text.len - 1 };
	skip_blanks(&text);
	len = text.len > 0 && text.p[0] == '<' ? bracketed(text) : word_length(text);
	if (len == 0)
		return "no address";
	if (len < text.len && !ascii_isblank(text.p[len]))
		return "something behind the address";
	p->address = xstrndup(text.p, len);
	p->text = xstrndup(text.p + len, text.len - len);
	return take_parameters(p);
}

void path_free(struct path *p)
{
	free(p->address);
	free(p->text);
	*p = (struct path){ .n = 0 };
}

const char *path_parameter(const struct path *p, const char *keyword)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->parameters[i].keyword, keyword) == 0)
			return p->parameters[i].value;
	return NULL;
}
