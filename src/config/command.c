/*
 * command.c - runs a program that prints a secret
 */
#include "config/command.h"

#include "base/clock.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"

#define TICK_MS         10   /* how long its end may go unnoticed */
#define GRACE_MS        1000 /* for a killed group to be gone */
#define NOT_RUN         127  /* says posix_spawnp, if it returns before it knows */
#define COMPLAINT_MAX   400  /* bytes of its standard error that are told */
#define PIECE           4096
#define PIECES_MAX      32    /* taken at a time; more than a pipe holds */
#define DESCRIPTORS_MAX 65536 /* nobody hands us one with a higher number */

extern char **environ;

struct run {
	char *const *words;
	const char *what;
	pid_t pid;
	int status; /* waitpid's, once it has ended */
	bool ended;
	bool lost;              /* so that nobody can tell its status */
	struct pollfd pipes[2]; /* its output, its errors; fd -1 at their end */
	struct buf *out;
	struct buf errors; /* the last of them */
	struct sigaction before;
	struct result *r;
};

enum { OUTPUT, ERRORS };

/* --- start --- */

static void close_pipe(int pipe_fds[2])
{
	for (int i = 0; i < 2; i++) {
		if (pipe_fds[i] >= 0)
			close(pipe_fds[i]);
		pipe_fds[i] = -1;
	}
}

/* Ours are closed on exec already; those that our caller left open are not for others. */
static void keep_descriptors(void)
{
	long max = sysconf(_SC_OPEN_MAX);

	if (max < 0 || max > DESCRIPTORS_MAX)
		max = DESCRIPTORS_MAX;
	for (int fd = 3; fd < max; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* What a program may expect, and what we, or who called us, have changed. */
static void set_signals(posix_spawnattr_t *attr)
{
	static const int changed[] = { SIGPIPE, SIGXFSZ, SIGCHLD };
	sigset_t none, defaults;

	sigemptyset(&none);
	sigemptyset(&defaults);
	for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++)
		sigaddset(&defaults, changed[i]);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &defaults);
	posix_spawnattr_setpgroup(attr, 0);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
					       POSIX_SPAWN_SETPGROUP);
}

/* 0 or an errno. */
static int spawn(struct run *run, int out, int errors)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int error;

	if (posix_spawn_file_actions_init(&files) != 0 || posix_spawnattr_init(&attr) != 0)
		out_of_memory();
	set_signals(&attr);
	error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&files, out, 1);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&files, errors, 2);
	if (error == 0)
		error = posix_spawnp(&run->pid, run->words[0], &files, &attr, run->words, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return error;
}

static bool not_started(struct run *run, int error)
{
	enum cause cause = CAUSE_CONFIG;

	if (error == EACCES || error == EPERM)
		cause = CAUSE_PERMISSION;
	else if (error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE)
		cause = CAUSE_TEMPORARY;
	return result_fail(run->r, cause, STEP_CONFIG, "%s: %s: cannot be run: %s", run->what,
			   run->words[0], strerror(error));
}

