/*
 * signature.c - what one DKIM-Signature field says
 *
 * A field is read to its end even when something is wrong with it, so that a report can name
 * domain and selector; the first thing that is wrong counts. Values are compared with case,
 * which is the rule of section 3.2 for all that says nothing else.
 */
#include "dkim/signature.h"

#include "base/base64.h"
#include "base/util.h"
#include "dkim/sign.h"
#include "dkim/tags.h"
#include "mail/idn.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define TIME_DIGITS  12 /* section 3.5, t= and x= */
#define LIMIT_DIGITS 76 /* the same, l= */
#define CLOCK_DRIFT  300
#define DOMAIN_MAX   1024 /* octets of UTF-8, before it becomes A-labels */

void signature_refuse(struct signature *s, enum verdict verdict, const char *why)
{
	if (s->v.verdict != VERDICT_PASS)
		return;
	s->v.verdict = verdict;
	s->v.why = why;
}

/* As A-labels, NULL for what is no domain. The caller frees. */
static char *read_domain(struct span text)
{
	char *domain, *ascii = NULL;

	if (text.len == 0 || text.len > DOMAIN_MAX || text.p[0] == '[')
		return NULL;
	domain = xstrndup(text.p, text.len);
	if (idn_to_ascii(domain, &ascii) != NULL)
		ascii = NULL;
	free(domain);
	return ascii;
}

static bool take_domain(struct signature *s, struct span value)
{
	s->v.domain = read_domain(value);
	return s->v.domain != NULL;
}

static bool take_selector(struct signature *s, struct span value)
{
	s->v.selector = read_domain(value);
	return s->v.selector != NULL;
}

static bool take_algorithm(struct signature *s, struct span value)
{
	s->v.algorithm = xstrndup(value.p, value.len);
	if (span_eq(value, span_of("rsa-sha1")))
		signature_refuse(s, VERDICT_POLICY, "rsa-sha1 is not accepted");
	s->type = span_eq(value, span_of("ed25519-sha256")) ? KEY_ED25519 : KEY_RSA;
	return s->type == KEY_ED25519 || span_eq(value, span_of("rsa-sha256")) ||
	       s->v.verdict == VERDICT_POLICY;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, ascii_tolower(c)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static bool is_space(char c)
{
	return ascii_isblank(c) || c == '\r' || c == '\n';
}

/* dkim-quoted-printable, section 2.11; control characters have no business in an address. */
static bool decode_quoted(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (is_space(c))
			continue;
		if (c == '=') {
			int high = i + 2 < text.len ? hex_digit(text.p[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text.p[i + 2]) : -1;

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (ascii_iscntrl(c))
			return false;
		buf_addc(out, c);
	}
	return true;
}

/* Is the domain that of d=, or one below it? The second is told in s->subdomain. */
static bool is_within(struct signature *s, const char *domain)
{
	size_t len = strlen(domain), most = strlen(s->v.domain);

	s->subdomain = len > most;
	return len >= most && ascii_casecmp(domain + len - most, s->v.domain) == 0 &&
	       (!s->subdomain || domain[len - most - 1] == '.');
}

static bool take_identity(struct signature *s, struct span value)
{
	struct buf text;
	const char *at;
	char *domain = NULL;

	buf_init(&text, value.len);
	if (decode_quoted(value, &text))
		s->v.identity = buf_detach(&text);
	buf_free(&text);
	at = s->v.identity != NULL ? strrchr(s->v.identity, '@') : NULL;
	if (at != NULL)
		domain = read_domain(span_of(at + 1));
	if (domain == NULL)
		return false;
	if (s->v.domain != NULL && !is_within(s, domain))
		signature_refuse(s, VERDICT_PERMERROR, "i= is not within d=");
	free(domain);
	return true;
}

static bool take_version(struct signature *s, struct span value)
{
	(void)s;
	return span_eq(value, span_of("1"));
}

static bool canon_of(struct span name, enum canon *kind)
{
	for (int i = 0; i < CANON_COUNT; i++) {
		if (!span_eq(name, span_of(canon_name((enum canon)i))))
			continue;
		*kind = (enum canon)i;
		return true;
	}
	return false;
}

static bool take_canon(struct signature *s, struct span value)
{
	const char *slash = value.len > 0 ? memchr(value.p, '/', value.len) : NULL;
	struct span body = span_of(canon_name(CANON_SIMPLE));

	if (slash != NULL) {
		body = (struct span){ slash + 1, value.len - (size_t)(slash - value.p) - 1 };
		value.len = (size_t)(slash - value.p);
	}
	return canon_of(value, &s->header_canon) && canon_of(body, &s->body_canon);
}

static bool take_names(struct signature *s, struct span value)
{
	struct span rest = value, name;
	bool from = false;

	while (tags_list_next(&rest, &name)) {
		if (name.len == 0)
			return false;
		for (size_t i = 0; i < name.len; i++)
			if (name.p[i] <= ' ' || name.p[i] > '~')
				return false;
		from = from || span_ieq(name, field_name(FIELD_FROM));
	}
	s->names = value;
	if (!from)
		signature_refuse(s, VERDICT_PERMERROR, "From is not signed");
	return true;
}

/* Base64 that may be folded anywhere; false if it is none, or nothing. */
static bool read_base64(struct span text, struct buf *out)
{
	struct buf whole;
	bool ok;

	buf_init(&whole, text.len);
	base64_unfold(text, &whole);
	ok = base64_read(buf_span(&whole), out) && out->len > 0;
	buf_free(&whole);
	return ok;
}

static bool take_body_hash(struct signature *s, struct span value)
{
	struct buf bytes;
	bool ok;

	buf_init(&bytes, value.len);
	ok = read_base64(value, &bytes) && bytes.len == SHA256_SIZE;
	if (ok)
		memcpy(s->body_hash, bytes.p, SHA256_SIZE);
	buf_free(&bytes);
	return ok;
}

static bool take_signature(struct signature *s, struct span value)
{
	s->value = value;
	return read_base64(value, &s->bytes);
}

/* Decimal of at most `most` digits; what is too large for the type becomes its largest. */
static bool read_digits(struct span text, size_t most, uint64_t *out)
{
	uint64_t n = 0;

	if (text.len == 0 || text.len > most)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)(text.p[i] - '0');

		if (!ascii_isdigit(text.p[i]))
			return false;
		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
	}
	*out = n;
	return true;
}

