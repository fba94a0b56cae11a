/*
 * signatures.h - makes DKIM-Signature fields of any spelling that fit, and has them verified
 */
#ifndef MAILCHUTE_TESTS_SIGNATURES_H
#define MAILCHUTE_TESTS_SIGNATURES_H

#include "base/base64.h"
#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "dkim/canon.h"
#include "dkim/key.h"
#include "dkim/sign.h"
#include "dkim/verify.h"
#include "mail/header.h"

#include <stdlib.h>
#include <string.h>

#define NOW      1700000000
#define TEXT_MAX (8 * 1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* RFC 8032 section 7.1, test 1, the key of RFC 8463 appendix A */
static const char private_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	"-----END PRIVATE KEY-----\n";

#define P_ED25519 "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define P_RSA                                                                                      \
	"p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6"                       \
	"Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBs"                   \
	"CR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+"                    \
	"l/K4w3QIDAQAB"
#define P_RSA_512                                                                                  \
	"p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALqKCUgOzknyorAtPZ1yrWDW9A9ESJ9Ixh8Y"                   \
	"IsSdqtqMTLsd8cYXWS62vQeSzHKMaV7ECFLdjmd2cctcaPWsaVcCAwEAAQ=="

static const struct {
	const char *name;
	enum key_answer answer;
	const char *record;
} dns[] = {
	{ "brisbane._domainkey.football.example.com", KEY_FOUND, "v=DKIM1; k=ed25519; " P_ED25519 },
	{ "test._domainkey.football.example.com", KEY_FOUND, "v=DKIM1; k=rsa; " P_RSA },
	{ "e._domainkey.example.org", KEY_FOUND, "v=DKIM1; k=ed25519; " P_ED25519 },
	{ "e.2026._domainkey.xn--bcher-kva.example", KEY_FOUND, "k=ed25519; " P_ED25519 },
	{ "strict._domainkey.example.org", KEY_FOUND, "t=s; k=ed25519; " P_ED25519 },
	{ "testing._domainkey.example.org", KEY_FOUND, "t=y; k=ed25519; " P_ED25519 },
	{ "revoked._domainkey.example.org", KEY_FOUND, "v=DKIM1; k=ed25519; p=" },
	{ "spf._domainkey.example.org", KEY_FOUND, "v=spf1 -all" },
	{ "rsa._domainkey.example.org", KEY_FOUND, P_RSA },
	{ "short._domainkey.example.org", KEY_FOUND, P_RSA_512 },
	{ "busy._domainkey.example.org", KEY_UNAVAILABLE, "" },
};

static inline enum key_answer find(void *ctx, const char *name, struct buf *record)
{
	size_t *questions = ctx;

	++*questions;
	for (size_t i = 0; i < COUNT(dns); i++) {
		if (ascii_casecmp(dns[i].name, name) != 0)
			continue;
		buf_adds(record, dns[i].record);
		return dns[i].answer;
	}
	return KEY_NONE;
}

static inline struct dkim_key *load(const char *pem)
{
	struct result r = RESULT_OK;
	struct dkim_key *key = NULL;

	assert_true(dkim_key_load(span_of(pem), "test.key", &key, &r));
	return key;
}

/* Appends the fields of text whose lines end in CRLF. */
static inline void add_fields(struct header *h, const char *text)
{
	const char *start = text;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p != '\n' || p[1] == ' ' || p[1] == '\t')
			continue;
		header_append(h, (struct span){ start, (size_t)(p + 1 - start) });
		start = p + 1;
	}
}

/* Results of one verification, and how many keys were asked for. */
struct outcome {
	struct verification *list;
	size_t n;
	size_t questions;
};

static inline struct outcome verify_at(const struct header *h, const char *body, time_t now)
{
	struct verifier *v = verify_begin(h);
	struct sink sink = verify_body(v);
	struct outcome out = { .n = 0 };

	assert_true(sink_write(&sink, body, strlen(body)));
	out.n = verify_end(v, find, &out.questions, now, &out.list);
	return out;
}

static inline struct outcome verify(const struct header *h, const char *body)
{
	return verify_at(h, body, NOW);
}

static const char *row = ""; /* of a table, for the message of a failure */

