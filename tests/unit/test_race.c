/*
 * test_race.c - many addresses, of which some are silent, some refuse and some answer
 *
 * They are addresses of the loopback interface with ports of three kinds: open ones listen, closed
 * ones do not, and those of a hole listen but take nobody in any more, so that a connection stays
 * on its way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/result.h"
#include "net/race.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/banned.h"

#define LONG_MS      60000 /* longer than any of this takes */
#define STAGGER_MS   250
#define FILLERS      4 /* connections that fill a hole */
#define ADDRESSES    20
#define FDS_OF_HOLES 64

enum kind { OPEN, CLOSED, HOLE };

static struct {
	struct addrinfo list[ADDRESSES];
	struct sockaddr_in6 v6[ADDRESSES];
	struct sockaddr_in v4[ADDRESSES];
	size_t n;
	int fds[ADDRESSES]; /* the listening ones */
	int fillers[FDS_OF_HOLES];
	size_t n_fillers;
	struct race_course course;
	struct result r;
} t;

static void fill(const struct addrinfo *a)
{
	for (int i = 0; i < FILLERS; i++) {
		int fd = socket(a->ai_family, SOCK_STREAM, 0);

		assert_true(fd >= 0 && t.n_fillers < FDS_OF_HOLES);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		(void)connect(fd, a->ai_addr, a->ai_addrlen);
		t.fillers[t.n_fillers++] = fd;
	}
}

/* Adds an address, 127.0.0.x or ::1, with a port of its own. */
static void add(enum kind kind, int family)
{
	size_t i = t.n++;
	struct addrinfo *a = &t.list[i];

	assert_true(i < ADDRESSES);
	t.v4[i] = (struct sockaddr_in){ .sin_family = AF_INET };
	t.v4[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i);
	t.v6[i] = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	*a = (struct addrinfo){ .ai_family = family, .ai_socktype = SOCK_STREAM };
	a->ai_addr = family == AF_INET ? (struct sockaddr *)&t.v4[i] : (struct sockaddr *)&t.v6[i];
	a->ai_addrlen = family == AF_INET ? sizeof t.v4[i] : sizeof t.v6[i];
	if (i > 0)
		t.list[i - 1].ai_next = a;
	t.fds[i] = socket(family, SOCK_STREAM, 0);
	if (t.fds[i] < 0 || bind(t.fds[i], a->ai_addr, a->ai_addrlen) != 0)
		skip(); /* no IPv6 here */
	socklen_t len = a->ai_addrlen;
	assert_int_equal(getsockname(t.fds[i], a->ai_addr, &len), 0);
	if (kind != CLOSED)
		assert_int_equal(listen(t.fds[i], kind == OPEN ? 5 : 0), 0);
	if (kind == HOLE)
		fill(a);
}

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof t);
	t.course = (struct race_course){ .addresses = t.list,
					 .host = "mail.example.org",
					 .port = "25" };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < t.n; i++)
		close(t.fds[i]);
	for (size_t i = 0; i < t.n_fillers; i++)
		close(t.fillers[i]);
	result_free(&t.r);
	return 0;
}

/* The lowest descriptor that is free: the same afterwards when none was left open. */
static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}

