/*
 * main.c - who was called, and in which mode; the only place that prints and exits
 */
#include "base/result.h"
#include "base/util.h"
#include "cli/check.h"
#include "cli/info.h"
#include "cli/inject.h"
#include "cli/options.h"
#include "cli/report.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/banned.h"

typedef int front_end(const struct options *o, struct report *rep);

static front_end *const front_ends[] = {
	[MODE_MESSAGE] = inject,       [MODE_DRY_RUN] = inject,           [MODE_LIST] = info_queue,
	[MODE_ALIASES] = info_aliases, [MODE_QUEUE_RUN] = info_queue_run, [MODE_CHECK] = check,
	[MODE_VERSION] = info_version, [MODE_HELP] = info_help,
};

/*
 * Callers close descriptors they do not care for; whatever is opened next would then become
 * "stdout", and a line meant for a person would land in a connection.
 */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* What was asked for by a mode that only shows something could not be shown. */
static bool stdout_failed;

static bool write_stdout(void *ctx, const char *p, size_t len)
{
	(void)ctx;
	if (!write_all(STDOUT_FILENO, p, len))
		stdout_failed = true;
	return true;
}

/* Secrets pass through this memory: it is not for a file anybody finds later. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct options o;
	struct result r = RESULT_OK;
	struct report rep;
	int status;

	fill_standard_descriptors();
	harden();
	bool ok = options_parse(argc, argv, &o, &r);
	report_init(&rep, o.program, (struct sink){ write_stdout, NULL });
	if (ok) {
		status = front_ends[o.mode](&o, &rep);
		/* With -v too the mail counts, not the words about it. */
		if (stdout_failed && status == EX_OK && o.mode != MODE_MESSAGE)
			status = EX_IOERR;
	} else {
		report_failure(&rep, NULL, NULL, &r);
		status = result_status(&r);
		result_free(&r);
	}
	write_all(STDERR_FILENO, rep.err.p, rep.err.len);
	report_free(&rep);
	options_free(&o);
	return status;
}
