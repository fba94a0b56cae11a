/*
 * test_message.c - messages read through a pipe: where the header ends, and the ceilings
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"
#include "base/util.h"
#include "mail/header.h"
#include "mail/message.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

#define OUT_MAX    (4 * 1024 * 1024)
#define READ_PIECE (64 * 1024) /* what one read takes at most */
#define COUNT(a)   (sizeof(a) / sizeof(a)[0])

/*
 * Writes from a thread of its own into a packet socket, so that one read(2) returns what one
 * write(2) gave: pieces as large as a read takes, none of them across `cut`.
 */
struct writer {
	struct span text;
	size_t cut;
	int fd;
};

static void *write_thread(void *arg)
{
	struct writer *w = arg;
	bool ok = true;

	for (size_t at = 0; ok && at < w->text.len;) {
		size_t n = (at < w->cut ? w->cut : w->text.len) - at;

		n = n < READ_PIECE ? n : READ_PIECE;
		ok = write_all(w->fd, w->text.p + at, n); /* not if the reader had enough */
		at += n;
	}
	close(w->fd);
	return NULL;
}

/* A message as it was read, for comparison. */
struct reading {
	struct message m;
	struct buf header;
	struct buf body;
	struct buf tapped;
	struct result r;
};

static void reading_init(struct reading *g)
{
	*g = (struct reading){ .r = RESULT_OK };
	message_init(&g->m);
	buf_init(&g->header, OUT_MAX);
	buf_init(&g->body, OUT_MAX);
	buf_init(&g->tapped, OUT_MAX);
}

static void reading_free(struct reading *g)
{
	message_free(&g->m);
	buf_free(&g->header);
	buf_free(&g->body);
	buf_free(&g->tapped);
	result_free(&g->r);
}

static bool read_fd(struct reading *g, int fd, bool dot_ends)
{
	struct sink tap = sink_to_buf(&g->tapped), body = sink_to_buf(&g->body);
	bool ok = message_read(fd, dot_ends, &tap, &g->m, &g->r);

	assert_int_equal(ok, !result_failed(&g->r));
	if (!ok)
		return false;
	header_write(&g->m.header, &g->header);
	assert_int_equal(header_size(&g->m.header), g->header.len);
	assert_true(spill_replay(&g->m.body, &body, &g->r));
	assert_true(span_eq(buf_span(&g->tapped), buf_span(&g->body)));
	return true;
}

static bool read_text(struct reading *g, struct span text, size_t cut, bool dot_ends)
{
	struct writer w = { .text = text, .cut = cut };
	pthread_t thread;
	int fds[2];
	bool ok;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	w.fd = fds[1];
	assert_int_equal(pthread_create(&thread, NULL, write_thread, &w), 0);
	reading_init(g);
	ok = read_fd(g, fds[0], dot_ends);
	close(fds[0]);
	pthread_join(thread, NULL);
	return ok;
}

static bool read_whole(struct reading *g, struct span text)
{
	return read_text(g, text, 0, false);
}

static void check_split(const char *text, const char *header, const char *body)
{
	for (size_t cut = 0; cut < strlen(text); cut++) {
		struct reading g;

		assert_true(read_text(&g, span_of(text), cut, false));
		if (strcmp(buf_str(&g.header), header) != 0 || strcmp(buf_str(&g.body), body) != 0)
			fail_msg("\"%s\" cut at %zu: header \"%s\", body \"%s\"", text, cut,
				 buf_str(&g.header), buf_str(&g.body));
		reading_free(&g);
	}
}

