/*
 * secret.h - files that hold keys and passwords, and who may have access to them
 *
 * Such a file must be owned by root or by the caller (the effective user), give nothing to
 * others and no write access to its group; read access for the group is how several users
 * share one (0640). Anything else is CAUSE_PERMISSION, with the command that mends it.
 */
#ifndef MAILCHUTE_SECRET_H
#define MAILCHUTE_SECRET_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>

#define SECRET_FILE_MAX (64 * 1024)

/*
 * Reads the whole file into `out`, a buffer initialised here (ceiling SECRET_FILE_MAX) that the
 * caller wipes. Opened once, without following a symbolic link at the last component, and
 * judged on the descriptor. `what` names it in an error ("key_file", "password_file").
 */
bool secret_read_file(const char *path, const char *what, struct buf *out, struct result *r);
/* The same from systemd's $CREDENTIALS_DIRECTORY; `name` is one path component. */
bool secret_read_credential(const char *name, const char *what, struct buf *out, struct result *r);
/*
 * Cuts `text` to its first line, without the line's end: a password file's password. False
 * (CAUSE_CONFIG) when that is empty or holds a NUL.
 */
bool secret_first_line(struct buf *text, const char *path, const char *what, struct result *r);

#endif
