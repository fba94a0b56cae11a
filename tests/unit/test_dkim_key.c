/*
 * test_dkim_key.c - keys of all kinds, good, bad and new, and their signatures
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "dkim/key.h"
#include "receiver.h"

#include <gnutls/gnutls.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define OUT_MAX  8192
#define LEFT_MAX (16 * 1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Made for this test and used nowhere else. */
static const char rsa_pkcs1[] = "-----BEGIN RSA PRIVATE KEY-----\n"
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

static const char rsa_pkcs8[] = "-----BEGIN PRIVATE KEY-----\n"
				"MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAJsRlkuCvA1pR5U0\n"
				"zefozZudbgmfK/vFBUlcL/f+h8T+qANomRQW75FWhsIlY0d2I8UdfRhRIRoyGwb3\n"
				"9Qc9e/wlEqKjv58WuWJmzdocGWDXWX2G0ZGfgP7FEktPPbTZQHXyuuk1lrXQhxMD\n"
				"FGQcen7YxuikZg5eHzhIoTCvsLzDAgMBAAECgYA7MX52uqQAVpTdrvd+tE5wPas4\n"
				"fwsyI2Y+N7OT7hRzrWYDTxVIJu0yRJ5SVCVOrRlAcF5FPwrszf2lLlfZeK3v3TR/\n"
				"Oeo2lbdLnxxMvxSNktASpVYcyL76mpMQiTKwWtNgFpZ8aJS5Pto+e3Wm7OJ7XTK0\n"
				"y/J0I2mMmC/Omts5KQJBAMj7duKGXvlV8cs6jq7b0qVK378sWukr2/nWX0vporua\n"
				"fNTv4oiZXcDnDV5lDy74BwU/aiMrxLTF4NUKtpeUKu8CQQDFhJFlNr+b5pfjYaU3\n"
				"v9C8vSgYf8UQxkyuqrQl7Iwzco2OqFtIJuG1w4Rcsa5w4JQs0nOEn1vOWtiGCKtp\n"
				"INttAkEAvj1YsN7j8zso3meVO2qUHyWaWMjRXLjJRdlm5uJFyTJYSu6uDQKuvbN2\n"
				"8gzSrHDVpF/8RUJetYZAZSf44c28PQJASy7k8TPfx4YEtsaKTygyWkVeJ8Uqy/HP\n"
				"aoULwYvC6ipme7DV3ib+r2NW1LnFfq3deRo6YncOSQQHey19oayiGQJBAL2mcLeo\n"
				"HWVTwBiAEMPD+BZxLfpbPliyVyWdnG4KPWhU6YrgmMEoofgCntkKaSr8KcyVV4jd\n"
				"1r4uimagXU1v5oI=\n"
				"-----END PRIVATE KEY-----\n";

/* The same key, one bit of the modulus turned. */
static const char rsa_damaged[] =
	"-----BEGIN RSA PRIVATE KEY-----\n"
	"MIICXQIBAAKBgQCbEZZLgrwNaUeVNM3n6M2bnW4Jnyv7xQVJXC/3/ofE/qgDaJkUFu+RVobCJWNH\n"
	"diPFGX0YUSEaMhsG9/UHPXv8JRKio7+fFrliZs3aHBlg11l9htGRn4D+xRJLTz202UB18rrpNZa1\n"
	"0IcTAxRkHHp+2MbopGYOXh84SKEwr7C8wwIDAQABAoGAOzF+drqkAFaU3a73frROcD2rOH8LMiNm\n"
	"Pjezk+4Uc61mA08VSCbtMkSeUlQlTq0ZQHBeRT8K7M39pS5X2Xit7900fznqNpW3S58cTL8UjZLQ\n"
	"EqVWHMi++pqTEIkysFrTYBaWfGiUuT7aPnt1puzie10ytMvydCNpjJgvzprbOSkCQQDI+3bihl75\n"
	"VfHLOo6u29KlSt+/LFrpK9v51l9L6aK7mnzU7+KImV3A5w1eZQ8u+AcFP2ojK8S0xeDVCraXlCrv\n"
	"AkEAxYSRZTa/m+aX42GlN7/QvL0oGH/FEMZMrqq0JeyMM3KNjqhbSCbhtcOEXLGucOCULNJzhJ9b\n"
	"zlrYhgiraSDbbQJBAL49WLDe4/M7KN5nlTtqlB8lmljI0Vy4yUXZZubiRckyWErurg0Crr2zdvIM\n"
	"0qxw1aRf/EVCXrWGQGUn+OHNvD0CQEsu5PEz38eGBLbGik8oMlpFXifFKsvxz2qFC8GLwuoqZnuw\n"
	"1d4m/q9jVtS5xX6t3XkaOmJ3DkkEB3stfaGsohkCQQC9pnC3qB1lU8AYgBDDw/gWcS36Wz5Yslcl\n"
	"nZxuCj1oVOmK4JjBKKH4Ap7ZCmkq/CnMlVeI3da+LopmoF1Nb+aC\n"
	"-----END RSA PRIVATE KEY-----\n";

