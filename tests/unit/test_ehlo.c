/*
 * test_ehlo.c - what a server says it can do, and what only looks like it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "smtp/ehlo.h"

#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define ALL      (EXT_STARTTLS | EXT_PIPELINING | EXT_SIZE | EXT_8BITMIME | EXT_AUTH)

static void extensions(void **state)
{
	static const struct {
		const char *text; /* behind the greeting line */
		unsigned extensions;
	} rows[] = {
		{ "", 0 },
		{ "STARTTLS", EXT_STARTTLS },
		{ "starttls", EXT_STARTTLS },
		{ "PIPELINING\n8BITMIME", EXT_PIPELINING | EXT_8BITMIME },
		{ "8bitMime \nPipelining\r", EXT_PIPELINING | EXT_8BITMIME },
		{ "STARTTLS\nPIPELINING\nSIZE 1\n8BITMIME\nAUTH PLAIN", ALL },
		{ "SIZE", EXT_SIZE },
		{ "AUTH", EXT_AUTH },
		{ "DSN\nrequiretls\nSmtpUtf8", EXT_DSN | EXT_REQUIRETLS | EXT_SMTPUTF8 },
		{ "ENHANCEDSTATUSCODES\nVRFY\nHELP\nBURL", 0 },
		{ "CHUNKING\nmt-priority MIXER\nPIPECONNECT",
		  EXT_CHUNKING | EXT_MT_PRIORITY | EXT_PIPECONNECT },
		{ "LIMITS RCPTMAX=5\nFUTURERELEASE 60 2030-01-01T00:00:00Z",
		  EXT_LIMITS | EXT_FUTURERELEASE },
		{ "CHUNKINGS\nLIMIT\nX_PIPE_CONNECT", 0 },
		{ "\n\nSTARTTLS\n\n", EXT_STARTTLS },
		/* words are compared whole */
		{ "STARTTLSX", 0 },
		{ "XSTARTTLS", 0 },
		{ "STARTTL", 0 },
		{ "START TLS", 0 },
		{ "STARTTLS-X", 0 },
		{ "X STARTTLS", 0 },
		{ "PIPELININGS", 0 },
		{ "8BITMIMEX", 0 },
		{ "XAUTH PLAIN", 0 },
		{ "AUTHPLAIN", 0 },
		{ "SIZE=1000", 0 },
		{ "SIZES 1000", 0 },
		/* a keyword with something behind it is the keyword */
		{ "STARTTLS now", EXT_STARTTLS },
		{ "PIPELINING\tx", EXT_PIPELINING },
		/* AUTH= */
		{ "AUTH=PLAIN", EXT_AUTH },
		{ "auth=plain", EXT_AUTH },
		{ "AUTH=", 0 },
		{ "XAUTH=PLAIN", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ehlo e;
		struct buf text;

		buf_init(&text, 1000);
		buf_addf(&text, "mail.example.org\n%s", rows[i].text);
		ehlo_init(&e);
		ehlo_parse(&e, buf_span(&text));
		if (e.extensions != rows[i].extensions)
			fail_msg("\"%s\": %x", rows[i].text, e.extensions);
		for (unsigned bit = 1; bit <= ALL; bit <<= 1)
			assert_int_equal(ehlo_has(&e, bit), (rows[i].extensions & bit) != 0);
		ehlo_free(&e);
		buf_free(&text);
	}
}

