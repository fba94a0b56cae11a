/*
 * srv.c - where a domain's submission servers are
 */
#include "net/srv.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/util.h"
#include "net/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define LOOKUP_MS    30000
#define FIXED_OCTETS 6 /* priority, weight and port, two each; the target follows */

struct record {
	unsigned priority;
	unsigned weight;
	unsigned port;
	char *host;
};

struct records {
	struct record all[SRV_TARGETS_MAX];
	size_t n;
};

/* What a host can be called; nobody else's characters reach a log line or the resolver. */
static bool is_host_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!ascii_isalnum(*p) && strchr("-_.", *p) == NULL)
			return false;
	return name[0] != '\0' && name[0] != '.';
}

/* Of more records than there is room for those with the best priority stay. */
static void keep(struct records *records, const struct record *record)
{
	struct record *place = &records->all[0];

	if (records->n < SRV_TARGETS_MAX) {
		place = &records->all[records->n++];
	} else {
		for (size_t i = 1; i < records->n; i++)
			if (records->all[i].priority > place->priority)
				place = &records->all[i];
		if (place->priority <= record->priority)
			return;
		free(place->host);
	}
	*place = *record;
	place->host = xstrdup(record->host);
}

/* False for a record that is broken; one that leads nowhere is left out. */
static bool read_record(ns_msg *msg, const ns_rr *rr, struct records *records)
{
	char target[NS_MAXDNAME];
	const unsigned char *data = ns_rr_rdata(*rr);
	struct record record = { .host = target };

	if (ns_rr_class(*rr) != ns_c_in || ns_rr_type(*rr) != ns_t_srv)
		return true;
	if (ns_rr_rdlen(*rr) <= FIXED_OCTETS)
		return false;
	record.priority = ns_get16(data);
	record.weight = ns_get16(data + 2);
	record.port = ns_get16(data + 4);
	int used = ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg), data + FIXED_OCTETS,
				      target, sizeof target);

	if (used < 0 || used != ns_rr_rdlen(*rr) - FIXED_OCTETS)
		return false;
	if (record.port != 0 && is_host_name(target)) /* "." is none: RFC 2782, not offered */
		keep(records, &record);
	return true;
}

/*
 * A message answers one question, so that every SRV record of its answer counts, whatever name it
 * is under: that is ours, or one where CNAMEs lead. Who could put others in could forge ours.
 */
static bool read_records(ns_msg *msg, struct records *records)
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*msg, ns_s_an); i++)
		if (ns_parserr(msg, ns_s_an, i, &rr) != 0 || !read_record(msg, &rr, records))
			return false;
	return true;
}

/* By priority; among equals those without weight in front, as the choice below wants them. */
static int compare(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return (x->weight != 0) - (y->weight != 0);
}

/* RFC 2782: the next one of so many of one priority, at random by weight. */
static size_t choose(const struct record *records, size_t n)
{
	uint32_t sum = 0, dice, so_far = 0;

	for (size_t i = 0; i < n; i++)
		sum += records[i].weight;
	random_bytes(&dice, sizeof dice);
	dice %= sum + 1;
	for (size_t i = 0; i < n; i++) {
		so_far += records[i].weight;
		if (so_far >= dice)
			return i;
	}
	return n - 1;
}

static void put_in_order(struct records *records)
{
	qsort(records->all, records->n, sizeof records->all[0], compare);
	for (size_t i = 0; i + 1 < records->n; i++) {
		struct record *rest = &records->all[i], chosen;
		size_t n = 1;

		while (i + n < records->n && rest[n].priority == rest[0].priority)
			n++;
		n = choose(rest, n);
		chosen = rest[n];
		memmove(rest + 1, rest, n * sizeof *rest); /* the others as they were */
		rest[0] = chosen;
	}
}

bool srv_from_message(const unsigned char *message, size_t len, struct srv *out)
{
	struct records records = { .n = 0 };
	ns_msg msg;
	bool ok;

	*out = (struct srv){ .n = 0 };
	if (!dns_open(message, len, &msg))
		return false;
	ok = read_records(&msg, &records);
	if (ok && dns_has_name(&msg)) {
		put_in_order(&records);
		for (; out->n < records.n; out->n++) {
			struct srv_target *target = &out->targets[out->n];

			target->host = xstrdup(records.all[out->n].host);
			snprintf(target->port, sizeof target->port, "%u",
				 records.all[out->n].port & 0xffff);
		}
	}
	for (size_t i = 0; i < records.n; i++)
		free(records.all[i].host);
	return ok;
}

static size_t length_without_dot(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

bool srv_find(const char *service, const char *domain, int64_t deadline, struct srv *out,
	      struct result *r)
{
	char *name = xasprintf("%s.%.*s", service, (int)length_without_dot(domain), domain);
	int64_t until = clock_mono_ms() + LOOKUP_MS;
	struct buf answer;
	bool ok = false;

	*out = (struct srv){ .n = 0 };
	switch (dns_ask(name, ns_t_srv, until < deadline ? until : deadline, &answer)) {
	case DNS_ANSWERED:
		ok = srv_from_message((const unsigned char *)answer.p, answer.len, out);
		break;
	case DNS_IMPOSSIBLE:
		ok = true;
		break;
	case DNS_SILENT:
		break;
	}
	if (!ok)
		result_fail(r, CAUSE_TEMPORARY, STEP_RESOLVE,
			    "the DNS gives no answer now to what SRV records %s has", name);
	buf_free(&answer);
	free(name);
	return ok;
}

void srv_free(struct srv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->targets[i].host);
	s->n = 0;
}

bool srv_target_is_under(const char *target, const char *domain)
{
	size_t len = length_without_dot(target), want = length_without_dot(domain);

	if (want == 0 || len < want || ascii_ncasecmp(target + (len - want), domain, want) != 0)
		return false;
	return len == want || target[len - want - 1] == '.';
}
