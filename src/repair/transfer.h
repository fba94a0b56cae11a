/*
 * transfer.h - content-transfer-encodings (RFC 2045 section 6) as filters
 *
 * Each is fed the content of one entity, with CRLF line ends, in pieces of any size, and pushes
 * what may travel anywhere: US-ASCII, lines of at most 76 octets (998 for TRANSFER_PATCH_QP).
 * The last line need not end in CRLF: the break in front of a boundary is not the content's.
 */
#ifndef MAILCHUTE_REPAIR_TRANSFER_H
#define MAILCHUTE_REPAIR_TRANSFER_H

#include "base/sink.h"

#include <stdbool.h>
#include <stddef.h>

enum transfer {
	TRANSFER_NONE,   /* the bytes as they are */
	TRANSFER_QP,     /* plain content becomes quoted-printable */
	TRANSFER_BASE64, /* plain content becomes base64 */
	/*
	 * Content that claims to be quoted-printable already: octets beyond ASCII become =XX, and
	 * lines that would pass 998 octets get a soft break, never within =XX. The rest stays.
	 */
	TRANSFER_PATCH_QP,
	/*
	 * Content that claims to be base64 already: what is none of its characters is dropped, as a
	 * decoder does (RFC 2045 section 6.8), and the lines are made anew.
	 */
	TRANSFER_PATCH_BASE64
};

#define TRANSFER_HELD 80
#define TRANSFER_OUT  4096

/* Opaque but for its size. */
struct transfer_out {
	enum transfer kind;
	struct sink to;
	char held[TRANSFER_HELD]; /* what the next piece decides about */
	size_t n_held;
	char out[TRANSFER_OUT]; /* what the sink has yet to be given */
	size_t n_out;
	size_t column; /* octets of the line being written */
	bool soft;     /* a soft break began that line */
	bool ok;
};

void transfer_init(struct transfer_out *t, enum transfer kind, struct sink to);
/*
 * False when the sink fails. In quoted-printable a blank at the end of a line or of the content,
 * a dot alone on a line, "From " and "--" at the beginning of a line made here are encoded too:
 * no line of the result begins with "--", so none can be a boundary (RFC 2049 section 3).
 */
bool transfer_feed(struct transfer_out *t, const char *p, size_t len);
/* The end of the content. What comes out ends in a line break only where the content did; base64
 * never does. */
bool transfer_finish(struct transfer_out *t);

/* As Content-Transfer-Encoding has it; NULL where the label stays. Static. */
const char *transfer_label(enum transfer kind);

#endif
