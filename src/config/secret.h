/*
 * secret.h - files that hold keys and passwords, and who may have access to them
 *
 * Such a file must be owned by root or by the caller (the effective user), give nothing to
 * others and no write access to its group; read access for the group is how several users
 * share one (0640).
 *
 * Each directory on the way to it, from the root or, for a relative path, from the working
 * directory on, must be owned by root or the caller as well, and be writable by nobody else. Two
 * exceptions: a directory with the sticky bit (/tmp), where nobody can remove another's file, and
 * one that is writable by root's group or the caller's private one (of the caller's name, without
 * other members), which a umask of 002 makes. Symbolic links among the directories are followed,
 * if they are root's or the caller's; what they lead through is judged like the rest.
 *
 * Anything else is CAUSE_PERMISSION, with the command that mends it.
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
 * judged on the descriptor, as are the directories. `what` names it in an error ("key_file",
 * "password_file").
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