static const char rsa_512[] = "-----BEGIN RSA PRIVATE KEY-----\n"
			      "MIIBOgIBAAJBALO9Kh5lxxViN6uszaGF/9lqAXleu300/n8neWUf8Asu8+znAgFa\n"
			      "SrItPP+GFGv5Xad+2MtgAQDW6ms9WR2zIksCAwEAAQJAVo+BW0ZUzH2SpgEAvwtT\n"
			      "nhcpQpRW4wPElOQj2Im7Bwb1F9P7mJNQukDsQdUQs8PS/Nhjk0dLj3BeMLwwD950\n"
			      "EQIhANqwpJEi4R1riWCGA+5EkPFpw+wAWzUTJiEVIyQrbo1nAiEA0mdSAKPz+7zB\n"
			      "bguLcJ9hv9w9o4VSYTrsncmVgQsh0X0CID/uef2v+62VHXEpXIbQZqscp1kb9Y37\n"
			      "jh8HxeEyDTyrAiEAttKUTH4qGMmxAeACL8At/bpvzNCh/l5nD8wDnnd/0TkCIBHB\n"
			      "OCKgyLC+ikf7n4q7g3mHzlBSAHnqOfpkCcAa9v9G\n"
			      "-----END RSA PRIVATE KEY-----\n";

static const char encrypted_pkcs1[] =
	"-----BEGIN RSA PRIVATE KEY-----\n"
	"Proc-Type: 4,ENCRYPTED\n"
	"DEK-Info: AES-128-CBC,FF9E17E65564F07EF61641AF41613333\n"
	"\n"
	"1UU2pOniRU7PUNap6XqEah4eKscQNQrhHFk0Jhm16UxE9yULPViEwA1YBrP8g1wS\n"
	"R64C83pFxU2fCQGoq+E1xY723XxdYde5JWji1qKaDFsQhm2I7XDMVgeo4CKuzfnW\n"
	"7wqLtvsPY0pLdY0WZ7oDvRn5tJetwuB/t14zTsheVKMRlCHPoTUFYrYvQV51Y49E\n"
	"LbIBYtsahyv01aLDQP151tOYsBJdid/Snda5/wrGkUqBzuW+MZj+SbGPox8e7G1E\n"
	"KrM816JTE78mOqKI5qWMAahyLYBEg2HovcQiSAMdWOqFM3PcC9PCuBWuoHvzzPd/\n"
	"epuoPWfIsfjjrQB4WXOMBTJMhwBIiwO/jhOu8IDdKxaKPdADZbtpPGGioZlZWghE\n"
	"37bmOUoK4GMJv5vuZKvvc6n40X0Ye9PbH4teotfrI3Q=\n"
	"-----END RSA PRIVATE KEY-----\n";

