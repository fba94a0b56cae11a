/*
 * test_alias.c - the syntax of aliases(5), line by line
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "mail/alias.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define OUT_MAX  (8 * 1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static char dir[] = "/tmp/test_alias.XXXXXX";
static char *path;

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	path = xasprintf("%s/aliases", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	free(path);
	return rmdir(dir);
}

static void put(struct span text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_true(write_all(fd, text.p, text.len));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Each alias in brackets, by name: {line name: [target][target]}. */
static void describe(const struct aliases *a, struct buf *out)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct alias *alias = &a->list[i];

		buf_addf(out, "{%d %s: ", alias->line, alias->name);
		for (size_t k = 0; k < alias->n; k++)
			buf_addf(out, "[%s]", alias->targets[k]);
		assert_null(alias->targets[alias->n]);
		buf_addc(out, '}');
	}
}

static void check(struct span text, const char *want)
{
	struct aliases *a = NULL;
	struct result r = RESULT_OK;
	struct buf got;

	put(text, 0600);
	if (!aliases_load(path, &a, &r))
		fail_msg("\"%.*s\": %s", (int)text.len, text.p, r.text);
	buf_init(&got, OUT_MAX);
	describe(a, &got);
	assert_string_equal(buf_str(&got), want);
	buf_free(&got);
	aliases_free(a);
}

