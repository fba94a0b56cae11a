/*
 * test_cache.c - files that are kept: any name, hostile folders and files, many at the same time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/cache.h"
#include "base/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define NOBODY   65534

/* A place of our own, and the cache's folder in it, which each test finds missing. */
static char place[] = "/tmp/test_cache.XXXXXX";
static char *dir;

static int make_place(void **state)
{
	(void)state;
	if (mkdtemp(place) == NULL)
		return -1;
	dir = xasprintf("%s/cache", place);
	return 0;
}

static int remove_place(void **state)
{
	(void)state;
	free(dir);
	return rmdir(place);
}

static char *path_of(const char *file)
{
	return xasprintf("%s/%s", dir, file);
}

/* How many there are; they are removed too if so wanted. */
static size_t count_files(bool and_remove)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (and_remove && unlinkat(dirfd(d), e->d_name, 0) != 0)
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static int clean_up(void **state)
{
	(void)state;
	count_files(true);
	if (unlink(dir) != 0)
		rmdir(dir);
	return 0;
}

static void keep(const char *name, const char *text)
{
	cache_write(dir, name, span_of(text));
}

/* What is there, NULL for nothing; the caller's. */
static char *kept(const char *name)
{
	struct buf b;
	char *text = NULL;

	if (cache_read(dir, name, &b))
		text = xstrndup(buf_str(&b), b.len);
	else
		assert_int_equal(b.len, 0);
	buf_wipe(&b);
	return text;
}

static void assert_kept(const char *name, const char *text)
{
	char *found = kept(name);

	if (found == NULL || strcmp(found, text) != 0)
		fail_msg("%s: %s, not %s", name, found != NULL ? found : "nothing", text);
	free(found);
}

static void assert_nothing(const char *name)
{
	char *found = kept(name);

	if (found != NULL)
		fail_msg("%s: %s", name, found);
	free(found);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* --- what it is for --- */

static void kept_and_read(void **state)
{
	static const mode_t masks[] = { 0, 022, 077 };

	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++) {
		mode_t before = umask(masks[i]);
		char *path = path_of("a");

		assert_nothing("a");
		keep("a", "one");
		assert_kept("a", "one");
		keep("a", "");
		assert_kept("a", "");
		keep("a", "two");
		keep("b", "three");
		assert_kept("a", "two");
		assert_kept("b", "three");
		assert_int_equal(mode_of(dir), 0700);
		assert_int_equal(mode_of(path), 0600);
		cache_drop(dir, "a");
		cache_drop(dir, "a");
		assert_nothing("a");
		assert_int_equal(count_files(false), 1);
		free(path);
		clean_up(state);
		umask(before);
	}
}

static void taken_once(void **state)
{
	struct buf b;

	(void)state;
	assert_false(cache_take(dir, "a", &b));
	keep("a", "one");
	assert_true(cache_take(dir, "a", &b));
	assert_string_equal(buf_str(&b), "one");
	buf_wipe(&b);
	assert_false(cache_take(dir, "a", &b));
	assert_nothing("a");
	assert_int_equal(count_files(false), 0);
}

/* Each is a file of its own, in the folder, and a plain one. */
static void any_name(void **state)
{
	static const char *const names[] = { ".",    "..",          ".a",       "a.",    "a..b",
					     "../a", "/etc/passwd", "a/b",      "a%2Fb", "a b",
					     "a\n",  "%41",         "A",        "a",     "default",
					     "\xff", "\xc3\xa4",    "x:[::1]@y" };
	char *long_name = xasprintf("%0200d", 0), *too_long = xasprintf("%0201d", 0);
	char *too_many = xasprintf("%067d", 0);

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		keep(names[i], names[i]);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_kept(names[i], names[i]);
	assert_int_equal(count_files(false), COUNT(names));
	keep("", "x");
	assert_nothing("");
	keep(too_long, "x");
	assert_nothing(too_long);
	memset(too_many, '/', strlen(too_many)); /* three characters each */
	keep(too_many, "x");
	assert_nothing(too_many);
	cache_drop(dir, too_many);
	assert_int_equal(count_files(false), COUNT(names));
	keep(long_name, "x");
	assert_kept(long_name, "x");
	free(long_name);
	free(too_long);
	free(too_many);
}

static void any_size(void **state)
{
	static const struct {
		size_t size;
		bool fits;
	} rows[] = {
		{ 1, true },    { 4095, true },           { 4096, true },
		{ 4097, true }, { CACHE_FILE_MAX, true }, { CACHE_FILE_MAX + 1, false },
	};
	char *large = xmalloc(CACHE_FILE_MAX + 1);
	struct buf b;

	(void)state;
	memset(large, 0, CACHE_FILE_MAX + 1);
	for (size_t i = 0; i < COUNT(rows); i++) {
		cache_write(dir, "a", (struct span){ large, rows[i].size });
		assert_int_equal(cache_take(dir, "a", &b), rows[i].fits);
		assert_int_equal(b.len, rows[i].fits ? rows[i].size : 0);
		buf_wipe(&b);
	}
	free(large);
}

/* --- what is not to be trusted --- */

static void assert_unused(void)
{
	struct buf b;

	keep("a", "new");
	assert_nothing("a");
	assert_false(cache_take(dir, "a", &b));
	cache_drop(dir, "a");
}

