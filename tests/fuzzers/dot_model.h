/*
 * dot_model.h - where the text behind DATA ends and what it says, seen all at once
 */
#ifndef MAILCHUTE_TESTS_DOT_MODEL_H
#define MAILCHUTE_TESTS_DOT_MODEL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* The length of the line end at `at`: CRLF counts always, LF alone in a session that speaks it. */
static inline size_t line_end(struct span s, size_t at, bool lf)
{
	if (at + 1 < s.len && s.p[at] == '\r' && s.p[at + 1] == '\n')
		return 2;
	return lf && at < s.len && s.p[at] == '\n' ? 1 : 0;
}

/*
 * Line by line: a dot in front is taken away, and a line of nothing else is the end if both line
 * ends around it are of one kind. The first CRLF is the end of speaking LF. Returns how much of
 * `in` was taken; *ended says whether by the end.
 */
static inline size_t model_in(struct span in, bool lf, struct buf *out, bool *ended)
{
	size_t at = 0, before = 0; /* `before`: the kind of the line end in front, 0 at the start */
	bool starts = true;

	*ended = false;
	while (at < in.len) {
		if (starts && in.p[at] == '.') {
			size_t end = line_end(in, at + 1, lf);

			if (end > 0 && (before == 0 || before == end)) {
				*ended = true;
				return at + 1 + end;
			}
			at++; /* stuffing */
		}
		starts = false;
		while (at < in.len && !starts) {
			size_t end = line_end(in, at, lf);

			if (end == 2)
				lf = false;
			starts = end > 0;
			before = end;
			buf_add(out, in.p + at, end > 0 ? end : 1);
			at += end > 0 ? end : 1;
		}
	}
	return at;
}

#endif
