/*
 * test_addr.c - addresses read and written
 *
 * The corpus is addresses.tsv. Whatever goes in, also cut off or mutilated, every mailbox that
 * comes out must be fit for a command and must be read back as it was written.
 */
#include "mail/addr.h"

#include "base/util.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/banned.h"

#define ROWS_MIN  150
#define ROWS_MAX  1000
#define MUTANTS   30000
#define LONG_TEXT 1000000

struct row {
	struct buf input;
	char *expected; /* columns as in the file */
};

static struct row rows[ROWS_MAX];
static size_t row_count;

/* ---- the corpus ---- */

static char unhex(const char *p)
{
	static const char digits[] = "0123456789abcdef";

	return (char)((strchr(digits, p[0]) - digits) * 16 + (strchr(digits, p[1]) - digits));
}

/* \r \n \t \\ and \xHH undone. */
static void unescape(const char *p, size_t len, struct buf *out)
{
	static const char letters[] = "rnt\\";
	static const char meant[] = "\r\n\t\\";

	for (const char *end = p + len; p < end; p++) {
		if (*p != '\\') {
			buf_addc(out, *p);
		} else if (*++p == 'x') {
			buf_addc(out, unhex(p + 1));
			p += 2;
		} else {
			assert_non_null(strchr(letters, *p));
			buf_addc(out, meant[strchr(letters, *p) - letters]);
		}
	}
}

static void read_row(const char *line)
{
	const char *tab = strchr(line, '\t');
	struct row *row = &rows[row_count++];

	assert_true(row_count < ROWS_MAX);
	assert_non_null(tab);
	buf_init(&row->input, LONG_TEXT);
	unescape(line, (size_t)(tab - line), &row->input);
	row->expected = xstrdup(tab + 1);
}

static int read_rows(void **state)
{
	const char *srcdir = getenv("srcdir");
	char *path = xasprintf("%s/tests/unit/addresses.tsv", srcdir != NULL ? srcdir : ".");
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	(void)state;
	free(path);
	if (file == NULL)
		return -1;
	while ((len = getline(&line, &cap, file)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '#' && line[0] != '\0')
			read_row(line);
	}
	free(line);
	fclose(file);
	return row_count >= ROWS_MIN ? 0 : -1;
}

static int free_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < row_count; i++) {
		buf_free(&rows[i].input);
		free(rows[i].expected);
	}
	return 0;
}

/* ---- what holds for every mailbox ---- */

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool quotes_balanced(const char *p)
{
	bool inside = false;

	for (; *p != '\0'; p++) {
		if (inside && *p == '\\')
			p++;
		else if (*p == '"')
			inside = !inside;
		else if (!inside && strchr(" <>(),;\\", *p) != NULL)
			return false;
	}
	return !inside;
}

static void check_clean(const char *s)
{
	if (s != NULL)
		assert_false(has_control(s, strlen(s)));
}

static void check_mailbox(const struct mailbox *m)
{
	struct mailbox back;
	struct buf out;

	check_clean(m->name);
	check_clean(m->comment);
	check_clean(m->domain);
	assert_non_null(m->local);
	assert_true(strlen(m->local) <= 64);
	assert_true(m->domain == NULL || strlen(m->domain) <= 255);

	buf_init(&out, 2048);
	addr_write(m, &out);
	assert_false(buf_overflowed(&out));
	check_clean(buf_str(&out));
	assert_true(quotes_balanced(buf_str(&out)));
	assert_null(addr_parse_one(buf_span(&out), true, &back));
	assert_string_equal(back.local, m->local);
	assert_true(same(back.domain, m->domain));
	assert_null(back.name);
	assert_null(back.comment);
	mailbox_free(&back);
	buf_free(&out);
}

/* The written name in front of an address is read back; only known for ASCII. */
static void check_name(const char *name)
{
	struct mailbox back;
	struct buf out;

	if (name == NULL)
		return;
	buf_init(&out, LONG_TEXT);
	addr_write_phrase(name, &out);
	check_clean(buf_str(&out));
	assert_false(has_8bit(out.p, out.len));
	buf_adds(&out, " <a@b>");
	assert_null(addr_parse_one(buf_span(&out), false, &back));
	if (!has_8bit(name, strlen(name)))
		assert_string_equal(back.name, name);
	assert_string_equal(back.local, "a");
	mailbox_free(&back);
	buf_free(&out);
}

