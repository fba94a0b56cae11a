/*
 * verify.c - checks the DKIM-Signature fields of a message
 *
 * The body is canonicalized once for each kind that some signature wants, and what comes out is
 * hashed once for each different l=; neither holds more of the body than a piece.
 */
#include "dkim/verify.h"

#include "base/base64.h"
#include "base/util.h"
#include "dkim/record.h"
#include "dkim/signature.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define RECORD_MAX   65535 /* the data of a DNS record, RFC 1035 section 3.2.1 */
#define NAME_MAX_LEN 253   /* the longest name there can be in the DNS */
#define KEY_MAX      65535 /* octets of a public key */

static const char field_wanted[] = "DKIM-Signature";

/* The hash of the first `limit` octets of a canonical body. */
struct body_part {
	enum canon kind;
	uint64_t limit;
	struct digest *digest;
	unsigned char hash[SHA256_SIZE];
};

struct body_form {
	struct verifier *v;
	struct canon_body canon;
	uint64_t length; /* of the canonical body so far */
	bool wanted;
};

struct verifier {
	const struct header *h;
	struct signature signatures[VERIFY_SIGNATURES_MAX];
	const struct body_part *part_of[VERIFY_SIGNATURES_MAX];
	size_t n;
	bool more; /* there are signatures beyond those */
	struct body_part parts[VERIFY_SIGNATURES_MAX];
	size_t n_parts;
	struct body_form forms[CANON_COUNT];
};

/* What was found at a name. */
struct found_key {
	char *name;
	enum key_answer answer;
	struct buf record;
};

/* What judging a signature needs beside it. */
struct judge {
	const struct verifier *v;
	struct field_index *index;
	verify_find_fn *find;
	void *ctx;
	time_t now;
	struct found_key keys[VERIFY_SIGNATURES_MAX];
	size_t n_keys;
};

const char *verdict_name(enum verdict v)
{
	static const char *const names[VERDICT_COUNT] = {
		[VERDICT_PASS] = "pass",           [VERDICT_FAIL] = "fail",
		[VERDICT_NEUTRAL] = "neutral",     [VERDICT_POLICY] = "policy",
		[VERDICT_TEMPERROR] = "temperror", [VERDICT_PERMERROR] = "permerror",
	};

	return names[v];
}

/* Takes canonical text for all parts of this kind. */
static bool hash_form(void *ctx, const char *p, size_t len)
{
	struct body_form *form = ctx;
	struct verifier *v = form->v;
	enum canon kind = form->canon.kind;

	for (size_t i = 0; i < v->n_parts; i++) {
		struct body_part *part = &v->parts[i];
		uint64_t room = part->limit > form->length ? part->limit - form->length : 0;

		if (part->kind == kind && room > 0)
			digest_update(part->digest, p, room < len ? (size_t)room : len);
	}
	form->length += len;
	return true;
}

static const struct body_part *want_part(struct verifier *v, const struct signature *s)
{
	struct body_form *form = &v->forms[s->body_canon];
	struct body_part *part = v->parts;

	for (; part < v->parts + v->n_parts; part++)
		if (part->kind == s->body_canon && part->limit == s->limit)
			return part;
	*part = (struct body_part){ s->body_canon, s->limit, digest_begin(), { 0 } };
	v->n_parts++;
	if (!form->wanted)
		canon_body_init(&form->canon, s->body_canon, (struct sink){ hash_form, form });
	form->wanted = true;
	return part;
}

/* A reader is shown one author, and not always the one that is signed (section 8.15). */
static bool has_one_from(const struct header *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += span_ieq(header_name(h, i), field_name(FIELD_FROM));
	return n == 1;
}

static void begin_signature(struct verifier *v, size_t at, bool one_from)
{
	struct signature *s = &v->signatures[v->n];

	signature_read(v->h, at, s);
	if (!one_from)
		signature_refuse(s, VERDICT_PERMERROR, "there is not exactly one From: field");
	if (s->v.verdict == VERDICT_PASS)
		v->part_of[v->n] = want_part(v, s);
	v->n++;
}

struct verifier *verify_begin(const struct header *h)
{
	struct verifier *v = xcalloc(1, sizeof *v);
	bool one_from = has_one_from(h);

	v->h = h;
	for (int kind = 0; kind < CANON_COUNT; kind++)
		v->forms[kind].v = v;
	for (size_t i = 0; i < h->n && !v->more; i++) {
		if (!span_ieq(header_name(h, i), field_wanted))
			continue;
		v->more = v->n == VERIFY_SIGNATURES_MAX;
		if (!v->more)
			begin_signature(v, i, one_from);
	}
	return v;
}

static bool feed_forms(void *ctx, const char *p, size_t len)
{
	struct verifier *v = ctx;

	for (int kind = 0; kind < CANON_COUNT; kind++)
		if (v->forms[kind].wanted)
			canon_body_feed(&v->forms[kind].canon, p, len);
	return true;
}

