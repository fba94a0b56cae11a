/*
 * race.c - of many addresses the first that answers
 */
#include "net/race.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

#define STAGGER_MS   250 /* RFC 8305 section 5 */
#define ADDRESS_TEXT 256

struct race {
	const struct race_course *course;
	const struct addrinfo *runners[RACE_MAX]; /* in the order they start */
	struct pollfd fds[RACE_MAX];              /* fd -1: not started, or out again */
	size_t n;
	size_t started;
	size_t running;
	size_t last_out; /* the runner to tell of, and why */
	int error;
	bool no_such_source;
};

/* The next address from `a` on that is of the first one's family, or of the other one. */
static const struct addrinfo *next_of(const struct race *race, const struct addrinfo *a, bool other)
{
	const struct addrinfo *source = race->course->source;
	int first = race->course->addresses->ai_family;

	while (a != NULL && ((a->ai_family != first) != other ||
			     (source != NULL && a->ai_family != source->ai_family)))
		a = a->ai_next;
	return a;
}

/* RFC 8305 section 4: the families take turns, beginning with that of the first address. */
static void line_up(struct race *race)
{
	const struct addrinfo *all = race->course->addresses;
	const struct addrinfo *next[] = { next_of(race, all, false), next_of(race, all, true) };

	for (int turn = 0; race->n < RACE_MAX && (next[0] != NULL || next[1] != NULL);
	     turn = 1 - turn) {
		const struct addrinfo *a = next[turn];

		if (a == NULL)
			continue;
		race->fds[race->n].fd = -1;
		race->runners[race->n++] = a;
		next[turn] = next_of(race, a->ai_next, turn == 1);
	}
}

static void drop_out(struct race *race, size_t i, int error)
{
	race->last_out = i;
	race->error = error;
}

/* A socket that is on its way to the address, or -1 with errno set. */
static int set_off(struct race *race, const struct addrinfo *to)
{
	const struct addrinfo *source = race->course->source;
	int fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
	int on = 1, error = 0;

	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (source != NULL && bind(fd, source->ai_addr, source->ai_addrlen) != 0) {
		error = errno;
		race->no_such_source = error == EADDRNOTAVAIL;
	} else if (connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS &&
		   errno != EINTR) {
		error = errno;
	}
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

/* False if that one is out at once. */
static bool start_next(struct race *race)
{
	size_t i = race->started++;
	int fd = set_off(race, race->runners[i]);

	if (fd < 0) {
		drop_out(race, i, errno);
		return false;
	}
	race->fds[i] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	race->running++;
	return true;
}

/* Takes the socket of a runner out of the race. */
static int take_out(struct race *race, size_t i)
{
	int fd = race->fds[i].fd;

	race->fds[i].fd = -1;
	race->running--;
	return fd;
}

static void go_home(struct race *race)
{
	for (size_t i = 0; i < race->started; i++)
		if (race->fds[i].fd >= 0)
			close(take_out(race, i));
}

/* 0 for a connection that stands, else the errno it ended with. */
static int outcome(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* Waits until that time for anybody to arrive, the winner's socket, or to fail; else -1. */
static int watch(struct race *race, int64_t until, bool *failed)
{
	int64_t left = until - clock_mono_ms();
	int n = poll(race->fds, race->started, left > 0 ? (int)left : 0);

	if (n < 0 && errno != EINTR) {
		drop_out(race, race->started - 1, errno);
		go_home(race);
	}
	for (size_t i = 0; n > 0 && i < race->started; i++) {
		if (race->fds[i].fd < 0 || race->fds[i].revents == 0)
			continue;
		int error = outcome(race->fds[i].fd);
		int fd = take_out(race, i);

		if (error == 0)
			return fd;
		close(fd);
		drop_out(race, i, error);
		*failed = true;
	}
	return -1;
}

static int run(struct race *race, int64_t deadline)
{
	int64_t next = 0; /* when the next one starts */

	for (;;) {
		int64_t now = clock_mono_ms();
		bool more = race->started < race->n && !race->no_such_source;
		bool failed = false;

		if (now >= deadline) {
			drop_out(race, race->started > 0 ? race->started - 1 : 0, ETIMEDOUT);
			return -1;
		}
		if (more && now >= next) {
			next = start_next(race) ? now + STAGGER_MS : now;
			continue;
		}
		if (race->running == 0)
			return -1;
		int fd = watch(race, more && next < deadline ? next : deadline, &failed);

		if (fd >= 0)
			return fd;
		if (failed)
			next = now;
	}
}

static void tell(const struct race *race, struct result *r)
{
	const struct race_course *c = race->course;
	const struct addrinfo *last = race->runners[race->last_out];
	char text[ADDRESS_TEXT] = "";

	if (race->no_such_source) {
		result_fail(r, CAUSE_CONFIG, STEP_CONNECT,
			    "source_address: %s is no address of this machine", c->source_text);
		return;
	}
	if (race->n == 0) {
		result_fail(r, CAUSE_CONFIG, STEP_CONNECT,
			    "source_address: %s is of no family that %s has an address of",
			    c->source_text, c->host);
		return;
	}
	getnameinfo(last->ai_addr, last->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
	if (race->started < 2)
		result_fail(r, CAUSE_TEMPORARY, STEP_CONNECT, "cannot connect to %s port %s: %s",
			    text, c->port, strerror(race->error));
	else
		result_fail(r, CAUSE_TEMPORARY, STEP_CONNECT,
			    "cannot connect to %s port %s: %s (the last of %zu addresses of %s "
			    "that failed)",
			    text, c->port, strerror(race->error), race->started, c->host);
}

int race_run(const struct race_course *course, int64_t deadline, struct result *r)
{
	struct race race = { .course = course };

	line_up(&race);
	int fd = race.n > 0 ? run(&race, deadline) : -1;
	go_home(&race);
	if (fd < 0)
		tell(&race, r);
	return fd;
}
