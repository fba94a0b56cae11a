/*
 * recall.c - what is remembered of a server from one run to the next
 *
 * A file is a line that says what it is, then fields, each a netstring: its length in decimal, ":",
 * the bytes, ",". The key is the first; a file with another key was kept under other settings, and
 * what is in it is not for this session.
 */
#include "smtp/recall.h"

#include "base/cache.h"
#include "base/clock.h"
#include "base/util.h"
#include "smtp/ehlo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define KEY_MAX      (16 * 1024)
#define TICKET_S_MAX (7 * 24 * 3600) /* RFC 8446 section 4.6.1 */
#define DIGITS_MAX   20              /* of any number in a file */

/* With another layout of a file the number in its word changes. */
static const struct kind {
	const char *suffix;
	const char *word;
} ehlo_kind = { ".ehlo", "mailchute-ehlo-1\n" },
  ticket_kind = { ".ticket", "mailchute-ticket-1\n" };

static char *file_name(const struct recall *m, const struct kind *kind)
{
	return xasprintf("%s%s", m->name, kind->suffix);
}

/* --- fields --- */

static void add_field(struct buf *b, struct span field)
{
	buf_addf(b, "%zu:", field.len);
	buf_addspan(b, field);
	buf_addc(b, ',');
}

static void add_text(struct buf *b, const char *text)
{
	add_field(b, span_of(text != NULL ? text : ""));
}

static void add_number(struct buf *b, int64_t n)
{
	char digits[DIGITS_MAX + 2];

	snprintf(digits, sizeof digits, "%" PRId64, n);
	add_text(b, digits);
}

static struct span cut(struct span *text, size_t len)
{
	struct span front = { text->p, len };

	text->p += len;
	text->len -= len;
	return front;
}

static bool read_number(struct span text, uint64_t max, uint64_t *out)
{
	char digits[DIGITS_MAX + 1];

	if (text.len == 0 || text.len > DIGITS_MAX)
		return false;
	memcpy(digits, text.p, text.len);
	digits[text.len] = '\0';
	return strlen(digits) == text.len && parse_number(digits, max, out);
}

/* Cuts a field off the text. */
static bool read_field(struct span *text, struct span *field)
{
	const char *colon = text->len > 0 ? memchr(text->p, ':', text->len) : NULL;
	uint64_t len;

	if (colon == NULL || !read_number(cut(text, (size_t)(colon - text->p)), text->len, &len))
		return false;
	cut(text, 1);
	if (len >= text->len || text->p[len] != ',')
		return false;
	*field = cut(text, (size_t)len);
	cut(text, 1);
	return true;
}

/* The fields behind the key; false unless the text is of that kind, with this key, and whole. */
static bool read_fields(const struct recall *m, const struct kind *kind, struct span text,
			struct span *fields, size_t n)
{
	struct span word = span_of(kind->word), key;

	if (text.len < word.len || !span_eq(cut(&text, word.len), word) ||
	    !read_field(&text, &key) || !span_eq(key, buf_span(&m->key)))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!read_field(&text, &fields[i]))
			return false;
	return text.len == 0;
}

/* The beginning of a file's contents, with room for all of it, so that a secret is in one place. */
static void begin_file(const struct recall *m, const struct kind *kind, size_t more, struct buf *b)
{
	buf_init(b, CACHE_FILE_MAX);
	buf_reserve(b, strlen(kind->word) + m->key.len + more + 8 * (DIGITS_MAX + 2));
	buf_adds(b, kind->word);
	add_field(b, buf_span(&m->key));
}

static void write_file(const struct recall *m, const struct kind *kind, struct buf *contents)
{
	char *name = file_name(m, kind);

	if (!buf_overflowed(contents))
		cache_write(m->dir, name, buf_span(contents));
	free(name);
	buf_wipe(contents);
}

/* --- the key --- */

/* Each setting that decides what a session with the server may be, and what its answers mean. */
static void make_key(struct recall *m, const struct smtp_host *host, const struct smtp_endpoint *at,
		     const char *ehlo_name)
{
	struct buf tls;

	buf_init(&tls, KEY_MAX);
	add_text(&m->key, host->account);
	add_number(&m->key, host->protocol);
	add_number(&m->key, at->kind);
	add_text(&m->key, at->name);
	add_text(&m->key, at->port);
	add_number(&m->key, at->tls);
	add_text(&m->key, at->tls_name);
	if (at->tls != TLS_OFF && host->tls_setup != NULL)
		tls_setup_identity(host->tls_setup, &tls);
	add_field(&m->key, buf_span(&tls));
	add_text(&m->key, ehlo_name);
	add_number(&m->key, host->auth);
	for (char *const *name = host->mechanisms; name != NULL && *name != NULL; name++)
		add_text(&m->key, *name);
	add_text(&m->key, "");
	add_text(&m->key, host->user);
	add_number(&m->key, host->client_cert);
	if (buf_overflowed(&tls) || buf_overflowed(&m->key))
		m->dir = NULL; /* what cannot be told apart is not remembered */
	buf_free(&tls);
}

