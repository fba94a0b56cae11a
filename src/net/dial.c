/*
 * dial.c - from a host's name to a connected socket, within a deadline
 */
#include "net/dial.h"

#include "base/clock.h"
#include "base/util.h"
#include "net/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

/* "The name exists, without an address": a code of its own only in some C libraries. */
#ifdef EAI_NODATA
#define NO_DATA_ERROR EAI_NODATA
#else
#define NO_DATA_ERROR EAI_NONAME
#endif

#define CONNECT_MS   30000 /* for one address */
#define HOSTNAME_MAX 256

/*
 * getaddrinfo() blocks for as long as the resolver likes, and nothing interrupts it. So it runs
 * aside, with all it needs in this struct.
 */
struct lookup {
	char *host;
	char *port;
	struct addrinfo hints;
	struct addrinfo *found;
	int error;     /* EAI_* */
	int sys_errno; /* for EAI_SYSTEM */
};

static void lookup_free(struct lookup *l)
{
	if (l->found != NULL)
		freeaddrinfo(l->found);
	free(l->host);
	free(l->port);
	free(l);
}

static void lookup_run(void *job)
{
	struct lookup *l = job;
	struct addrinfo *found = NULL;

	l->error = getaddrinfo(l->host, l->port, &l->hints, &found);
	l->sys_errno = errno;
	l->found = l->error == 0 ? found : NULL;
}

static void lookup_drop(void *job)
{
	lookup_free(job);
}

/*
 * getaddrinfo with a deadline. NULL: it passed, or no thread could be made. Else the caller frees
 * the lookup.
 */
static struct lookup *look_up(const char *host, const char *port, int family, int flags,
			      int64_t deadline)
{
	struct lookup *l = xcalloc(1, sizeof *l);

	l->host = xstrdup(host);
	l->port = port != NULL ? xstrdup(port) : NULL;
	l->hints.ai_family = family;
	l->hints.ai_socktype = SOCK_STREAM;
	l->hints.ai_flags = flags | (port != NULL ? AI_NUMERICSERV : 0);
	switch (aside_run(l, lookup_run, lookup_drop, deadline)) {
	case ASIDE_DONE:
		return l;
	case ASIDE_FAILED:
		lookup_free(l);
		break;
	case ASIDE_LATE:
		break;
	}
	return NULL;
}

static bool lookup_failed(const struct lookup *l, const char *host, struct result *r)
{
	const char *why = l->error == EAI_SYSTEM ? strerror(l->sys_errno) : gai_strerror(l->error);
	bool unknown = l->error == EAI_NONAME || l->error == NO_DATA_ERROR;

	return result_fail(r, unknown ? CAUSE_NO_HOST : CAUSE_TEMPORARY, STEP_RESOLVE,
			   "cannot look up %s: %s%s", host, why,
			   unknown ? " (check `host` in the configuration)" : "");
}

/* Waits for a connection in progress; 0, or the errno it ended with. */
static int finish_connect(int fd, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof error;

	for (;;) {
		int64_t left = deadline - clock_mono_ms();
		int n = left > 0 ? poll(&pfd, 1, (int)left) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return ETIMEDOUT;
		break;
	}
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* A connected socket to this one address, or -1 with errno set. */
static int connect_one(const struct addrinfo *a, int64_t deadline)
{
	int64_t until = clock_mono_ms() + CONNECT_MS;
	int on = 1;
	int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);

	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	int error = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
	if (error == EINPROGRESS || error == EINTR)
		error = finish_connect(fd, until < deadline ? until : deadline);
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

static void address_text(const struct sockaddr *sa, socklen_t len, char text[HOSTNAME_MAX])
{
	if (getnameinfo(sa, len, text, HOSTNAME_MAX, NULL, 0, NI_NUMERICHOST) != 0)
		text[0] = '\0';
}

int dial(const char *host, const char *port, enum ip_family family, int64_t deadline,
	 struct result *r)
{
	static const int families[] = { [IP_ANY] = AF_UNSPEC, [IP_4] = AF_INET, [IP_6] = AF_INET6 };
	struct lookup *l = look_up(host, port, families[family], 0, deadline);
	char text[HOSTNAME_MAX] = "";
	int fd = -1, error = 0;

	if (l == NULL) {
		result_fail(r, CAUSE_TEMPORARY, STEP_RESOLVE, "looking up %s took too long", host);
		return -1;
	}
	if (l->error != 0)
		lookup_failed(l, host, r);
	for (const struct addrinfo *a = l->found; a != NULL && fd < 0; a = a->ai_next) {
		fd = connect_one(a, deadline);
		if (fd < 0) {
			error = errno;
			address_text(a->ai_addr, a->ai_addrlen, text);
		}
	}
	if (fd < 0 && l->error == 0)
		result_fail(r, CAUSE_TEMPORARY, STEP_CONNECT, "cannot connect to %s port %s: %s",
			    text, port, strerror(error));
	lookup_free(l);
	return fd;
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
	char *full = NULL;

	if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0' || is_localhost(name))
		return NULL;
	if (strchr(name, '.') != NULL)
		return xstrdup(name);
	if (wait_ms == 0)
		return NULL;
	struct lookup *l = look_up(name, NULL, AF_UNSPEC, AI_CANONNAME, clock_mono_ms() + wait_ms);
	if (l == NULL)
		return NULL;
	if (l->found != NULL && l->found->ai_canonname != NULL &&
	    strchr(l->found->ai_canonname, '.') != NULL && !is_localhost(l->found->ai_canonname))
		full = xstrdup(l->found->ai_canonname);
	lookup_free(l);
	return full;
}

char *dial_own_literal(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char text[HOSTNAME_MAX] = "";

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		address_text((struct sockaddr *)&ss, len, text);
	if (text[0] == '\0')
		return xstrdup("[127.0.0.1]");
	text[strcspn(text, "%")] = '\0'; /* a scope is nobody else's business */
	return xasprintf("[%s%s]", ss.ss_family == AF_INET6 ? "IPv6:" : "", text);
}
