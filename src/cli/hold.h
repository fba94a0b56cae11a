/*
 * hold.h - how long a message is to be held back: the values of RFC 4865
 */
#ifndef MAILCHUTE_HOLD_H
#define MAILCHUTE_HOLD_H

#include <stdbool.h>

/* HOLDFOR's: seconds in decimal, 1 to 999999999. */
bool hold_for_ok(const char *text);
/*
 * HOLDUNTIL's, "2026-11-22T07:00:00Z", of a date and time of RFC 3339 with any offset from UTC;
 * fractions of a second are dropped. The string is the caller's; NULL if `text` is no such time.
 */
char *hold_until(const char *text);

#endif
