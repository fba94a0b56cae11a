/*
 * test_account.c - which account sends, what is local, which keys sign
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "config/account.h"
#include "config/conf.h"

#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define MAX      6

/* Members of struct conf are char *; what a test lends them is never written to. */
struct names {
	char text[MAX][40];
	char *list[MAX + 1];
};

static char *lend(struct names *n, size_t i, const char *s)
{
	struct span text = span_of(s);

	assert_true(i < MAX && text.len < sizeof n->text[i]);
	memcpy(n->text[i], text.p, text.len + 1);
	return n->text[i];
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern;
		const char *address;
		bool matches;
	} rows[] = {
		{ "a@b.org", "a@b.org", true },
		{ "a@b.org", "x@b.org", false },
		{ "a@b.org", "a@c.org", false },
		{ "a@b.org", "xa@b.org", false },
		{ "a@b.org", "a@b.orgs", false },
		{ "a@b.org", "a@x.b.org", false },
		{ "a@b.org", "", false },
		/* the domain without regard to case, the local part with it */
		{ "a@b.org", "a@B.Org", true },
		{ "a@B.ORG", "a@b.org", true },
		{ "a@b.org", "A@b.org", false },
		{ "a@[B-C].org", "a@c.org", true },
		/* wildcards */
		{ "*@b.org", "a@b.org", true },
		{ "*@b.org", ".a/b@b.org", true },
		{ "*@b.org", "a@sub.b.org", false },
		{ "*@*.org", "a@sub.b.org", true },
		{ "*@*", "a@b", true },
		{ "*@*", "a", false },
		{ "?@b.org", "a@b.org", true },
		{ "?@b.org", "ab@b.org", false },
		{ "[ab]@c", "b@c", true },
		{ "[!ab]@c", "b@c", false },
		{ "a-*@c", "a-b@c", true },
		{ "a\\*@c", "a*@c", true },
		{ "a\\*@c", "ab@c", false },
		{ "*@*.b.org", "a@b.org", false },
		/* no pattern reaches across the "@" */
		{ "a*@c", "a@b@c", true },
		{ "a*c@d", "a@c@d", true },
		{ "a*d", "a@d", false },
		/* details do not count */
		{ "a@b", "a+x@b", true },
		{ "a@b", "a+x+y@b", true },
		{ "a@b", "ab+x@b", false },
		{ "*@b", "+x@b", true },
		{ "+x@b", "+x@b", true },
		{ "a@b", "a@b+x", false },
		/* unless the pattern wants them */
		{ "a+x@b", "a+x@b", true },
		{ "a+*@b", "a+x@b", true },
		{ "a+x@b", "a+y@b", false },
		{ "a+x@b", "a@b", false },
		/* a pattern without "@" is one of local parts */
		{ "root", "root@b", true },
		{ "r*", "root+x@b", true },
		{ "root", "x@root", false },
		{ "*b", "root@b", false },
		{ "root@b", "root", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (account_matches(rows[i].pattern, rows[i].address) != rows[i].matches)
			fail_msg("%s %s", rows[i].pattern, rows[i].address);
}

/* work and home by their patterns, both for shared; news and default by name. */
static void choice(void **state)
{
	static const struct {
		const char *name;
		const char *sender;
		const char *author;
		const char *chosen; /* NULL: none */
	} rows[] = {
		{ NULL, "a@work.example", NULL, "work" },
		{ NULL, "a@home.example", NULL, "home" },
		{ NULL, "a@shared.example", NULL, "work" },
		{ NULL, "a+x@HOME.example", NULL, "home" },
		/* the sender before the author, the author before the default */
		{ NULL, "a@home.example", "a@work.example", "home" },
		{ NULL, "a@else.example", "a@home.example", "home" },
		{ NULL, NULL, "a@home.example", "home" },
		{ NULL, "", "a@home.example", "home" },
		{ NULL, "a@else.example", "a@else.example", "default" },
		{ NULL, "a@else.example", "", "default" },
		{ NULL, NULL, NULL, "default" },
		{ NULL, "", "", "default" },
		/* --account before all, and only what is there */
		{ "news", "a@work.example", "a@home.example", "news" },
		{ "home", NULL, NULL, "home" },
		{ "Home", "a@home.example", NULL, NULL },
		{ "", "a@home.example", NULL, NULL },
		{ "*", "a@home.example", NULL, NULL },
	};
	struct names names, work, home;
	struct conf_account accounts[] = {
		{ .name = lend(&names, 0, "news") },
		{ .name = lend(&names, 1, "work"), .senders = work.list },
		{ .name = lend(&names, 2, "default") },
		{ .name = lend(&names, 3, "home"), .senders = home.list },
	};
	const struct conf c = { .path = lend(&names, 4, "x.conf"),
				.accounts = accounts,
				.n_accounts = COUNT(accounts) };

	(void)state;
	work.list[0] = lend(&work, 0, "*@work.example");
	work.list[1] = lend(&work, 1, "*@shared.example");
	work.list[2] = NULL;
	home.list[0] = lend(&home, 0, "*@shared.example");
	home.list[1] = lend(&home, 1, "?@home.example");
	home.list[2] = NULL;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		const struct conf_account *a =
			account_choose(&c, rows[i].name, rows[i].sender, rows[i].author, &r);

		assert_int_equal(a != NULL, rows[i].chosen != NULL);
		assert_int_equal(r.cause, a != NULL ? CAUSE_NONE : CAUSE_CONFIG);
		if (a != NULL)
			assert_string_equal(a->name, rows[i].chosen);
		else
			assert_non_null(strstr(r.text, rows[i].name));
		result_free(&r);
	}
}

