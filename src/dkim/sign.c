/*
 * sign.c - DKIM-Signature fields, RFC 6376 section 3.5
 */
#include "dkim/sign.h"

#include "base/base64.h"
#include "base/util.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define LINE_MAX_COLUMNS 78
#define NAME_MAX_LEN     70 /* so that "h=", the name and a colon fit into a line */

/* What is done with a field when the configuration does not say otherwise. */
enum rule {
	RULE_SIGN = 1,     /* signed where present */
	RULE_OVERSIGN = 2, /* signed once more than present, so that none can be added */
	RULE_NEVER = 4     /* not even when a list says so: added or removed on the way */
};

/*
 * In the order h= has them; '*' at the end stands for all others that begin so. Signed is what
 * RFC 6376 section 5.4.1 advises and what mail programs act upon; oversigned is that of which one
 * more, put in by somebody else, would show the reader another message (section 8.15).
 */
static const struct {
	const char *name;
	unsigned rules;
} rules[] = {
	{ "From", RULE_SIGN | RULE_OVERSIGN },
	{ "Sender", RULE_SIGN },
	{ "Reply-To", RULE_SIGN },
	{ "Subject", RULE_SIGN | RULE_OVERSIGN },
	{ "Date", RULE_SIGN | RULE_OVERSIGN },
	{ "To", RULE_SIGN | RULE_OVERSIGN },
	{ "Cc", RULE_SIGN | RULE_OVERSIGN },
	{ "Message-ID", RULE_SIGN | RULE_OVERSIGN },
	{ "MIME-Version", RULE_SIGN | RULE_OVERSIGN },
	{ "Content-Type", RULE_SIGN | RULE_OVERSIGN },
	{ "Content-Transfer-Encoding", RULE_SIGN | RULE_OVERSIGN },
	{ "Content-*", RULE_SIGN },
	{ "In-Reply-To", RULE_SIGN | RULE_OVERSIGN },
	{ "References", RULE_SIGN | RULE_OVERSIGN },
	{ "List-*", RULE_SIGN }, /* also List-Unsubscribe-Post, RFC 8058 section 4 */
	{ "Resent-*", RULE_SIGN },
	{ "Autocrypt", RULE_SIGN },
	{ "Feedback-ID", RULE_SIGN },
	{ "ARC-*", RULE_NEVER },
	{ "Authentication-Results", RULE_NEVER },
	{ "Bcc", RULE_NEVER },
	{ "Content-Length", RULE_NEVER },
	{ "Delivered-To", RULE_NEVER },
	{ "DKIM-Signature", RULE_NEVER },
	{ "DomainKey-Signature", RULE_NEVER },
	{ "Received", RULE_NEVER },
	{ "Received-SPF", RULE_NEVER },
	{ "Resent-Bcc", RULE_NEVER },
	{ "Return-Path", RULE_NEVER },
};

#define RULE_ROWS (sizeof rules / sizeof rules[0])

/* What h= will name: fields of the header in signing order, then names without a field. */
struct selection {
	size_t *at; /* positions in the header */
	size_t n;
	const char *const *oversign;
	const char *own[RULE_ROWS + 1]; /* where oversign is made of the table */
};

/* Writes a field and knows the column, to fold before a piece that would not fit. */
struct folder {
	struct buf *out;
	size_t column;
};

/* Does a list's entry mean the field of this name? */
static bool matches(const char *entry, struct span name)
{
	size_t len = strlen(entry);

	if (len == 0 || entry[len - 1] != '*')
		return span_ieq(name, entry);
	return name.len >= len - 1 && ascii_ncasecmp(entry, name.p, len - 1) == 0;
}

/*
 * May the name stand in h=? A message can bring "List-;d=..." along, which would end the tag
 * (a name there may have anything printable but the colon, RFC 5322), and names longer than a
 * line.
 */
static bool signable(struct span name)
{
	if (name.len == 0 || name.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ';' || name.p[i] == ':')
			return false;
	for (size_t i = 0; i < RULE_ROWS; i++)
		if ((rules[i].rules & RULE_NEVER) && matches(rules[i].name, name))
			return false;
	return true;
}

/* Does a list mean the field of this name? From is meant always, and NULL means every field. */
static bool covers(const char *const *list, const char *name)
{
	if (list == NULL || ascii_casecmp(name, "From") == 0)
		return true;
	for (; *list != NULL; list++)
		if (matches(*list, span_of(name)))
			return true;
	return false;
}

/*
 * The names with this rule that are in `within`, as a list like the configuration's; `own` is
 * where it is made.
 */
