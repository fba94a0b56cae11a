/*
 * spill.c - a message body of any size in constant memory
 */
#include "base/spill.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define REPLAY_PIECE (64 * 1024)

void spill_init(struct spill *s)
{
	*s = (struct spill){ .fd = -1 };
	buf_init(&s->memory, SPILL_MEMORY);
}

void spill_free(struct spill *s)
{
	buf_free(&s->memory);
	if (s->fd >= 0)
		close(s->fd);
	spill_init(s);
}

static bool open_file(struct spill *s, struct result *r)
{
	const char *dir = getenv("TMPDIR");
	char *path;

	if (dir == NULL || dir[0] == '\0')
		dir = "/tmp";
	path = xasprintf("%s/mailchute.XXXXXX", dir);
	s->fd = mkostemp(path, O_CLOEXEC); /* 0600 by POSIX, whatever the umask */
	if (s->fd < 0)
		result_fail(r, CAUSE_TEMPORARY, STEP_INPUT,
			    "cannot make a temporary file in %s for a large message: %s "
			    "(set TMPDIR to a directory with room)",
			    dir, strerror(errno));
	else
		unlink(path);
	free(path);
	return s->fd >= 0;
}

/* What memory holds goes to the file. */
static bool flush(struct spill *s, struct result *r)
{
	if (s->fd < 0 && !open_file(s, r))
		return false;
	if (!write_all(s->fd, s->memory.p, s->memory.len))
		return result_fail(r, CAUSE_TEMPORARY, STEP_INPUT,
				   "cannot write the message to a temporary file: %s "
				   "(set TMPDIR to a directory with room)",
				   strerror(errno));
	buf_clear(&s->memory);
	return true;
}

bool spill_write(struct spill *s, const char *p, size_t len, struct result *r)
{
	while (len > 0) {
		size_t room = SPILL_MEMORY - s->memory.len;
		size_t n = len < room ? len : room;

		if (n == 0) {
			if (!flush(s, r))
				return false;
			continue;
		}
		buf_add(&s->memory, p, n);
		s->size += n;
		p += n;
		len -= n;
	}
	return true;
}

bool spill_finish(struct spill *s, struct result *r)
{
	return s->fd < 0 || flush(s, r);
}

static bool replay_file(const struct spill *s, const struct sink *to, struct result *r)
{
	char *piece = xmalloc(REPLAY_PIECE);
	uint64_t at = 0;
	bool ok = true;

	while (ok && at < s->size) {
		ssize_t n = pread(s->fd, piece, REPLAY_PIECE, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ok = result_fail(r, CAUSE_TEMPORARY, STEP_BODY,
					 "cannot read the message back from its temporary file: %s",
					 n < 0 ? strerror(errno) : "it is shorter than it was");
		} else {
			at += (uint64_t)n;
			ok = sink_write(to, piece, (size_t)n);
		}
	}
	free(piece);
	return ok;
}

bool spill_replay(const struct spill *s, const struct sink *to, struct result *r)
{
	if (s->fd >= 0)
		return replay_file(s, to, r);
	return sink_write(to, s->memory.p, s->memory.len);
}
