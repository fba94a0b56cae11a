/*
 * test_conn.c - a connection over a socket pair: lines in any pieces, deadlines, its end
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/util.h"
#include "net/conn.h"
#include "split.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define LONG_MS  60000 /* longer than any test takes */
#define SHORT_MS 20    /* for a deadline that is meant to pass */
#define OUT_MAX  (1024 * 1024)

/* One connection and the server's end of it. */
struct pair {
	struct conn conn;
	int server;
	struct result r;
};

static void pair_open(struct pair *p, int64_t deadline_ms)
{
	int fds[2];

	p->r = RESULT_OK;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	p->server = fds[1];
	conn_init(&p->conn, fds[0], clock_mono_ms() + deadline_ms);
	conn_begin_step(&p->conn, STEP_EHLO, LONG_MS);
}

static void server_close(struct pair *p)
{
	if (p->server >= 0)
		close(p->server);
	p->server = -1;
}

static void pair_close(struct pair *p)
{
	conn_close(&p->conn);
	server_close(p);
	result_free(&p->r);
}

static void assert_failed(struct pair *p, enum cause cause)
{
	assert_int_equal(p->r.cause, cause);
	assert_int_equal(p->r.step, p->conn.step);
	result_free(&p->r);
}

/* ---- lines in ---- */

struct run {
	struct pair pair;
	struct buf got;
	const char *want;
};

static void run_begin(void *ctx)
{
	struct run *run = ctx;

	pair_open(&run->pair, LONG_MS);
	buf_clear(&run->got);
}

/* Takes all lines there are before the next piece comes. */
static void run_feed(void *ctx, const char *p, size_t len)
{
	struct run *run = ctx;
	struct conn *c = &run->pair.conn;
	struct span line;

	assert_true(write_all(run->pair.server, p, len));
	c->until = clock_mono_ms() - 1; /* what is there is read, and nothing is waited for */
	while (conn_read_line(c, &line, &run->pair.r)) {
		buf_addspan(&run->got, line);
		buf_addc(&run->got, '|');
	}
	assert_failed(&run->pair, CAUSE_TEMPORARY);
}

static void run_end(void *ctx)
{
	struct run *run = ctx;

	assert_string_equal(buf_str(&run->got), run->want);
	pair_close(&run->pair);
}

static void lines(void **state)
{
	static const struct {
		const char *text;
		const char *lines;
	} rows[] = {
		{ "250 ok\r\n", "250 ok|" },
		{ "250 ok\n", "250 ok|" },
		{ "250-a\r\n250 b\r\n", "250-a|250 b|" },
		{ "\r\n\n", "||" },
		{ "a\rb\r\r\n", "a\rb\r|" },
		{ "a\r\nb", "a|" },
		{ "a\r", "" },
	};
	struct run run;
	const struct split_run split = { run_begin, run_feed, run_end, &run };

	(void)state;
	buf_init(&run.got, OUT_MAX);
	for (size_t i = 0; i < COUNT(rows); i++) {
		run.want = rows[i].lines;
		each_split(&split, rows[i].text, strlen(rows[i].text));
	}
	buf_free(&run.got);
}

/* What arrived behind a line and was not asked for: the sign of somebody in between. */
static void leftovers(void **state)
{
	struct span line;
	struct pair p;

	(void)state;
	pair_open(&p, LONG_MS);
	assert_false(conn_has_input(&p.conn));
	assert_true(write_all(p.server, "220 go\r\n250 x\r\n", 15));
	assert_true(conn_read_line(&p.conn, &line, &p.r));
	assert_true(conn_has_input(&p.conn));
	assert_true(conn_read_line(&p.conn, &line, &p.r));
	assert_true(span_eq(line, span_of("250 x")));
	assert_false(conn_has_input(&p.conn));
	assert_true(write_all(p.server, "220 go\r\n2", 9));
	assert_true(conn_read_line(&p.conn, &line, &p.r));
	assert_true(conn_has_input(&p.conn));
	pair_close(&p);
}

