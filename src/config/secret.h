/*
 * secret.h - files that hold keys and passwords, and who may have access to them
 *
 * Such a file must be owned by root or by the caller (the effective user), give nothing to
 * others and no write access to its group; read access for the group is how several users
 * share one (0640).
 *
 * Each directory on the way to it from the root, those above the working directory included, must
 * be owned by root or the caller as well, and be writable by nobody else. Two
 * exceptions: a directory with the sticky bit (/tmp), where nobody can remove another's file, and
 * one that is writable by root's group or the caller's private one (of the caller's name, without
 * other members), which a umask of 002 makes. Symbolic links among the directories are followed,
 * if they are root's or the caller's; what they lead through is judged like the rest.
 *
 * In a user namespace without root, a directory that its owner alone can write to may also be of
 * the uid that stands for all who are unknown there; a file may not.
 *
 * Anything else is CAUSE_PERMISSION, with the command that mends it.
 */
#ifndef MAILCHUTE_SECRET_H
#define MAILCHUTE_SECRET_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>
#include <sys/types.h>

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
/* The whole of a file that is no secret, whoever has access to it: a certificate's. */
bool secret_read_public(const char *path, const char *what, struct buf *out, struct result *r);
/*
 * Cuts `text` to its first line, without the line's end: the password in a file, or of
 * a command. False
 * (CAUSE_CONFIG) when that is empty or holds a NUL.
 */
bool secret_first_line(struct buf *text, const char *path, const char *what, struct result *r);
/*
 * May a file of `uid` be root's, though it does not show? So it is where the user namespace, by its
 * map (/proc/self/uid_map), has neither root nor this uid, and this is the one that stands for
 * others (/proc/sys/fs/overflowuid). Both as text; "" where the system has no such thing.
 */
bool secret_hides_root(const char *map, const char *overflow, uid_t uid);

#endif
