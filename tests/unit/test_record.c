/*
 * test_record.c - key records: each state, and what receivers must not be stricter about
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "dkim/record.h"

#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* RFC 8463 appendix A.2 */
#define RSA                                                                                        \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2"     \
	"jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvH"     \
	"O9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define ED25519 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
/* 512 bits */
#define SHORT                                                                                      \
	"MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMJsvQFnM3TzPKu3J5EY/HdZC9gKwcixAUEMasWui+isUi0F8k1N"     \
	"My6eApw64mSmjoufotNvj7GLS+15Y8qDHwECAwEAAQ=="
/* the RSAPublicKey alone, which the words of RFC 6376 also allow */
#define BARE                                                                                       \
	"MIGJAoGBAOOGxzVC8PP/3Yo9mNVPvTgMwPLpXdjI2p/ZxLxGU0ofDUggPBVBTLXbesVcagUMbapNV5n4ctLA"     \
	"eO5WjeKJqYfOcixB9JhpeJgUSLfHYQ/LTTOW8qIXN9oDCcvWJukSS8xP9efy5ZhALw3Ko45NuCXdKNqLEqAN"     \
	"aIrIIdGfWUU/AgMBAAE="

static enum record_state state_of(const char *text, struct dkim_record *rec)
{
	enum record_state state = record_read(span_of(text), rec);

	assert_int_equal(state, rec->state);
	assert_true((rec->key != NULL) == (state == RECORD_GOOD));
	return state;
}

static void good(void **state)
{
	static const struct {
		const char *text;
		enum key_type type;
		unsigned bits;
	} rows[] = {
		{ "v=DKIM1; k=rsa; p=" RSA, KEY_RSA, 1024 },
		{ "v=DKIM1; k=ed25519; p=" ED25519, KEY_ED25519, 256 },
		{ "p=" RSA, KEY_RSA, 1024 },
		{ "p=" RSA ";", KEY_RSA, 1024 },
		{ "v=DKIM1; p=" SHORT, KEY_RSA, 512 },
		{ "v=DKIM1; p=" BARE, KEY_RSA, 1024 },
		{ "k=rsa; p=" RSA "; n=a note; unknown=tag", KEY_RSA, 1024 },
		{ " v = DKIM1 ;\r\n\tk = ed25519 ; p = 11qYAYKxCrfVS/7TyWQHOg7\r\n "
		  "hcvPapiMlrwI\taaPcHURo =",
		  KEY_ED25519, 256 },
		{ "v=DKIM1; h=sha1:sha256; s=tlsrpt:email; p=" RSA, KEY_RSA, 1024 },
		{ "v=DKIM1; h=sha256; s=*; p=" RSA, KEY_RSA, 1024 },
	};
	struct dkim_record rec;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (state_of(rows[i].text, &rec) != RECORD_GOOD)
			fail_msg("%s: %s", rows[i].text, record_words(rec.state));
		assert_int_equal(rec.type, rows[i].type);
		assert_int_equal(dkim_public_bits(rec.key), rows[i].bits);
		assert_false(rec.testing || rec.strict);
		record_free(&rec);
	}
}

static void wrong(void **state)
{
	static const struct {
		const char *text;
		enum record_state state;
	} rows[] = {
		{ "v=DKIM1; p=", RECORD_REVOKED },
		{ "p=", RECORD_REVOKED },
		{ "v=DKIM1; k=rsa; p= \r\n ;", RECORD_REVOKED },
		{ "v=DKIM1; k=rsa; t=y; p=", RECORD_REVOKED },
		{ "v=DKIM2; p=" RSA, RECORD_NOT_DKIM },
		{ "v=dkim1; p=" RSA, RECORD_NOT_DKIM },
		{ "v=; p=" RSA, RECORD_NOT_DKIM },
		{ "k=rsa; v=DKIM1; p=" RSA, RECORD_NOT_DKIM },
		{ "v=spf1 include:example.net -all", RECORD_NOT_DKIM },
		{ "v=DKIM1; p=" RSA "; p=" RSA, RECORD_NOT_DKIM },
		{ "v=DKIM1 p=" RSA, RECORD_NOT_DKIM },
		{ "\"v=DKIM1; p=" RSA "\"", RECORD_NOT_DKIM },
		{ "hello", RECORD_NOT_DKIM },
		{ "", RECORD_NOT_DKIM },
		{ "v=DKIM1", RECORD_NO_KEY },
		{ "v=DKIM1; k=rsa", RECORD_NO_KEY },
		{ "v=DKIM1; P=" RSA, RECORD_NO_KEY },
		{ "v=DKIM1; p=AAAA", RECORD_NO_KEY },
		{ "v=DKIM1; p=x" RSA, RECORD_NO_KEY },
		{ "v=DKIM1; p=" RSA "=", RECORD_NO_KEY },
		{ "v=DKIM1; p=%%%%", RECORD_NO_KEY },
		{ "v=DKIM1; k=ed25519; p=" RSA, RECORD_NO_KEY },
		{ "v=DKIM1; k=rsa; p=" ED25519, RECORD_NO_KEY },
		{ "v=DKIM1; p=" ED25519, RECORD_NO_KEY },
		{ "v=DKIM1; k=dsa; p=" RSA, RECORD_UNKNOWN_TYPE },
		{ "v=DKIM1; k=; p=" RSA, RECORD_UNKNOWN_TYPE },
		{ "v=DKIM1; h=sha1; p=" RSA, RECORD_NOT_SHA256 },
		{ "v=DKIM1; h=; p=" RSA, RECORD_NOT_SHA256 },
		{ "v=DKIM1; s=tlsrpt; p=" RSA, RECORD_NOT_EMAIL },
	};
	struct dkim_record rec;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (state_of(rows[i].text, &rec) != rows[i].state)
			fail_msg("%s: %s", rows[i].text, record_words(rec.state));
		record_free(&rec);
	}
}

static void flags(void **state)
{
	static const struct {
		const char *t;
		bool testing;
		bool strict;
	} rows[] = {
		{ "t=y;", true, false },    { "t=s;", false, true },
		{ "t=s : y;", true, true }, { "t=y:other;", true, false },
		{ "t=ys;", false, false },  { "t=;", false, false },
	};
	struct dkim_record rec;
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&text);
		buf_addf(&text, "v=DKIM1; %s p=%s", rows[i].t, RSA);
		assert_int_equal(state_of(buf_str(&text), &rec), RECORD_GOOD);
		assert_true(rec.testing == rows[i].testing && rec.strict == rows[i].strict);
		record_free(&rec);
	}
	buf_free(&text);
}

/* Cut anywhere it has lost its key's end. */
static void every_prefix(void **state)
{
	static const char text[] = "v=DKIM1; k=ed25519; p=" ED25519;
	struct dkim_record rec;

	(void)state;
	for (size_t len = 0; len < strlen(text); len++) {
		assert_int_not_equal(record_read((struct span){ text, len }, &rec), RECORD_GOOD);
		record_free(&rec);
	}
}

static void words_for_all(void **state)
{
	(void)state;
	for (int i = RECORD_GOOD; i <= RECORD_NOT_EMAIL; i++)
		assert_true(strlen(record_words((enum record_state)i)) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),          cmocka_unit_test(wrong),
		cmocka_unit_test(flags),         cmocka_unit_test(every_prefix),
		cmocka_unit_test(words_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