/* A line of `len` bytes before its line end, and another behind it. */
static void long_line(size_t len, const char *end, bool ok)
{
	struct buf text;
	struct span line;
	struct pair p;

	buf_init(&text, OUT_MAX);
	for (size_t i = 0; i < len; i++)
		buf_addc(&text, (char)('a' + i % 26));
	buf_adds(&text, end);
	buf_adds(&text, "next\r\n");
	pair_open(&p, LONG_MS);
	assert_true(write_all(p.server, text.p, text.len));
	assert_int_equal(conn_read_line(&p.conn, &line, &p.r), ok);
	if (ok) {
		assert_true(span_eq(line, (struct span){ text.p, len }));
		assert_true(conn_read_line(&p.conn, &line, &p.r));
		assert_true(span_eq(line, span_of("next")));
	} else {
		assert_failed(&p, CAUSE_PROTOCOL);
	}
	pair_close(&p);
	buf_free(&text);
}

static void long_lines(void **state)
{
	(void)state;
	long_line(CONN_PIECE, "\r\n", true);
	long_line(CONN_LINE_MAX - 2, "\r\n", true);
	long_line(CONN_LINE_MAX - 1, "\r\n", true);
	long_line(CONN_LINE_MAX, "\n", true);
	long_line(CONN_LINE_MAX + 1, "\n", false);
	long_line(CONN_LINE_MAX + 1, "\r\n", false);
	long_line(CONN_LINE_MAX + 1000, "\r\n", false);
	long_line(CONN_LINE_MAX + CONN_PIECE + 1, "\r\n", false);
}

/* ---- time ---- */

