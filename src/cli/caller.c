/*
 * caller.c - who runs us, and on which host
 */
#include "cli/caller.h"

#include "base/buf.h"
#include "base/util.h"
#include "mail/idn.h"
#include "mail/word.h"
#include "net/dial.h"

#include <langinfo.h>
#include <locale.h>
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
	if (s[0] == '.' || s[strlen(s) - 1] == '.' || strstr(s, "..") != NULL)
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

/* Addresses there are names of this host. */
static void find_local_domains(const struct conf *conf, struct caller *c)
{
	static char localhost[] = "localhost";
	char *standard[] = { localhost, c->hostname, NULL };
	char **from = conf->local_domains != NULL ? conf->local_domains : standard;
	size_t n = 0;

	while (from[n] != NULL)
		n++;
	c->local_domains = xcalloc(n + 1, sizeof c->local_domains[0]);
	for (size_t i = 0; i < n; i++)
		c->local_domains[i] = xstrdup(from[i]);
}

static void find_host(const struct conf *conf, bool look_up, struct caller *c)
{
	char *own = conf->hostname == NULL ? dial_own_name(look_up ? NAME_LOOKUP_MS : 0) : NULL;
	char short_name[256] = "";

	c->hostname = usable_name(conf->hostname != NULL ? conf->hostname : own);
	free(own);
	c->domain = usable_name(conf->domain);
	if (c->domain == NULL && c->hostname != NULL)
		c->domain = xstrdup(c->hostname);
	if (gethostname(short_name, sizeof short_name - 1) == 0)
		c->node = usable_name(short_name);
	if (c->domain == NULL)
		c->domain = xstrdup(c->node != NULL ? c->node : "localhost");
	if (c->hostname != NULL || c->node == NULL) {
		free(c->node);
		c->node = xstrdup(c->hostname != NULL ? c->hostname : c->domain);
	}
}

void caller_find(const struct conf *conf, bool look_up, struct caller *c)
{
	*c = (struct caller){ .login = NULL };
	find_person(c);
	find_host(conf, look_up, c);
	find_local_domains(conf, c);
}

char *caller_charset(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	const char *name = locale != (locale_t)0 ? nl_langinfo_l(CODESET, locale) : "";
	bool usable = word_charset_usable(name);
	char *charset;

	/* CP1252 is the C library's word, windows-1252 MIME's. */
	if (usable && ascii_ncasecmp(name, "CP125", strlen("CP125")) == 0)
		charset = xasprintf("windows-%s", name + strlen("CP"));
	else
		charset = xstrdup(usable ? name : CHARSET_UNKNOWN);
	if (locale != (locale_t)0)
		freelocale(locale);
	return charset;
}

void caller_free(struct caller *c)
{
	free(c->login);
	free(c->full_name);
	free(c->hostname);
	free(c->domain);
	free(c->node);
	for (char **d = c->local_domains; d != NULL && *d != NULL; d++)
		free(*d);
	free(c->local_domains);
}
