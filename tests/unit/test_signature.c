/*
 * test_signature.c - what a DKIM-Signature field may say, and how it may be spelled
 *
 * What is refused carries a b= that fits: nothing else is wrong with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "signatures.h"

#include "base/banned.h"

/* All sign From and Subject, relaxed. */
#define TAGS " a=ed25519-sha256; d=example.org; s=e; c=relaxed/relaxed;"
#define V    " v=1;" TAGS
#define BARE "v=1;a=ed25519-sha256;d=example.org;s=e;"
#define E    " h=from:subject; bh=$; b=%"
#define KEY(algorithm, selector)                                                                   \
	" v=1; a=" algorithm "; d=example.org; s=" selector "; c=relaxed/relaxed;"

static void expect_row(const char *tags, enum verdict verdict, const char *why)
{
	const struct made m = { tags, CANON_RELAXED, CANON_RELAXED, 0, { 0, 1 }, 2 };

	row = tags;
	expect_made(&m, verdict, why);
	row = "";
}

static const char *const good_rows[] = {
	V " h=From:Subject; bh=$; b=%",
	"b=%;bh=$;h=From:Subject;v=1;" TAGS,
	" v=1; b=%; " TAGS " h=from:subject; bh=$",
	" v = 1 ;\r\n\tb\r\n = \r\n\t % \r\n ;" TAGS "h = \tfrom\r\n :\r\n subject \t; bh = $ ; ",
	V " h=from:subject; bh=$; b= %\r\n ",
	" v=1; z=From:b=abc|Subject:b=\r\n def; xb=b=; h=from:subject; b=%; bh=$; " TAGS,
	V " unknown=; B=x;" E,
	V " h=from:subject:X-None:from:dkim-signature; bh=$; b=%",
	V " q=dns/txt;" E,
	V " q=x/y : dns/txt;" E,
	V " t=1700000000; x=1700000001;" E,
	V " t=1700000300;" E,
	V " x=1700000000;" E,
	V " l=18;" E,
	V " l=00018;" E,
	V " l=0; h=from:subject; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=%",
	V " i=@example.org;" E,
	V " i=a@EXAMPLE.ORG;" E,
	V " i=a=3Bb=40c\r\n @x.y.example.org;" E,
	" v=1; a=ed25519-sha256; d=EXAMPLE.org; s=E; c=relaxed/relaxed;" E,
	" v=1; a=ed25519-sha256; d=b\xc3\xbc"
	"cher.example; s=e.2026; c=relaxed/relaxed;" E,
	KEY("ed25519-sha256", "strict") " i=a@example.org;" E,
};

static void good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good_rows); i++)
		expect_row(good_rows[i], VERDICT_PASS, NULL);
}

static const struct {
	const char *tags;
	const char *why;
} unreadable_rows[] = {
	{ V " h=from:subject; bh=$; b=%; d=example.org", "its tags cannot be read" },
	{ V " h=from:subject; bh=$; b=%;;", "its tags cannot be read" },
	{ V " 1x=;" E, "its tags cannot be read" },
	{ TAGS E, "v= is missing" },
	{ " v=2; " TAGS E, "v= is not 1" },
	{ " v=; " TAGS E, "v= is not 1" },
	{ " V=1; " TAGS E, "v= is missing" },
	{ " v=1; d=example.org; s=e;" E, "a= is missing" },
	{ " v=1; a=rsa-sha512; d=example.org; s=e;" E, "a= is unknown" },
	{ " v=1; a=ed25519-\r\n sha256; d=example.org; s=e;" E, "a= is unknown" },
	{ " v=1; a=; d=example.org; s=e;" E, "a= is unknown" },
	{ " v=1; a=ed25519-sha256; s=e;" E, "d= is missing" },
	{ " v=1; a=ed25519-sha256; d=; s=e;" E, "d= is no domain" },
	{ " v=1; a=ed25519-sha256; d=exa mple.org; s=e;" E, "d= is no domain" },
	{ " v=1; a=ed25519-sha256; d=example..org; s=e;" E, "d= is no domain" },
	{ " v=1; a=ed25519-sha256; d=[::1]; s=e;" E, "d= is no domain" },
	{ " v=1; a=ed25519-sha256; d=example.org;" E, "s= is missing" },
	{ " v=1; a=ed25519-sha256; d=example.org; s=e/f;" E, "s= is no selector" },
	{ " v=1; a=ed25519-sha256; d=example.org; s=e; c=nofws;" E, "c= is unknown" },
	{ " v=1; a=ed25519-sha256; d=example.org; s=e; c=relaxed/;" E, "c= is unknown" },
	{ " v=1; a=ed25519-sha256; d=example.org; s=e; c=;" E, "c= is unknown" },
	{ V " bh=$; b=%", "h= is missing" },
	{ V " h=; bh=$; b=%", "h= is no list of header fields" },
	{ V " h=from::subject; bh=$; b=%", "h= is no list of header fields" },
	{ V " h=from:sub ject; bh=$; b=%", "h= is no list of header fields" },
	{ V " h=from:subject; b=%", "bh= is missing" },
	{ V " h=from:subject; bh=; b=%", "bh= is no SHA-256 hash" },
	{ V " h=from:subject; bh=AAAA; b=%", "bh= is no SHA-256 hash" },
	{ V " h=from:subject; bh=!$; b=%", "bh= is no SHA-256 hash" },
	{ V " h=from:subject; bh=$; x-none=%", "its tags cannot be read" },
	{ V " h=from:subject; bh=$; xb=%", "b= is missing" },
	{ V " h=from:subject; bh=$; b=; xb=%", "b= is no signature" },
	{ V " h=from:subject; bh=$; b= \r\n ; xb=%", "b= is no signature" },
	{ V " h=from:subject; bh=$; b=%A", "b= is no signature" },
	{ V " l=-1;" E, "l= is no length" },
	{ V " l=;" E, "l= is no length" },
	{ V " l=1 8;" E, "l= is no length" },
	{ V " q=dns;" E, "q= names no known query method" },
	{ V " t=soon;" E, "t= is no time" },
	{ V " t=1234567890123;" E, "t= is no time" },
	{ V " x=0x7fffffff;" E, "x= is no time" },
	{ V " i=example.org;" E, "i= is no identity" },
	{ V " i=;" E, "i= is no identity" },
	{ V " i=a=4@example.org;" E, "i= is no identity" },
	{ V " i=a=1b[2J@example.org;" E, "i= is no identity" },
	{ V " i=a=00@example.org;" E, "i= is no identity" },
};

