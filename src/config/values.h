/*
 * values.h - what the value of a setting may be
 *
 * Values come as text, whatever they mean: nothing is octal, nothing is cut. An empty value
 * never is one, and beside a password none holds a control character.
 */
#ifndef MAILCHUTE_VALUES_H
#define MAILCHUTE_VALUES_H

#include "base/buf.h"
#include "base/policy.h"
#include "dkim/canon.h"

#include <stdbool.h>

struct value_kind {
	const char *expected; /* completes "..., expected" */
	bool (*ok)(const char *text);
};

extern const struct value_kind kind_text;
extern const struct value_kind kind_secret;    /* anything on one line */
extern const struct value_kind kind_path;      /* a leading ~/ needs a home */
extern const struct value_kind kind_trust;     /* a path, or "none" */
extern const struct value_kind kind_cert;      /* a path, or what value_is_url takes */
extern const struct value_kind kind_command;   /* a word; the first may be a path */
extern const struct value_kind kind_component; /* a file name without a directory */
extern const struct value_kind kind_name;      /* a host or domain name, see value_is_name */
extern const struct value_kind kind_endpoint;  /* see value_endpoint */
extern const struct value_kind kind_host;      /* a name or an address, without a port */
extern const struct value_kind kind_ip_address;
extern const struct value_kind kind_port;
extern const struct value_kind kind_pin;       /* "sha256:" and 64 hexadecimal digits */
extern const struct value_kind kind_mechanism; /* see value_mechanism */
extern const struct value_kind kind_pattern;
extern const struct value_kind kind_address;  /* local@domain */
extern const struct value_kind kind_identity; /* DKIM's i=: the local part may be missing */
extern const struct value_kind kind_field;    /* a header field's name */
extern const struct value_kind kind_canon;    /* see value_canon */
extern const struct value_kind kind_duration;
extern const struct value_kind kind_status; /* an exit status but 0 */

/*
 * Labels of letters, digits, "-" and "_", or of UTF-8 beyond ASCII, with dots between them;
 * lengths as in RFC 1035 section 2.3.4 for ASCII. No dot at the end.
 */
bool value_is_name(struct span text);
/*
 * A smart host: "name", "name:port", an IPv4 or IPv6 address, "[IPv6]", "[IPv6]:port",
 * "srv:domain" or "/path" of a Unix domain socket. The spans borrow from `text`; the name is
 * without brackets and "srv:", the port has p == NULL if there is none. False if it is none of
 * these.
 */
bool value_endpoint(const char *text, enum endpoint_kind *kind, struct span *name,
		    struct span *port);
/* A PKCS#11 URL (RFC 7512), in the place of a path. */
bool value_is_url(const char *text);
/* "AUTO", "OFF" or a mechanism this program can do, from text in any case; NULL otherwise. */
const char *value_mechanism(const char *text);
/* True if the mechanism of this name shows password or token to whom can read the session. */
bool value_shows_secret(const char *mechanism);
/* RFC 6376 section 3.5, c=: "header/body", or "header" alone, which means "header/simple". */
bool value_canon(const char *text, enum canon *header, enum canon *body);

#endif
