/*
 * main.c - who was called, and in which mode; the only place that prints and exits
 */
#include "base/harden.h"
#include "base/result.h"
#include "base/util.h"
#include "cli/check.h"
#include "cli/dkimcheck.h"
#include "cli/info.h"
#include "cli/inject.h"
#include "cli/keygen.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/route.h"
#include "cli/smtpd.h"
#include "cli/verify.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/banned.h"

typedef int front_end(const struct options *o, struct report *rep);

static front_end *const front_ends[] = {
	[MODE_MESSAGE] = inject,        [MODE_DRY_RUN] = inject,
	[MODE_SIGN] = inject,           [MODE_SMTP] = smtpd,
	[MODE_VERIFY] = route_verify,   [MODE_LIST] = info_queue,
	[MODE_ALIASES] = route_aliases, [MODE_QUEUE_RUN] = info_queue_run,
	[MODE_CHECK] = check,           [MODE_VERSION] = info_version,
	[MODE_HELP] = info_help,        [MODE_DKIM_VERIFY] = verify_signatures,
	[MODE_DKIM_KEYGEN] = keygen,    [MODE_DKIM_CHECK] = dkim_check,
};

/* Stdout was closed when we came, and is /dev/null now. */
static bool stdout_missing;

/* What was asked for by a mode that only shows something could not be shown. */
static bool stdout_failed;

static int stdout_patience_ms = -1;

/*
 * Callers close descriptors they do not care for; whatever is opened next would then become
 * "stdout", and a line meant for a person would land in a connection.
 */
static void fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		stdout_missing = stdout_missing || fd == STDOUT_FILENO;
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* In the other modes the mail counts, not the words about it that -v shows. */
static bool only_shows(enum mode mode)
{
	return mode != MODE_MESSAGE && mode != MODE_SMTP;
}

static bool write_stdout(void *ctx, const char *p, size_t len)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	(void)ctx;
	stdout_failed = stdout_failed || stdout_missing;
	while (len > 0 && !stdout_failed) {
		/* What POLLOUT promises to take without blocking. */
		size_t n = len < PIPE_BUF ? len : PIPE_BUF;

		if (poll(&pfd, 1, stdout_patience_ms) == 0 || !write_all(STDOUT_FILENO, p, n))
			stdout_failed = true;
		p += n;
		len -= n;
	}
	return !stdout_failed;
}

int main(int argc, char **argv)
{
	struct options o;
	struct result r = RESULT_OK;
	struct report rep;
	int status;

	fill_standard_descriptors();
	process_harden();
	bool ok = options_parse(argc, argv, &o, &r);
	report_init(&rep, o.program, (struct sink){ write_stdout, NULL });
	if (ok) {
		/* Nobody reads the dialogue that -v shows? The message must not wait for them. */
		if (o.mode == MODE_MESSAGE)
			stdout_patience_ms = 1000;
		else if (o.mode == MODE_SMTP)
			stdout_patience_ms = SMTPD_IDLE_MS;
		stdout_missing = stdout_missing && only_shows(o.mode);
		status = front_ends[o.mode](&o, &rep);
		if (stdout_failed && status == EX_OK && only_shows(o.mode))
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
