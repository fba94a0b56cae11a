/*
 * scan.h - looks over a configuration text before libconfuse reads it
 *
 * libconfuse takes many a slip for something else without a word. What it would get wrong is
 * refused here, with the line: an unset ${VAR}, ${VAR} in single quotes, a brace without its
 * partner, a string that runs on into the next line, nothing behind a `=`, an empty list, `+=`,
 * a backslash that would vanish or make a control character, an include that is not one name in
 * parentheses, and whatever it would drop or cut at outside double quotes (a `#` glued to a
 * value, `*`, `+`).
 */
#ifndef MAILCHUTE_SCAN_H
#define MAILCHUTE_SCAN_H

#include "base/buf.h"
#include "base/result.h"

/*
 * Checks `text`, the whole contents of one file, and blanks out comments and carriage returns
 * in place, so that every line keeps its number. `file` names it in errors (CAUSE_CONFIG),
 * which never quote the text: it may hold a password.
 */
bool conf_scan(const char *file, struct buf *text, struct result *r);

#endif