static void header_and_body(void **state)
{
	static const struct {
		const char *text;
		const char *header;
		const char *body;
	} rows[] = {
		{ "A: b\n\nbody\n", "A: b\r\n", "body\r\n" },
		{ "A: b\r\n\r\nbody\r\n", "A: b\r\n", "body\r\n" },
		{ "A: b\nC: d\n\n\nbody", "A: b\r\nC: d\r\n", "\r\nbody\r\n" },
		/* folded */
		{ "A: b\n c\n\td\nE: f\n\nx\n", "A: b\r\n c\r\n\td\r\nE: f\r\n", "x\r\n" },
		{ "A:\n b\n\nx", "A:\r\n b\r\n", "x\r\n" },
		{ "A: b\n \n c\n\nx", "A: b\r\n \r\n c\r\n", "x\r\n" },
		/* no body, no header, neither */
		{ "A: b\n\n", "A: b\r\n", "" },
		{ "A: b\n", "A: b\r\n", "" },
		{ "A: b", "A: b\r\n", "" },
		{ "A: b\n c", "A: b\r\n c\r\n", "" },
		{ "A:", "A:\r\n", "" },
		{ "\nbody\n", "", "body\r\n" },
		{ "\r\nA: b\n\nc", "", "A: b\r\n\r\nc\r\n" },
		{ "\n", "", "" },
		/* a line that is no field begins the body */
		{ "body\n", "", "body\r\n" },
		{ "body", "", "body\r\n" },
		{ "some words: here\n", "", "some words: here\r\n" },
		{ "A: b\nsome words\nC: d\n", "A: b\r\n", "some words\r\nC: d\r\n" },
		{ "A: b\n: c\n", "A: b\r\n", ": c\r\n" },
		{ ":", "", ":\r\n" },
		{ "A: b\n\xc3\xa4: c\n", "A: b\r\n", "\xc3\xa4: c\r\n" },
		{ "A: b\nC\x01: d\n", "A: b\r\n", "C\x01: d\r\n" },
		{ "A: b\nword", "A: b\r\n", "word\r\n" },
		{ "A: b\nword \t\n", "A: b\r\n", "word \t\r\n" },
		/* a continuation of nothing */
		{ " A: b\nC: d\n", "", " A: b\r\nC: d\r\n" },
		{ "\tA: b\n\nx", "", "\tA: b\r\n\r\nx\r\n" },
		{ " \nA: b\n", "", " \r\nA: b\r\n" },
		/* white space in front of the colon; any printable character in a name */
		{ "A : b\nC \t: d\n\nx", "A : b\r\nC \t: d\r\n", "x\r\n" },
		{ "A b: c\n\nx", "", "A b: c\r\n\r\nx\r\n" },
		{ "X-!#$%'*+/=?^_`{|}~.@<>()[]\\,;\": b\n",
		  "X-!#$%'*+/=?^_`{|}~.@<>()[]\\,;\": b\r\n", "" },
		/* of an mbox */
		{ "From a@b Mon Jan  1\nA: b\n\nx\n", "A: b\r\n", "x\r\n" },
		{ ">From a@b Mon Jan  1\nA: b\n\nx\n", "A: b\r\n", "x\r\n" },
		{ "From a@b Mon Jan  1\n\nx\n", "", "x\r\n" },
		{ "From a@b\n", "", "" },
		{ "From a: b", "", "" },
		{ "From a\n B: c\n", "", " B: c\r\n" },
		{ "From a\nbody\n", "", "body\r\n" },
		{ "From a\nFrom b\nC: d\n", "", "From b\r\nC: d\r\n" },
		{ "A: b\nFrom a\nC: d\n", "A: b\r\n", "From a\r\nC: d\r\n" },
		{ "From: a\n\nx", "From: a\r\n", "x\r\n" },
		{ "From : a\n\nx", "From : a\r\n", "x\r\n" },
		{ "From\t: a\n\nx", "From\t: a\r\n", "x\r\n" },
		{ "Fr: a\n\nx", "Fr: a\r\n", "x\r\n" },
		{ ">From: a\n\nx", ">From: a\r\n", "x\r\n" },
		{ "from a\n", "", "from a\r\n" },
		/* line ends that are none */
		{ "A: b\rC: d\n\nx", "A: b C: d\r\n", "x\r\n" },
		{ "A: b\n\r\rx\n", "A: b\r\n  x\r\n", "" },
		{ "A: b\r\r\n\r\nx", "A: b \r\n", "x\r\n" },
		/* a line of one dot is a line */
		{ "A: b\n\nx\n.\ny\n", "A: b\r\n", "x\r\n.\r\ny\r\n" },
		{ ".\n", "", ".\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_split(rows[i].text, rows[i].header, rows[i].body);
}

/* How long a name or a "From " line can be while nobody knows yet what it is. */
static void long_beginnings(void **state)
{
	static const struct {
		const char *start;
		char filler;
		size_t length; /* of the filler */
		const char *end;
		bool is_field;
	} rows[] = {
		{ "A: b\n", 'N', 998, ": c\n", true },      { "A: b\n", 'N', 999, ": c\n", false },
		{ "A: b\n", 'N', 500000, ": c\n", false },  { "A: b\nN", ' ', 990, ": c\n", true },
		{ "A: b\nN", ' ', 500000, ": c\n", false }, { "", 'N', 998, ": c\n", true },
		{ "", 'N', 500000, ": c\n", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t before = rows[i].start[0] != '\0' ? 1 : 0;
		struct reading g;
		struct buf text;

		buf_init(&text, OUT_MAX);
		buf_adds(&text, rows[i].start);
		for (size_t n = 0; n < rows[i].length; n++)
			buf_addc(&text, rows[i].filler);
		buf_adds(&text, rows[i].end);
		assert_true(read_whole(&g, buf_span(&text)));
		assert_int_equal(g.m.header.n, before + (rows[i].is_field ? 1 : 0));
		assert_int_equal(g.body.len > 0, !rows[i].is_field);
		reading_free(&g);
		buf_free(&text);
	}
}

/* "X-0: ", filler, line end: a field of exactly `size` bytes as it is kept (with CRLF). */
static void add_field(struct buf *text, size_t size)
{
	buf_adds(text, "X-0: ");
	for (size_t n = strlen("X-0: \r\n"); n < size; n++)
		buf_addc(text, 'x');
	buf_adds(text, "\n");
}

/* The same, folded into lines of 70 bytes behind the first one. */
static void add_folded_field(struct buf *text, size_t size)
{
	size_t first = 70 + size % 70;

	add_field(text, first);
	for (size_t n = first; n < size; n += 70)
		buf_addf(text, " %067d\n", 1);
}

static void check_field(const struct buf *text, size_t size, bool ok)
{
	struct reading g;

	assert_int_equal(read_whole(&g, buf_span(text)), ok);
	assert_int_equal(g.r.cause, ok ? CAUSE_NONE : CAUSE_DATA);
	if (ok)
		assert_int_equal(g.m.header.fields[0].len, size);
	else
		assert_non_null(strstr(g.r.text, "field X-0 is longer"));
	reading_free(&g);
}

static void field_ceiling(void **state)
{
	static const struct {
		size_t size;
		bool ok;
	} rows[] = {
		{ FIELD_MAX - 1, true },  { FIELD_MAX, true },      { FIELD_MAX + 1, false },
		{ FIELD_MAX + 2, false }, { 5 * 64 * 1024, false }, { 3 * FIELD_MAX, false },
	};
	static const char *const behind[] = { "", "\nbody", "Y: z\n", "text" };
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t k = 0; k < COUNT(behind); k++) {
			buf_clear(&text);
			add_field(&text, rows[i].size);
			buf_adds(&text, behind[k]);
			check_field(&text, rows[i].size, rows[i].ok);
		}
		buf_clear(&text);
		add_folded_field(&text, rows[i].size);
		check_field(&text, rows[i].size, rows[i].ok);
		buf_adds(&text, " \n"); /* three bytes too many for any */
		check_field(&text, 0, false);
	}
	buf_free(&text);
}

/* A large field does no harm to the one behind it, wherever the reads cut that. */
static void field_behind_large_field(void **state)
{
	static const size_t cuts[] = { 0, 1, 7, 8, 997, 998, 999, 1000 };

	(void)state;
	for (size_t i = 0; i < COUNT(cuts); i++) {
		struct reading g;
		struct buf text;
		size_t start;

		buf_init(&text, OUT_MAX);
		add_field(&text, FIELD_MAX);
		start = text.len;
		for (size_t n = 0; n < 998; n++)
			buf_addc(&text, 'N');
		buf_adds(&text, ":");
		while (text.len < start + cuts[i] + READ_PIECE)
			buf_addc(&text, 'x');
		assert_true(read_text(&g, buf_span(&text), start + cuts[i], false));
		assert_int_equal(g.m.header.n, 2);
		assert_int_equal(g.m.header.fields[1].name_len, 998);
		reading_free(&g);
		buf_free(&text);
	}
}

static void header_ceiling(void **state)
{
	static const struct {
		size_t field; /* size of each but the last, which is up to twice as large */
		size_t total;
		bool ok;
	} rows[] = {
		{ FIELD_MAX / 2, HEADER_MAX, true }, { FIELD_MAX / 2, HEADER_MAX + 1, false },
		{ 1000, HEADER_MAX - 1, true },      { 1000, HEADER_MAX, true },
		{ 1000, HEADER_MAX + 1, false },     { 10, HEADER_MAX, true },
		{ 10, HEADER_MAX + 1, false },       { 10, 2 * HEADER_MAX, false },
	};
	static const char *const behind[] = { "", "\nbody", "text" };
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (size_t i = 0; i < COUNT(rows) * COUNT(behind); i++) {
		size_t row = i % COUNT(rows), left = rows[row].total;
		struct reading g;

		buf_clear(&text);
		for (; left >= 2 * rows[row].field; left -= rows[row].field)
			add_field(&text, rows[row].field);
		add_field(&text, left);
		buf_adds(&text, behind[i / COUNT(rows)]);
		assert_int_equal(read_whole(&g, buf_span(&text)), rows[row].ok);
		assert_int_equal(g.r.cause, rows[row].ok ? CAUSE_NONE : CAUSE_DATA);
		assert_int_equal(g.header.len, rows[row].ok ? rows[row].total : 0);
		if (!rows[row].ok)
			assert_non_null(strstr(g.r.text, "the header is larger"));
		reading_free(&g);
	}
	buf_free(&text);
}

/* Bodies around the size that stays in memory, of short lines, of long ones, of one. */
static void large_bodies(void **state)
{
	static const size_t sizes[] = { SPILL_MEMORY - 1, SPILL_MEMORY, SPILL_MEMORY + 1, 3000000 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t line = 10; line <= 5000000; line *= 700) {
			struct reading g;
			struct buf text;

			buf_init(&text, OUT_MAX);
			buf_adds(&text, "A: b\r\n\r\n");
			size_t start = text.len;
			for (size_t n = 2; n < sizes[i]; n++)
				buf_addc(&text, (n + 2) % line == 0   ? '\r'
						: (n + 1) % line == 0 ? '\n'
								      : (char)('a' + n % 26));
			if (text.p[text.len - 1] == '\r')
				text.p[text.len - 1] = 'x';
			buf_adds(&text, "\r\n");
			assert_true(read_whole(&g, buf_span(&text)));
			assert_true(span_eq(buf_span(&g.body),
					    (struct span){ text.p + start, text.len - start }));
			assert_int_equal(g.m.body.fd >= 0, g.body.len > SPILL_MEMORY);
			reading_free(&g);
			buf_free(&text);
		}
}

static void no_input(void **state)
{
	struct reading g;

	(void)state;
	assert_false(read_whole(&g, span_of("")));
	assert_int_equal(g.r.cause, CAUSE_NO_INPUT);
	reading_free(&g);
}

static void unreadable(void **state)
{
	int fds[] = { -1, open("/", O_RDONLY | O_CLOEXEC) };

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++) {
		struct reading g;

		reading_init(&g);
		assert_false(read_fd(&g, fds[i], false));
		assert_int_equal(g.r.cause, CAUSE_READ);
		message_drain(fds[i]);
		reading_free(&g);
	}
	close(fds[1]);
}

