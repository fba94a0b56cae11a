/*
 * settings.h - the table of all settings, and what it takes to store one
 *
 * To add a setting: its member in conf.h, its row in settings.c, its rules in settle.c.
 */
#ifndef MAILCHUTE_SETTINGS_H
#define MAILCHUTE_SETTINGS_H

#include "base/buf.h"
#include "config/values.h"

#include <stdbool.h>
#include <stddef.h>

enum section { SECTION_GLOBAL, SECTION_ACCOUNT, SECTION_DKIM, SECTION_COUNT };

/* How a value is stored. */
enum setting_type {
	TYPE_STRING,
	TYPE_PATH,
	TYPE_LIST,
	TYPE_COMMAND,
	TYPE_AUTH,
	TYPE_WORD,
	TYPE_SWITCH,
	TYPE_NUMBER,
	TYPE_DURATION,
	TYPE_CANON
};

/* One of the words that a setting can be, and what it stands for. */
struct word {
	const char *text; /* NULL ends the list */
	unsigned value;
};

struct setting {
	const char *name;
	enum section section;
	size_t member; /* its offset in the section's struct */
	enum setting_type type;
	const struct value_kind *kind; /* all but TYPE_WORD and TYPE_SWITCH */
	const struct word *words;      /* these two */
};

#define SETTINGS_COUNT 50

extern const struct setting settings[];

/* NULL if there is none of this name in the section. */
const struct setting *setting_find(enum section section, const char *name);
bool setting_is_list(const struct setting *s);
bool setting_is_secret(const struct setting *s);
/* True if the text may be the setting's value, or one of a list's. */
bool setting_ok(const struct setting *s, const char *text);
/* Appends what the value may be, for an error. */
void setting_expected(const struct setting *s, struct buf *out);
/*
 * Stores `text`, for which setting_ok() was true, in its member of `base`, the section's
 * struct. For a list it is value number `n` from 0. `file` is the one that says so: paths are
 * relative to it.
 */
void setting_store(const struct setting *s, void *base, const char *text, size_t n,
		   const char *file);
/* Wipes and frees what the settings of this section own in `base`. */
void settings_free(enum section section, void *base);

#endif
