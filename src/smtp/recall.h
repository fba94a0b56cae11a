/*
 * recall.h - what is remembered of a server from one run to the next
 *
 * Its answers to EHLO, if it announced PIPECONNECT (draft-harris-early-pipe): a later session says
 * EHLO and what may follow without waiting. And its TLS session ticket. Both are of use only to a
 * session with the same server and the same requirements; what those are stays the configuration's
 * alone. A ticket is used once.
 */
#ifndef MAILCHUTE_RECALL_H
#define MAILCHUTE_RECALL_H

#include "base/buf.h"
#include "smtp/host.h"

#include <stdbool.h>
#include <time.h>

struct recall {
	const char *dir; /* borrowed; NULL: nothing is remembered */
	char *name;      /* of the files */
	struct buf key;  /* host, port, protocol, our name, user, mechanisms, every TLS setting */
	struct buf ehlo_clear; /* the reply's text before STARTTLS; empty: not known */
	struct buf ehlo;       /* the last one: under TLS where TLS is used */
	struct buf ticket;     /* secret */
};

/* Reads what there is for this endpoint; a ticket is taken away by that. recall_free is due. */
void recall_load(struct recall *m, const struct smtp_host *host, const struct smtp_endpoint *at,
		 const char *ehlo_name);
void recall_free(struct recall *m);
/* Does a server that answers so to EHLO allow what comes early? */
bool recall_allows_early(struct span ehlo_text);
/* The EHLO answers of this session ("" for none), written only where they are new. */
void recall_keep_ehlo(struct recall *m, struct span clear, struct span last);
/* The server no longer announces PIPECONNECT, or answered otherwise than remembered. */
void recall_drop_ehlo(struct recall *m);
/* A ticket for the next session, good until that time (seconds since 1970). */
void recall_keep_ticket(struct recall *m, struct span ticket, time_t until);

#endif
