/*
 * test_spill.c - a body in memory, at the edge, in a file; and what is left behind: nothing
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"
#include "base/spill.h"
#include "base/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a)  (sizeof(a) / sizeof(a)[0])
#define PIECE_MAX (64 * 1024)

static char *dir; /* $TMPDIR of this test alone */

static int make_dir(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	dir = xasprintf("%s/test_spill.XXXXXX", base != NULL ? base : "/tmp");
	return mkdtemp(dir) != NULL ? setenv("TMPDIR", dir, 1) : -1;
}

static int remove_dir(void **state)
{
	int rc = rmdir(dir);

	(void)state;
	free(dir);
	return rc;
}

static void assert_dir_empty(void)
{
	DIR *d = opendir(dir);
	size_t entries = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		entries++;
	closedir(d);
	assert_int_equal(entries, 2); /* "." and ".." */
}

/* The contents of every test: the byte at an offset. */
static char byte_at(uint64_t at)
{
	return (char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static void write_pieces(struct spill *s, size_t size, size_t piece)
{
	char *p = xmalloc(piece);
	struct result r = RESULT_OK;

	for (size_t at = 0; at < size;) {
		size_t n = size - at < piece ? size - at : piece;

		for (size_t i = 0; i < n; i++)
			p[i] = byte_at(at + i);
		assert_true(spill_write(s, p, n, &r));
		at += n;
	}
	free(p);
	assert_true(spill_finish(s, &r));
	assert_false(result_failed(&r));
}

/* Counts what comes and compares it. */
static bool compare(void *ctx, const char *p, size_t len)
{
	uint64_t *at = ctx;

	assert_true(len > 0);
	for (size_t i = 0; i < len; i++)
		if (p[i] != byte_at(*at + i))
			return false;
	*at += len;
	return true;
}

static void check_contents(const struct spill *s, uint64_t size)
{
	assert_int_equal(s->size, size);
	for (int times = 0; times < 2; times++) {
		struct result r = RESULT_OK;
		uint64_t at = 0;
		struct sink sink = { compare, &at };

		assert_true(spill_replay(s, &sink, &r));
		assert_int_equal(at, size);
	}
}

static void sizes(void **state)
{
	static const struct {
		size_t size;
		size_t piece;
		bool in_file;
	} rows[] = {
		{ 0, 1, false },
		{ 1, 1, false },
		{ 1000, 7, false },
		{ SPILL_MEMORY - 1, PIECE_MAX, false },
		{ SPILL_MEMORY, PIECE_MAX, false },
		{ SPILL_MEMORY, SPILL_MEMORY, false },
		{ SPILL_MEMORY, 1, false },
		{ SPILL_MEMORY + 1, PIECE_MAX, true },
		{ SPILL_MEMORY + 1, SPILL_MEMORY + 1, true },
		{ SPILL_MEMORY + 1, 1, true },
		{ 2 * SPILL_MEMORY, SPILL_MEMORY, true },
		{ 2 * SPILL_MEMORY + 1, PIECE_MAX, true },
		{ 5000000, 4099, true },
		{ 5000000, 5000000, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct spill s;

		spill_init(&s);
		write_pieces(&s, rows[i].size, rows[i].piece);
		assert_int_equal(s.fd >= 0, rows[i].in_file);
		assert_dir_empty();
		check_contents(&s, rows[i].size);
		spill_free(&s);
		assert_int_equal(s.fd, -1);
		assert_int_equal(s.size, 0);
	}
}

/* Whatever the umask, nobody else can read it; no program we start inherits it. */
static void is_private(void **state)
{
	static const mode_t masks[] = { 0, 022, 077 };

	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++) {
		mode_t before = umask(masks[i]);
		struct stat st;
		struct spill s;

		spill_init(&s);
		write_pieces(&s, SPILL_MEMORY + 1, PIECE_MAX);
		umask(before);
		assert_int_equal(fstat(s.fd, &st), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(st.st_nlink, 0);
		assert_true((fcntl(s.fd, F_GETFD) & FD_CLOEXEC) != 0);
		spill_free(&s);
	}
}

/* Memory is enough for a small message: a bad TMPDIR is only noticed by a large one. */
static void no_directory(void **state)
{
	char *missing = xasprintf("%s/missing", dir);
	char *large = xcalloc(SPILL_MEMORY + 1, 1);
	struct result r = RESULT_OK;
	struct spill s;

	(void)state;
	setenv("TMPDIR", missing, 1);
	spill_init(&s);
	assert_true(spill_write(&s, large, SPILL_MEMORY, &r));
	assert_false(spill_write(&s, large, 1, &r));
	assert_int_equal(r.cause, CAUSE_TEMPORARY);
	assert_non_null(strstr(r.text, missing));
	spill_free(&s);
	result_free(&r);
	setenv("TMPDIR", dir, 1);
	free(large);
	free(missing);
}

/* A limit on the size of files stands for the full disk. */
static void disk_full(void **state)
{
	char *large = xcalloc(4, SPILL_MEMORY);
	struct result r = RESULT_OK;
	struct rlimit before, low;
	struct spill s;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	low = before;
	low.rlim_cur = SPILL_MEMORY + 1000;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	spill_init(&s);
	bool written = spill_write(&s, large, 4 * SPILL_MEMORY, &r);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_false(written);
	assert_int_equal(r.cause, CAUSE_TEMPORARY);
	assert_dir_empty();
	spill_free(&s);
	result_free(&r);
	free(large);
}

/* Another program that holds the file cannot make us send half of it. */
static void shortened(void **state)
{
	struct result r = RESULT_OK;
	uint64_t at = 0;
	struct sink sink = { compare, &at };
	struct spill s;

	(void)state;
	spill_init(&s);
	write_pieces(&s, SPILL_MEMORY + 1000, PIECE_MAX);
	assert_int_equal(ftruncate(s.fd, SPILL_MEMORY), 0);
	assert_false(spill_replay(&s, &sink, &r));
	assert_int_equal(r.cause, CAUSE_TEMPORARY);
	spill_free(&s);
	result_free(&r);
}

static void failing_sink(void **state)
{
	static const size_t lengths[] = { 1000, SPILL_MEMORY + 1000 };

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct result r = RESULT_OK;
		struct spill s;
		struct buf out;
		struct sink sink = sink_to_buf(&out);

		buf_init(&out, 999);
		spill_init(&s);
		write_pieces(&s, lengths[i], PIECE_MAX);
		assert_false(spill_replay(&s, &sink, &r));
		assert_false(result_failed(&r));
		spill_free(&s);
		buf_free(&out);
	}
}

static bool measure(void *ctx, const char *p, size_t len)
{
	size_t *largest = ctx;

	(void)p;
	*largest = len > *largest ? len : *largest;
	return true;
}

static void pieces_are_bounded(void **state)
{
	struct result r = RESULT_OK;
	size_t largest = 0;
	struct sink sink = { measure, &largest };
	struct spill s;

	(void)state;
	spill_init(&s);
	write_pieces(&s, 1000000, 1000000);
	assert_true(spill_replay(&s, &sink, &r));
	assert_in_range(largest, 1, PIECE_MAX);
	spill_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(is_private),
		cmocka_unit_test(no_directory),
		cmocka_unit_test(disk_full),
		cmocka_unit_test(shortened),
		cmocka_unit_test(failing_sink),
		cmocka_unit_test(pieces_are_bounded),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
