/*
 * test_envelope.c - addresses fit for a command, each once
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "mail/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (16 * 1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define L32      "01234567890123456789012345678901"

/* The recipients, in order, a blank behind each. */
static void assert_recipients(const struct envelope *e, const char *want)
{
	struct buf got;

	buf_init(&got, OUT_MAX);
	for (size_t i = 0; i < e->n; i++)
		buf_addf(&got, "%s ", e->recipients[i]);
	assert_string_equal(buf_str(&got), want);
	buf_free(&got);
}

static void assert_refused(struct result *r, const char *origin)
{
	assert_int_equal(r->cause, CAUSE_DATA);
	assert_int_equal(r->step, STEP_ADDRESS);
	assert_int_equal(strncmp(r->text, origin, strlen(origin)), 0);
	assert_false(has_control(r->text, strlen(r->text)));
	result_free(r);
}

struct row {
	const char *text;
	const char *address; /* NULL: refused */
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int allow_null = 0; allow_null < 2; allow_null++) {
			struct result r = RESULT_OK;
			char *address = NULL;
			bool ok = envelope_parse(span_of(rows[i].text), allow_null, "example.net",
						 "-f", &address, &r);

			if (ok != (rows[i].address != NULL))
				fail_msg("\"%s\": %s", rows[i].text, ok ? address : r.text);
			if (ok)
				assert_string_equal(address, rows[i].address);
			else
				assert_refused(&r, "-f \"");
			free(address);
		}
}

