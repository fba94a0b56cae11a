/*
 * dsn.h - the values of RFC 3461's parameters, wherever they come from
 */
#ifndef MAILCHUTE_DSN_H
#define MAILCHUTE_DSN_H

#include "base/buf.h"

#include <stdbool.h>

#define DSN_ENVID_MAX 100 /* characters, section 4.4 */
#define DSN_ORCPT_MAX 500 /* section 4.2 */

/* NOTIFY: NEVER alone, or a list of SUCCESS, FAILURE, DELAY; any case (section 4.1). */
bool dsn_notify_ok(const char *value);
/* RET: FULL or HDRS, any case (section 4.3). */
bool dsn_ret_ok(const char *value);
/* xtext (section 4) of at most `max` octets, and not empty. */
bool dsn_xtext_ok(const char *value, size_t max);
/* Printable text as xtext. */
void dsn_write_xtext(const char *text, struct buf *out);

#endif
