/*
 * caller.c - who runs us, and on which host
 */
#include "cli/caller.h"

#include "base/buf.h"
#include "base/util.h"
#include "mail/idn.h"
#include "net/dial.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define NAME_LOOKUP_MS 5000
#define NAME_MAX_LEN   200

/* A login that can stand in an address as it is. */
static bool usable_login(const char *s)
{
	if (s == NULL || s[0] == '\0' || strlen(s) > 64)
		return false;
	for (; *s != '\0'; s++)
		if (!ascii_isalnum(*s) && strchr("._-+", *s) == NULL)
			return false;
	return true;
}

/*
 * The first item of the account database's comment, where '&' stands for the login with a
 * capital (passwd(5)).
 */
static char *name_of_gecos(const char *gecos, const char *login)
{
	struct buf b;

	buf_init(&b, NAME_MAX_LEN);
	for (; *gecos != '\0' && *gecos != ','; gecos++) {
		if (*gecos != '&') {
			buf_addc(&b, *gecos);
			continue;
		}
		char first = login[0];
		buf_addc(&b, first >= 'a' && first <= 'z' ? (char)(first - 'a' + 'A') : first);
		buf_adds(&b, login + 1);
	}
	if (b.len == 0 || has_control(b.p, b.len) || buf_overflowed(&b)) {
		buf_free(&b);
		return NULL;
	}
	return buf_detach(&b);
}

static void find_person(struct caller *c)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *name = getenv("NAME");

	/* Without an entry (a container's made-up uid) the environment is asked. */
	if (pw != NULL && usable_login(pw->pw_name))
		c->login = xstrdup(pw->pw_name);
	else if (usable_login(getenv("LOGNAME")))
		c->login = xstrdup(getenv("LOGNAME"));
	else
		c->login = xasprintf("uid%ld", (long)getuid());
	if (name != NULL && name[0] != '\0' && strlen(name) <= NAME_MAX_LEN &&
	    !has_control(name, strlen(name)))
		c->full_name = xstrdup(name);
	else if (pw != NULL && pw->pw_gecos != NULL)
		c->full_name = name_of_gecos(pw->pw_gecos, c->login);
}

/* In ASCII, and nothing that would break a command; NULL if it cannot be that. */
static char *usable_name(const char *name)
{
	char *ascii = NULL;

	return name != NULL && idn_to_ascii(name, &ascii) == NULL ? ascii : NULL;
}

static void find_host(const struct conf *conf, struct caller *c)
{
	char *own = conf->hostname == NULL ? dial_own_name(NAME_LOOKUP_MS) : NULL;
	char short_name[256] = "";

	c->hostname = usable_name(conf->hostname != NULL ? conf->hostname : own);
	free(own);
	c->domain = usable_name(conf->domain);
	if (c->domain == NULL && c->hostname != NULL)
		c->domain = xstrdup(c->hostname);
	if (c->domain == NULL && gethostname(short_name, sizeof short_name - 1) == 0)
		c->domain = usable_name(short_name);
	if (c->domain == NULL)
		c->domain = xstrdup("localhost");
}

void caller_find(const struct conf *conf, struct caller *c)
{
	*c = (struct caller){ .login = NULL };
	find_person(c);
	find_host(conf, c);
}

void caller_free(struct caller *c)
{
	free(c->login);
	free(c->full_name);
	free(c->hostname);
	free(c->domain);
}
