/*
 * test_scram.c - SCRAM: the examples of the RFCs, and what a server may not say
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "smtp/scram.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define NONCE    "rOprNGfwEbeRWgbNEkqO" /* of the example in RFC 7677 */
#define SERVER   NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT     "W22ZaJ0SNY7soEsUEjb6gQ=="
#define FIRST    "r=" SERVER ",s=" SALT ",i=4096"
#define FINAL    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

struct exchange {
	struct sasl_login login;
	struct sasl sasl;
	struct buf out;
	struct result r;
};

static void begin(struct exchange *x, const char *mechanism, const struct sasl_login *login,
		  const char *nonce)
{
	*x = (struct exchange){ .login = *login, .r = RESULT_OK };
	buf_init(&x->out, SASL_MESSAGE_MAX);
	assert_non_null(sasl_find(mechanism));
	sasl_init(&x->sasl, sasl_find(mechanism), &x->login);
	buf_adds(&x->sasl.state, nonce);
}

static bool turn(struct exchange *x, struct span challenge)
{
	buf_clear(&x->out);
	return sasl_respond(&x->sasl, challenge, &x->out, &x->r);
}

static void end(struct exchange *x)
{
	sasl_free(&x->sasl);
	buf_wipe(&x->out);
	result_free(&x->r);
}

/* From an exchange whose first message is out. */
static void begin_example(struct exchange *x)
{
	static const struct sasl_login user = { .user = "user", .password = "pencil" };

	begin(x, "SCRAM-SHA-256", &user, NONCE);
	assert_true(turn(x, span_of("")));
}

static const char bytes[] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"
			    "\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d"
			    "\x1e\x1f";

/* The first two rows are RFC 5802 section 5 and RFC 7677 section 3; hashlib made the others. */
static const struct {
	const char *mechanism;
	struct sasl_login login;
	const char *nonce;
	const char *say_first, *hear_first, *say_final, *hear_final;
} exchanges[] = {
	{ "SCRAM-SHA-1",
	  { .user = "user", .password = "pencil" },
	  "fyko+d2lbbFgONRv9qkxdawL",
	  "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
	  "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
	  "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	  "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	  "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ "SCRAM-SHA-256",
	  { .user = "user", .password = "pencil" },
	  NONCE,
	  "n,,n=user,r=" NONCE,
	  FIRST,
	  "c=biws,r=" SERVER ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	  FINAL },
	/* the channel could be bound, the server does not offer to */
	{ "SCRAM-SHA-256",
	  { .user = "user",
	    .password = "pencil",
	    .binding_type = "tls-exporter",
	    .binding = { bytes, 32 } },
	  NONCE,
	  "y,,n=user,r=" NONCE,
	  "r=" NONCE "%hvY,s=c2FsdA==,i=4096",
	  "c=eSws,r=" NONCE "%hvY,p=ZZyBG6bXuoBoHgs9xThDb+NBSUKBJDD6lJZYoAtAHjc=",
	  "v=GlGVoSfkDwc8F0vfoc8QNEMSL7JqhhAeKm0a9rVoXqQ=" },
	/* it does, but this mechanism is wanted; a password to be composed, NFC */
	{ "SCRAM-SHA-256",
	  { .user = "j\xc3\xbcrgen",
	    .password = "pa\xcc\x88ss\xc2\xa0w",
	    .binding_type = "tls-exporter",
	    .binding = { bytes, 32 },
	    .plus_offered = true },
	  NONCE,
	  "n,,n=j\xc3\xbcrgen,r=" NONCE,
	  "r=" NONCE "%hvY,s=c2FsdA==,i=4096",
	  "c=biws,r=" NONCE "%hvY,p=nxtdu6t2RbUEIBwfaS8zIDr4QAqJTfns0jDIGTFw/Lk=",
	  "v=MoEQSIvwI9AzI0cmt2ldejSJyyvfdAs+s0rCFXTXSVU=" },
	/* bound; a name with what separates; extensions nobody must know */
	{ "SCRAM-SHA-256-PLUS",
	  { .user = "a=b,c@example.org",
	    .password = "pencil",
	    .binding_type = "tls-exporter",
	    .binding = { bytes, 32 },
	    .plus_offered = true },
	  NONCE,
	  "p=tls-exporter,,n=a=3Db=2Cc@example.org,r=" NONCE,
	  "r=" NONCE "%hvY,s=c2FsdA==,i=10000,x=1,Y=two",
	  "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,"
	  "r=" NONCE "%hvY,p=9Je/47s9rvxGn8I6jk9ZAtGRRbl2Y29PGNZ1serCw1c=",
	  "v=57nQ/bt18jUnTeG1ohYUl3YDnqUzFKpKxJIuapbXLxE=,x=y" },
	{ "SCRAM-SHA-1-PLUS",
	  { .user = "user",
	    .password = "pencil",
	    .binding_type = "tls-unique",
	    .binding = { "0123456789ab", 12 },
	    .plus_offered = true },
	  NONCE,
	  "p=tls-unique,,n=user,r=" NONCE,
	  "r=" NONCE "%hvY,s=c2FsdA==,i=4096",
	  "c=cD10bHMtdW5pcXVlLCwwMTIzNDU2Nzg5YWI=,r=" NONCE "%hvY,"
	  "p=dnXynoDXS+OpcOuo9UDJZ1mX5B4=",
	  "v=oznXhwbeRZqyjtYKiKtw+wHRZwI=" },
};

