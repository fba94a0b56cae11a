/*
 * test_phrase.c - display names written: as atoms, quoted, in encoded words
 *
 * That a written name is read back is tested in test_addr.c.
 */
#include "mail/addr.h"

#include "base/util.h"
#include "encoded.h"

#include "base/banned.h"

#define OUT_MAX 100000

static void test_phrase(void **state)
{
	static const struct {
		const char *name;
		const char *phrase;
	} table[] = {
		{ "", "" },
		{ " \t ", "" },
		{ "Jo", "Jo" },
		{ "Cron Daemon", "Cron Daemon" },
		{ "  Cron\r\nDaemon ", "Cron Daemon" },
		{ "a\x7f\x01z", "a z" },
		{ "O'Neil & Sons!", "O'Neil & Sons!" },
		{ "John Q. Public", "\"John Q. Public\"" },
		{ "Doe, John", "\"Doe, John\"" },
		{ "a@b", "\"a@b\"" },
		{ "the \"boss\" \\o/", "\"the \\\"boss\\\" \\\\o/\"" },
		{ "x> <y@z", "\"x> <y@z\"" },
		{ "J\xc3\xb6rg", "=?UTF-8?B?SsO2cmc=?=" },
		{ "J\xc3\xb6rg Schmidtchen", "=?UTF-8?Q?J=C3=B6rg_Schmidtchen?=" },
		{ "J\xc3\xb6rg M. (x_y)=?\"", "=?UTF-8?B?SsO2cmcgTS4gKHhfeSk9PyI=?=" },
		{ "\xe6\x97\xa5\xe6\x9c\xac", "=?UTF-8?B?5pel5pys?=" },
		{ "\xe6\x97\xa5\xe6\x9c\xac\xe3\x81", "=?unknown-8bit?B?5pel5pys44E=?=" },
		{ "\xf6 !*+-/ abcdefg", "=?unknown-8bit?Q?=F6_!*+-/_abcdefg?=" },
		{ "J\xf6rg", "=?unknown-8bit?Q?J=F6rg?=" },
		{ "=?UTF-8?Q?J=C3=B6rg?= Doe", "=?UTF-8?Q?J=C3=B6rg?= Doe" },
		{ "=?UTF-8?Q?J=C3=B6rg?= Q. \"Doe\"",
		  "=?UTF-8?Q?J=C3=B6rg?= \"Q.\" \"\\\"Doe\\\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buf out;

		buf_init(&out, 1000);
		addr_write_phrase(table[i].name, &out);
		assert_string_equal(buf_str(&out), table[i].phrase);
		buf_free(&out);
	}
}

/* Writes the name, takes the encoded words apart again and expects the name. */
static void expect_decoded(const char *name, const char *charset)
{
	struct buf out, back;
	char *front = xasprintf("=?%s?", charset);

	buf_init(&out, OUT_MAX);
	buf_init(&back, OUT_MAX);
	addr_write_phrase(name, &out);
	assert_memory_equal(buf_str(&out), front, strlen(front));
	encoded_decode_text(buf_span(&out), &back);
	assert_string_equal(buf_str(&back), name);
	free(front);
	buf_free(&out);
	buf_free(&back);
}

static void expect_words(const char *front, const char *more, size_t times, size_t words)
{
	struct buf name;
	struct buf out;
	size_t blanks = 0;

	buf_init(&name, 1000);
	buf_init(&out, 1000);
	buf_adds(&name, front);
	for (size_t i = 0; i < times; i++)
		buf_adds(&name, more);
	addr_write_phrase(buf_str(&name), &out);
	for (size_t i = 0; i < out.len; i++)
		blanks += out.p[i] == ' ';
	assert_int_equal(blanks + 1, words);
	buf_free(&name);
	buf_free(&out);
}

static void test_encoded_words(void **state)
{
	static const char *const pieces[] = { "\xc3\xa4",         "a",   "\xe6\x97\xa5",
					      "\xf0\x9f\x8e\x89", "x y", "=?_" };
	struct buf name;

	(void)state;
	buf_init(&name, 10000);
	expect_words("\xc3\xa4", "a", 57, 1); /* 75 octets */
	expect_words("\xc3\xa4", "a", 58, 2);
	expect_words("", "\xc3\xa4", 22, 1); /* 72 octets */
	expect_words("", "\xc3\xa4", 23, 2);
	for (size_t len = 1; len < 300; len++) {
		buf_clear(&name);
		buf_adds(&name, "\xc3\xa4");
		for (size_t i = 0; i < len; i++)
			buf_adds(&name, pieces[(i * 7 + len) % (len % 2 == 1 ? 6 : 2)]);
		expect_decoded(buf_str(&name), "UTF-8");
		buf_addc(&name, '\xff');
		expect_decoded(buf_str(&name), "unknown-8bit");
	}
	buf_free(&name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phrase),
		cmocka_unit_test(test_encoded_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
