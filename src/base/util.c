/*
 * util.c - memory that is there or the end, ASCII without a locale, files
 */
#include "base/util.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <unistd.h>

/* banned.h is not included: this is the one file that may call what it bans. */

static const char *last_words = "";

void out_of_memory_says(const char *words)
{
	last_words = words != NULL ? words : "";
}

_Noreturn void out_of_memory(void)
{
	const struct iovec line[] = {
		{ (void *)(uintptr_t) "mailchute: out of memory",
		  strlen("mailchute: out of memory") },
		{ (void *)(uintptr_t)last_words, strlen(last_words) },
		{ (void *)(uintptr_t) "\n", 1 },
	};
	ssize_t ignored = writev(STDERR_FILENO, line, 3);

	(void)ignored;
	_exit(EX_TEMPFAIL);
}

void *xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size > 0 ? size : 1);

	if (q == NULL)
		out_of_memory();
	return q;
}

void *xmalloc(size_t size)
{
	return xrealloc(NULL, size);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	if (size > 0 && n > SIZE_MAX / size)
		out_of_memory();
	return xrealloc(p, n * size);
}

char *xstrndup(const char *s, size_t len)
{
	char *copy = xmalloc(len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	return s;
}

void wipe(void *p, size_t len)
{
	if (len == 0)
		return;
	memset(p, 0, len);
	/* For all the compiler knows somebody reads it now. */
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

void wipe_free(char *s)
{
	if (s != NULL)
		wipe(s, strlen(s));
	free(s);
}

bool ascii_isalpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ascii_isdigit(char c)
{
	return c >= '0' && c <= '9';
}

bool ascii_isalnum(char c)
{
	return ascii_isalpha(c) || ascii_isdigit(c);
}

bool ascii_isblank(char c)
{
	return c == ' ' || c == '\t';
}

bool ascii_iscntrl(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

char ascii_tolower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int ascii_ncasecmp(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char x = (unsigned char)ascii_tolower(a[i]);
		unsigned char y = (unsigned char)ascii_tolower(b[i]);

		if (x != y)
			return x < y ? -1 : 1;
		if (x == '\0')
			return 0;
	}
	return 0;
}

int ascii_casecmp(const char *a, const char *b)
{
	return ascii_ncasecmp(a, b, SIZE_MAX);
}

void ascii_lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = ascii_tolower(*s);
}

bool has_control(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (ascii_iscntrl(p[i]))
			return true;
	return false;
}

bool has_8bit(const char *p, size_t len)
{
	uint64_t any = 0, word;

	for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
		memcpy(&word, p, sizeof word);
		any |= word;
	}
	for (; len > 0; p++, len--)
		any |= (unsigned char)*p & 0x80;
	return (any & UINT64_C(0x8080808080808080)) != 0;
}

/* The length of the well-formed sequence at p, 0 if there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t len)
{
	/* RFC 3629 section 4: the second octet's range depends on the first. */
	static const struct {
		unsigned char first_lo, first_hi, second_lo, second_hi;
		size_t len;
	} forms[] = {
		{ 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
		if (p[0] < forms[f].first_lo || p[0] > forms[f].first_hi)
			continue;
		if (forms[f].len > len)
			return 0;
		if (forms[f].len > 1 && (p[1] < forms[f].second_lo || p[1] > forms[f].second_hi))
			return 0;
		for (size_t i = 2; i < forms[f].len; i++)
			if ((p[i] & 0xc0) != 0x80)
				return 0;
		return forms[f].len;
	}
	return 0;
}

/* How much of the front is ASCII, in steps of a word: most of most text is. */
static size_t ascii_front(const char *p, size_t len)
{
	const uint64_t high = 0x8080808080808080;
	uint64_t word;
	size_t n = 0;

	for (; len - n >= sizeof word; n += sizeof word) {
		memcpy(&word, p + n, sizeof word);
		if ((word & high) != 0)
			break;
	}
	return n;
}

bool is_utf8(const char *p, size_t len)
{
	while (len > 0) {
		size_t ascii = ascii_front(p, len);

		p += ascii;
		len -= ascii;
		if (len == 0)
			break;

		size_t n = utf8_sequence((const unsigned char *)p, len);

		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/* Digits up to a character that is none; false for none at all, a leading zero, too large. */
static bool parse_digits(const char **s, uint64_t max, uint64_t *out)
{
	const char *p = *s;
	uint64_t n = 0;

	if (!ascii_isdigit(*p) || (p[0] == '0' && ascii_isdigit(p[1])))
		return false;
	for (; ascii_isdigit(*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (n > (max - digit) / 10 || digit > max)
			return false;
		n = n * 10 + digit;
	}
	*s = p;
	*out = n;
	return true;
}

bool parse_number(const char *s, uint64_t max, uint64_t *out)
{
	return parse_digits(&s, max, out) && *s == '\0';
}

bool parse_duration(const char *s, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	const uint64_t max_days = 36500;
	uint64_t n;

	if (!parse_digits(&s, max_days * 86400, &n) || n == 0)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strcmp(s, units[i].unit) != 0)
			continue;
		if (n > max_days * 86400 / (uint64_t)units[i].seconds)
			return false;
		*ms = (int64_t)n * units[i].seconds * 1000;
		return true;
	}
	return false;
}

bool try_again(int error, int fd, bool for_write)
{
	struct pollfd pfd = { .fd = fd, .events = for_write ? POLLOUT : POLLIN };

	if (error == EINTR)
		return true;
	if (error != EAGAIN && error != EWOULDBLOCK)
		return false;
	while (poll(&pfd, 1, -1) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

bool write_all(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && try_again(errno, fd, true))
			continue;
		if (n < 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}