static void examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(exchanges); i++) {
		struct exchange x;

		begin(&x, exchanges[i].mechanism, &exchanges[i].login, exchanges[i].nonce);
		assert_true(turn(&x, span_of("")));
		assert_string_equal(buf_str(&x.out), exchanges[i].say_first);
		assert_true(turn(&x, span_of(exchanges[i].hear_first)));
		assert_string_equal(buf_str(&x.out), exchanges[i].say_final);
		assert_false(x.sasl.server_ok);
		assert_true(turn(&x, span_of(exchanges[i].hear_final)));
		assert_int_equal(x.out.len, 0);
		assert_true(x.sasl.server_ok);
		assert_false(turn(&x, span_of(exchanges[i].hear_final)));
		end(&x);
	}
}

static void fails(struct exchange *x, struct span challenge, const char *words)
{
	if (turn(x, challenge))
		fail_msg("%.*s: taken", (int)challenge.len, challenge.p);
	assert_int_equal(x->r.cause, CAUSE_PROTOCOL);
	assert_int_equal(x->r.step, STEP_AUTH);
	if (strstr(x->r.text, words) == NULL)
		fail_msg("%.*s: %s", (int)challenge.len, challenge.p, x->r.text);
	assert_false(x->sasl.server_ok);
}

#define NO_NONCE    "no nonce"
#define OTHER_NONCE "does not begin with ours"
#define NO_SALT     "no salt"
#define NO_NUMBER   "no number of iterations"
#define TOO_FEW     "fewer than 4096"
#define TOO_MANY    "more than 2000000"
#define NO_FORM     "has no form"
#define UNKNOWN     "extension that is not known"
#define NO_PROOF    "does not prove"
#define S           ",s=" SALT
#define R           "r=" SERVER

