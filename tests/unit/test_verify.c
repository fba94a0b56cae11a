/*
 * test_verify.c - verdicts on messages: RFC 8463's example, which fields, how much of the body
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "signatures.h"
#include "split.h"

#include "base/banned.h"

#define NO_MATCH     "signature did not verify"
#define NOT_ONE_FROM "there is not exactly one From: field"
#define TAGS         "a=ed25519-sha256; d=example.org; s=e; c=relaxed/relaxed;"

/* Another one, of 32 octets 'A'. */
static const char other_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				"MC4CAQAwBQYDK2VwBCIEIEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n"
				"-----END PRIVATE KEY-----\n";

static const char rfc_header[] = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
				 " d=football.example.com; i=@football.example.com;\r\n"
				 " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
				 " subject : date : message-id : from : subject : date;\r\n"
				 " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
				 " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
				 " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
				 "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
				 " d=football.example.com; i=@football.example.com;\r\n"
				 " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
				 " date : message-id : from : subject : date;\r\n"
				 " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
				 " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
				 " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
				 " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
				 "From: Joe SixPack <joe@football.example.com>\r\n"
				 "To: Suzie Q <suzie@shopping.example.net>\r\n"
				 "Subject: Is dinner ready?\r\n"
				 "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
				 "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";
static const char rfc_body[] = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

static void rfc_8463(void **state)
{
	static const struct {
		const char *selector;
		const char *algorithm;
	} want[] = { { "brisbane", "ed25519-sha256" }, { "test", "rsa-sha256" } };
	struct header h;
	struct outcome out;

	(void)state;
	header_init(&h);
	add_fields(&h, rfc_header);
	out = verify(&h, rfc_body);
	assert_int_equal(out.n, 2);
	for (size_t i = 0; i < out.n; i++) {
		expect(&out, i, VERDICT_PASS, NULL);
		assert_string_equal(out.list[i].domain, "football.example.com");
		assert_string_equal(out.list[i].selector, want[i].selector);
		assert_string_equal(out.list[i].algorithm, want[i].algorithm);
		assert_string_equal(out.list[i].identity, "@football.example.com");
		assert_false(out.list[i].testing || out.list[i].partial);
	}
	verification_free(out.list, out.n);
	header_free(&h);
}

/* In relaxed form all of these are other than what was signed, or the same. */
static void rfc_8463_changed(void **state)
{
	static const struct {
		const char *old, *new;
		enum verdict verdict;
		const char *why;
	} rows[] = {
		{ "dinner", "diner", VERDICT_FAIL, NO_MATCH },
		{ "Is dinner", "Is  \t dinner", VERDICT_PASS, NULL },
		{ "Subject: ", "SUBJECT :", VERDICT_PASS, NULL },
		{ "To: Suzie Q", "To: Suzie\r\n Q", VERDICT_PASS, NULL },
		{ "To: Suzie Q", "To: SuzieQ", VERDICT_FAIL, NO_MATCH },
		{ "From: Joe", "From: Eve <eve@example.com>\r\nFrom: Joe", VERDICT_PERMERROR,
		  NOT_ONE_FROM },
		{ "From: Joe", "from : Joe\r\nFROM:", VERDICT_PERMERROR, NOT_ONE_FROM },
		{ "From: Joe", "X-From: Joe", VERDICT_PERMERROR, NOT_ONE_FROM },
		{ "Date: Fri", "Date:\r\nDate: Fri", VERDICT_FAIL, NO_MATCH },
		{ "Message-ID:", "Comments: x\r\nMessage-ID:", VERDICT_PASS, NULL },
		{ "To: Suzie", "To: x\r\nTo: Suzie", VERDICT_PASS, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *at = strstr(rfc_header, rows[i].old);
		struct buf text;
		struct header h;
		struct outcome out;

		assert_non_null(at);
		buf_init(&text, TEXT_MAX);
		buf_add(&text, rfc_header, (size_t)(at - rfc_header));
		buf_adds(&text, rows[i].new);
		buf_adds(&text, at + strlen(rows[i].old));
		header_init(&h);
		add_fields(&h, buf_str(&text));
		out = verify(&h, rfc_body);
		assert_int_equal(out.n, 2);
		for (size_t k = 0; k < 2; k++)
			expect(&out, k, rows[i].verdict, rows[i].why);
		verification_free(out.list, out.n);
		header_free(&h);
		buf_free(&text);
	}
}

/* Repeated fields count from the bottom; a name once too often forbids another one. */
static const struct {
	const char *names; /* h= */
	size_t at[4];      /* what is hashed for it */
	size_t n;
	enum verdict verdict;
	const char *added; /* above all others afterwards */
	enum verdict verdict_then;
} selections[] = {
	{ "from:comments:comments", { 0, 4, 3 }, 3, VERDICT_PASS, "Comments: x\r\n", VERDICT_PASS },
	{ "from:comments:x-empty:COMMENTS",
	  { 0, 4, 5, 3 },
	  4,
	  VERDICT_PASS,
	  "X-Empty: no\r\n",
	  VERDICT_PASS },
	{ "from:comments:comments", { 0, 3, 4 }, 3, VERDICT_FAIL, "X: y\r\n", VERDICT_FAIL },
	{ "comments:comments:comments:comments:from",
	  { 4, 3, 2, 0 },
	  4,
	  VERDICT_PASS,
	  "Comment: x\r\n",
	  VERDICT_PASS },
	{ "comments:comments:comments:comments:from",
	  { 4, 3, 2, 0 },
	  4,
	  VERDICT_PASS,
	  "comments : x\r\n",
	  VERDICT_FAIL },
	{ "from:to", { 0 }, 1, VERDICT_PASS, "To: b@example.net\r\n", VERDICT_FAIL },
};

static void selection(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(selections); i++) {
		char *tags = xasprintf("v=1; " TAGS "bh=$; h=%s; b=%%", selections[i].names);
		struct made m = { tags, CANON_RELAXED, CANON_RELAXED, 0, { 0 }, selections[i].n };
		struct header h;

		memcpy(m.at, selections[i].at, sizeof selections[i].at);
		make_header(&m, &h);
		expect_one(&h, body, selections[i].verdict, NULL);
		header_insert(&h, 0, span_of(selections[i].added));
		expect_one(&h, body, selections[i].verdict_then, NULL);
		header_free(&h);
		free(tags);
	}
}

