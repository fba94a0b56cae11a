/*
 * conn.c - a connection: bytes out, lines in, never past a deadline
 */
#include "net/conn.h"

#include "base/clock.h"
#include "base/util.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

static ssize_t outcome_of(ssize_t n, ssize_t again, const char **why)
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return again;
	*why = strerror(errno);
	return IO_FAILED;
}

static ssize_t plain_read(void *ctx, char *p, size_t len, const char **why)
{
	const struct conn *c = ctx;

	return outcome_of(recv(c->fd, p, len, 0), IO_WANT_READ, why);
}

static ssize_t plain_write(void *ctx, const char *p, size_t len, const char **why)
{
	const struct conn *c = ctx;

	return outcome_of(send(c->fd, p, len, MSG_NOSIGNAL), IO_WANT_WRITE, why);
}

void conn_init(struct conn *c, int fd, int64_t deadline)
{
	*c = (struct conn){ .fd = fd, .deadline = deadline, .until = deadline };
	c->transport = (struct transport){ .read = plain_read, .write = plain_write, .ctx = c };
	buf_init(&c->in, CONN_LINE_MAX + CONN_PIECE);
	buf_init(&c->out, CONN_PIECE);
	buf_reserve(&c->out, CONN_PIECE); /* a secret in it is never moved */
}

void conn_close(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_free(&c->in);
	buf_wipe(&c->out);
}

void conn_set_transport(struct conn *c, struct transport t)
{
	c->transport = t;
}

void conn_begin_step(struct conn *c, enum step step, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	c->step = step;
	c->until = until < c->deadline ? until : c->deadline;
}

bool conn_wait(struct conn *c, bool for_write, struct result *r)
{
	struct pollfd pfd = { .fd = c->fd, .events = for_write ? POLLOUT : POLLIN };

	for (;;) {
		int64_t left = c->until - clock_mono_ms();
		int n = left > 0 ? poll(&pfd, 1, left < INT_MAX ? (int)left : INT_MAX) : 0;

		if (n > 0)
			return true;
		if (n == 0)
			return result_fail(
				r, CAUSE_TEMPORARY, c->step, "the server took too long%s",
				c->until == c->deadline ? " (`deadline` in the configuration)"
							: "");
		if (errno != EINTR)
			return result_fail(r, CAUSE_TEMPORARY, c->step, "cannot wait: %s",
					   strerror(errno));
	}
}

/*
 * What a read or write came to: 1 go on with n bytes, 0 try again after waiting, -1 failed.
 */
static int settle(struct conn *c, ssize_t n, const char *why, struct result *r)
{
	if (n > 0)
		return 1;
	if (n == IO_WANT_READ || n == IO_WANT_WRITE)
		return conn_wait(c, n == IO_WANT_WRITE, r) ? 0 : -1;
	if (n == IO_EOF)
		why = "the server closed the connection";
	if (n == IO_REFUSED) {
		result_fail(r, CAUSE_PROTOCOL, c->step, "%s", why);
		return -1;
	}
	result_fail(r, CAUSE_TEMPORARY, c->step, "connection lost: %s", why);
	return -1;
}

/* Everything queued goes to the transport. */
static bool hand_over(struct conn *c, struct result *r)
{
	size_t done = 0;

	while (done < c->out.len) {
		const char *why = "";
		ssize_t n = c->transport.write(c->transport.ctx, c->out.p + done, c->out.len - done,
					       &why);
		int go_on = settle(c, n, why, r);

		if (go_on < 0) {
			buf_consume(&c->out, done);
			return false;
		}
		done += go_on > 0 ? (size_t)n : 0;
	}
	buf_clear(&c->out);
	return true;
}

void conn_stop_writing(struct conn *c)
{
	buf_clear(&c->out);
	c->transport.flush = NULL;
	c->transport.pending = NULL;
}

size_t conn_unsent(const struct conn *c)
{
	const struct transport *t = &c->transport;

	return c->out.len + (t->pending != NULL ? t->pending(t->ctx) : 0);
}

bool conn_flush(struct conn *c, struct result *r)
{
	const char *why = "";
	ssize_t n;

	if (!hand_over(c, r))
		return false;
	if (c->transport.flush == NULL)
		return true;
	while ((n = c->transport.flush(c->transport.ctx, &why)) != 0) {
		if (settle(c, n, why, r) < 0)
			return false;
	}
	return true;
}

bool conn_write(struct conn *c, const char *p, size_t len, struct result *r)
{
	while (len > 0) {
		size_t room = CONN_PIECE - c->out.len;
		size_t n = len < room ? len : room;

		if (n == 0) {
			if (!hand_over(c, r))
				return false;
			continue;
		}
		buf_add(&c->out, p, n);
		p += n;
		len -= n;
	}
	return true;
}

/* One successful read, appended to c->in. */
static bool read_more(struct conn *c, struct result *r)
{
	char piece[CONN_PIECE];

	buf_consume(&c->in, c->taken);
	c->taken = 0;
	for (;;) {
		const char *why = "";
		ssize_t n = c->transport.read(c->transport.ctx, piece, sizeof piece, &why);
		int go_on = settle(c, n, why, r);

		if (go_on < 0)
			return false;
		if (go_on == 0)
			continue;
		buf_add(&c->in, piece, (size_t)n);
		c->heard = true;
		return true;
	}
}

bool conn_read_line(struct conn *c, struct span *line, struct result *r)
{
	size_t seen = 0; /* bytes that hold no line end: not to be searched again */

	for (;;) {
		size_t waiting = c->in.len - c->taken;
		const char *start = waiting > 0 ? c->in.p + c->taken : NULL;
		const char *lf = waiting > seen ? memchr(start + seen, '\n', waiting - seen) : NULL;

		if (lf != NULL && lf - start <= CONN_LINE_MAX) {
			size_t len = (size_t)(lf - start);

			c->taken += len + 1;
			*line = (struct span){ start, len };
			if (len > 0 && start[len - 1] == '\r')
				line->len--;
			return true;
		}
		if (waiting > CONN_LINE_MAX)
			return result_fail(r, CAUSE_PROTOCOL, c->step,
					   "the server sent a line over %d bytes", CONN_LINE_MAX);
		seen = waiting;
		if (!read_more(c, r))
			return false;
	}
}

bool conn_has_input(const struct conn *c)
{
	return c->in.len > c->taken;
}
