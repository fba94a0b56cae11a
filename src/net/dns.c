/*
 * dns.c - a question to the DNS by libc's resolver, within a deadline
 */
#include "net/dns.h"

#include "base/util.h"
#include "net/aside.h"

#include <resolv.h>
#include <stdlib.h>

#include "base/banned.h"

#define QUERY_MAX 512

/*
 * The resolver blocks as long as resolv.conf and a silent TCP connection let it. So it runs aside,
 * with all it needs in this struct.
 */
struct question {
	char *name;
	int type;
	bool impossible;
	int len; /* of the answer; negative without one */
	unsigned char answer[DNS_MESSAGE_MAX];
};

static void question_free(struct question *q)
{
	free(q->name);
	free(q);
}

static void ask(void *job)
{
	struct question *q = job;
	unsigned char query[QUERY_MAX];
	int len;

	if (res_init() != 0)
		return;
	len = res_mkquery(ns_o_query, q->name, ns_c_in, q->type, NULL, 0, NULL, query,
			  sizeof query);
	q->impossible = len < 0;
	if (len >= 0)
		q->len = res_send(query, len, q->answer, sizeof q->answer);
}

static void question_drop(void *job)
{
	question_free(job);
}

enum dns_outcome dns_ask(const char *name, int type, int64_t deadline, struct buf *answer)
{
	struct question *q = xcalloc(1, sizeof *q);
	enum dns_outcome outcome = DNS_SILENT;

	buf_init(answer, DNS_MESSAGE_MAX);
	q->name = xstrdup(name);
	q->type = type;
	q->len = -1;
	if (aside_run(q, ask, question_drop, deadline) == ASIDE_LATE)
		return DNS_SILENT;
	if (q->impossible) {
		outcome = DNS_IMPOSSIBLE;
	} else if (q->len >= 0) {
		outcome = DNS_ANSWERED;
		buf_add(answer, q->answer, (size_t)q->len);
	}
	question_free(q);
	return outcome;
}

bool dns_open(const unsigned char *message, size_t len, ns_msg *msg)
{
	if (len == 0 || len > DNS_MESSAGE_MAX || ns_initparse(message, (int)len, msg) != 0 ||
	    ns_msg_getflag(*msg, ns_f_tc) != 0)
		return false;
	int code = ns_msg_getflag(*msg, ns_f_rcode);

	return code == ns_r_noerror || code == ns_r_nxdomain;
}

bool dns_has_name(const ns_msg *msg)
{
	return ns_msg_getflag(*msg, ns_f_rcode) != ns_r_nxdomain;
}
