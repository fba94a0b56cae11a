/*
 * content.h - what the header of a MIME entity says about its content, RFC 2045 sections 5, 6
 */
#ifndef MAILCHUTE_REPAIR_CONTENT_H
#define MAILCHUTE_REPAIR_CONTENT_H

#include "base/buf.h"
#include "mail/header.h"

#include <stdbool.h>

#define BOUNDARY_MAX 200 /* octets; RFC 2046 allows 70 */

enum content_encoding {
	CONTENT_7BIT, /* also where nothing is said */
	CONTENT_8BIT,
	CONTENT_BINARY,
	CONTENT_QP,
	CONTENT_BASE64,
	CONTENT_UNKNOWN /* something of its own, such as x-uuencode */
};

struct content {
	char *type;       /* "text/plain", lower case; NULL when there is none that can be read */
	char *boundary;   /* in ASCII; NULL when there is none that can be used */
	char *charset;    /* as it stands there, or NULL */
	bool has_charset; /* there is one, in whatever form, readable or not */
	enum content_encoding encoding;
	bool has_type_field;
	bool has_encoding_field;
	bool has_version_field;
};

/* Reads the first field of each name. content_free is due. */
void content_read(const struct header *h, struct content *c);
void content_free(struct content *c);
/* Is the type this one, "multipart/" standing for all that begin so? */
bool content_is(const struct content *c, const char *type);
/*
 * True if both headers tell the same type, boundary and encoding. Repairing a field that only
 * resembles one could change what it says, and with it the structure of all below.
 */
bool content_same(const struct header *a, const struct header *b);
/* The position of the first field of this name, h->n without one. */
size_t content_find(const struct header *h, const char *name);

#endif
