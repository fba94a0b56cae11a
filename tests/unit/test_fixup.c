/*
 * test_fixup.c - what is taken out of a header, what is added, and what stays as it came
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/result.h"
#include "mail/addr.h"
#include "mail/fixup.h"
#include "mail/header.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

#define OUT_MAX  (4 * 1024 * 1024)
#define NOW      1700000000 /* 2023-11-14 22:13:20 UTC */
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* What a frozen clock gives in the zone of begin(), and the first and second random id. */
#define DATE "Wed, 15 Nov 2023 03:43:20 +0530"
#define ID_1 "<0123456789abcdefghijklmn@example.org>"
#define ID_2 "<opqrstuv0123456789abcdef@example.org>"

/* What a message is fixed with: whose it is, and when. The rest is left as it is. */
#define FIXUP(address, name, time)                                                                 \
	{                                                                                          \
		.from = (address), .from_name = (name), .domain = "example.net",                   \
		.id_domain = "example.org", .now = (time)                                          \
	}

/* Three fields that need nothing. */
#define WHOLE "Date: x\r\nFrom: a@b\r\nMessage-ID: <x@y>\r\n"

static int begin(void **state)
{
	(void)state;
	setenv("TZ", "XYZ-5:30", 1);
	tzset();
	return 0;
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

static void check_with(const struct fixup *f, const char *before, const char *after)
{
	struct header h;
	struct result r = RESULT_OK;
	struct buf out;

	clock_freeze(NOW);
	read_header(&h, before);
	assert_true(fixup_header(&h, f, &r));
	assert_false(result_failed(&r));
	buf_init(&out, OUT_MAX);
	header_write(&h, &out);
	assert_string_equal(buf_str(&out), after);
	buf_free(&out);
	header_free(&h);
	clock_freeze(-1);
}

static void check(const char *before, const char *after)
{
	const struct fixup f = FIXUP("me@example.org", NULL, NOW);

	check_with(&f, before, after);
}

static void added(void **state)
{
	(void)state;
	check("", "Date: " DATE "\r\nFrom: me@example.org\r\nMessage-ID: " ID_1 "\r\n");
	check("Subject: x\r\n", "Subject: x\r\nDate: " DATE "\r\nFrom: me@example.org\r\n"
				"Message-ID: " ID_1 "\r\n");
	check("Date: x\r\nMessage-ID: y\r\n",
	      "Date: x\r\nMessage-ID: y\r\nFrom: me@example.org\r\n");
	check("date : x\r\nMESSAGE-ID:\r\nFrom: a@b\r\n",
	      "date : x\r\nMESSAGE-ID:\r\nFrom: a@b\r\n");
	check("X-Date: x\r\nFrom: a@b\r\nMessage-ID: y\r\n",
	      "X-Date: x\r\nFrom: a@b\r\nMessage-ID: y\r\nDate: " DATE "\r\n");
	check(WHOLE, WHOLE);
}

static void from_field(void **state)
{
	static const struct {
		const char *name;
		const char *from;
	} rows[] = {
		{ NULL, "me@example.org" },
		{ "", "me@example.org" },
		{ "Cron Daemon", "Cron Daemon <me@example.org>" },
		{ "J. Doe", "\"J. Doe\" <me@example.org>" },
		{ "a \"b\" <c@d>", "\"a \\\"b\\\" <c@d>\" <me@example.org>" },
		{ "J\xc3\xbcrgen", "=?UTF-8?Q?J=C3=BCrgen?= <me@example.org>" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct fixup f = FIXUP("me@example.org", rows[i].name, NOW);
		struct buf want;

		buf_init(&want, OUT_MAX);
		buf_addf(&want, "Date: x\r\nMessage-ID: y\r\nFrom: %s\r\n", rows[i].from);
		check_with(&f, "Date: x\r\nMessage-ID: y\r\n", buf_str(&want));
		check_with(&f, WHOLE, WHOLE);
		buf_free(&want);
	}
}

/* The id tells the domain it is given and nothing else. */
static void message_id(void **state)
{
	static const char *const rows[] = { "example.org", "sub.example.org", "[192.0.2.1]" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixup f = FIXUP("me@example.com", NULL, NOW);
		struct buf want;

		f.id_domain = rows[i];
		buf_init(&want, OUT_MAX);
		buf_addf(&want, "Date: x\r\nFrom: a@b\r\nMessage-ID: <%s@%s>\r\n",
			 "0123456789abcdefghijklmn", rows[i]);
		check_with(&f, "Date: x\r\nFrom: a@b\r\n", buf_str(&want));
		buf_free(&want);
	}
}

static bool is_bare(void *ctx, const char *domain)
{
	(void)ctx;
	return domain == NULL;
}

/* Senders are rewritten before bare names get a domain, whether they came or were made here. */
static void rewritten(void **state)
{
	const struct rewrite w = { .mode = REWRITE_LOCAL,
				   .from = "alerts@example.org",
				   .node = "web1",
				   .login = "root",
				   .is_local = is_bare };
	struct fixup f = FIXUP("root", NULL, NOW);

	(void)state;
	f.rewrite = &w;
	check_with(&f, "Date: x\r\nMessage-ID: y\r\nFrom: root (Cron Daemon)\r\n",
		   "Date: x\r\nMessage-ID: y\r\n"
		   "From: \"Cron Daemon (root@web1)\" <alerts@example.org>\r\n"
		   "X-Original-From: root (Cron Daemon)\r\n");
	check_with(&f, "Date: x\r\nMessage-ID: y\r\n",
		   "Date: x\r\nMessage-ID: y\r\n"
		   "From: \"root@web1\" <alerts@example.org>\r\nX-Original-From: root\r\n");
	check_with(&f, WHOLE "Sender: root\r\n",
		   WHOLE
		   "Sender: \"root@web1\" <alerts@example.org>\r\nX-Original-Sender: root\r\n");
	check_with(&f, WHOLE, WHOLE);
}

static void dates(void **state)
{
	static const struct {
		const char *zone;
		int64_t now;
		const char *date;
	} rows[] = {
		{ "UTC0", 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ "UTC0", 951827696, "Tue, 29 Feb 2000 12:34:56 +0000" },
		{ "EST5", 951827696, "Tue, 29 Feb 2000 07:34:56 -0500" },
		{ "XYZ3:30", 951827696, "Tue, 29 Feb 2000 09:04:56 -0330" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", NOW, "Tue, 14 Nov 2023 23:13:20 +0100" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", 1690000000, "Sat, 22 Jul 2023 06:26:40 +0200" },
		{ "UTC0", INT64_C(4102444800), "Fri, 01 Jan 2100 00:00:00 +0000" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct fixup f = FIXUP("a@b", NULL, (time_t)rows[i].now);
		struct buf want;

		if ((time_t)rows[i].now != rows[i].now) /* 32 bits end in 2038 */
			continue;
		setenv("TZ", rows[i].zone, 1);
		tzset();
		buf_init(&want, OUT_MAX);
		buf_addf(&want, "From: a@b\r\nMessage-ID: x\r\nDate: %s\r\n", rows[i].date);
		check_with(&f, "From: a@b\r\nMessage-ID: x\r\n", buf_str(&want));
		buf_free(&want);
	}
	begin(state);
}

static void taken_out(void **state)
{
	(void)state;
	check(WHOLE "Bcc: x@y\r\nTo: z@z\r\n", WHOLE "To: z@z\r\n");
	check("bcc : x@y\r\n" WHOLE, WHOLE);
	check(WHOLE "BCC\t:\r\n x@y,\r\n\tz@z\r\nTo: z@z\r\n", WHOLE "To: z@z\r\n");
	check("Return-Path: <a@b>\r\nContent-Length: 7\r\n" WHOLE, WHOLE);
	check("Bcc: bare\r\nBcc: broken@\r\n" WHOLE, WHOLE);
	check("X-Bcc: x@y\r\n" WHOLE "Subject: x\r\n Bcc: x@y\r\n",
	      "X-Bcc: x@y\r\n" WHOLE "Subject: x\r\n Bcc: x@y\r\n");
}

static void resent(void **state)
{
	(void)state;
	check("Received: x\r\nResent-To: x@y\r\n" WHOLE,
	      "Received: x\r\nResent-Date: " DATE "\r\nResent-From: me@example.org\r\n"
	      "Resent-Message-ID: " ID_1 "\r\nResent-To: x@y\r\n" WHOLE);
	check("Resent-From: x@y\r\nresent-date : x\r\n" WHOLE,
	      "Resent-Message-ID: " ID_1 "\r\nResent-From: x@y\r\nresent-date : x\r\n" WHOLE);
	check("Resent-From: x@y\r\nResent-Date: x\r\nResent-Message-ID: y\r\n" WHOLE,
	      "Resent-From: x@y\r\nResent-Date: x\r\nResent-Message-ID: y\r\n" WHOLE);
	/* the block stays one although the field that made it goes */
	check(WHOLE "Resent-Bcc: x@y\r\n",
	      WHOLE "Resent-Date: " DATE "\r\nResent-From: me@example.org\r\n"
		    "Resent-Message-ID: " ID_1 "\r\n");
	/* both ids are new, and differ */
	check("Resent-To: x@y\r\n", "Resent-Date: " DATE "\r\nResent-From: me@example.org\r\n"
				    "Resent-Message-ID: " ID_1 "\r\nResent-To: x@y\r\nDate: " DATE
				    "\r\nFrom: me@example.org\r\nMessage-ID: " ID_2 "\r\n");
	check("X-Resent-To: x@y\r\n" WHOLE, "X-Resent-To: x@y\r\n" WHOLE);
}

/* What an older block has, the first one does not. */
#define BLOCK "Resent-Date: y\r\nResent-From: c@d\r\nResent-Message-ID: <o@p>\r\nResent-To: e@f\r\n"

static void resent_twice(void **state)
{
	(void)state;
	check(BLOCK BLOCK WHOLE, BLOCK BLOCK WHOLE);
	check("Resent-From: x@y\r\nResent-To: x@y\r\n" BLOCK WHOLE,
	      "Resent-Message-ID: " ID_1 "\r\nResent-From: x@y\r\nResent-To: x@y\r\n" BLOCK WHOLE);
	check("Resent-From: x@y\r\nResent-Date: y\r\n" BLOCK WHOLE,
	      "Resent-Message-ID: " ID_1 "\r\nResent-From: x@y\r\nResent-Date: y\r\n" BLOCK WHOLE);
	/* who gives no more than this has it taken for the next block's beginning */
	check("Resent-To: x@y\r\n" BLOCK WHOLE, "Resent-To: x@y\r\n" BLOCK WHOLE);
	check("Resent-To: x@y\r\nReceived: x\r\n" BLOCK WHOLE,
	      "Resent-Date: " DATE "\r\nResent-From: me@example.org\r\nResent-Message-ID: " ID_1
	      "\r\nResent-To: x@y\r\nReceived: x\r\n" BLOCK WHOLE);
	check("Received: x\r\nResent-From: x@y\r\nResent-To: x@y\r\nResent-To: x@y\r\n" BLOCK WHOLE,
	      "Received: x\r\nResent-Date: " DATE "\r\nResent-Message-ID: " ID_1
	      "\r\nResent-From: x@y\r\nResent-To: x@y\r\nResent-To: x@y\r\n" BLOCK WHOLE);
	/* older blocks are completed by nobody, and keep no secret */
	check(BLOCK "Resent-Bcc: s@t\r\nReceived: x\r\nresent-bcc : s@t\r\n" WHOLE,
	      BLOCK "Received: x\r\n" WHOLE);
	/* bare names everywhere */
	check(BLOCK "Resent-Reply-To: a\r\nResent-To: b, c@d\r\nResent-Sender: e\r\n" WHOLE,
	      BLOCK "Resent-Reply-To: a@example.net\r\nResent-To: b@example.net, c@d\r\n"
		    "Resent-Sender: e@example.net\r\n" WHOLE);
}

static void bare_names(void **state)
{
	static const struct {
		const char *before;
		const char *after; /* NULL: as it came */
	} rows[] = {
		{ "To: root\r\n", "To: root@example.net\r\n" },
		{ "to : root\r\n", "to : root@example.net\r\n" },
		{ "To:root\r\n", "To:root@example.net\r\n" },
		{ "Cc: a, b@c, d\r\n", "Cc: a@example.net, b@c, d@example.net\r\n" },
		{ "Cc: a,\r\n\tb,\r\n c@d\r\n",
		  "Cc: a@example.net,\r\n\tb@example.net,\r\n c@d\r\n" },
		{ "To: Root <root>\r\n", "To: Root <root@example.net>\r\n" },
		{ "To: \"<root>\" <root> (at home)\r\n",
		  "To: \"<root>\" <root@example.net> (at home)\r\n" },
		{ "To: root (Cron Daemon)\r\n", "To: root@example.net (Cron Daemon)\r\n" },
		{ "To: \"two words\"\r\n", "To: \"two words\"@example.net\r\n" },
		{ "To: us: a, b;, c\r\n",
		  "To: us: a@example.net, b@example.net;, c@example.net\r\n" },
		{ "To: <>, a\r\n", "To: <>, a@example.net\r\n" },
		{ "Reply-To: a\r\n", "Reply-To: a@example.net\r\n" },
		{ "Sender: a\r\n", "Sender: a@example.net\r\n" },
		/* as it came, to the byte */
		{ "To: a@b,c@d\r\n", NULL },
		{ "To:  a @ b ,\r\n \tc@d  \r\n", NULL },
		{ "To: undisclosed-recipients:;\r\n", NULL },
		{ "To:\r\n", NULL },
		{ "To: a, b@, c\r\n", NULL },
		{ "To: a, \"b\r\n", NULL },
		{ "Cc: a, <b\r\n", NULL },
		{ "Subject: root\r\n", NULL },
		{ "X-To: root\r\n", NULL },
		{ "To: a@b \xff\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *tail = rows[i].after != NULL ? rows[i].after : rows[i].before;
		struct buf before, after;

		buf_init(&before, OUT_MAX);
		buf_init(&after, OUT_MAX);
		buf_addf(&before, WHOLE "%s", rows[i].before);
		buf_addf(&after, WHOLE "%s", tail);
		check(buf_str(&before), buf_str(&after));
		buf_free(&before);
		buf_free(&after);
	}
	check("Date: x\r\nMessage-ID: y\r\nFrom: root (Cron Daemon)\r\n",
	      "Date: x\r\nMessage-ID: y\r\nFrom: root@example.net (Cron Daemon)\r\n");
	check("Date: x\r\nMessage-ID: y\r\nResent-From: a\r\nResent-Date: x\r\n"
	      "Resent-Message-ID: z\r\nFrom: b\r\n",
	      "Date: x\r\nMessage-ID: y\r\nResent-From: a@example.net\r\nResent-Date: x\r\n"
	      "Resent-Message-ID: z\r\nFrom: b@example.net\r\n");
}

/* Very many names in very many fields: the header stays bounded, whatever the domain. */
static void hostile_names(void **state)
{
	char domain[256];
	const struct fixup f = { .from = "a@b", .domain = domain, .id_domain = domain, .now = NOW };
	struct result r = RESULT_OK;
	struct header h;
	struct buf field;

	(void)state;
	memset(domain, 'd', sizeof domain - 1);
	domain[sizeof domain - 1] = '\0';
	header_init(&h);
	buf_init(&field, FIELD_MAX);
	buf_adds(&field, "To: a");
	while (field.len < FIELD_MAX - 4)
		buf_adds(&field, ",a");
	buf_adds(&field, "\r\n");
	for (int i = 0; i < 3; i++)
		header_append(&h, buf_span(&field));
	while (h.text.len < HEADER_MAX - 10)
		header_append(&h, span_of("To: a\r\n"));
	assert_true(fixup_header(&h, &f, &r));
	assert_true(header_size(&h) < HEADER_ARENA_MAX);
	assert_true(h.text.len < HEADER_ARENA_MAX);
	buf_free(&field);
	header_free(&h);
}

static void check_no_author(const struct fixup *f, const char *text)
{
	struct result r = RESULT_OK;
	struct header h;

	read_header(&h, text);
	if (fixup_header(&h, f, &r))
		fail_msg("%s", text);
	assert_int_equal(r.cause, CAUSE_DATA);
	assert_int_equal(r.step, STEP_HEADER);
	assert_non_null(strstr(r.text, "From:"));
	result_free(&r);
	header_free(&h);
}

static void no_author(void **state)
{
	static const char *const rows[] = {
		"From:\r\n",       "From: \r\n",    "From: <>\r\n",       "From: undisclosed:;\r\n",
		"From: a@\r\n",    "From: \"a\r\n", "From: (nobody)\r\n", "From: , ,\r\n",
		"from :\r\n \r\n",
	};

	const struct fixup f = FIXUP("me@example.org", NULL, NOW);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_no_author(&f, rows[i]);
}

/* ... unless there is an address to put there. */
static void no_author_rewritten(void **state)
{
	struct rewrite w = { .mode = REWRITE_LOCAL,
			     .from = "alerts@example.org",
			     .node = "web1",
			     .login = "root",
			     .is_local = is_bare };
	struct fixup f = FIXUP("root", NULL, NOW);

	(void)state;
	f.rewrite = &w;
	for (int mode = 0; mode < 2; mode++) {
		w.mode = mode == 0 ? REWRITE_LOCAL : REWRITE_ALWAYS;
		check_with(&f, "Date: x\r\nFrom: Mail System <>\r\nMessage-ID: <x@y>\r\n",
			   "Date: x\r\nFrom: Mail System <alerts@example.org>\r\n"
			   "X-Original-From: Mail System <>\r\nMessage-ID: <x@y>\r\n");
		check_with(&f, "Date: x\r\nFrom: a@\r\nMessage-ID: <x@y>\r\nSender: root\r\n",
			   "Date: x\r\nFrom: <alerts@example.org>\r\nX-Original-From: a@\r\n"
			   "Message-ID: <x@y>\r\nSender: \"root@web1\" <alerts@example.org>\r\n"
			   "X-Original-Sender: root\r\n");
	}
	w.mode = REWRITE_NEVER;
	check_no_author(&f, "From: Mail System <>\r\n");
	w.mode = REWRITE_ALWAYS;
	w.from = NULL;
	check_no_author(&f, "From: Mail System <>\r\n");
}

static void author(void **state)
{
	static const struct {
		const char *header;
		const char *local; /* NULL: there is none */
		const char *domain;
	} rows[] = {
		{ "To: x@y\r\n", NULL, NULL },
		{ "X-From: x@y\r\n", NULL, NULL },
		{ "From: a@b\r\n", "a", "b" },
		{ "from : Jo <a@b>, c@d\r\n", "a", "b" },
		{ "From: us: a@b;\r\n", "a", "b" },
		{ "From: root (Cron Daemon)\r\n", "root", NULL },
		{ "From: a@b\r\nFrom: c@d\r\n", "a", "b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct result r = RESULT_OK;
		struct mailbox m;
		struct header h;

		read_header(&h, rows[i].header);
		assert_int_equal(fixup_author(&h, &m, &r), rows[i].local != NULL);
		assert_false(result_failed(&r));
		if (rows[i].local != NULL) {
			assert_string_equal(m.local, rows[i].local);
			assert_int_equal(m.domain != NULL, rows[i].domain != NULL);
			if (m.domain != NULL)
				assert_string_equal(m.domain, rows[i].domain);
			mailbox_free(&m);
		}
		header_free(&h);
	}
}

/* A header, and who is found in it as fixup_sender() or fixup_signer() is asked. */
struct found {
	const char *header;
	const char *address; /* NULL: there is none */
	const char *origin;
	bool bad;
};

typedef bool find_fn(const struct header *h, struct mailbox *m, const char **origin,
		     struct result *r);

static void check_found(find_fn *find, const struct found *row)
{
	struct result r = RESULT_OK;
	const char *origin = NULL;
	struct mailbox m;
	struct header h;
	struct buf got;

	read_header(&h, row->header);
	buf_init(&got, OUT_MAX);
	if (find(&h, &m, &origin, &r) != (row->address != NULL))
		fail_msg("%s", row->header);
	assert_string_equal(origin, row->origin);
	assert_int_equal(result_failed(&r), row->bad);
	if (row->bad)
		assert_non_null(strstr(r.text, row->origin));
	if (row->address != NULL) {
		addr_write(&m, &got);
		assert_string_equal(buf_str(&got), row->address);
		mailbox_free(&m);
	}
	result_free(&r);
	buf_free(&got);
	header_free(&h);
}

static void sender(void **state)
{
	static const struct found rows[] = {
		{ "", NULL, "From:", false },
		{ "From: a@b\r\nSender: c@d\r\n", "a@b", "From:", false },
		{ "From: a, c@d\r\n", "c@d", "From:", false },
		{ "From: a@\r\n", NULL, "From:", true },
		{ "From: a@b\r\nX-Resent-From: c@d\r\n", "a@b", "From:", false },
		/* who resends it answers for it, not who wrote it */
		{ "From: a@b\r\nResent-From: c@d\r\n", "c@d", "Resent-From:", false },
		{ "Resent-To: x@y\r\nResent-From: Doe, Jo <c@d>\r\nFrom: a@b\r\n", "c@d",
		  "Resent-From:", false },
		{ "Resent-From: root\r\nFrom: a@b\r\n", "root", "Resent-From:", false },
		{ "Resent-From: c@d\r\nResent-Sender: e@f\r\n", "c@d", "Resent-From:", false },
		{ "Resent-From: c@d\r\nResent-From: e@f\r\n", "c@d", "Resent-From:", false },
		{ "Resent-To: x@y\r\nFrom: a@b\r\n", NULL, "Resent-From:", false },
		{ "Resent-To: x@y\r\nResent-To: x@y\r\nResent-From: c@d\r\nFrom: a@b\r\n", NULL,
		  "Resent-From:", false },
		{ "Resent-To: x@y\r\nFrom: a@b\r\nResent-From: c@d\r\n", NULL,
		  "Resent-From:", false },
		{ "Resent-From: <>\r\nFrom: a@b\r\n", NULL, "Resent-From:", true },
		{ "Resent-From:\r\nFrom: a@b\r\n", NULL, "Resent-From:", true },
		{ "Resent-From: c@d\r\nFrom: a@\r\n", "c@d", "Resent-From:", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_found(fixup_sender, &rows[i]);
}

static void signer(void **state)
{
	static const struct found rows[] = {
		{ "", NULL, "From:", false },
		{ "Sender: s@t\r\n", NULL, "From:", false },
		{ "From: a@b\r\n", "a@b", "From:", false },
		{ "From: a@\r\nSender: s@t\r\n", NULL, "From:", true },
		{ "From: <>\r\n", NULL, "From:", true },
		/* one author answers for the message, whoever sends it */
		{ "From: a@b\r\nSender: s@t\r\n", "a@b", "From:", false },
		{ "From: us: a@b;\r\nSender: s@t\r\n", "a@b", "From:", false },
		{ "From: Doe, Jo <c@d>\r\nSender: s@t\r\n", "c@d", "From:", false },
		{ "From: a, b\r\nSender: s@t\r\n", "a", "From:", false },
		{ "From: a@b\r\nResent-From: c@d\r\nResent-Sender: s@t\r\n", "a@b",
		  "From:", false },
		/* of several, the one who sends it */
		{ "From: a@b, c@d\r\n", "a@b", "From:", false },
		{ "From: a@b, c@d\r\nSender: s@t\r\n", "s@t", "Sender:", false },
		{ "sender :\r\n\tSecretary <s@t>\r\nfrom: a@b,\r\n c@d\r\n", "s@t",
		  "Sender:", false },
		{ "From: us: a@b, c@d;\r\nSender: s@t\r\n", "s@t", "Sender:", false },
		{ "From: a@b, c@b\r\nSender: s\r\n", "s", "Sender:", false },
		{ "From: a@b, c@d\r\nSender: Roe, Jo <s@t>\r\n", "s@t", "Sender:", false },
		{ "From: a@b, c@d\r\nSender: s@t\r\nSender: u@v\r\n", "s@t", "Sender:", false },
		{ "From: a@b, c@d\r\nX-Sender: s@t\r\nResent-Sender: s@t\r\n", "a@b",
		  "From:", false },
		/* nobody who could */
		{ "From: a@b, c@d\r\nSender:\r\n", "a@b", "From:", false },
		{ "From: a@b, c@d\r\nSender: <>\r\n", "a@b", "From:", false },
		{ "From: a@b, c@d\r\nSender: s@\r\n", "a@b", "From:", false },
		{ "From: a@b, c@d\r\nSender: us:;\r\n", "a@b", "From:", false },
		{ "From: a@b\r\nFrom: c@d\r\nSender: s@t\r\n", "s@t", "Sender:", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_found(fixup_signer, &rows[i]);
}

/* Without a frozen clock two ids differ. */
static void random_ids(void **state)
{
	const struct fixup f = FIXUP("a@b", NULL, NOW);
	struct result r = RESULT_OK;
	struct header h[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		read_header(&h[i], "");
		assert_true(fixup_header(&h[i], &f, &r));
		assert_int_equal(h[i].fields[2].id, FIELD_MESSAGE_ID);
	}
	assert_int_equal(header_value(&h[0], 2).len, strlen(" <>@example.org") + 24);
	assert_false(span_eq(header_value(&h[0], 2), header_value(&h[1], 2)));
	header_free(&h[0]);
	header_free(&h[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(added),      cmocka_unit_test(from_field),
		cmocka_unit_test(message_id), cmocka_unit_test(rewritten),
		cmocka_unit_test(dates),      cmocka_unit_test(taken_out),
		cmocka_unit_test(resent),     cmocka_unit_test(resent_twice),
		cmocka_unit_test(bare_names), cmocka_unit_test(hostile_names),
		cmocka_unit_test(no_author),  cmocka_unit_test(no_author_rewritten),
		cmocka_unit_test(author),     cmocka_unit_test(sender),
		cmocka_unit_test(signer),     cmocka_unit_test(random_ids),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
