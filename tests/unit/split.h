/*
 * split.h - feeds a filter or parser whole, byte by byte, and cut in two at every offset
 *
 * Carry-over state between two pieces is where such code goes wrong; a test hands its feeding
 * function to each_split() and so never forgets a cut.
 */
#ifndef MAILCHUTE_TESTS_SPLIT_H
#define MAILCHUTE_TESTS_SPLIT_H

#include <stddef.h>

/*
 * One run over an input: begin() makes fresh state, feed() is called for each piece in order,
 * end() finishes and asserts what must have come out.
 */
struct split_run {
	void (*begin)(void *ctx);
	void (*feed)(void *ctx, const char *p, size_t len);
	void (*end)(void *ctx);
	void *ctx;
};

static inline void split_pieces(const struct split_run *run, const char *p, size_t len,
				size_t first, size_t rest)
{
	run->begin(run->ctx);
	if (first > 0)
		run->feed(run->ctx, p, first);
	for (size_t at = first; at < len; at += rest)
		run->feed(run->ctx, p + at, len - at < rest ? len - at : rest);
	run->end(run->ctx);
}

static inline void each_split(const struct split_run *run, const char *p, size_t len)
{
	split_pieces(run, p, len, len, 1);
	split_pieces(run, p, len, 0, 1);
	for (size_t cut = 1; cut < len; cut++)
		split_pieces(run, p, len, cut, len);
}

#endif
