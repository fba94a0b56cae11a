/*
 * test_secret.c - files with secrets: who may have access, what is said, what is wiped
 */
#include "config/secret.h"

#include "base/util.h"

#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/banned.h"

#define ARRAY_LEN(a)        (sizeof(a) / sizeof((a)[0]))
#define NOBODY              65534
#define WITH_DIRECTORIES(f) cmocka_unit_test_setup_teardown(f, make_directories, drop_directories)

static char dir[] = "/tmp/test_secret.XXXXXX";

/* Tests run in `dir`, so that errors have short paths. */
static void put(const char *name, const char *p, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_true(write_all(fd, p, len));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void accepted(const char *path)
{
	struct result r = RESULT_OK;
	struct buf out;

	if (!secret_read_file(path, "key_file", &out, &r))
		fail_msg("refused: %s", r.text);
	assert_string_equal(buf_str(&out), "secret\n");
	assert_int_equal(out.len, 7);
	buf_wipe(&out);
}

static void refused(const char *path, enum cause cause, const char *error)
{
	struct result r = RESULT_OK;
	struct buf out;

	assert_false(secret_read_file(path, "key_file", &out, &r));
	assert_string_equal(r.text, error);
	assert_int_equal(r.cause, cause);
	assert_int_equal(r.step, STEP_CONFIG);
	assert_int_equal(out.len, 0);
	assert_null(out.p);
	result_free(&r);
}

static void test_modes(void **state)
{
	static const struct {
		mode_t mode;
		const char *mend; /* NULL: fine as it is */
	} cases[] = {
		{ 0400, NULL },         { 0600, NULL },         { 0640, NULL },
		{ 0440, NULL },         { 0700, NULL },         { 0750, NULL },
		{ 0644, "chmod 0600" }, { 0604, "chmod 0600" }, { 0602, "chmod 0600" },
		{ 0601, "chmod 0600" }, { 0666, "chmod 0600" }, { 0660, "chmod 0640" },
		{ 0620, "chmod 0640" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put("key", "secret\n", 7, cases[i].mode);
		if (cases[i].mend == NULL) {
			accepted("key");
		} else {
			bool group = strcmp(cases[i].mend, "chmod 0640") == 0;
			char *error = xasprintf("key_file: key: %s; mend it with: %s 'key'",
						group ? "its group can write to it"
						      : "others have access to it",
						cases[i].mend);

			refused("key", CAUSE_PERMISSION, error);
			free(error);
		}
		unlink("key");
	}
}

static void test_quoting(void **state)
{
	(void)state;
	put("it's $a", "x", 1, 0644);
	refused("it's $a", CAUSE_PERMISSION,
		"key_file: it's $a: others have access to it; mend it with: "
		"chmod 0600 'it'\\''s $a'");
	unlink("it's $a");
}

/* Only root can give a file away, or be somebody else for a while. */
static void test_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	put("key", "secret\n", 7, 0600);
	assert_int_equal(chown("key", NOBODY, NOBODY), 0);
	refused("key", CAUSE_PERMISSION,
		"key_file: key: belongs to another user; mend it with: chown root 'key'");
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	accepted("key");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown("key", 0, 0), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	refused("key", CAUSE_PERMISSION, "key_file: key: user 65534 may not read it");
	assert_int_equal(seteuid(0), 0);
	unlink("key");
}

/* refused() for a directory that must not be as it is. */
static void refused_directory(const char *path, const char *name, const char *problem,
			      const char *command)
{
	char *error = xasprintf("key_file: %s: the directory %s %s; mend it with: %s '%s'", path,
				name, problem, command, name);

	refused(path, CAUSE_PERMISSION, error);
	free(error);
}

/* refused_directory() for one below `dir`; a relative path leads there from the root, too. */
static void refused_below(const char *path, const char *name, const char *problem,
			  const char *command)
{
	char *full = xasprintf("%s/%s", dir, name);

	refused_directory(path, full, problem, command);
	free(full);
}

static const char by_others[] = "can be written to by others";
static const char by_group[] = "can be written to by its group";
static const char not_ours[] = "belongs to another user (if it must, move the file)";

/* a/b/key, the only thing on the way to it that is changed being a, and then b. */
static void test_directories(void **state)
{
	static const struct {
		mode_t mode;
		bool good;
	} cases[] = {
		{ 0700, true },  { 0755, true },  { 0711, true },  { 01777, true },
		{ 01733, true }, { 0777, false }, { 0757, false }, { 0702, false },
	};
	static const char *const names[] = { "a", "a/b" };
	char *absolute = xasprintf("%s/a/b/key", dir);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(names); i++) {
		const char *name = names[i % ARRAY_LEN(names)];
		char *full = xasprintf("%s/%s", dir, name);

		assert_int_equal(chmod(name, cases[i / ARRAY_LEN(names)].mode), 0);
		if (cases[i / ARRAY_LEN(names)].good) {
			accepted("a/b/key");
			accepted("./a//b/./key");
			accepted("a/../a/b/key");
			accepted(absolute);
		} else {
			refused_directory("a/b/key", full, by_others, "chmod go-w");
			refused_directory(absolute, full, by_others, "chmod go-w");
		}
		assert_int_equal(chmod(name, 0700), 0);
		free(full);
	}
	free(absolute);
}