/* A signature may cover another one, never itself. */
static void signatures_over_signatures(void **state)
{
	static const struct made inner = {
		"v=1; " TAGS "h=from;bh=$;b=%", CANON_RELAXED, CANON_RELAXED, 0, { 0 }, 1
	};
	static const struct made outer = {
		"v=1; " TAGS "h=from:dkim-signature:dkim-signature;bh=$;b=%",
		CANON_RELAXED,
		CANON_RELAXED,
		0,
		{ 1, 0 },
		2,
	};
	struct header h;
	struct buf field;
	struct outcome out;

	(void)state;
	make_header(&inner, &h);
	buf_init(&field, TEXT_MAX);
	make(&outer, &h, &field);
	header_append(&h, buf_span(&field)); /* at the bottom: it is the first that is met */
	out = verify(&h, body);
	assert_int_equal(out.n, 2);
	expect(&out, 0, VERDICT_PASS, NULL);
	expect(&out, 1, VERDICT_PASS, NULL);
	verification_free(out.list, out.n);
	buf_free(&field);
	header_free(&h);
}

/* Signatures over every length of both forms, all at once and over every cut of the body. */
struct lengths {
	struct header h;
	struct verifier *v;
	enum canon kind;
	size_t most;
};

static void lengths_begin(void *ctx)
{
	struct lengths *l = ctx;

	l->v = verify_begin(&l->h);
}

static void lengths_feed(void *ctx, const char *p, size_t len)
{
	struct lengths *l = ctx;
	struct sink sink = verify_body(l->v);

	assert_true(sink_write(&sink, p, len));
}

static void lengths_end(void *ctx)
{
	struct lengths *l = ctx;
	size_t questions = 0;
	struct verification *list;
	size_t n = verify_end(l->v, find, &questions, NOW, &list);

	assert_int_equal(n, l->most);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(list[i].verdict, VERDICT_PASS);
		assert_int_equal(list[i].partial, i + 1 < l->most);
	}
	verification_free(list, n);
}

