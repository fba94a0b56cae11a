/*
 * test_recipients.c - recipients from arguments and headers, each once, through the aliases
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/util.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/recipients.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define OUT_MAX  (16 * 1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* --- without aliases --- */

/* The recipients, in order, a blank behind each. */
static void assert_recipients(const struct envelope *e, const char *want)
{
	struct buf got;

	buf_init(&got, OUT_MAX);
	for (size_t i = 0; i < e->n; i++)
		buf_addf(&got, "%s ", e->recipients[i]);
	assert_string_equal(buf_str(&got), want);
	buf_free(&got);
}

static void assert_refused(struct result *r, const char *origin)
{
	assert_int_equal(r->cause, CAUSE_DATA);
	assert_int_equal(r->step, STEP_ADDRESS);
	assert_int_equal(strncmp(r->text, origin, strlen(origin)), 0);
	assert_false(has_control(r->text, strlen(r->text)));
	result_free(r);
}

static bool add_span(struct envelope *e, struct span list, const char *origin, struct result *r)
{
	struct recipients rc;

	recipients_init(&rc, e, "example.net", NULL, NULL);
	bool ok = recipients_add_list(&rc, list, origin, r);
	recipients_free(&rc);
	return ok;
}

static bool add_list(struct envelope *e, const char *list, const char *origin, struct result *r)
{
	return add_span(e, span_of(list), origin, r);
}

static bool add_header(struct envelope *e, const struct header *h, struct result *r)
{
	struct recipients rc;

	recipients_init(&rc, e, "example.net", NULL, NULL);
	bool ok = recipients_add_header(&rc, h, r);
	recipients_free(&rc);
	return ok;
}

