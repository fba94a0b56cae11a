/*
 * resolve.c - a host's addresses by getaddrinfo, within a deadline
 */
#include "net/resolve.h"

#include "base/util.h"
#include "net/aside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/banned.h"

/* "The name exists, without such an address": codes of their own only in some C libraries. */
#ifdef EAI_NODATA
#define NO_DATA_ERROR EAI_NODATA
#else
#define NO_DATA_ERROR EAI_NONAME
#endif
#ifdef EAI_ADDRFAMILY
#define OTHER_FAMILY_ERROR EAI_ADDRFAMILY
#else
#define OTHER_FAMILY_ERROR EAI_NONAME
#endif

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

static struct lookup *lookup_new(const struct resolve_query *q)
{
	struct lookup *l = xcalloc(1, sizeof *l);

	l->host = xstrdup(q->host);
	l->port = q->port != NULL ? xstrdup(q->port) : NULL;
	l->hints.ai_family = q->family;
	l->hints.ai_socktype = SOCK_STREAM;
	l->hints.ai_flags = q->flags | (q->port != NULL ? AI_NUMERICSERV : 0);
	return l;
}

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

static void tell(const struct lookup *l, struct result *r)
{
	const char *why = l->error == EAI_SYSTEM ? strerror(l->sys_errno) : gai_strerror(l->error);
	bool unknown = l->error == EAI_NONAME || l->error == NO_DATA_ERROR ||
		       l->error == OTHER_FAMILY_ERROR;

	result_fail(r, unknown ? CAUSE_NO_HOST : CAUSE_TEMPORARY, STEP_RESOLVE,
		    "cannot look up %s: %s%s", l->host, why,
		    unknown ? " (check `host` in the configuration)" : "");
}

struct addrinfo *resolve(const struct resolve_query *q, int64_t deadline, struct result *r)
{
	struct lookup *l = lookup_new(q);
	enum aside how = aside_run(l, lookup_run, lookup_drop, deadline);
	struct addrinfo *found = NULL;

	if (how == ASIDE_LATE) {
		result_fail(r, CAUSE_TEMPORARY, STEP_RESOLVE, "looking up %s took too long",
			    q->host);
		return NULL;
	}
	if (how == ASIDE_FAILED)
		result_fail(r, CAUSE_TEMPORARY, STEP_RESOLVE,
			    "cannot look up %s: no thread can be made", q->host);
	else if (l->error != 0)
		tell(l, r);
	else
		found = l->found;
	l->found = found == NULL ? l->found : NULL;
	lookup_free(l);
	return found;
}