static void folders(void **state)
{
	static const mode_t modes[] = { 0750, 0701, 0710, 0777, 01777 };
	char *elsewhere = xasprintf("%s/elsewhere", place);

	(void)state;
	keep("a", "old");
	for (size_t i = 0; i < COUNT(modes); i++) {
		chmod(dir, modes[i]);
		assert_unused();
		assert_int_equal(mode_of(dir), modes[i]);
		chmod(dir, 0700);
		assert_kept("a", "old");
	}
	if (geteuid() == 0) {
		assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
		assert_unused();
		assert_int_equal(chown(dir, 0, 0), 0);
		assert_kept("a", "old");
	}
	/* A link to a good folder is none. */
	char *slash = xasprintf("%s///", dir), *link_itself = dir;
	assert_int_equal(rename(dir, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, dir), 0);
	assert_unused();
	dir = slash;
	assert_unused();
	dir = elsewhere;
	assert_kept("a", "old");
	clean_up(NULL);
	dir = link_itself;
	clean_up(NULL);
	free(slash);
	free(elsewhere);
	/* Nor is a file; and only the folder itself is made. */
	assert_int_equal(close(open(dir, O_CREAT | O_WRONLY, 0600)), 0);
	assert_unused();
	clean_up(NULL);
	char *below = xasprintf("%s/below", dir);
	dir = below;
	assert_unused();
	dir = link_itself;
	assert_int_not_equal(access(dir, F_OK), 0);
	free(below);
}

/* A file that cannot be trusted: it is not read, and what is written takes its place. */
static void assert_replaced(const char *path, bool can_be)
{
	struct stat st;

	assert_nothing("a");
	keep("a", "new");
	if (can_be) {
		assert_kept("a", "new");
		assert_int_equal(lstat(path, &st), 0);
		assert_true(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600);
	} else {
		assert_nothing("a");
	}
	assert_int_equal(count_files(false), 1);
	count_files(true);
}

static void make_file(const char *path, size_t size)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_true(write_all(fd, "old", 3));
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static void files(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0601, 0666 };
	char *path = path_of("a"), *other = xasprintf("%s/other", place);

	(void)state;
	assert_int_equal(mkdir(dir, 0700), 0);
	make_file(path, 3);
	assert_kept("a", "old");
	for (size_t i = 0; i < COUNT(modes); i++) {
		make_file(path, 3);
		chmod(path, modes[i]);
		assert_replaced(path, true);
	}
	if (geteuid() == 0) {
		make_file(path, 3);
		assert_int_equal(chown(path, NOBODY, 0), 0);
		assert_replaced(path, true);
	}
	make_file(path, CACHE_FILE_MAX + 1);
	assert_replaced(path, true);
	/* Nothing is written through a link. */
	make_file(other, 3);
	assert_int_equal(symlink(other, path), 0);
	assert_replaced(path, true);
	make_file(path, 3);
	struct stat st;
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_size, 3);
	unlink(other);
	count_files(true);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_replaced(path, true);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_replaced(path, true);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_replaced(path, false);
	free(path);
	free(other);
}

/* --- at the same time --- */

#define CHILDREN 6
#define ROUNDS   40

/* Runs it in so many processes that start at once; how many of them ended with 1. */
static int at_once(int (*work)(int number))
{
	int ones = 0, gate[2];

	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			char c;

			close(gate[1]);
			ssize_t n = read(gate[0], &c, 1); /* until the parent closes it */
			_exit(n == 0 ? work(i) : 2);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < CHILDREN; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
		ones += WEXITSTATUS(status);
	}
	return ones;
}

static int take(int number)
{
	struct buf b;
	bool got = cache_take(dir, "a", &b);
	bool good = !got || strcmp(buf_str(&b), "one") == 0;

	(void)number;
	buf_wipe(&b);
	return good ? got : 3;
}

static void one_alone_gets_it(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		keep("a", "one");
		assert_int_equal(at_once(take), 1);
		assert_int_equal(count_files(false), 0);
	}
}

/* Half of them write texts of one letter and different lengths, half read. */
static int write_or_read(int number)
{
	char text[9000];
	struct buf b;
	bool whole = true;

	for (int i = 0; i < ROUNDS && whole; i++) {
		if (number % 2 == 0) {
			memset(text, 'a' + number, sizeof text);
			cache_write(dir, "a", (struct span){ text, 1000 + 2000 * (size_t)number });
		} else if (cache_read(dir, "a", &b)) {
			size_t writer = (size_t)(b.p[0] - 'a');

			whole = b.len == 1000 + 2000 * writer;
			for (size_t c = 0; c < b.len; c++)
				whole = whole && b.p[c] == b.p[0];
			buf_wipe(&b);
		}
	}
	return !whole;
}

static void whole_or_not_at_all(void **state)
{
	(void)state;
	assert_int_equal(at_once(write_or_read), 0);
	assert_int_equal(count_files(false), 1);
}

/* Whoever was killed in the middle leaves a file that has a dot in front; the next writer
 * sweeps. */
static void left_over(void **state)
{
	static const struct {
		const char *file;
		int age; /* seconds */
		bool stays;
	} rows[] = {
		{ ".0123456789abcdef", 2 * 3600, false },
		{ ".fedcba9876543210", 60, true },
		{ "a-file", 2 * 3600, true },
	};

	(void)state;
	keep("a", "text");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *path = path_of(rows[i].file);
		struct timespec then[2] = { { .tv_sec = time(NULL) - rows[i].age } };

		then[1] = then[0];
		make_file(path, 10);
		assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
		free(path);
	}
	keep("a", "text");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *path = path_of(rows[i].file);

		assert_int_equal(access(path, F_OK) == 0, rows[i].stays);
		free(path);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, clean_up)
	const struct CMUnitTest tests[] = {
		TEST(kept_and_read),     TEST(taken_once),
		TEST(any_name),          TEST(any_size),
		TEST(folders),           TEST(files),
		TEST(one_alone_gets_it), TEST(whole_or_not_at_all),
		TEST(left_over),
	};
#undef TEST

	return cmocka_run_group_tests(tests, make_place, remove_place);
}
