/*
 * header.c - the header of a message, as a list of fields
 */
#include "mail/header.h"

#include "base/util.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define RECIPIENT (TRAIT_RECIPIENT | TRAIT_ADDRESS)

/* Every field the program acts on: its name, and what is to be done with it. */
static const struct {
	const char *name;
	unsigned traits;
} fields[FIELD_ID_COUNT] = {
	[FIELD_OTHER] = { "", 0 },
	[FIELD_FROM] = { "From", TRAIT_ADDRESS },
	[FIELD_SENDER] = { "Sender", TRAIT_ADDRESS },
	[FIELD_REPLY_TO] = { "Reply-To", TRAIT_ADDRESS },
	[FIELD_TO] = { "To", RECIPIENT },
	[FIELD_CC] = { "Cc", RECIPIENT },
	[FIELD_BCC] = { "Bcc", RECIPIENT | TRAIT_DROP },
	[FIELD_SUBJECT] = { "Subject", 0 },
	[FIELD_DATE] = { "Date", 0 },
	[FIELD_MESSAGE_ID] = { "Message-ID", 0 },
	[FIELD_RETURN_PATH] = { "Return-Path", TRAIT_DROP },
	[FIELD_CONTENT_LENGTH] = { "Content-Length", TRAIT_DROP },
	[FIELD_RECEIVED] = { "Received", 0 },
	[FIELD_RESENT_FROM] = { "Resent-From", TRAIT_RESENT | TRAIT_ADDRESS },
	[FIELD_RESENT_SENDER] = { "Resent-Sender", TRAIT_RESENT | TRAIT_ADDRESS },
	[FIELD_RESENT_REPLY_TO] = { "Resent-Reply-To", TRAIT_RESENT | TRAIT_ADDRESS },
	[FIELD_RESENT_TO] = { "Resent-To", TRAIT_RESENT | RECIPIENT },
	[FIELD_RESENT_CC] = { "Resent-Cc", TRAIT_RESENT | RECIPIENT },
	[FIELD_RESENT_BCC] = { "Resent-Bcc", TRAIT_RESENT | RECIPIENT | TRAIT_DROP },
	[FIELD_RESENT_DATE] = { "Resent-Date", TRAIT_RESENT },
	[FIELD_RESENT_MESSAGE_ID] = { "Resent-Message-ID", TRAIT_RESENT },
};

_Static_assert(FIELD_ID_COUNT <= 64, "a bit for each in header_resent_block");

enum field_id field_id_of(struct span name)
{
	for (int id = FIELD_OTHER + 1; id < FIELD_ID_COUNT; id++)
		if (span_ieq(name, fields[id].name))
			return (enum field_id)id;
	return FIELD_OTHER;
}

const char *field_name(enum field_id id)
{
	return fields[id].name;
}

unsigned field_traits(enum field_id id)
{
	return fields[id].traits;
}

void header_init(struct header *h)
{
	*h = (struct header){ .fields = NULL };
	buf_init(&h->text, HEADER_ARENA_MAX);
}

void header_free(struct header *h)
{
	buf_free(&h->text);
	free(h->fields);
	header_init(h);
}

/* The field's name ends at its colon; obsolete syntax allows white space in between. */
static size_t name_length(struct span field)
{
	const char *colon = memchr(field.p, ':', field.len);
	size_t len = colon != NULL ? (size_t)(colon - field.p) : 0;

	while (len > 0 && ascii_isblank(field.p[len - 1]))
		len--;
	return len;
}

/* Copies the field's bytes into the arena. */
static struct field store(struct header *h, struct span field)
{
	size_t name_len = name_length(field);
	struct field f = {
		.off = (uint32_t)h->text.len,
		.len = (uint32_t)field.len,
		.name_len = (uint32_t)name_len,
		.id = field_id_of((struct span){ field.p, name_len }),
	};

	assert(!h->frozen);
	buf_addspan(&h->text, field);
	assert(!buf_overflowed(&h->text));
	return f;
}

void header_insert(struct header *h, size_t at, struct span field)
{
	if (h->n == h->cap) {
		h->cap = h->cap > 0 ? 2 * h->cap : 32;
		h->fields = xreallocarray(h->fields, h->cap, sizeof h->fields[0]);
	}
	memmove(h->fields + at + 1, h->fields + at, (h->n - at) * sizeof h->fields[0]);
	h->fields[at] = store(h, field);
	h->n++;
}

void header_replace(struct header *h, size_t at, struct span field)
{
	h->fields[at] = store(h, field);
}

void header_append(struct header *h, struct span field)
{
	header_insert(h, h->n, field);
}

void header_insert_value(struct header *h, size_t at, const char *name, const char *value)
{
	char *field = xasprintf("%s: %s\r\n", name, value);

	header_insert(h, at, span_of(field));
	free(field);
}

void header_remove(struct header *h, size_t at)
{
	assert(!h->frozen);
	h->n--;
	memmove(h->fields + at, h->fields + at + 1, (h->n - at) * sizeof h->fields[0]);
}

void header_drop(struct header *h, unsigned traits)
{
	size_t kept = 0;

	assert(!h->frozen);
	for (size_t i = 0; i < h->n; i++)
		if ((field_traits(h->fields[i].id) & traits) == 0)
			h->fields[kept++] = h->fields[i];
	h->n = kept;
}

void header_freeze(struct header *h)
{
	h->frozen = true;
}

struct span header_field(const struct header *h, size_t at)
{
	return (struct span){ h->text.p + h->fields[at].off, h->fields[at].len };
}

struct span header_name(const struct header *h, size_t at)
{
	return (struct span){ h->text.p + h->fields[at].off, h->fields[at].name_len };
}

struct span header_value(const struct header *h, size_t at)
{
	struct span f = header_field(h, at);
	const char *colon = memchr(f.p, ':', f.len);
	size_t skip = (size_t)(colon - f.p) + 1;

	return (struct span){ f.p + skip, f.len - skip - 2 };
}

size_t header_find(const struct header *h, enum field_id id, size_t from)
{
	while (from < h->n && h->fields[from].id != id)
		from++;
	return from;
}

bool header_has(const struct header *h, enum field_id id)
{
	return header_find(h, id, 0) < h->n;
}

static bool is_resent(const struct header *h, size_t at)
{
	static const char prefix[] = "Resent-";
	struct span name = header_name(h, at);

	return name.len > strlen(prefix) && ascii_ncasecmp(name.p, prefix, strlen(prefix)) == 0;
}

bool header_resent_block(const struct header *h, size_t *first, size_t *end)
{
	uint64_t seen = 0;
	size_t at = 0;

	while (at < h->n && (field_traits(h->fields[at].id) & TRAIT_RESENT) == 0)
		at++;
	*first = at;
	for (; at < h->n && is_resent(h, at); at++) {
		enum field_id id = h->fields[at].id;
		uint64_t bit = id != FIELD_OTHER ? UINT64_C(1) << id : 0;

		if ((seen & bit) != 0)
			break;
		seen |= bit;
	}
	*end = at;
	return *first < h->n;
}

void header_write(const struct header *h, struct buf *out)
{
	for (size_t i = 0; i < h->n; i++)
		buf_addspan(out, header_field(h, i));
}

bool header_has_8bit(const struct header *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct span field = header_field(h, i);

		if (has_8bit(field.p, field.len))
			return true;
	}
	return false;
}

size_t header_size(const struct header *h)
{
	size_t size = 0;

	for (size_t i = 0; i < h->n; i++)
		size += h->fields[i].len;
	return size;
}
