/*
 * test_conf_files.c - sendmail.conf: includes, files, their bounds, and which file is read
 */
#include "config/conf.h"

#include "base/util.h"
#include "conf_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

/* --- include() --- */

static void test_include(void **state)
{
	char *path = in_dir("sub");
	struct conf *c;

	(void)state;
	mkdir(path, 0700);
	free(path);
	put("sub/account.conf", "include(\"deeper.conf\")\ntls_ca_file = ca.pem\n");
	put("sub/deeper.conf", "user = u\n\npassword_file = pw\n");
	put("sub/keys.conf", "\ndkim a.org { selector = s key_file = k }\n");
	put("empty.conf", "");
	c = load_text("include(\"empty.conf\")\n"
		      "account x {\n"
		      "  include('sub/account.conf')\n"
		      "  host = a\n"
		      "}\n"
		      "include( sub/keys.conf\t) domain = b.org\n");
	assert_int_equal(c->accounts[0].line, 2);
	assert_string_equal(c->accounts[0].file, c->path);
	assert_string_equal(c->accounts[0].endpoints[0].name, "a");
	assert_string_equal(c->accounts[0].user, "u");
	assert_string_equal(c->accounts[0].tls_ca_file + strlen(dir), "/sub/ca.pem");
	assert_string_equal(c->accounts[0].password_file + strlen(dir), "/sub/pw");
	assert_string_equal(c->dkims[0].key_file + strlen(dir), "/sub/k");
	assert_string_equal(c->dkims[0].file + strlen(dir), "/sub/keys.conf");
	assert_int_equal(c->dkims[0].line, 2);
	assert_string_equal(c->domain, "b.org");
	conf_free(c);
}

static const struct refusal include_refusals[] = {
	{ "\ninclude(\"none.conf\")\n", "@main.conf:2: include: @none.conf: cannot be "
					"opened: No such file or directory" },
	{ "account x {\n include(\".\")\n}\n", "@main.conf:2: include: @.: is a directory" },
	{ "include()\n", "@main.conf:1: expected include(\"file\")" },
	{ "\ninclude(a b)\n", "@main.conf:2: expected include(\"file\")" },
	{ "include(a, b)\n", "@main.conf:1: expected include(\"file\")" },
	{ "include(a\n)", "@main.conf:1: expected include(\"file\")" },
	{ "include(a", "@main.conf:1: expected include(\"file\")" },
	{ "include a\n", "@main.conf:1: missing parenthesis for function 'include'" },
	{ "include(\"\")\n", "@main.conf:1: include: wrong name, expected a file name "
			     "(with ~/ in front only if there is a home)" },
	{ "include(\"main.conf\")\n", "@main.conf:1: include: more than 8 files deep; does "
				      "one include itself?" },
	{ "\ninclude(\"value.inc\")\n",
	  "@value.inc:2: log: \"x\" is wrong, expected syslog, file or off" },
	{ "account x {\n include(\"value.inc\")\n}\n", "@value.inc:2: no such option 'log'" },
	{ "include(\"scan.inc\")\n",
	  "@scan.inc:3: a string ends on the line it begins on: a quote is missing" },
	{ "account x {\n include(\"brace.inc\")\n", "@main.conf:1: a { that is never "
						    "closed" },
	{ "account x {\n include(\"brace.inc\")\n}\n", "@brace.inc:2: a } without its {" },
	{ "log = off\ninclude(\"twice.inc\")\n",
	  "@twice.inc:1: log: given twice, first at @main.conf:1" },
	{ "include(\"twice.inc\")\nlog = off\n",
	  "@main.conf:2: log: given twice, first at @twice.inc:1" },
	{ "account x {\n host = a\n include(\"host.inc\")\n}\n",
	  "@host.inc:1: host: given twice, first at @main.conf:2" },
	{ "include(\"account.inc\")\naccount x { host = a }\n",
	  "@main.conf:2: found duplicate title 'x'" },
	{ "include(\"account.inc\")\n\nhots = a\n", "@main.conf:3: no such option 'hots'" },
};

