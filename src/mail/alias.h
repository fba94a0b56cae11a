/*
 * alias.h - /etc/aliases: names of this host, and who reads their mail
 *
 * The syntax of sendmail's aliases(5): `name: target, target`, continued on lines that begin
 * with white space; comments from '#' at a line's beginning; names and targets may be quoted.
 * `*` stands for every local name that has no alias of its own. A target is an address, a
 * name (looked up again), `\name` (not looked up again), or `:include:/file`, a file of
 * targets. Pipes and files as targets are errors: this program runs nothing and writes no
 * mailbox. `owner-name` is an alias like any other.
 */
#ifndef MAILCHUTE_ALIAS_H
#define MAILCHUTE_ALIAS_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ALIAS_FILE_MAX (4 * 1024 * 1024)

struct alias {
	char *name;     /* lower case */
	char **targets; /* as written, without blanks around; NULL at the end */
	size_t n;
	int line;
};

struct aliases {
	char *path;
	struct alias *list; /* sorted by name */
	size_t n;
	size_t cap;
	uid_t owner; /* of the file: included files may be theirs */
};

/*
 * Reads the file. CAUSE_CONFIG names file and line; CAUSE_PERMISSION when it may not be read.
 * *out is the caller's. What the targets are is found out when they are followed.
 */
bool aliases_load(const char *path, struct aliases **out, struct result *r);
void aliases_free(struct aliases *a); /* NULL is fine */

/* CAUSE_CONFIG for a name that is there twice; the first one counts all the same. */
bool aliases_check_doubles(const struct aliases *a, struct result *r);

/*
 * The alias for a local part: its own, else without "+detail", else the catch-all; NULL when
 * there is none. Names compare without case.
 */
const struct alias *aliases_find(const struct aliases *a, const char *local);

/*
 * Reads a file of targets. It must belong to root, the caller or the alias file's owner, and
 * nobody else may be able to change it: CAUSE_PERMISSION. The targets are the caller's, to be
 * given back with alias_targets_free.
 */
bool aliases_include(const struct aliases *a, const char *path, char ***targets, size_t *n,
		     struct result *r);
void alias_targets_free(char **targets);

#endif