struct sink verify_body(struct verifier *v)
{
	return (struct sink){ feed_forms, v };
}

static void finish_body(struct verifier *v)
{
	for (int kind = 0; kind < CANON_COUNT; kind++)
		if (v->forms[kind].wanted)
			canon_body_finish(&v->forms[kind].canon);
	for (size_t i = 0; i < v->n_parts; i++) {
		digest_end(v->parts[i].digest, v->parts[i].hash);
		v->parts[i].digest = NULL;
	}
}

static void judge_body(const struct judge *j, struct signature *s, const struct body_part *part)
{
	uint64_t length = j->v->forms[part->kind].length;

	if (s->limited && s->limit > length)
		signature_refuse(s, VERDICT_FAIL, "the body is shorter than l=");
	if (memcmp(part->hash, s->body_hash, SHA256_SIZE) != 0)
		signature_refuse(s, VERDICT_FAIL, "body hash did not verify");
	s->v.partial = s->limited && s->limit < length;
}

static void judge_key(struct signature *s, const struct dkim_record *rec)
{
	s->v.testing = rec->testing;
	if (rec->state != RECORD_GOOD)
		signature_refuse(s, VERDICT_PERMERROR, record_words(rec->state));
	else if (rec->type != s->type)
		signature_refuse(s, VERDICT_PERMERROR, "the key is of another type than a= says");
	else if (rec->type == KEY_RSA && dkim_public_bits(rec->key) < RSA_BITS_MIN)
		signature_refuse(s, VERDICT_POLICY, "an RSA key under 1024 bits is not accepted");
	else if (rec->strict && s->subdomain)
		signature_refuse(s, VERDICT_PERMERROR,
				 "i= is in a subdomain, which the key does not permit (t=s)");
}

static bool made_by(const struct signature *s, const struct header *h, struct field_index *ix,
		    const struct dkim_public *key)
{
	unsigned char hash[SHA256_SIZE];

	signature_hash(s, h, ix, hash);
	return dkim_public_verify(key, s->type, hash, buf_span(&s->bytes));
}

static void judge_with_record(const struct judge *j, struct signature *s, struct span text)
{
	struct dkim_record rec;

	record_read(text, &rec);
	judge_key(s, &rec);
	if (s->v.verdict == VERDICT_PASS && !made_by(s, j->v->h, j->index, rec.key))
		signature_refuse(s, VERDICT_FAIL, "signature did not verify");
	record_free(&rec);
}

/* The key's place, asked for unless it was before. Takes the name over. */
static const struct found_key *ask(struct judge *j, char *name)
{
	struct found_key *k = j->keys;

	for (; k < j->keys + j->n_keys; k++) {
		if (ascii_casecmp(k->name, name) == 0) {
			free(name);
			return k;
		}
	}
	*k = (struct found_key){ .name = name, .answer = KEY_NONE };
	buf_init(&k->record, RECORD_MAX);
	if (strlen(name) <= NAME_MAX_LEN)
		k->answer = j->find(j->ctx, name, &k->record);
	j->n_keys++;
	return k;
}

static void forget_keys(struct judge *j)
{
	for (size_t i = 0; i < j->n_keys; i++) {
		free(j->keys[i].name);
		buf_free(&j->keys[i].record);
	}
}

/* The body first: a signature that does not fit it costs the DNS nothing. */
static void judge_signature(struct judge *j, struct signature *s, const struct body_part *part)
{
	const struct found_key *k;

	signature_check_time(s, j->now);
	if (s->v.verdict == VERDICT_PASS)
		judge_body(j, s, part);
	if (s->v.verdict != VERDICT_PASS)
		return;
	k = ask(j, xasprintf("%s._domainkey.%s", s->v.selector, s->v.domain));
	switch (k->answer) {
	case KEY_FOUND:
		judge_with_record(j, s, buf_span(&k->record));
		break;
	case KEY_NONE:
		signature_refuse(s, VERDICT_PERMERROR, "there is no key");
		break;
	case KEY_SEVERAL:
		signature_refuse(s, VERDICT_PERMERROR, "there are several key records");
		break;
	case KEY_UNAVAILABLE:
		signature_refuse(s, VERDICT_TEMPERROR, "the key could not be looked up");
		break;
	}
}

static void drop_parts(struct verifier *v)
{
	for (size_t i = 0; i < v->n; i++)
		signature_free(&v->signatures[i]);
	for (size_t i = 0; i < v->n_parts; i++)
		digest_drop(v->parts[i].digest);
	free(v);
}

size_t verify_end(struct verifier *v, verify_find_fn *find, void *ctx, time_t now,
		  struct verification **out)
{
	struct judge j = { .v = v, .find = find, .ctx = ctx, .now = now };
	struct verification *list = xcalloc(v->n + 1, sizeof list[0]);
	size_t n = v->n;

