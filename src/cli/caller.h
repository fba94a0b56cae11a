/*
 * caller.h - who runs us, and on which host
 */
#ifndef MAILCHUTE_CALLER_H
#define MAILCHUTE_CALLER_H

#include "config/conf.h"

struct caller {
	char *login;     /* of the real user, as the account database has it; never "" */
	char *full_name; /* $NAME, else the account database's; NULL without one */
	char *hostname;  /* as configured or found; NULL when this host has no name to show */
	char *domain;    /* for bare names; never "" */
};

/* Never fails; what cannot be found is made of what can. The caller frees. */
void caller_find(const struct conf *conf, struct caller *c);
void caller_free(struct caller *c);

#endif
