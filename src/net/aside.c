/*
 * aside.c - a call that may block for long, in a thread that a deadline can leave behind
 */
#include "net/aside.h"

#include "base/util.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/banned.h"

/* The caller and the thread each own a share; whoever is last frees it. */
struct call {
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done;
	bool abandoned;
	void *job;
	void (*run)(void *job);
	void (*drop)(void *job);
};

static struct call *call_new(void)
{
	struct call *c = xcalloc(1, sizeof *c);
	pthread_condattr_t monotonic;

	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->done_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return c;
}

static void call_free(struct call *c)
{
	pthread_cond_destroy(&c->done_cond);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void *call_thread(void *arg)
{
	struct call *c = arg;

	c->run(c->job);
	pthread_mutex_lock(&c->lock);
	c->done = true;
	bool abandoned = c->abandoned;
	pthread_cond_signal(&c->done_cond);
	pthread_mutex_unlock(&c->lock);
	if (abandoned) {
		c->drop(c->job);
		call_free(c);
	}
	return NULL;
}

/* A detached thread that leaves all signals to the rest of the process. */
static bool start_thread(struct call *c)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&thread, &attr, call_thread, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error == 0;
}

/* False when the deadline has passed; the call is the thread's then. */
static bool wait_for(struct call *c, int64_t deadline)
{
	struct timespec until = { .tv_sec = (time_t)(deadline / 1000),
				  .tv_nsec = (long)(deadline % 1000) * 1000000 };
	int waited = 0;

	pthread_mutex_lock(&c->lock);
	while (!c->done && waited == 0)
		waited = pthread_cond_timedwait(&c->done_cond, &c->lock, &until);
	bool done = c->done;
	c->abandoned = !done;
	pthread_mutex_unlock(&c->lock);
	return done;
}

enum aside aside_run(void *job, void (*run)(void *job), void (*drop)(void *job), int64_t deadline)
{
	struct call *c = call_new();
	enum aside how = ASIDE_DONE;

	c->job = job;
	c->run = run;
	c->drop = drop;
	if (!start_thread(c))
		how = ASIDE_FAILED;
	else if (!wait_for(c, deadline))
		return ASIDE_LATE;
	call_free(c);
	return how;
}
