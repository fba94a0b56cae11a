/*
 * conf.h - sendmail.conf as a struct; conf.c is the only file that knows libconfuse
 *
 * Every value is checked when it is read: what stands here is usable as it is, or conf_load
 * has failed with file, line and setting. One table in settings.c has a row a setting; to add
 * one, add its member here and its row there, and what it must agree with to settle.c.
 */
#ifndef MAILCHUTE_CONF_H
#define MAILCHUTE_CONF_H

#include "base/buf.h"
#include "base/log.h"
#include "base/policy.h"
#include "base/result.h"
#include "dkim/canon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_FILE_MAX (1024 * 1024)

enum conf_partial { PARTIAL_DELIVER, PARTIAL_ABORT };

/* Strings are owned by the struct conf, NULL when not set. Lists end in NULL, NULL when unset. */
struct conf_account {
	char *name;
	char *file; /* where the section stands, for errors found later */
	int line;
	char *host;        /* without the port */
	char *port;        /* decimal text; "587", "465" or "25" when not set, after tls */
	enum tls_mode tls; /* settled: implicit for port 465 */
	bool tls_set;
	char *tls_ca_file;
	char *tls_host;
	enum auth_mode auth; /* settled: auto with user, else off */
	char **mechanisms;   /* AUTH_LIST: upper case */
	char *user;
	char *password; /* secret */
	char *password_file;
	char **senders;
	char *from;
	enum rewrite_mode rewrite_from;
	bool dkim;
	bool dkim_required;
	enum utf8_mode smtputf8;
	bool repair;
	enum ip_family ip;
	bool discard;
	char **divert_to;
};

struct conf_dkim {
	char *name;
	char *file;
	int line;
	char *domain; /* lower case; the section's name when not set */
	char *selector;
	char *key_file;
	char *key_credential;
	enum canon header_canon; /* canonicalization: "relaxed" alone is relaxed/simple */
	enum canon body_canon;
	char **headers;
	char **oversign;
	char *identity;
	int64_t expire_ms;
	bool subdomains;
};

struct conf {
	char *path;     /* the file that was read */
	char *hostname; /* as set, or NULL: the caller finds it out */
	char *domain;
	char **local_domains;
	char *aliases; /* NULL: /etc/aliases, if it exists */
	char *default_account;
	int64_t deadline_ms;
	enum conf_partial partial;
	int tempfail_status; /* 75 unless set */
	enum log_kind log;
	char *log_file;
	enum log_format log_format;
	bool cache;
	char *cache_dir;
	struct conf_account *accounts;
	size_t n_accounts;
	struct conf_dkim *dkims;
	size_t n_dkims;
};

/*
 * Which file: `option` (--config) if not NULL, else $MAILCHUTE_CONFIG, else
 * $XDG_CONFIG_HOME/sendmail.conf (~/.config/sendmail.conf, home from the password database
 * when $HOME is unset), else SYSCONFDIR/sendmail.conf. The first two must exist when they are
 * given, of the others the first that exists is taken. NULL and r (CAUSE_CONFIG, a line that
 * says where it looked) when there is none; one that is there and cannot be reached is not
 * passed over (CAUSE_PERMISSION where that is why). The string is the caller's.
 */
char *conf_find(const char *option, struct result *r);

/* Reads and checks the file; on success *out is the caller's, for conf_free. */
bool conf_load(const char *path, struct conf **out, struct result *r);
/* Both: the file is found, read and checked. */
bool conf_find_and_load(const char *option, struct conf **out, struct result *r);
/* NULL is fine. Secrets are wiped. */
void conf_free(struct conf *c);
/* True if anybody but owner and group can read the file: worth a warning with password =. */
bool conf_world_readable(const char *path);

#endif