static void body_lengths(void **state)
{
	static const size_t lengths[CANON_COUNT] = { SIMPLE_LENGTH, RELAXED_LENGTH };

	(void)state;
	for (int kind = 0; kind < CANON_COUNT; kind++) {
		struct lengths l = { .kind = (enum canon)kind, .most = lengths[kind] };
		const struct split_run run = { lengths_begin, lengths_feed, lengths_end, &l };
		struct buf field;

		header_init(&l.h);
		add_fields(&l.h, fields);
		buf_init(&field, TEXT_MAX);
		for (size_t i = 0; i < l.most; i++) {
			char *tags = xasprintf("v=1;a=ed25519-sha256;d=example.org;s=e;"
					       "c=relaxed/%s;h=from;l=%zu;bh=$;b=%%",
					       canon_name(l.kind), i + 1);
			const struct made m = { tags, CANON_RELAXED, l.kind, i + 1, { i }, 1 };

			buf_clear(&field);
			make(&m, &l.h, &field);
			header_insert(&l.h, i, buf_span(&field));
			free(tags);
		}
		each_split(&run, body, strlen(body));
		buf_free(&field);
		header_free(&l.h);
	}
}

static void empty_body(void **state)
{
	/* SHA-256 of "\r\n" and of "" */
	static const struct {
		const char *tags;
		enum verdict verdict;
	} rows[] = {
		{ "v=1; " TAGS "h=from;bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;b=%",
		  VERDICT_PASS },
		{ "v=1;a=ed25519-sha256;d=example.org;s=e;c=relaxed/simple;h=from;"
		  "bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=;b=%",
		  VERDICT_PASS },
		{ "v=1; " TAGS "h=from;bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=;b=%",
		  VERDICT_FAIL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct made m = { rows[i].tags, CANON_RELAXED, CANON_RELAXED, 0, { 0 }, 1 };
		struct header h;

		make_header(&m, &h);
		expect_one(&h, "", rows[i].verdict, NULL);
		expect_one(&h, "\r\n\r\n", rows[i].verdict, NULL);
		header_free(&h);
	}
}

static void no_signature(void **state)
{
	struct header h;
	struct outcome out;

	(void)state;
	header_init(&h);
	out = verify(&h, body);
	assert_int_equal(out.n, 0);
	verification_free(out.list, out.n);
	add_fields(&h, fields);
	out = verify(&h, "");
	assert_int_equal(out.n, 0);
	verification_free(out.list, out.n);
	verify_drop(verify_begin(&h));
	verify_drop(NULL);
	header_free(&h);
}

static void given_up(void **state)
{
	struct header h;
	struct verifier *v;
	struct sink sink;

	(void)state;
	header_init(&h);
	add_fields(&h, rfc_header);
	v = verify_begin(&h);
	sink = verify_body(v);
	sink_write(&sink, "half", 4);
	verify_drop(v);
	header_free(&h);
}

/* Notes beside the verdict, and as much of a bad signature as can be read. */
static void notes(void **state)
{
	struct header h;
	struct outcome out;

	(void)state;
	header_init(&h);
	add_fields(&h, fields);
	add_fields(&h, "DKIM-Signature: v=1; " TAGS
		       " h=from; bh=AAAA; b=AAAA; i=ann=40b@example.org\r\n"
		       "DKIM-Signature: v=1; d=ex\x01mple; s=e; a=x\r\n"
		       "DKIM-Signature: v=1; d=-; s=s s; a=e\x7f\r\n"
		       "DKIM-Signature: v=1; d=[x]; s=s s; a=?!; i=nobody\r\n");
	out = verify(&h, body);
	assert_int_equal(out.n, 4);
	assert_int_equal(out.questions, 0);
	assert_string_equal(out.list[0].identity, "ann@b@example.org");
	assert_string_equal(out.list[0].domain, "example.org");
	assert_string_equal(out.list[0].selector, "e");
	for (size_t i = 1; i < 3; i++)
		assert_true(out.list[i].domain == NULL && out.list[i].algorithm == NULL);
	assert_true(out.list[3].domain == NULL && out.list[3].selector == NULL);
	assert_string_equal(out.list[3].algorithm, "?!");
	for (size_t i = 0; i < out.n; i++)
		expect(&out, i, VERDICT_NEUTRAL, NULL);
	verification_free(out.list, out.n);
	header_free(&h);
}

static void testing_keys(void **state)
{
	static const struct made m = {
		"v=1;a=ed25519-sha256;d=example.org;s=testing;c=relaxed/relaxed;h=from;bh=$;b=%",
		CANON_RELAXED,
		CANON_RELAXED,
		0,
		{ 0 },
		1,
	};
	struct header h;
	struct outcome out;

	(void)state;
	make_header(&m, &h);
	out = verify(&h, body);
	expect(&out, 0, VERDICT_PASS, NULL);
	assert_true(out.list[0].testing);
	verification_free(out.list, out.n);
	out = verify(&h, "other\r\n");
	expect(&out, 0, VERDICT_FAIL, "body hash did not verify");
	assert_int_equal(out.questions, 0);
	verification_free(out.list, out.n);
	header_free(&h);
}

static void too_many_signatures(void **state)
{
	struct header h;
	struct outcome out;

	(void)state;
	header_init(&h);
	add_fields(&h, rfc_header);
	for (size_t n = 2; n < VERIFY_SIGNATURES_MAX; n++)
		add_fields(&h, "dkim-signature: v=1\r\n");
	out = verify(&h, rfc_body);
	assert_int_equal(out.n, VERIFY_SIGNATURES_MAX);
	expect(&out, VERIFY_SIGNATURES_MAX - 1, VERDICT_NEUTRAL, "d= is missing");
	verification_free(out.list, out.n);
	for (size_t n = 0; n < 1000; n++)
		add_fields(&h, "DKIM-Signature: v=1\r\n");
	out = verify(&h, rfc_body);
	assert_int_equal(out.n, VERIFY_SIGNATURES_MAX + 1);
	assert_int_equal(out.questions, 2);
	expect(&out, 0, VERDICT_PASS, NULL);
	expect(&out, VERIFY_SIGNATURES_MAX, VERDICT_POLICY,
	       "there are more signatures than are looked at");
	verification_free(out.list, out.n);
	header_free(&h);
}

/* Twenty long h= over a header of very many fields are no matter of minutes. */
static void hostile_size(void **state)
{
	struct buf field;
	struct header h;
	struct outcome out;

	(void)state;
	header_init(&h);
	header_append(&h, span_of("From: a@example.org\r\n"));
	buf_init(&field, TEXT_MAX);
	buf_adds(&field, "DKIM-Signature: v=1;a=ed25519-sha256;d=example.org;s=e;b=AAAA;"
			 "bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=;h=from");
	while (field.len < 50000)
		buf_adds(&field, ":a:b");
	buf_adds(&field, "\r\n");
	for (size_t i = 0; i < VERIFY_SIGNATURES_MAX; i++)
		header_append(&h, buf_span(&field));
	for (size_t i = 0; i < 100000; i++)
		header_append(&h, span_of(i % 2 > 0 ? "a:\r\n" : "B :\r\n"));
	out = verify(&h, "");
	assert_int_equal(out.n, VERIFY_SIGNATURES_MAX);
	expect(&out, 0, VERDICT_FAIL, "signature did not verify");
	verification_free(out.list, out.n);
	buf_free(&field);
	header_free(&h);
}

/* verify_own() on a message signed by `signer`, after `edit` of the finished header. */
struct own {
	struct dkim_signer signer;
	struct body_hash hash;
	struct header h;
};

static void own_begin(struct own *own, struct dkim_key *key)
{
	struct result r = RESULT_OK;
	struct buf field;
	struct sink sink;

	*own = (struct own){ .signer = { .domain = "example.org",
					 .selector = "e",
					 .key = key,
					 .header_canon = CANON_RELAXED,
					 .body_canon = CANON_SIMPLE,
					 .expire = 3600 } };
	body_hash_init(&own->hash, true, false);
	sink = body_hash_sink(&own->hash);
	sink_write(&sink, body, strlen(body));
	body_hash_finish(&own->hash);
	header_init(&own->h);
	add_fields(&own->h, fields);
	buf_init(&field, TEXT_MAX);
	assert_true(dkim_sign(&own->signer, &own->h, &own->hash, NOW, &field, &r));
	header_insert(&own->h, 0, buf_span(&field));
	buf_free(&field);
}

static bool own_ask_at(const struct own *own, time_t now)
{
	return verify_own(&own->signer, &own->h, &own->hash, now);
}

static bool own_ask(const struct own *own)
{
	return own_ask_at(own, NOW);
}

static void own_end(struct own *own)
{
	body_hash_free(&own->hash);
	header_free(&own->h);
}

static void own_signature(void **state)
{
	struct dkim_key *key = load(private_pem), *other = load(other_pem);
	struct own own;

	(void)state;
	own_begin(&own, key);
	assert_true(own_ask(&own));
	assert_true(own_ask_at(&own, NOW + 1799));
	assert_false(own_ask_at(&own, NOW + 1800)); /* half of its time is over */
	assert_false(own_ask_at(&own, NOW - 1));
	own.signer.key = other;
	assert_false(own_ask(&own));
	own.signer.key = key;
	own.signer.selector = "E";
	assert_true(own_ask(&own));
	own.signer.selector = "f";
	assert_false(own_ask(&own));
	own.signer.selector = "e";
	own.signer.domain = "x.example.org";
	assert_false(own_ask(&own));
	own.signer.domain = "EXAMPLE.org";
	assert_true(own_ask(&own));
	own.hash.hash[CANON_SIMPLE][31] ^= 1;
	assert_false(own_ask(&own));
	own.hash.hash[CANON_SIMPLE][31] ^= 1;
	own.hash.wanted[CANON_SIMPLE] = false;
	assert_false(own_ask(&own));
	own.hash.wanted[CANON_SIMPLE] = true;
	header_append(&own.h, span_of("From: eve@example.org\r\n"));
	assert_false(own_ask(&own));
	own_end(&own);
	dkim_key_free(key);
	dkim_key_free(other);
}

#define OWN  "v=1;a=ed25519-sha256;d=example.org;s=e;c=relaxed;"
#define HASH "bh=$;b=%"

/* The signer signs From and Comments, and oversigns the first: what else may be otherwise? */
static const struct {
	const char *tags;
	const char *identity; /* the signer's */
	int64_t expire;       /* and its time */
	size_t n;             /* how many of the fields below are hashed */
	bool good;
} own_rows[] = {
	{ OWN "h=from:comments:comments:comments:from;" HASH, NULL, 0, 4, true },
	{ OWN "h=from:from:COMMENTS:Comments : comments;" HASH, NULL, 0, 4, true },
	{ OWN "h=from:to:from:comments:comments:comments:comments:to;" HASH, NULL, 0, 4, true },
	{ OWN "h=from;" HASH, NULL, 0, 1, false },
	{ OWN "h=from:from;" HASH, NULL, 0, 1, false },
	{ OWN "h=from:comments:comments:comments;" HASH, NULL, 0, 4, false },
	{ OWN "h=from:comments:comments:from;" HASH, NULL, 0, 3, false },
	{ OWN "h=from:from:comments:comments:comments;l=20;" HASH, NULL, 0, 4, false },
	{ OWN "h=xfrom;" HASH, NULL, 0, 0, false },
	{ OWN "h=from:from:comments:comments:comments;t=1700000000;" HASH, NULL, 0, 4, true },
	{ OWN "h=from:from:comments:comments:comments;t=1700000001;" HASH, NULL, 0, 4, false },
	{ OWN "h=from:from:comments:comments:comments;x=1800000000;" HASH, NULL, 0, 4, false },
	{ OWN "h=from:from:comments:comments:comments;x=1700000050;" HASH, NULL, 100, 4, false },
	{ OWN "h=from:from:comments:comments:comments;x=1700000051;" HASH, NULL, 100, 4, true },
	{ OWN "h=from:from:comments:comments:comments;" HASH, NULL, 100, 4, true },
	{ OWN "i=@Example.org;h=from:from:comments:comments:comments;" HASH, NULL, 0, 4, true },
	{ OWN "i=@x.example.org;h=from:from:comments:comments:comments;" HASH, NULL, 0, 4, false },
	{ OWN "i=a@example.org;h=from:from:comments:comments:comments;" HASH, NULL, 0, 4, false },
	{ OWN "h=from:from:comments:comments:comments;" HASH, "@example.org", 0, 4, true },
	{ OWN "h=from:from:comments:comments:comments;" HASH, "a@example.org", 0, 4, false },
	{ OWN "i=a@EXAMPLE.org;h=from:from:comments:comments:comments;" HASH, "a@example.org", 0, 4,
	  true },
	{ OWN "i=A@example.org;h=from:from:comments:comments:comments;" HASH, "a@example.org", 0, 4,
	  false },
	{ OWN "i=b@example.org;h=from:from:comments:comments:comments;" HASH, "a@example.org", 0, 4,
	  false },
	{ "v=1;a=rsa-sha256;d=example.org;s=e;c=relaxed;h=from:from:comments:comments:"
	  "comments;" HASH,
	  NULL, 0, 4, false },
};

static void own_signatures_that_are_poorer(void **state)
{
	static const char *const headers[] = { "Comments", NULL };
	static const char *const oversign[] = { "From", NULL };
	struct dkim_key *key = load(private_pem);

	(void)state;
	for (size_t i = 0; i < COUNT(own_rows); i++) {
		const struct made m = { .tags = own_rows[i].tags,
					.header_canon = CANON_RELAXED,
					.body_canon = CANON_SIMPLE,
					.at = { 0, 4, 3, 2 },
					.n = own_rows[i].n };
		struct own own;

		own_begin(&own, key);
		header_free(&own.h);
		make_header(&m, &own.h);
		own.signer.headers = headers;
		own.signer.oversign = oversign;
		own.signer.identity = own_rows[i].identity;
		own.signer.expire = own_rows[i].expire;
		if (own_ask(&own) != own_rows[i].good)
			fail_msg("%s", own_rows[i].tags);
		own_end(&own);
	}
	dkim_key_free(key);
}

/* A good one behind poor ones; not behind more than anybody looks at. */
static void own_signature_among_others(void **state)
{
	static const char poor[] = "DKIM-Signature: " OWN "h=from;b=AAAA;bh="
				   "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=\r\n";
	struct dkim_key *key = load(private_pem);
	struct own own;

	(void)state;
	own_begin(&own, key);
	for (size_t n = 1; n < VERIFY_SIGNATURES_MAX; n++)
		header_insert(&own.h, 0, span_of(poor));
	assert_true(own_ask(&own));
	header_insert(&own.h, 0, span_of("Subject: x\r\n"));
	assert_false(own_ask(&own));
	header_remove(&own.h, 0);
	assert_true(own_ask(&own));
	header_insert(&own.h, 0, span_of(poor));
	assert_false(own_ask(&own));
	own_end(&own);
	dkim_key_free(key);
}

/* Thousands of fields that claim to be ours cost no more than the header they make. */
static void own_signatures_without_number(void **state)
{
	struct dkim_key *key = load(private_pem);
	struct own own;
	struct buf field;

	(void)state;
	own_begin(&own, key);
	buf_init(&field, TEXT_MAX);
	assert_true(own_ask(&own));
	buf_addspan(&field, header_field(&own.h, 0));
	header_append(&own.h, span_of("Subject: another\r\n"));
	for (size_t n = 0; n < 10000; n++)
		header_append(&own.h, buf_span(&field));
	assert_false(own_ask(&own));
	buf_free(&field);
	own_end(&own);
	dkim_key_free(key);
}

/* What is asked of the DNS: nothing for a body that is not as signed, a name once. */
static void questions(void **state)
{
	static const struct made m = { .tags = "v=1; " TAGS "h=from;bh=$;b=%",
				       .header_canon = CANON_RELAXED,
				       .body_canon = CANON_RELAXED,
				       .n = 1 };
	struct outcome out;
	struct header h;
	struct buf field;

	(void)state;
	make_header(&m, &h);
	buf_init(&field, TEXT_MAX);
	buf_addspan(&field, header_field(&h, 0));
	for (size_t n = 1; n < VERIFY_SIGNATURES_MAX; n++)
		header_insert(&h, 0, buf_span(&field));
	out = verify(&h, body);
	assert_int_equal(out.n, VERIFY_SIGNATURES_MAX);
	for (size_t i = 0; i < out.n; i++)
		expect(&out, i, VERDICT_PASS, NULL);
	assert_int_equal(out.questions, 1);
	verification_free(out.list, out.n);
	out = verify(&h, "other\r\n");
	for (size_t i = 0; i < out.n; i++)
		expect(&out, i, VERDICT_FAIL, "body hash did not verify");
	assert_int_equal(out.questions, 0);
	verification_free(out.list, out.n);
	buf_free(&field);
	header_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_8463),
		cmocka_unit_test(rfc_8463_changed),
		cmocka_unit_test(selection),
		cmocka_unit_test(signatures_over_signatures),
		cmocka_unit_test(body_lengths),
		cmocka_unit_test(empty_body),
		cmocka_unit_test(no_signature),
		cmocka_unit_test(given_up),
		cmocka_unit_test(notes),
		cmocka_unit_test(testing_keys),
		cmocka_unit_test(too_many_signatures),
		cmocka_unit_test(hostile_size),
		cmocka_unit_test(own_signature),
		cmocka_unit_test(own_signatures_that_are_poorer),
		cmocka_unit_test(own_signature_among_others),
		cmocka_unit_test(own_signatures_without_number),
		cmocka_unit_test(questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
