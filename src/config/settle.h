/*
 * settle.h - what must hold between the settings of a section, and the defaults that follow
 *
 * Used by conf.c once a section, or the whole configuration, has been read. What is wrong is
 * CAUSE_CONFIG with the place of the section, and says what would be right.
 */
#ifndef MAILCHUTE_SETTLE_H
#define MAILCHUTE_SETTLE_H

#include "config/conf.h"

/* Where a setting was given; file is NULL when it was not. */
struct place {
	char *file;
	int line;
};

/* `a` as it was read: it has no endpoints yet, its mechanisms may be "AUTO". */
bool settle_account(struct conf_account *a, struct result *r);
bool settle_dkim(struct conf_dkim *d, struct result *r);
/* The global settings; `log` and `default_account` are where those were given. */
bool settle_conf(const struct conf *c, const struct place *log, const struct place *default_account,
		 struct result *r);

#endif
