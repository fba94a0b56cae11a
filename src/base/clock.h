/*
 * clock.h - time and randomness, the two things a test has to hold still
 */
#ifndef MAILCHUTE_CLOCK_H
#define MAILCHUTE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds of a clock that never jumps; only differences mean anything. */
int64_t clock_mono_ms(void);
/* Seconds since 1970, UTC. */
time_t clock_now(void);
/* Unpredictable bytes from the kernel; ends the process (EX_TEMPFAIL) if there are none. */
void random_bytes(void *p, size_t len);

/*
 * For unit tests alone: from now on clock_now() answers `now`, and random_bytes() gives bytes
 * that count up from 0. A negative `now` takes both back.
 */
void clock_freeze(time_t now);

#endif