static bool take_limit(struct signature *s, struct span value)
{
	s->limited = true;
	return read_digits(value, LIMIT_DIGITS, &s->limit);
}

static bool take_query(struct signature *s, struct span value)
{
	(void)s;
	return tags_list_has(value, "dns/txt");
}

static bool take_time(struct signature *s, struct span value)
{
	return read_digits(value, TIME_DIGITS, &s->made);
}

static bool take_end(struct signature *s, struct span value)
{
	if (!read_digits(value, TIME_DIGITS, &s->end))
		return false;
	if (s->made > 0 && s->end <= s->made)
		signature_refuse(s, VERDICT_PERMERROR, "x= is not later than t=");
	return true;
}

/* In the order of reading: i= is compared with d=, x= with t=. */
static const struct {
	const char *tag;
	const char *missing; /* NULL where it may be */
	const char *malformed;
	bool (*take)(struct signature *s, struct span value); /* false: malformed */
} rows[] = {
	{ "v", "v= is missing", "v= is not 1", take_version },
	{ "d", "d= is missing", "d= is no domain", take_domain },
	{ "s", "s= is missing", "s= is no selector", take_selector },
	{ "a", "a= is missing", "a= is unknown", take_algorithm },
	{ "i", NULL, "i= is no identity", take_identity },
	{ "c", NULL, "c= is unknown", take_canon },
	{ "h", "h= is missing", "h= is no list of header fields", take_names },
	{ "bh", "bh= is missing", "bh= is no SHA-256 hash", take_body_hash },
	{ "b", "b= is missing", "b= is no signature", take_signature },
	{ "l", NULL, "l= is no length", take_limit },
	{ "q", NULL, "q= names no known query method", take_query },
	{ "t", NULL, "t= is no time", take_time },
	{ "x", NULL, "x= is no time", take_end },
};

/* The value of b= with all white space around it, up to the next tag or the field's end. */
static struct span whole_value(struct span field, struct span value)
{
	const char *start = value.p, *end = value.p + value.len;

	while (start > field.p && start[-1] != '=')
		start--;
	while (end < field.p + field.len && *end != ';')
		end++;
	return (struct span){ start, (size_t)(end - start) };
}

void signature_read(const struct header *h, size_t at, struct signature *s)
{
	struct tags tags;

	*s = (struct signature){ .at = at, .limit = UINT64_MAX, .end = UINT64_MAX };
	buf_init(&s->bytes, FIELD_MAX);
	if (!tags_parse(header_value(h, at), &tags)) {
		signature_refuse(s, VERDICT_NEUTRAL, "its tags cannot be read");
		return;
	}
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct span value;

		if (!tags_get(&tags, rows[i].tag, &value)) {
			if (rows[i].missing != NULL)
				signature_refuse(s, VERDICT_NEUTRAL, rows[i].missing);
		} else if (!rows[i].take(s, value)) {
			signature_refuse(s, VERDICT_NEUTRAL, rows[i].malformed);
		}
	}
	if (s->v.verdict != VERDICT_PASS)
		return;
	s->value = whole_value(header_field(h, at), s->value);
	if (s->v.identity == NULL)
		s->v.identity = xasprintf("@%s", s->v.domain);
}

