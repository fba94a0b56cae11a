/*
 * alias.c - /etc/aliases: names of this host, and who reads their mail
 */
#include "mail/alias.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

/* Where an error is told to be. */
struct place {
	const char *path;
	int line;
};

static bool wrong(const struct place *at, struct result *r, const char *what)
{
	return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: %s", at->path, at->line, what);
}

/* --- files --- */

static bool read_all(int fd, const char *path, struct buf *text, struct result *r)
{
	char piece[16 * 1024];
	ssize_t n;

	buf_init(text, ALIAS_FILE_MAX);
	while ((n = read(fd, piece, sizeof piece)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s", path,
					   strerror(errno));
		buf_add(text, piece, (size_t)n);
	}
	if (buf_overflowed(text))
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: larger than %d bytes", path,
				   ALIAS_FILE_MAX);
	return true;
}

/*
 * What an included file says, its owner says: it must be root, the caller, or whoever owns the
 * alias file, and nobody else may be able to change it.
 */
static bool is_safe(const struct stat *st, uid_t owner)
{
	return (st->st_uid == 0 || st->st_uid == geteuid() || st->st_uid == owner) &&
	       (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* `owner` NULL: the alias file itself; else the one whose owner an included file may have. */
static bool read_file(const char *path, uid_t *owner, bool included, struct buf *text,
		      struct result *r)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool ok;

	buf_init(text, ALIAS_FILE_MAX);
	if (fd < 0 || fstat(fd, &st) != 0)
		ok = result_fail(r, errno == EACCES ? CAUSE_PERMISSION : CAUSE_CONFIG, STEP_CONFIG,
				 "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		ok = result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: not a regular file", path);
	else if (included && !is_safe(&st, *owner))
		ok = result_fail(
			r, CAUSE_PERMISSION, STEP_CONFIG,
			"%s: others can change this included file (chmod go-w '%s', and it "
			"must belong to root or you)",
			path, path);
	else
		ok = read_all(fd, path, text, r);
	if (ok && !included)
		*owner = st.st_uid;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* --- the left-hand side --- */

/* Cuts `name:` off the front of the line; quotes and backslashes are undone, case too. */
static char *take_name(struct span *line, const struct place *at, struct result *r)
{
	struct buf name;
	bool quoted = false;
	size_t i = 0;

	buf_init(&name, ALIAS_FILE_MAX);
	for (; i < line->len && (quoted || line->p[i] != ':'); i++) {
		if (line->p[i] == '"')
			quoted = !quoted;
		else if (line->p[i] == '\\' && i + 1 < line->len)
			buf_addc(&name, line->p[++i]);
		else if (quoted || !ascii_isblank(line->p[i]))
			buf_addc(&name, line->p[i]);
	}
	if (i == line->len || quoted || name.len == 0) {
		buf_free(&name);
		wrong(at, r, "no `name: targets` (continued lines begin with white space)");
		return NULL;
	}
	*line = (struct span){ line->p + i + 1, line->len - i - 1 };
	char *text = buf_detach(&name);
	ascii_lower(text);
	return text;
}

/* --- the right-hand side --- */

/* Cuts the next target off: up to a comma outside quotes, comments and angle brackets. */
static bool next_target(struct span *rest, struct span *target)
{
	bool quoted = false;
	int depth = 0;
	size_t i = 0;

	if (rest->len == 0)
		return false;
	for (; i < rest->len; i++) {
		char c = rest->p[i];

		if (c == '\\' && i + 1 < rest->len)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '(' || c == '<'))
			depth++;
		else if (!quoted && (c == ')' || c == '>') && depth > 0)
			depth--;
		else if (!quoted && depth == 0 && c == ',')
			break;
	}
	*target = span_trim((struct span){ rest->p, i });
	i += i < rest->len ? 1 : 0;
	rest->p += i;
	rest->len -= i;
	return true;
}

static void add_targets(struct span rest, char ***targets, size_t *n)
{
	struct span target;

	while (next_target(&rest, &target)) {
		if (target.len == 0)
			continue;
		*targets = xreallocarray(*targets, *n + 2, sizeof(char *));
		(*targets)[(*n)++] = xstrndup(target.p, target.len);
		(*targets)[*n] = NULL;
	}
}

/* --- the file --- */

static int by_name(const void *a, const void *b)
{
	const struct alias *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : x->line - y->line;
}

static bool take_alias(struct aliases *a, struct span line, const struct place *at,
		       struct result *r)
{
	char *name = take_name(&line, at, r);
	struct alias *alias;

