/*
 * spill.h - a message body of any size in constant memory
 *
 * The first SPILL_MEMORY bytes stay in memory; when more come, all move to a file in $TMPDIR
 * (else /tmp) that is unlinked at once, mode 0600, so that nothing is left behind whatever
 * happens to the process. Written once from front to back, then read as often as needed.
 */
#ifndef MAILCHUTE_SPILL_H
#define MAILCHUTE_SPILL_H

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"

#include <stdint.h>

#define SPILL_MEMORY (256 * 1024)

struct spill {
	struct buf memory; /* what is not yet, or never, in the file */
	int fd;            /* -1 while memory suffices */
	uint64_t size;     /* bytes in all */
};

void spill_init(struct spill *s);
void spill_free(struct spill *s);
/* Appends; fails with CAUSE_TEMPORARY when no file can be made or the disk is full. */
bool spill_write(struct spill *s, const char *p, size_t len, struct result *r);
/* Ends the writing: what is still in memory goes to the file, if there is one. */
bool spill_finish(struct spill *s, struct result *r);
/*
 * The whole contents, front to back, in pieces of at most 64 KiB. False when reading back
 * fails (r filled, CAUSE_TEMPORARY) or the sink does (r as the sink left it).
 */
bool spill_replay(const struct spill *s, const struct sink *to, struct result *r);

#endif