static const char encrypted_pkcs8[] =
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	"MIIBvTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQI7BvROE7x1qkCAggA\n"
	"MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBD/DiF4Hec1rNPmcFI6aAA1BIIB\n"
	"YMl3zyGC1+Vek45nYYVjTSpiBJ6PW1qWS3vluPkMbBKf2hB1y4ox8Ul+4wmAQCqa\n"
	"r+lWWb6OndAFpkXH7KF6sMLPdonWsfH7R3P0O64JRl+wTZNE9bfHIAx1GqRezMC1\n"
	"vA1lZybqDCP/iGnwDh0CanGAsO3MjbiwkKAhzml1poiIdAQNHXRua7KvE05u0l47\n"
	"aIe/tYmdFd//tzsVidEOzV6y9v+1cT2fz30JZVhEFO/VKcSFp5l0LbypU4jWj38H\n"
	"oWMzJwB5pDT3M2YO2hBmekqX0vAIGwhQzznaNveNx/3J8273J/ha4wmefA5bNm9h\n"
	"z1o8Ot5qP/kBExm2311BwiFz466+8fkIl4xUmepNNDVcJ9QSckYw8K307zESwJO7\n"
	"Y/mcc0PMm+FXs7nwtryVs3ZsrJeud4N/YpmCyAZkDf+9l/t8+6xluV0EotpTjXgx\n"
	"ZCE+xJVQ0PBuP7jbqL8KDxQ=\n"
	"-----END ENCRYPTED PRIVATE KEY-----\n";

static const char ecdsa[] = "-----BEGIN EC PRIVATE KEY-----\n"
			    "MHcCAQEEIDw4gLUtyrqP8sdKW6CwRkKfvBp9IQBr6sIYsrgrv/booAoGCCqGSM49\n"
			    "AwEHoUQDQgAEMru8tkdQ6eHFwD3gVUdPIstkcIyOIgLKODTZcFSdZf65d05rZRjJ\n"
			    "6rOUK3tC1jplw6KcZ3u9Zat7vrFeMhN8AQ==\n"
			    "-----END EC PRIVATE KEY-----\n";