static void test_include_refusals(void **state)
{
	(void)state;
	put("value.inc", "\nlog = x\n");
	put("scan.inc", "\n\ndomain = \"a\n");
	put("brace.inc", "host = a\n}\n");
	put("twice.inc", "log = off");
	put("host.inc", "host = b");
	put("account.inc", "\n\n\naccount x {\n host = a\n}\n");
	refuse_each(include_refusals, ARRAY_LEN(include_refusals));
}

/* A file that includes itself many times over ends at the size of all files together. */
static void test_include_bomb(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 128 * 1024);
	for (int i = 0; i < 4000; i++)
		buf_adds(&text, "include(\"leaf.conf\")\n");
	put_file("main.conf", text.p, text.len);
	buf_clear(&text);
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "# nothing\n");
	put_file("leaf.conf", text.p, text.len);
	buf_free(&text);
	refused("main.conf", CAUSE_CONFIG,
		"@main.conf:97: include: @leaf.conf: too large: a configuration has at most "
		"1048576 bytes in all its files");
}

/* --- files --- */

static void test_files(void **state)
{
	struct buf text;
	char *path = in_dir("fifo");

	(void)state;
	refused("none", CAUSE_CONFIG, "@none: cannot be opened: No such file or directory");
	refused("sub", CAUSE_CONFIG, "@sub: is a directory");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused("fifo", CAUSE_CONFIG, "@fifo: is no regular file");
	free(path);

	buf_init(&text, CONF_FILE_MAX + 1);
	buf_adds(&text, OK_ACCOUNT "#");
	while (text.len < CONF_FILE_MAX)
		buf_addc(&text, 'x');
	put_file("main.conf", text.p, text.len);
	conf_free(load());
	buf_addc(&text, 'x');
	put_file("main.conf", text.p, text.len);
	refused("main.conf", CAUSE_CONFIG,
		"@main.conf: too large: a configuration has at most 1048576 bytes in all its "
		"files");
	buf_free(&text);
}

static void test_permission(void **state)
{
	char *path = in_dir("main.conf");

	(void)state;
	put("main.conf", OK_ACCOUNT);
	chmod(path, 0604);
	assert_true(conf_world_readable(path));
	chmod(path, 0640);
	assert_false(conf_world_readable(path));
	chmod(path, 0);
	if (geteuid() != 0)
		refused("main.conf", CAUSE_PERMISSION,
			"@main.conf: cannot be opened: Permission denied");
	unlink(path);
	assert_false(conf_world_readable(path));
	free(path);
}

/* Bounds: many values, many sections, one long string; none takes long. */
static void test_bounds(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, CONF_FILE_MAX);
	buf_adds(&text, "account x { host = a senders = {a");
	for (int i = 1; i < 1000; i++)
		buf_adds(&text, ", a");
	buf_adds(&text, "}}\n");
	put_file("main.conf", text.p, text.len);
	conf_free(load());
	buf_clear(&text);
	buf_adds(&text, "account x {\n senders = {a");
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, ",\na");
	buf_adds(&text, "}}\n");
	put_file("main.conf", text.p, text.len);
	refused("main.conf", CAUSE_CONFIG, "@main.conf:1002: senders: more than 1000 values");

	buf_clear(&text);
	for (int i = 0; i <= 1000; i++)
		buf_addf(&text, "account %d { host = a }\n", i);
	put_file("main.conf", text.p, text.len);
	refused("main.conf", CAUSE_CONFIG, "@main.conf:1001: account: more than 1000 sections");

	buf_clear(&text);
	buf_adds(&text, "account x { host = a user = u password = ");
	for (int i = 0; i < 64 * 1024; i++)
		buf_addc(&text, 'x');
	put_file("main.conf", text.p, text.len);
	refused("main.conf", CAUSE_CONFIG, "@main.conf:1: a { that is never closed");
	buf_addc(&text, 'x');
	put_file("main.conf", text.p, text.len);
	refused("main.conf", CAUSE_CONFIG, "@main.conf:1: a value of more than 65536 bytes");
	buf_free(&text);
}

/* --- conf_find --- */

static void found(const char *option, const char *name)
{
	struct result r = RESULT_OK;
	char *expected = in_dir(name);
	char *path = conf_find(option, &r);

	assert_non_null(path);
	assert_string_equal(path, expected);
	assert_false(result_failed(&r));
	free(path);
	free(expected);
}

