/*
 * cache.h - small private files that are kept from one run to the next, and may be lost
 *
 * A folder of mode 0700 with files of mode 0600, folder and files owned by the effective user.
 * Whatever else is found there is ignored; so is every failure: a cache that cannot be used is
 * an empty one. Two processes may use it at the same time.
 */
#ifndef MAILCHUTE_CACHE_H
#define MAILCHUTE_CACHE_H

#include "base/buf.h"

#include <stdbool.h>

#define CACHE_FILE_MAX (64 * 1024)

/*
 * The file of that name (any text: it is escaped) into `out`, which is initialised here and which
 * the caller wipes. False when there is none that can be trusted.
 */
bool cache_read(const char *dir, const char *name, struct buf *out);
/* The same, and takes it away: of several who ask at the same time one alone gets it. */
bool cache_take(const char *dir, const char *name, struct buf *out);
/* Puts it there, whole or not at all; makes the folder (not the one it is in) if need be. */
void cache_write(const char *dir, const char *name, struct span contents);
/* What was kept is not to be used again. */
void cache_drop(const char *dir, const char *name);

#endif
