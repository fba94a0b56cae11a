/*
 * conn.h - a connection: bytes out, lines in, never past a deadline
 *
 * The socket is non-blocking, and one function in conn.c waits for it. Plain text and TLS sit
 * behind the same functions of a struct transport; nothing above asks which it is.
 */
#ifndef MAILCHUTE_CONN_H
#define MAILCHUTE_CONN_H

#include "base/buf.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONN_PIECE    (16 * 1024) /* one write, and under TLS one record */
#define CONN_LINE_MAX (64 * 1024)

/* What a transport's read and write return beside a number of bytes. */
enum { IO_EOF = 0, IO_WANT_READ = -1, IO_WANT_WRITE = -2, IO_FAILED = -3, IO_REFUSED = -4 };

struct transport {
	/* At most `len` bytes; or one of IO_*; IO_FAILED, and IO_REFUSED for
	 * a peer that said no (a TLS alert), have put their words into `why`. */
	ssize_t (*read)(void *ctx, char *p, size_t len, const char **why);
	ssize_t (*write)(void *ctx, const char *p, size_t len, const char **why);
	/* Hands the kernel what write() kept back, so that it shares a flight with what follows: 0
	 * when all is gone, IO_WANT_WRITE, or IO_FAILED. NULL where nothing is ever kept. */
	ssize_t (*flush)(void *ctx, const char **why);
	/* How many bytes of the wire flush() still has; NULL as above. */
	size_t (*pending)(void *ctx);
	void *ctx;
};

struct conn {
	int fd;
	struct transport transport;
	int64_t deadline; /* of the whole submission, in clock_mono_ms() */
	int64_t until;    /* of this step, never later than that */
	enum step step;
	struct buf in; /* arrived, not taken yet */
	size_t taken;  /* of in: consumed lines, dropped when more is read */
	bool heard;    /* anything at all */
	struct buf out;
};

/* Takes the socket over; plain text until conn_set_transport. */
void conn_init(struct conn *c, int fd, int64_t deadline);
/* Closes the socket; what was not flushed is gone. */
void conn_close(struct conn *c);
void conn_set_transport(struct conn *c, struct transport t);

/* Every wait from now on belongs to this step and ends `ms` from now. */
void conn_begin_step(struct conn *c, enum step step, int64_t ms);

/* Queues bytes; writes only when CONN_PIECE bytes are together. */
bool conn_write(struct conn *c, const char *p, size_t len, struct result *r);
/* Nothing more can be written: what is queued is gone, and what may still be read is read. */
void conn_stop_writing(struct conn *c);
/* What of it has not gone to the kernel; under TLS in bytes of the wire. */
size_t conn_unsent(const struct conn *c);
/* Everything queued goes to the kernel, and with it what the transport kept back. */
bool conn_flush(struct conn *c, struct result *r);
/*
 * The next line, without CRLF (or LF), valid until the next call. CAUSE_TEMPORARY when the
 * connection ends or the deadline passes, CAUSE_PROTOCOL for a line over CONN_LINE_MAX.
 */
bool conn_read_line(struct conn *c, struct span *line, struct result *r);
/* True if bytes have arrived that nobody took. */
bool conn_has_input(const struct conn *c);

/*
 * Waits until the socket can be read (or written) or the step's time is over, which is
 * CAUSE_TEMPORARY. The one place of a session that waits for the network.
 */
bool conn_wait(struct conn *c, bool for_write, struct result *r);

#endif
