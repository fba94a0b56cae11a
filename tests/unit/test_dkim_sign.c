/*
 * test_dkim_sign.c - DKIM-Signature fields: RFC 8463's example, which fields, how folded
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "dkim/canon.h"
#include "dkim/key.h"
#include "dkim/sign.h"
#include "mail/header.h"
#include "receiver.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (1024 * 1024)
#define NOW      1528637909
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The default oversign list, as it ends an h=. */
#define OVERSIGNED                                                                                 \
	":From:Subject:Date:To:Cc:Message-ID:MIME-Version:Content-Type:"                           \
	"Content-Transfer-Encoding:In-Reply-To:References"

/* Made for this test and used nowhere else. */
static const char rsa[] = "-----BEGIN RSA PRIVATE KEY-----\n"
			  "MIICXQIBAAKBgQCbEZZLgrwNaUeVNM3n6M2bnW4Jnyv7xQVJXC/3/ofE/qgDaJkU\n"
			  "Fu+RVobCJWNHdiPFHX0YUSEaMhsG9/UHPXv8JRKio7+fFrliZs3aHBlg11l9htGR\n"
			  "n4D+xRJLTz202UB18rrpNZa10IcTAxRkHHp+2MbopGYOXh84SKEwr7C8wwIDAQAB\n"
			  "AoGAOzF+drqkAFaU3a73frROcD2rOH8LMiNmPjezk+4Uc61mA08VSCbtMkSeUlQl\n"
			  "Tq0ZQHBeRT8K7M39pS5X2Xit7900fznqNpW3S58cTL8UjZLQEqVWHMi++pqTEIky\n"
			  "sFrTYBaWfGiUuT7aPnt1puzie10ytMvydCNpjJgvzprbOSkCQQDI+3bihl75VfHL\n"
			  "Oo6u29KlSt+/LFrpK9v51l9L6aK7mnzU7+KImV3A5w1eZQ8u+AcFP2ojK8S0xeDV\n"
			  "CraXlCrvAkEAxYSRZTa/m+aX42GlN7/QvL0oGH/FEMZMrqq0JeyMM3KNjqhbSCbh\n"
			  "tcOEXLGucOCULNJzhJ9bzlrYhgiraSDbbQJBAL49WLDe4/M7KN5nlTtqlB8lmljI\n"
			  "0Vy4yUXZZubiRckyWErurg0Crr2zdvIM0qxw1aRf/EVCXrWGQGUn+OHNvD0CQEsu\n"
			  "5PEz38eGBLbGik8oMlpFXifFKsvxz2qFC8GLwuoqZnuw1d4m/q9jVtS5xX6t3Xka\n"
			  "OmJ3DkkEB3stfaGsohkCQQC9pnC3qB1lU8AYgBDDw/gWcS36Wz5YslclnZxuCj1o\n"
			  "VOmK4JjBKKH4Ap7ZCmkq/CnMlVeI3da+LopmoF1Nb+aC\n"
			  "-----END RSA PRIVATE KEY-----\n";

