/*
 * field.h - a header field that may not travel as it is, made one that may
 *
 * What is wrong with a field is an octet beyond ASCII (where SMTPUTF8 is not spoken) or a line
 * over 998 octets (RFC 5322 section 2.1.1). Only what is wrong changes: words that are ASCII, white
 * space and comments stay where they are.
 */
#ifndef MAILCHUTE_REPAIR_FIELD_H
#define MAILCHUTE_REPAIR_FIELD_H

#include "base/buf.h"
#include "base/result.h"
#include "mail/header.h"

#include <stdbool.h>
#include <stddef.h>

#define LINE_OCTETS_MAX 998 /* RFC 5322 section 2.1.1, without CRLF */

/*
 * True when the field (complete, CRLF at its end) has to change. `utf8`: it may hold UTF-8
 * (RFC 6532); octets that are no UTF-8 are wrong all the same.
 */
bool field_is_wrong(struct span field, bool utf8);

/*
 * Appends the field as it may travel:
 *
 *	address fields (TRAIT_ADDRESS)  display names, group names and comments as encoded words
 *					(RFC 2047), domains as A-labels; a field that is no address
 *					list is taken for text, in which only words change, where
 *					quoted strings are words and comments stay comments
 *	Errors-To, X-Original-From, ...	the same; what cannot be written as an address is text
 *	Content-Type, -Disposition	parameters as RFC 2231 has them (name*=UTF-8''...)
 *	Received, List-ID, ...		words as in a phrase: quoted strings and comments are whole
 *	all others			words beyond ASCII as encoded words
 *
 * A field with encoded words is folded at 76, others are folded at 78 where a line is over 998.
 * `charset` is for octets that are no UTF-8; a checked token. Fails with CAUSE_DATA, STEP_HEADER
 * and the field's name in the sentence: a line that white space does not allow to fold under
 * 998, a domain that has no A-label, a local part beyond ASCII (which only SMTPUTF8 carries).
 * With `utf8` nothing is encoded but what is no UTF-8.
 */
bool field_repair(struct span field, bool utf8, const char *charset, struct buf *out,
		  struct result *r);

/* True for an address field in which a local part is beyond ASCII: only SMTPUTF8 carries it. */
bool field_needs_utf8(struct span field);

/* What is wrong, as in "the field X ...": static words (holds octets beyond ASCII), or NULL. */
const char *field_complaint(struct span field, bool utf8);

#endif
