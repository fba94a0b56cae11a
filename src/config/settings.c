/*
 * settings.c - the table of all settings, and what it takes to store one
 */
#include "config/settings.h"

#include "base/util.h"
#include "config/conf.h"
#include "config/paths.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* A TYPE_WORD is stored as an unsigned int, which is what compilers take for these enums. */
_Static_assert(sizeof(enum tls_mode) == sizeof(unsigned), "the size of an enum");

static const struct word on_off[] = { { "on", true }, { "off", false }, { NULL, 0 } };
static const struct word yes_no[] = { { "yes", true }, { "no", false }, { NULL, 0 } };
static const struct word partials[] = { { "deliver", PARTIAL_DELIVER },
					{ "abort", PARTIAL_ABORT },
					{ NULL, 0 } };
static const struct word log_kinds[] = {
	{ "syslog", LOG_TO_SYSLOG }, { "file", LOG_TO_FILE }, { "off", LOG_TO_NOTHING }, { NULL, 0 }
};
static const struct word formats[] = { { "text", FORMAT_TEXT },
				       { "json", FORMAT_JSON },
				       { NULL, 0 } };
static const struct word policies[] = {
	{ "starttls", TLS_STARTTLS }, { "implicit", TLS_IMPLICIT }, { "off", TLS_OFF }, { NULL, 0 }
};
static const struct word protocols[] = { { "smtp", PROTOCOL_SMTP },
					 { "lmtp", PROTOCOL_LMTP },
					 { NULL, 0 } };
static const struct word families[] = {
	{ "any", IP_ANY }, { "4", IP_4 }, { "6", IP_6 }, { NULL, 0 }
};

static const struct word rewrites[] = { { "local", REWRITE_LOCAL },
					{ "never", REWRITE_NEVER },
					{ "always", REWRITE_ALWAYS },
					{ NULL, 0 } };

static const struct word utf8_modes[] = {
	{ "auto", UTF8_AUTO }, { "yes", UTF8_YES }, { "no", UTF8_NO }, { NULL, 0 }
};

#define GLOBAL(member)  SECTION_GLOBAL, offsetof(struct conf, member)
#define ACCOUNT(member) SECTION_ACCOUNT, offsetof(struct conf_account, member)
#define DKIM(member)    SECTION_DKIM, offsetof(struct conf_dkim, member)

