/*
 * test_sasl.c - the table of mechanisms, and those that are no SCRAM, by the examples of their RFCs
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "smtp/sasl.h"

#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define TURNS    4
#define ARRAY(s)                                                                                   \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}

#define GOOGLE "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
#define BEARER "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
#define JSON   "{\"status\":\"401\",\"schemes\":\"bearer mac\"}"

struct exchange {
	const char *mechanism;
	struct sasl_login login;
	struct {
		const char *hear; /* NULL: it ends before */
		struct span say;  /* NULL: it fails here */
	} turns[TURNS];
	enum cause cause; /* of that */
	const char *words;
};

static void run(const struct exchange *x)
{
	struct result r = RESULT_OK;
	struct sasl s;
	struct buf out;

	buf_init(&out, SASL_MESSAGE_MAX);
	sasl_init(&s, sasl_find(x->mechanism), &x->login);
	for (int i = 0; i < TURNS && x->turns[i].hear != NULL; i++) {
		struct span say = x->turns[i].say;
		bool ok = sasl_respond(&s, span_of(x->turns[i].hear), &out, &r);

		if (ok != (say.p != NULL))
			fail_msg("%s, turn %d: %s", x->mechanism, i, ok ? "goes on" : r.text);
		if (ok && !span_eq(buf_span(&out), say))
			fail_msg("%s, turn %d: %s", x->mechanism, i, buf_str(&out));
		buf_wipe(&out);
	}
	assert_int_equal(r.cause, x->cause);
	if (x->words != NULL && strstr(r.text, x->words) == NULL)
		fail_msg("%s: %s", x->mechanism, r.text);
	sasl_free(&s);
	result_free(&r);
}

