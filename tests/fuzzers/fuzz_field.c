/*
 * fuzz_field.c - a header field made fit to travel is one, and says what it said
 *
 * The first byte picks what is allowed and the field's name, the others are the field from its
 * colon on, without the CRLF at its end.
 */
#include "repair/field.h"

#include "base/util.h"
#include "mail/addr.h"
#include "mail/word.h"
#include "repair/fold.h"

#include <stdlib.h>
#include <string.h>

#define OUT_MAX (8 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
	"Subject",
	"To",
	"From",
	"Content-Type",
	"Content-Disposition",
	"References",
	"Cc",
	"X-Y",
	"X-A-name-that-is-so-long-that-little-is-left-of-its-line",
	"Errors-To",
	"Received",
};

static const char *const charsets[] = { CHARSET_UNKNOWN, "ISO-8859-15", "EUC-JP", "X:Y" };

static void expect(bool good)
{
	if (!good)
		abort();
}

/* What message_read() never lets through. */
static bool can_come(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\0')
			return false;
		if (p[i] == '\r' && !(len - i > 2 && p[i + 1] == '\n' && ascii_isblank(p[i + 2])))
			return false;
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			return false;
	}
	return true;
}

static void expect_one_field(struct span f)
{
	expect(f.len > 2 && memcmp(f.p + f.len - 2, "\r\n", 2) == 0);
	expect(can_come(f.p, f.len - 2));
}

/* A line that an encoded word is in is short, where white space allows. */
static void expect_short_lines(struct span f)
{
	while (f.len > 0) {
		size_t len = (size_t)((const char *)memchr(f.p, '\n', f.len) - f.p) + 1;
		struct span line = { f.p, len - 2 };
		struct span rest = span_trim(line);

		expect(line.len <= LINE_OCTETS_MAX);
		while (line.len > 76 && rest.len > ENCODED_WORD_MAX) {
			struct span word = rest;

			for (word.len = 0; word.len < rest.len && !ascii_isblank(rest.p[word.len]);)
				word.len++;
			expect(word.len > ENCODED_WORD_MAX || !word_is_encoded(word));
			rest.p += word.len;
			rest.len -= word.len;
			rest = span_trim(rest);
		}
		f.p += len;
		f.len -= len;
	}
}

static struct span value_of(struct span f)
{
	const char *colon = memchr(f.p, ':', f.len);

	return (struct span){ colon + 1, (size_t)(f.p + f.len - 2 - colon - 1) };
}

static bool can_be_read(struct span value)
{
	struct addr_list list;
	struct mailbox m;
	enum addr_next got;

	addr_list_init(&list, value);
	while ((got = addr_next(&list, &m)) == ADDR_MAILBOX)
		mailbox_free(&m);
	return got == ADDR_END;
}

/* Where the list before can be read, the one after holds the same mailboxes. */
static void expect_same_mailboxes(struct span before, struct span after)
{
	struct addr_list a, b;
	struct mailbox m, n;

	if (!can_be_read(before))
		return;
	addr_list_init(&a, before);
	addr_list_init(&b, after);
	while (addr_next(&a, &m) == ADDR_MAILBOX) {
		expect(addr_next(&b, &n) == ADDR_MAILBOX);
		expect(strcmp(m.local, n.local) == 0);
		expect((m.domain == NULL) == (n.domain == NULL));
		if (m.domain != NULL && !has_8bit(m.domain, strlen(m.domain)))
			expect(strcmp(m.domain, n.domain) == 0);
		if (m.name != NULL && !has_8bit(m.name, strlen(m.name)) &&
		    strchr(m.name, '[') == NULL)
			expect(n.name != NULL && strcmp(m.name, n.name) == 0);
		mailbox_free(&m);
		mailbox_free(&n);
	}
	expect(addr_next(&b, &n) == ADDR_END);
}

