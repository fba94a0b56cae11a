/*
 * test_log.c - lines of the log file, as text and as JSON
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a)  (sizeof(a) / sizeof(a)[0])
#define NOW       1700000000 /* 2023-11-14 22:13:20 UTC */
#define VALUE_MAX (16 * 1024)

static char *dir;
static char *file;

static int begin(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	setenv("TZ", "XYZ-5:30", 1);
	tzset();
	clock_freeze(NOW);
	dir = xasprintf("%s/test_log.XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	file = xasprintf("%s/log", dir);
	return 0;
}

static int end(void **state)
{
	int rc;

	(void)state;
	unlink(file);
	rc = rmdir(dir);
	free(file);
	free(dir);
	clock_freeze(-1);
	return rc;
}

/* What is in the file, which is removed. */
static char *take_file(void)
{
	struct buf b;
	char piece[4096];
	size_t n;
	FILE *f = fopen(file, "r");

	assert_non_null(f);
	buf_init(&b, 1024 * 1024);
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buf_add(&b, piece, n);
	fclose(f);
	unlink(file);
	return buf_detach(&b);
}

static char *log_line(enum log_format format, const struct log_pair *pairs, size_t n)
{
	const struct log_target to = { LOG_TO_FILE, format, file, "mailchute" };

	log_write(&to, false, pairs, n);
	return take_file();
}

static void values(void **state)
{
	static const struct {
		const char *value;
		const char *text;
		const char *json;
	} rows[] = {
		{ "a@b", "a@b", "\"a@b\"" },
		{ "<x@y>", "<x@y>", "\"<x@y>\"" },
		{ "caf\xc3\xa9", "caf\xc3\xa9", "\"caf\xc3\xa9\"" },
		{ "{}[],:'", "{}[],:'", "\"{}[],:'\"" },
		{ "%s%n", "%s%n", "\"%s%n\"" },
		/* quotes where needed */
		{ "", "\"\"", "\"\"" },
		{ "two words", "\"two words\"", "\"two words\"" },
		{ "a=b", "\"a=b\"", "\"a=b\"" },
		{ "a\"b", "\"a\\\"b\"", "\"a\\\"b\"" },
		{ "a\\b", "\"a\\\\b\"", "\"a\\\\b\"" },
		/* nobody adds a line */
		{ "a\nb", "\"a\\u000ab\"", "\"a\\u000ab\"" },
		{ "a\r\tb\x7f", "\"a\\u000d\\u0009b\\u007f\"", "\"a\\u000d\\u0009b\\u007f\"" },
		{ "\x1b[1m", "\"\\u001b[1m\"", "\"\\u001b[1m\"" },
		/* JSON is UTF-8 or it is no JSON */
		{ "caf\xe9", "caf\xe9", "\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct log_pair pair = { "k", rows[i].value };
		char *got = log_line(FORMAT_TEXT, &pair, 1);
		char *want = xasprintf("2023-11-15T03:43:20+0530 mailchute: k=%s\n", rows[i].text);

		assert_string_equal(got, want);
		free(got);
		free(want);
		got = log_line(FORMAT_JSON, &pair, 1);
		want = xasprintf("{\"time\":\"2023-11-15T03:43:20+0530\",\"k\":%s}\n",
				 rows[i].json);
		assert_string_equal(got, want);
		free(got);
		free(want);
	}
}

static void pairs(void **state)
{
	static const struct log_pair all[] = {
		{ "none", NULL }, { "a", "1" }, { "none", NULL }, { "b", "x y" }, { "none", NULL },
	};
	char *got = log_line(FORMAT_TEXT, all, COUNT(all));

	(void)state;
	assert_string_equal(got, "2023-11-15T03:43:20+0530 mailchute: a=1 b=\"x y\"\n");
	free(got);
	got = log_line(FORMAT_JSON, all, COUNT(all));
	assert_string_equal(got,
			    "{\"time\":\"2023-11-15T03:43:20+0530\",\"a\":\"1\",\"b\":\"x y\"}\n");
	free(got);
	got = log_line(FORMAT_JSON, NULL, 0);
	assert_string_equal(got, "{\"time\":\"2023-11-15T03:43:20+0530\"}\n");
	free(got);
}

/* A value at the limit, over it, and cut where a character would be halved. */
static void long_values(void **state)
{
	static const size_t lengths[] = { VALUE_MAX - 1, VALUE_MAX, VALUE_MAX + 1, 100000 };

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++)
		for (int shift = 0; shift < 2; shift++) {
			char *value = xcalloc(lengths[i] + 1, 1);
			const struct log_pair pair = { "k", value };

			memset(value, 'x', lengths[i]);
			for (size_t at = (size_t)shift; at + 1 < lengths[i]; at += 2) {
				value[at] = '\xc3';
				value[at + 1] = '\xa4';
			}
			char *text = log_line(FORMAT_TEXT, &pair, 1);
			char *json = log_line(FORMAT_JSON, &pair, 1);
			bool cut = lengths[i] > VALUE_MAX;

			assert_int_equal(strstr(text, "...\n") != NULL, cut);
			assert_true(is_utf8(text, strlen(text)));
			assert_true(is_utf8(json, strlen(json)));
			assert_true(strlen(json) <= VALUE_MAX + 100);
			assert_true(strlen(json) >= (cut ? VALUE_MAX - 1 : lengths[i]));
			free(text);
			free(json);
			free(value);
		}
}

/* Lines are added to what is there; the file is nobody else's. */
static void appended(void **state)
{
	static const struct log_pair pair = { "a", "1" };
	const struct log_target to = { LOG_TO_FILE, FORMAT_TEXT, file, "tag" };
	mode_t before = umask(0);
	struct stat st;
	char *got;

	(void)state;
	log_write(&to, false, &pair, 1);
	log_write(&to, true, &pair, 1);
	umask(before);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	got = take_file();
	assert_string_equal(got, "2023-11-15T03:43:20+0530 tag: a=1\n"
				 "2023-11-15T03:43:20+0530 tag: a=1\n");
	free(got);
}

/* Logging that fails is nothing to anybody, and never waits. */
static void failures(void **state)
{
	static const struct log_pair pair = { "a", "1" };
	char *missing = xasprintf("%s/missing/log", dir);
	char *fifo = xasprintf("%s/fifo", dir);
	const char *const files[] = { missing, dir, fifo, "/dev/full" };

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < COUNT(files); i++) {
		const struct log_target to = { LOG_TO_FILE, FORMAT_TEXT, files[i], "tag" };

		log_write(&to, true, &pair, 1);
	}
	log_write(&(struct log_target){ .kind = LOG_TO_NOTHING, .tag = "tag" }, true, &pair, 1);
	assert_int_equal(access(file, F_OK), -1);
	unlink(fifo);
	free(fifo);
	free(missing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),      cmocka_unit_test(pairs),
		cmocka_unit_test(long_values), cmocka_unit_test(appended),
		cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