/* The working directory and those above it are on the way of a relative path. */
static void test_working_directory(void **state)
{
	static const char *const paths[] = { "key", "./key", "../b/key" };

	(void)state;
	assert_int_equal(chmod(dir, 0777), 0);
	refused_directory("a/b/key", dir, by_others, "chmod go-w");
	assert_int_equal(chdir("a/b"), 0);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		refused_directory(paths[i], dir, by_others, "chmod go-w");
	assert_int_equal(chmod(dir, 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		accepted(paths[i]);
	assert_int_equal(mkdir("gone", 0700), 0);
	assert_int_equal(chdir("gone"), 0);
	assert_int_equal(rmdir("../gone"), 0);
	refused("key", CAUSE_CONFIG,
		"key_file: key: the working directory has no path; name the file with one that "
		"begins with /");
	assert_int_equal(chdir(dir), 0);
}

/* Whose group may write? */
static void test_directory_groups(void **state)
{
	const struct passwd *user = getpwnam("daemon"); /* has a group of the same name */

	(void)state;
	if (geteuid() != 0 || user == NULL)
		skip();
	assert_int_equal(chmod("a", 0775), 0);
	accepted("a/b/key"); /* root's */
	assert_int_equal(chown("a", 0, user->pw_gid), 0);
	refused_below("a/b/key", "a", by_group, "chmod g-w");
	assert_int_equal(chmod("a", 01775), 0);
	accepted("a/b/key");
	assert_int_equal(chmod("a", 0775), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod("a/b", 0755), 0);
	assert_int_equal(chown("a/b/key", user->pw_uid, 0), 0);
	assert_int_equal(seteuid(user->pw_uid), 0);
	accepted("a/b/key"); /* the caller's own */
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown("a", 0, 0), 0);
	assert_int_equal(seteuid(user->pw_uid), 0);
	accepted("a/b/key");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown("a", 0, NOBODY), 0);
	assert_int_equal(seteuid(user->pw_uid), 0);
	refused_below("a/b/key", "a", by_group, "chmod g-w");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown("a/b/key", 0, 0), 0);
	assert_int_equal(chown("a", 0, 0), 0);
	assert_int_equal(chmod(dir, 0700), 0);
}

