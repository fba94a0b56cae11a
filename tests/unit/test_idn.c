/*
 * test_idn.c - domains in ASCII, and those that never become one
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/util.h"
#include "mail/idn.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define L31      "a123456789b123456789c123456789d"
#define L63      L31 "-" L31

struct row {
	const char *domain;
	const char *ascii; /* NULL: refused */
};

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *ascii = NULL;
		const char *why = idn_to_ascii(rows[i].domain, &ascii);

		if ((why == NULL) != (rows[i].ascii != NULL))
			fail_msg("\"%s\": %s", rows[i].domain, why != NULL ? why : ascii);
		if (why == NULL)
			assert_string_equal(ascii, rows[i].ascii);
		else
			assert_null(ascii);
		free(ascii);
	}
}

static void domains(void **state)
{
	static const struct row rows[] = {
		{ "example.org", "example.org" },
		{ "EXAMPLE.Org", "EXAMPLE.Org" },
		{ "localhost", "localhost" },
		{ "my_host.example.org", "my_host.example.org" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "1.2.3.4", "1.2.3.4" },
		{ L63 ".org", L63 ".org" },
		{ L63 "x.org", NULL },
		{ L63 "." L63 "." L63 "." L63, L63 "." L63 "." L63 "." L63 },
		{ L63 "." L63 "." L63 "." L63 ".a", NULL },
		{ "", NULL },
		{ ".", NULL },
		{ ".org", NULL },
		{ "example.", NULL },
		{ "a..b", NULL },
		{ "a b", NULL },
		{ "a\tb", NULL },
		{ "a\r\nRCPT TO:<x@y>", NULL },
		{ "a>b", NULL },
		{ "a\x7f", NULL },
		{ "a:25", NULL },
		{ "a/b", NULL },
		{ "a,b", NULL },
		{ "a]", NULL },
	};

	(void)state;
	check(rows, COUNT(rows));
}

/* RFC 5890 */
static void beyond_ascii(void **state)
{
	static const struct row rows[] = {
		{ "b\xc3\xbc"
		  "cher.example",
		  "xn--bcher-kva.example" },
		{ "B\xc3\x9c"
		  "CHER.example",
		  "xn--bcher-kva.example" },
		{ "bu\xcc\x88"
		  "cher.example",
		  "xn--bcher-kva.example" },
		{ "stra\xc3\x9f"
		  "e.example",
		  "xn--strae-oqa.example" }, /* not "strasse" */
		{ "\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp" },
		{ "a.\xc3\xa4", "a.xn--4ca" },
		{ "\xff.example", NULL },
		{ "\xc3.example", NULL },
		{ "\xc3\xa4..example", NULL },
		{ "\xc3\xa4 b.example", NULL },
		{ "\xc3\xa4>b.example", NULL },
		/* dots, blanks and signs of other scripts must not become ours */
		{ "\xc3\xa4\xef\xbc\x9e.example", NULL },
		{ "\xc3\xa4\xc2\xa0"
		  "b.example",
		  NULL },
		{ "\xc3\xa4\xe2\x80\xa8"
		  "b.example",
		  NULL },
	};

	(void)state;
	check(rows, COUNT(rows));
}

static void literals(void **state)
{
	static const struct row rows[] = {
		{ "[192.0.2.1]", "[192.0.2.1]" },
		{ "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]" },
		{ "[]", NULL },
		{ "[", NULL },
		{ "[192.0.2.1", NULL },
		{ "[192.0.2.1]x", NULL },
		{ "[192.0.2.1]]", NULL },
		{ "[[192.0.2.1]", NULL },
		{ "[1.2.3.4 ]", NULL },
		{ "[1.2.3.4>]", NULL },
		{ "[\xc3\xa4]", NULL },
		{ "[a\r\nb]", NULL },
	};

	(void)state;
	check(rows, COUNT(rows));
}

/* Whatever a lone character becomes, it is fit for a command. */
static void every_character(void **state)
{
	(void)state;
	for (unsigned c = 0x80; c < 0x800; c++) {
		char domain[] = { 'a', (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)), 'b',
				  '\0' };
		char *ascii = NULL;

		if (idn_to_ascii(domain, &ascii) == NULL)
			for (const char *p = ascii; *p != '\0'; p++)
				assert_true(ascii_isalnum(*p) || *p == '-' || *p == '.');
		free(ascii);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains),
		cmocka_unit_test(beyond_ascii),
		cmocka_unit_test(literals),
		cmocka_unit_test(every_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
