/*
 * test_base64.c - RFC 4648's vectors, every byte, and what is no base64
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/buf.h"

#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void vectors(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} rows[] = {
		/* RFC 4648 section 10 */
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		/* the last two digits, and high bytes */
		{ "\xfb\xef\xbe\xff\xff\xff", "++++////" },
		{ "\x80", "gA==" },
		/* longer than a line of MIME: never folded */
		{ "0123456789012345678901234567890123456789012345678901234567890123456789",
		  "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"
		  "MDEyMzQ1Njc4OQ==" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&out);
		base64_write(rows[i].bytes, strlen(rows[i].bytes), &out);
		assert_string_equal(buf_str(&out), rows[i].text);
		buf_clear(&out);
		assert_true(base64_read(span_of(rows[i].text), &out));
		assert_string_equal(buf_str(&out), rows[i].bytes);
	}
	buf_free(&out);
}

static void there_and_back(void **state)
{
	unsigned char bytes[256];
	struct buf text, back;

	(void)state;
	buf_init(&text, 1000);
	buf_init(&back, 1000);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(255 - i);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		buf_clear(&text);
		buf_clear(&back);
		base64_write(bytes, len, &text);
		assert_int_equal(text.len, (len + 2) / 3 * 4);
		assert_true(base64_read(buf_span(&text), &back));
		assert_true(span_eq(buf_span(&back), (struct span){ (char *)bytes, len }));
	}
	buf_free(&text);
	buf_free(&back);
}

static void malformed(void **state)
{
	static const char *const rows[] = {
		/* length */
		"Z",
		"Zg",
		"Zg=",
		"Zm9vY",
		"Zm9v=",
		/* padding where none belongs */
		"=",
		"====",
		"Z===",
		"=Zg=",
		"Z=g=",
		"Zg=v",
		"Zg==Zg==",
		"Zm9v====",
		"Zg==Zm9v",
		/* characters outside of the alphabet */
		"Zm9 ",
		" Zm9",
		"Zm\nv",
		"Zm9v\r\n",
		"Zm-_",
		"Zm.v",
		"Zm9\x80",
		"Zm\xc3\xa4",
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (base64_read(span_of(rows[i]), &out))
			fail_msg("\"%s\"", rows[i]);
	assert_false(base64_read((struct span){ "Zm9\0", 4 }, &out));
	assert_false(base64_read((struct span){ "\0\0\0\0", 4 }, &out));
	assert_true(base64_read((struct span){ NULL, 0 }, &out));
	buf_free(&out);
}

/* As programs less strict write it, and receivers read it. */
static void bits_that_stand_for_nothing(void **state)
{
	static const char *const rows[] = { "Zg==", "Zh==", "Zv==" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out;

		buf_init(&out, 1000);
		assert_true(base64_read(span_of(rows[i]), &out));
		assert_string_equal(buf_str(&out), "f");
		buf_free(&out);
	}
}

static void unfolded(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 8);
	base64_unfold(span_of(" Z\tm\r\n 9\nv"), &out);
	assert_string_equal(buf_str(&out), "Zm9v");
	base64_unfold((struct span){ NULL, 0 }, &out);
	base64_unfold(span_of(" \t\r\n \t"), &out);
	assert_string_equal(buf_str(&out), "Zm9v");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),   cmocka_unit_test(there_and_back),
		cmocka_unit_test(malformed), cmocka_unit_test(bits_that_stand_for_nothing),
		cmocka_unit_test(unfolded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
