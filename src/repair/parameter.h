/*
 * parameter.h - parameters beyond ASCII in Content-Type and Content-Disposition, RFC 2231
 */
#ifndef MAILCHUTE_REPAIR_PARAMETER_H
#define MAILCHUTE_REPAIR_PARAMETER_H

#include "base/buf.h"
#include "repair/words.h"

/*
 * Appends the value with parameters as RFC 2231 has them where they may not travel as they are,
 * in sections that fit on a line. A raw parameter that stands there so already is left out. What
 * is no parameter becomes encoded words.
 */
void parameters_write(const struct words *w, struct span value);

#endif
