/*
 * crlf.h - the one filter all of a message passes first: line ends become CRLF
 *
 * LF, CRLF and any mixture of both become CRLF. A CR that no LF follows becomes a blank, never
 * a line end: receivers disagree about it, and what one of them takes for a line end is how
 * messages are smuggled. A NUL is refused. A last line without an end gets one. Whatever is
 * behind this filter (hash, spill, wire) sees one form only.
 */
#ifndef MAILCHUTE_CRLF_H
#define MAILCHUTE_CRLF_H

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crlf_in {
	struct sink to;
	struct buf out; /* gathered, so that the sink gets large pieces */
	bool in_line;   /* the last line has no end yet */
	bool cr;        /* a CR whose LF may be in the next piece */
	bool keep_cr;   /* set by who judges a message and sends none: a bare CR stays one */
};

void crlf_in_init(struct crlf_in *c, struct sink to);
void crlf_in_free(struct crlf_in *c);
/* False when the sink fails (it has told its own result), or for a NUL (CAUSE_DATA in r). */
bool crlf_in_feed(struct crlf_in *c, const char *p, size_t len, struct result *r);
bool crlf_in_finish(struct crlf_in *c);

#endif
