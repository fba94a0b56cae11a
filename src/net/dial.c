/*
 * dial.c - from a host's name to a connected socket, within a deadline
 */
#include "net/dial.h"

#include "base/clock.h"
#include "base/util.h"
#include "net/race.h"
#include "net/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/banned.h"

#define LOOKUP_MS    30000 /* for one host */
#define BOTH_MS      15000 /* of it for its families together */
#define FAMILY_MS    7500  /* and then for one alone */
#define CONNECT_MS   30000
#define RETRY_MS     20 /* while a Unix socket's queue is full, which nothing announces */
#define HOSTNAME_MAX 256

/* So many milliseconds from now, but not after the deadline. */
static int64_t within(int64_t ms, int64_t deadline)
{
	int64_t until = clock_mono_ms() + ms;

	return until < deadline ? until : deadline;
}

/* NULL with r filled if it is no address. */
static struct addrinfo *read_source(const char *source, struct result *r)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	if (getaddrinfo(source, NULL, &hints, &found) == 0)
		return found;
	result_fail(r, CAUSE_CONFIG, STEP_CONNECT, "source_address: %s is no IP address", source);
	return NULL;
}

/*
 * The host's addresses; NULL with r filled. Some name servers are silent about one of the families,
 * mostly the one that the host has no address of, and the C library would wait for that in vain.
 */
static struct addrinfo *look_up(const struct dial_target *t, int64_t deadline, struct result *r)
{
	static const int families[] = { [IP_ANY] = AF_UNSPEC, [IP_4] = AF_INET, [IP_6] = AF_INET6 };
	struct resolve_query q = { t->host, t->port, families[t->ip], 0 };
	int64_t end = within(LOOKUP_MS, deadline);
	struct addrinfo *found = resolve(&q, t->ip == IP_ANY ? within(BOTH_MS, end) : end, r);

	for (enum ip_family ip = IP_4; t->ip == IP_ANY && ip <= IP_6; ip++) {
		struct result again = RESULT_OK;

		if (found != NULL || r->cause != CAUSE_TEMPORARY || clock_mono_ms() >= end)
			break;
		q.family = families[ip];
		found = resolve(&q, within(FAMILY_MS, end), &again);
		result_free(&again);
	}
	if (found != NULL)
		result_free(r);
	return found;
}

static int dial_from(const struct dial_target *t, const struct addrinfo *source, int64_t deadline,
		     struct result *r)
{
	struct addrinfo *addresses = look_up(t, deadline, r);

	if (addresses == NULL)
		return -1;
	struct race_course course = { .addresses = addresses,
				      .source = source,
				      .source_text = t->source,
				      .host = t->host,
				      .port = t->port };
	int fd = race_run(&course, within(CONNECT_MS, deadline), r);

	freeaddrinfo(addresses);
	return fd;
}

int dial(const struct dial_target *t, int64_t deadline, struct result *r)
{
	struct addrinfo *source = NULL;
	int fd;

	if (t->source != NULL && (source = read_source(t->source, r)) == NULL)
		return -1;
	fd = dial_from(t, source, deadline, r);
	if (source != NULL)
		freeaddrinfo(source);
	return fd;
}

/* 0, or the errno it ends with. Such a connection stands at once, or there is no room for it. */
static int connect_unix(int fd, const struct sockaddr_un *to, int64_t until)
{
	while (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) {
		int error = errno;
		int64_t left = until - clock_mono_ms();

		if (error == EISCONN)
			break;
		if (error != EAGAIN && error != EINPROGRESS && error != EALREADY && error != EINTR)
			return error;
		if (left <= 0)
			return ETIMEDOUT;
		poll(NULL, 0, left < RETRY_MS ? (int)left : RETRY_MS);
	}
	return 0;
}

int dial_unix(const char *path, int64_t deadline, struct result *r)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd, error;

	if (len >= sizeof to.sun_path) {
		result_fail(r, CAUSE_CONFIG, STEP_CONNECT,
			    "%s: the path of a Unix socket has at most %zu characters", path,
			    sizeof to.sun_path - 1);
		return -1;
	}
	memcpy(to.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	error = fd < 0 ? errno : 0;
	if (fd >= 0) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		error = connect_unix(fd, &to, within(CONNECT_MS, deadline));
	}
	if (error == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	result_fail(r, CAUSE_TEMPORARY, STEP_CONNECT, "cannot connect to %s: %s", path,
		    strerror(error));
	return -1;
}

static bool is_localhost(const char *name)
{
	size_t len = strlen("localhost");

	return ascii_ncasecmp(name, "localhost", len) == 0 &&
	       (name[len] == '\0' || name[len] == '.');
}

char *dial_own_name(int64_t wait_ms)
{
	char name[HOSTNAME_MAX] = "";
	struct resolve_query q = { name, NULL, AF_UNSPEC, AI_CANONNAME };
	struct result ignored = RESULT_OK;
	char *full = NULL;

	if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0' || is_localhost(name))
		return NULL;
	if (strchr(name, '.') != NULL)
		return xstrdup(name);
	if (wait_ms == 0)
		return NULL;
	struct addrinfo *found = resolve(&q, clock_mono_ms() + wait_ms, &ignored);
	if (found != NULL && found->ai_canonname != NULL &&
	    strchr(found->ai_canonname, '.') != NULL && !is_localhost(found->ai_canonname))
		full = xstrdup(found->ai_canonname);
	if (found != NULL)
		freeaddrinfo(found);
	result_free(&ignored);
	return full;
}

char *dial_own_literal(int fd)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof ss;
	char text[HOSTNAME_MAX] = "";

	/* Of a Unix socket getnameinfo() would make the word "localhost". */
	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0 ||
	    (ss.ss_family != AF_INET && ss.ss_family != AF_INET6) ||
	    getnameinfo((struct sockaddr *)&ss, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) !=
		    0)
		return xstrdup("[127.0.0.1]");
	text[strcspn(text, "%")] = '\0'; /* a scope is nobody else's business */
	return xasprintf("[%s%s]", ss.ss_family == AF_INET6 ? "IPv6:" : "", text);
}
