/*
 * test_aside.c - a call in a thread of its own: done in time, left behind, and many at once
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "net/aside.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define LONG_MS (60 * 1000) /* more than any of this takes */
#define CALLERS 8
#define ROUNDS  25

static void must_not_run(void *job)
{
	(void)job;
	abort();
}

/* --- done --- */

struct look {
	pthread_t thread;
	sigset_t blocked;
	int times;
};

static void look_around(void *job)
{
	struct look *look = job;

	look->thread = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &look->blocked);
	look->times++;
}

static void done(void **state)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGALRM, SIGPIPE, SIGTERM, SIGCHLD };
	struct look look = { .times = 0 };
	sigset_t before, after;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(aside_run(&look, look_around, must_not_run, clock_mono_ms() + LONG_MS),
			 ASIDE_DONE);
	assert_int_equal(look.times, 1);
	assert_false(pthread_equal(look.thread, pthread_self()));
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		assert_int_equal(sigismember(&look.blocked, signals[i]), 1);
		assert_int_equal(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
	}
}

/* --- late --- */

/* A call that does not come back before it is let. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	bool passed;
	int dropped;
	bool dropped_early;
};

static void wait_at_gate(void *job)
{
	struct gate *g = job;

	pthread_mutex_lock(&g->lock);
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	g->passed = true;
	pthread_mutex_unlock(&g->lock);
}

static void drop_gate(void *job)
{
	struct gate *g = job;

	pthread_mutex_lock(&g->lock);
	g->dropped++;
	g->dropped_early = !g->passed;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void late(void **state)
{
	static const int64_t waits[] = { -LONG_MS, 0, 1, 20 };

	(void)state;
	for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		struct gate g = { .lock = PTHREAD_MUTEX_INITIALIZER,
				  .changed = PTHREAD_COND_INITIALIZER };
		int64_t deadline = clock_mono_ms() + waits[i];

		assert_int_equal(aside_run(&g, wait_at_gate, drop_gate, deadline), ASIDE_LATE);
		assert_true(clock_mono_ms() >= deadline);
		pthread_mutex_lock(&g.lock);
		assert_int_equal(g.dropped, 0);
		g.open = true;
		pthread_cond_broadcast(&g.changed);
		while (g.dropped == 0)
			pthread_cond_wait(&g.changed, &g.lock);
		assert_int_equal(g.dropped, 1);
		assert_false(g.dropped_early);
		pthread_mutex_unlock(&g.lock);
		pthread_cond_destroy(&g.changed);
		pthread_mutex_destroy(&g.lock);
	}
}

/* --- no thread --- */

static void no_thread(void **state)
{
	pthread_attr_t before, huge;

	(void)state;
	/* No address space holds a stack of this size. */
	assert_int_equal(pthread_getattr_default_np(&before), 0);
	pthread_attr_init(&huge);
	assert_int_equal(pthread_attr_setstacksize(&huge, SIZE_MAX / 8 * 7), 0);
	assert_int_equal(pthread_setattr_default_np(&huge), 0);
	enum aside how = aside_run(NULL, must_not_run, must_not_run, clock_mono_ms() + LONG_MS);
	assert_int_equal(pthread_setattr_default_np(&before), 0);
	pthread_attr_destroy(&before);
	pthread_attr_destroy(&huge);
	assert_int_equal(how, ASIDE_FAILED);
}

/* --- many at once --- */

/* What became of all jobs of all callers. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int settled; /* by the caller or by drop() */
	int not_run;
	int in_time; /* of those that had time */
} tally = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

struct work {
	char *text;
};

static void do_work(void *job)
{
	struct work *w = job;

	w->text = xstrdup("done");
}

static void settle(void *job)
{
	struct work *w = job;
	bool run = w->text != NULL && strcmp(w->text, "done") == 0;

	free(w->text);
	free(w);
	pthread_mutex_lock(&tally.lock);
	tally.settled++;
	tally.not_run += !run;
	pthread_cond_signal(&tally.changed);
	pthread_mutex_unlock(&tally.lock);
}

/* In every other round the call and its caller race: the deadline is now. */
static void *call_often(void *arg)
{
	int in_time = 0;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		bool race = i % 2 == 0;
		struct work *w = xcalloc(1, sizeof *w);
		int64_t deadline = clock_mono_ms() + (race ? 0 : LONG_MS);
		enum aside how = aside_run(w, do_work, settle, deadline);

		if (how != ASIDE_LATE)
			settle(w);
		in_time += !race && how == ASIDE_DONE;
	}
	pthread_mutex_lock(&tally.lock);
	tally.in_time += in_time;
	pthread_mutex_unlock(&tally.lock);
	return NULL;
}

static void many_at_once(void **state)
{
	pthread_t callers[CALLERS];

	(void)state;
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, call_often, NULL), 0);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_join(callers[i], NULL), 0);
	pthread_mutex_lock(&tally.lock);
	while (tally.settled < CALLERS * ROUNDS)
		pthread_cond_wait(&tally.changed, &tally.lock);
	assert_int_equal(tally.settled, CALLERS * ROUNDS);
	assert_int_equal(tally.not_run, 0);
	assert_int_equal(tally.in_time, CALLERS * (ROUNDS / 2));
	pthread_mutex_unlock(&tally.lock);
}

/* --- the end --- */

/* How many threads there are, if the system tells it this way; else 0. */
static size_t count_threads(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 ? (size_t)st.st_nlink : 0;
}

static size_t threads_before;

static void *count_from_thread(void *arg)
{
	size_t n = count_threads();

	threads_before = n > 0 ? n - 1 : 0;
	return arg;
}

/* From a thread, as with the first one a sanitizer may start one that stays. */
static int count_before(void **state)
{
	pthread_t thread;

	(void)state;
	alarm(LONG_MS / 1000); /* a call that nobody ends would wait for ever */
	return pthread_create(&thread, NULL, count_from_thread, NULL) == 0 &&
			       pthread_join(thread, NULL) == 0
		       ? 0
		       : -1;
}

/* Valgrind takes what belongs to a thread that is just ending for lost. */
static int see_all_end(void **state)
{
	(void)state;
	while (count_threads() > threads_before)
		sched_yield();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(done),
		cmocka_unit_test(late),
		cmocka_unit_test(no_thread),
		cmocka_unit_test(many_at_once),
	};

	return cmocka_run_group_tests(tests, count_before, see_all_end);
}
