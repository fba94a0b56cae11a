/*
 * idn.c - domain names as the wire wants them
 */
#include "mail/idn.h"

#include "base/util.h"

#include <idn2.h>
#include <stdbool.h>
#include <string.h>

#include "base/banned.h"

#define DOMAIN_MAX 255 /* RFC 5321 section 4.5.3.1.2 */
#define LABEL_MAX  63  /* RFC 1035 section 2.3.4 */

static const char *check_literal(const char *s)
{
	size_t len = strlen(s);

	if (len < 3 || s[len - 1] != ']')
		return "its address literal is not closed";
	for (size_t i = 1; i < len - 1; i++)
		if (!ascii_isalnum(s[i]) && s[i] != ':' && s[i] != '.')
			return "its address literal holds a character that is none of an address";
	return NULL;
}

static const char *check_ascii(const char *s)
{
	size_t label = 0;

	if (strlen(s) > DOMAIN_MAX)
		return "its domain is longer than 255 octets";
	for (; *s != '\0'; s++) {
		if (*s == '.') {
			if (label == 0)
				return "its domain has an empty label";
			label = 0;
			continue;
		}
		if (!ascii_isalnum(*s) && *s != '-' && *s != '_')
			return "its domain holds a character that no host name has";
		if (++label > LABEL_MAX)
			return "a label of its domain is longer than 63 octets";
	}
	return label == 0 ? "its domain has an empty label" : NULL;
}

const char *idn_to_ascii(const char *domain, char **out)
{
	const char *why;
	char *ascii = NULL;

	if (domain[0] == '[') {
		why = check_literal(domain);
	} else if (!has_8bit(domain, strlen(domain))) {
		why = check_ascii(domain);
	} else {
		int rc = idn2_to_ascii_8z(domain, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

		if (rc == IDN2_MALLOC)
			out_of_memory();
		why = rc == IDN2_OK ? check_ascii(ascii) : idn2_strerror(rc);
	}
	if (why == NULL)
		*out = xstrdup(ascii != NULL ? ascii : domain);
	idn2_free(ascii);
	return why;
}
