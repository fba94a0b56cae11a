/*
 * test_rewrite.c - senders of this host: which are replaced, and what stays readable of them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/util.h"
#include "mail/header.h"
#include "mail/rewrite.h"

#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (4 * 1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define NEW      "<alerts@example.org>"

/* Local here: bare names, web1 and its domain. */
static bool is_local(void *ctx, const char *domain)
{
	(void)ctx;
	return domain == NULL || ascii_casecmp(domain, "web1") == 0 ||
	       ascii_casecmp(domain, "localhost") == 0;
}

static const struct rewrite local = {
	.mode = REWRITE_LOCAL,
	.from = "alerts@example.org",
	.node = "web1.lan",
	.login = "root",
	.is_local = is_local,
};

/* A header of text whose lines end in CRLF. */
static void read_header(struct header *h, const char *text)
{
	header_init(h);
	while (*text != '\0') {
		const char *end = text;

		do
			end = strchr(end, '\n') + 1;
		while (*end == ' ' || *end == '\t');
		header_append(h, (struct span){ text, (size_t)(end - text) });
		text = end;
	}
}

static void check(const struct rewrite *w, const char *before, const char *after)
{
	struct header h;
	struct buf out;

	read_header(&h, before);
	rewrite_header(&h, w);
	buf_init(&out, OUT_MAX);
	header_write(&h, &out);
	assert_string_equal(buf_str(&out), after);
	buf_free(&out);
	header_free(&h);
}

/* One From: or Sender: field; the new value NULL means that it stays. */
static void check_value(const struct rewrite *w, const char *before, const char *after)
{
	static const char *const names[][2] = { { "From", "X-Original-From" },
						{ "Sender", "X-Original-Sender" } };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct buf field, want;

		buf_init(&field, OUT_MAX);
		buf_init(&want, OUT_MAX);
		buf_addf(&field, "%s: %s\r\n", names[i][0], before);
		if (after != NULL)
			buf_addf(&want, "%s: %s\r\n%s: %s\r\n", names[i][0], after, names[i][1],
				 before);
		check(w, buf_str(&field), after != NULL ? buf_str(&want) : buf_str(&field));
		buf_free(&field);
		buf_free(&want);
	}
}