static bool was_reached(size_t i)
{
	fcntl(t.fds[i], F_SETFL, O_NONBLOCK);
	int fd = accept(t.fds[i], NULL, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The race's winner is that one, after so many milliseconds at least; its socket is fit for use. */
static void wins(size_t i, int64_t ms)
{
	int64_t begin = clock_mono_ms();
	int before = next_fd(), on = 0;
	int fd = race_run(&t.course, begin + LONG_MS, &t.r);
	socklen_t len = sizeof on;

	assert_int_equal(t.r.cause, CAUSE_NONE);
	assert_true(fd >= 0);
	assert_true(clock_mono_ms() - begin >= ms);
	assert_true(clock_mono_ms() - begin < LONG_MS / 2);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	assert_true(on);

	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	len = sizeof peer;
	assert_int_equal(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(len, t.list[i].ai_addrlen);
	assert_memory_equal(&peer, t.list[i].ai_addr, len);
	close(fd);
	assert_int_equal(next_fd(), before);
}

static void fails(int64_t deadline_ms, enum cause cause, const char *words)
{
	int before = next_fd();

	assert_int_equal(race_run(&t.course, clock_mono_ms() + deadline_ms, &t.r), -1);
	assert_int_equal(t.r.cause, cause);
	assert_int_equal(t.r.step, STEP_CONNECT);
	if (strstr(t.r.text, words) == NULL)
		fail_msg("%s, without %s", t.r.text, words);
	assert_int_equal(next_fd(), before);
}

static void the_first_answers(void **state)
{
	(void)state;
	add(OPEN, AF_INET);
	add(OPEN, AF_INET);
	wins(0, 0);
	assert_false(was_reached(1));
}

static void the_second_after_a_refusal(void **state)
{
	int64_t begin = clock_mono_ms();

	(void)state;
	for (int i = 0; i < 12; i++)
		add(CLOSED, AF_INET);
	add(OPEN, AF_INET);
	wins(12, 0);
	assert_true(clock_mono_ms() - begin < 12 * STAGGER_MS); /* nobody waited */
}

static void the_third_after_silence(void **state)
{
	(void)state;
	add(HOLE, AF_INET);
	add(HOLE, AF_INET);
	add(OPEN, AF_INET);
	wins(2, 2 * STAGGER_MS);
}

/* One that refuses brings the next one up, though another is still on its way. */
static void refusals_beside_silence(void **state)
{
	int64_t begin = clock_mono_ms();

	(void)state;
	add(HOLE, AF_INET);
	for (int i = 0; i < 12; i++)
		add(CLOSED, AF_INET);
	add(OPEN, AF_INET);
	wins(13, STAGGER_MS);
	assert_true(clock_mono_ms() - begin < 12 * STAGGER_MS);
}

static void open_the_first(int signal)
{
	(void)signal;
	(void)listen(t.fds[0], 16);
}

/* One that answers late still wins when those that started after it do not answer at all. */
static void a_slow_one(void **state)
{
	static const struct itimerval once = { { 0, 0 }, { 0, (STAGGER_MS + 50) * 1000 } };
	struct sigaction action = { .sa_handler = open_the_first }, before;

	(void)state;
	add(HOLE, AF_INET);
	add(HOLE, AF_INET);
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &once, NULL);
	wins(0, STAGGER_MS + 50);
	sigaction(SIGALRM, &before, NULL);
}

static void families_take_turns(void **state)
{
	int64_t begin = clock_mono_ms();

	(void)state;
	for (int i = 0; i < 12; i++)
		add(HOLE, AF_INET);
	add(OPEN, AF_INET6);
	wins(12, STAGGER_MS);
	assert_true(clock_mono_ms() - begin < 12 * STAGGER_MS);
}

static void the_order_of_families(void **state)
{
	(void)state;
	/* 6a 6b 4c 4d: 6a 4c 6b 4d */
	add(CLOSED, AF_INET6);
	add(CLOSED, AF_INET6);
	add(CLOSED, AF_INET);
	add(CLOSED, AF_INET);
	fails(LONG_MS, CAUSE_TEMPORARY,
	      "cannot connect to 127.0.0.4 port 25: Connection refused "
	      "(the last of 4 addresses of mail.example.org that failed)");
	result_free(&t.r);
	/* 6a 6b 4c: 6a 4c 6b */
	t.list[2].ai_next = NULL;
	fails(LONG_MS, CAUSE_TEMPORARY, "cannot connect to ::1 port 25: Connection refused");
}

static void one_address(void **state)
{
	(void)state;
	add(CLOSED, AF_INET);
	fails(LONG_MS, CAUSE_TEMPORARY, "cannot connect to 127.0.0.1 port 25: Connection refused");
	assert_null(strstr(t.r.text, "mail.example.org"));
}

/* An address that no socket can be made for is one that failed. */
static void no_socket(void **state)
{
	(void)state;
	add(CLOSED, AF_INET);
	add(OPEN, AF_INET);
	t.list[0].ai_socktype = 12345;
	wins(1, 0);
}

static void not_too_many(void **state)
{
	(void)state;
	for (int i = 0; i < RACE_MAX; i++)
		add(CLOSED, AF_INET);
	add(OPEN, AF_INET);
	fails(LONG_MS, CAUSE_TEMPORARY, "(the last of 16 addresses of ");
	assert_false(was_reached(RACE_MAX));
}

static void ignore(int signal)
{
	(void)signal;
}

/* At its deadline it ends, not before, and however often signals interrupt it. */
static void nobody_answers(void **state)
{
	static const struct itimerval often = { { 0, 7000 }, { 0, 7000 } }, never;
	static const int64_t waits[] = { -LONG_MS, 0, 1, 100, STAGGER_MS + 50 };
	struct sigaction action = { .sa_handler = ignore }, before;

	(void)state;
	add(HOLE, AF_INET);
	add(HOLE, AF_INET);
	sigaction(SIGALRM, &action, &before);
	for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		int64_t begin = clock_mono_ms();

		setitimer(ITIMER_REAL, &often, NULL);
		fails(waits[i], CAUSE_TEMPORARY, "Connection timed out");
		setitimer(ITIMER_REAL, &never, NULL);
		assert_true(clock_mono_ms() - begin >= waits[i]);
		assert_true(clock_mono_ms() - begin < LONG_MS / 2);
		assert_non_null(
			strstr(t.r.text, waits[i] > STAGGER_MS ? "127.0.0.2" : "127.0.0.1"));
		result_free(&t.r);
	}
	sigaction(SIGALRM, &before, NULL);
}

/* --- from an address --- */

static struct sockaddr_in source_address;
static struct addrinfo source = { .ai_family = AF_INET,
				  .ai_addr = (struct sockaddr *)&source_address,
				  .ai_addrlen = sizeof source_address };

static void from(const char *text)
{
	source_address = (struct sockaddr_in){ .sin_family = AF_INET };
	assert_int_equal(inet_pton(AF_INET, text, &source_address.sin_addr), 1);
	t.course.source = &source;
	t.course.source_text = text;
}

static void from_an_address(void **state)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof peer;

	(void)state;
	add(OPEN, AF_INET6); /* takes no part */
	add(CLOSED, AF_INET);
	add(OPEN, AF_INET);
	from("127.0.0.9");
	wins(2, 0);
	assert_false(was_reached(0));
	int fd = accept(t.fds[2], (struct sockaddr *)&peer, &len);
	assert_true(fd >= 0);
	assert_memory_equal(&peer.sin_addr, &source_address.sin_addr, sizeof peer.sin_addr);
	close(fd);
}

static void from_elsewhere(void **state)
{
	(void)state;
	add(OPEN, AF_INET);
	add(OPEN, AF_INET);
	from("192.0.2.1");
	fails(LONG_MS, CAUSE_CONFIG, "source_address: 192.0.2.1 is no address of this machine");
	assert_false(was_reached(0) || was_reached(1));
}

static void from_another_family(void **state)
{
	(void)state;
	add(OPEN, AF_INET6);
	from("127.0.0.1");
	fails(LONG_MS, CAUSE_CONFIG,
	      "source_address: 127.0.0.1 is of no family that mail.example.org has");
	assert_false(was_reached(0));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_first_answers),
		TEST(the_second_after_a_refusal),
		TEST(the_third_after_silence),
		TEST(refusals_beside_silence),
		TEST(a_slow_one),
		TEST(families_take_turns),
		TEST(the_order_of_families),
		TEST(one_address),
		TEST(no_socket),
		TEST(not_too_many),
		TEST(nobody_answers),
		TEST(from_an_address),
		TEST(from_elsewhere),
		TEST(from_another_family),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