static inline void expect(const struct outcome *out, size_t i, enum verdict verdict,
			  const char *why)
{
	const struct verification *v = &out->list[i];

	assert_true(i < out->n);
	if (v->verdict != verdict || (why != NULL && strcmp(v->why, why) != 0))
		fail_msg("%s (%s), not %s (%s): %s", verdict_name(v->verdict),
			 v->why != NULL ? v->why : "", verdict_name(verdict),
			 why != NULL ? why : "", row);
	assert_int_equal(v->why == NULL, v->verdict == VERDICT_PASS);
}

/* The only verdict there is. */
static inline void expect_one(const struct header *h, const char *body, enum verdict verdict,
			      const char *why)
{
	struct outcome out = verify(h, body);

	assert_int_equal(out.n, 1);
	expect(&out, 0, verdict, why);
	verification_free(out.list, out.n);
}

/* The message of the signatures made here. "Comments" is there three times. */
static const char fields[] = "From: a@example.org\r\n"
			     "Subject: hi\r\n"
			     "Comments: top\r\n"
			     "comments : middle \r\n"
			     "COMMENTS: low\r\n"
			     "X-Empty:\r\n";
static const char body[] = "one  two \r\n\r\nthree\r\n\r\n";
#define SIMPLE_LENGTH  20 /* octets of its canonical forms */
#define RELAXED_LENGTH 18

/* The hash of the first `len` octets of the canonical body, in base64. */
static inline void add_body_hash(enum canon kind, size_t len, struct buf *out)
{
	unsigned char hash[SHA256_SIZE];
	struct digest *d = digest_begin();
	struct canon_body canon;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	canon_body_init(&canon, kind, sink_to_buf(&text));
	assert_true(canon_body_feed(&canon, body, strlen(body)) && canon_body_finish(&canon));
	assert_int_equal(text.len, kind == CANON_SIMPLE ? SIMPLE_LENGTH : RELAXED_LENGTH);
	digest_update(d, text.p, text.len < len ? text.len : len);
	digest_end(d, hash);
	base64_write(hash, sizeof hash, out);
	buf_free(&text);
}

/* What signature a test wants: header fields it covers, in their order, and how. */
struct made {
	const char *tags; /* "$" is put where bh= belongs, "%" where b= does */
	enum canon header_canon, body_canon;
	size_t limit; /* of the body, 0: all */
	size_t at[8];
	size_t n;
};

/* Appends the signature's field to `out`; positions are those of `h`. */
static inline void make(const struct made *m, const struct header *h, struct buf *out)
{
	unsigned char hash[SHA256_SIZE];
	struct dkim_key *key = load(private_pem);
	struct result r = RESULT_OK;
	struct buf text, empty;
	const char *mark, *left, *right;

	buf_init(&text, TEXT_MAX);
	buf_init(&empty, TEXT_MAX);
	buf_adds(&text, "DKIM-Signature:");
	for (const char *p = m->tags; *p != '\0'; p++)
		if (*p == '$')
			add_body_hash(m->body_canon, m->limit > 0 ? m->limit : SIZE_MAX, &text);
		else
			buf_addc(&text, *p);
	buf_adds(&text, "\r\n");
	mark = strchr(text.p, '%');
	assert_non_null(mark);
	for (left = mark; left[-1] != '='; left--)
		;
	right = mark + 1 + strspn(mark + 1, " \t\r\n");
	buf_add(&empty, text.p, (size_t)(left - text.p));
	buf_adds(&empty, right);
	dkim_header_hash(m->header_canon, h, m->at, m->n, buf_span(&empty), hash);
	buf_add(out, text.p, (size_t)(mark - text.p));
	assert_true(dkim_key_sign(key, hash, out, &r));
	buf_adds(out, mark + 1);
	buf_free(&text);
	buf_free(&empty);
	dkim_key_free(key);
}

/* The header `fields` with one signature on top of it. */
static inline void make_header(const struct made *m, struct header *h)
{
	struct buf field;

	header_init(h);
	add_fields(h, fields);
	buf_init(&field, TEXT_MAX);
	make(m, h, &field);
	header_insert(h, 0, buf_span(&field));
	buf_free(&field);
}

static inline void expect_made(const struct made *m, enum verdict verdict, const char *why)
{
	struct header h;

	make_header(m, &h);
	expect_one(&h, body, verdict, why);
	header_free(&h);
}

#endif
