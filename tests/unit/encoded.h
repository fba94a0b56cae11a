/*
 * encoded.h - reads encoded words of RFC 2047 as a mail reader does
 */
#ifndef MAILCHUTE_TESTS_ENCODED_H
#define MAILCHUTE_TESTS_ENCODED_H

#include "base/base64.h"
#include "base/buf.h"
#include "base/util.h"
#include "mail/word.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static inline void encoded_decode_q(struct span s, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '=') {
			assert_true(i + 2 < s.len);
			buf_addc(out, (char)((strchr(hex, s.p[i + 1]) - hex) * 16 +
					     (strchr(hex, s.p[i + 2]) - hex)));
			i += 2;
		} else {
			buf_addc(out, s.p[i] == '_' ? ' ' : s.p[i]);
		}
	}
}

/* Appends what one encoded word says; in UTF-8 that must be whole characters. */
static inline void encoded_decode_word(struct span word, struct buf *out)
{
	const char *text = word.p + 2 + strcspn(word.p + 2, "?") + 3;
	struct span code = { text, (size_t)(word.p + word.len - 2 - text) };
	size_t before = out->len;

	assert_true(word_is_encoded(word));
	assert_true(word.len <= ENCODED_WORD_MAX);
	if (text[-2] == 'Q')
		encoded_decode_q(code, out);
	else
		assert_true(base64_read(code, out));
	if (ascii_ncasecmp(word.p, "=?UTF-8?", 8) == 0)
		assert_true(is_utf8(out->p + before, out->len - before));
}

/* Appends what unstructured text says, without its folding. */
static inline void encoded_decode_text(struct span text, struct buf *out)
{
	struct buf gap;
	bool behind_encoded = false;

	buf_init(&gap, text.len);
	while (text.len > 0) {
		struct span word = { text.p, 0 };
		bool encoded;

		buf_clear(&gap);
		while (text.len > 0 && strchr(" \t\r\n", text.p[0]) != NULL) {
			if (text.p[0] == ' ' || text.p[0] == '\t')
				buf_addc(&gap, text.p[0]);
			text.p++;
			text.len--;
		}
		for (word.p = text.p; text.len > 0 && strchr(" \t\r\n", text.p[0]) == NULL;
		     text.len--) {
			text.p++;
			word.len++;
		}
		encoded = word_is_encoded(word);
		if (!encoded || !behind_encoded)
			buf_addspan(out, buf_span(&gap));
		if (encoded)
			encoded_decode_word(word, out);
		else
			buf_addspan(out, word);
		behind_encoded = encoded;
	}
	buf_free(&gap);
}

#endif
