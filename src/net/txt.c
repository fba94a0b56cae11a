/*
 * txt.c - TXT records: from the DNS by libc's resolver, or from a file
 */
#include "net/txt.h"

#include "base/clock.h"
#include "base/util.h"
#include "net/dns.h"
#include "net/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define RECORDS_FILE_MAX (1024 * 1024)
#define DEADLINE_MS      15000 /* for one name, however many servers the resolver asks */
#define TEXT_MAX         65535

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
	if (!dns_open(message, len, &msg))
		return;
	zone_init(&z);
	if (read_message(&msg, &z, name)) {
		answer_from(&z, name, out);
		/* Whether there is such a name only the server knows. */
		if (out->answer == TXT_NO_NAME || out->answer == TXT_NO_RECORD)
			out->answer = dns_has_name(&msg) ? TXT_NO_RECORD : TXT_NO_NAME;
	}
	zone_free(&z);
}

/* --- asking --- */

static void find_in_dns(const char *name, struct txt *out)
{
	struct buf answer;

	switch (dns_ask(name, ns_t_txt, clock_mono_ms() + DEADLINE_MS, &answer)) {
	case DNS_ANSWERED:
		txt_from_message((const unsigned char *)answer.p, answer.len, out);
		break;
	case DNS_IMPOSSIBLE:
		out->answer = TXT_NO_NAME;
		break;
	case DNS_SILENT:
		break;
	}
	buf_free(&answer);
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
