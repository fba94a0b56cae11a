/*
 * aside.h - a call that may block for long, in a thread that a deadline can leave behind
 */
#ifndef MAILCHUTE_ASIDE_H
#define MAILCHUTE_ASIDE_H

#include <stdint.h>

enum aside {
	ASIDE_DONE,  /* run() has returned; the job is the caller's */
	ASIDE_LATE,  /* the deadline passed first; the job is no longer the caller's */
	ASIDE_FAILED /* no thread could be made, run() was not called; the job is the caller's */
};

/*
 * Calls run(job) in a thread of its own, which all signals leave alone, and waits for it until
 * `deadline`, a time of clock_mono_ms(). Nothing interrupts a call that is late: its thread calls
 * drop(job) when it comes back, if the process lives that long. Until then run() uses the job, so
 * that everything it needs has to be in there. What run() left in it is there to read when it is
 * done; no lock is needed.
 */
enum aside aside_run(void *job, void (*run)(void *job), void (*drop)(void *job), int64_t deadline);

#endif
