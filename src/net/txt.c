/*
 * txt.c - TXT records: from the DNS by libc's resolver, or from a file
 */
#include "net/txt.h"

#include "base/clock.h"
#include "base/util.h"
#include "net/aside.h"
#include "net/zone.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define RECORDS_FILE_MAX (1024 * 1024)
#define DEADLINE_MS      15000 /* for one name, however many servers the resolver asks */
#define QUERY_MAX        512
#define TEXT_MAX         65535
#define ANSWER_MAX       65535 /* RFC 1035 section 4.2.2 */

struct txt_source {
	bool dns;
	struct zone zone; /* without the DNS */
};

static void answer_from(const struct zone *z, const char *name, struct txt *out)
{
	const char *last = zone_follow(z, name);

	if (last == NULL) {
		out->answer = TXT_UNAVAILABLE; /* a circle; what resolvers make of it, too */
		return;
	}
	if (last != name)
		out->alias = xstrdup(last);
	for (size_t i = 0; i < z->n && out->n < TXT_RECORDS_MAX; i++) {
		const struct zone_row *row = &z->rows[i];

		if (row->target != NULL || ascii_casecmp(row->owner, last) != 0)
			continue;
		buf_init(&out->records[out->n], TEXT_MAX);
		buf_addspan(&out->records[out->n], buf_span(&row->text));
		out->n++;
	}
	if (out->n > 0)
		out->answer = TXT_FOUND;
	else
		out->answer = zone_has_name(z, last) ? TXT_NO_RECORD : TXT_NO_NAME;
}

/* --- the DNS's messages --- */

/* A TXT record's data: strings, each behind its length. */
static bool join_strings(const unsigned char *p, size_t len, struct buf *text)
{
	while (len > 0) {
		size_t n = *p;

		if (n >= len)
			return false;
		buf_add(text, p + 1, n);
		p += n + 1;
		len -= n + 1;
	}
	return true;
}

static bool add_answer(ns_msg *msg, const ns_rr *rr, struct zone *z)
{
	char target[NS_MAXDNAME];
	struct buf text;
	bool ok = true;

	if (ns_rr_class(*rr) != ns_c_in)
		return true;
	if (ns_rr_type(*rr) == ns_t_cname) {
		ok = ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg), ns_rr_rdata(*rr),
					target, sizeof target) >= 0;
		if (ok)
			zone_add_cname(z, ns_rr_name(*rr), target);
	} else if (ns_rr_type(*rr) == ns_t_txt) {
		buf_init(&text, TEXT_MAX);
		ok = join_strings(ns_rr_rdata(*rr), ns_rr_rdlen(*rr), &text);
		if (ok)
			zone_add_txt(z, ns_rr_name(*rr), &text);
		buf_free(&text);
	}
	return ok;
}

/* The records of the answer, and the name that was asked for, as the server writes it. */
static bool read_message(ns_msg *msg, struct zone *z, char name[NS_MAXDNAME])
{
	ns_rr rr;

	if (ns_msg_count(*msg, ns_s_qd) != 1 || ns_parserr(msg, ns_s_qd, 0, &rr) != 0)
		return false;
	memcpy(name, ns_rr_name(rr), strlen(ns_rr_name(rr)) + 1);
	for (int i = 0; i < ns_msg_count(*msg, ns_s_an); i++)
		if (ns_parserr(msg, ns_s_an, i, &rr) != 0 || !add_answer(msg, &rr, z))
			return false;
	return true;
}

void txt_from_message(const unsigned char *message, size_t len, struct txt *out)
{
	char name[NS_MAXDNAME];
	struct zone z;
	ns_msg msg;

	*out = (struct txt){ .answer = TXT_UNAVAILABLE };
	if (len > ANSWER_MAX || ns_initparse(message, (int)len, &msg) != 0 ||
	    ns_msg_getflag(msg, ns_f_tc) != 0)
		return;
	int code = ns_msg_getflag(msg, ns_f_rcode);

	if (code != ns_r_noerror && code != ns_r_nxdomain)
		return;
	zone_init(&z);
	if (read_message(&msg, &z, name)) {
		answer_from(&z, name, out);
		/* Whether there is such a name only the server knows. */
		if (out->answer == TXT_NO_NAME || out->answer == TXT_NO_RECORD)
			out->answer = code == ns_r_nxdomain ? TXT_NO_NAME : TXT_NO_RECORD;
	}
	zone_free(&z);
}

