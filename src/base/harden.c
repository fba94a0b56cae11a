/*
 * harden.c - what a process that holds secrets does first
 */
#include "base/harden.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#if defined __linux__
#include <sys/prctl.h>
#elif defined __FreeBSD__
#include <sys/procctl.h>
#include <unistd.h>
#endif

#include "base/banned.h"

/* A core that is piped to a program knows no limit; this stops it too, and ptrace. */
#if defined __linux__
static void forbid_tracing(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
#elif defined __FreeBSD__
static void forbid_tracing(void)
{
	int how = PROC_TRACE_CTL_DISABLE;

	procctl(P_PID, getpid(), PROC_TRACE_CTL, &how);
}
#else
static void forbid_tracing(void)
{
}
#endif

void process_harden(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	forbid_tracing();
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk, no death */
}
