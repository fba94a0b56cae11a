/*
 * srv.h - where a domain's submission servers are: SRV records (RFC 2782, 6186, 8314)
 */
#ifndef MAILCHUTE_SRV_H
#define MAILCHUTE_SRV_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SRV_TARGETS_MAX 16

struct srv_target {
	char *host; /* ASCII, without the last dot */
	char port[6];
};

struct srv {
	struct srv_target targets[SRV_TARGETS_MAX]; /* in the order they are to be tried */
	size_t n;
};

/*
 * Looks `service`.`domain` up (service: "_submissions._tcp"). True with the targets by priority,
 * among equals at random by weight; none at all when there is no such record or its target is ".",
 * which means that the service is not offered. False (CAUSE_TEMPORARY, STEP_RESOLVE) when nobody
 * could say before `deadline`. srv_free is due in any case.
 */
bool srv_find(const char *service, const char *domain, int64_t deadline, struct srv *out,
	      struct result *r);
void srv_free(struct srv *s);

/* What a server's message says, hostile ones included; false as above. For srv_find and tests. */
bool srv_from_message(const unsigned char *message, size_t len, struct srv *out);

/*
 * May the certificate of a target be the target's own? DNS answers can be forged, so only a target
 * that is the domain itself or below it is as good as what was configured (RFC 6186 section 6);
 * any other has to show a certificate for the domain.
 */
bool srv_target_is_under(const char *target, const char *domain);

#endif
