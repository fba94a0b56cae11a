/*
 * plan.h - what has to be done with one MIME entity for a server that takes this much
 */
#ifndef MAILCHUTE_REPAIR_PLAN_H
#define MAILCHUTE_REPAIR_PLAN_H

#include "base/result.h"
#include "mail/header.h"
#include "repair/mime.h"
#include "repair/survey.h"
#include "repair/transfer.h"

#include <stdbool.h>

struct plan {
	enum transfer transfer; /* of its text */
	const char *encoding;   /* the new Content-Transfer-Encoding, NULL: it stays; static */
	bool declare;           /* the charset, and with it a Content-Type that is missing */
	bool mend_head;         /* fields of its header are wrong */
};

/*
 * `eight_bit`: the server takes octets beyond ASCII. CAUSE_DATA when the entity has to change
 * and may not, with the reason.
 */
bool plan_entity(const struct mime_entity *e, const struct survey *survey, bool eight_bit,
		 struct plan *plan, struct result *r);
/* Does the plan say anything about the entity's header? */
bool plan_changes_head(const struct plan *plan);
/* Writes what the plan says about MIME into the header; `charset` is for octets beyond ASCII. */
void plan_label(const struct plan *plan, const struct mime_entity *e, const char *charset,
		struct header *h);

#endif