void signature_free(struct signature *s)
{
	buf_free(&s->bytes);
}

void signature_check_time(struct signature *s, time_t now)
{
	uint64_t present = now > 0 ? (uint64_t)now : 0;

	if (present > s->end)
		signature_refuse(s, VERDICT_PERMERROR, "it has expired");
	if (s->made > present + CLOCK_DRIFT)
		signature_refuse(s, VERDICT_PERMERROR, "it was made in the future");
}

struct entry {
	struct span name;
	size_t at;
};

struct name_list {
	struct span *names; /* in order */
	size_t n;
};

struct field_index {
	struct entry *entries; /* by name, then from top to bottom */
	size_t *used;          /* of the name whose last entry is here: fields already selected */
	size_t n;
};

static int compare_names(struct span a, struct span b)
{
	int order = ascii_ncasecmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = compare_names(x->name, y->name);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return compare_names(*x, *y);
}

/* The caller frees list->names. */
static void sort_names(struct span text, struct name_list *list)
{
	struct span name;
	size_t most = 1;

	for (size_t i = 0; i < text.len; i++)
		most += text.p[i] == ':';
	*list = (struct name_list){ xcalloc(most, sizeof list->names[0]), 0 };
	while (tags_list_next(&text, &name))
		list->names[list->n++] = name;
	qsort(list->names, list->n, sizeof list->names[0], compare_spans);
}

bool signature_covers(const struct signature *s, struct span names)
{
	struct name_list wanted, had;
	size_t found = 0;

	sort_names(names, &wanted);
	sort_names(s->names, &had);
	for (size_t i = 0; i < had.n && found < wanted.n; i++)
		found += compare_names(had.names[i], wanted.names[found]) == 0;
	free(wanted.names);
	free(had.names);
	return found == wanted.n;
}

struct field_index *field_index_make(const struct header *h)
{
	struct field_index *ix = xmalloc(sizeof *ix);

	*ix = (struct field_index){
		.entries = xcalloc(h->n, sizeof ix->entries[0]),
		.used = xcalloc(h->n, sizeof ix->used[0]),
		.n = h->n,
	};
	for (size_t i = 0; i < h->n; i++)
		ix->entries[i] = (struct entry){ header_name(h, i), i };
	qsort(ix->entries, ix->n, sizeof ix->entries[0], compare_entries);
	return ix;
}

void field_index_free(struct field_index *ix)
{
	if (ix == NULL)
		return;
	free(ix->entries);
	free(ix->used);
	free(ix);
}

/* One behind the last field of this name, or of those before it. */
static size_t upper_bound(const struct field_index *ix, struct span name)
{
	size_t low = 0, high = ix->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_names(ix->entries[middle].name, name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The lowest field of this name that was not selected before, never `self` (section 3.5, h=:
 * a signature does not sign itself); false when none is left, which is no mistake (5.4.2).
 */
static bool select_next(struct field_index *ix, struct span name, size_t self, size_t *at)
{
	size_t bound = upper_bound(ix, name);

	while (bound > 0 && ix->used[bound - 1] < bound) {
		const struct entry *e = &ix->entries[bound - 1 - ix->used[bound - 1]];

		if (compare_names(e->name, name) != 0)
			return false;
		ix->used[bound - 1]++;
		*at = e->at;
		if (e->at != self)
			return true;
	}
	return false;
}

void signature_hash(const struct signature *s, const struct header *h, struct field_index *ix,
		    unsigned char hash[SHA256_SIZE])
{
	struct span field = header_field(h, s->at), rest = s->names, name;
	size_t *at = xcalloc(h->n, sizeof at[0]);
	const char *behind = s->value.p + s->value.len;
	struct buf own;
	size_t n = 0;

	memset(ix->used, 0, ix->n * sizeof ix->used[0]);
	while (tags_list_next(&rest, &name))
		n += select_next(ix, name, s->at, &at[n]);
	buf_init(&own, field.len);
	buf_add(&own, field.p, (size_t)(s->value.p - field.p));
	buf_add(&own, behind, (size_t)(field.p + field.len - behind));
	dkim_header_hash(s->header_canon, h, at, n, buf_span(&own), hash);
	buf_free(&own);
	free(at);
}
