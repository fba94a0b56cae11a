/*
 * dns.h - a question to the DNS by libc's resolver, within a deadline
 */
#ifndef MAILCHUTE_DNS_H
#define MAILCHUTE_DNS_H

#include "base/buf.h"

#include <netinet/in.h>

#include <arpa/nameser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_MESSAGE_MAX 65535 /* RFC 1035 section 4.2.2 */

enum dns_outcome {
	DNS_ANSWERED,   /* a server's message is there, whatever it says */
	DNS_IMPOSSIBLE, /* no such name can be: too long, an empty label */
	DNS_SILENT      /* nobody answered in time */
};

/*
 * Asks for the records of a type (ns_t_*) that an absolute name has, until `deadline`, a time of
 * clock_mono_ms(), whatever the resolver is waiting for. `answer` is initialised here and has the
 * message; the caller frees it in any case.
 */
enum dns_outcome dns_ask(const char *name, int type, int64_t deadline, struct buf *answer);

/*
 * Makes a message, hostile ones included, ready for the resolver's functions that read one. False
 * unless a server says in it, completely, what there is or that there is no such name.
 */
bool dns_open(const unsigned char *message, size_t len, ns_msg *msg);
/* False when the server said that there is no such name (NXDOMAIN). */
bool dns_has_name(const ns_msg *msg);

#endif
