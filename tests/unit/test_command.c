/*
 * test_command.c - programs that print secrets: what they get, how they may end, what is said
 */
#include "config/command.h"

#include "base/clock.h"
#include "base/util.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/banned.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PATIENCE_MS  20000
#define WORDS_MAX    5

static char dir[] = "/tmp/test_command.XXXXXX";

static char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* command_run() of words that are constant. */
static bool run(const char *const *words, int64_t timeout_ms, struct buf *out, struct result *r)
{
	char *copy[WORDS_MAX + 1];
	size_t n = 0;
	bool ok;

	for (; words[n] != NULL; n++) {
		assert_true(n < WORDS_MAX);
		copy[n] = xstrdup(words[n]);
	}
	copy[n] = NULL;
	ok = command_run(copy, "password_command", timeout_ms, out, r);
	while (n > 0)
		free(copy[--n]);
	return ok;
}

static void printed(const char *const *words, const char *text, size_t len)
{
	struct result r = RESULT_OK;
	struct buf out;

	if (!run(words, PATIENCE_MS, &out, &r))
		fail_msg("%s: %s", words[0], r.text);
	assert_int_equal(out.len, len);
	if (len > 0)
		assert_memory_equal(out.p, text, len);
	buf_wipe(&out);
}

static void refused(const char *const *words, int64_t timeout_ms, enum cause cause,
		    const char *text)
{
	struct result r = RESULT_OK;
	struct buf out;

	if (run(words, timeout_ms, &out, &r))
		fail_msg("accepted, but expected: %s", text);
	assert_string_equal(r.text, text);
	assert_int_equal(r.cause, cause);
	assert_int_equal(r.step, STEP_CONFIG);
	assert_int_equal(out.len, 0);
	assert_null(out.p);
	result_free(&r);
}

/* A shell is the handiest of commands; what is run has none of its own. */
static void shell_prints(const char *script, const char *text)
{
	printed(WORDS("sh", "-c", script), text, strlen(text));
}

static void shell_refused(const char *script, const char *text)
{
	refused(WORDS("sh", "-c", script), PATIENCE_MS, CAUSE_CONFIG, text);
}