static void test_directory_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown("a", NOBODY, 0), 0);
	assert_int_equal(chmod("a", 01755), 0);
	refused_below("a/b/key", "a", not_ours, "chown root");
	assert_int_equal(chmod("a", 0711), 0);
	assert_int_equal(chmod("a/b", 0711), 0);
	assert_int_equal(chmod(dir, 0711), 0);
	assert_int_equal(chown("a/b/key", NOBODY, 0), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	accepted("a/b/key"); /* without read access for b and dir */
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod("a/b", 0700), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	refused("a/b/key", CAUSE_PERMISSION, "key_file: a/b/key: user 65534 may not read it");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown("a/b/key", 0, 0), 0);
	assert_int_equal(chown("a", 0, 0), 0);
	assert_int_equal(chmod(dir, 0700), 0);
}

/* Links are followed, and every directory is judged that they lead through. */
static void test_directory_links(void **state)
{
	static const struct {
		const char *target; /* of the link "l" */
		const char *path;
		bool good;
	} cases[] = {
		{ "a/b", "l/key", true },          { "a", "l/b/key", true },
		{ "./a/../a", "l/b/key", true },   { "l2", "l/key", true },
		{ "a/b/../b/", "l/key", true },    { "open", "l/../a/b/key", false },
		{ "open/..", "l/a/b/key", false },
	};
	char *absolute = xasprintf("%s/a/b", dir);
	char *error;

	(void)state;
	assert_int_equal(mkdir("open", 0700), 0);
	assert_int_equal(chmod("open", 0777), 0);
	assert_int_equal(symlink(absolute, "l2"), 0);
	accepted("l2/key");
	assert_int_equal(symlink("b/../b", "a/l"), 0); /* from where it is */
	accepted("a/l/key");
	unlink("a/l");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(symlink(cases[i].target, "l"), 0);
		if (cases[i].good)
			accepted(cases[i].path);
		else
			refused_below(cases[i].path, "open", by_others, "chmod go-w");
		unlink("l");
	}
	assert_int_equal(symlink("l", "l"), 0);
	refused("l/key", CAUSE_CONFIG,
		"key_file: l/key: there are too many symbolic links on the way");
	if (geteuid() == 0) {
		assert_int_equal(lchown("l2", NOBODY, 0), 0);
		error = xasprintf("key_file: l2/key: the symbolic link %s/l2 belongs to another "
				  "user",
				  dir);
		refused("l2/key", CAUSE_PERMISSION, error);
		free(error);
	}
	refused("a/b/key/x", CAUSE_CONFIG,
		"key_file: a/b/key/x: cannot be opened: Not a directory");
	refused("a/c/key", CAUSE_CONFIG,
		"key_file: a/c/key: cannot be opened: No such file or directory");
	refused("a/b/", CAUSE_CONFIG, "key_file: a/b/: is no regular file");
	unlink("l");
	unlink("l2");
	rmdir("open");
	free(absolute);
}

/* A path longer than anything the system opens, and one longer than what is kept of it. */
static void test_long_paths(void **state)
{
	static const size_t lengths[] = { 1000, 4000, 16000, 17000, 200000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct result r = RESULT_OK;
		struct buf path;
		struct buf out;

		buf_init(&path, lengths[i] + 16);
		while (path.len < lengths[i])
			buf_adds(&path, "./");
		buf_adds(&path, "nosuch");
		assert_false(secret_read_file(buf_str(&path), "key_file", &out, &r));
		assert_int_equal(r.cause, CAUSE_CONFIG);
		result_free(&r);
		buf_free(&path);
	}
}