static void deadlines(void **state)
{
	static const struct {
		int64_t whole;
		int64_t step;
		bool whole_is_told;
	} rows[] = {
		{ LONG_MS, SHORT_MS, false }, { SHORT_MS, LONG_MS, true }, { LONG_MS, 0, false },
		{ LONG_MS, -1, false },       { 0, LONG_MS, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int some = 0; some < 2; some++) {
			struct span line;
			struct pair p;

			pair_open(&p, rows[i].whole);
			conn_begin_step(&p.conn, STEP_AUTH, rows[i].step);
			if (some)
				assert_true(write_all(p.server, "250-", 4));
			assert_false(conn_read_line(&p.conn, &line, &p.r));
			assert_int_equal(strstr(p.r.text, "deadline") != NULL,
					 rows[i].whole_is_told);
			assert_failed(&p, CAUSE_TEMPORARY);
			pair_close(&p);
		}
}

/* A server that takes nothing more. */
static void write_deadline(void **state)
{
	char piece[CONN_PIECE] = "";
	struct pair p;
	bool ok = true;

	(void)state;
	pair_open(&p, LONG_MS);
	conn_begin_step(&p.conn, STEP_BODY, SHORT_MS);
	for (int i = 0; ok && i < 10000; i++)
		ok = conn_write(&p.conn, piece, sizeof piece, &p.r);
	assert_false(ok);
	assert_failed(&p, CAUSE_TEMPORARY);
	pair_close(&p);
}

/* ---- the end of it ---- */

static void end_of_input(void **state)
{
	static const struct {
		const char *text;
		int lines; /* that are whole */
	} rows[] = {
		{ "", 0 },
		{ "25", 0 },
		{ "250 ok\r", 0 },
		{ "250 ok\r\n", 1 },
		{ "250-ok\r\n250", 1 },
		{ "250-ok\r\n250 ok\n", 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span line;
		struct pair p;

		pair_open(&p, LONG_MS);
		assert_true(write_all(p.server, rows[i].text, strlen(rows[i].text)));
		server_close(&p);
		for (int n = 0; n < rows[i].lines; n++)
			assert_true(conn_read_line(&p.conn, &line, &p.r));
		assert_false(conn_read_line(&p.conn, &line, &p.r));
		assert_failed(&p, CAUSE_TEMPORARY);
		pair_close(&p);
	}
}

/* Nobody reads any more: an error, and no signal. */
static void broken_pipe(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, LONG_MS);
	server_close(&p);
	assert_true(conn_write(&p.conn, "QUIT\r\n", 6, &p.r));
	assert_false(conn_flush(&p.conn, &p.r));
	assert_failed(&p, CAUSE_TEMPORARY);
	pair_close(&p);
}

/* ---- bytes out ---- */

/* Reads to the end and sums up. */
struct reader {
	int fd;
	size_t bytes;
	bool in_order;
};

static void *read_thread(void *arg)
{
	struct reader *r = arg;
	char piece[1000];
	ssize_t n;

	while ((n = read(r->fd, piece, sizeof piece)) > 0)
		for (ssize_t i = 0; i < n; i++)
			r->in_order = r->in_order && piece[i] == (char)(r->bytes++ % 251);
	return NULL;
}

static void much_output(void **state)
{
	const size_t total = 3000000, piece = 4099;
	struct pair p;
	pthread_t thread;
	struct buf text;

	(void)state;
	pair_open(&p, LONG_MS);
	struct reader reader = { .fd = p.server, .in_order = true };
	assert_int_equal(pthread_create(&thread, NULL, read_thread, &reader), 0);
	buf_init(&text, 4 * OUT_MAX);
	for (size_t i = 0; i < total; i++)
		buf_addc(&text, (char)(i % 251));
	for (size_t at = 0; at < total; at += piece)
		assert_true(conn_write(&p.conn, text.p + at,
				       total - at < piece ? total - at : piece, &p.r));
	assert_true(conn_flush(&p.conn, &p.r));
	conn_close(&p.conn);
	pthread_join(thread, NULL);
	assert_int_equal(reader.bytes, total);
	assert_true(reader.in_order);
	buf_free(&text);
	pair_close(&p);
}

/* A transport that does as it is told: what each call returns, 0 for all that is asked. */
struct script {
	const ssize_t *steps;
	struct buf out;
	size_t writes;
	size_t largest;
};

static ssize_t script_write(void *ctx, const char *p, size_t len, const char **why)
{
	struct script *s = ctx;
	ssize_t n = s->steps != NULL ? *s->steps++ : 0;

	if (n == IO_FAILED)
		*why = "the reason";
	if (n < 0)
		return n;
	n = n == 0 ? (ssize_t)len : n;
	buf_add(&s->out, p, (size_t)n);
	s->writes++;
	s->largest = (size_t)n > s->largest ? (size_t)n : s->largest;
	return n;
}

static ssize_t script_read(void *ctx, char *p, size_t len, const char **why)
{
	struct script *s = ctx;
	ssize_t n = *s->steps++;

	(void)len;
	if (n == IO_FAILED)
		*why = "the reason";
	if (n > 0)
		memset(p, '\n', (size_t)n);
	return n;
}

static void script_open(struct pair *p, struct script *s, const ssize_t *steps)
{
	*s = (struct script){ .steps = steps };
	buf_init(&s->out, OUT_MAX);
	pair_open(p, LONG_MS);
	conn_set_transport(
		&p->conn,
		(struct transport){ .read = script_read, .write = script_write, .ctx = s });
}

static void script_close(struct pair *p, struct script *s)
{
	pair_close(p);
	buf_free(&s->out);
}

/* One write for what belongs together, and pieces of the size that fits a TLS record. */
static void few_writes(void **state)
{
	struct script s;
	struct pair p;

	(void)state;
	script_open(&p, &s, NULL);
	for (int i = 0; i < 100; i++)
		assert_true(conn_write(&p.conn, "RCPT TO:<a@b>\r\n", 15, &p.r));
	assert_int_equal(s.writes, 0);
	assert_true(conn_flush(&p.conn, &p.r));
	assert_int_equal(s.writes, 1);
	assert_true(conn_flush(&p.conn, &p.r));
	assert_int_equal(s.writes, 1);
	for (int i = 0; i < 20000; i++)
		assert_true(conn_write(&p.conn, "a line\r\n", 8, &p.r));
	assert_true(conn_flush(&p.conn, &p.r));
	assert_int_equal(s.out.len, 1500 + 160000);
	assert_int_equal(s.largest, CONN_PIECE);
	assert_int_equal(s.writes, 1 + (160000 + CONN_PIECE - 1) / CONN_PIECE);
	script_close(&p, &s);
}

/* Under TLS a write can wait for either direction; here both are ready. */
static void waiting_writes(void **state)
{
	static const ssize_t steps[] = { 1, IO_WANT_WRITE, 2, IO_WANT_READ, IO_WANT_READ, 0 };
	struct script s;
	struct pair p;

	(void)state;
	script_open(&p, &s, steps);
	assert_true(write_all(p.server, "x", 1));
	assert_true(conn_write(&p.conn, "NOOP\r\n", 6, &p.r));
	assert_true(conn_flush(&p.conn, &p.r));
	assert_string_equal(buf_str(&s.out), "NOOP\r\n");
	assert_int_equal(s.writes, 3);
	script_close(&p, &s);
}

/* What wants to read is not woken by a socket that could be written. */
static void waiting_for_input(void **state)
{
	static const ssize_t steps[] = { IO_WANT_READ, 0 };
	struct script s;
	struct pair p;

	(void)state;
	script_open(&p, &s, steps);
	conn_begin_step(&p.conn, STEP_MAIL, SHORT_MS);
	assert_true(conn_write(&p.conn, "NOOP\r\n", 6, &p.r));
	assert_false(conn_flush(&p.conn, &p.r));
	assert_failed(&p, CAUSE_TEMPORARY);
	assert_int_equal(s.writes, 0);
	script_close(&p, &s);
}

static void failing_transport(void **state)
{
	static const ssize_t steps[] = { 2, IO_FAILED };
	static const ssize_t read_steps[] = { IO_WANT_WRITE, 1, IO_FAILED };
	struct span line;
	struct script s;
	struct pair p;

	(void)state;
	script_open(&p, &s, steps);
	assert_true(conn_write(&p.conn, "NOOP\r\n", 6, &p.r));
	assert_false(conn_flush(&p.conn, &p.r));
	assert_non_null(strstr(p.r.text, "the reason"));
	assert_failed(&p, CAUSE_TEMPORARY);
	s.steps = read_steps;
	assert_true(conn_read_line(&p.conn, &line, &p.r));
	assert_int_equal(line.len, 0);
	assert_false(conn_read_line(&p.conn, &line, &p.r));
	assert_non_null(strstr(p.r.text, "the reason"));
	assert_failed(&p, CAUSE_TEMPORARY);
	script_close(&p, &s);
}

/* What a transport keeps back leaves with conn_flush(), and not before. */
static ssize_t script_flush(void *ctx, const char **why)
{
	struct script *s = ctx;

	if (*s->steps == IO_FAILED)
		*why = "the reason";
	return *s->steps++;
}

static void keeping_transport(void **state)
{
	static const ssize_t steps[] = { IO_WANT_WRITE, IO_WANT_WRITE, 0, 0, 7, IO_FAILED };
	struct script s;
	struct pair p;

	(void)state;
	script_open(&p, &s, steps);
	p.conn.transport.flush = script_flush;
	assert_true(conn_flush(&p.conn, &p.r)); /* though nothing was queued */
	assert_ptr_equal(s.steps, steps + 3);
	for (int i = 0; i < CONN_PIECE / 7 + 1; i++)
		assert_true(conn_write(&p.conn, "a line\n", 7, &p.r));
	assert_ptr_equal(s.steps, steps + 4); /* a piece was written, nothing flushed */
	assert_false(conn_flush(&p.conn, &p.r));
	assert_ptr_equal(s.steps, steps + 6);
	assert_non_null(strstr(p.r.text, "the reason"));
	assert_failed(&p, CAUSE_TEMPORARY);
	script_close(&p, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(leftovers),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(write_deadline),
		cmocka_unit_test(end_of_input),
		cmocka_unit_test(broken_pipe),
		cmocka_unit_test(much_output),
		cmocka_unit_test(few_writes),
		cmocka_unit_test(waiting_writes),
		cmocka_unit_test(waiting_for_input),
		cmocka_unit_test(failing_transport),
		cmocka_unit_test(keeping_transport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
