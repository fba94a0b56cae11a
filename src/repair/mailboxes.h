/*
 * mailboxes.h - address fields: names and comments as encoded words, domains as A-labels
 */
#ifndef MAILCHUTE_REPAIR_MAILBOXES_H
#define MAILCHUTE_REPAIR_MAILBOXES_H

#include "base/buf.h"
#include "base/result.h"
#include "mail/addr.h"
#include "repair/words.h"

#include <stdbool.h>

/*
 * False when the value is no address list. The first mailbox whose local part may not travel is
 * in *m, for mailbox_free(); m->local is NULL without one.
 */
bool mailboxes_read(struct span value, bool utf8, struct mailbox *m);
/*
 * Appends the value, which mailboxes_read() could read. Fails with CAUSE_DATA for a domain that
 * has no A-label; `name` is the field's, for the sentence.
 */
bool mailboxes_write(const struct words *w, struct span value, struct span name, struct result *r);
/*
 * Appends the value, which is no address list, or not one that can be written, as text: what is
 * outside of quoted strings and comments stays there, and nothing from their inside joins it.
 */
void mailboxes_text(const struct words *w, struct span value);

#endif