/* --- reading --- */

static void load_ehlo(struct recall *m)
{
	char *name = file_name(m, &ehlo_kind);
	struct span fields[2];
	struct buf b;

	if (cache_read(m->dir, name, &b) && read_fields(m, &ehlo_kind, buf_span(&b), fields, 2)) {
		buf_addspan(&m->ehlo_clear, fields[0]);
		buf_addspan(&m->ehlo, fields[1]);
	}
	buf_free(&b);
	free(name);
}

/* From when to when it is good; a clock that went back since then can tell nothing. */
static bool is_fresh(struct span from, struct span until)
{
	uint64_t first, last, now = (uint64_t)clock_now();

	return read_number(from, INT64_MAX, &first) && read_number(until, INT64_MAX, &last) &&
	       first <= now && now < last && last - first <= TICKET_S_MAX;
}

static void load_ticket(struct recall *m)
{
	char *name = file_name(m, &ticket_kind);
	struct span fields[3];
	struct buf b;

	if (cache_take(m->dir, name, &b) && read_fields(m, &ticket_kind, buf_span(&b), fields, 3) &&
	    is_fresh(fields[0], fields[1])) {
		buf_reserve(&m->ticket, fields[2].len);
		buf_addspan(&m->ticket, fields[2]);
	}
	buf_wipe(&b);
	free(name);
}

void recall_load(struct recall *m, const struct smtp_host *host, const struct smtp_endpoint *at,
		 const char *ehlo_name)
{
	*m = (struct recall){ .dir = host->cache_dir };
	buf_init(&m->key, KEY_MAX);
	buf_init(&m->ehlo_clear, CACHE_FILE_MAX);
	buf_init(&m->ehlo, CACHE_FILE_MAX);
	buf_init(&m->ticket, CACHE_FILE_MAX);
	if (m->dir == NULL)
		return;
	m->name = xasprintf("%s@%s%s%s", host->account, at->name, at->port != NULL ? ":" : "",
			    at->port != NULL ? at->port : "");
	make_key(m, host, at, ehlo_name);
	if (m->dir == NULL)
		return;
	load_ehlo(m);
	if (at->tls != TLS_OFF)
		load_ticket(m);
}

void recall_free(struct recall *m)
{
	free(m->name);
	m->name = NULL;
	m->dir = NULL;
	buf_free(&m->key);
	buf_free(&m->ehlo_clear);
	buf_free(&m->ehlo);
	buf_wipe(&m->ticket);
}

/* --- keeping --- */

bool recall_allows_early(struct span text)
{
	struct ehlo e;

	ehlo_init(&e);
	ehlo_parse(&e, text);
	bool does = ehlo_has(&e, EXT_PIPECONNECT);
	ehlo_free(&e);
	return does;
}

void recall_keep_ehlo(struct recall *m, struct span clear, struct span last)
{
	struct buf b;

	if (m->dir == NULL || !recall_allows_early(last) ||
	    (span_eq(clear, buf_span(&m->ehlo_clear)) && span_eq(last, buf_span(&m->ehlo))))
		return;
	begin_file(m, &ehlo_kind, clear.len + last.len, &b);
	add_field(&b, clear);
	add_field(&b, last);
	write_file(m, &ehlo_kind, &b);
}

void recall_drop_ehlo(struct recall *m)
{
	if (m->dir == NULL)
		return;
	char *name = file_name(m, &ehlo_kind);

	cache_drop(m->dir, name);
	free(name);
	buf_clear(&m->ehlo_clear);
	buf_clear(&m->ehlo);
}

void recall_keep_ticket(struct recall *m, struct span ticket, time_t until)
{
	int64_t now = clock_now(), end = until;
	struct buf b;

	if (m->dir == NULL || end <= now || now < 0)
		return;
	if (end - now > TICKET_S_MAX)
		end = now + TICKET_S_MAX;
	begin_file(m, &ticket_kind, ticket.len, &b);
	add_number(&b, now);
	add_number(&b, end);
	add_field(&b, ticket);
	write_file(m, &ticket_kind, &b);
}
