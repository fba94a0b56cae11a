/*
 * path.h - MAIL and RCPT as clients write them: a path and its parameters
 */
#ifndef MAILCHUTE_PATH_H
#define MAILCHUTE_PATH_H

#include "base/buf.h"

#include <stdbool.h>

/* One parameter of RFC 5321 section 4.1.2, KEYWORD or KEYWORD=value; value is "" without one. */
struct parameter {
	char keyword[32]; /* upper case */
	const char *value;
};

#define PARAMETERS_MAX 8

struct path {
	char *address; /* with its angle brackets, as it came */
	char *text;    /* what the parameters' values point into */
	struct parameter parameters[PARAMETERS_MAX];
	size_t n;
};

/*
 * Takes "FROM:<a@b> SIZE=10" apart; `word` is "FROM" or "TO". Blanks around the colon and an
 * address without brackets are understood. NULL, or static words for what is wrong; path_free is
 * due in either case.
 */
const char *path_parse(struct span text, const char *word, struct path *p);
void path_free(struct path *p);
/* NULL if there is none. */
const char *path_parameter(const struct path *p, const char *keyword);

#endif
