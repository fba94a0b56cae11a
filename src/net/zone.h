/*
 * zone.h - TXT and CNAME records, and the zone files they are written in
 */
#ifndef MAILCHUTE_ZONE_H
#define MAILCHUTE_ZONE_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>

/* Names are as text, without the last dot; whoever compares them does not look at the case. */
struct zone_row {
	char *owner;
	char *target;    /* of a CNAME; NULL: TXT */
	struct buf text; /* its strings joined; any bytes */
};

struct zone {
	struct zone_row *rows;
	size_t n;
	size_t size;
};

void zone_init(struct zone *z);
void zone_free(struct zone *z);

/* Adds a record. Names are copied, the buffer's contents are taken over. */
void zone_add_txt(struct zone *z, const char *owner, struct buf *text);
void zone_add_cname(struct zone *z, const char *owner, const char *target);

/*
 * Adds the records of a zone file (RFC 1035 section 5.1): `name [ttl] [IN] TXT strings` and
 * `... CNAME name`, with comments behind ";", parentheses over several lines, "\" before a
 * character or three digits, and a blank in front for the name above. All names are absolute,
 * with or without the last dot, in ASCII. Anything else is CAUSE_CONFIG with `file` (as errors
 * call it) and line: other records and $ORIGIN too, as what they mean would be lost silently.
 */
bool zone_read(struct span text, const char *file, struct zone *z, struct result *r);

/* Where the CNAMEs lead from `name`: itself if there are none, NULL in a circle. Borrowed. */
const char *zone_follow(const struct zone *z, const char *name);
/* True if the name, or one below it, has a record. */
bool zone_has_name(const struct zone *z, const char *name);

#endif
