/*
 * tags.c - tag=value lists
 */
#include "dkim/tags.h"

#include "base/util.h"

#include <string.h>

#include "base/banned.h"

/* ALPHA *(ALPHA / DIGIT / "_") */
static bool is_name(struct span s)
{
	if (s.len == 0 || !ascii_isalpha(s.p[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!ascii_isalnum(s.p[i]) && s.p[i] != '_')
			return false;
	return true;
}

/* Printable, with the white space of folding; UTF-8 too (RFC 8616), so any high byte. */
static bool is_value(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_iscntrl(s.p[i]) && s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n')
			return false;
	return true;
}

/* Takes what stands before the next separator off the front of *rest; false at the end. */
static bool next_part(struct span *rest, char separator, struct span *part)
{
	const char *end;

	if (rest->p == NULL)
		return false;
	end = rest->len > 0 ? memchr(rest->p, separator, rest->len) : NULL;
	*part = *rest;
	if (end != NULL) {
		part->len = (size_t)(end - rest->p);
		*rest = (struct span){ end + 1, rest->len - part->len - 1 };
	} else {
		*rest = (struct span){ NULL, 0 };
	}
	return true;
}

static const struct span *find(const struct tags *t, struct span name)
{
	for (size_t i = 0; i < t->n; i++)
		if (span_eq(t->tag[i].name, name))
			return &t->tag[i].value;
	return NULL;
}

static bool add_tag(struct tags *t, struct span spec)
{
	const char *equals = spec.len > 0 ? memchr(spec.p, '=', spec.len) : NULL;
	struct span name, value;

	if (equals == NULL || t->n == TAGS_MAX)
		return false;
	name = span_trim((struct span){ spec.p, (size_t)(equals - spec.p) });
	value = span_trim((struct span){ equals + 1, spec.len - (size_t)(equals - spec.p) - 1 });
	if (!is_name(name) || !is_value(value) || find(t, name) != NULL)
		return false;
	t->tag[t->n].name = name;
	t->tag[t->n].value = value;
	t->n++;
	return true;
}

bool tags_parse(struct span text, struct tags *t)
{
	struct span rest = text, spec;

	t->n = 0;
	while (next_part(&rest, ';', &spec)) {
		/* A semicolon may end the list; white space behind it is harmless. */
		if (rest.p == NULL && t->n > 0 && span_trim(spec).len == 0)
			break;
		if (!add_tag(t, spec))
			return false;
	}
	return t->n > 0;
}

bool tags_get(const struct tags *t, const char *name, struct span *value)
{
	const struct span *found = find(t, span_of(name));

	if (found != NULL)
		*value = *found;
	return found != NULL;
}

bool tags_list_next(struct span *list, struct span *value)
{
	if (!next_part(list, ':', value))
		return false;
	*value = span_trim(*value);
	return true;
}

bool tags_list_has(struct span list, const char *word)
{
	struct span value;

	while (tags_list_next(&list, &value))
		if (span_ieq(value, word))
			return true;
	return false;
}
