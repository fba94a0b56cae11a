/*
 * test_envelope.c - recipients from arguments and from the header, each once, fit for a command
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
#include "mail/header.h"

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

static void one_address(void **state)
{
	static const struct {
		const char *text;
		const char *address; /* NULL: refused */
	} rows[] = {
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
		{ "\xc3\xa4@b", NULL },
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
	for (size_t i = 0; i < COUNT(rows); i++)
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

static void lists(void **state)
{
	static const struct {
		const char *lists[3];
		const char *recipients;
	} rows[] = {
		{ { "a@b" }, "a@b " },
		{ { "a@b, c@d" }, "a@b c@d " },
		{ { "" }, "" },
		{ { " , ,, " }, "" },
		{ { "undisclosed-recipients:;" }, "" },
		{ { "us: a@b, c@d;, e@f" }, "a@b c@d e@f " },
		{ { "Jo (at home) <a@b>,\r\n\t\"x, y\" <c@d>" }, "a@b c@d " },
		{ { "root, root@example.net" }, "root@example.net " },
		/* each once: the domain's case is nothing, the local part's is all */
		{ { "a@b, a@b", "a@b" }, "a@b " },
		{ { "a@b", "c@d", "<a@b>, x <c@d>" }, "a@b c@d " },
		{ { "a@B.org, a@b.ORG" }, "a@B.org " },
		{ { "a@b, A@b" }, "a@b A@b " },
		{ { "a@b, a@bc, ab@c, a@b.c" }, "a@b a@bc ab@c a@b.c " },
		{ { "\"a\"@b, a@b" }, "a@b " },
		{ { "\"a@b\"@c, \"a@B\"@c, \"a@b\"@C" }, "\"a@b\"@c \"a@B\"@c " },
		{ { "a@b\xc3\xbc"
		    "cher.example, a@xn--bcher-KVA.example" },
		  "a@xn--bcher-kva.example " },
		{ { "root", "ROOT" }, "root@example.net ROOT@example.net " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct envelope e;

		envelope_init(&e);
		for (size_t k = 0; k < 3 && rows[i].lists[k] != NULL; k++)
			assert_true(envelope_add_list(&e, span_of(rows[i].lists[k]), "example.net",
						      "recipient", &r));
		assert_recipients(&e, rows[i].recipients);
		envelope_free(&e);
		assert_int_equal(e.n, 0);
	}
}

static void bad_lists(void **state)
{
	static const char *const rows[] = {
		"a@b, c@",         "a@b c@d",
		"a@b, <>",         "<>",
		"a@b, \"c",        "a@b, <c",
		"a@b, \xc3\xa4@c", "a@b, c@d e",
		"a@b, c\x01@d",    "a@b>\r\nRCPT TO:<x@y",
		"a@b, c@[x>y]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct envelope e;

		envelope_init(&e);
		if (envelope_add_list(&e, span_of(rows[i]), "example.net", "To:", &r))
			fail_msg("\"%s\"", rows[i]);
		assert_refused(&r, "To: \"");
		envelope_free(&e);
	}
	struct result r = RESULT_OK;
	struct envelope e;

	envelope_init(&e);
	assert_false(envelope_add_list(&e, (struct span){ "a@b\0c", 5 }, "x", "recipient", &r));
	assert_refused(&r, "recipient \"");
	envelope_free(&e);
}

/* A header of text whose lines end in CRLF. */
static void read_header(struct header *h, const char *text)
{
	header_init(h);
	while (*text != '\0') {
		const char *end = text;

		do
			end = strchr(end, '\n') + 1;
		while (*end == ' ' || *end == '\t');
		header_append(h, (struct span){ text, (size_t)(end - text) });
		text = end;
	}
}

/* What -t takes. */
static void headers(void **state)
{
	static const struct {
		const char *header;
		const char *recipients;
	} rows[] = {
		{ "", "" },
		{ "Subject: x\r\n", "" },
		{ "To: a@b\r\nCc: c@d\r\nBcc: e@f\r\n", "a@b c@d e@f " },
		{ "BCC : a@b\r\nto\t:\r\n c@d\r\n", "a@b c@d " },
		{ "Bcc: a@b,\r\n c@d\r\nTo: a@b\r\n", "a@b c@d " },
		{ "To: a@b\r\nTo: c@d\r\n", "a@b c@d " },
		{ "From: a@b\r\nSender: c@d\r\nReply-To: e@f\r\nX-To: g@h\r\n", "" },
		{ "To: root\r\n", "root@example.net " },
		{ "To: undisclosed-recipients:;\r\nBcc: a@b\r\n", "a@b " },
		/* any Resent- field, and only these count */
		{ "Resent-To: x@y\r\nTo: a@b\r\nCc: c@d\r\nBcc: e@f\r\n", "x@y " },
		{ "Resent-To: a@b\r\nResent-Cc: c@d\r\nResent-Bcc: e@f\r\n", "a@b c@d e@f " },
		{ "resent-bcc : x@y\r\nTo: a@b\r\n", "x@y " },
		{ "To: a@b\r\nResent-From: x@y\r\n", "" },
		{ "To: a@b\r\nResent-Sender: x@y\r\n", "" },
		{ "To: a@b\r\nResent-Date: x\r\n", "" },
		{ "To: a@b\r\nResent-Message-ID: x\r\n", "" },
		{ "To: broken@\r\nResent-To: x@y\r\n", "x@y " },
		{ "To: a@b\r\nX-Resent-To: x@y\r\n", "a@b " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct envelope e;
		struct header h;

		envelope_init(&e);
		read_header(&h, rows[i].header);
		assert_true(envelope_add_header(&e, &h, "example.net", &r));
		assert_recipients(&e, rows[i].recipients);
		header_free(&h);
		envelope_free(&e);
	}
}

static void bad_headers(void **state)
{
	static const struct {
		const char *header;
		const char *origin;
	} rows[] = {
		{ "To: a@\r\n", "To: \"" },
		{ "To: a@b\r\nBCC : c@\r\n", "Bcc: \"" },
		{ "Cc: <>\r\n", "Cc: \"" },
		{ "To: a@b\r\nResent-Cc: c d\r\n", "Resent-Cc: \"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct envelope e;
		struct header h;

		envelope_init(&e);
		read_header(&h, rows[i].header);
		assert_false(envelope_add_header(&e, &h, "example.net", &r));
		assert_refused(&r, rows[i].origin);
		header_free(&h);
		envelope_free(&e);
	}
}

/* Recipients given beside -t are not said twice. */
static void arguments_and_header(void **state)
{
	struct result r = RESULT_OK;
	struct envelope e;
	struct header h;

	(void)state;
	envelope_init(&e);
	read_header(&h, "To: a@b, c@d\r\nCc: root\r\n");
	assert_true(envelope_add_list(&e, span_of("c@D"), "example.net", "recipient", &r));
	assert_true(envelope_add_list(&e, span_of("root"), "example.net", "recipient", &r));
	assert_true(envelope_add_header(&e, &h, "example.net", &r));
	assert_recipients(&e, "c@D root@example.net a@b ");
	header_free(&h);
	envelope_free(&e);
}

/* In ascending order, the worst for a tree that is not balanced. */
static void many(void **state)
{
	const size_t n = 50000;
	struct result r = RESULT_OK;
	struct envelope e;
	struct buf list;

	(void)state;
	buf_init(&list, OUT_MAX);
	for (size_t i = 0; i < 2 * n; i++)
		buf_addf(&list, "user%06zu@example.org,", i % n);
	envelope_init(&e);
	assert_true(envelope_add_list(&e, buf_span(&list), "example.net", "recipient", &r));
	assert_int_equal(e.n, n);
	assert_string_equal(e.recipients[n - 1], "user049999@example.org");
	envelope_free(&e);
	buf_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address), cmocka_unit_test(null_address),
		cmocka_unit_test(bad_domain),  cmocka_unit_test(lists),
		cmocka_unit_test(bad_lists),   cmocka_unit_test(headers),
		cmocka_unit_test(bad_headers), cmocka_unit_test(arguments_and_header),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