/* default_account, else the account named default, else the only one. */
static void default_choice(void **state)
{
	static const struct {
		const char *accounts[3];
		const char *setting;
		const char *chosen; /* NULL: none */
	} rows[] = {
		{ { "a" }, NULL, "a" },           { { "a", "b" }, NULL, NULL },
		{ { "a", "b" }, "b", "b" },       { { "a", "default" }, NULL, "default" },
		{ { "a", "default" }, "a", "a" }, { { "a" }, "a", "a" },
		{ { NULL }, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct conf_account accounts[3] = { { .name = NULL } };
		struct names names;
		struct conf c = { .path = lend(&names, 4, "x.conf"), .accounts = accounts };
		const struct conf_account *a;

		for (; c.n_accounts < 3 && rows[i].accounts[c.n_accounts] != NULL; c.n_accounts++)
			accounts[c.n_accounts].name =
				lend(&names, c.n_accounts, rows[i].accounts[c.n_accounts]);
		if (rows[i].setting != NULL)
			c.default_account = lend(&names, 3, rows[i].setting);
		a = account_choose(&c, NULL, "x@y", "z@y", &r);
		assert_int_equal(a != NULL, rows[i].chosen != NULL);
		assert_int_equal(r.cause, a != NULL ? CAUSE_NONE : CAUSE_CONFIG);
		if (a != NULL)
			assert_string_equal(a->name, rows[i].chosen);
		else
			assert_non_null(strstr(r.text, "x@y"));
		result_free(&r);
	}
}

static void local_domains(void **state)
{
	static char first[] = "first.example.com", second[] = "second.Example.com";
	static char *const ours[] = { first, second, NULL };
	static const struct {
		const char *domain;
		const char *hostname;
		bool local;
	} rows[] = {
		{ NULL, NULL, true },
		{ "", NULL, true },
		{ "localhost", NULL, true },
		{ "myhost", "other.example.org", true },
		{ "example.org", NULL, false },
		{ "example.org", "host.example.org", false },
		{ "host.example.org", "host.example.org", true },
		{ "HOST.example.org", "host.Example.org", true },
		{ "x.host.example.org", "host.example.org", false },
		{ "host.example.org", "example.org", false },
		{ "a.local", NULL, true },
		{ "a.b.LOCAL", NULL, true },
		{ "a.lan", NULL, true },
		{ "a.internal", NULL, true },
		{ "localhost.localdomain", NULL, true },
		{ "a.home.arpa", NULL, true },
		{ "home.arpa", NULL, false },
		{ "a.arpa", NULL, false },
		{ "local.org", NULL, false },
		{ "a.local.org", NULL, false },
		{ "a.notlocal", NULL, false },
		{ "a.xlan", NULL, false },
		{ "[192.0.2.1]", NULL, false },
		{ "[IPv6:::1]", NULL, false },
		{ "first.example.com", NULL, true },
		{ "SECOND.example.com", "host.example.org", true },
		{ "x.first.example.com", NULL, false },
		{ "example.com", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (domain_is_local(rows[i].domain, rows[i].hostname, ours) != rows[i].local)
			fail_msg("%s", rows[i].domain != NULL ? rows[i].domain : "NULL");
}

/* The sections of the nearest domain, in their order. */
static void keys(void **state)
{
	static const struct {
		const char *domain;
		const char *sections; /* the names, a blank behind each */
	} rows[] = {
		{ "example.org", "org1 org2 " },
		{ "EXAMPLE.Org", "org1 org2 " },
		{ "sub.example.org", "org2 " },
		{ "x.y.example.org", "org2 " },
		{ "near.example.org", "near1 near2 " },
		{ "x.near.example.org", "near2 " },
		{ "example.net", "net " },
		{ "sub.example.net", "" },
		{ "xexample.org", "" },
		{ "example.org.evil.example", "" },
		{ "org", "" },
		{ ".example.org", "" },
		{ "", "" },
	};
	static const struct {
		const char *name;
		const char *domain;
		bool subdomains;
	} sections[] = {
		{ "org1", "example.org", false },      { "near1", "near.example.org", false },
		{ "net", "example.net", false },       { "org2", "example.org", true },
		{ "near2", "near.example.org", true },
	};
	struct names names, domains;
	struct conf_dkim dkims[COUNT(sections)] = { { .name = NULL } };
	const struct conf c = { .dkims = dkims, .n_dkims = COUNT(sections) };

	(void)state;
	for (size_t i = 0; i < COUNT(sections); i++) {
		dkims[i].name = lend(&names, i, sections[i].name);
		dkims[i].domain = lend(&domains, i, sections[i].domain);
		dkims[i].subdomains = sections[i].subdomains;
	}
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct conf_dkim *d = NULL;
		struct buf got;

		buf_init(&got, 1000);
		while ((d = dkim_for_domain(&c, rows[i].domain, d)) != NULL)
			buf_addf(&got, "%s ", d->name);
		assert_string_equal(buf_str(&got), rows[i].sections);
		buf_free(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),       cmocka_unit_test(choice),
		cmocka_unit_test(default_choice), cmocka_unit_test(local_domains),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
