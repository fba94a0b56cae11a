/*
 * paths.c - finds the configuration, and the files that it names
 */
#include "config/paths.h"

#include "base/util.h"
#include "config/conf.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif

#define PLACES_MAX 4096 /* bytes in the list of places that conf_find tells */

/* Set and not empty, which is how the XDG specification and shells have it; else NULL. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *home_dir(void)
{
	const char *home = environment("HOME");
	const struct passwd *pw;

	if (home != NULL)
		return home;
	pw = getpwuid(getuid());
	return pw != NULL && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

char *path_resolve(const char *text, const char *from)
{
	const char *slash = strrchr(from, '/');

	if (strncmp(text, "~/", 2) == 0) {
		const char *home = home_dir();

		return home != NULL ? xasprintf("%s%s", home, text + 1) : NULL;
	}
	if (text[0] == '/' || slash == NULL)
		return xstrdup(text);
	return xasprintf("%.*s/%s", (int)(slash - from), from, text);
}

/* The caller's own configuration; NULL without a home. */
static char *user_path(void)
{
	const char *xdg = environment("XDG_CONFIG_HOME");
	const char *home;

	/* a relative one is to be ignored: XDG Base Directory Specification */
	if (xdg != NULL && xdg[0] == '/')
		return xasprintf("%s/sendmail.conf", xdg);
	home = home_dir();
	return home != NULL ? xasprintf("%s/.config/sendmail.conf", home) : NULL;
}

static bool not_reached(const char *path, int error, struct result *r)
{
	bool permission = error == EACCES || error == EPERM;

	return result_fail(r, permission ? CAUSE_PERMISSION : CAUSE_CONFIG, STEP_CONFIG,
			   "%s: cannot be opened: %s", path, strerror(error));
}

/* A file that was asked for by name. */
static char *named_path(const char *path, struct result *r)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return xstrdup(path);
	not_reached(path, errno, r);
	return NULL;
}

char *conf_find(const char *option, struct result *r)
{
	const char *named = option != NULL ? option : environment("MAILCHUTE_CONFIG");
	char *places[] = { NULL, NULL };
	char *found = NULL;
	struct buf looked;

	if (named != NULL)
		return named_path(named, r);
	places[0] = user_path();
	places[1] = xstrdup(SYSCONFDIR "/sendmail.conf");
	buf_init(&looked, PLACES_MAX);
	for (size_t i = 0; i < 2 && found == NULL && !result_failed(r); i++) {
		struct stat st;

		if (places[i] == NULL)
			continue;
		buf_addf(&looked, "%s%s", looked.len > 0 ? ", " : "", places[i]);
		if (stat(places[i], &st) == 0)
			found = xstrdup(places[i]);
		else if (errno != ENOENT && errno != ENOTDIR)
			not_reached(places[i], errno, r);
	}
	if (found == NULL && !result_failed(r))
		result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
			    "no configuration file; looked for %s (--config or $MAILCHUTE_CONFIG "
			    "can name another)",
			    buf_str(&looked));
	buf_free(&looked);
	free(places[0]);
	free(places[1]);
	return found;
}

char *conf_cache_dir(const struct conf *c)
{
	const char *xdg = environment("XDG_CACHE_HOME");
	const char *home = home_dir();

	if (!c->cache)
		return NULL;
	if (c->cache_dir != NULL)
		return xstrdup(c->cache_dir);
	if (geteuid() == 0)
		return xstrdup("/var/cache/mailchute");
	if (xdg != NULL && xdg[0] == '/')
		return xasprintf("%s/mailchute", xdg);
	return home != NULL && home[0] == '/' ? xasprintf("%s/.cache/mailchute", home) : NULL;
}

bool conf_world_readable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0;
}