static void unreadable(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unreadable_rows); i++)
		expect_row(unreadable_rows[i].tags, VERDICT_NEUTRAL, unreadable_rows[i].why);
}

static const struct {
	const char *tags;
	enum verdict verdict;
	const char *why;
} refused_rows[] = {
	{ " v=1; a=rsa-sha1; d=example.org; s=e;" E, VERDICT_POLICY, "rsa-sha1 is not accepted" },
	{ V " i=@example.com;" E, VERDICT_PERMERROR, "i= is not within d=" },
	{ V " i=@badexample.org;" E, VERDICT_PERMERROR, "i= is not within d=" },
	{ V " i=@org;" E, VERDICT_PERMERROR, "i= is not within d=" },
	{ V " i=\"a@example.org\"@example.com;" E, VERDICT_PERMERROR, "i= is not within d=" },
	{ V " h=subject; bh=$; b=%", VERDICT_PERMERROR, "From is not signed" },
	{ V " h=xfrom:fromx:subject; bh=$; b=%", VERDICT_PERMERROR, "From is not signed" },
	{ V " x=1699999999;" E, VERDICT_PERMERROR, "it has expired" },
	{ V " x=0;" E, VERDICT_PERMERROR, "it has expired" },
	{ V " t=1700000002; x=1700000002;" E, VERDICT_PERMERROR, "x= is not later than t=" },
	{ V " t=1700000301;" E, VERDICT_PERMERROR, "it was made in the future" },
	{ V " l=19;" E, VERDICT_FAIL, "the body is shorter than l=" },
	{ V " l=99999999999999999999999;" E, VERDICT_FAIL, "the body is shorter than l=" },
	{ V " l=17;" E, VERDICT_FAIL, "body hash did not verify" },
	{ V " h=subject:from; bh=$; b=%", VERDICT_FAIL, "signature did not verify" },
	{ V " h=from:subject:comments; bh=$; b=%", VERDICT_FAIL, "signature did not verify" },
	{ KEY("ed25519-sha256", "none") E, VERDICT_PERMERROR, "there is no key" },
	{ KEY("ed25519-sha256", "busy") E, VERDICT_TEMPERROR, "the key could not be looked up" },
	{ KEY("ed25519-sha256", "revoked") E, VERDICT_PERMERROR, NULL },
	{ KEY("ed25519-sha256", "spf") E, VERDICT_PERMERROR, NULL },
	{ KEY("ed25519-sha256", "rsa") E, VERDICT_PERMERROR,
	  "the key is of another type than a= says" },
	{ KEY("rsa-sha256", "e") E, VERDICT_PERMERROR, "the key is of another type than a= says" },
	{ KEY("rsa-sha256", "rsa") E, VERDICT_FAIL, "signature did not verify" },
	{ KEY("rsa-sha256", "short") E, VERDICT_POLICY,
	  "an RSA key under 1024 bits is not accepted" },
	{ KEY("ed25519-sha256", "strict") " i=a@x.example.org;" E, VERDICT_PERMERROR,
	  "i= is in a subdomain, which the key does not permit (t=s)" },
};

static void refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused_rows); i++)
		expect_row(refused_rows[i].tags, refused_rows[i].verdict, refused_rows[i].why);
}

/* From and the lowest Comments; white space around b= is not signed, whatever c= is. */
static const struct {
	const char *tags;
	enum canon header_canon, body_canon;
} canon_rows[] = {
	{ BARE "h=from:comments;bh=$;b=%", CANON_SIMPLE, CANON_SIMPLE },
	{ BARE "c=simple;h=from:comments;bh=$;b= % ;", CANON_SIMPLE, CANON_SIMPLE },
	{ BARE "c=relaxed;h=from:comments;bh=$;b=%", CANON_RELAXED, CANON_SIMPLE },
	{ "\tb=\r\n %\r\n\t;" BARE "c=simple/relaxed;\r\n h=from:comments;bh=$ \t", CANON_SIMPLE,
	  CANON_RELAXED },
	{ BARE "c=simple/simple;h=from:comments;bh=$;b=% \t ", CANON_SIMPLE, CANON_SIMPLE },
};

static void canonicalizations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(canon_rows); i++) {
		const struct made m = { .tags = canon_rows[i].tags,
					.header_canon = canon_rows[i].header_canon,
					.body_canon = canon_rows[i].body_canon,
					.at = { 0, 4 },
					.n = 2 };

		expect_made(&m, VERDICT_PASS, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(refused),
		cmocka_unit_test(canonicalizations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
