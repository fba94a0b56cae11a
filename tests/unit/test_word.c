/*
 * test_word.c - encoded words, written and recognised
 */
#include "mail/word.h"

#include "base/util.h"
#include "encoded.h"

#include "base/banned.h"

#define OUT_MAX (4 * 1024 * 1024)

static void test_encode(void **state)
{
	static const struct {
		const char *text;
		const char *charset;
		const char *words;
	} table[] = {
		{ "J\xc3\xb6rg", "x", "=?UTF-8?B?SsO2cmc=?=" },
		{ "J\xc3\xb6rg Schmidtchen", "x", "=?UTF-8?Q?J=C3=B6rg_Schmidtchen?=" },
		{ " J\xc3\xb6rg\tSchmidtchen ", "x", "=?UTF-8?Q?_J=C3=B6rg=09Schmidtchen_?=" },
		{ "J\xf6rg", "ISO-8859-15", "=?ISO-8859-15?Q?J=F6rg?=" },
		{ "J\xf6rg", CHARSET_UNKNOWN, "=?unknown-8bit?Q?J=F6rg?=" },
		{ "J\xf6rg", "utf-8", "=?unknown-8bit?Q?J=F6rg?=" },
		{ "J\xf6rg", "ISO_8859-1:1987", "=?unknown-8bit?Q?J=F6rg?=" },
		{ "J\xf6rg", "", "=?unknown-8bit?Q?J=F6rg?=" },
		{ "J\xf6rg", "a-charset-of-a-name-without-end", "=?unknown-8bit?Q?J=F6rg?=" },
		{ "\xf6(),.:;<>@[\\]\"=_?", "KOI8-R", "=?KOI8-R?B?9igpLC46Ozw+QFtcXSI9Xz8=?=" },
		{ "abcdefghijklmnopqrstuvw\xf6=_?", "Big5",
		  "=?Big5?Q?abcdefghijklmnopqrstuvw=F6=3D=5F=3F?=" },
		{ "", "x", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct buf out;

		buf_init(&out, 1000);
		word_encode(span_of(table[i].text), table[i].charset, &out);
		assert_string_equal(buf_str(&out), table[i].words);
		buf_free(&out);
	}
}

static void expect_back(struct span text, const char *charset, size_t max)
{
	struct buf out, back;
	size_t column = 0;

	buf_init(&out, OUT_MAX);
	buf_init(&back, OUT_MAX);
	word_encode_within(text, charset, max, &out);
	for (size_t i = 0; i < out.len; i++) {
		column = out.p[i] == ' ' ? 0 : column + 1;
		assert_true(column <= max);
	}
	encoded_decode_text(buf_span(&out), &back);
	assert_int_equal(back.len, text.len);
	assert_memory_equal(back.p, text.p, text.len);
	buf_free(&out);
	buf_free(&back);
}

/* Every length, each limit, characters of one to four octets: nothing is lost, or split. */
static void test_decoded(void **state)
{
	static const char *const pieces[] = {
		"\xc3\xa4", "a", "\xe6\x97\xa5", "\xf0\x9f\x8e\x89", " ", "?", "b"
	};
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	for (size_t n = 1; n < 150; n++) {
		buf_clear(&text);
		buf_adds(&text, "\xc3\xa4");
		for (size_t i = 0; i < n; i++)
			buf_adds(&text, pieces[(i * 5 + n) % (n % 2 == 1 ? 7 : 2)]);
		for (size_t max = 40; max <= 75; max++)
			expect_back(buf_span(&text), "x", max);
		buf_addc(&text, '\xff');
		expect_back(buf_span(&text), "x", 75);
		expect_back(buf_span(&text), "iso-8859-aaaaaaaaaaa", 40);
	}
	buf_free(&text);
}

static void test_charset(void **state)
{
	static const struct {
		const char *name;
		bool usable;
	} table[] = {
		{ "ISO-8859-1", true },
		{ "iso-8859-15", true },
		{ "windows-1252", true },
		{ "CP1251", true },
		{ "KOI8-U", true },
		{ "macintosh", true },
		{ "GB2312", true },
		{ "gbk", true },
		{ "Big5", true },
		{ "EUC-KR", true },
		{ "ks_c_5601-1987", true },
		{ "EUC-JP", true },
		{ "ISO_8859-1:1987", false },
		{ "iso-8859-1 x", false },
		{ "iso-8859-1?q?", false },
		{ "iso-8859-1-and-so-on-", false },
		{ "UTF-8", false },
		{ "UTF-16", false },
		{ "UTF-7", false },
		{ "ISO-2022-JP", false },
		{ "Shift_JIS", false },
		{ "gb18030", false },
		{ "gbkx", false },
		{ "US-ASCII", false },
		{ CHARSET_UNKNOWN, false },
		{ "x", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const char *name = table[i].name, *raw = word_charset(span_of("\xff"), name);

		assert_int_equal(word_charset_usable(name), table[i].usable);
		assert_string_equal(raw, table[i].usable ? name : CHARSET_UNKNOWN);
		assert_string_equal(word_charset(span_of("\xc3\xa4"), name), "UTF-8");
	}
}

/* Letters first, then nothing but this character. */
static void expect_whole(struct span text, const char *character)
{
	const size_t len = strlen(character);
	size_t letters = 0;

	while (letters < text.len && text.p[letters] == 'a')
		letters++;
	assert_int_equal((text.len - letters) % len, 0);
	for (size_t i = letters; i < text.len; i += len)
		assert_memory_equal(text.p + i, character, len);
}

/* Characters of which none is UTF-8: whatever comes before them, no word ends within one. */
static void test_not_split(void **state)
{
	static const struct {
		const char *charset;
		const char *character;
	} table[] = {
		{ "gb2312", "\xb0\xa1" },         { "gbk", "\x81\x40" },
		{ "big5", "\xa4\x5c" },           { "euc-kr", "\xb0\xa1" },
		{ "ks_c_5601-1987", "\xb0\xa1" }, { "euc-jp", "\xb0\xa1" },
		{ "euc-jp", "\x8e\xb1" },         { "euc-jp", "\x8f\xb0\xa1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0] * 30; i++) {
		const char *charset = table[i / 30].charset, *character = table[i / 30].character;
		struct buf text, out, back;

		buf_init(&text, 1000);
		buf_init(&out, OUT_MAX);
		buf_init(&back, OUT_MAX);
		for (size_t n = 0; n < i % 30; n++)
			buf_addc(&text, 'a');
		while (text.len < 300)
			buf_adds(&text, character);
		word_encode(buf_span(&text), charset, &out);
		for (const char *word = buf_str(&out); *word != '\0'; word += *word == ' ') {
			size_t len = strcspn(word, " ");

			assert_true(len <= ENCODED_WORD_MAX);
			buf_clear(&back);
			encoded_decode_word((struct span){ word, len }, &back);
			expect_whole(buf_span(&back), character);
			word += len;
		}
		buf_free(&text);
		buf_free(&out);
		buf_free(&back);
	}
	/* What ends too early is whole all the same */
	expect_back(span_of("a\xb0"), "gbk", 75);
	expect_back(span_of("a\x8f\xb0"), "euc-jp", 75);
}

static void test_long_text(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	while (text.len < 512 * 1024)
		buf_adds(&text, "\xe6\x97\xa5 abc \xc3\xa4");
	expect_back(buf_span(&text), "x", 75);
	buf_free(&text);
}

static void test_is_encoded(void **state)
{
	static const struct {
		const char *word;
		bool encoded;
	} table[] = {
		{ "=?UTF-8?Q?J=C3=B6rg?=", true },
		{ "=?utf-8?b?SsO2cmc=?=", true },
		{ "=?utf-8*de?q?x?=", true },
		{ "=?x?q?a,b(c)?=", true },
		{ "=?x?q?"
		  "?=",
		  true },
		{ "=?x?q?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?"
		  "=",
		  true },
		{ "", false },
		{ "=", false },
		{ "=?", false },
		{ "=?"
		  "?=",
		  false },
		{ "=?x?=", false },
		{ "=?x?q?=", false },
		{ "=??q?x?=", false },
		{ "=?x??x?=", false },
		{ "=?x?z?x?=", false },
		{ "=?x?qq?x?=", false },
		{ "=?x?q?x?", false },
		{ "=?x?q?x", false },
		{ "a=?x?q?x?=", false },
		{ "=?x?q?x?=,", false },
		{ "=?x?q?\xc3\xb6?=", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_int_equal(word_is_encoded(span_of(table[i].word)), table[i].encoded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),    cmocka_unit_test(test_decoded),
		cmocka_unit_test(test_charset),   cmocka_unit_test(test_not_split),
		cmocka_unit_test(test_long_text), cmocka_unit_test(test_is_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