	finish_body(v);
	j.index = n > 0 ? field_index_make(v->h) : NULL;
	for (size_t i = 0; i < n; i++) {
		judge_signature(&j, &v->signatures[i], v->part_of[i]);
		list[i] = v->signatures[i].v;
	}
	if (v->more)
		list[n++] = (struct verification){
			.verdict = VERDICT_POLICY,
			.why = "there are more signatures than are looked at",
		};
	field_index_free(j.index);
	forget_keys(&j);
	drop_parts(v);
	*out = list;
	return n;
}

static void free_texts(struct verification *v)
{
	free(v->domain);
	free(v->selector);
	free(v->identity);
	free(v->algorithm);
}

void verify_drop(struct verifier *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->n; i++)
		free_texts(&v->signatures[i].v);
	drop_parts(v);
}

void verification_free(struct verification *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free_texts(&list[i]);
	free(list);
}

/* The public half of a private key; NULL if it cannot be had. The caller frees. */
static struct dkim_public *public_of(const struct dkim_key *key)
{
	struct result r = RESULT_OK;
	struct dkim_public *half = NULL;
	struct buf base64, bytes;

	buf_init(&base64, KEY_MAX);
	buf_init(&bytes, KEY_MAX);
	if (dkim_key_public(key, &base64, &r) && base64_read(buf_span(&base64), &bytes))
		half = dkim_public_load(dkim_key_type(key), buf_span(&bytes));
	result_free(&r);
	buf_free(&base64);
	buf_free(&bytes);
	return half;
}

/* A signer, its header, and what is made of them when the first signature gets that far. */
struct own {
	const struct dkim_signer *signer;
	const struct header *h;
	const struct body_hash *body;
	time_t now;
	struct buf names; /* h= as it would be now */
	struct dkim_public *key;
	struct field_index *index;
};

static void own_prepare(struct own *own)
{
	if (own->index != NULL)
		return;
	dkim_signed_names(own->signer, own->h, &own->names);
	own->key = public_of(own->signer->key);
	own->index = field_index_make(own->h);
}

static void own_free(struct own *own)
{
	buf_free(&own->names);
	dkim_public_free(own->key);
	field_index_free(own->index);
}

/* "@d" and none are the same; only the domain is without case. */
static bool same_identity(const char *identity, const struct dkim_signer *signer)
{
	const char *at = strrchr(identity, '@');
	const char *wanted = signer->identity != NULL ? signer->identity : "";
	const char *wanted_at = strrchr(wanted, '@');
	size_t local = wanted_at != NULL ? (size_t)(wanted_at - wanted) : 0;

	return at != NULL && (size_t)(at - identity) == local &&
	       memcmp(identity, wanted, local) == 0 &&
	       ascii_casecmp(at + 1, wanted_at != NULL ? wanted_at + 1 : signer->domain) == 0;
}

static bool is_of(const struct signature *s, const struct dkim_signer *signer)
{
	return s->v.verdict == VERDICT_PASS && !s->limited &&
	       s->type == dkim_key_type(signer->key) &&
	       ascii_casecmp(s->v.domain, signer->domain) == 0 &&
	       ascii_casecmp(s->v.selector, signer->selector) == 0 &&
	       same_identity(s->v.identity, signer);
}

/* Not made later than now, and with most of its time still to go. */
static bool lasts(const struct signature *s, int64_t expire, time_t now)
{
	uint64_t present = now > 0 ? (uint64_t)now : 0;

	if (s->made > present)
		return false;
	if (s->end == UINT64_MAX)
		return true;
	return expire > 0 && s->end > present + (uint64_t)expire / 2;
}

static bool body_fits(const struct signature *s, const struct body_hash *body)
{
	enum canon kind = s->body_canon;

	return body->wanted[kind] && body->digest[kind] == NULL &&
	       memcmp(body->hash[kind], s->body_hash, SHA256_SIZE) == 0;
}

static bool is_as_good(struct own *own, const struct signature *s)
{
	if (!is_of(s, own->signer) || !lasts(s, own->signer->expire, own->now) ||
	    !body_fits(s, own->body))
		return false;
	own_prepare(own);
	return own->key != NULL && !buf_overflowed(&own->names) &&
	       signature_covers(s, buf_span(&own->names)) &&
	       made_by(s, own->h, own->index, own->key);
}

bool verify_own(const struct dkim_signer *s, const struct header *h, const struct body_hash *body,
		time_t now)
{
	struct own own = { .signer = s, .h = h, .body = body, .now = now };
	bool good = false;
	size_t seen = 0;

	buf_init(&own.names, FIELD_MAX);
	for (size_t i = 0; i < h->n && seen < VERIFY_SIGNATURES_MAX && !good; i++) {
		struct signature found;

		if (!span_ieq(header_name(h, i), field_wanted))
			continue;
		seen++;
		signature_read(h, i, &found);
		good = is_as_good(&own, &found);
		free_texts(&found.v);
		signature_free(&found);
	}
	own_free(&own);
	return good;
}
