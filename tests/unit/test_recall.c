/*
 * test_recall.c - what is remembered of a server: for the same session alone, and if it is whole
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/cache.h"
#include "base/clock.h"
#include "base/util.h"
#include "smtp/recall.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define NOW      ((time_t)1900000000)
#define DAY      (24 * 3600)
#define FILE     "default@mail.example.org:587"

#define EARLY  "mail.example.org hello\nPIPELINING\nPIPECONNECT\nAUTH PLAIN"
#define EARLY2 "mail.example.org hello\nPIPECONNECT\nSIZE 100"
#define LATE   "mail.example.org hello\nPIPELINING\nX PIPECONNECT"

static char dir[] = "/tmp/test_recall.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	clock_freeze(NOW);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int clean_up(void **state)
{
	static const char *const names[] = { FILE ".ehlo", FILE ".ticket" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		cache_drop(dir, names[i]);
	clock_freeze(NOW);
	return 0;
}

/* --- one session --- */

static char plain[] = "PLAIN", login[] = "LOGIN";
static char pin[] = "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static char *one_mechanism[] = { plain, NULL };
static char *two_mechanisms[] = { plain, login, NULL };
static char *one_pin[] = { pin, NULL };

struct session {
	struct smtp_host host;
	struct smtp_endpoint at;
	const char *ehlo_name;
};

static const struct session usual = {
	.host = { .protocol = PROTOCOL_SMTP,
		  .auth = AUTH_LIST,
		  .mechanisms = one_mechanism,
		  .user = "alice",
		  .password = "secret",
		  .cache_dir = dir,
		  .account = "default" },
	.at = { .kind = ENDPOINT_HOST,
		.name = "mail.example.org",
		.port = "587",
		.tls = TLS_STARTTLS,
		.tls_name = "mail.example.org" },
	.ehlo_name = "client.example.org",
};

static void load(struct recall *m, const struct session *s)
{
	recall_load(m, &s->host, &s->at, s->ehlo_name);
}

static void keep_ehlo(const struct session *s, const char *clear, const char *last)
{
	struct recall m;

	load(&m, s);
	recall_keep_ehlo(&m, span_of(clear), span_of(last));
	recall_free(&m);
}

static void keep_ticket(const struct session *s, const char *ticket, time_t until)
{
	struct recall m;

	load(&m, s);
	recall_keep_ticket(&m, span_of(ticket), until);
	recall_free(&m);
}

static void assert_recalled(const struct session *s, const char *clear, const char *last,
			    const char *ticket)
{
	struct recall m;

	load(&m, s);
	assert_string_equal(buf_str(&m.ehlo_clear), clear);
	assert_string_equal(buf_str(&m.ehlo), last);
	assert_string_equal(buf_str(&m.ticket), ticket);
	recall_free(&m);
}

/* --- what is kept --- */

static void answers(void **state)
{
	(void)state;
	assert_recalled(&usual, "", "", "");
	keep_ehlo(&usual, LATE, EARLY);
	assert_recalled(&usual, LATE, EARLY, "");
	assert_recalled(&usual, LATE, EARLY, "");
	keep_ehlo(&usual, LATE, EARLY2);
	assert_recalled(&usual, LATE, EARLY2, "");
	keep_ehlo(&usual, "", EARLY2);
	assert_recalled(&usual, "", EARLY2, "");

	struct recall m;
	load(&m, &usual);
	recall_drop_ehlo(&m);
	assert_int_equal(m.ehlo.len, 0);
	recall_free(&m);
	assert_recalled(&usual, "", "", "");
}

static void answers_without_pipeconnect(void **state)
{
	(void)state;
	keep_ehlo(&usual, "", LATE);
	keep_ehlo(&usual, EARLY, LATE);
	keep_ehlo(&usual, EARLY, "");
	assert_recalled(&usual, "", "", "");
}

/* The same answer again is not written again: what somebody else put there is still there. */
static void answers_that_are_known(void **state)
{
	struct recall m;

	(void)state;
	keep_ehlo(&usual, "", EARLY);
	load(&m, &usual);
	cache_drop(dir, FILE ".ehlo");
	recall_keep_ehlo(&m, span_of(""), span_of(EARLY));
	assert_recalled(&usual, "", "", "");
	recall_keep_ehlo(&m, span_of(LATE), span_of(EARLY));
	assert_recalled(&usual, LATE, EARLY, "");
	recall_free(&m);
}

static void a_ticket(void **state)
{
	struct recall m;

	(void)state;
	keep_ticket(&usual, "ticket 1", NOW + DAY);
	keep_ticket(&usual, "ticket 2", NOW + DAY);
	keep_ehlo(&usual, "", EARLY); /* whoever looks takes it */
	assert_recalled(&usual, "", EARLY, "");

	static const char bytes[] = "\0,1:\n,\xff\0";
	load(&m, &usual);
	recall_keep_ticket(&m, (struct span){ bytes, sizeof bytes }, NOW + DAY);
	recall_free(&m);
	load(&m, &usual);
	assert_int_equal(m.ticket.len, sizeof bytes);
	assert_memory_equal(m.ticket.p, bytes, sizeof bytes);
	recall_free(&m);
}