/* clang-format off */
const struct setting settings[] = {
	{ "hostname",            GLOBAL(hostname),             TYPE_STRING,   &kind_name,       NULL },
	{ "domain",              GLOBAL(domain),               TYPE_STRING,   &kind_name,       NULL },
	{ "local_domains",       GLOBAL(local_domains),        TYPE_LIST,     &kind_name,       NULL },
	{ "aliases",             GLOBAL(aliases),              TYPE_PATH,     &kind_path,       NULL },
	{ "default_account",     GLOBAL(default_account),      TYPE_STRING,   &kind_text,       NULL },
	{ "deadline",            GLOBAL(deadline_ms),          TYPE_DURATION, &kind_duration,   NULL },
	{ "partial",             GLOBAL(partial),              TYPE_WORD,     NULL,             partials },
	{ "tempfail_status",     GLOBAL(tempfail_status),      TYPE_NUMBER,   &kind_status,     NULL },
	{ "log",                 GLOBAL(log),                  TYPE_WORD,     NULL,             log_kinds },
	{ "log_file",            GLOBAL(log_file),             TYPE_PATH,     &kind_path,       NULL },
	{ "log_format",          GLOBAL(log_format),           TYPE_WORD,     NULL,             formats },
	{ "cache",               GLOBAL(cache),                TYPE_SWITCH,   NULL,             on_off },
	{ "cache_dir",           GLOBAL(cache_dir),            TYPE_PATH,     &kind_path,       NULL },

	{ "host",                ACCOUNT(hosts),               TYPE_LIST,     &kind_endpoint,   NULL },
	{ "port",                ACCOUNT(port),                TYPE_STRING,   &kind_port,       NULL },
	{ "tls",                 ACCOUNT(tls),                 TYPE_WORD,     NULL,             policies },
	{ "protocol",            ACCOUNT(protocol),            TYPE_WORD,     NULL,             protocols },
	{ "tls_ca_file",         ACCOUNT(tls_ca_file),         TYPE_PATH,     &kind_trust,      NULL },
	{ "tls_pin",             ACCOUNT(tls_pin),             TYPE_LIST,     &kind_pin,        NULL },
	{ "tls_host",            ACCOUNT(tls_host),            TYPE_STRING,   &kind_host,       NULL },
	{ "tls_cert_file",       ACCOUNT(tls_cert_file),       TYPE_PATH,     &kind_cert,       NULL },
	{ "tls_key_file",        ACCOUNT(tls_key_file),        TYPE_PATH,     &kind_cert,       NULL },
	{ "tls_priority",        ACCOUNT(tls_priority),        TYPE_STRING,   &kind_text,       NULL },
	{ "auth",                ACCOUNT(mechanisms),          TYPE_AUTH,     &kind_mechanism,  NULL },
	{ "user",                ACCOUNT(user),                TYPE_STRING,   &kind_text,       NULL },
	{ "password",            ACCOUNT(password),            TYPE_STRING,   &kind_secret,     NULL },
	{ "password_file",       ACCOUNT(password_file),       TYPE_PATH,     &kind_path,       NULL },
	{ "password_command",    ACCOUNT(password_command),    TYPE_COMMAND,  &kind_command,    NULL },
	{ "password_credential", ACCOUNT(password_credential), TYPE_STRING,   &kind_component,  NULL },
	{ "senders",             ACCOUNT(senders),             TYPE_LIST,     &kind_pattern,    NULL },
	{ "from",                ACCOUNT(from),                TYPE_STRING,   &kind_address,    NULL },
	{ "rewrite_from",        ACCOUNT(rewrite_from),        TYPE_WORD,     NULL,             rewrites },
	{ "smtputf8",            ACCOUNT(smtputf8),            TYPE_WORD,     NULL,             utf8_modes },
	{ "repair",              ACCOUNT(repair),              TYPE_SWITCH,   NULL,             on_off },
	{ "dkim",                ACCOUNT(dkim),                TYPE_SWITCH,   NULL,             on_off },
	{ "dkim_required",       ACCOUNT(dkim_required),       TYPE_SWITCH,   NULL,             yes_no },
	{ "ip",                  ACCOUNT(ip),                  TYPE_WORD,     NULL,             families },
	{ "source_address",      ACCOUNT(source_address),      TYPE_STRING,   &kind_ip_address, NULL },
	{ "discard",             ACCOUNT(discard),             TYPE_SWITCH,   NULL,             on_off },
	{ "divert_to",           ACCOUNT(divert_to),           TYPE_LIST,     &kind_address,    NULL },

	{ "domain",              DKIM(domain),                 TYPE_STRING,   &kind_name,       NULL },
	{ "selector",            DKIM(selector),               TYPE_STRING,   &kind_name,       NULL },
	{ "key_file",            DKIM(key_file),               TYPE_PATH,     &kind_path,       NULL },
	{ "key_credential",      DKIM(key_credential),         TYPE_STRING,   &kind_component,  NULL },
	{ "canonicalization",    DKIM(header_canon),           TYPE_CANON,    &kind_canon,      NULL },
	{ "headers",             DKIM(headers),                TYPE_LIST,     &kind_field,      NULL },
	{ "oversign",            DKIM(oversign),               TYPE_LIST,     &kind_field,      NULL },
	{ "identity",            DKIM(identity),               TYPE_STRING,   &kind_identity,   NULL },
	{ "expire",              DKIM(expire_ms),              TYPE_DURATION, &kind_duration,   NULL },
	{ "subdomains",          DKIM(subdomains),             TYPE_SWITCH,   NULL,             on_off },
};
/* clang-format on */
_Static_assert(sizeof settings / sizeof settings[0] == SETTINGS_COUNT, "rows of the table");