static void first_messages(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", NO_NONCE },
		{ "r", NO_NONCE },
		{ "r=", NO_NONCE },
		{ "R=" SERVER S ",i=4096", NO_NONCE },
		{ " " FIRST, NO_NONCE },
		{ "," FIRST, NO_NONCE },
		{ "s=" SALT "," R ",i=4096", NO_NONCE },
		{ "x=y," FIRST, NO_NONCE },
		{ "n,," FIRST, NO_NONCE },
		{ "\xc3=" SERVER, NO_NONCE },
		{ "r=x" S ",i=4096", OTHER_NONCE },
		{ "r=" NONCE S ",i=4096", OTHER_NONCE },
		{ "r=R" SERVER S ",i=4096", OTHER_NONCE },
		{ "r=" SERVER "\x7f" S ",i=4096", OTHER_NONCE },
		{ "r=" SERVER "\xc3\xa4" S ",i=4096", OTHER_NONCE },
		{ "r=" SERVER " " S ",i=4096", OTHER_NONCE },
		{ "r=" SERVER "\n" S ",i=4096", OTHER_NONCE },
		{ R ",i=4096" S, NO_SALT },
		{ R ",s=,i=4096", NO_SALT },
		{ R ",s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096", NO_SALT },
		{ R ",s=W22Za*0S,i=4096", NO_SALT },
		{ R ",s=====,i=4096", NO_SALT },
		{ R ",S=" SALT ",i=4096", NO_SALT },
		{ R S, NO_NUMBER },
		{ R S ",", NO_SALT },
		{ R S ",i=", NO_NUMBER },
		{ R S ",i=,x=y", NO_NUMBER },
		{ R S ",i=x", NO_NUMBER },
		{ R S ",i=0", NO_NUMBER },
		{ R S ",i=-1", NO_NUMBER },
		{ R S ",i=+4096", NO_NUMBER },
		{ R S ",i=04096", NO_NUMBER },
		{ R S ",i=4096 ", NO_NUMBER },
		{ R S ",i=0x1000", NO_NUMBER },
		{ R S ",i=4e3", NO_NUMBER },
		{ R S ",i=99999999999999999999", NO_NUMBER },
		{ R S ",I=4096", NO_NUMBER },
		{ R S ",i=1", TOO_FEW },
		{ R S ",i=4095", TOO_FEW },
		{ R S ",i=2000001", TOO_MANY },
		{ R S ",i=4294971392", TOO_MANY }, /* 4096 in 32 bits */
		{ FIRST ",", NO_NUMBER },
		{ FIRST ",x", NO_FORM },
		{ FIRST ",x=", NO_FORM },
		{ FIRST ",1=y", NO_FORM },
		{ FIRST ",x=y,", NO_FORM },
		{ FIRST ",,x=y", NO_FORM },
		{ FIRST ",xy=z", NO_FORM },
		{ "m=ext," FIRST, UNKNOWN },
		{ FIRST ",m=ext", UNKNOWN },
		{ FIRST ",x=y,m=ext", UNKNOWN },
	};
	static const char nul[] = FIRST "\0,x=y";
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_example(&x);
		fails(&x, span_of(rows[i].text), rows[i].words);
		end(&x);
	}
	begin_example(&x);
	fails(&x, (struct span){ nul, sizeof nul - 1 }, "NUL");
	end(&x);
}

static void final_messages(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", NO_FORM },
		{ "v", NO_FORM },
		{ "v=", NO_FORM },
		{ "V=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", NO_FORM },
		{ " " FINAL, NO_FORM },
		{ FINAL ",", NO_FORM },
		{ FINAL ",x", NO_FORM },
		{ FINAL ",m=x", NO_FORM },
		{ "x=y," FINAL, NO_FORM },
		{ FIRST, NO_FORM },
		{ FINAL " ", NO_PROOF },
		{ FINAL "=", NO_PROOF },
		{ "v= 6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", NO_PROOF },
		{ "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", NO_PROOF }, /* spare bits */
		{ "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", NO_PROOF },
		{ "v=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", NO_PROOF }, /* our proof */
		{ "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", NO_PROOF },
		{ "v=x", NO_PROOF },
	};
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_example(&x);
		assert_true(turn(&x, span_of(FIRST)));
		fails(&x, span_of(rows[i].text), rows[i].words);
		end(&x);
	}
}

/* Cut anywhere, neither message is one; nor is the second with any of its digits changed. */
static void pieces(void **state)
{
	char other[] = FINAL;
	struct exchange x;

	(void)state;
	for (size_t len = 0; len < strlen(FIRST); len++) {
		begin_example(&x);
		fails(&x, (struct span){ FIRST, len }, "SCRAM-SHA-256: the server");
		end(&x);
	}
	for (size_t len = 0; len < strlen(FINAL); len++) {
		begin_example(&x);
		assert_true(turn(&x, span_of(FIRST)));
		fails(&x, (struct span){ FINAL, len }, "SCRAM-SHA-256: the server");
		end(&x);
	}
	for (size_t at = 2; at < strlen(FINAL); at++) {
		other[at] = other[at] == 'A' ? 'B' : 'A';
		begin_example(&x);
		assert_true(turn(&x, span_of(FIRST)));
		fails(&x, span_of(other), NO_PROOF);
		end(&x);
		other[at] = FINAL[at];
	}
}

