/*
 * dsn.c - the values of RFC 3461's parameters
 */
#include "smtp/dsn.h"

#include "base/util.h"

#include <string.h>

#include "base/banned.h"

bool dsn_notify_ok(const char *value)
{
	static const char *const words[] = { "success", "failure", "delay" };
	const char *p = value;

	if (ascii_casecmp(value, "never") == 0)
		return true;
	for (;;) {
		size_t len = strcspn(p, ",");
		bool known = false;

		for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
			known = known ||
				(len == strlen(words[i]) && ascii_ncasecmp(p, words[i], len) == 0);
		if (!known || p[len] == '\0')
			return known;
		p += len + 1;
	}
}

bool dsn_ret_ok(const char *value)
{
	return ascii_casecmp(value, "full") == 0 || ascii_casecmp(value, "hdrs") == 0;
}

static bool is_hex(char c)
{
	return ascii_isdigit(c) || (c >= 'A' && c <= 'F');
}

bool dsn_xtext_ok(const char *value, size_t max)
{
	if (value[0] == '\0' || strlen(value) > max)
		return false;
	for (const char *p = value; *p != '\0'; p++) {
		if (*p < '!' || *p > '~' || *p == '=')
			return false;
		if (*p == '+' && (!is_hex(p[1]) || !is_hex(p[2])))
			return false;
	}
	return true;
}

void dsn_write_xtext(const char *text, struct buf *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '+' || *text == '=' || *text == ' ')
			buf_addf(out, "+%02X", (unsigned)*text);
		else
			buf_addc(out, *text);
	}
}