static void test_output(void **state)
{
	static const struct {
		const char *script;
		const char *output;
	} cases[] = {
		{ "echo secret", "secret\n" },
		{ "printf %s secret", "secret" },
		{ ":", "" },
		{ "echo secret; echo warning >&2", "secret\n" },
		{ "printf se; sleep 0.1; echo cret", "secret\n" },
		{ "exec >&-; sleep 0.1", "" },
		{ "echo secret; exec >&- 2>&-; sleep 0.1", "secret\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		shell_prints(cases[i].script, cases[i].output);
}

/* Words are words: nothing is expanded, split or run. */
static void test_words(void **state)
{
	(void)state;
	printed(WORDS("printf", "<%s>", "a b", "$HOME;~/*"), "<a b><$HOME;~/*>",
		strlen("<a b><$HOME;~/*>"));
}

static void test_binary(void **state)
{
	(void)state;
	printed(WORDS("printf", "a\\000b\\377"), "a\0b\377", 4);
}

/* It sees our environment, no input, and none of our descriptors. */
static void test_surroundings(void **state)
{
	int kept = open("/dev/null", O_RDONLY), high = fcntl(kept, F_DUPFD, 200);

	(void)state;
	assert_true(kept > 2 && high >= 200);
	setenv("TEST_COMMAND", "a b", 1);
	shell_prints("echo \"$TEST_COMMAND\"", "a b\n");
	unsetenv("TEST_COMMAND");
	shell_prints("cat; echo end", "end\n");
	if (access("/proc/self/fd", X_OK) == 0) {
		char *script =
			xasprintf("cd /proc/$$/fd && test -e 2 -a ! -e %d -a ! -e %d", kept, high);

		shell_prints(script, "");
		free(script);
	}
	close(kept);
	close(high);
}

/* The caller's odd signal settings are neither in the way nor handed on. */
static void test_signals(void **state)
{
	struct sigaction after;
	sigset_t all, mask;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	shell_refused("kill -s PIPE $$; echo alive", "password_command: sh: ended by signal 13");
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGCHLD, NULL, &after);
	assert_true(after.sa_handler == SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
}

static void test_failures(void **state)
{
	static const struct {
		const char *script;
		const char *error;
	} cases[] = {
		{ "exit 2", "password_command: sh: ended with status 2" },
		{ "echo secret; exit 1", "password_command: sh: ended with status 1" },
		{ "echo no key >&2; exit 2", "password_command: sh: ended with status 2: no key" },
		{ "echo one >&2; printf 'two\\033[0m\\n\\n' >&2; exit 255",
		  "password_command: sh: ended with status 255: one two [0m" },
		{ "exit 127", "password_command: sh: cannot be run" },
		{ "echo x: not found >&2; exit 127",
		  "password_command: sh: ended with status 127: x: not found" },
		{ "kill -s KILL $$", "password_command: sh: ended by signal 9" },
		{ "echo oh >&2; kill -s TERM $$", "password_command: sh: ended by signal 15: oh" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		shell_refused(cases[i].script, cases[i].error);
}

/* Of much that it complains the end is told, whole lines of it. */
static void test_long_complaint(void **state)
{
	struct buf expected;

	(void)state;
	buf_init(&expected, 1024);
	buf_adds(&expected, "password_command: sh: ended with status 3:");
	for (int i = 9962; i < 10000; i++)
		buf_addf(&expected, " line %d", i);
	buf_addf(&expected, " line 10000");
	shell_refused("i=1; while [ $i -le 10000 ]; do echo line $i; i=$((i+1)); done >&2; exit 3",
		      buf_str(&expected));
	buf_free(&expected);
}

static void test_size(void **state)
{
	char *zeros = xcalloc(COMMAND_OUTPUT_MAX, 1);

	(void)state;
	printed(WORDS("head", "-c", "65536", "/dev/zero"), zeros, COMMAND_OUTPUT_MAX);
	refused(WORDS("head", "-c", "65537", "/dev/zero"), PATIENCE_MS, CAUSE_CONFIG,
		"password_command: head: prints more than 65536 bytes");
	refused(WORDS("cat", "/dev/zero"), PATIENCE_MS, CAUSE_CONFIG,
		"password_command: cat: prints more than 65536 bytes");
	free(zeros);
}

/* When its time is over the whole group is gone, whatever it does meanwhile. */
static void test_timeout(void **state)
{
	static const char *const scripts[] = {
		"sleep 60",
		"sleep 60 | sleep 60",
		"exec >&- 2>&-; sleep 60",
		"trap '' TERM INT HUP; while :; do sleep 1; done",
		"while :; do echo complaint >&2; done",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		int64_t began = clock_mono_ms();

		refused(WORDS("sh", "-c", scripts[i]), 1000, CAUSE_CONFIG,
			"password_command: sh: took longer than 1 seconds");
		assert_true(clock_mono_ms() - began < 10000);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none left to wait for */
	}
}

/* What goes on in the background with our pipes open does not keep us. */
static void test_background(void **state)
{
	int64_t began = clock_mono_ms();

	(void)state;
	shell_prints("sleep 30 & echo secret", "secret\n");
	assert_true(clock_mono_ms() - began < 15000);
}

/* Some libraries, and valgrind, only have the child say that there is nothing to run. */
static bool spawn_tells(void)
{
	char *words[] = { dir, NULL };
	pid_t pid;

	if (posix_spawn(&pid, words[0], NULL, NULL, words, NULL) != 0)
		return true;
	waitpid(pid, NULL, 0);
	return false;
}

static void not_run(const char *path, enum cause cause, const char *why)
{
	bool told = spawn_tells();
	char *text = xasprintf("password_command: %s: cannot be run%s%s", path, told ? ": " : "",
			       told ? why : "");

	refused(WORDS(path), PATIENCE_MS, told ? cause : CAUSE_CONFIG, text);
	free(text);
}

static void test_not_run(void **state)
{
	static const char script[] = "#!/bin/sh\necho secret\n";
	char *path = in_dir("script");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	(void)state;
	assert_true(fd >= 0 && write_all(fd, script, strlen(script)));
	close(fd);
	not_run("/nowhere/at all", CAUSE_CONFIG, "No such file or directory");
	not_run("no-such-program-anywhere", CAUSE_CONFIG, "No such file or directory");
	not_run(path, CAUSE_PERMISSION, "Permission denied");
	not_run(dir, CAUSE_PERMISSION, "Permission denied");
	chmod(path, 0700);
	printed(WORDS(path), "secret\n", 7);
	free(path);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	char *path = in_dir("script");

	(void)state;
	remove(path);
	free(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),         cmocka_unit_test(test_words),
		cmocka_unit_test(test_binary),         cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_signals),        cmocka_unit_test(test_failures),
		cmocka_unit_test(test_long_complaint), cmocka_unit_test(test_size),
		cmocka_unit_test(test_timeout),        cmocka_unit_test(test_background),
		cmocka_unit_test(test_not_run),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
