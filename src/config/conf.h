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

/* An entry of `host`, taken apart. */
struct conf_endpoint {
	enum endpoint_kind kind;
	char *name; /* host or address without the port; the domain behind "srv:"; the path */
	char *port; /* decimal; NULL but for ENDPOINT_HOST */
	enum tls_mode tls; /* settled by the entry's own port where tls is not set; a path: off */
};

/* Strings are owned by the struct conf, NULL when not set. Lists end in NULL, NULL when unset. */
struct conf_account {
	char *name;
	char *file; /* where the section stands, for errors found later */
	int line;
	char **hosts;                    /* as written */
	struct conf_endpoint *endpoints; /* settled, one for each; at least one */
	size_t n_endpoints;
	char *port;        /* of entries without one; decimal text, NULL when not set */
	enum tls_mode tls; /* as set; the endpoints have what holds */
	bool tls_set;
	enum protocol protocol;
	char *tls_ca_file;  /* NULL with tls_pins_only */
	bool tls_pins_only; /* tls_ca_file = none */
	char **tls_pin;
	char *tls_host;
	char *tls_cert_file; /* a path or a "pkcs11:" URL */
	char *tls_key_file;
	char *tls_priority;
	char *source_address;
	enum auth_mode auth; /* settled: auto with user, else off */
	char **mechanisms;   /* AUTH_LIST: upper case */
	char *user;
	char *password; /* secret */
	char *password_file;
	char **password_command; /* words, the program first */
	char *password_credential;
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
/*
 * Where what is remembered goes: cache_dir, else /var/cache/mailchute for root,
 * $XDG_CACHE_HOME/mailchute (~/.cache/mailchute) for others. The string is the caller's; NULL with
 * cache = off, or when there is no home.
 */
char *conf_cache_dir(const struct conf *c);
/* True if anybody but owner and group can read the file: worth a warning with password =. */
bool conf_world_readable(const char *path);

#endif