/* RFC 8032 section 7.1, test 1, the key of RFC 8463 appendix A */
static const char ed25519[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
			      "-----END PRIVATE KEY-----\n";

static struct dkim_key *load(const char *pem)
{
	struct result r = RESULT_OK;
	struct dkim_key *key = NULL;

	assert_true(dkim_key_load(span_of(pem), "test.key", &key, &r));
	return key;
}

/* A header of text whose lines end in CRLF. */
static void read_header(struct header *h, const char *text)
{
	const char *start = text;

	header_init(h);
	for (const char *p = text; *p != '\0'; p++) {
		if (*p != '\n' || p[1] == ' ' || p[1] == '\t')
			continue;
		header_append(h, (struct span){ start, (size_t)(p + 1 - start) });
		start = p + 1;
	}
}

static void hash_body(struct body_hash *hash, const char *body)
{
	struct sink sink;

	body_hash_init(hash, true, true);
	sink = body_hash_sink(hash);
	assert_true(sink_write(&sink, body, strlen(body)));
	body_hash_finish(hash);
}

/* The value of a tag without its folds and blanks: "h" of "; h=From: \r\n To;". */
static void tag_value(struct span field, const char *tag, struct buf *out)
{
	struct buf flat;
	struct buf name;
	const char *at;

	buf_init(&flat, OUT_MAX);
	buf_init(&name, OUT_MAX);
	buf_addf(&name, ";%s=", tag);
	for (size_t i = 0; i < field.len; i++)
		if (strchr(" \t\r\n", field.p[i]) == NULL)
			buf_addc(&flat, field.p[i]);
	at = strstr(buf_str(&flat), buf_str(&name));
	assert_non_null(at);
	at += name.len;
	buf_add(out, at, strcspn(at, ";"));
	buf_free(&flat);
	buf_free(&name);
}

static const char rfc_header[] = "From: Joe SixPack <joe@football.example.com>\r\n"
				 "To: Suzie Q <suzie@shopping.example.net>\r\n"
				 "Subject: Is dinner ready?\r\n"
				 "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
				 "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";
static const char rfc_body[] = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

/* RFC 8463 appendix A.3: its two fields, cut behind "b=", and the values that belong there. */
static const struct {
	enum key_type type;
	const char *field;
	const char *b;
	const char *public;
} examples[] = {
	{ KEY_ED25519,
	  "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	  " d=football.example.com; i=@football.example.com;\r\n"
	  " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
	  " subject : date : message-id : from : subject : date;\r\n"
	  " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	  " b=\r\n",
	  "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
	  "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==",
	  "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" },
	{ KEY_RSA,
	  "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
	  " d=football.example.com; i=@football.example.com;\r\n"
	  " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
	  " date : message-id : from : subject : date;\r\n"
	  " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	  " b=\r\n",
	  "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3"
	  "DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz"
	  "dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=",
	  "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6"
	  "Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/"
	  "e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G"
	  "+2kryOTIKT+l/K4w3QIDAQAB" },
};

static void rfc_8463(void **state)
{
	static const size_t at[] = { 0, 1, 2, 3, 4 }; /* from : to : subject : date : message-id */
	struct header h;

	(void)state;
	read_header(&h, rfc_header);
	for (size_t i = 0; i < COUNT(examples); i++) {
		unsigned char hash[SHA256_SIZE];
		struct result r = RESULT_OK;
		struct dkim_key *key = load(ed25519);
		struct buf b;

		buf_init(&b, OUT_MAX);
		dkim_header_hash(CANON_RELAXED, &h, at, COUNT(at), span_of(examples[i].field),
				 hash);
		assert_true(receiver_accepts(examples[i].type, examples[i].public, hash,
					     examples[i].b));
		if (examples[i].type == KEY_ED25519) {
			assert_true(dkim_key_sign(key, hash, &b, &r));
			assert_string_equal(buf_str(&b), examples[i].b);
		}
		dkim_key_free(key);
		buf_free(&b);
	}
	header_free(&h);
}

/* Whole fields, byte for byte; their b= was computed by another program. */
static const struct {
	struct dkim_signer signer;
	const char *pem;
	const char *field;
} golden_fields[] = {
	{ { .domain = "football.example.com",
	    .selector = "brisbane",
	    .header_canon = CANON_RELAXED,
	    .body_canon = CANON_RELAXED },
	  ed25519,
	  "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	  " d=football.example.com; s=brisbane; t=1528637909; h=From:Subject:Date:To:\r\n"
	  " Message-ID:From:Subject:Date:To:Cc:Message-ID:MIME-Version:Content-Type:\r\n"
	  " Content-Transfer-Encoding:In-Reply-To:References;\r\n"
	  " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	  " b=HQ6KQM4SDN//F4nQtSTNSN9NwRytEIYZ/yUNZXaqc7vkw4d4RMccg0C+1ZhhcyaPozG1SZJX3Hn\r\n"
	  " 5lNzDLGpNCA==\r\n" },
	{ { .domain = "football.example.com",
	    .selector = "test",
	    .identity = "joe;x=y@football.example.com",
	    .header_canon = CANON_SIMPLE,
	    .body_canon = CANON_SIMPLE,
	    .expire = 432000 },
	  rsa,
	  "DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=football.example.com;\r\n"
	  " s=test; i=joe=3Bx=3Dy@football.example.com; t=1528637909; x=1529069909;\r\n"
	  " h=From:Subject:Date:To:Message-ID:From:Subject:Date:To:Cc:Message-ID:\r\n"
	  " MIME-Version:Content-Type:Content-Transfer-Encoding:In-Reply-To:References;\r\n"
	  " bh=4bLNXImK9drULnmePzZNEBleUanJCX5PIsDIFoH4KTQ=;\r\n"
	  " b=GVVUQjc4/bw5JxqST33eCyUvCwbQXt8T+6secDjp0jU7VdoGEbhX0Il0r+2mWY+aBqWvu09COHM\r\n"
	  " mdvVfiHkLC54XZCVw3xvyCuE4CEqAbC9U+9jVlwbxe9JOXoK2wC1CeEoPZ7tcRuKSnGTeRggFyQeN\r\n"
	  " 6nAMatB/tF3UMZQD9Ms=\r\n" },
};

static void golden(void **state)
{
	struct body_hash body;
	struct header h;

	(void)state;
	read_header(&h, rfc_header);
	hash_body(&body, rfc_body);
	for (size_t i = 0; i < COUNT(golden_fields); i++) {
		struct dkim_signer signer = golden_fields[i].signer;
		struct dkim_key *key = load(golden_fields[i].pem);
		struct result r = RESULT_OK;
		struct buf out;

		signer.key = key;
		buf_init(&out, OUT_MAX);
		buf_adds(&out, "X: y\r\n"); /* what is there stays */
		assert_true(dkim_sign(&signer, &h, &body, NOW, &out, &r));
		buf_consume(&out, 6);
		assert_string_equal(buf_str(&out), golden_fields[i].field);
		buf_free(&out);
		dkim_key_free(key);
	}
	body_hash_free(&body);
	header_free(&h);
}

/* Checks what holds for every field: its lines, and that the signature fits `fields`. */
static void check_field(struct span field, const struct header *h, const struct dkim_signer *s,
			const size_t *at, size_t n)
{
	unsigned char hash[SHA256_SIZE];
	struct result r = RESULT_OK;
	struct buf public;
	struct buf b;
	size_t column = 0;
	const char *end = NULL;
	struct buf empty;

	for (size_t i = 0; i < field.len; i++) {
		column = field.p[i] == '\n' ? 0 : column + (field.p[i] != '\r');
		assert_true(column <= 78);
		if (i > 3 && memcmp(field.p + i - 2, " b=", 3) == 0)
			end = field.p + i + 1;
	}
	assert_non_null(end);
	buf_init(&public, OUT_MAX);
	buf_init(&b, OUT_MAX);
	buf_init(&empty, OUT_MAX);
	buf_add(&empty, field.p, (size_t)(end - field.p));
	tag_value(field, "b", &b);
	dkim_header_hash(s->header_canon, h, at, n, buf_span(&empty), hash);
	assert_true(dkim_key_public(s->key, &public, &r));
	assert_true(receiver_accepts(dkim_key_type(s->key), buf_str(&public), hash, buf_str(&b)));
	buf_free(&public);
	buf_free(&b);
	buf_free(&empty);
}

static const char *const only_subject[] = { "Subject", NULL };
static const char *const twice_subject[] = { "subject", "SUBJECT", "Sub*", NULL };
static const char *const forbidden[] = { "Received",   "Bcc",         "DKIM-Signature",
					 "Resent-Bcc", "Return-Path", NULL };
static const char *const x_list[] = { "X-*", "To", NULL };
static const char *const none[] = { NULL };
static const char *const content[] = { "From", "Content-*", NULL };
static const char *const over_twice[] = { "Subject", "To", "SUBJECT", "subject", NULL };

/* Which fields h= names, in which order, and which positions that means. */
static const struct {
	const char *header;
	const char *const *headers;
	const char *const *oversign;
	const char *h;
	size_t at[8];
	size_t n;
} selections[] = {
	{ "From: a\r\n", NULL, NULL, "From" OVERSIGNED, { 0 }, 1 },
	/* a name has one spelling, the header's: some verifiers tell them apart */
	{ "TO: b\r\nfrom : a\r\n",
	  NULL,
	  NULL,
	  "from:TO:from:Subject:Date:TO:Cc:Message-ID:MIME-Version:Content-Type:"
	  "Content-Transfer-Encoding:In-Reply-To:References",
	  { 1, 0 },
	  2 },
	/* the order of the default list, whatever the header's */
	{ "Feedback-ID: f\r\nAutocrypt: k\r\nList-Unsubscribe-Post: p\r\nList-Unsubscribe: u\r\n"
	  "Reply-To: r\r\nDate: d\r\nSender: s\r\nFrom: a\r\n",
	  NULL,
	  NULL,
	  "From:Sender:Reply-To:Date:List-Unsubscribe:List-Unsubscribe-Post:Autocrypt:"
	  "Feedback-ID" OVERSIGNED,
	  { 7, 6, 4, 5, 3, 2, 1, 0 },
	  8 },
	/* repeated fields from the bottom up */
	{ "Cc: 1\r\nFrom: a\r\nCC: 2\r\ncc: 3\r\n",
	  NULL,
	  NULL,
	  "From:cc:CC:Cc:From:Subject:Date:To:cc:Message-ID:MIME-Version:Content-Type:"
	  "Content-Transfer-Encoding:In-Reply-To:References",
	  { 1, 3, 2, 0 },
	  4 },
	/* '*', and what it must not mean */
	{ "Content-Type: t\r\nFrom: a\r\nContent: x\r\ncontent-language: l\r\n"
	  "List-Id: i\r\nLister: x\r\nResent-Bcc: x\r\nResent-To: r\r\n",
	  NULL,
	  NULL,
	  "From:Content-Type:content-language:List-Id:Resent-To" OVERSIGNED,
	  { 1, 0, 3, 4, 7 },
	  5 },
	/* meant by name and by '*', and still once, and oversigned once */
	{ "Content-Language: l\r\nContent-Type: t\r\ncontent-type: u\r\nFrom: a\r\n",
	  NULL,
	  NULL,
	  "From:content-type:Content-Type:Content-Language:From:Subject:Date:To:Cc:Message-ID:"
	  "MIME-Version:content-type:Content-Transfer-Encoding:In-Reply-To:References",
	  { 3, 2, 1, 0 },
	  4 },
	/* the default oversigns nothing that one's own list leaves out */
	{ "Content-Id: l\r\nContent-Type: t\r\nSubject: s\r\nFrom: a\r\n",
	  content,
	  NULL,
	  "From:Content-Type:Content-Id:From:Content-Type:Content-Transfer-Encoding",
	  { 3, 1, 0 },
	  3 },
	{ "Subject: s\r\nFrom: a\r\n", none, over_twice, "From:Subject:Subject:To", { 1, 0 }, 2 },
	/* the trace is not signed */
	{ "Return-Path: x\r\nReceived: x\r\nDKIM-Signature: x\r\nAuthentication-Results: "
	  "x\r\nFrom: a\r\nX-Mailer: x\r\nContent-Length: 1\r\n",
	  NULL,
	  NULL,
	  "From" OVERSIGNED,
	  { 4 },
	  1 },
	{ "Bcc: b\r\nReceived: x\r\nReturn-Path: x\r\nFrom: a\r\nDKIM-Signature: x\r\n",
	  forbidden,
	  forbidden,
	  "From",
	  { 3 },
	  1 },
	/* lists of one's own: From always, nothing twice */
	{ "Subject: s\r\nFrom: a\r\nTo: b\r\n", only_subject, none, "From:Subject", { 1, 0 }, 2 },
	{ "Subject: s\r\nFrom: a\r\n", twice_subject, none, "From:Subject", { 1, 0 }, 2 },
	{ "From: a\r\n", only_subject, only_subject, "From:Subject", { 0 }, 1 },
	{ "X-A: 1\r\nFrom: a\r\nTo: b\r\nX-b: 2\r\nXx: 3\r\n",
	  x_list,
	  NULL,
	  "From:X-b:X-A:To:From:To",
	  { 1, 3, 0, 2 },
	  4 },
	/* oversigned means signed, too */
	{ "Subject: s\r\nFrom: a\r\nTo: b\r\n",
	  none,
	  only_subject,
	  "From:Subject:Subject",
	  { 1, 0 },
	  2 },
	{ "X-A: 1\r\nFrom: a\r\n", none, x_list, "From:X-A:To", { 1, 0 }, 2 },
	/* names that would break out of h=, or out of a line */
	{ "List-;d=evil.example: x\r\nFrom: a\r\nList-\xff: x\r\nList-a b: x\r\n"
	  "List-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: "
	  "x\r\n",
	  NULL,
	  NULL,
	  "From" OVERSIGNED,
	  { 1 },
	  1 },
};

static void selection(void **state)
{
	struct body_hash body;

	(void)state;
	hash_body(&body, rfc_body);
	for (size_t i = 0; i < COUNT(selections) * 2; i++) {
		struct dkim_key *key = load(i % 2 ? rsa : ed25519);
		struct dkim_signer signer = { .domain = "example.org",
					      .selector = "s",
					      .key = key,
					      .headers = selections[i / 2].headers,
					      .oversign = selections[i / 2].oversign,
					      .header_canon = (enum canon)(i % 2) };
		struct result r = RESULT_OK;
		struct header h;
		struct buf out;
		struct buf value;

		buf_init(&out, OUT_MAX);
		buf_init(&value, OUT_MAX);
		read_header(&h, selections[i / 2].header);
		assert_true(dkim_sign(&signer, &h, &body, NOW, &out, &r));
		tag_value(buf_span(&out), "h", &value);
		assert_string_equal(buf_str(&value), selections[i / 2].h);
		check_field(buf_span(&out), &h, &signer, selections[i / 2].at, selections[i / 2].n);
		header_free(&h);
		buf_free(&out);
		buf_free(&value);
		dkim_key_free(key);
	}
	body_hash_free(&body);
}

/* Folding: a growing domain moves every later tag through every column. */
static void folding(void **state)
{
	static const size_t at[] = { 0, 2, 3, 1, 4 };
	struct dkim_key *key = load(rsa);
	struct body_hash body;
	struct header h;
	struct buf domain;

	(void)state;
	read_header(&h, rfc_header);
	hash_body(&body, rfc_body);
	buf_init(&domain, OUT_MAX);
	for (int i = 0; i < 73; i++) {
		struct dkim_signer signer = { .selector = "s",
					      .key = key,
					      .header_canon = (enum canon)(i % 2) };
		struct result r = RESULT_OK;
		struct buf out;

		buf_init(&out, OUT_MAX);
		buf_addc(&domain, 'd');
		signer.domain = buf_str(&domain);
		assert_true(dkim_sign(&signer, &h, &body, NOW, &out, &r));
		check_field(buf_span(&out), &h, &signer, at, COUNT(at));
		assert_null(strstr(buf_str(&out), " \r\n"));
		buf_free(&out);
	}
	buf_free(&domain);
	body_hash_free(&body);
	header_free(&h);
	dkim_key_free(key);
}

static void failures(void **state)
{
	struct dkim_key *key = load(ed25519);
	const struct dkim_signer signer = { .domain = "example.org", .selector = "s", .key = key };
	struct result r = RESULT_OK;
	struct body_hash body;
	struct header h;
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	hash_body(&body, rfc_body);
	read_header(&h, "To: b\r\nFro: a\r\n");
	assert_false(dkim_sign(&signer, &h, &body, NOW, &out, &r));
	assert_int_equal(r.cause, CAUSE_DATA);
	assert_int_equal(r.step, STEP_SIGN);
	assert_int_equal(out.len, 0);
	result_free(&r);

	/* More names than fit into one field. */
	header_append(&h, span_of("From: a\r\n"));
	for (int i = 0; i < 50000; i++)
		header_append(&h, span_of("List-x:\r\n"));
	assert_false(dkim_sign(&signer, &h, &body, NOW, &out, &r));
	assert_int_equal(r.cause, CAUSE_DATA);
	assert_int_equal(r.step, STEP_SIGN);
	assert_int_equal(out.len, 0);
	result_free(&r);

	header_free(&h);
	body_hash_free(&body);
	buf_free(&out);
	dkim_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_8463), cmocka_unit_test(golden),   cmocka_unit_test(selection),
		cmocka_unit_test(folding),  cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
