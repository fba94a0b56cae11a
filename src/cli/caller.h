/*
 * caller.h - who runs us, and on which host
 */
#ifndef MAILCHUTE_CALLER_H
#define MAILCHUTE_CALLER_H

#include "config/conf.h"

#include <stdbool.h>

struct caller {
	char *login;          /* of the real user, as the account database has it; never "" */
	char *full_name;      /* $NAME, else the account database's; NULL without one */
	char *hostname;       /* as configured or found; NULL when this host has no name to show */
	char *domain;         /* for bare names; never "" */
	char *node;           /* what this host is called where somebody looks for it; never "" */
	char **local_domains; /* as configured, else localhost and hostname; NULL at the end */
};

/*
 * Never fails; what cannot be found is made of what can. A host name without a dot is looked up
 * only if `look_up`, for a few seconds at the most. The caller frees.
 */
void caller_find(const struct conf *conf, bool look_up, struct caller *c);
void caller_free(struct caller *c);
/*
 * The charset of the caller's locale, as MIME names it, for text that nobody declares and that is
 * no UTF-8; "unknown-8bit" (RFC 1428) where the locale says nothing of use. The caller frees.
 */
char *caller_charset(void);

#endif