static void values(void **state)
{
	static const struct {
		const char *before;
		const char *after; /* NULL: as it was */
	} rows[] = {
		/* as callers write them */
		{ "root", "\"root@web1.lan\" " NEW },
		{ "root (Cron Daemon)", "\"Cron Daemon (root@web1.lan)\" " NEW },
		{ "\"(Cron Daemon)\" <root>", "\"Cron Daemon (root@web1.lan)\" " NEW },
		{ "mdadm monitoring <root>", "\"mdadm monitoring (root@web1.lan)\" " NEW },
		{ "www-data@web1", "\"www-data@web1\" " NEW },
		{ "Web <www-data@WEB1>", "\"Web (www-data@WEB1)\" " NEW },
		{ "Fail2Ban <fail2ban@localhost>", "\"Fail2Ban (fail2ban@web1.lan)\" " NEW },
		{ "\"Doe, J.\" <j@web1>", "\"Doe, J. (j@web1)\" " NEW },
		{ "\"say \\\"x\\\"\" <j@web1>", "\"say \\\"x\\\" (j@web1)\" " NEW },
		{ "\"a b\"@web1", "\"a b@web1\" " NEW },
		/* what is encoded stays a word of its own */
		{ "=?UTF-8?Q?J=C3=BCrgen?= <j@web1>", "=?UTF-8?Q?J=C3=BCrgen?= \"(j@web1)\" " NEW },
		/* addresses others can reach */
		{ "a@example.com", NULL },
		{ "A <a@example.com> (x)", NULL },
		{ "a@web1.example.com", NULL },
		{ "alerts@example.org", NULL },
		/* what cannot be read is left alone */
		{ "root, a@", NULL },
		{ "\"root", NULL },
		{ "undisclosed:;", NULL },
		{ "", NULL },
		/* the first stands for all; one that can leave saves them */
		{ "root, bin@web1", "\"root@web1.lan\" " NEW },
		{ "Doe, John <john@example.com>", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_value(&local, rows[i].before, rows[i].after);
}

static void modes(void **state)
{
	static const struct {
		enum rewrite_mode mode;
		const char *from;
		const char *domain;
		bool applies;
	} rows[] = {
		{ REWRITE_LOCAL, "x@y", NULL, true },
		{ REWRITE_LOCAL, "x@y", "web1", true },
		{ REWRITE_LOCAL, "x@y", "example.org", false },
		{ REWRITE_ALWAYS, "x@y", NULL, true },
		{ REWRITE_ALWAYS, "x@y", "example.org", true },
		{ REWRITE_NEVER, "x@y", NULL, false },
		{ REWRITE_NEVER, "x@y", "example.org", false },
		/* nothing to put there */
		{ REWRITE_LOCAL, NULL, NULL, false },
		{ REWRITE_ALWAYS, NULL, "example.org", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rewrite w = local;

		w.mode = rows[i].mode;
		w.from = rows[i].from;
		assert_int_equal(rewrite_applies(&w, rows[i].domain), rows[i].applies);
		if (!rows[i].applies)
			check(&w, "From: root\r\nSender: a@example.org\r\n",
			      rows[i].domain == NULL || w.from == NULL || w.mode == REWRITE_NEVER
				      ? "From: root\r\nSender: a@example.org\r\n"
				      : "From: \"root@web1.lan\" <x@y>\r\nX-Original-From: root\r\n"
					"Sender: a@example.org\r\n");
	}
}

/* Where the human name comes from: the field, -F, the account database's for the caller. */
static void names(void **state)
{
	static const struct {
		const char *field;
		const char *option;
		const char *full_name;
		const char *name;
	} rows[] = {
		{ "root", NULL, "Super User", "\"Super User (root@web1.lan)\"" },
		{ "root", "CronDaemon", "Super User", "\"CronDaemon (root@web1.lan)\"" },
		{ "root (Cron)", "CronDaemon", "Super User", "\"Cron (root@web1.lan)\"" },
		{ "bin", NULL, "Super User", "\"bin@web1.lan\"" },
		{ "root", NULL, "", "\"root@web1.lan\"" },
		{ "root", "", "Super User", "\"root@web1.lan\"" },
		{ "root ()", NULL, NULL, "\"root@web1.lan\"" },
		{ "root (())", NULL, NULL, "\"() (root@web1.lan)\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rewrite w = local;
		struct buf want;

		w.name = rows[i].option;
		w.full_name = rows[i].full_name;
		buf_init(&want, OUT_MAX);
		buf_addf(&want, "%s " NEW, rows[i].name);
		check_value(&w, rows[i].field, buf_str(&want));
		buf_free(&want);
	}
}

/* Replies go to a person who can be reached, and to nobody else. */
static void reply_to(void **state)
{
	struct rewrite always = local;

	(void)state;
	always.mode = REWRITE_ALWAYS;
	check(&always, "From: Ann <ann@example.com>\r\nTo: x\r\n",
	      "From: \"Ann (ann@example.com)\" " NEW "\r\nReply-To: Ann <ann@example.com>\r\n"
	      "X-Original-From: Ann <ann@example.com>\r\nTo: x\r\n");
	check(&always, "From: root\r\n",
	      "From: \"root@web1.lan\" " NEW "\r\n"
	      "X-Original-From: root\r\n");
	check(&always, "From: a@example.com\r\nReply-To: b@example.com\r\n",
	      "From: \"a@example.com\" " NEW "\r\nX-Original-From: a@example.com\r\n"
	      "Reply-To: b@example.com\r\n");
	check(&always, "Sender: a@example.com\r\n",
	      "Sender: \"a@example.com\" " NEW "\r\nX-Original-Sender: a@example.com\r\n");
	check(&always, "From: Ann <Alerts@EXAMPLE.org>\r\nSender: alerts@example.org\r\n",
	      "From: Ann <Alerts@EXAMPLE.org>\r\nSender: alerts@example.org\r\n");
}

/* The old value is kept byte for byte, folded as it was; each field on its own. */
static void kept(void **state)
{
	(void)state;
	check(&local,
	      "To: x@y\r\nfrom :  root\r\n\t(Cron\r\n Daemon) \r\nSender: a@example.com\r\n",
	      "To: x@y\r\nFrom: \"Cron Daemon (root@web1.lan)\" " NEW "\r\n"
	      "X-Original-From:  root\r\n\t(Cron\r\n Daemon) \r\nSender: a@example.com\r\n");
	check(&local, "From: a@example.com\r\nSender: root\r\nResent-From: root\r\n",
	      "From: a@example.com\r\nSender: \"root@web1.lan\" " NEW
	      "\r\nX-Original-Sender: root\r\nResent-From: root\r\n");
}

/* A From: that names nobody: its name stays, if it has one, and its value as it was. */
static void unreadable(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} rows[] = {
		{ "Mail System <>", "Mail System " NEW },
		{ "\"Doe, J.\" <>", "\"Doe, J.\" " NEW },
		{ "=?utf-8?q?Z=C3=B6e?= <>", "=?utf-8?q?Z=C3=B6e?= " NEW },
		{ "Z\xc3\xb6"
		  "e <>",
		  "=?UTF-8?Q?Z=C3=B6e?= " NEW },
		{ "Ann\r\n\tand\r\n <>", "Ann and " NEW },
		{ "<>", NEW },
		{ "", NEW },
		{ "\r\n\t(nobody)", NEW },
		{ "a@", NEW },
		{ "Ann <a@", NEW },
		{ "test at example.com (Name)", NEW },
		{ "undisclosed:;", NEW },
		{ "\"Ann", NEW },
		{ "Ann <>, a@", "Ann " NEW },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int mode = 0; mode < 2; mode++) {
			struct rewrite w = local;
			struct buf text, want, got;
			struct header h;

			w.mode = mode == 0 ? REWRITE_LOCAL : REWRITE_ALWAYS;
			buf_init(&text, OUT_MAX);
			buf_init(&want, OUT_MAX);
			buf_init(&got, OUT_MAX);
			buf_addf(&text, "To: x@y\r\nfrom : %s\r\nSubject: x\r\n", rows[i].before);
			buf_addf(&want,
				 "To: x@y\r\nFrom: %s\r\nX-Original-From: %s\r\nSubject: x\r\n",
				 rows[i].after, rows[i].before);
			read_header(&h, buf_str(&text));
			assert_true(rewrite_unreadable(&h, &w));
			header_write(&h, &got);
			assert_string_equal(buf_str(&got), buf_str(&want));
			/* and once is enough */
			rewrite_header(&h, &w);
			buf_clear(&got);
			header_write(&h, &got);
			assert_string_equal(buf_str(&got), buf_str(&want));
			header_free(&h);
			buf_free(&got);
			buf_free(&want);
			buf_free(&text);
		}
}

static void unreadable_stays(void **state)
{
	struct rewrite never = local, nobody = local;
	const struct rewrite *const rows[] = { &never, &nobody };

	(void)state;
	never.mode = REWRITE_NEVER;
	nobody.from = NULL;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct header h;
		struct buf got;

		read_header(&h, "From: X <>\r\nTo: x@y\r\n");
		assert_false(rewrite_unreadable(&h, rows[i]));
		buf_init(&got, OUT_MAX);
		header_write(&h, &got);
		assert_string_equal(buf_str(&got), "From: X <>\r\nTo: x@y\r\n");
		buf_free(&got);
		header_free(&h);
	}
}

/* A name as long as a field may be does not make a line that no server takes. */
static void long_names(void **state)
{
	static const struct {
		const char *before, *behind;
		bool unreadable;
	} rows[] = {
		{ "", " <root>", false }, { "root (", ")", false }, { "\"(", ")\" <root>", false },
		{ "", " <>", true },      { "\"", "\" <>", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct header h;
		struct buf field;

		buf_init(&field, FIELD_MAX);
		buf_addf(&field, "From: %s", rows[i].before);
		while (field.len < 20000)
			buf_adds(&field, "name ");
		buf_addf(&field, "x%s\r\n", rows[i].behind);
		read_header(&h, buf_str(&field));
		if (rows[i].unreadable)
			assert_true(rewrite_unreadable(&h, &local));
		else
			rewrite_header(&h, &local);
		assert_int_equal(h.n, 2);
		if (header_field(&h, 0).len > 1000)
			fail_msg("row %zu: %zu octets", i, header_field(&h, 0).len);
		header_free(&h);
		buf_free(&field);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),     cmocka_unit_test(modes),
		cmocka_unit_test(names),      cmocka_unit_test(reply_to),
		cmocka_unit_test(kept),       cmocka_unit_test(long_names),
		cmocka_unit_test(unreadable), cmocka_unit_test(unreadable_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