static void not_found(const char *option, const char *error)
{
	struct result r = RESULT_OK;
	char *text;

	assert_null(conf_find(option, &r));
	text = anonymous(r.text);
	assert_string_equal(text, error);
	assert_int_equal(r.cause, CAUSE_CONFIG);
	result_free(&r);
	free(text);
}

static void set_path(const char *variable, const char *name)
{
	char *path = in_dir(name);

	setenv(variable, path, 1);
	free(path);
}

static void test_find(void **state)
{
	char *home = in_dir("home"), *config = in_dir("home/.config"), *option = in_dir("a.conf");
	char *missing = in_dir("none.conf");
	char *path;
	struct result r = RESULT_OK;

	(void)state;
	mkdir(home, 0700);
	mkdir(config, 0700);
	put("home/.config/sendmail.conf", "");
	put("sendmail.conf", "");
	put("a.conf", "");
	put("b.conf", "");
	set_path("HOME", "home");
	set_path("XDG_CONFIG_HOME", "");
	set_path("MAILCHUTE_CONFIG", "b.conf");
	found(option, "a.conf");
	found(NULL, "b.conf");
	not_found(missing, "@none.conf: cannot be opened: No such file or directory");
	set_path("MAILCHUTE_CONFIG", "none.conf");
	not_found(NULL, "@none.conf: cannot be opened: No such file or directory");
	setenv("MAILCHUTE_CONFIG", "", 1);
	found(NULL, "/sendmail.conf");
	setenv("XDG_CONFIG_HOME", "relative", 1);
	found(NULL, "home/.config/sendmail.conf");
	unsetenv("XDG_CONFIG_HOME");
	found(NULL, "home/.config/sendmail.conf");

	/* the system's file may be there on the machine that runs this, or not */
	set_path("HOME", "nowhere");
	path = conf_find(NULL, &r);
	if (path != NULL) {
		assert_string_equal(strrchr(path, '/'), "/sendmail.conf");
	} else {
		char *text = anonymous(r.text);

		assert_int_equal(r.cause, CAUSE_CONFIG);
		assert_true(strncmp(text,
				    "no configuration file; looked for "
				    "@nowhere/.config/sendmail.conf, /",
				    strlen("no configuration file; looked for "
					   "@nowhere/.config/sendmail.conf, /")) == 0);
		assert_non_null(strstr(text, "/sendmail.conf (--config or $MAILCHUTE_CONFIG can "
					     "name another)"));
		free(text);
	}
	result_free(&r);
	free(path);

	/* something in the way that is not absence is told, not skipped */
	path = in_dir("loop");
	mkdir(path, 0700);
	free(path);
	path = in_dir("loop/sendmail.conf");
	assert_int_equal(symlink("sendmail.conf", path), 0);
	free(path);
	set_path("XDG_CONFIG_HOME", "loop");
	not_found(NULL, "@loop/sendmail.conf: cannot be opened: Too many levels of symbolic links");
	if (geteuid() != 0) {
		chmod(home, 0);
		set_path("XDG_CONFIG_HOME", "home");
		assert_null(conf_find(NULL, &r));
		assert_int_equal(r.cause, CAUSE_PERMISSION);
		result_free(&r);
		chmod(home, 0700);
	}
	free(home);
	free(config);
	free(option);
	free(missing);
}

static int remove_files(void **state)
{
	static const char *const names[] = {
		"sub/account.conf",
		"sub/deeper.conf",
		"sub/keys.conf",
		"empty.conf",
		"value.inc",
		"scan.inc",
		"brace.inc",
		"twice.inc",
		"host.inc",
		"account.inc",
		"leaf.conf",
		"fifo",
		"home/.config/sendmail.conf",
		"sendmail.conf",
		"a.conf",
		"b.conf",
		"loop/sendmail.conf",
		"loop",
		"sub",
		"home/.config",
		"home",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		remove_file(names[i]);
	return tear_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_include),      cmocka_unit_test(test_include_refusals),
		cmocka_unit_test(test_include_bomb), cmocka_unit_test(test_files),
		cmocka_unit_test(test_permission),   cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, set_up, remove_files);
}