/* The first line greets, whatever it says. */
static void greeting(void **state)
{
	static const char *const rows[] = { "", "STARTTLS", "AUTH PLAIN", "SIZE 10", "AUTH=PLAIN" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ehlo e;

		ehlo_init(&e);
		ehlo_parse(&e, span_of(rows[i]));
		assert_int_equal(e.extensions, 0);
		ehlo_free(&e);
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *line;
		uint64_t size;
	} rows[] = {
		{ "SIZE 10240000", 10240000 },
		{ "size\t10240000 ", 10240000 },
		{ "SIZE 1 2", 1 },
		{ "SIZE 9223372036854775807", INT64_MAX },
		/* no limit, or none that can be understood */
		{ "SIZE", 0 },
		{ "SIZE 0", 0 },
		{ "SIZE 9223372036854775808", 0 },
		{ "SIZE 99999999999999999999999", 0 },
		{ "SIZE -1", 0 },
		{ "SIZE 0x10", 0 },
		{ "SIZE 10M", 0 },
		{ "SIZE unlimited", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ehlo e;
		struct buf text;

		buf_init(&text, 1000);
		buf_addf(&text, "hello\n%s\nPIPELINING", rows[i].line);
		ehlo_init(&e);
		ehlo_parse(&e, buf_span(&text));
		assert_true(ehlo_has(&e, EXT_SIZE));
		assert_true(ehlo_has(&e, EXT_PIPELINING));
		if (e.size != rows[i].size)
			fail_msg("\"%s\": %ju", rows[i].line, (uintmax_t)e.size);
		ehlo_free(&e);
		buf_free(&text);
	}
}

/* RFC 9422 and RFC 4865: numbers that say how much is too much. */
static void limits(void **state)
{
	static const struct {
		const char *line;
		uint64_t rcpt_max;
		uint64_t mail_max;
		uint64_t hold_max;
	} rows[] = {
		{ "LIMITS RCPTMAX=20 MAILMAX=5", 20, 5, 0 },
		{ "limits mailmax=1", 0, 1, 0 },
		{ "LIMITS RCPTDOMAINMAX=3 X=1\tRCPTMAX=7 ", 7, 0, 0 },
		{ "FUTURERELEASE 86400 2030-01-01T00:00:00Z", 0, 0, 86400 },
		/* none that can be understood */
		{ "LIMITS", 0, 0, 0 },
		{ "LIMITS RCPTMAX MAILMAX=", 0, 0, 0 },
		{ "LIMITS RCPTMAX=0 MAILMAX=-1", 0, 0, 0 },
		{ "LIMITS RCPTMAX=99999999999999999999 =5", 0, 0, 0 },
		{ "LIMITS RCPTMAXX=5 XRCPTMAX=5", 0, 0, 0 },
		{ "FUTURERELEASE", 0, 0, 0 },
		{ "FUTURERELEASE soon", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ehlo e;
		struct buf text;

		buf_init(&text, 1000);
		buf_addf(&text, "hello\n%s", rows[i].line);
		ehlo_init(&e);
		ehlo_parse(&e, buf_span(&text));
		if (e.rcpt_max != rows[i].rcpt_max || e.mail_max != rows[i].mail_max ||
		    e.hold_max != rows[i].hold_max)
			fail_msg("\"%s\": %ju %ju %ju", rows[i].line, (uintmax_t)e.rcpt_max,
				 (uintmax_t)e.mail_max, (uintmax_t)e.hold_max);
		ehlo_free(&e);
		buf_free(&text);
	}
}

static void hold_until(void **state)
{
	static const struct {
		const char *line;
		const char *date;
	} rows[] = {
		{ "FUTURERELEASE 60 2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z" },
		{ "FUTURERELEASE x 2030-01-01T00:00:00Z more", "2030-01-01T00:00:00Z" },
		{ "FUTURERELEASE 60", "" },
		{ "FUTURERELEASE 60 2030-01-01T00:00:00+01:00", "" },
		{ "FUTURERELEASE 60 2030-01-01T00:00:000", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ehlo e;
		struct buf text;

		buf_init(&text, 1000);
		buf_addf(&text, "hello\n%s", rows[i].line);
		ehlo_init(&e);
		ehlo_parse(&e, buf_span(&text));
		assert_string_equal(e.hold_until, rows[i].date);
		ehlo_free(&e);
		buf_free(&text);
	}
}

static void mechanisms(void **state)
{
	static const struct {
		const char *lines;
		bool plain;
		bool login;
	} rows[] = {
		{ "AUTH PLAIN LOGIN", true, true },
		{ "AUTH LOGIN PLAIN", true, true },
		{ "AUTH plain Login", true, true },
		{ "AUTH\tPLAIN  \t LOGIN ", true, true },
		{ "AUTH=PLAIN LOGIN", true, true },
		{ "AUTH=plain", true, false },
		{ "AUTH PLAIN\nAUTH=LOGIN", true, true },
		{ "AUTH PLAIN\nAUTH=PLAIN", true, false },
		{ "AUTH CRAM-MD5 LOGIN", false, true },
		{ "AUTH", false, false },
		{ "AUTH ", false, false },
		{ "AUTH X-PLAIN PLAIN-X LOGINS", false, false },
		{ "AUTH PLAIN,LOGIN", false, false },
		{ "PLAIN LOGIN", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ehlo e;
		struct buf text;

		buf_init(&text, 1000);
		buf_addf(&text, "hello\n%s", rows[i].lines);
		ehlo_init(&e);
		ehlo_parse(&e, buf_span(&text));
		if (ehlo_has_mechanism(&e, "PLAIN") != rows[i].plain ||
		    ehlo_has_mechanism(&e, "LOGIN") != rows[i].login)
			fail_msg("\"%s\"", rows[i].lines);
		ehlo_free(&e);
		buf_free(&text);
	}
}

/* What stood in plain text before TLS counts no more after it. */
static void again(void **state)
{
	struct ehlo e;

	(void)state;
	ehlo_init(&e);
	ehlo_parse(&e, span_of("hello\nSTARTTLS\nSIZE 5\nAUTH PLAIN"));
	ehlo_parse(&e, span_of("hello\n8BITMIME"));
	assert_int_equal(e.extensions, EXT_8BITMIME);
	assert_int_equal(e.size, 0);
	assert_false(ehlo_has_mechanism(&e, "PLAIN"));
	ehlo_free(&e);
}

/* Where the list is cut off, half a name is nobody's name. */
static void too_many_mechanisms(void **state)
{
	for (size_t before = EHLO_MECHANISMS_MAX - 10; before <= EHLO_MECHANISMS_MAX; before++) {
		const size_t needed = 1 + before + strlen(" PLAIN ");
		struct ehlo e;
		struct buf text;

		buf_init(&text, 10000);
		buf_adds(&text, "hello\nAUTH ");
		for (size_t i = 0; i < before; i++)
			buf_addc(&text, 'X');
		buf_adds(&text, " PLAINEST PLAIN");
		ehlo_init(&e);
		ehlo_parse(&e, buf_span(&text));
		assert_true(ehlo_has(&e, EXT_AUTH));
		assert_false(ehlo_has_mechanism(&e, "PLAIN"));
		ehlo_free(&e);
		text.len -= strlen("EST PLAIN");
		ehlo_parse(&e, buf_span(&text));
		assert_int_equal(ehlo_has_mechanism(&e, "PLAIN"), needed <= EHLO_MECHANISMS_MAX);
		ehlo_free(&e);
		buf_free(&text);
	}
	(void)state;
}

static void any_bytes(void **state)
{
	static const char text[] = "hello\nSIZE 1\0"
				   "0\nSTARTTLS\0\nAUTH \0PLAIN\n\xff\xff";
	struct ehlo e;

	(void)state;
	ehlo_init(&e);
	ehlo_parse(&e, (struct span){ text, sizeof text - 1 });
	assert_false(ehlo_has(&e, EXT_STARTTLS));
	assert_false(ehlo_has_mechanism(&e, "PLAIN"));
	ehlo_parse(&e, (struct span){ NULL, 0 });
	assert_int_equal(e.extensions, 0);
	ehlo_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extensions), cmocka_unit_test(greeting),
		cmocka_unit_test(sizes),      cmocka_unit_test(limits),
		cmocka_unit_test(hold_until), cmocka_unit_test(mechanisms),
		cmocka_unit_test(again),      cmocka_unit_test(too_many_mechanisms),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
