/*
 * fuzz.h - what the fuzz targets share: facts that must hold, inputs cut into pieces, files
 */
#ifndef MAILCHUTE_TESTS_FUZZ_H
#define MAILCHUTE_TESTS_FUZZ_H

#include "base/buf.h"
#include "base/util.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_OUT_MAX (64 * 1024 * 1024)

static inline void require(bool fact)
{
	if (!fact)
		abort();
}

/*
 * A text on its way in, in pieces whose lengths a byte of the input chooses: '0' for all at once,
 * '1' for byte by byte, else up to that many, counted on from '0'. Each piece is memory of its own,
 * so that reading behind its end is seen.
 */
struct pieces {
	struct span rest;
	unsigned longest;
	uint32_t random;
	char *piece;
};

static inline void pieces_init(struct pieces *c, uint8_t how, struct span text)
{
	*c = (struct pieces){ .rest = text, .longest = (uint8_t)(how - '0'), .random = how };
}

/* False at the end; the piece is good until the next call. */
static inline bool pieces_next(struct pieces *c, struct span *piece)
{
	size_t len = c->rest.len;

	free(c->piece);
	c->piece = NULL;
	if (len == 0)
		return false;
	c->random = c->random * 1103515245 + 12345;
	if (c->longest > 0 && len > c->longest)
		len = 1 + (c->random >> 16) % c->longest;
	c->piece = xmalloc(len);
	memcpy(c->piece, c->rest.p, len);
	*piece = (struct span){ c->piece, len };
	c->rest.p += len;
	c->rest.len -= len;
	return true;
}

/* Gives up before the end. */
static inline void pieces_drop(struct pieces *c)
{
	free(c->piece);
	c->piece = NULL;
}

/* A file in memory, for what is read by its name. */
struct fuzz_file {
	int fd; /* -1 before the first time */
	char path[32];
};

/* Puts `text` in the place of what was there. */
static inline void fuzz_file_put(struct fuzz_file *f, struct span text)
{
	if (f->fd < 0) {
		f->fd = memfd_create("fuzz", MFD_CLOEXEC);
		require(fchmod(f->fd, 0600) == 0);
		snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
	}
	require(f->fd >= 0 && ftruncate(f->fd, 0) == 0 && lseek(f->fd, 0, SEEK_SET) == 0);
	require(write_all(f->fd, text.p, text.len));
}

#endif