static void tickets_and_time(void **state)
{
	static const struct {
		time_t until, later;
		bool good;
	} rows[] = {
		{ NOW + DAY, NOW, true },
		{ NOW + DAY, NOW + DAY - 1, true },
		{ NOW + DAY, NOW + DAY, false },
		{ NOW + DAY, NOW + 100 * DAY, false },
		{ NOW + DAY, NOW - 1, false }, /* the clock went back */
		{ NOW + DAY, 0, false },
		{ NOW + 1, NOW, true },
		{ NOW, NOW, false },
		{ NOW - 1, NOW, false },
		{ 0, NOW, false },
		{ NOW + 100 * DAY, NOW + 7 * DAY - 1, true }, /* a week at most */
		{ NOW + 100 * DAY, NOW + 7 * DAY, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct recall m;

		clock_freeze(NOW);
		keep_ticket(&usual, "ticket", rows[i].until);
		clock_freeze(rows[i].later);
		load(&m, &usual);
		if ((m.ticket.len > 0) != rows[i].good)
			fail_msg("row %zu: %zu", i, m.ticket.len);
		recall_free(&m);
	}
}

/* --- for whom --- */

/* A session that differs in one thing, and may not use what was kept for the usual one. */
static const struct session *another(size_t i)
{
	static struct session s;
	const struct tls_settings pins = { .pins_only = true, .pins = one_pin };
	struct result r = RESULT_OK;
	struct tls_setup *setup = NULL;

	s = usual;
	switch (i) {
	case 0:
		s.host.protocol = PROTOCOL_LMTP;
		break;
	case 1:
		s.host.auth = AUTH_AUTO;
		break;
	case 2:
		s.host.mechanisms = two_mechanisms;
		break;
	case 3:
		s.host.mechanisms = NULL;
		break;
	case 4:
		s.host.user = "bob";
		break;
	case 5:
		s.host.user = NULL;
		break;
	case 6:
		s.host.client_cert = true;
		break;
	case 7:
		s.at.tls = TLS_IMPLICIT;
		break;
	case 8:
		s.at.tls_name = "example.org";
		break;
	case 9:
		s.at.tls_name = NULL;
		break;
	case 10:
		s.ehlo_name = "another.example.org";
		break;
	case 11:
		s.ehlo_name = NULL;
		break;
	case 12:
		s.at.kind = ENDPOINT_UNIX;
		break;
	case 13: /* these have other files, too */
		s.at.port = "588";
		break;
	case 14:
		s.at.name = "mail.example.net";
		break;
	case 15:
		s.host.account = "work";
		break;
	case 16:
		if (!tls_setup_load(&pins, &setup, &r))
			fail_msg("%s", r.text);
		s.host.tls_setup = setup;
		break;
	default:
		return NULL;
	}
	return &s;
}

static void for_the_same_alone(void **state)
{
	const struct session *s;
	struct recall m;

	(void)state;
	for (size_t i = 0; (s = another(i)) != NULL; i++) {
		keep_ehlo(&usual, LATE, EARLY);
		keep_ticket(&usual, "ticket", NOW + DAY);
		load(&m, s);
		if (m.ehlo.len > 0 || m.ehlo_clear.len > 0 || m.ticket.len > 0)
			fail_msg("session %zu remembers", i);
		recall_free(&m);
		tls_setup_free((struct tls_setup *)(uintptr_t)s->host.tls_setup);
	}
	/* A new password is no other session, and nobody writes it down. */
	struct session s2 = usual;
	s2.host.password = "new secret";
	keep_ehlo(&usual, LATE, EARLY);
	keep_ticket(&usual, "ticket", NOW + DAY);
	load(&m, &s2);
	assert_string_equal(buf_str(&m.ticket), "ticket");
	assert_string_equal(buf_str(&m.ehlo), EARLY);
	assert_null(strstr(buf_str(&m.key), "secret"));
	recall_free(&m);
}

/* Words that end where the next one begins are told apart. */
static void words_that_meet(void **state)
{
	struct session a = usual, b = usual;

	(void)state;
	a.at.tls_name = "ab";
	a.ehlo_name = "c";
	b.at.tls_name = "a";
	b.ehlo_name = "bc";
	keep_ehlo(&a, "", EARLY);
	assert_recalled(&b, "", "", "");
	assert_recalled(&a, "", EARLY, "");
	a.host.mechanisms = two_mechanisms;
	a.host.user = "";
	b = a;
	b.host.mechanisms = one_mechanism;
	b.host.user = "LOGIN";
	keep_ehlo(&a, "", EARLY);
	assert_recalled(&b, "", "", "");
	assert_recalled(&a, "", EARLY, "");
}

static void without_a_cache(void **state)
{
	struct session s = usual;
	char *large = xmalloc(20001);

	(void)state;
	s.host.cache_dir = NULL;
	keep_ehlo(&s, "", EARLY);
	keep_ticket(&s, "ticket", NOW + DAY);
	assert_recalled(&s, "", "", "");
	/* Where settings are too many to be compared, or an answer is too large to be kept. */
	memset(large, 'x', 20000);
	large[20000] = '\0';
	s = usual;
	s.host.user = large;
	keep_ehlo(&s, "", EARLY);
	keep_ticket(&s, "ticket", NOW + DAY);
	assert_recalled(&s, "", "", "");
	keep_ehlo(&usual, "", EARLY);
	struct recall m;
	char *huge = xasprintf("%s\n%s%s%s%s", EARLY, large, large, large, large);
	load(&m, &usual);
	recall_keep_ehlo(&m, span_of(huge), span_of(huge));
	recall_drop_ehlo(&m);
	recall_free(&m);
	recall_drop_ehlo(&m); /* no harm */
	assert_recalled(&usual, "", "", "");
	free(huge);
	free(large);
}

/* --- files that are not as they were written --- */

static void put_back(const char *name, struct span text, struct recall *m)
{
	cache_write(dir, name, text);
	load(m, &usual);
}

static void assert_damaged(const char *name, const struct buf *whole)
{
	struct recall m;
	char *copy = xmalloc(whole->len + 1);
	bool found;

	for (size_t len = 0; len < whole->len; len++) {
		put_back(name, (struct span){ whole->p, len }, &m);
		if (m.ehlo.len > 0 || m.ehlo_clear.len > 0 || m.ticket.len > 0)
			fail_msg("%s cut at %zu", name, len);
		recall_free(&m);
	}
	for (size_t at = 0; at < 3 * whole->len; at++) {
		memcpy(copy, whole->p, whole->len);
		copy[at / 3] = (char)(at % 3 == 0 ? copy[at / 3] + 1 : at % 3 == 1 ? '9' : '\0');
		put_back(name, (struct span){ copy, whole->len }, &m);
		found = m.ehlo.len + m.ehlo_clear.len + m.ticket.len > 0;
		/* The key is never another one. */
		if (found && copy[at / 3] != whole->p[at / 3] && at / 3 < whole->len / 2)
			fail_msg("%s changed at %zu", name, at / 3);
		recall_free(&m);
	}
	memcpy(copy, whole->p, whole->len);
	copy[whole->len] = ',';
	put_back(name, (struct span){ copy, whole->len + 1 }, &m);
	assert_int_equal(m.ehlo.len + m.ehlo_clear.len + m.ticket.len, 0);
	recall_free(&m);
	put_back(name, buf_span(whole), &m);
	assert_true(m.ehlo.len + m.ticket.len > 0);
	recall_free(&m);
	free(copy);
}

static void damaged_files(void **state)
{
	struct buf b;

	(void)state;
	keep_ehlo(&usual, "", "x\nPIPECONNECT");
	assert_true(cache_take(dir, FILE ".ehlo", &b));
	assert_damaged(FILE ".ehlo", &b);
	cache_drop(dir, FILE ".ehlo");
	buf_free(&b);
	keep_ticket(&usual, "ticket", NOW + DAY);
	assert_true(cache_take(dir, FILE ".ticket", &b));
	assert_damaged(FILE ".ticket", &b);
	buf_free(&b);
}

/* One kind of file in the place of the other, and lengths that are none. */
static void false_files(void **state)
{
	static const char *const texts[] = {
		"mailchute-ehlo-1\n",
		"mailchute-ehlo-1\n:",
		"mailchute-ehlo-1\n0:",
		"mailchute-ehlo-1\n0:,",
		"mailchute-ehlo-1\n-1:,",
		"mailchute-ehlo-1\n00:,0:,0:,",
		"mailchute-ehlo-1\n18446744073709551615:,",
		"mailchute-ehlo-1\n18446744073709551616:,",
		"mailchute-ehlo-1\n99999999999999999999999999999999:,",
		"mailchute-ehlo-2\n",
	};
	struct recall m;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		put_back(FILE ".ehlo", span_of(texts[i]), &m);
		assert_int_equal(m.ehlo.len + m.ehlo_clear.len, 0);
		recall_free(&m);
	}
	keep_ehlo(&usual, "", EARLY);
	assert_true(cache_take(dir, FILE ".ehlo", &b));
	put_back(FILE ".ticket", buf_span(&b), &m);
	assert_int_equal(m.ticket.len, 0);
	recall_free(&m);
	buf_free(&b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, clean_up)
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(answers_without_pipeconnect),
		TEST(answers_that_are_known),
		TEST(a_ticket),
		TEST(tickets_and_time),
		TEST(for_the_same_alone),
		TEST(words_that_meet),
		TEST(without_a_cache),
		TEST(damaged_files),
		TEST(false_files),
	};
#undef TEST

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
