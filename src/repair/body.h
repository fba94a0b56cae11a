/*
 * body.h - a body written anew, part by part
 */
#ifndef MAILCHUTE_REPAIR_BODY_H
#define MAILCHUTE_REPAIR_BODY_H

#include "base/result.h"
#include "base/sink.h"
#include "base/spill.h"
#include "mail/message.h"
#include "repair/survey.h"

#include <stdbool.h>

/*
 * Writes the message's body, as each entity's plan says, into `out` and (if not NULL) `tap`. The
 * message's own header is the caller's. `charset` is for octets that are no UTF-8. Fails as
 * plan_entity() and field_repair() do, and as the spills.
 */
bool body_rewrite(const struct message *m, const struct survey *survey, bool eight_bit,
		  const char *charset, const struct sink *tap, struct spill *out, struct result *r);

#endif