static void lists(void **state)
{
	static const struct {
		const char *lists[3];
		const char *recipients;
	} rows[] = {
		{ { "a@b" }, "a@b " },
		{ { "a@b, c@d" }, "a@b c@d " },
		{ { "" }, "" },
		{ { " , ,, " }, "" },
		{ { "undisclosed-recipients:;" }, "" },
		{ { "us: a@b, c@d;, e@f" }, "a@b c@d e@f " },
		{ { "Jo (at home) <a@b>,\r\n\t\"x, y\" <c@d>" }, "a@b c@d " },
		{ { "root, root@example.net" }, "root@example.net " },
		/* each once: the domain's case is nothing, the local part's is all */
		{ { "a@b, a@b", "a@b" }, "a@b " },
		{ { "a@b", "c@d", "<a@b>, x <c@d>" }, "a@b c@d " },
		{ { "a@B.org, a@b.ORG" }, "a@B.org " },
		{ { "a@b, A@b" }, "a@b A@b " },
		{ { "a@b, a@bc, ab@c, a@b.c" }, "a@b a@bc ab@c a@b.c " },
		{ { "\"a\"@b, a@b" }, "a@b " },
		{ { "\"a@b\"@c, \"a@B\"@c, \"a@b\"@C" }, "\"a@b\"@c \"a@B\"@c " },
		{ { "a@b\xc3\xbc"
		    "cher.example, a@xn--bcher-KVA.example" },
		  "a@xn--bcher-kva.example " },
		{ { "root", "ROOT" }, "root@example.net ROOT@example.net " },
		{ { "J\xc3\xb6 <j\xc3\xb6@c>, j\xc3\xb6@C" }, "j\xc3\xb6@c " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct envelope e;

		envelope_init(&e);
		for (size_t k = 0; k < 3 && rows[i].lists[k] != NULL; k++)
			assert_true(add_list(&e, rows[i].lists[k], "recipient", &r));
		assert_recipients(&e, rows[i].recipients);
		envelope_free(&e);
		assert_int_equal(e.n, 0);
	}
}

static void bad_lists(void **state)
{
	static const char *const rows[] = {
		"a@b, c@",      "a@b c@d",     "a@b, <>",    "<>",           "a@b, \"c",
		"a@b, <c",      "a@b, \xe4@c", "a@b, c@d e", "a@b, c\x01@d", "a@b>\r\nRCPT TO:<x@y",
		"a@b, c@[x>y]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct envelope e;

		envelope_init(&e);
		if (add_list(&e, rows[i], "To:", &r))
			fail_msg("\"%s\"", rows[i]);
		assert_refused(&r, "To: \"");
		envelope_free(&e);
	}
	struct result r = RESULT_OK;
	struct envelope e;

	envelope_init(&e);
	assert_false(add_span(&e, (struct span){ "a@b\0c", 5 }, "recipient", &r));
	assert_refused(&r, "recipient \"");
	envelope_free(&e);
}

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

/* What -t takes. */
static void headers(void **state)
{
	static const struct {
		const char *header;
		const char *recipients;
	} rows[] = {
		{ "", "" },
		{ "Subject: x\r\n", "" },
		{ "To: a@b\r\nCc: c@d\r\nBcc: e@f\r\n", "a@b c@d e@f " },
		{ "BCC : a@b\r\nto\t:\r\n c@d\r\n", "a@b c@d " },
		{ "Bcc: a@b,\r\n c@d\r\nTo: a@b\r\n", "a@b c@d " },
		{ "To: a@b\r\nTo: c@d\r\n", "a@b c@d " },
		{ "From: a@b\r\nSender: c@d\r\nReply-To: e@f\r\nX-To: g@h\r\n", "" },
		{ "To: root\r\n", "root@example.net " },
		{ "To: undisclosed-recipients:;\r\nBcc: a@b\r\n", "a@b " },
		/* any Resent- field, and only these count */
		{ "Resent-To: x@y\r\nTo: a@b\r\nCc: c@d\r\nBcc: e@f\r\n", "x@y " },
		{ "Resent-To: a@b\r\nResent-Cc: c@d\r\nResent-Bcc: e@f\r\n", "a@b c@d e@f " },
		{ "resent-bcc : x@y\r\nTo: a@b\r\n", "x@y " },
		{ "To: a@b\r\nResent-From: x@y\r\n", "" },
		{ "To: a@b\r\nResent-Sender: x@y\r\n", "" },
		{ "To: a@b\r\nResent-Date: x\r\n", "" },
		{ "To: a@b\r\nResent-Message-ID: x\r\n", "" },
		{ "To: broken@\r\nResent-To: x@y\r\n", "x@y " },
		{ "To: a@b\r\nX-Resent-To: x@y\r\n", "a@b " },
		{ "To: a@b\r\nResent-Reply-To: x@y\r\n", "" },
		/* the first block alone, the others say what was */
		{ "Resent-From: m@n\r\nResent-To: x@y\r\nResent-From: o@p\r\n"
		  "Resent-To: old@y\r\nResent-Bcc: older@y\r\n",
		  "x@y " },
		{ "Received: x\r\nResent-To: x@y\r\nReceived: x\r\nResent-Cc: old@y\r\n"
		  "To: a@b\r\n",
		  "x@y " },
		{ "Resent-From: m@n\r\nResent-From: o@p\r\nResent-To: old@y\r\n", "" },
		{ "Resent-To: x@y\r\nResent-User: u\r\nResent-Bcc: v@w\r\n", "x@y v@w " },
		{ "Resent-To: x@y\r\nSubject: x\r\nResent-To: broken@\r\n", "x@y " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct envelope e;
		struct header h;

		envelope_init(&e);
		read_header(&h, rows[i].header);
		assert_true(add_header(&e, &h, &r));
		assert_recipients(&e, rows[i].recipients);
		header_free(&h);
		envelope_free(&e);
	}
}

static void bad_headers(void **state)
{
	static const struct {
		const char *header;
		const char *origin;
	} rows[] = {
		{ "To: a@\r\n", "To: \"" },
		{ "To: a@b\r\nBCC : c@\r\n", "Bcc: \"" },
		{ "Cc: <>\r\n", "Cc: \"" },
		{ "To: a@b\r\nResent-Cc: c d\r\n", "Resent-Cc: \"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct envelope e;
		struct header h;

		envelope_init(&e);
		read_header(&h, rows[i].header);
		assert_false(add_header(&e, &h, &r));
		assert_refused(&r, rows[i].origin);
		header_free(&h);
		envelope_free(&e);
	}
}

/* Recipients given beside -t are not said twice. */
static void arguments_and_header(void **state)
{
	struct result r = RESULT_OK;
	struct envelope e;
	struct header h;

	(void)state;
	envelope_init(&e);
	read_header(&h, "To: a@b, c@d\r\nCc: root\r\n");
	assert_true(add_list(&e, "c@D", "recipient", &r));
	assert_true(add_list(&e, "root", "recipient", &r));
	assert_true(add_header(&e, &h, &r));
	assert_recipients(&e, "c@D root@example.net a@b ");
	header_free(&h);
	envelope_free(&e);
}

/* --- with aliases --- */

static char dir[] = "/tmp/test_recipients.XXXXXX";

/* The alias file, and what it includes; "@" in a text stands for the directory and a slash. */
static const char aliases[] = "root: ann@example.org\n"
			      "postmaster: root\n"
			      "team: ann@example.org, Bob <bob@example.org>,\n"
			      "\tcarol, \"dave@home\"@example.org\n"
			      "all: team, root, all-others\n"
			      "all-others: eve@example.org\n"
			      "Upper: UP@example.org\n"
			      "\"two words\": two@example.org\n"
			      "self: self, copy@example.org\n"
			      "stop: \\root\n"
			      "domain: root@web1\n"
			      "far: root@example.com\n"
			      "included: :include:@list\n"
			      "quoted: \":include:@list\"\n"
			      "nested: :include:@nested\n"
			      "detail+x: x@example.org\n"
			      "detail: plain@example.org\n"
			      "owner-team: boss@example.org\n"
			      "loop1: loop2\n"
			      "loop2: loop3\n"
			      "loop3: ok@example.org, loop1\n"
			      "pipe: |/bin/cat\n"
			      "quotedpipe: \"|/bin/cat -u, x\"\n"
			      "pipequoted: |\"/bin/cat -u\"\n"
			      "file: /var/mail/x\n"
			      "quotedfile: \"/var/mail/x y\"\n"
			      "deep: root, pipe\n"
			      "broken: a@\n"
			      "null: <>\n"
			      "control: \"a\x01\"@example.org\n"
			      "absent: :include:@absent\n"
			      "open: :include:@open\n"
			      "includeloop: :include:@loop\n"
			      "includepipe: :include:@pipe\n";

static char *expand(const char *text)
{
	struct buf b;

	buf_init(&b, OUT_MAX);
	for (const char *p = text; *p != '\0'; p++) {
		/* only where a name of a file stands */
		if (*p == '@' && (p == text || p[-1] == ':'))
			buf_addf(&b, "%s/", dir);
		else
			buf_addc(&b, *p);
	}
	return buf_detach(&b);
}

static void put(const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	char *expanded = expand(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_true(write_all(fd, expanded, strlen(expanded)));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	free(expanded);
	free(path);
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	put("aliases", aliases, 0644);
	put("list", "# the list\nann@example.org, carol\n\n  bob@example.org (Bob)\nroot\n", 0644);
	put("nested", "postmaster\n:include:@list\n", 0644);
	put("open", "x@example.org\n", 0666);
	put("loop", ":include:@loop\n", 0644);
	put("pipe", "x@example.org\n|/bin/cat\n", 0644);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "aliases", "list", "nested", "open",
					     "loop",    "pipe", "catch",  "many" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);

		remove(path);
		free(path);
	}
	return rmdir(dir);
}

/* An envelope filled through an alias file. */
struct routed {
	struct envelope to;
	struct recipients rc;
	struct result r;
	char *file;
	bool ok;
};

static void route(struct routed *d, const char *file, const char *list)
{
	static char localhost[] = "localhost", web1[] = "Web1";
	static char *const local_domains[] = { localhost, web1, NULL };

	*d = (struct routed){ .r = RESULT_OK, .file = xasprintf("%s/%s", dir, file) };
	envelope_init(&d->to);
	recipients_init(&d->rc, &d->to, "example.net", d->file, local_domains);
	d->ok = recipients_add_list(&d->rc, span_of(list), "the recipient", &d->r);
}

static void routed_free(struct routed *d)
{
	recipients_free(&d->rc);
	envelope_free(&d->to);
	result_free(&d->r);
	free(d->file);
}

static void routes(const char *file, const char *list, const char *recipients)
{
	struct routed d;

	route(&d, file, list);
	if (!d.ok)
		fail_msg("%s: %s", list, d.r.text);
	assert_recipients(&d.to, recipients);
	routed_free(&d);
}

static void followed(void **state)
{
	static const struct {
		const char *list;
		const char *recipients;
	} rows[] = {
		{ "root", "ann@example.org " },
		{ "ROOT", "ann@example.org " },
		{ "upper", "UP@example.org " },
		{ "postmaster", "ann@example.org " },
		{ "nobody", "nobody@example.net " },
		{ "\"two words\"", "two@example.org " },
		{ "team", "ann@example.org bob@example.org carol@example.net "
			  "\"dave@home\"@example.org " },
		{ "owner-team", "boss@example.org " },
		{ "all", "ann@example.org bob@example.org carol@example.net "
			 "\"dave@home\"@example.org eve@example.org " },
		/* each once, whoever leads there */
		{ "root, postmaster, ann@EXAMPLE.org", "ann@example.org " },
		/* of this host, and not */
		{ "root@localhost", "ann@example.org " },
		{ "root@WEB1", "ann@example.org " },
		{ "Root <root@web1>", "ann@example.org " },
		{ "root@example.net", "root@example.net " },
		{ "root@web1.example.org", "root@web1.example.org " },
		{ "domain", "ann@example.org " },
		{ "far", "root@example.com " },
		/* no further */
		{ "\\root", "root@example.net " },
		{ "stop", "root@example.net " },
		{ "self", "self@example.net copy@example.org " },
		/* detail */
		{ "detail", "plain@example.org " },
		{ "detail+x", "x@example.org " },
		{ "detail+y", "plain@example.org " },
		{ "root+cron@localhost", "ann@example.org " },
		{ "+root", "+root@example.net " },
		/* files */
		{ "included", "ann@example.org carol@example.net bob@example.org " },
		{ "quoted", "ann@example.org carol@example.net bob@example.org " },
		{ "nested", "ann@example.org carol@example.net bob@example.org " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		routes("aliases", rows[i].list, rows[i].recipients);
}

/* Everything without an alias, but for what is said to be final. */
static void catch_all(void **state)
{
	(void)state;
	put("catch", "*: all@example.org\nroot: ann\nkept: \\kept\n", 0644);
	routes("catch", "x", "all@example.org ");
	routes("catch", "x@web1", "all@example.org ");
	routes("catch", "x@example.org", "x@example.org ");
	routes("catch", "root", "all@example.org ");
	routes("catch", "kept", "kept@example.net ");
	routes("catch", "\\x", "x@example.net ");
}

/* The alias file is to blame, with its line; nothing else is. */
static void wrong_aliases(void **state)
{
	static const struct {
		const char *list;
		enum cause cause;
		const char *place; /* behind "DIR/" */
		const char *words;
	} rows[] = {
		{ "loop1", CAUSE_CONFIG, "aliases:", "back to itself" },
		{ "loop2", CAUSE_CONFIG, "aliases:", "back to itself" },
		{ "pipe", CAUSE_CONFIG, "aliases:22: alias pipe: ", "program" },
		{ "quotedpipe", CAUSE_CONFIG, "aliases:23: alias quotedpipe: ", "program" },
		{ "pipequoted", CAUSE_CONFIG, "aliases:24: alias pipequoted: ", "program" },
		{ "file", CAUSE_CONFIG, "aliases:25: alias file: ", "file" },
		{ "quotedfile", CAUSE_CONFIG, "aliases:26: alias quotedfile: ", "file" },
		{ "deep", CAUSE_CONFIG, "aliases:22: alias pipe: ", "program" },
		{ "broken", CAUSE_CONFIG, "aliases:28: alias broken: ", "a@" },
		{ "null", CAUSE_CONFIG, "aliases:29: alias null: ", "<>" },
		{ "control", CAUSE_CONFIG, "aliases:30: alias control: ", "" },
		{ "absent", CAUSE_CONFIG, "aliases:31: alias absent: ", "/absent: No such file" },
		{ "open", CAUSE_PERMISSION, "aliases:32: alias open: ", "chmod go-w" },
		{ "includeloop", CAUSE_CONFIG, "aliases:33: alias includeloop: ", "too many" },
		{ "includepipe", CAUSE_CONFIG, "aliases:34: alias includepipe: ", "program" },
		{ "x@example.org, team, pipe", CAUSE_CONFIG, "aliases:22: ", "program" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *place = xasprintf("%s/%s", dir, rows[i].place);
		struct routed d;

		route(&d, "aliases", rows[i].list);
		if (d.ok || d.r.cause != rows[i].cause || strstr(d.r.text, place) != d.r.text ||
		    strstr(d.r.text, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].list, d.ok ? "accepted" : d.r.text);
		assert_false(has_control(d.r.text, strlen(d.r.text)));
		routed_free(&d);
		free(place);
	}
}

/* What the caller typed is the caller's fault, although there are aliases. */
static void wrong_lists(void **state)
{
	static const char *const rows[] = { "root, a@", "<>", "\\", "\\a b", "\\a@", "two words" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct routed d;

		route(&d, "aliases", rows[i]);
		if (d.ok)
			fail_msg("%s", rows[i]);
		assert_refused(&d.r, "the recipient \"");
		routed_free(&d);
	}
}

static void no_alias_file(void **state)
{
	struct routed d;

	(void)state;
	routes("nosuch", "a@example.org", "a@example.org "); /* nobody had to look */
	route(&d, "nosuch", "a");
	assert_false(d.ok);
	assert_int_equal(d.r.cause, CAUSE_CONFIG);
	routed_free(&d);
}

/* Aliases that double at every step end early; a long list of names does not. */
static void bounded(void **state)
{
	struct routed d;
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (int i = 0; i < 30; i++)
		buf_addf(&text, "n%d: n%d, n%d@localhost\n", i, i + 1, i + 1);
	buf_adds(&text, "long: l0");
	for (int i = 1; i < 10000; i++)
		buf_addf(&text, ",l%d", i);
	buf_adds(&text, "\nchain0: end@example.org\n");
	for (int i = 1; i < 100; i++)
		buf_addf(&text, "chain%d: chain%d\n", i, i - 1);
	put("many", buf_str(&text), 0644);
	buf_free(&text);
	route(&d, "many", "n0");
	assert_false(d.ok);
	assert_int_equal(d.r.cause, CAUSE_CONFIG);
	assert_non_null(strstr(d.r.text, "too many"));
	routed_free(&d);
	route(&d, "many", "chain99");
	assert_false(d.ok);
	assert_non_null(strstr(d.r.text, "too many"));
	routed_free(&d);
	routes("many", "chain20", "end@example.org ");
	route(&d, "many", "long");
	assert_true(d.ok);
	assert_int_equal(d.to.n, 10000);
	routed_free(&d);
}

static void note(void *ctx, unsigned depth, const char *address, const char *how)
{
	const char *slash = how != NULL ? strrchr(how, '/') : NULL;

	buf_addf(ctx, "%u %s%s%s\n", depth, address, how != NULL ? ": " : "",
		 slash != NULL ? slash + 1 : "");
}

/* What -bv is told: every step, in order, each below what led there. */
static void told(void **state)
{
	struct routed d;
	struct buf steps;

	(void)state;
	buf_init(&steps, OUT_MAX);
	route(&d, "aliases", "");
	d.rc.tell = note;
	d.rc.ctx = &steps;
	assert_true(recipients_add_list(&d.rc, span_of("Postmaster, team@web1, x@y"), "", &d.r));
	assert_string_equal(buf_str(&steps), "0 Postmaster: aliases:2\n"
					     "1 root: aliases:1\n"
					     "2 ann@example.org\n"
					     "0 team: aliases:3\n"
					     "1 ann@example.org\n"
					     "1 bob@example.org\n"
					     "1 carol@example.net\n"
					     "1 \"dave@home\"@example.org\n"
					     "0 x@y\n");
	buf_free(&steps);
	routed_free(&d);
}

/* newaliases: each alias on its own. */
static void tried(void **state)
{
	static const char *const wrong[] = { "absent", "broken",      "control",     "deep",
					     "file",   "includeloop", "includepipe", "loop1",
					     "loop2",  "loop3",       "null",        "open",
					     "pipe",   "pipequoted",  "quotedfile",  "quotedpipe",
					     NULL };
	const char *const *next = wrong;
	struct routed d;

	(void)state;
	route(&d, "aliases", "");
	assert_true(recipients_load_aliases(&d.rc, &d.r));
	for (size_t i = 0; i < d.rc.aliases->n; i++) {
		const struct alias *a = &d.rc.aliases->list[i];

		if (recipients_try_alias(&d.rc, a, &d.r)) {
			assert_false(result_failed(&d.r));
			continue;
		}
		assert_non_null(*next);
		assert_string_equal(a->name, *next);
		next++;
		result_free(&d.r);
	}
	assert_null(*next);
	routed_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),       cmocka_unit_test(bad_lists),
		cmocka_unit_test(headers),     cmocka_unit_test(bad_headers),
		cmocka_unit_test(followed),    cmocka_unit_test(arguments_and_header),
		cmocka_unit_test(catch_all),   cmocka_unit_test(wrong_aliases),
		cmocka_unit_test(wrong_lists), cmocka_unit_test(no_alias_file),
		cmocka_unit_test(bounded),     cmocka_unit_test(told),
		cmocka_unit_test(tried),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
