/*
 * word.c - encoded words
 */
#include "mail/word.h"

#include "base/base64.h"
#include "base/util.h"

#include <string.h>

#include "base/banned.h"

#define ENCODED_WORD_MIN 40 /* leaves room for a character, whatever its charset is called */
#define CHARSET_LEN_MAX  20

/* RFC 2047 section 5 rule (3): what stands for itself in a phrase; a blank is "_". */
static bool q_is_plain(char c)
{
	return ascii_isalnum(c) || (c != '\0' && strchr("!*+-/ ", c) != NULL);
}

static size_t q_size(struct span s)
{
	size_t size = 0;

	for (size_t i = 0; i < s.len; i++)
		size += q_is_plain(s.p[i]) ? 1 : 3;
	return size;
}

static void q_write(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == ' ')
			buf_addc(out, '_');
		else if (q_is_plain(s.p[i]))
			buf_addc(out, s.p[i]);
		else
			buf_addf(out, "=%02X", (unsigned int)(unsigned char)s.p[i]);
	}
}

static size_t b_size(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* How long the character in front is, in octets; it may end behind the text. */

static size_t utf8_character(struct span s)
{
	size_t len = 1;

	while (len < s.len && ((unsigned char)s.p[len] & 0xc0) == 0x80)
		len++;
	return len;
}

static size_t single_octet(struct span s)
{
	(void)s;
	return 1;
}

static size_t double_octet(struct span s)
{
	return (unsigned char)s.p[0] > 0x80 ? 2 : 1;
}

static size_t euc_jp_character(struct span s)
{
	return (unsigned char)s.p[0] == 0x8f ? 3 : double_octet(s);
}

/*
 * Charsets whose octets encoded words may hold as they come: ASCII is ASCII in them, and where a
 * character ends is seen from the octets. "*" stands for any end.
 */
static const struct charset {
	const char *name;
	size_t (*character)(struct span s);
} charsets[] = {
	{ "iso-8859-*", single_octet }, { "windows-125*", single_octet },
	{ "cp125*", single_octet },     { "koi8-*", single_octet },
	{ "mac*", single_octet },       { "gb2312", double_octet },
	{ "gbk", double_octet },        { "big5", double_octet },
	{ "euc-kr", double_octet },     { "ks_c_5601-1987", double_octet },
	{ "euc-jp", euc_jp_character },
};

static const struct charset utf8_charset = { "UTF-8", utf8_character };
static const struct charset unknown_charset = { CHARSET_UNKNOWN, single_octet };

static bool is_called(const char *name, const char *pattern)
{
	size_t len = strcspn(pattern, "*");

	return pattern[len] == '*' ? ascii_ncasecmp(name, pattern, len) == 0
				   : ascii_casecmp(name, pattern) == 0;
}

/* token of RFC 2047 section 2, without what nobody has in a charset's name. */
static bool is_token(const char *s)
{
	size_t len = 0;

	while (ascii_isalnum(s[len]) || s[len] == '-' || s[len] == '_')
		len++;
	return len <= CHARSET_LEN_MAX && s[len] == '\0';
}

static const struct charset *charset_of(struct span text, const char *name)
{
	if (is_utf8(text.p, text.len))
		return &utf8_charset;
	for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++)
		if (is_called(name, charsets[i].name) && is_token(name))
			return &charsets[i];
	return &unknown_charset;
}

const char *word_charset(struct span text, const char *charset)
{
	const struct charset *c = charset_of(text, charset);

	return c == &utf8_charset || c == &unknown_charset ? c->name : charset;
}

bool word_charset_usable(const char *charset)
{
	const struct span no_utf8 = { "\xff", 1 };

	return charset_of(no_utf8, charset) != &unknown_charset;
}

/* As much of the front of `s` as is at most `room` octets when encoded; whole characters. */
static struct span fitting(struct span s, char encoding, const struct charset *charset, size_t room)
{
	struct span front = { s.p, 0 };
	size_t q = 0;

	while (front.len < s.len) {
		struct span rest = { s.p + front.len, s.len - front.len };
		size_t len = charset->character(rest);

		if (len > rest.len)
			len = rest.len;
		q += q_size((struct span){ rest.p, len });
		if ((encoding == 'Q' ? q : b_size(front.len + len)) > room)
			break;
		front.len += len;
	}
	return front;
}

void word_encode_within(struct span s, const char *charset, size_t max, struct buf *out)
{
	const struct charset *found = charset_of(s, charset);
	const char *name = word_charset(s, charset);
	char encoding = b_size(s.len) < q_size(s) ? 'B' : 'Q';
	size_t frame = strlen(name) + strlen("=?"
					     "?Q?"
					     "?=");

	if (max < ENCODED_WORD_MIN)
		max = ENCODED_WORD_MIN;
	while (s.len > 0) {
		struct span part = fitting(s, encoding, found, max - frame);

		buf_addf(out, "=?%s?%c?", name, encoding);
		if (encoding == 'Q')
			q_write(part, out);
		else
			base64_write(part.p, part.len, out);
		buf_adds(out, "?=");
		s.p += part.len;
		s.len -= part.len;
		if (s.len > 0)
			buf_addc(out, ' ');
	}
}

void word_encode(struct span text, const char *charset, struct buf *out)
{
	word_encode_within(text, charset, ENCODED_WORD_MAX, out);
}

/* Octets in front of the next question mark; false without one. */
static bool up_to_mark(struct span *rest, size_t *len)
{
	const char *mark = memchr(rest->p, '?', rest->len);

	if (mark == NULL)
		return false;
	*len = (size_t)(mark - rest->p);
	rest->p += *len + 1;
	rest->len -= *len + 1;
	return true;
}

/* Longer ones than RFC 2047 allows count: readers decode them. */
bool word_is_encoded(struct span word)
{
	struct span rest = word;
	size_t len;

	if (word.len < 2 || memcmp(word.p, "=?", 2) != 0 || has_8bit(word.p, word.len) ||
	    has_control(word.p, word.len))
		return false;
	rest.p += 2;
	rest.len -= 2;
	if (!up_to_mark(&rest, &len) || len == 0)
		return false;
	if (!up_to_mark(&rest, &len) || len != 1 || strchr("BbQq", rest.p[-2]) == NULL)
		return false;
	return rest.len >= 2 && memcmp(rest.p + rest.len - 2, "?=", 2) == 0;
}