/* Where the quoted string or comment that begins at `at` ends, or the text when it does not. */
static size_t end_of_inside(struct span s, size_t at)
{
	const bool quoted = s.p[at] == '"';
	size_t depth = 1;

	for (at++; at < s.len && depth > 0; at++) {
		if (s.p[at] == '\\')
			at++;
		else if (s.p[at] == (quoted ? '"' : ')'))
			depth--;
		else if (!quoted && s.p[at] == '(')
			depth++;
	}
	return at < s.len ? at : s.len;
}

/* What is neither white space nor within a quoted string, comment or encoded word. */
static void add_outside(struct span s, const char *only, struct buf *to)
{
	for (size_t at = 0; at < s.len;) {
		struct span word = { s.p + at, 0 };

		if (s.p[at] == '"' || s.p[at] == '(') {
			at = end_of_inside(s, at);
			continue;
		}
		while (at + word.len < s.len && strchr(" \t\r\n,;:<>\"(", word.p[word.len]) == NULL)
			word.len++;
		if (word.len == 0)
			word.len = 1;
		at += word.len;
		for (size_t i = 0; i < word.len && !word_is_encoded(word); i++)
			if (strchr(" \t\r\n", word.p[i]) == NULL &&
			    (only == NULL || strchr(only, word.p[i]) != NULL))
				buf_addc(to, word.p[i]);
	}
}

/*
 * Nothing comes out of quoted strings and comments: what is outside of them was there before, in
 * the same order. A list that can be read may get other domains, but no other structure.
 */
static void expect_none_escaped(struct span before, struct span after)
{
	const char *only = can_be_read(before) ? "<>@,;:" : NULL;
	struct buf was, is;
	size_t found = 0;

	buf_init(&was, OUT_MAX);
	buf_init(&is, OUT_MAX);
	add_outside(before, only, &was);
	add_outside(after, only, &is);
	for (size_t i = 0; i < was.len && found < is.len; i++)
		found += was.p[i] == is.p[found];
	expect(found == is.len);
	buf_free(&was);
	buf_free(&is);
}

static void check(struct span field, bool utf8, const char *charset)
{
	enum field_id id = field_id_of((struct span){
		field.p, (size_t)((const char *)memchr(field.p, ':', field.len) - field.p) });
	size_t name_len = (size_t)(value_of(field).p - field.p);
	struct result r = RESULT_OK;
	struct buf out, again;
	struct span made;

	buf_init(&out, OUT_MAX);
	buf_init(&again, OUT_MAX);
	if (field_repair(field, utf8, charset, &out, &r)) {
		made = buf_span(&out);
		expect(!result_failed(&r));
		expect_one_field(made);
		expect(memcmp(made.p, field.p, name_len) == 0);
		expect(!field_is_wrong(made, utf8));
		expect(utf8 ? is_utf8(made.p, made.len) : !has_8bit(made.p, made.len));
		if (field_is_wrong(field, utf8))
			expect_short_lines(made);
		else
			expect(span_eq(field, made));
		if ((field_traits(id) & TRAIT_ADDRESS) != 0)
			expect_same_mailboxes(value_of(field), value_of(made));
		if ((field_traits(id) & TRAIT_ADDRESS) != 0 || field.p[0] == 'E')
			expect_none_escaped(value_of(field), value_of(made));
		expect(field_repair(made, utf8, charset, &again, &r));
		expect(span_eq(made, buf_span(&again)));
	} else {
		expect(result_failed(&r) && r.text != NULL);
		expect(field_is_wrong(field, utf8));
	}
	result_free(&r);
	buf_free(&out);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t n = sizeof names / sizeof names[0];
	struct buf field;

	if (size < 1)
		return 0;
	buf_init(&field, OUT_MAX);
	buf_adds(&field, names[(data[0] >> 3) % n]);
	buf_addc(&field, ':');
	buf_add(&field, data + 1, size - 1);
	if (can_come(field.p, field.len)) {
		buf_adds(&field, "\r\n");
		check(buf_span(&field), (data[0] & 1) != 0, charsets[data[0] >> 1 & 3]);
	}
	buf_free(&field);
	return 0;
}
