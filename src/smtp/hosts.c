/*
 * hosts.c - an account's smart hosts, one after the other
 */
#include "smtp/hosts.h"

#include "base/util.h"
#include "smtp/session.h"

#include <stdlib.h>

#include "base/banned.h"

/* RFC 8314 section 5.1: implicit TLS is asked for first. */
static const struct {
	const char *name;
	enum tls_mode tls;
} services[] = {
	{ "_submissions._tcp", TLS_IMPLICIT },
	{ "_submission._tcp", TLS_STARTTLS },
};
#define SERVICES (sizeof services / sizeof services[0])

void hosts_init(struct hosts *h, const struct smtp_host *host)
{
	*h = (struct hosts){ .host = host, .service = SERVICES };
}

static void free_found(struct hosts *h)
{
	for (size_t i = 0; i < SERVICES; i++)
		srv_free(&h->found[i]);
}

void hosts_free(struct hosts *h)
{
	for (size_t i = 0; i < h->n_failed; i++) {
		free(h->failed[i].host);
		result_free(&h->failed[i].result);
	}
	free(h->failed);
	free_found(h);
	hosts_init(h, NULL);
}

const char *hosts_name(const struct hosts *h)
{
	if (h->at.name != NULL)
		return h->at.name;
	return h->host != NULL && h->host->n_endpoints > 0 ? h->host->endpoints[0].name : NULL;
}

void hosts_describe(const struct smtp_host *host, struct buf *out)
{
	for (size_t i = 0; i < host->n_endpoints; i++) {
		const struct smtp_endpoint *e = &host->endpoints[i];

		buf_addf(out, "%s%s%s", i > 0 ? ", " : "", e->kind == ENDPOINT_SRV ? "srv:" : "",
			 e->name);
		if (e->port != NULL)
			buf_addf(out, ":%s", e->port);
	}
}

/* --- SRV --- */

/* What the configuration says about TLS holds: a service of another kind is not asked for. */
static bool service_fits(const struct smtp_endpoint *e, enum tls_mode offered)
{
	return !e->tls_set || e->tls == offered || (e->tls == TLS_OFF && offered == TLS_STARTTLS);
}

static bool find_targets(struct hosts *h, const struct smtp_endpoint *e, int64_t deadline,
			 struct result *r)
{
	struct result again = RESULT_OK;
	size_t n = 0;

	free_found(h);
	for (size_t i = 0; i < SERVICES; i++) {
		if (!service_fits(e, services[i].tls))
			continue;
		srv_find(services[i].name, e->name, deadline, &h->found[i],
			 result_failed(r) ? &again : r);
		result_free(&again);
		n += h->found[i].n;
	}
	h->service = n > 0 ? 0 : SERVICES;
	h->target = 0;
	/* What one look-up found serves, though the other failed. */
	if (n > 0)
		result_free(r);
	if (n > 0 || result_failed(r))
		return n > 0;
	return result_fail(r, CAUSE_NO_HOST, STEP_RESOLVE,
			   "%s has no SRV record %s or %s that says where its submission server is "
			   "(check `host` in the configuration)",
			   e->name, services[0].name, services[1].name);
}

/* The certificate's name: the target's own only where the domain itself vouches for it. */
static const char *target_name(const struct smtp_endpoint *e, const char *target)
{
	if (e->tls_name != NULL)
		return e->tls_name;
	return srv_target_is_under(target, e->name) ? target : e->name;
}

static bool next_target(struct hosts *h)
{
	while (h->service < SERVICES && h->target == h->found[h->service].n) {
		h->service++;
		h->target = 0;
	}
	if (h->service == SERVICES)
		return false;
	const struct smtp_endpoint *e = &h->host->endpoints[h->next - 1];
	const struct srv_target *target = &h->found[h->service].targets[h->target++];
	h->at = (struct smtp_endpoint){
		.kind = ENDPOINT_HOST,
		.name = target->host,
		.port = target->port,
		.tls = e->tls_set ? e->tls : services[h->service].tls,
		.tls_set = e->tls_set,
		.tls_name = target_name(e, target->host),
	};
	return true;
}

/* --- one after the other --- */

static void note(struct hosts *h, struct result *r)
{
	struct smtp_attempt *a;

	h->failed = xreallocarray(h->failed, h->n_failed + 1, sizeof *h->failed);
	a = &h->failed[h->n_failed++];
	*a = (struct smtp_attempt){ .host = xstrdup(h->at.name) };
	result_move(&a->result, r);
}

/* The next host into h->at; one whose look-up fails is noted and passed over. */
static bool next_host(struct hosts *h, int64_t deadline)
{
	while (!next_target(h)) {
		struct result r = RESULT_OK;

		if (h->next == h->host->n_endpoints)
			return false;
		h->at = h->host->endpoints[h->next++];
		if (h->at.kind != ENDPOINT_SRV)
			return true;
		if (!find_targets(h, &h->at, deadline, &r))
			note(h, &r);
	}
	return true;
}

bool hosts_try_next(struct hosts *h, struct result *r)
{
	/* 421 may also be the answer to the whole message. */
	bool too_late = r->maybe_sent || r->step == STEP_END;

	if (result_fault(r) != FAULT_SESSION || too_late || r->cause == CAUSE_DATA)
		return false;
	if (r->step == STEP_AUTH && r->cause == CAUSE_REPLY && r->code / 100 == 5) {
		h->next = h->host->n_endpoints;
		h->service = SERVICES;
	}
	note(h, r);
	return true;
}

/* What all that failed comes to: the last temporary failure, else the last one. */
static void verdict(const struct hosts *h, struct result *r)
{
	const struct result *worst = NULL;

	for (size_t i = 0; i < h->n_failed; i++)
		if (worst == NULL || result_temporary(&h->failed[i].result) ||
		    !result_temporary(worst))
			worst = &h->failed[i].result;
	if (worst != NULL)
		result_copy(r, worst);
}

bool hosts_open(struct hosts *h, struct client *c, const struct smtp_trace *trace, int64_t deadline,
		struct result *r)
{
	while (next_host(h, deadline)) {
		if (session_open(c, h->host, &h->at, trace, deadline, r))
			return true;
		if (!hosts_try_next(h, r))
			return false;
	}
	h->exhausted = true;
	verdict(h, r);
	return false;
}