static const char public_key[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCbEZZLgrwNaUeVNM3n6M2bnW4J\n"
	"nyv7xQVJXC/3/ofE/qgDaJkUFu+RVobCJWNHdiPFHX0YUSEaMhsG9/UHPXv8JRKi\n"
	"o7+fFrliZs3aHBlg11l9htGRn4D+xRJLTz202UB18rrpNZa10IcTAxRkHHp+2Mbo\n"
	"pGYOXh84SKEwr7C8wwIDAQAB\n"
	"-----END PUBLIC KEY-----\n";

/* RFC 8032 section 7.1, test 1, the key of RFC 8463 appendix A */
static const char ed25519[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
			      "-----END PRIVATE KEY-----\n";

static const char rsa_public[] =
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCbEZZLgrwNaUeVNM3n6M2bnW4Jnyv7xQVJ"
	"XC/3/ofE/qgDaJkUFu+RVobCJWNHdiPFHX0YUSEaMhsG9/UHPXv8JRKio7+fFrliZs3aHBlg"
	"11l9htGRn4D+xRJLTz202UB18rrpNZa10IcTAxRkHHp+2MbopGYOXh84SKEwr7C8wwIDAQAB";

/* The same as PKCS#1 has it, the other form RFC 6376 allows. */
static const char rsa_public_bare[] =
	"MIGJAoGBAJsRlkuCvA1pR5U0zefozZudbgmfK/vFBUlcL/f+h8T+qANomRQW75FWhsIlY0d2"
	"I8UdfRhRIRoyGwb39Qc9e/wlEqKjv58WuWJmzdocGWDXWX2G0ZGfgP7FEktPPbTZQHXyuuk1"
	"lrXQhxMDFGQcen7YxuikZg5eHzhIoTCvsLzDAgMBAAE=";

static const char ed25519_public[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

static void good_keys(void **state)
{
	static const struct {
		const char *pem;
		enum key_type type;
		unsigned bits;
		const char *algorithm;
		const char *public;
	} rows[] = {
		{ rsa_pkcs1, KEY_RSA, 1024, "rsa-sha256", rsa_public },
		{ rsa_pkcs8, KEY_RSA, 1024, "rsa-sha256", rsa_public },
		{ ed25519, KEY_ED25519, 256, "ed25519-sha256", ed25519_public },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct dkim_key *key = NULL;
		struct buf public;

		buf_init(&public, OUT_MAX);
		assert_true(dkim_key_load(span_of(rows[i].pem), "test.key", &key, &r));
		assert_false(result_failed(&r));
		assert_int_equal(dkim_key_type(key), rows[i].type);
		assert_int_equal(dkim_key_bits(key), rows[i].bits);
		assert_string_equal(dkim_key_algorithm(key), rows[i].algorithm);
		assert_true(dkim_key_public(key, &public, &r));
		assert_string_equal(buf_str(&public), rows[i].public);
		buf_free(&public);
		dkim_key_free(key);
	}
}

/* Text in front of the key, CRLF line ends, no line end at all: as files come. */
static void good_forms(void **state)
{
	struct buf pem;
	struct buf crlf;

	(void)state;
	buf_init(&pem, OUT_MAX);
	buf_init(&crlf, OUT_MAX);
	buf_adds(&pem, "the key of example.org\n\n");
	buf_adds(&pem, ed25519);
	pem.len--;
	for (size_t i = 0; i < pem.len; i++) {
		if (pem.p[i] == '\n')
			buf_addc(&crlf, '\r');
		buf_addc(&crlf, pem.p[i]);
	}
	for (int i = 0; i < 2; i++) {
		struct result r = RESULT_OK;
		struct dkim_key *key = NULL;

		assert_true(dkim_key_load(buf_span(i ? &crlf : &pem), "test.key", &key, &r));
		assert_int_equal(dkim_key_type(key), KEY_ED25519);
		dkim_key_free(key);
	}
	buf_free(&pem);
	buf_free(&crlf);
}

static void assert_refused(struct span pem, const char *words)
{
	struct result r = RESULT_OK;
	struct dkim_key *key = NULL;

	assert_false(dkim_key_load(pem, "test.key", &key, &r));
	assert_null(key);
	assert_int_equal(r.cause, CAUSE_CONFIG);
	assert_int_equal(r.step, STEP_CONFIG);
	assert_ptr_equal(strstr(r.text, "test.key"), r.text);
	if (strstr(r.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", r.text, words);
	result_free(&r);
}

static void bad_keys(void **state)
{
	static const struct {
		const char *pem;
		const char *words;
	} rows[] = {
		{ encrypted_pkcs1, "is encrypted" },
		{ encrypted_pkcs8, "is encrypted" },
		{ rsa_512, "RSA key of 512 bits" },
		{ rsa_damaged, "damaged" },
		{ ecdsa, "EC/ECDSA" },
		{ public_key, "no private key" },
		{ "", "no private key" },
		{ "hello\n", "no private key" },
		{ "-----BEGIN PRIVATE KEY-----\n", "no private key" },
		{ "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n",
		  "no private key" },
		{ "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "no private key" },
		{ "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
		  "no private key" },
		{ "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----\n",
		  "no private key" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_refused(span_of(rows[i].pem), rows[i].words);
	/* Cut short at any place; the words of the END line are not missed. */
	for (size_t len = 0; len < strlen(rsa_pkcs1) - 31; len += 7)
		assert_refused((struct span){ rsa_pkcs1, len }, "no private key");
	dkim_key_free(NULL);
}

static void signatures(void **state)
{
	static const struct {
		const char *pem;
		size_t len; /* in base64 */
	} rows[] = { { rsa_pkcs1, 172 }, { rsa_pkcs8, 172 }, { ed25519, 88 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned char hash[SHA256_SIZE] = "any thirty-two bytes will do....";
		struct result r = RESULT_OK;
		struct dkim_key *key = NULL;
		struct buf public;
		struct buf b;

		buf_init(&public, OUT_MAX);
		buf_init(&b, OUT_MAX);
		assert_true(dkim_key_load(span_of(rows[i].pem), "test.key", &key, &r));
		assert_true(dkim_key_public(key, &public, &r));
		assert_true(dkim_key_sign(key, hash, &b, &r));
		assert_int_equal(b.len, rows[i].len);
		assert_true(
			receiver_accepts(dkim_key_type(key), buf_str(&public), hash, buf_str(&b)));
		hash[0] ^= 1;
		assert_false(
			receiver_accepts(dkim_key_type(key), buf_str(&public), hash, buf_str(&b)));
		dkim_key_free(key);
		buf_free(&public);
		buf_free(&b);
	}
}

static struct dkim_public *load_public(enum key_type type, const char *base64)
{
	struct dkim_public *key;
	struct buf bytes;

	buf_init(&bytes, OUT_MAX);
	assert_true(base64_read(span_of(base64), &bytes));
	key = dkim_public_load(type, buf_span(&bytes));
	buf_free(&bytes);
	return key;
}

static void bad_public_keys(void **state)
{
	static const struct {
		enum key_type type;
		const char *base64;
	} rows[] = {
		{ KEY_RSA, "" },
		{ KEY_RSA, "MAA=" },
		{ KEY_RSA, ed25519_public },
		{ KEY_ED25519, "" },
		{ KEY_ED25519, rsa_public },
		/* 31 and 33 bytes, and the same key as a SubjectPublicKeyInfo */
		{ KEY_ED25519, "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ==" },
		{ KEY_ED25519, "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURoA" },
		{ KEY_ED25519, "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" },
		{ KEY_RSA, "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" },
		/* ECDSA, RSA-PSS */
		{ KEY_RSA, "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESHSjfrYyeHU+La7EFzwCKvgycQcdxPdq"
			   "L9ieCHBJV+JocpS2Hjndfo98X/y2hFl4NcGoHJh7BXqJwd/iFVoyhw==" },
		{ KEY_RSA, "MIGdMAsGCSqGSIb3DQEBCgOBjQAwgYkCgYEAvHgHu7tk1Yj8j71Tj+IHaIeRMwl+VlBT"
			   "Q6Sg0UpLy+7bfBpVQBCLm2cANeugyAeSzv90FdlT4K83duX9HSt5ZeO4asuaRoyX2b4o"
			   "TSovgRgO70CM/8AbTpwoGHeXGTS7PiGtSdwAYIF8tD4hXyLOeT/3cZUEwln56l+ES4v4"
			   "EaMCAwEAAQ==" },
		/* an exponent of nine octets; the last octet one too many */
		{ KEY_RSA, "MIGPAoGBAJsRlkuCvA1pR5U0zefozZudbgmfK/vFBUlcL/f+h8T+qANomRQW75FWhsIl"
			   "Y0d2I8UdfRhRIRoyGwb39Qc9e/wlEqKjv58WuWJmzdocGWDXWX2G0ZGfgP7FEktPPbTZ"
			   "QHXyuuk1lrXQhxMDFGQcen7YxuikZg5eHzhIoTCvsLzDAgkBAAAAAAAAAAE=" },
		{ KEY_RSA, "MIGJAoGBAJsRlkuCvA1pR5U0zefozZudbgmfK/vFBUlcL/f+h8T+qANomRQW75FWhsIl"
			   "Y0d2I8UdfRhRIRoyGwb39Qc9e/wlEqKjv58WuWJmzdocGWDXWX2G0ZGfgP7FEktPPbTZ"
			   "QHXyuuk1lrXQhxMDFGQcen7YxuikZg5eHzhIoTCvsLzDAgMBAAEA" },
	};
	struct buf bytes;
	char *large = xcalloc(1, 100000);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (load_public(rows[i].type, rows[i].base64) != NULL)
			fail_msg("row %zu is no key", i);
	/* Cut short at any place, as records are. */
	for (int form = 0; form < 2; form++) {
		buf_init(&bytes, OUT_MAX);
		assert_true(base64_read(span_of(form ? rsa_public : rsa_public_bare), &bytes));
		for (size_t len = 0; len < bytes.len; len++)
			assert_null(dkim_public_load(KEY_RSA, (struct span){ bytes.p, len }));
		buf_free(&bytes);
	}
	assert_null(dkim_public_load(KEY_RSA, (struct span){ large, 100000 }));
	free(large);
	dkim_public_free(NULL);
}

/* Is it taken as it is, and not with any one bit turned, longer or shorter? */
static void assert_only(const struct dkim_public *key, enum key_type type,
			unsigned char hash[SHA256_SIZE], struct buf *signature)
{
	enum key_type other = type == KEY_RSA ? KEY_ED25519 : KEY_RSA;

	assert_true(dkim_public_verify(key, type, hash, buf_span(signature)));
	assert_false(dkim_public_verify(key, other, hash, buf_span(signature)));
	for (size_t bit = 0; bit < 8 * signature->len; bit++) {
		signature->p[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(dkim_public_verify(key, type, hash, buf_span(signature)));
		signature->p[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * SHA256_SIZE; bit++) {
		hash[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(dkim_public_verify(key, type, hash, buf_span(signature)));
		hash[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	for (size_t len = 0; len < signature->len; len++)
		assert_false(
			dkim_public_verify(key, type, hash, (struct span){ signature->p, len }));
	buf_addc(signature, '\0');
	assert_false(dkim_public_verify(key, type, hash, buf_span(signature)));
	while (!buf_overflowed(signature))
		buf_addc(signature, '\0');
	assert_false(dkim_public_verify(key, type, hash, buf_span(signature)));
}

static void verification(void **state)
{
	static const struct {
		const char *pem;
		enum key_type type;
		const char *public;
		unsigned bits;
	} rows[] = {
		{ rsa_pkcs1, KEY_RSA, rsa_public, 1024 },
		{ rsa_pkcs1, KEY_RSA, rsa_public_bare, 1024 },
		{ ed25519, KEY_ED25519, ed25519_public, 256 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned char hash[SHA256_SIZE] = "any thirty-two bytes will do....";
		struct dkim_public *public = load_public(rows[i].type, rows[i].public);
		struct result r = RESULT_OK;
		struct dkim_key *key = NULL;
		struct buf text;
		struct buf signature;

		buf_init(&text, OUT_MAX);
		buf_init(&signature, OUT_MAX);
		assert_non_null(public);
		assert_int_equal(dkim_public_bits(public), rows[i].bits);
		assert_true(dkim_key_load(span_of(rows[i].pem), "test.key", &key, &r));
		assert_true(dkim_key_sign(key, hash, &text, &r));
		assert_true(base64_read(buf_span(&text), &signature));
		assert_only(public, rows[i].type, hash, &signature);
		dkim_public_free(public);
		dkim_key_free(key);
		buf_free(&text);
		buf_free(&signature);
	}
}

static void new_keys(void **state)
{
	static const struct {
		enum key_type type;
		unsigned bits;
	} rows[] = { { KEY_RSA, 1024 }, { KEY_RSA, 2048 }, { KEY_ED25519, 256 } };
	char *last = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(rows) * 2; i++) {
		unsigned char hash[SHA256_SIZE] = "any thirty-two bytes will do....";
		enum key_type type = rows[i / 2].type;
		struct result r = RESULT_OK;
		struct dkim_key *key = NULL;
		struct dkim_key *again = NULL;
		struct buf pem;
		struct buf public;
		struct buf b;

		buf_init(&pem, OUT_MAX);
		buf_init(&public, OUT_MAX);
		buf_init(&b, OUT_MAX);
		buf_adds(&pem, "kept\n");
		assert_true(dkim_key_generate(type, rows[i / 2].bits, &pem, &key, &r));
		assert_int_equal(dkim_key_type(key), type);
		assert_int_equal(dkim_key_bits(key), rows[i / 2].bits);
		assert_ptr_equal(strstr(buf_str(&pem), "kept\n-----BEGIN PRIVATE KEY-----\n"),
				 pem.p);
		assert_true(dkim_key_load(buf_span(&pem), "test.key", &again, &r));
		assert_true(dkim_key_public(key, &public, &r));
		assert_true(dkim_key_sign(again, hash, &b, &r));
		assert_true(receiver_accepts(type, buf_str(&public), hash, buf_str(&b)));
		assert_true(last == NULL || strcmp(last, buf_str(&pem)) != 0);
		free(last);
		last = buf_detach(&pem);
		dkim_key_free(key);
		dkim_key_free(again);
		buf_free(&public);
		buf_free(&b);
	}
	free(last);
}

static void no_new_key(void **state)
{
	struct result r = RESULT_OK;
	struct dkim_key *key = NULL;
	struct buf pem;

	(void)state;
	buf_init(&pem, OUT_MAX);
	assert_false(dkim_key_generate(KEY_RSA, 16, &pem, &key, &r));
	assert_int_equal(r.cause, CAUSE_INTERNAL);
	assert_ptr_equal(strstr(r.text, "cannot make a key: "), r.text);
	assert_null(key);
	assert_int_equal(pem.len, 0);
	result_free(&r);
	buf_free(&pem);
}

/* What was in the blocks that GnuTLS freed. They begin as zeros, so that all of them is defined. */
static struct buf left;
static gnutls_alloc_function theirs;

static void *give(size_t size)
{
	return xcalloc(1, size);
}

static void take(void *p)
{
	if (p != NULL)
		buf_add(&left, p, malloc_usable_size(p));
	free(p);
}

static void watch(void)
{
	buf_init(&left, LEFT_MAX);
	theirs = gnutls_malloc;
	gnutls_malloc = give;
	gnutls_free = take;
}

static void watch_no_more(void)
{
	gnutls_malloc = theirs;
	gnutls_free = free;
	buf_free(&left);
}

static bool is_left(const char *p, size_t len)
{
	return left.len > 0 && memmem(left.p, left.len, p, len) != NULL;
}

/*
 * Neither a piece of the text nor, of an RSA key, of what it stands for, of the half that is
 * secret. Of an Ed25519 key GnuTLS itself leaves the 32 octets.
 */
static void assert_nothing_left(enum key_type type, struct span pem)
{
	const size_t piece = 16;
	size_t lines = 0;
	struct buf text, der;
	struct span body;

	body.p = strchr(pem.p, '\n') + 1;
	body.len = (size_t)(strstr(pem.p, "-----END") - body.p);
	buf_init(&text, OUT_MAX);
	buf_init(&der, OUT_MAX);
	base64_unfold(body, &text);
	assert_true(base64_read(buf_span(&text), &der));
	assert_false(buf_overflowed(&left));
	for (size_t i = body.len / 2; i + piece <= body.len; i++, lines++)
		if (memchr(body.p + i, '\n', piece) == NULL)
			assert_false(is_left(body.p + i, piece));
	for (size_t i = der.len / 2; type == KEY_RSA && i + piece <= der.len; i++)
		if (is_left(der.p + i, piece))
			fail_msg("octets %zu to %zu of %zu", i, i + piece, der.len);
	assert_true(lines > piece);
	buf_free(&text);
	buf_free(&der);
}

static void nothing_is_left(void **state)
{
	static const struct {
		enum key_type type;
		const char *pem;
	} rows[] = { { KEY_RSA, rsa_pkcs1 }, { KEY_RSA, rsa_pkcs8 }, { KEY_ED25519, ed25519 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct dkim_key *key = NULL;

		watch();
		assert_true(dkim_key_load(span_of(rows[i].pem), "test.key", &key, &r));
		dkim_key_free(key);
		assert_true(left.len > 0);
		assert_nothing_left(rows[i].type, span_of(rows[i].pem));
		watch_no_more();
	}
}

static void nothing_is_left_of_new_keys(void **state)
{
	(void)state;
	for (int type = KEY_RSA; type <= KEY_ED25519; type++) {
		struct result r = RESULT_OK;
		struct dkim_key *key = NULL;
		struct buf pem;

		buf_init(&pem, OUT_MAX);
		buf_reserve(&pem, OUT_MAX);
		watch();
		assert_true(dkim_key_generate((enum key_type)type, 1024, &pem, &key, &r));
		dkim_key_free(key);
		assert_true(left.len > 0);
		assert_nothing_left((enum key_type)type, buf_span(&pem));
		watch_no_more();
		buf_free(&pem);
	}
}

static void digests(void **state)
{
	/* FIPS 180-4: "abc" */
	static const unsigned char want[SHA256_SIZE] =
		"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
		"\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";
	unsigned char hash[SHA256_SIZE];
	struct digest *digest = digest_begin();

	(void)state;
	digest_update(digest, "ab", 2);
	digest_update(digest, "c", 1);
	digest_end(digest, hash);
	assert_memory_equal(hash, want, sizeof want);
	digest_drop(digest_begin());
	digest_drop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_keys),       cmocka_unit_test(good_forms),
		cmocka_unit_test(bad_keys),        cmocka_unit_test(signatures),
		cmocka_unit_test(digests),         cmocka_unit_test(bad_public_keys),
		cmocka_unit_test(verification),    cmocka_unit_test(new_keys),
		cmocka_unit_test(nothing_is_left), cmocka_unit_test(nothing_is_left_of_new_keys),
		cmocka_unit_test(no_new_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