static void syntax(void **state)
{
	static const struct {
		const char *text;
		const char *aliases;
	} rows[] = {
		{ "", "" },
		{ "\n\n  \n\t\n", "" },
		{ "# nothing\n  # here\n", "" },
		{ "root: ann\n", "{1 root: [ann]}" },
		{ "root:ann", "{1 root: [ann]}" },
		{ "Root : ann \t\n", "{1 root: [ann]}" },
		{ "root:\tann\r\nbin: root\r\n", "{2 bin: [root]}{1 root: [ann]}" },
		{ "*: all\n", "{1 *: [all]}" },
		{ "a+b: c\n", "{1 a+b: [c]}" },
		{ "owner-list: c\n", "{1 owner-list: [c]}" },
		/* lists */
		{ "a: b, c@d ,e\n", "{1 a: [b][c@d][e]}" },
		{ "a: ,b,, c,\n", "{1 a: [b][c]}" },
		{ "a: Bob B. <b@c>, d (x, y)\n", "{1 a: [Bob B. <b@c>][d (x, y)]}" },
		{ "a: \"b, c\"@d, \"Doe, J\" <j@d>\n", "{1 a: [\"b, c\"@d][\"Doe, J\" <j@d>]}" },
		{ "a: b\\, c, d\n", "{1 a: [b\\, c][d]}" },
		{ "a: \"b\\\", c\", d\n", "{1 a: [\"b\\\", c\"][d]}" },
		{ "a: <@x,@y:b@c>, d\n", "{1 a: [<@x,@y:b@c>][d]}" },
		{ "a: b), c\n", "{1 a: [b)][c]}" },
		/* what a target is, is found out later */
		{ "a: :include:/etc/list, \\b, |/bin/cat, \"|x y, z\", /dev/null\n",
		  "{1 a: [:include:/etc/list][\\b][|/bin/cat][\"|x y, z\"][/dev/null]}" },
		/* continued lines */
		{ "a: b,\n c\n\td\nb: e\n", "{1 a: [b][c\td]}{4 b: [e]}" },
		{ "a:\n  b\n", "{1 a: [b]}" },
		{ "a: b\n\n  , c\n", "{1 a: [b][c]}" },
		{ "a: b,\n# comment\n c\n", "{1 a: [b][c]}" },
		{ "a: b,\r\n c\r\n", "{1 a: [b][c]}" },
		{ "# x\n\na: b\n\n\nb: c\n", "{3 a: [b]}{6 b: [c]}" },
		/* a comment begins a line or is none */
		{ "a: b # c\n", "{1 a: [b # c]}" },
		/* names in quotes, and quoted letters */
		{ "\"two words\": b\n", "{1 two words: [b]}" },
		{ "\"a:b\": c\n", "{1 a:b: [c]}" },
		{ "a\\:b: c\n", "{1 a:b: [c]}" },
		{ "\"#a\": c\n", "{1 #a: [c]}" },
		{ "\"a\\\"b\": c\n", "{1 a\"b: [c]}" },
		/* a colon on the right is nothing */
		{ "a: b: c\n", "{1 a: [b: c]}" },
		{ "f\xc3\xbcr: b\n", "{1 f\xc3\xbcr: [b]}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(span_of(rows[i].text), rows[i].aliases);
}

/* By name, whatever their order. */
static void sorted(void **state)
{
	(void)state;
	check(span_of("b: 1\nc: 2\n*: 3\nA: 4\nab: 5\n"),
	      "{3 *: [3]}{4 a: [4]}{5 ab: [5]}{1 b: [1]}{2 c: [2]}");
}

static void refused_text(struct span text, int line, const char *words)
{
	char *place = line > 0 ? xasprintf("%s:%d: ", path, line) : xasprintf("%s: ", path);
	struct aliases *a = NULL;
	struct result r = RESULT_OK;

	put(text, 0600);
	if (aliases_load(path, &a, &r))
		fail_msg("\"%.*s\" is taken", (int)text.len, text.p);
	assert_null(a);
	assert_int_equal(r.cause, CAUSE_CONFIG);
	if (strstr(r.text, place) != r.text || strstr(r.text, words) == NULL)
		fail_msg("\"%s\" is not \"%s\" and \"%s\"", r.text, place, words);
	assert_false(has_control(r.text, strlen(r.text)));
	result_free(&r);
	free(place);
}

static void refused(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *words;
	} rows[] = {
		{ "a\n", 1, "name: targets" },
		{ "a: b\n\nroot ann\nb: c\n", 3, "name: targets" },
		{ ": b\n", 1, "name: targets" },
		{ " : b\n", 1, "name: targets" },
		{ "\"\": b\n", 1, "name: targets" },
		{ "\"a: b\n", 1, "name: targets" },
		{ "a:\n", 1, "without a target" },
		{ "a: ,,\n", 1, "without a target" },
		{ "b: x\na:\nc: d\n", 2, "without a target" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		refused_text(span_of(rows[i].text), rows[i].line, rows[i].words);
	refused_text((struct span){ "a: b\nb: c\0d\n", 12 }, 2, "NUL");
}

/* A name that is there twice is told to newaliases; mail goes by the first. */
static void doubles(void **state)
{
	static const struct {
		const char *text;
		const char *name;
		int first, second;
	} rows[] = {
		{ "a: b\nb: c\nA: d\n", "a", 1, 3 },
		{ "x: 1\n\na: b\n\"a\": c\na: d\n", "a", 3, 4 },
		{ "*: a\n*: b\n", "*", 1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct aliases *a = NULL;
		char *place = xasprintf("%s:%d: ", path, rows[i].second);

		put(span_of(rows[i].text), 0600);
		assert_true(aliases_load(path, &a, &r));
		assert_int_equal(aliases_find(a, rows[i].name)->line, rows[i].first);
		assert_false(aliases_check_doubles(a, &r));
		assert_int_equal(r.cause, CAUSE_CONFIG);
		assert_ptr_equal(strstr(r.text, place), r.text);
		result_free(&r);
		aliases_free(a);
		free(place);
	}
}

/* Bounded, and no slower for being large. */
static void large(void **state)
{
	struct result r = RESULT_OK;
	struct aliases *a = NULL;
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (int i = 0; i < 100000; i++)
		buf_addf(&text, "name%06d: target\n", i);
	put(buf_span(&text), 0600);
	assert_true(aliases_load(path, &a, &r));
	assert_int_equal(a->n, 100000);
	assert_int_equal(aliases_find(a, "name031415")->line, 31416);
	aliases_free(a);
	while (text.len <= ALIAS_FILE_MAX)
		buf_adds(&text, "# filling the file up, line after line after line\n");
	refused_text(buf_span(&text), 0, "larger than");
	buf_free(&text);
}

static void files(void **state)
{
	struct result r = RESULT_OK;
	struct aliases *a = NULL;

	(void)state;
	assert_false(aliases_load("/nosuch/aliases", &a, &r));
	assert_int_equal(r.cause, CAUSE_CONFIG);
	assert_non_null(strstr(r.text, "/nosuch/aliases: No such file"));
	result_free(&r);
	assert_false(aliases_load("/", &a, &r));
	assert_int_equal(r.cause, CAUSE_CONFIG);
	assert_non_null(strstr(r.text, "regular"));
	result_free(&r);
	put(span_of("a: b\n"), 0666); /* the system's own business */
	assert_true(aliases_load(path, &a, &r));
	assert_true(a->owner == geteuid());
	aliases_free(a);
	aliases_free(NULL);
}

static void found(void **state)
{
	static const struct {
		const char *local;
		int line; /* 0: none */
	} rows[] = { { "root", 1 },       { "ROOT", 1 },      { "root+x", 1 },   { "root+x+y", 1 },
		     { "detail+x", 3 },   { "Detail+X", 3 },  { "detail+y", 2 }, { "detail", 2 },
		     { "+root", 0 },      { "two words", 4 }, { "roo", 0 },      { "root2", 0 },
		     { "", 0 },           { "*", 0 },         { "nobody", 0 },   { "+", 0 },
		     { "two words+x", 4 } };
	static const char text[] = "root: a\ndetail: b\ndetail+x: c\n\"two words\": d\n";
	struct result r = RESULT_OK;
	struct aliases *a = NULL;

	(void)state;
	for (int catch_all = 0; catch_all < 2; catch_all++) {
		struct buf b;

		buf_init(&b, OUT_MAX);
		buf_addf(&b, "%s%s", text, catch_all ? "*: all\n" : "");
		put(buf_span(&b), 0600);
		buf_free(&b);
		assert_true(aliases_load(path, &a, &r));
		for (size_t i = 0; i < COUNT(rows); i++) {
			const struct alias *alias = aliases_find(a, rows[i].local);
			int want = rows[i].line == 0 && catch_all ? 5 : rows[i].line;

			if ((alias != NULL ? alias->line : 0) != want)
				fail_msg("%s: not line %d", rows[i].local, want);
		}
		aliases_free(a);
	}
}

static void included(void **state)
{
	static const char list[] = "# list\r\na@b, c\r\n\r\n\"d, e\"@f\n  g\n";
	static const char *const want[] = { "a@b", "c", "\"d, e\"@f", "g" };
	struct aliases a = { .owner = geteuid() };
	struct result r = RESULT_OK;
	char **targets;
	size_t n;

	(void)state;
	put(span_of(list), 0644);
	assert_true(aliases_include(&a, path, &targets, &n, &r));
	assert_int_equal(n, COUNT(want));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(targets[i], want[i]);
	assert_null(targets[n]);
	alias_targets_free(targets);
	put(span_of(""), 0644);
	assert_true(aliases_include(&a, path, &targets, &n, &r));
	assert_int_equal(n, 0);
	alias_targets_free(targets);
	put((struct span){ "a\0b\n", 4 }, 0644);
	assert_false(aliases_include(&a, path, &targets, &n, &r));
	assert_int_equal(r.cause, CAUSE_CONFIG);
	alias_targets_free(targets);
	result_free(&r);
}

/* Whoever can change an included file reads the mail. */
static void unsafe(void **state)
{
	static const struct {
		mode_t mode;
		bool safe;
	} rows[] = { { 0600, true },  { 0644, true },  { 0444, true },
		     { 0664, false }, { 0646, false }, { 0620, false } };
	struct aliases a = { .owner = geteuid() };
	char **targets;
	size_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;

		put(span_of("a@b\n"), rows[i].mode);
		if (aliases_include(&a, path, &targets, &n, &r) != rows[i].safe)
			fail_msg("mode %o", (unsigned)rows[i].mode);
		if (!rows[i].safe) {
			assert_int_equal(r.cause, CAUSE_PERMISSION);
			assert_non_null(strstr(r.text, path));
		}
		alias_targets_free(targets);
		result_free(&r);
	}
	if (geteuid() != 0)
		return;
	/* Another user's is fine only if the aliases are theirs as well. */
	put(span_of("a@b\n"), 0644);
	assert_int_equal(chown(path, 65534, 65534), 0);
	for (int owner = 0; owner < 2; owner++) {
		struct result r = RESULT_OK;

		a.owner = owner ? 65534 : 0;
		assert_int_equal(aliases_include(&a, path, &targets, &n, &r), owner);
		alias_targets_free(targets);
		result_free(&r);
	}
	assert_int_equal(chown(path, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntax),  cmocka_unit_test(sorted),   cmocka_unit_test(refused),
		cmocka_unit_test(doubles), cmocka_unit_test(large),    cmocka_unit_test(files),
		cmocka_unit_test(found),   cmocka_unit_test(included), cmocka_unit_test(unsafe),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
