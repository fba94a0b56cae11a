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

/* Octets of the character in front; a byte where the charset is not known. */
static size_t character(struct span s, bool utf8)
{
	size_t len = 1;

	while (utf8 && len < s.len && ((unsigned char)s.p[len] & 0xc0) == 0x80)
		len++;
	return len;
}

/* As much of the front of `s` as is at most `room` octets when encoded; whole characters. */
static struct span fitting(struct span s, char encoding, bool utf8, size_t room)
{
	struct span front = { s.p, 0 };
	size_t q = 0;

	while (front.len < s.len) {
		struct span rest = { s.p + front.len, s.len - front.len };
		size_t len = character(rest, utf8);

		q += q_size((struct span){ rest.p, len });
		if ((encoding == 'Q' ? q : b_size(front.len + len)) > room)
			break;
		front.len += len;
	}
	return front;
}

/* token of RFC 2047 section 2, without what nobody has in a charset's name. */
static bool is_charset(const char *s)
{
	size_t len = 0;

	while (ascii_isalnum(s[len]) || (s[len] != '\0' && strchr("-_+", s[len]) != NULL))
		len++;
	return len > 0 && len <= CHARSET_LEN_MAX && s[len] == '\0';
}

const char *word_charset(struct span text, const char *charset)
{
	if (is_utf8(text.p, text.len))
		return "UTF-8";
	return is_charset(charset) && ascii_casecmp(charset, "UTF-8") != 0 ? charset
									   : CHARSET_UNKNOWN;
}

void word_encode_within(struct span s, const char *charset, size_t max, struct buf *out)
{
	bool utf8 = is_utf8(s.p, s.len);
	const char *name = word_charset(s, charset);
	char encoding = b_size(s.len) < q_size(s) ? 'B' : 'Q';
	size_t frame = strlen(name) + strlen("=?"
					     "?Q?"
					     "?=");

	if (max < ENCODED_WORD_MIN)
		max = ENCODED_WORD_MIN;
	while (s.len > 0) {
		struct span part = fitting(s, encoding, utf8, max - frame);

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