/* --- asking --- */

/*
 * The resolver blocks as long as resolv.conf and a silent TCP connection let it. So it runs aside,
 * with all it needs in this struct.
 */
struct question {
	char *name;
	bool impossible; /* it cannot be asked for: too long, an empty label */
	int len;         /* of the answer; negative without one */
	unsigned char answer[ANSWER_MAX];
};

static struct question *question_of(const char *name)
{
	struct question *q = xcalloc(1, sizeof *q);

	q->name = xstrdup(name);
	q->len = -1;
	return q;
}

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
	len = res_mkquery(ns_o_query, q->name, ns_c_in, ns_t_txt, NULL, 0, NULL, query,
			  sizeof query);
	q->impossible = len < 0;
	if (len >= 0)
		q->len = res_send(query, len, q->answer, sizeof q->answer);
}

static void question_drop(void *job)
{
	question_free(job);
}

static void find_in_dns(const char *name, struct txt *out)
{
	struct question *q = question_of(name);

	if (aside_run(q, ask, question_drop, clock_mono_ms() + DEADLINE_MS) == ASIDE_LATE)
		return;
	if (q->impossible)
		out->answer = TXT_NO_NAME;
	else if (q->len >= 0)
		txt_from_message(q->answer, (size_t)q->len, out);
	question_free(q);
}

void txt_find(const struct txt_source *s, const char *name, struct txt *out)
{
	size_t len = strlen(name);
	char *absolute = xstrndup(name, len > 0 && name[len - 1] == '.' ? len - 1 : len);

	*out = (struct txt){ .answer = TXT_UNAVAILABLE };
	if (s->dns)
		find_in_dns(absolute, out);
	else
		answer_from(&s->zone, absolute, out);
	free(absolute);
}

void txt_free(struct txt *t)
{
	for (size_t i = 0; i < t->n; i++)
		buf_free(&t->records[i]);
	t->n = 0;
	free(t->alias);
	t->alias = NULL;
}

/* --- the source --- */

static bool read_all(int fd, const char *file, struct buf *text, struct result *r)
{
	char piece[16 * 1024];
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) != 0) {
		if (n > 0)
			buf_add(text, piece, (size_t)n);
		else if (!try_again(errno, fd, false))
			return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s cannot be read: %s",
					   file, strerror(errno));
		if (buf_overflowed(text))
			return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
					   "%s is larger than %d bytes", file, RECORDS_FILE_MAX);
	}
	return true;
}

static bool read_file(const char *file, struct zone *z, struct result *r)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct buf text;
	bool ok;

	if (fd < 0)
		return result_fail(r, errno == EACCES ? CAUSE_PERMISSION : CAUSE_CONFIG,
				   STEP_CONFIG, "%s cannot be opened: %s", file, strerror(errno));
	buf_init(&text, RECORDS_FILE_MAX);
	ok = read_all(fd, file, &text, r) && zone_read(buf_span(&text), file, z, r);
	buf_free(&text);
	close(fd);
	return ok;
}

bool txt_open(const char *file, struct txt_source **out, struct result *r)
{
	struct txt_source *s = xcalloc(1, sizeof *s);

	s->dns = file == NULL;
	zone_init(&s->zone);
	if (file != NULL && !read_file(file, &s->zone, r)) {
		txt_close(s);
		return false;
	}
	*out = s;
	return true;
}

void txt_close(struct txt_source *s)
{
	if (s == NULL)
		return;
	zone_free(&s->zone);
	free(s);
}
