/*
 * test_dial.c - names, addresses and paths to a connected socket
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/result.h"
#include "base/util.h"
#include "net/dial.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define LONG_MS  60000

static char folder[] = "/tmp/test_dial.XXXXXX";
static char port[6];
static int listener = -1;

static int make(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;

	(void)state;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (mkdtemp(folder) == NULL || bind(listener, (struct sockaddr *)&sin, len) != 0 ||
	    listen(listener, 20) != 0 || getsockname(listener, (struct sockaddr *)&sin, &len) != 0)
		return -1;
	snprintf(port, sizeof port, "%d", ntohs(sin.sin_port));
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	close(listener);
	return rmdir(folder);
}

static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}

/* --- hosts --- */

static void hosts_that_answer(void **state)
{
	static const struct dial_target rows[] = {
		{ "127.0.0.1", port, IP_ANY, NULL },
		{ "127.0.0.1", port, IP_4, NULL },
		{ "localhost", port, IP_4, NULL },
		{ "localhost", port, IP_ANY, NULL }, /* ::1 refuses where it exists */
		{ "127.0.0.1", port, IP_ANY, "127.0.0.3" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		int before = next_fd();
		int fd = dial(&rows[i], clock_mono_ms() + LONG_MS, &r);

		if (fd < 0)
			fail_msg("row %zu: %s", i, r.text);
		char *literal = dial_own_literal(fd);
		assert_string_equal(literal,
				    rows[i].source != NULL ? "[127.0.0.3]" : "[127.0.0.1]");
		free(literal);
		close(fd);
		assert_int_equal(next_fd(), before);
	}
}

static void hosts_that_do_not(void **state)
{
	static const struct {
		struct dial_target target;
		enum cause cause;
		enum step step;
		const char *words;
	} rows[] = {
		{ { "127.0.0.1", port, IP_6, NULL },
		  CAUSE_NO_HOST,
		  STEP_RESOLVE,
		  "cannot look up 127.0.0.1: " },
		{ { "127.0.0.1", port, IP_ANY, "localhost" },
		  CAUSE_CONFIG,
		  STEP_CONNECT,
		  "source_address: localhost is no IP address" },
		{ { "127.0.0.1", port, IP_ANY, "192.0.2.1" },
		  CAUSE_CONFIG,
		  STEP_CONNECT,
		  "source_address: 192.0.2.1 is no address of this machine" },
		{ { "127.0.0.1", port, IP_ANY, "::1" },
		  CAUSE_CONFIG,
		  STEP_CONNECT,
		  "source_address: ::1 is of no family that 127.0.0.1 has an address of" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		int before = next_fd();

		assert_int_equal(dial(&rows[i].target, clock_mono_ms() + LONG_MS, &r), -1);
		assert_int_equal(r.cause, rows[i].cause);
		assert_int_equal(r.step, rows[i].step);
		if (strstr(r.text, rows[i].words) == NULL)
			fail_msg("row %zu: %s", i, r.text);
		result_free(&r);
		assert_int_equal(next_fd(), before);
	}
}

static void own_literal(void **state)
{
	struct sockaddr_in6 loopback = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	(void)state;
	if (fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0) {
		char *literal = dial_own_literal(fd);
		assert_string_equal(literal, "[IPv6:::1]");
		free(literal);
	}
	close(fd);
	char *literal = dial_own_literal(-1);
	assert_string_equal(literal, "[127.0.0.1]");
	free(literal);
}

/* --- Unix sockets --- */

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static int listen_at(const char *path, int backlog)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0 && strlen(path) < sizeof to.sun_path);
	memcpy(to.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void unix_answers(void **state)
{
	struct result r = RESULT_OK;
	char *path = path_of("socket");
	int server = listen_at(path, 5);
	int fd = dial_unix(path, clock_mono_ms() + LONG_MS, &r);

	(void)state;
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true(write_all(fd, "x", 1));
	char *literal = dial_own_literal(fd);
	assert_string_equal(literal, "[127.0.0.1]");
	free(literal);
	close(fd);
	close(server);
	unlink(path);
	free(path);
}

static void unix_fails(const char *path, int64_t wait_ms, enum cause cause, const char *words)
{
	struct result r = RESULT_OK;
	int64_t begin = clock_mono_ms();
	int before = next_fd();

	assert_int_equal(dial_unix(path, begin + wait_ms, &r), -1);
	assert_int_equal(r.cause, cause);
	assert_int_equal(r.step, STEP_CONNECT);
	if (strstr(r.text, path) == NULL || strstr(r.text, words) == NULL)
		fail_msg("%s", r.text);
	assert_true(clock_mono_ms() - begin < LONG_MS / 2);
	result_free(&r);
	assert_int_equal(next_fd(), before);
}

static void unix_does_not(void **state)
{
	char *path = path_of("socket");
	char long_path[200] = "/";

	(void)state;
	unix_fails(path, LONG_MS, CAUSE_TEMPORARY, "No such file or directory");
	unix_fails("/etc/passwd", LONG_MS, CAUSE_TEMPORARY, "Connection refused");
	unix_fails("/etc/passwd/x", LONG_MS, CAUSE_TEMPORARY, "Not a directory");
	unix_fails("", LONG_MS, CAUSE_TEMPORARY, "cannot connect");
	int server = listen_at(path, -1);
	unix_fails(path, LONG_MS, CAUSE_TEMPORARY, "Connection refused");
	close(server);
	unlink(path);
	memset(long_path + 1, 'x', sizeof long_path - 2);
	unix_fails(long_path, LONG_MS, CAUSE_CONFIG, "has at most ");
	long_path[sizeof((struct sockaddr_un *)0)->sun_path] = '\0';
	unix_fails(long_path, LONG_MS, CAUSE_CONFIG, "has at most ");
	long_path[sizeof((struct sockaddr_un *)0)->sun_path - 1] = '\0';
	unix_fails(long_path, LONG_MS, CAUSE_TEMPORARY, "No such file or directory");
	free(path);
}

static int full_server = -1;

static void take_one(int signal)
{
	(void)signal;
	(void)accept(full_server, NULL, NULL);
}

/* While the server's queue is full it waits, until there is room or its time is over. */
static void unix_is_full(void **state)
{
	static const struct itimerval soon = { { 0, 0 }, { 0, 100 * 1000 } };
	struct sigaction action = { .sa_handler = take_one }, before;
	struct result r = RESULT_OK;
	char *path = path_of("socket");
	int fds[10];
	size_t n = 0;

	(void)state;
	full_server = listen_at(path, 0);
	while (n < COUNT(fds) && (fds[n] = dial_unix(path, clock_mono_ms() + 50, &r)) >= 0)
		n++;
	assert_in_range(n, 1, COUNT(fds) - 1);
	assert_int_equal(r.cause, CAUSE_TEMPORARY);
	assert_non_null(strstr(r.text, "Connection timed out"));
	result_free(&r);
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &soon, NULL);
	fds[n] = dial_unix(path, clock_mono_ms() + LONG_MS, &r);
	sigaction(SIGALRM, &before, NULL);
	assert_true(fds[n] >= 0);
	for (size_t i = 0; i <= n; i++)
		close(fds[i]);
	close(full_server);
	unlink(path);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_that_answer), cmocka_unit_test(hosts_that_do_not),
		cmocka_unit_test(own_literal),       cmocka_unit_test(unix_answers),
		cmocka_unit_test(unix_does_not),     cmocka_unit_test(unix_is_full),
	};

	return cmocka_run_group_tests(tests, make, clean_up);
}
