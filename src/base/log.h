/*
 * log.h - one line per message for the administrator, in syslog or a file
 *
 * Logging that fails never changes the outcome: nothing here reports an error.
 */
#ifndef MAILCHUTE_LOG_H
#define MAILCHUTE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_kind { LOG_TO_SYSLOG, LOG_TO_FILE, LOG_TO_NOTHING };
enum log_format { FORMAT_TEXT, FORMAT_JSON };

/* Borrowed. */
struct log_target {
	enum log_kind kind;
	enum log_format format;
	const char *file; /* LOG_TO_FILE */
	const char *tag;  /* the program's name in the log */
};

struct log_pair {
	const char *key;
	const char *value; /* any bytes; NULL leaves the pair out */
};

/*
 * Writes the pairs as one line: `key=value` with quotes where needed, or a JSON object. syslog
 * gets it with facility mail, priority err if `failed`, else info; a file gets the time in
 * front (in JSON as "time"), is made with mode 0600, and is written with one write().
 */
void log_write(const struct log_target *to, bool failed, const struct log_pair *pairs, size_t n);

#endif
