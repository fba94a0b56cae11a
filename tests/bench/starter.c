/*
 * starter.c - starts a program some times in a row, and tells what each run took
 *
 *	starter RUNS INPUT PROGRAM [ARGUMENT...]
 *
 * INPUT is its standard input each time; what it prints goes nowhere. A line for each run: wall
 * time in microseconds, and the peak of memory in KiB. Ends with a run that fails, status 1.
 *
 * It is small on purpose: what the starter has in memory counts as peak of the program too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static _Noreturn void become(char **argv)
{
	int in = open(argv[2], O_RDONLY), out = open("/dev/null", O_WRONLY);

	if (in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1) {
		close(in);
		close(out);
		execv(argv[3], argv + 3);
	}
	perror(argv[3]);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	for (long left = strtol(argv[1], NULL, 10); left > 0; left--) {
		long long start = now();
		struct rusage usage;
		int status;

		switch (fork()) {
		case -1:
			perror("fork");
			return 1;
		case 0:
			become(argv);
		default:
			break;
		}
		if (wait4(-1, &status, 0, &usage) < 0)
			return 1;
		printf("%lld %ld\n", now() - start, usage.ru_maxrss);
		if (status != 0) {
			fprintf(stderr, "%s: status %d\n", argv[3],
				WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
			return 1;
		}
	}
	return 0;
}