const struct setting *setting_find(enum section section, const char *name)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (settings[i].section == section && strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

bool setting_is_secret(const struct setting *s)
{
	return s->kind == &kind_secret;
}

bool setting_is_list(const struct setting *s)
{
	return s->type == TYPE_LIST || s->type == TYPE_COMMAND || s->type == TYPE_AUTH;
}

static const struct word *find_word(const struct word *words, const char *text)
{
	for (; words->text != NULL; words++)
		if (strcmp(words->text, text) == 0)
			return words;
	return NULL;
}

/* Of a word that setting_ok() has found. */
static unsigned value_of(const struct word *words, const char *text)
{
	const struct word *w = find_word(words, text);

	assert(w != NULL);
	return w->value;
}

bool setting_ok(const struct setting *s, const char *text)
{
	return s->kind != NULL ? s->kind->ok(text) : find_word(s->words, text) != NULL;
}

/* The new last value of a list that had `n`; it becomes the list's. */
static void store_in_list(char ***list, size_t n, char *value)
{
	*list = xreallocarray(*list, n + 2, sizeof **list);
	(*list)[n] = value;
	(*list)[n + 1] = NULL;
}

/* A path, unless it is a word or a URL that the setting takes as well. */
static char *path_of(const struct setting *s, const char *text, const char *file)
{
	bool itself = s->kind == &kind_trust ? strcmp(text, "none") == 0
					     : s->kind == &kind_cert && value_is_url(text);

	return itself ? xstrdup(text) : path_resolve(text, file);
}

/* There is no shell that would: a program's path is resolved, its arguments are not. */
static char *command_word(const char *text, size_t n, const char *file)
{
	return n == 0 && strchr(text, '/') != NULL ? path_resolve(text, file) : xstrdup(text);
}

void setting_store(const struct setting *s, void *base, const char *text, size_t n,
		   const char *file)
{
	void *member = (char *)base + s->member;
	uint64_t number;
	unsigned value;

	switch (s->type) {
	case TYPE_STRING:
		*(char **)member = xstrdup(text);
		break;
	case TYPE_PATH:
		*(char **)member = path_of(s, text, file);
		break;
	case TYPE_LIST:
		store_in_list(member, n, xstrdup(text));
		break;
	case TYPE_COMMAND:
		store_in_list(member, n, command_word(text, n, file));
		break;
	case TYPE_AUTH:
		store_in_list(member, n, xstrdup(value_mechanism(text)));
		break;
	case TYPE_WORD:
		value = value_of(s->words, text);
		memcpy(member, &value, sizeof value);
		break;
	case TYPE_SWITCH:
		*(bool *)member = value_of(s->words, text) != 0;
		break;
	case TYPE_NUMBER:
		parse_number(text, INT32_MAX, &number);
		*(int *)member = (int)number;
		break;
	case TYPE_DURATION:
		parse_duration(text, member);
		break;
	case TYPE_CANON: {
		struct conf_dkim *d = base;

		value_canon(text, &d->header_canon, &d->body_canon);
		break;
	}
	}
}

static void free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		wipe_free(list[i]);
	free(list);
}

void settings_free(enum section section, void *base)
{
	for (const struct setting *s = settings; s < settings + SETTINGS_COUNT; s++) {
		void *member = (char *)base + s->member;

		if (s->section != section)
			continue;
		if (setting_is_list(s))
			free_list(*(char ***)member);
		else if (s->type == TYPE_STRING || s->type == TYPE_PATH)
			wipe_free(*(char **)member);
	}
}

/* "starttls, implicit or off" */
void setting_expected(const struct setting *s, struct buf *out)
{
	if (s->kind != NULL) {
		buf_adds(out, s->kind->expected);
		return;
	}
	for (const struct word *w = s->words; w->text != NULL; w++) {
		if (w > s->words)
			buf_adds(out, w[1].text != NULL ? ", " : " or ");
		buf_adds(out, w->text);
	}
}