/* ---- reading a list, its result as one line ---- */

static void render_part(const char *s, struct buf *out)
{
	bool utf8 = s != NULL && is_utf8(s, strlen(s));

	if (s == NULL)
		buf_addc(out, '-');
	for (; s != NULL && *s != '\0'; s++) {
		if (*s == '\\')
			buf_adds(out, "\\\\");
		else if (*s == '|' || *s == '-' || (!utf8 && has_8bit(s, 1)))
			buf_addf(out, "\\x%02x", (unsigned int)(unsigned char)*s);
		else
			buf_addc(out, *s);
	}
}

static void render(const struct mailbox *m, struct buf *out)
{
	const char *parts[] = { m->name, m->comment, m->local, m->domain };

	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			buf_addc(out, '|');
		render_part(parts[i], out);
	}
}

/* Reads all of a list that ends where its memory ends, and checks every mailbox. */
static void read_list(struct span text, struct buf *out)
{
	char *exact = xmalloc(text.len > 0 ? text.len : 1);
	struct addr_list list;
	struct mailbox m;
	enum addr_next got;

	for (size_t i = 0; i < text.len; i++)
		exact[i] = text.p[i];
	addr_list_init(&list, (struct span){ exact, text.len });
	while ((got = addr_next(&list, &m)) == ADDR_MAILBOX) {
		check_mailbox(&m);
		check_name(m.name);
		if (out->len > 0)
			buf_addc(out, '\t');
		render(&m, out);
		mailbox_free(&m);
		assert_true(list.pos <= text.len);
	}
	if (got == ADDR_BAD) {
		assert_non_null(list.error);
		assert_true(list.at <= text.len);
		buf_addf(out, "%s!%s", out->len > 0 ? "\t" : "", list.error);
		assert_int_equal(addr_next(&list, &m), ADDR_BAD);
	} else {
		assert_null(list.error);
		assert_int_equal(list.pos, text.len);
		assert_int_equal(addr_next(&list, &m), ADDR_END);
	}
	free(exact);
}

static bool reads_as_expected(const struct row *row)
{
	struct buf got;
	bool good;

	buf_init(&got, 4 * LONG_TEXT);
	read_list(buf_span(&row->input), &got);
	if (got.len == 0)
		buf_adds(&got, "none");
	good = strcmp(buf_str(&got), row->expected) == 0;
	if (!good)
		print_message("%s\n  expected %s\n  not      %s\n", buf_str(&row->input),
			      row->expected, buf_str(&got));
	buf_free(&got);
	return good;
}

/* Only what holds for any input. */
static void survive(struct span text)
{
	struct buf got;

	buf_init(&got, 4 * LONG_TEXT);
	read_list(text, &got);
	buf_free(&got);
}

static void test_corpus(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < row_count; i++)
		wrong += !reads_as_expected(&rows[i]);
	assert_int_equal(wrong, 0);
}

static void test_corpus_cut_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < row_count; i++) {
		struct span all = buf_span(&rows[i].input);

		for (size_t cut = 0; cut < all.len; cut++) {
			survive((struct span){ all.p, cut });
			survive((struct span){ all.p + cut, all.len - cut });
		}
	}
}

/* ---- chance, the same in every run ---- */

static uint32_t chance(uint32_t below)
{
	static uint64_t seed = 20220815;

	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)(seed >> 33) % below;
}

static void mutate(struct span from, struct buf *out)
{
	static const char special[] = "\"\\()<>@,;:.[] \t\r\nab\x7f\xc3\xa4=?";
	size_t at = from.len > 0 ? chance((uint32_t)from.len) : 0;
	const struct row *other = &rows[chance((uint32_t)row_count)];

	buf_add(out, from.p, at);
	switch (chance(4)) {
	case 0: /* put one in; the NUL at the end counts */
		buf_addc(out, special[chance(sizeof(special))]);
		break;
	case 1: /* leave some out */
		at += chance(4);
		break;
	case 2: /* repeat what was */
		buf_add(out, from.p, at);
		break;
	default: /* go on as another */
		buf_addspan(out, buf_span(&other->input));
	}
	if (at < from.len)
		buf_add(out, from.p + at, from.len - at);
}