/* Which uid may root's files show? */
static void test_hidden_root(void **state)
{
	static const struct {
		const char *map;
		const char *overflow;
		uid_t uid;
		bool hidden;
	} cases[] = {
		{ "      1000       1000          1\n", "65534\n", 65534, true },
		{ "1000 0 1\n", "65534\n", 65534, true },
		{ "1 1 65533\n65535 65535 1\n", "65534\n", 65534, true },
		{ "1000 1000 1\n", "65533\n", 65533, true },
		{ "1000 1000 1\n", "65534\n", 1001, false },
		{ "1000 1000 1\n", "65534\n", 0, false },
		/* root is there, under his own number */
		{ "         0          0 4294967295\n", "65534\n", 65534, false },
		{ "0 1000 1\n", "65534\n", 65534, false },
		{ "1000 1000 1\n0 0 1\n", "65534\n", 65534, false },
		/* the uid is that of a user */
		{ "1 1 65534\n", "65534\n", 65534, false },
		{ "65534 65534 1\n", "65534\n", 65534, false },
		/* nothing is known */
		{ "", "65534\n", 65534, false },
		{ "1000 1000 1\n", "", 65534, false },
		{ "1000 1000 1\n", "", 0, false },
		{ "", "", 0, false },
		{ "1000 1000\n", "65534\n", 65534, false },
		{ "1000 1000 1\nx\n", "65534\n", 65534, false },
		{ "1000 1000 99999999999999999999999999\n", "65534\n", 65534, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (secret_hides_root(cases[i].map, cases[i].overflow, cases[i].uid) !=
		    cases[i].hidden)
			fail_msg("uid %ld of %s in %s", (long)cases[i].uid, cases[i].overflow,
				 cases[i].map);
}

static int make_directories(void **state)
{
	(void)state;
	if (mkdir("a", 0700) != 0 || mkdir("a/b", 0700) != 0)
		return -1;
	put("a/b/key", "secret\n", 7, 0600);
	return 0;
}

static int drop_directories(void **state)
{
	(void)state;
	return unlink("a/b/key") == 0 && rmdir("a/b") == 0 ? rmdir("a") : -1;
}

static void test_kinds(void **state)
{
	(void)state;
	refused("none", CAUSE_CONFIG,
		"key_file: none: cannot be opened: No such file or directory");
	put("key", "secret\n", 7, 0600);
	assert_int_equal(symlink("key", "link"), 0);
	refused("link", CAUSE_CONFIG, "key_file: link: is a symbolic link; name the file itself");
	refused(".", CAUSE_CONFIG, "key_file: .: is no regular file");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	refused("fifo", CAUSE_CONFIG, "key_file: fifo: is no regular file");
	refused("/dev/null", CAUSE_CONFIG, "key_file: /dev/null: is no regular file");
	unlink("key");
	unlink("link");
	unlink("fifo");
}

static void test_size(void **state)
{
	char *text = xcalloc(1, SECRET_FILE_MAX + 1);
	struct result r = RESULT_OK;
	struct buf out;

	(void)state;
	text[0] = 'a';
	text[SECRET_FILE_MAX - 1] = 'z';
	put("key", text, SECRET_FILE_MAX, 0600);
	assert_true(secret_read_file("key", "key_file", &out, &r));
	assert_int_equal(out.len, SECRET_FILE_MAX);
	assert_memory_equal(out.p, text, SECRET_FILE_MAX);
	buf_wipe(&out);
	put("key", text, SECRET_FILE_MAX + 1, 0600);
	refused("key", CAUSE_CONFIG, "key_file: key: is larger than 65536 bytes");
	put("key", "", 0, 0600);
	assert_true(secret_read_file("key", "key_file", &out, &r));
	assert_int_equal(out.len, 0);
	buf_wipe(&out);
	unlink("key");
	free(text);
}

static void test_credential(void **state)
{
	static const char *const bad_names[] = { "", ".", "..", "a/b", "/etc/passwd", "../key" };
	struct result r = RESULT_OK;
	struct buf out;

	(void)state;
	put("key", "secret\n", 7, 0400);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_true(secret_read_credential("key", "key_credential", &out, &r));
	assert_string_equal(buf_str(&out), "secret\n");
	buf_wipe(&out);
	for (size_t i = 0; i < ARRAY_LEN(bad_names); i++) {
		char *error = xasprintf("key_credential: \"%s\" is not the name of a credential",
					bad_names[i]);

		assert_false(secret_read_credential(bad_names[i], "key_credential", &out, &r));
		assert_string_equal(r.text, error);
		assert_int_equal(r.cause, CAUSE_CONFIG);
		result_free(&r);
		free(error);
	}
	assert_false(secret_read_credential("none", "key_credential", &out, &r));
	assert_int_equal(r.cause, CAUSE_CONFIG);
	assert_non_null(strstr(r.text, "No such file or directory"));
	result_free(&r);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_false(secret_read_credential("key", "key_credential", &out, &r));
	assert_string_equal(r.text,
			    "key_credential: no $CREDENTIALS_DIRECTORY for \"key\"; systemd "
			    "sets it for a service with LoadCredential=key:FILE");
	result_free(&r);
	unlink("key");
}

/* What is no secret may be anybody's. */
static void test_public(void **state)
{
	struct result r = RESULT_OK;
	struct buf out;

	(void)state;
	put("cert", "public\n", 7, 0666);
	assert_int_equal(symlink("cert", "link"), 0);
	assert_true(secret_read_public("cert", "tls_cert_file", &out, &r));
	assert_string_equal(buf_str(&out), "public\n");
	buf_wipe(&out);
	assert_true(secret_read_public("link", "tls_cert_file", &out, &r));
	buf_wipe(&out);
	assert_false(secret_read_public("none", "tls_cert_file", &out, &r));
	assert_string_equal(r.text, "tls_cert_file: none: cannot be opened: No such file or "
				    "directory");
	assert_int_equal(r.cause, CAUSE_CONFIG);
	result_free(&r);
	assert_false(secret_read_public(".", "tls_cert_file", &out, &r));
	assert_string_equal(r.text, "tls_cert_file: .: is no regular file");
	result_free(&r);
	unlink("link");
	unlink("cert");
}

static void test_first_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *line;  /* NULL: refused ... */
		const char *error; /* ... with these words */
	} cases[] = {
		{ "secret", 6, "secret", NULL },
		{ "secret\n", 7, "secret", NULL },
		{ "secret\r\n", 8, "secret", NULL },
		{ "secret\r", 7, "secret", NULL },
		{ " se cret \nsecond\n", 17, " se cret ", NULL },
		{ "s\nx\0y", 5, "s", NULL },
		{ "", 0, NULL, "password_file: pw: its first line is empty" },
		{ "\nsecond", 7, NULL, "password_file: pw: its first line is empty" },
		{ "\r\n", 2, NULL, "password_file: pw: its first line is empty" },
		{ "a\0b\n", 4, NULL, "password_file: pw: holds a NUL byte" },
		{ "\0", 1, NULL, "password_file: pw: holds a NUL byte" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct result r = RESULT_OK;
		struct buf b;
		bool ok;

		buf_init(&b, SECRET_FILE_MAX);
		buf_add(&b, cases[i].text, cases[i].len);
		ok = secret_first_line(&b, "pw", "password_file", &r);
		assert_int_equal(ok, cases[i].line != NULL);
		if (ok) {
			assert_string_equal(buf_str(&b), cases[i].line);
			assert_int_equal(b.len, strlen(cases[i].line));
			/* what was cut off is wiped */
			for (size_t at = b.len; at < cases[i].len; at++)
				assert_int_equal(b.p[at], 0);
		} else {
			assert_string_equal(r.text, cases[i].error);
			assert_int_equal(r.cause, CAUSE_CONFIG);
		}
		result_free(&r);
		buf_wipe(&b);
	}
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL && chdir(dir) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return chdir("/") == 0 ? rmdir(dir) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_owner),
		WITH_DIRECTORIES(test_directories),
		WITH_DIRECTORIES(test_working_directory),
		WITH_DIRECTORIES(test_directory_groups),
		WITH_DIRECTORIES(test_directory_owner),
		WITH_DIRECTORIES(test_directory_links),
		cmocka_unit_test(test_hidden_root),
		cmocka_unit_test(test_long_paths),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_first_line),
		cmocka_unit_test(test_public),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