static void one_address(void **state)
{
	static const struct row rows[] = {
		{ "a@b", "a@b" },
		{ " a@b ", "a@b" },
		{ "<a@b>", "a@b" },
		{ "Jo Doe <a@b>", "a@b" },
		{ "a@B.Org", "a@B.Org" },
		{ "root", "root@example.net" },
		{ "a+b@c", "a+b@c" },
		{ "\"a b\"@c", "\"a b\"@c" },
		{ "\"a\"@c", "a@c" },
		{ "\"a\\\"b\"@c", "\"a\\\"b\"@c" },
		{ "a..b@c", "\"a..b\"@c" },
		{ "a@[192.0.2.1]", "a@[192.0.2.1]" },
		{ "<@x,@y:a@b>", "a@b" },
		{ "a@b\xc3\xbc"
		  "cher.example",
		  "a@xn--bcher-kva.example" },
		{ L32 L32 "@c", L32 L32 "@c" },
		{ L32 L32 "x@c", NULL },
		/* what a command cannot carry */
		{ "a@b c", NULL },
		{ "a@b>\r\nRCPT TO:<x@y", NULL },
		{ "a@b\r\n", NULL },
		{ "\"a\nb\"@c", NULL },
		{ "\"a\x01\"@c", NULL },
		{ "a\x7f@c", NULL },
		{ "a@b_c.d", "a@b_c.d" },
		{ "a@b$c", NULL },
		{ "a@b..c", NULL },
		{ "a@[1.2.3.4>]", NULL },
		{ "a@" L32 L32 ".org", NULL },
		/* not exactly one */
		{ "a@b, c@d", NULL },
		{ "a b", NULL },
		{ "a@", NULL },
		{ "@b", NULL },
		{ ",", NULL },
		{ "us: a@b;", NULL },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* A local part of UTF-8, and what looks like one. */
static void utf8_address(void **state)
{
	static const struct row rows[] = {
		{ "\xc3\xa4@b", "\xc3\xa4@b" },
		{ "J\xc3\xb6 <j\xc3\xb6.x@b\xc3\xbc"
		  "cher.example>",
		  "j\xc3\xb6.x@xn--bcher-kva.example" },
		{ "\xe5\xb1\xb1", "\xe5\xb1\xb1@example.net" },
		{ "\"\xc3\xa4\"@b", "\xc3\xa4@b" },
		{ "\"\xc3\xa4 \xf0\x9f\x93\xac\"@b", "\"\xc3\xa4 \xf0\x9f\x93\xac\"@b" },
		{ "\xc3\xa4..x@b", "\"\xc3\xa4..x\"@b" },
		{ "\xc3\x80\xe2\x80\x9f\xc2\xa0@b", "\xc3\x80\xe2\x80\x9f\xc2\xa0@b" },
		{ "\xe4@b", NULL },
		{ "a\xff@b", NULL },
		{ "\xc3\xa4\xc3@b", NULL },
		{ "\xed\xa0\x80@b", NULL },
		{ "\xc0\xaf@b", NULL },
		{ "a\x85"
		  "b@c",
		  NULL },
		/* control characters of Unicode */
		{ "\xc2\x80@b", NULL },
		{ "a\xc2\x85@b", NULL },
		{ "a\xc2\xa0\xc2\x9b"
		  "0m@b",
		  NULL },
		{ "\"\xc2\x9f\"@b", NULL },
		{ "a@\xc2\x85.b", NULL },
		{ "a@\xff.b", NULL },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void needs_utf8(void **state)
{
	(void)state;
	assert_false(envelope_needs_utf8(""));
	assert_false(envelope_needs_utf8("a@xn--bcher-kva.example"));
	assert_true(envelope_needs_utf8("\xc3\xa4@b"));
	assert_true(envelope_needs_utf8("\"a \xc3\xa4\"@b"));
}

/* The sentence says what is wrong with a local part, and shows it without doing what it says. */
static void bad_local_parts(void **state)
{
	static const struct {
		const char *address;
		const char *text;
	} rows[] = {
		{ "\xe4@b", "-f \"?@b\" is no address: its local part is neither ASCII nor UTF-8" },
		{ "a\xc2\x9b"
		  "0m@b",
		  "-f \"a?0m@b\" is no address: its local part holds a control character" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		char *address = NULL;

		assert_false(
			envelope_parse(span_of(rows[i].address), false, "x", "-f", &address, &r));
		assert_string_equal(r.text, rows[i].text);
		assert_refused(&r, "-f");
	}
}

static void null_address(void **state)
{
	static const char *const rows[] = { "", "<>", " < > " };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		char *address = NULL;

		assert_true(envelope_parse(span_of(rows[i]), true, "x", "-f", &address, &r));
		assert_string_equal(address, "");
		free(address);
		assert_false(envelope_parse(span_of(rows[i]), false, "x", "-f", &address, &r));
		assert_refused(&r, "-f \"");
	}
}

/* A name that is given to bare names is looked at like any other. */
static void bad_domain(void **state)
{
	static const char *const rows[] = { "a b", "a\r\nb", "", "a>b" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		char *address = NULL;

		assert_false(envelope_parse(span_of("a"), false, rows[i], "-f", &address, &r));
		assert_refused(&r, "-f \"a");
	}
}

/* Each once: the domain's case is nothing, the local part's is all. */
static void each_once(void **state)
{
	static const struct {
		const char *added; /* with a blank between them */
		const char *recipients;
	} rows[] = {
		{ "", "" },
		{ "a@b", "a@b " },
		{ "a@b c@d a@b c@d", "a@b c@d " },
		{ "a@B.org a@b.ORG", "a@B.org " },
		{ "a@b A@b", "a@b A@b " },
		{ "a@b a@bc ab@c a@b.c", "a@b a@bc ab@c a@b.c " },
		{ "\xc3\xa4@B \xc3\xa4@b \xc3\x84@b", "\xc3\xa4@B \xc3\x84@b " },
		{ "\"a@b\"@c \"a@B\"@c \"a@b\"@C", "\"a@b\"@c \"a@B\"@c " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct envelope e;

		envelope_init(&e);
		for (const char *p = rows[i].added; *p != '\0'; p += *p == ' ' ? 1 : 0) {
			size_t len = strcspn(p, " ");
			char *address = xstrndup(p, len);

			envelope_add(&e, xstrdup(address));
			assert_true(envelope_has(&e, address));
			free(address);
			p += len;
		}
		assert_recipients(&e, rows[i].recipients);
		assert_false(envelope_has(&e, "x@y"));
		envelope_free(&e);
		assert_int_equal(e.n, 0);
		assert_false(envelope_has(&e, "a@b"));
	}
}

/* In ascending order, the worst for a tree that is not balanced. */
static void many(void **state)
{
	const size_t n = 50000;
	struct envelope e;

	(void)state;
	envelope_init(&e);
	for (size_t i = 0; i < 2 * n; i++)
		envelope_add(&e, xasprintf("user%06zu@example.org", i % n));
	assert_int_equal(e.n, n);
	assert_string_equal(e.recipients[n - 1], "user049999@example.org");
	envelope_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address),  cmocka_unit_test(utf8_address),
		cmocka_unit_test(needs_utf8),   cmocka_unit_test(bad_local_parts),
		cmocka_unit_test(null_address), cmocka_unit_test(bad_domain),
		cmocka_unit_test(each_once),    cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