static void nul(void **state)
{
	static const struct span rows[] = { { "\0", 1 },
					    { "A: \0b\n\nc\n", 10 },
					    { "A: b\n\nc\0d\n", 10 },
					    { "A: b\n\nc\n\0", 9 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; cut < rows[i].len; cut++) {
			struct reading g;

			assert_false(read_text(&g, rows[i], cut, false));
			assert_int_equal(g.r.cause, CAUSE_DATA);
			reading_free(&g);
		}
}

static void loops(void **state)
{
	static const struct {
		int received;
		int others;
		bool ok;
	} rows[] = {
		{ 99, 0, true },
		{ RECEIVED_MAX, 500, true },
		{ RECEIVED_MAX + 1, 0, false },
		{ 500, 500, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reading g;
		struct buf text;

		buf_init(&text, OUT_MAX);
		for (int n = 0; n < rows[i].others; n++)
			buf_adds(&text, "X-Received: by x\n");
		for (int n = 0; n < rows[i].received; n++)
			buf_adds(&text, n % 2 ? "received : by a\n" : "Received: by b\n\tfor c\n");
		buf_adds(&text, "\nReceived: by d\n");
		assert_int_equal(read_whole(&g, buf_span(&text)), rows[i].ok);
		assert_int_equal(g.r.cause, rows[i].ok ? CAUSE_NONE : CAUSE_LOOP);
		reading_free(&g);
		buf_free(&text);
	}
}

/* A line of one dot ends the message of a terminal, which gives one line a read. */
static void terminal(void **state)
{
	static const struct {
		const char *text;
		size_t cut;
		const char *body;
	} rows[] = {
		{ "A: b\n\nx\n.\n", 8, "x\r\n" },
		{ ".\n", 0, "" },
		{ "A: b\n\nx.\n", 7, "x.\r\n" }, /* behind a line that is not complete */
		{ "A: b\n\nx\n..\n", 8, "x\r\n..\r\n" },
		{ "A: b\n\nx\n. \n", 8, "x\r\n. \r\n" },
		{ "A: b\n\nx\n.\ny\n", 8, "x\r\n.\r\ny\r\n" }, /* no terminal */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reading g;

		assert_true(read_text(&g, span_of(rows[i].text), rows[i].cut, true));
		assert_string_equal(buf_str(&g.body), rows[i].body);
		reading_free(&g);
	}
}

/* Without room for the body there is no message; a small one needs no room. */
static void no_room(void **state)
{
	char *before = xstrdup(getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "");
	struct reading g;
	struct buf text;

	(void)state;
	setenv("TMPDIR", "/nonexistent", 1);
	assert_true(read_whole(&g, span_of("A: b\n\nsmall")));
	reading_free(&g);
	buf_init(&text, OUT_MAX);
	buf_adds(&text, "A: b\n\n");
	for (int i = 0; i < 2 * SPILL_MEMORY; i++)
		buf_addc(&text, 'x');
	assert_false(read_whole(&g, buf_span(&text)));
	assert_int_equal(g.r.cause, CAUSE_TEMPORARY);
	reading_free(&g);
	buf_free(&text);
	setenv("TMPDIR", before, 1);
	free(before);
}

static void drain(void **state)
{
	char byte;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	for (int i = 0; i < 1000; i++)
		assert_true(write_all(fds[1], "0123456789", 10));
	close(fds[1]);
	message_drain(fds[0]);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_and_body),
		cmocka_unit_test(long_beginnings),
		cmocka_unit_test(field_ceiling),
		cmocka_unit_test(field_behind_large_field),
		cmocka_unit_test(header_ceiling),
		cmocka_unit_test(large_bodies),
		cmocka_unit_test(no_input),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(nul),
		cmocka_unit_test(loops),
		cmocka_unit_test(terminal),
		cmocka_unit_test(no_room),
		cmocka_unit_test(drain),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