static void test_mutants(void **state)
{
	(void)state;
	for (size_t i = 0; i < MUTANTS; i++) {
		const struct row *row = &rows[chance((uint32_t)row_count)];
		struct buf text[2];
		size_t turns = 1 + chance(5);

		buf_init(&text[0], LONG_TEXT);
		buf_init(&text[1], LONG_TEXT);
		buf_addspan(&text[0], buf_span(&row->input));
		for (size_t k = 0; k < turns; k++) {
			buf_clear(&text[(k + 1) % 2]);
			mutate(buf_span(&text[k % 2]), &text[(k + 1) % 2]);
		}
		survive(buf_span(&text[turns % 2]));
		buf_free(&text[0]);
		buf_free(&text[1]);
	}
}

/* ---- sizes ---- */

static void repeat(struct buf *b, const char *s, size_t times)
{
	for (size_t i = 0; i < times; i++)
		buf_adds(b, s);
}

static void expect_long(const char *front, const char *middle, size_t times, const char *back,
			const char *error)
{
	struct buf text;
	struct mailbox m;
	const char *got;

	buf_init(&text, 8 * LONG_TEXT);
	buf_adds(&text, front);
	repeat(&text, middle, times);
	buf_adds(&text, back);
	got = addr_parse_one(buf_span(&text), false, &m);
	if (!same(got, error))
		print_message("%s, %zu times %s, %s: %s\n", front, times, middle, back, got);
	assert_true(same(got, error));
	if (got == NULL) {
		check_mailbox(&m);
		mailbox_free(&m);
	}
	buf_free(&text);
}

static void test_sizes(void **state)
{
	static const char local[] = "local part over 64 octets";
	static const char domain[] = "domain over 255 octets";

	(void)state;
	expect_long("", "x", 64, "@c", NULL);
	expect_long("", "x", 65, "@c", local);
	expect_long("", "x", 65, "", local);
	expect_long("\"", "\\\"", 64, "\"@c", NULL);
	expect_long("\"", "\\\"", 65, "\"@c", local);
	expect_long("<", ".", 64, "@c>", NULL);
	expect_long("<", ".", 65, "@c>", local);
	expect_long("a@", "x", 255, "", NULL);
	expect_long("a@", "x", 256, "", domain);
	expect_long("a@b", ".x", 127, "", NULL);
	expect_long("a@bb", ".x", 127, "", domain);
	expect_long("<a@[", "1", 253, "]>", NULL);
	expect_long("<a@[", "1", 254, "]>", domain);
	expect_long("<@r", ".x", LONG_TEXT, ":a@b>", NULL);
}

static void test_hostile_sizes(void **state)
{
	(void)state;
	expect_long("a", "(", 100000, "", "unbalanced parenthesis");
	expect_long("a@b ((((", "()", 100000, "))))", NULL);
	expect_long("a@b", "(x)", LONG_TEXT, "", NULL);
	expect_long("a@b (", "\\(", LONG_TEXT, ")", NULL);
	expect_long("", "\"", LONG_TEXT + 1, "", "unbalanced quote");
	expect_long("", "x ", LONG_TEXT, "<a@b>", NULL);
	expect_long("", "x ", LONG_TEXT, "", "several words but no <address>");
	expect_long("", "<", LONG_TEXT, "", "misplaced <");
	expect_long("", "@", LONG_TEXT, "", "no local part");
	expect_long("", ",", LONG_TEXT, "a@b", NULL);
	expect_long("", "g:;,", LONG_TEXT, "a@b", NULL);
	expect_long("<", ",", LONG_TEXT, "@x:a@b>", NULL);
	expect_long("", " \r\n ", LONG_TEXT, "a@b", NULL);
	expect_long("", "\\", LONG_TEXT, "", "backslash outside quotes");
	expect_long("a@b", ",x@y", LONG_TEXT, "", "more than one");
}

static void test_long_list(void **state)
{
	struct addr_list list;
	struct mailbox m;
	struct buf text;
	size_t n = 0;

	(void)state;
	buf_init(&text, LONG_TEXT);
	repeat(&text, "Jo <a@b>,", 100000);
	addr_list_init(&list, buf_span(&text));
	for (; addr_next(&list, &m) == ADDR_MAILBOX; n++)
		mailbox_free(&m);
	assert_int_equal(n, 100000);
	assert_null(list.error);
	buf_free(&text);
}

