/*
 * conf_file.h - writes a configuration into a fresh directory and loads it
 *
 * Each case is written to main.conf there; in expected errors "@" stands for that directory and
 * a slash. What a test makes beside main.conf it removes itself.
 */
#ifndef MAILCHUTE_TESTS_CONF_FILE_H
#define MAILCHUTE_TESTS_CONF_FILE_H

#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "config/conf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* What a configuration cannot do without. */
#define OK_ACCOUNT "account x { host = a }\n"

static char dir[] = "/tmp/test_conf.XXXXXX";

static inline char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static inline void put_file(const char *name, const char *p, size_t len)
{
	char *path = in_dir(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_true(write_all(fd, p, len));
	close(fd);
	free(path);
}

static inline void put(const char *name, const char *text)
{
	put_file(name, text, strlen(text));
}

/* The error with the directory taken out of it. */
static inline char *anonymous(const char *text)
{
	size_t len = strlen(dir);
	struct buf out;

	buf_init(&out, 8192);
	while (*text != '\0') {
		if (strncmp(text, dir, len) == 0 && text[len] == '/') {
			buf_addc(&out, '@');
			text += len + 1;
		} else {
			buf_addc(&out, *text++);
		}
	}
	return buf_detach(&out);
}

/* Loads main.conf, which must be fine. */
static inline struct conf *load(void)
{
	char *path = in_dir("main.conf");
	struct result r = RESULT_OK;
	struct conf *c = NULL;
	bool ok = conf_load(path, &c, &r);

	if (!ok)
		fail_msg("refused: %s", r.text);
	assert_false(result_failed(&r));
	assert_string_equal(c->path, path);
	free(path);
	return c;
}

static inline struct conf *load_text(const char *text)
{
	put("main.conf", text);
	return load();
}

/* Loads `name`, which must fail with these words. */
static inline void refused(const char *name, enum cause cause, const char *error)
{
	char *path = in_dir(name);
	struct result r = RESULT_OK;
	struct conf *c = NULL;
	char *text;

	if (conf_load(path, &c, &r))
		fail_msg("accepted, but expected: %s", error);
	assert_null(c);
	text = anonymous(r.text);
	assert_string_equal(text, error);
	assert_int_equal(r.cause, cause);
	assert_int_equal(r.step, STEP_CONFIG);
	free(text);
	result_free(&r);
	free(path);
}

static inline void refused_text(const char *text, const char *error)
{
	put("main.conf", text);
	refused("main.conf", CAUSE_CONFIG, error);
}

struct refusal {
	const char *text;
	const char *error;
};

static inline void refuse_each(const struct refusal *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		refused_text(cases[i].text, cases[i].error);
}

static inline int set_up(void **state)
{
	(void)state;
	setenv("TEST_CONF_SET", "va lue\"'#", 1);
	unsetenv("TEST_CONF_UNSET");
	setenv("HOME", "/home/somebody", 1);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static inline void remove_file(const char *name)
{
	char *path = in_dir(name);

	remove(path);
	free(path);
}

static inline int tear_down(void **state)
{
	(void)state;
	remove_file("main.conf");
	return rmdir(dir);
}

#endif