static const char *const *default_list(enum rule rule, const char *const *within,
				       const char *own[RULE_ROWS + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < RULE_ROWS; i++)
		if ((rules[i].rules & rule) && covers(within, rules[i].name))
			own[n++] = rules[i].name;
	own[n] = NULL;
	return own;
}

/*
 * Adds the fields that an entry means, from the bottom up (section 5.4.2), but none twice: its
 * name would then be once too often in h=, and `taken` knows.
 */
static void select_entry(struct selection *sel, const struct header *h, const char *entry,
			 bool *taken)
{
	for (size_t i = h->n; i-- > 0;) {
		struct span name = header_name(h, i);

		if (taken[i] || !matches(entry, name) || !signable(name))
			continue;
		taken[i] = true;
		sel->at[sel->n++] = i;
	}
}

static void select_list(struct selection *sel, const struct header *h, const char *const *list,
			bool *taken)
{
	for (; *list != NULL; list++)
		select_entry(sel, h, *list, taken);
}

static void select_fields(struct selection *sel, const struct dkim_signer *s,
			  const struct header *h)
{
	const char *own[RULE_ROWS + 1];
	const char *const *headers =
		s->headers != NULL ? s->headers : default_list(RULE_SIGN, NULL, own);
	bool *taken = xcalloc(h->n, sizeof *taken);

	sel->n = 0;
	sel->at = xreallocarray(NULL, h->n, sizeof *sel->at);
	sel->oversign = s->oversign != NULL ? s->oversign
					    : default_list(RULE_OVERSIGN, s->headers, sel->own);
	select_entry(sel, h, "From", taken);
	select_list(sel, h, headers, taken);
	select_list(sel, h, sel->oversign, taken);
	free(taken);
}

static void fold(struct folder *f)
{
	buf_adds(f->out, "\r\n ");
	f->column = 1;
}

/* A piece that stays whole, behind `gap` or on the next line. */
static void put(struct folder *f, const char *gap, struct span piece)
{
	if (f->column + strlen(gap) + piece.len > LINE_MAX_COLUMNS) {
		fold(f);
	} else {
		buf_adds(f->out, gap);
		f->column += strlen(gap);
	}
	buf_addspan(f->out, piece);
	f->column += piece.len;
}

static void put_tag(struct folder *f, const char *tag, const char *value)
{
	char *text = xasprintf("%s=%s;", tag, value);

	put(f, " ", span_of(text));
	free(text);
}

static void put_time(struct folder *f, const char *tag, int64_t seconds)
{
	char *value = xasprintf("%" PRId64, seconds);

	put_tag(f, tag, value);
	free(value);
}

/* i= has an encoding of its own, dkim-quoted-printable (section 2.11). */
static void put_identity(struct folder *f, const char *identity)
{
	struct buf text;

	buf_init(&text, strlen(identity) * 3);
	for (; *identity != '\0'; identity++) {
		if (*identity > ' ' && *identity <= '~' && *identity != ';' && *identity != '=')
			buf_addc(&text, *identity);
		else
			buf_addf(&text, "=%02X", (unsigned char)*identity);
	}
	put_tag(f, "i", buf_str(&text));
	buf_free(&text);
}

/* Is the name at `at` in the list before already? A second time it would ask for two more. */
static bool is_repeated(const char *const *list, const char *const *at)
{
	for (; list < at; list++)
		if (ascii_casecmp(*list, *at) == 0)
			return true;
	return false;
}

/*
 * The name as the header spells it, if it is there: some verifiers count "Message-Id" and
 * "Message-ID" apart.
 */
static struct span spelling(const struct selection *sel, const struct header *h, const char *name)
{
	for (size_t i = 0; i < sel->n; i++)
		if (span_ieq(header_name(h, sel->at[i]), name))
			return header_name(h, sel->at[i]);
	return span_of(name);
}

static void add_names(const struct selection *sel, const struct header *h, struct buf *out)
{
	for (size_t i = 0; i < sel->n; i++) {
		buf_adds(out, i > 0 ? ":" : "");
		buf_addspan(out, header_name(h, sel->at[i]));
	}
	for (const char *const *name = sel->oversign; *name != NULL; name++) {
		if (strchr(*name, '*') != NULL || !signable(span_of(*name)) ||
		    is_repeated(sel->oversign, name))
			continue;
		buf_addc(out, ':');
		buf_addspan(out, spelling(sel, h, *name));
	}
}

void dkim_signed_names(const struct dkim_signer *s, const struct header *h, struct buf *out)
{
	struct selection sel;

	select_fields(&sel, s, h);
	add_names(&sel, h, out);
	free(sel.at);
}