/* ---- the rest of the interface ---- */

static void test_where_it_is_bad(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} table[] = {
		{ "a@b, c@", 7 },     { "a, \"b", 3 }, { "a (b (c)", 2 }, { "a@b c", 4 },
		{ "a@b, x <c@d", 7 }, { "a;", 1 },     { "\"a\rb\"", 2 }, { "a@[1", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct addr_list list;
		struct mailbox m;

		addr_list_init(&list, span_of(table[i].text));
		while (addr_next(&list, &m) == ADDR_MAILBOX)
			mailbox_free(&m);
		assert_non_null(list.error);
		assert_int_equal(list.at, table[i].at);
	}
}

static void test_one(void **state)
{
	static const struct {
		const char *text;
		const char *error;      /* when the null address will not do */
		const char *error_null; /* when it will */
	} table[] = {
		{ "a@b", NULL, NULL },
		{ " Jo <a@b> ", NULL, NULL },
		{ "root", NULL, NULL },
		{ "a@b,", NULL, NULL },
		{ "", "empty", NULL },
		{ "<>", "the null address", NULL },
		{ " < (nobody) > ", "the null address", NULL },
		{ " ", "empty", "empty" },
		{ "(nobody)", "empty", "empty" },
		{ ",", "empty", "empty" },
		{ "g:;", "empty", "empty" },
		{ "g:a@b;", "a group", "a group" },
		{ "mailto:a@b", "a group", "a group" },
		{ "a@b, c@d", "more than one", "more than one" },
		{ "<>, <>", "more than one", "more than one" },
		{ "a@b, c@", "no domain behind the @", "no domain behind the @" },
		{ "a b", "several words but no <address>", "several words but no <address>" },
		{ "a@b\n", "line break", "line break" },
		{ "\"\"", "nothing in quotes", "nothing in quotes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (int allow_null = 0; allow_null < 2; allow_null++) {
			struct mailbox m;
			const char *want = allow_null ? table[i].error_null : table[i].error;
			const char *got = addr_parse_one(span_of(table[i].text), allow_null, &m);

			if (!same(got, want))
				print_message("%s\n", table[i].text);
			assert_true(same(got, want));
			if (got == NULL) {
				check_mailbox(&m);
				assert_int_equal(mailbox_is_null(&m), table[i].error != NULL);
				mailbox_free(&m);
			}
			assert_null(m.local);
			assert_null(m.domain);
		}
	}
}

static void test_write(void **state)
{
	static const struct {
		const char *text;
		const char *written;
	} table[] = {
		{ "<>", "" },
		{ "root (Cron Daemon)", "root" },
		{ "Jo <a.b+c@d.e>", "a.b+c@d.e" },
		{ "\"a\"@b", "a@b" },
		{ "\"a.b\" @ c . d", "a.b@c.d" },
		{ "\"a b\"@c", "\"a b\"@c" },
		{ "\"a\\\"\\\\b\"@c", "\"a\\\"\\\\b\"@c" },
		{ "\"a@b\"@c", "\"a@b\"@c" },
		{ "\"<a> ORCPT=x\"@c", "\"<a> ORCPT=x\"@c" },
		{ "\"\"@c", "\"\"@c" },
		{ ".a@c", "\".a\"@c" },
		{ "a.@c", "\"a.\"@c" },
		{ "a..b@c", "\"a..b\"@c" },
		{ "\"John Doe\"", "\"John Doe\"" },
		{ "a@[IPv6:::1]", "a@[IPv6:::1]" },
		{ "<@x,@y:a@b>", "a@b" },
		{ "\xc3\xa4@\xc3\xb6.de", "\xc3\xa4@\xc3\xb6.de" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mailbox m;
		struct buf out;

		buf_init(&out, 1000);
		assert_null(addr_parse_one(span_of(table[i].text), true, &m));
		addr_write(&m, &out);
		assert_string_equal(buf_str(&out), table[i].written);
		mailbox_free(&m);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_corpus_cut_everywhere),
		cmocka_unit_test(test_mutants),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_hostile_sizes),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_where_it_is_bad),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, read_rows, free_rows);
}