static void examples(void **state)
{
	static const struct exchange rows[] = {
		/* RFC 2195 section 2 */
		{ "CRAM-MD5",
		  { .user = "tim", .password = "tanstaaftanstaaf" },
		  .turns = { { "<1896.697170952@postoffice.reston.mci.net>",
			       ARRAY("tim b913a602c7eda7a495b4e6e7334d3890") } } },
		/* RFC 4616 section 4 */
		{ "PLAIN",
		  { .user = "tim", .password = "tanstaaftanstaaf" },
		  .turns = { { "", ARRAY("\0tim\0tanstaaftanstaaf") } } },
		{ "LOGIN",
		  { .user = "tim", .password = "tanstaaftanstaaf" },
		  .turns = { { "Username:", ARRAY("tim") },
			     { "Password:", ARRAY("tanstaaftanstaaf") } } },
		/* developers.google.com/gmail/imap/xoauth2-protocol */
		{ "XOAUTH2",
		  { .user = "someuser@example.com", .password = GOOGLE },
		  .turns = { { "", ARRAY("user=someuser@example.com\1auth=Bearer " GOOGLE "\1\1") },
			     { JSON, ARRAY("") } } },
		/* RFC 7628 section 4.1 */
		{ "OAUTHBEARER",
		  { .user = "user@example.com",
		    .password = BEARER,
		    .host = "server.example.com",
		    .port = "143" },
		  .turns = { { "",
			       ARRAY("n,a=user@example.com,\1host=server.example.com\1port=143\1"
				     "auth=Bearer " BEARER "\1\1") },
			     { JSON, ARRAY("\1") } } },
		{ "OAUTHBEARER", /* at a Unix socket; a name as RFC 5801 section 4 wants it */
		  { .user = "a=b,c", .password = "t" },
		  .turns = { { "", ARRAY("n,a=a=3Db=2Cc,\1auth=Bearer t\1\1") } } },
		/* RFC 4422 appendix A */
		{ "EXTERNAL", { .user = NULL }, .turns = { { "", ARRAY("") } } },
		{ "EXTERNAL",
		  { .user = "fred@example.com", .password = "not to be told" },
		  .turns = { { "", ARRAY("fred@example.com") } } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		run(&rows[i]);
}

/* RFC 8265 section 4.3, and what it is not for: tokens are what they are. */
static void passwords(void **state)
{
	static const struct {
		const char *given, *sent; /* sent NULL: refused */
	} rows[] = {
		{ "correct horse battery staple", "correct horse battery staple" },
		{ "Correct Horse", "Correct Horse" },
		{ "\xcf\x80\xc3\x9f\xc3\xa5", "\xcf\x80\xc3\x9f\xc3\xa5" },
		{ "pa\xcc\x88ss", "p\xc3\xa4ss" }, /* composed */
		{ "foo\xe1\x9a\x80"
		  "bar",
		  "foo bar" }, /* OGHAM SPACE MARK */
		{ "Jack of \xe2\x99\xa6s", "Jack of \xe2\x99\xa6s" },
		{ "a\tb", "a\tb" },  /* ASCII: the user knows */
		{ "p\xe4ss", NULL }, /* Latin-1 */
		{ "\xc3\xa4\t", NULL },
		{ "\xed\xa0\x80", NULL },
		{ "\xc2\xad\xc3\xa4", NULL },
	};
	static const char *const mechanisms[] = { "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sasl_login login = { .user = "u", .password = rows[i].given };
		struct result r = RESULT_OK;
		struct buf out;
		struct sasl s;

		buf_init(&out, SASL_MESSAGE_MAX);
		sasl_init(&s, sasl_find("LOGIN"), &login);
		assert_true(sasl_respond(&s, span_of(""), &out, &r));
		buf_clear(&out);
		if (sasl_respond(&s, span_of(""), &out, &r) != (rows[i].sent != NULL))
			fail_msg("%s: %s", rows[i].given, r.text);
		if (rows[i].sent != NULL)
			assert_string_equal(buf_str(&out), rows[i].sent);
		else
			assert_non_null(strstr(r.text, "RFC 8265"));
		assert_int_equal(r.cause, rows[i].sent != NULL ? CAUSE_NONE : CAUSE_CONFIG);
		sasl_free(&s);
		buf_wipe(&out);
		result_free(&r);
	}
	for (size_t i = 0; i < COUNT(mechanisms); i++) {
		const struct sasl_login login = { .user = "u", .password = "\xff" };
		static const char *const heard[] = {
			"", "r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXs,s=c2FsdA==,i=4096"
		};
		struct result r = RESULT_OK;
		struct buf out;
		struct sasl s;

		buf_init(&out, SASL_MESSAGE_MAX);
		sasl_init(&s, sasl_find(mechanisms[i]), &login);
		buf_adds(&s.state, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
		for (int turn = 0; turn < 2 && !result_failed(&r); turn++)
			sasl_respond(&s, span_of(heard[turn]), &out, &r);
		assert_int_equal(r.cause, CAUSE_CONFIG);
		sasl_free(&s);
		buf_wipe(&out);
		result_free(&r);
	}
}

static void too_many_turns(void **state)
{
	static const struct exchange rows[] = {
		{ "PLAIN",
		  { .user = "u", .password = "p" },
		  { { "", ARRAY("\0u\0p") }, { "", { NULL, 0 } } },
		  CAUSE_PROTOCOL,
		  "PLAIN: the server wants more" },
		{ "LOGIN",
		  { .user = "u", .password = "p" },
		  { { "", ARRAY("u") }, { "", ARRAY("p") }, { "", { NULL, 0 } } },
		  CAUSE_PROTOCOL,
		  "LOGIN: the server wants more" },
		{ "CRAM-MD5",
		  { .user = "tim", .password = "tanstaaftanstaaf" },
		  { { "<1896.697170952@postoffice.reston.mci.net>",
		      ARRAY("tim b913a602c7eda7a495b4e6e7334d3890") },
		    { "", { NULL, 0 } } },
		  CAUSE_PROTOCOL,
		  "CRAM-MD5: the server wants more" },
		{ "XOAUTH2",
		  { .user = "u", .password = "p" },
		  { { "", ARRAY("user=u\1auth=Bearer p\1\1") },
		    { "", ARRAY("") },
		    { "", { NULL, 0 } } },
		  CAUSE_PROTOCOL,
		  "XOAUTH2: the server wants more" },
		{ "EXTERNAL",
		  { .user = NULL },
		  { { "", ARRAY("") }, { "", { NULL, 0 } } },
		  CAUSE_PROTOCOL,
		  "EXTERNAL: the server wants more" },
		{ "XOAUTH2",
		  { .user = "u", .password = "p\1auth=x" },
		  { { "", { NULL, 0 } } },
		  CAUSE_CONFIG,
		  "control character" },
		{ "OAUTHBEARER",
		  { .user = "u", .password = "p\n" },
		  { { "", { NULL, 0 } } },
		  CAUSE_CONFIG,
		  "control character" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		run(&rows[i]);
}

static void errors(void **state)
{
	const struct sasl_login login = { .user = "u", .password = "p" };
	static char many[2 * SASL_ERROR_MAX];
	struct sasl s;

	(void)state;
	memset(many, 'x', sizeof many);
	sasl_init(&s, sasl_find("XOAUTH2"), &login);
	sasl_take_error(&s, span_of(JSON));
	assert_string_equal(buf_str(&s.error), JSON);
	sasl_take_error(&s, span_of(""));
	assert_string_equal(buf_str(&s.error), "no reason is given");
	sasl_take_error(&s, (struct span){ many, sizeof many });
	assert_int_equal(s.error.len, SASL_ERROR_MAX);
	sasl_free(&s);
}

/* What of a user and a password or token has no room is not cut: RFC 4954 section 4. */
static void too_long(void **state)
{
	static const char *const mechanisms[] = { "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2",
						  "OAUTHBEARER" };
	static char many[SASL_MESSAGE_MAX + 2];

	(void)state;
	memset(many, 'x', sizeof many - 1);
	for (size_t i = 0; i < COUNT(mechanisms); i++) {
		const struct sasl_login login = { .user = "u", .password = many };
		struct result r = RESULT_OK;
		struct buf out;
		struct sasl s;

		buf_init(&out, SASL_MESSAGE_MAX);
		sasl_init(&s, sasl_find(mechanisms[i]), &login);
		while (sasl_respond(&s, span_of(""), &out, &r))
			buf_clear(&out);
		assert_int_equal(r.cause, CAUSE_CONFIG);
		assert_non_null(strstr(r.text, "too long"));
		sasl_free(&s);
		buf_wipe(&out);
		result_free(&r);
	}
}

/* The order of preference, and which of them may be taken unasked, stand in the manual as well. */
static void table(void **state)
{
	static const struct {
		const char *name;
		bool in_clear; /* without TLS, by AUTH_AUTO */
		bool unasked;
	} rows[] = {
		{ "SCRAM-SHA-256-PLUS", true, true },
		{ "SCRAM-SHA-1-PLUS", true, true },
		{ "SCRAM-SHA-256", true, true },
		{ "SCRAM-SHA-1", true, true },
		{ "CRAM-MD5", true, true },
		{ "PLAIN", false, true },
		{ "LOGIN", false, true },
		{ "XOAUTH2", false, false },
		{ "OAUTHBEARER", false, false },
		{ "EXTERNAL", true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(sasl_mechanisms[i].name, rows[i].name);
		assert_ptr_equal(sasl_find(rows[i].name), &sasl_mechanisms[i]);
		assert_int_equal(sasl_mechanisms[i].shows_secret, !rows[i].in_clear);
		assert_int_equal(sasl_mechanisms[i].listed_only, !rows[i].unasked);
		assert_int_equal(sasl_mechanisms[i].proves_server,
				 strncmp(rows[i].name, "SCRAM", 5) == 0);
		assert_int_equal(sasl_mechanisms[i].needs_binding,
				 strstr(rows[i].name, "-PLUS") != NULL);
	}
	assert_null(sasl_mechanisms[COUNT(rows)].name);
	assert_null(sasl_find("plain"));
	assert_null(sasl_find("PLAI"));
	assert_null(sasl_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),       cmocka_unit_test(passwords),
		cmocka_unit_test(too_many_turns), cmocka_unit_test(errors),
		cmocka_unit_test(too_long),       cmocka_unit_test(table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
