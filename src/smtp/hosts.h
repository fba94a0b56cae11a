/*
 * hosts.h - an account's smart hosts, one after the other, until a session with one is open
 */
#ifndef MAILCHUTE_HOSTS_H
#define MAILCHUTE_HOSTS_H

#include "base/result.h"
#include "net/srv.h"
#include "smtp/client.h"
#include "smtp/host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A host that failed. */
struct smtp_attempt {
	char *host;
	struct result result;
};

struct hosts {
	const struct smtp_host *host; /* borrowed */
	struct smtp_endpoint at;      /* the one in hand; what it borrows lives until hosts_free */
	size_t next;                  /* of the endpoints */
	struct srv found[2];          /* what an SRV endpoint stands for: implicit TLS, STARTTLS */
	size_t service;               /* which of them is gone through, */
	size_t target;                /* and how far */
	struct smtp_attempt *failed;  /* in the order they were tried */
	size_t n_failed;
	bool exhausted; /* none is left: the failure is one of theirs */
};

void hosts_init(struct hosts *h, const struct smtp_host *host);
void hosts_free(struct hosts *h);

/*
 * Opens a session with the next host that lets itself be opened; *c is the caller's then, and
 * h->at who it is. False when none is left, or one failed in a way that no other can mend: r is a
 * copy of the last temporary failure, else of the last one.
 */
bool hosts_open(struct hosts *h, struct client *c, const struct smtp_trace *trace, int64_t deadline,
		struct result *r);
/*
 * The host in hand failed with `r`, whatever it was at. True if hosts_open() is to go on: the
 * session was at fault, and no message can have been delivered. r is moved into h->failed then;
 * else it stays. A user or password that was refused leaves no host to go on to: trying it
 * everywhere could lock the account.
 */
bool hosts_try_next(struct hosts *h, struct result *r);
/* The whole list as it was configured, "a.example:587, srv:example.org"; for messages. */
void hosts_describe(const struct smtp_host *host, struct buf *out);
/* The name of the host in hand, or of the first one; for messages. */
const char *hosts_name(const struct hosts *h);

#endif