/* The server's error is kept for its refusal, and proves nothing; nothing may follow. */
static void errors(void **state)
{
	static const struct {
		const char *first, *error, *kept;
	} rows[] = {
		{ NULL, "e=unknown-user", "unknown-user" },
		{ FIRST, "e=invalid-proof", "invalid-proof" },
		{ FIRST, "e=other-error,x=y", "other-error,x=y" },
		{ FIRST, "e=", "no reason is given" },
	};
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_example(&x);
		if (rows[i].first != NULL)
			assert_true(turn(&x, span_of(rows[i].first)));
		assert_true(turn(&x, span_of(rows[i].error)));
		assert_int_equal(x.out.len, 0);
		assert_string_equal(buf_str(&x.sasl.error), rows[i].kept);
		assert_false(x.sasl.server_ok);
		fails(&x, span_of(rows[i].first != NULL ? FINAL : FIRST), "more than there is");
		end(&x);
	}
}

/* 24 random bytes, other ones each time. */
static void nonces(void **state)
{
	static const struct sasl_login user = { .user = "user", .password = "pencil" };
	struct exchange x;
	char *before;

	(void)state;
	begin(&x, "SCRAM-SHA-1", &user, "");
	assert_true(turn(&x, span_of("")));
	assert_int_equal(x.out.len, strlen("n,,n=user,r=") + 32);
	before = buf_detach(&x.out);
	end(&x);
	begin(&x, "SCRAM-SHA-1", &user, "");
	assert_true(turn(&x, span_of("")));
	assert_string_not_equal(buf_str(&x.out), before);
	free(before);
	end(&x);
	clock_freeze(0);
	begin(&x, "SCRAM-SHA-1", &user, "");
	assert_true(turn(&x, span_of("")));
	assert_string_equal(buf_str(&x.out), "n,,n=user,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
	end(&x);
	clock_freeze(-1);
}

static void long_messages(void **state)
{
	struct sasl_login login = { .user = "user", .password = "pencil" };
	static char many[SASL_MESSAGE_MAX + 2]; /* one octet too many, and its NUL */
	struct exchange x;
	struct buf first;

	(void)state;
	memset(many, 'x', sizeof many - 1);
	begin_example(&x);
	buf_init(&first, 2 * sizeof many);
	buf_adds(&first, "r=" NONCE);
	buf_adds(&first, many);
	buf_adds(&first, S ",i=4096");
	fails(&x, buf_span(&first), OTHER_NONCE);
	end(&x);
	begin_example(&x);
	buf_clear(&first);
	buf_adds(&first, FIRST ",x="); /* long, but in order */
	buf_add(&first, many, 8000);
	assert_true(turn(&x, buf_span(&first)));
	end(&x);
	buf_free(&first);
	login.password = many;
	for (int more = 1; more >= 0; more--) {
		many[SASL_MESSAGE_MAX + more] = '\0';
		begin(&x, "SCRAM-SHA-256", &login, NONCE);
		assert_true(turn(&x, span_of("")));
		assert_int_equal(turn(&x, span_of(FIRST)), more == 0);
		assert_int_equal(x.r.cause, more == 0 ? CAUSE_NONE : CAUSE_CONFIG);
		end(&x);
	}
	login.user = many;
	begin(&x, "SCRAM-SHA-256", &login, NONCE);
	assert_false(turn(&x, span_of("")));
	assert_int_equal(x.r.cause, CAUSE_CONFIG);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),       cmocka_unit_test(first_messages),
		cmocka_unit_test(final_messages), cmocka_unit_test(pieces),
		cmocka_unit_test(errors),         cmocka_unit_test(nonces),
		cmocka_unit_test(long_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