static bool start(struct run *run)
{
	int out[2] = { -1, -1 }, errors[2] = { -1, -1 };
	int error = 0;

	if (pipe(out) != 0 || pipe(errors) != 0)
		error = errno;
	keep_descriptors();
	if (error == 0)
		error = spawn(run, out[1], errors[1]);
	if (error != 0) {
		close_pipe(out);
		close_pipe(errors);
		return not_started(run, error);
	}
	close(out[1]);
	close(errors[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(errors[0], F_SETFL, O_NONBLOCK);
	run->pipes[OUTPUT] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	run->pipes[ERRORS] = (struct pollfd){ .fd = errors[0], .events = POLLIN };
	return true;
}

/* --- listen --- */

static void take_errors(struct buf *errors, const char *piece, size_t len)
{
	buf_add(errors, piece, len);
	if (errors->len > COMPLAINT_MAX)
		buf_consume(errors, errors->len - COMPLAINT_MAX);
}

/* All that is there now. */
static void drain(struct run *run, int which)
{
	struct pollfd *pipe = &run->pipes[which];
	char piece[PIECE];

	for (int i = 0; i < PIECES_MAX && pipe->fd >= 0; i++) {
		ssize_t n = read(pipe->fd, piece, sizeof piece);

		if (n > 0 && which == OUTPUT)
			buf_add(run->out, piece, (size_t)n);
		else if (n > 0)
			take_errors(&run->errors, piece, (size_t)n);
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		else if (n == 0 || errno != EINTR) {
			close(pipe->fd);
			pipe->fd = -1;
		}
	}
	wipe(piece, sizeof piece);
}

/* Sees whether it has ended, and takes what it has said before that. */
static void look(struct run *run)
{
	pid_t pid = waitpid(run->pid, &run->status, WNOHANG);

	run->lost = pid < 0 && errno != EINTR;
	run->ended = pid == run->pid || run->lost;
	drain(run, OUTPUT);
	drain(run, ERRORS);
}

static void kill_group(struct run *run)
{
	int64_t until = clock_mono_ms() + GRACE_MS;

	kill(-run->pid, SIGKILL);
	while (!run->ended && clock_mono_ms() < until) {
		run->ended = waitpid(run->pid, &run->status, WNOHANG) != 0;
		if (!run->ended)
			poll(NULL, 0, 1);
	}
}

/*
 * Its end counts, not that of the pipes: what it leaves running (an agent) may keep them open. With
 * both pipes closed it is about to end, and is asked more often.
 */
static bool listen_to_it(struct run *run, int64_t timeout_ms)
{
	int64_t deadline = clock_mono_ms() + timeout_ms;

	for (look(run); !run->ended && !buf_overflowed(run->out); look(run)) {
		bool closed = run->pipes[OUTPUT].fd < 0 && run->pipes[ERRORS].fd < 0;

		if (clock_mono_ms() >= deadline) {
			kill_group(run);
			return result_fail(run->r, CAUSE_CONFIG, STEP_CONFIG,
					   "%s: %s: took longer than %lld seconds", run->what,
					   run->words[0], (long long)(timeout_ms / 1000));
		}
		poll(run->pipes, 2, closed ? 1 : TICK_MS);
	}
	if (!buf_overflowed(run->out))
		return true;
	if (!run->ended)
		kill_group(run);
	return result_fail(run->r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: prints more than %d bytes",
			   run->what, run->words[0], COMMAND_OUTPUT_MAX);
}

/* --- end --- */

/* What it complained about, from the beginning of a line on; "" or ": words". */
static char *complaint(const struct run *run)
{
	struct span text = span_trim(buf_span(&run->errors));
	bool cut = run->errors.len == COMPLAINT_MAX;
	const char *end = cut && text.len > 0 ? memchr(text.p, '\n', text.len) : NULL;

	if (end != NULL)
		text = span_trim((struct span){ end, text.len - (size_t)(end - text.p) });
	return text.len == 0 ? xstrdup("") : xasprintf(": %.*s", (int)text.len, text.p);
}

static bool judge(struct run *run)
{
	bool by_signal = WIFSIGNALED(run->status);
	int code = by_signal ? WTERMSIG(run->status) : WEXITSTATUS(run->status);
	char *words;

	if (run->lost)
		return result_fail(run->r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s: %s: its status cannot be had", run->what, run->words[0]);
	if (code == 0)
		return true;
	words = complaint(run);
	if (!by_signal && code == NOT_RUN && words[0] == '\0')
		result_fail(run->r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: cannot be run", run->what,
			    run->words[0]);
	else
		result_fail(run->r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: ended %s %d%s", run->what,
			    run->words[0], by_signal ? "by signal" : "with status", code, words);
	free(words);
	return false;
}

bool command_run(char *const *words, const char *what, int64_t timeout_ms, struct buf *out,
		 struct result *r)
{
	struct run run = { .words = words,
			   .what = what,
			   .pipes = { { .fd = -1 }, { .fd = -1 } },
			   .out = out,
			   .r = r };
	struct sigaction own = { .sa_handler = SIG_DFL };
	bool ok;

	buf_init(out, COMMAND_OUTPUT_MAX);
	buf_reserve(out, COMMAND_OUTPUT_MAX);
	buf_init(&run.errors, COMPLAINT_MAX + PIECE);
	sigemptyset(&own.sa_mask);
	/* Where it is ignored there is no status to wait for. */
	sigaction(SIGCHLD, &own, &run.before);
	ok = start(&run) && listen_to_it(&run, timeout_ms) && judge(&run);
	sigaction(SIGCHLD, &run.before, NULL);
	for (int i = 0; i < 2; i++)
		if (run.pipes[i].fd >= 0)
			close(run.pipes[i].fd);
	buf_wipe(&run.errors);
	if (!ok)
		buf_wipe(out);
	return ok;
}