/* h=, which may be folded behind its colons. */
static void put_names(struct folder *f, const struct selection *sel, const struct header *h)
{
	struct buf text;
	struct span rest;
	const char *gap = " ";

	buf_init(&text, FIELD_MAX);
	buf_adds(&text, "h=");
	add_names(sel, h, &text);
	buf_addc(&text, ';');
	for (rest = buf_span(&text); rest.len > 0; gap = "") {
		const char *colon = memchr(rest.p, ':', rest.len);
		size_t len = colon != NULL ? (size_t)(colon - rest.p) + 1 : rest.len;

		put(f, gap, (struct span){ rest.p, len });
		rest.p += len;
		rest.len -= len;
	}
	f->out->overflowed |= buf_overflowed(&text);
	buf_free(&text);
}

/* Everything up to and with "b=". */
static void put_tags(struct folder *f, const struct dkim_signer *s, const struct header *h,
		     const struct selection *sel, const unsigned char body_hash[SHA256_SIZE],
		     time_t now)
{
	struct buf text;

	buf_init(&text, FIELD_MAX);
	put(f, "", span_of("DKIM-Signature:"));
	put_tag(f, "v", "1");
	put_tag(f, "a", dkim_key_algorithm(s->key));
	buf_addf(&text, "%s/%s", canon_name(s->header_canon), canon_name(s->body_canon));
	put_tag(f, "c", buf_str(&text));
	put_tag(f, "d", s->domain);
	put_tag(f, "s", s->selector);
	if (s->identity != NULL)
		put_identity(f, s->identity);
	put_time(f, "t", now);
	if (s->expire > 0)
		put_time(f, "x", now + s->expire);
	put_names(f, sel, h);
	buf_clear(&text);
	base64_write(body_hash, SHA256_SIZE, &text);
	put_tag(f, "bh", buf_str(&text));
	fold(f);
	put(f, "", span_of("b="));
	buf_free(&text);
}

/* The signature, which may be folded anywhere. */
static void put_signature(struct folder *f, struct span base64)
{
	while (base64.len > 0) {
		size_t room = LINE_MAX_COLUMNS - f->column;
		size_t len = base64.len < room ? base64.len : room;

		put(f, "", (struct span){ base64.p, len });
		base64.p += len;
		base64.len -= len;
		if (base64.len > 0)
			fold(f);
	}
	buf_adds(f->out, "\r\n");
}

void dkim_header_hash(enum canon kind, const struct header *h, const size_t *at, size_t n,
		      struct span signature, unsigned char hash[SHA256_SIZE])
{
	struct digest *d = digest_begin();
	struct buf text;

	buf_init(&text, h->text.len + signature.len + 2);
	for (size_t i = 0; i < n; i++) {
		buf_clear(&text);
		canon_field(kind, header_field(h, at[i]), false, &text);
		digest_update(d, text.p, text.len);
	}
	buf_clear(&text);
	canon_field(kind, signature, true, &text);
	digest_update(d, text.p, text.len);
	digest_end(d, hash);
	buf_free(&text);
}

/* Hashes the field so far, whose b= is empty, and puts the signature in. */
static bool complete(struct folder *f, const struct dkim_signer *s, const struct header *h,
		     const struct selection *sel, struct result *r)
{
	unsigned char hash[SHA256_SIZE];
	struct buf base64;
	bool ok;

	dkim_header_hash(s->header_canon, h, sel->at, sel->n, buf_span(f->out), hash);
	buf_init(&base64, FIELD_MAX);
	ok = dkim_key_sign(s->key, hash, &base64, r);
	if (ok)
		put_signature(f, buf_span(&base64));
	buf_free(&base64);
	if (ok && buf_overflowed(f->out))
		return result_fail(r, CAUSE_DATA, STEP_SIGN,
				   "the header has too many fields (%zu) to be signed", sel->n);
	return ok;
}

bool dkim_sign(const struct dkim_signer *s, const struct header *h, const struct body_hash *body,
	       time_t now, struct buf *out, struct result *r)
{
	struct selection sel;
	struct buf field;
	struct folder f = { .out = &field };
	bool ok;

	assert(body->wanted[s->body_canon] && body->digest[s->body_canon] == NULL);
	if (!header_has(h, FIELD_FROM))
		return result_fail(r, CAUSE_DATA, STEP_SIGN,
				   "the header has no From: field, which DKIM has to sign");
	select_fields(&sel, s, h);
	buf_init(&field, FIELD_MAX);
	put_tags(&f, s, h, &sel, body->hash[s->body_canon], now);
	ok = complete(&f, s, h, &sel, r);
	if (ok)
		buf_addspan(out, buf_span(&field));
	buf_free(&field);
	free(sel.at);
	return ok;
}