	if (name == NULL)
		return false;
	if (a->n == a->cap) {
		a->cap = a->cap > 0 ? 2 * a->cap : 32;
		a->list = xreallocarray(a->list, a->cap, sizeof a->list[0]);
	}
	alias = &a->list[a->n++];
	*alias = (struct alias){ .name = name, .line = at->line };
	add_targets(line, &alias->targets, &alias->n);
	if (alias->n == 0)
		return wrong(at, r, "an alias without a target");
	return true;
}

/* Cuts one physical line off, without its end; false when there is no more. */
static bool next_line(struct span *text, struct span *line)
{
	const char *end;
	size_t len;

	if (text->len == 0)
		return false;
	end = memchr(text->p, '\n', text->len);
	len = end != NULL ? (size_t)(end - text->p) : text->len;
	*line = (struct span){ text->p, len };
	len += end != NULL ? 1 : 0;
	text->p += len;
	text->len -= len;
	return true;
}

static bool is_idle(struct span line)
{
	struct span trimmed = span_trim(line);

	return trimmed.len == 0 || trimmed.p[0] == '#';
}

/* Joins continued lines and takes each alias in. */
static bool parse(struct aliases *a, struct span text, struct result *r)
{
	struct place at = { a->path, 0 }, next = { a->path, 0 };
	struct buf logical;
	struct span line;
	bool ok = true;

	buf_init(&logical, ALIAS_FILE_MAX);
	while (ok && next_line(&text, &line)) {
		next.line++;
		if (is_idle(line))
			continue;
		if (memchr(line.p, '\0', line.len) != NULL)
			ok = wrong(&next, r, "a NUL byte");
		else if (ascii_isblank(line.p[0]) && logical.len > 0)
			buf_addspan(&logical, line);
		else {
			if (logical.len > 0)
				ok = take_alias(a, buf_span(&logical), &at, r);
			buf_clear(&logical);
			buf_addspan(&logical, line);
			at = next;
		}
	}
	if (ok && logical.len > 0)
		ok = take_alias(a, buf_span(&logical), &at, r);
	buf_free(&logical);
	return ok;
}

bool aliases_load(const char *path, struct aliases **out, struct result *r)
{
	struct aliases *a = xcalloc(1, sizeof *a);
	struct buf text;

	a->path = xstrdup(path);
	bool ok = read_file(path, &a->owner, false, &text, r) && parse(a, buf_span(&text), r);
	buf_free(&text);
	if (ok && a->n > 0)
		qsort(a->list, a->n, sizeof a->list[0], by_name);
	if (ok)
		*out = a;
	else
		aliases_free(a);
	return ok;
}

void alias_targets_free(char **targets)
{
	for (char **t = targets; t != NULL && *t != NULL; t++)
		free(*t);
	free(targets);
}

void aliases_free(struct aliases *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n; i++) {
		free(a->list[i].name);
		alias_targets_free(a->list[i].targets);
	}
	free(a->list);
	free(a->path);
	free(a);
}

/* Of several aliases of one name, the first in the file. */
static const struct alias *find_exact(const struct aliases *a, const char *name)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(a->list[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < a->n && strcmp(a->list[low].name, name) == 0 ? &a->list[low] : NULL;
}

bool aliases_check_doubles(const struct aliases *a, struct result *r)
{
	for (size_t i = 1; i < a->n; i++) {
		const struct alias *alias = &a->list[i];

		if (strcmp(alias->name, alias[-1].name) == 0)
			return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
					   "%s:%d: the alias %s is there already, at line %d",
					   a->path, alias->line, alias->name, alias[-1].line);
	}
	return true;
}

const struct alias *aliases_find(const struct aliases *a, const char *local)
{
	char *name = xstrdup(local);
	const struct alias *found;
	char *plus;

	ascii_lower(name);
	found = find_exact(a, name);
	plus = strchr(name, '+');
	if (found == NULL && plus != NULL && plus != name) {
		*plus = '\0';
		found = find_exact(a, name);
	}
	free(name);
	return found != NULL ? found : find_exact(a, "*");
}

bool aliases_include(const struct aliases *a, const char *path, char ***targets, size_t *n,
		     struct result *r)
{
	uid_t owner = a->owner;
	struct span rest, line;
	struct buf text;
	bool ok = read_file(path, &owner, true, &text, r);

	*targets = NULL;
	*n = 0;
	rest = buf_span(&text);
	while (ok && next_line(&rest, &line)) {
		if (memchr(line.p, '\0', line.len) != NULL)
			ok = result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: a NUL byte", path);
		else if (!is_idle(line))
			add_targets(line, targets, n);
	}
	buf_free(&text);
	return ok;
}
