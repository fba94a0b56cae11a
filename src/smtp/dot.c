/*
 * dot.c - dot-stuffing
 */
#include "smtp/dot.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"

void dot_out_init(struct dot_out *d, struct sink to)
{
	*d = (struct dot_out){ .to = to };
}

bool dot_out_feed(struct dot_out *d, const char *p, size_t len)
{
	size_t sent = 0, at = 0;

	/* Runs without a dot at a line's beginning go out in one piece. */
	while (at < len) {
		if (!d->mid_line && p[at] == '.') {
			if (!sink_write(&d->to, p + sent, at - sent) || !sink_write(&d->to, ".", 1))
				return false;
			sent = at;
		}
		const char *lf = memchr(p + at, '\n', len - at);
		d->mid_line = lf == NULL;
		at = lf != NULL ? (size_t)(lf - p) + 1 : len;
	}
	return sink_write(&d->to, p + sent, len - sent);
}

bool dot_out_finish(struct dot_out *d)
{
	assert(!d->mid_line);
	return sink_write(&d->to, ".\r\n", 3);
}
