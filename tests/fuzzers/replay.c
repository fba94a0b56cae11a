/*
 * replay.c - main() for a fuzz target without a fuzzer: runs it on inputs that were kept
 *
 *	fuzz_NAME FILE...	those
 *	fuzz_NAME		the seeds of that target, and no input at all; tells TAP
 *
 * The folder of the seeds is $srcdir/tests/fuzzers/seeds/fuzz_NAME, $srcdir as automake sets it.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

static int runs;

/* Of the exact size, so that a sanitizer sees what reads beyond. */
static uint8_t *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
	uint8_t *data;

	if (end < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	*size = (size_t)end;
	data = xmalloc(*size);
	require(pread(fd, data, *size, 0) == end);
	close(fd);
	return data;
}

static void run(const char *name, const uint8_t *data, size_t size)
{
	printf("# %s\n", name);
	fflush(stdout); /* the last word, if the target dies */
	LLVMFuzzerTestOneInput(data, size);
	printf("ok %d - %s\n", ++runs, name);
}

static void run_file(const char *folder, const char *name)
{
	char *path = folder != NULL ? xasprintf("%s/%s", folder, name) : xstrdup(name);
	size_t size;
	uint8_t *data = read_file(path, &size);

	run(name, data, size);
	free(data);
	free(path);
}

static int is_file(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void run_seeds(const char *program)
{
	const char *slash = strrchr(program, '/'), *srcdir = getenv("srcdir");
	char *folder = xasprintf("%s/tests/fuzzers/seeds/%s", srcdir != NULL ? srcdir : ".",
				 slash != NULL ? slash + 1 : program);
	struct dirent **found;
	int n = scandir(folder, &found, is_file, alphasort);
	uint8_t *nothing = xmalloc(0);

	run("no input", nothing, 0);
	free(nothing);
	for (int i = 0; i < n; i++) {
		run_file(folder, found[i]->d_name);
		free(found[i]);
	}
	if (n >= 0)
		free(found);
	free(folder);
	printf("1..%d\n", runs);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_file(NULL, argv[i]);
	if (argc == 1)
		run_seeds(argv[0]);
	return EXIT_SUCCESS;
}
