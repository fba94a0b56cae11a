/*
 * test_srv.c - what a server's message says about SRV records, and whose certificate counts
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/util.h"
#include "net/srv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The header with so many answers, and the question: SRV of _s._tcp. */
#define HEAD(flags1, flags2, answers)                                                              \
	"\x12\x34" flags1 flags2 "\0\1\0" answers "\0\0\0\0"                                       \
	"\2_s\4_tcp\0\0\x21\0\1"
#define OK(answers) HEAD("\x81", "\x80", answers)
/* A record of the question's name, or of another: class IN, a TTL, its length. */
#define NAME "\xc0\x0c"
#define SRV  "\0\x21\0\1\0\0\0\x3c\0"
/* Its data. */
#define DATA(priority, weight, port, target) "\0" priority "\0" weight port target
#define P25                                  "\0\x19"
#define P465                                 "\1\xd1"
#define A                                    "\1a\0" /* with the fixed part 9 octets */
#define B                                    "\1b\0"

static const struct message {
	const char *text;
	size_t len;
	const char *answer; /* "host:port ..."; NULL: false */
} messages[] = {
#define ROW(text, answer)                                                                          \
	{                                                                                          \
		text, sizeof(text) - 1, answer                                                     \
	}
	ROW(OK("\0"), ""),
	ROW(OK("\1") NAME SRV "\x9" DATA("\0", "\0", P465, A), "a:465"),
	ROW(OK("\1") NAME SRV "\x9" DATA("\0", "\0", "\xff\xff", A), "a:65535"),
	ROW(OK("\1") NAME SRV "\xb" DATA("\0", "\0", P465, "\1a\1b\0"), "a.b:465"),
	/* by priority, whatever the weights */
	ROW(OK("\2") NAME SRV "\x9" DATA("\2", "\xff", P25, A) NAME SRV
	    "\x9" DATA("\1", "\0", P465, B),
	    "b:465 a:25"),
	ROW(OK("\2") NAME SRV "\x9\xff\xff\0\1" P25 A NAME SRV "\x9\1\0\0\0" P465 B, "b:465 a:25"),
	/* the same ones without any weight stay as they are */
	ROW(OK("\2") NAME SRV "\x9" DATA("\1", "\0", P25, B) NAME SRV
	    "\x9" DATA("\1", "\0", P25, A),
	    "b:25 a:25"),
	/* a name that the target is compressed with, and one behind a CNAME */
	ROW(OK("\1") NAME SRV "\xa" DATA("\0", "\0", P25, "\1a\xc0\x0f"), "a._tcp:25"),
	ROW(OK("\2") NAME "\0\5\0\1\0\0\0\x3c\0\3\1c\0"
			  "\1c\0" SRV "\x9" DATA("\0", "\0", P25, A),
	    "a:25"),
	/* not offered, or nothing to connect to */
	ROW(OK("\1") NAME SRV "\7" DATA("\0", "\0", P25, "\0"), ""),
	ROW(OK("\1") NAME SRV "\x9" DATA("\0", "\0", "\0\0", A), ""),
	ROW(OK("\1") NAME SRV "\x9" DATA("\0", "\0", P25, "\1 \0"), ""),
	ROW(OK("\1") NAME SRV "\x9" DATA("\0", "\0", P25, "\1\n\0"), ""),
	ROW(OK("\1") NAME SRV "\x9" DATA("\0", "\0", P25, "\1\xe4\0"), ""),
	ROW(OK("\1") NAME SRV "\x9" DATA("\0", "\0", P25, "\1%\0"), ""),
	ROW(OK("\1") NAME SRV "\xa" DATA("\0", "\0", P25, "\2a.\0"), ""),
	ROW(OK("\2") NAME SRV "\7" DATA("\0", "\0", P25, "\0") NAME SRV
	    "\x9" DATA("\0", "\0", P25, A),
	    "a:25"),
	ROW(HEAD("\x81", "\x83", "\0"), ""), /* NXDOMAIN */
	ROW(HEAD("\x81", "\x83", "\1") NAME SRV "\x9" DATA("\0", "\0", P25, A), ""),
	/* what nobody asked for */
	ROW(OK("\1") NAME "\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1", ""),
	ROW(OK("\1") NAME "\0\x21\0\3\0\0\0\x3c\0\x9" DATA("\0", "\0", P25, A), ""), /* CHAOS */
	/* the server's verdicts */
	ROW(HEAD("\x81", "\x82", "\0"), NULL),
	ROW(HEAD("\x81", "\x85", "\0"), NULL),
	ROW(HEAD("\x83", "\x80", "\1") NAME SRV "\x9" DATA("\0", "\0", P25, A), NULL),
	/* broken */
	ROW(OK("\1") NAME SRV "\0", NULL),
	ROW(OK("\1") NAME SRV "\6\0\0\0\0\0\x19", NULL),
	ROW(OK("\1") NAME SRV "\xa" DATA("\0", "\0", P25, A) "x", NULL),
	ROW(OK("\1") NAME SRV "\x8" DATA("\0", "\0", P25, "\1a"), NULL),
	ROW(OK("\1") NAME SRV "\x8" DATA("\0", "\0", P25, "\xc0\xff"), NULL),
	ROW(OK("\1") NAME SRV "\xff" DATA("\0", "\0", P25, A), NULL),
	ROW(OK("\2") NAME SRV "\x9" DATA("\0", "\0", P25, A), NULL),
	ROW("", NULL),
#undef ROW
};

static bool read_copy(const char *text, size_t len, struct srv *out)
{
	unsigned char *copy = xmalloc(len);

	memcpy(copy, text, len);
	bool ok = srv_from_message(copy, len, out);
	free(copy);
	return ok;
}

static void told_by_messages(void **state)
{
	struct buf out;
	struct srv s;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(messages); i++) {
		const struct message *m = &messages[i];

		buf_clear(&out);
		if (read_copy(m->text, m->len, &s) != (m->answer != NULL))
			fail_msg("message %zu: the wrong verdict", i);
		for (size_t t = 0; t < s.n; t++)
			buf_addf(&out, "%s%s:%s", t > 0 ? " " : "", s.targets[t].host,
				 s.targets[t].port);
		if (strcmp(buf_str(&out), m->answer != NULL ? m->answer : "") != 0)
			fail_msg("message %zu: %s, not %s", i, buf_str(&out), m->answer);
		srv_free(&s);
	}
	buf_free(&out);
}

/* Cut anywhere, and with any octet changed, they are read within their bounds. */
static void damaged_messages(void **state)
{
	struct srv s;

	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		const struct message *m = &messages[i];

		for (size_t len = 0; len < m->len; len++) {
			assert_false(read_copy(m->text, len, &s));
			assert_int_equal(s.n, 0);
			srv_free(&s);
		}
		for (size_t at = 0; at < 256 * m->len; at++) {
			char *copy = xmalloc(m->len);

			memcpy(copy, m->text, m->len);
			copy[at / 256] = (char)(at % 256);
			read_copy(copy, m->len, &s);
			assert_true(s.n <= SRV_TARGETS_MAX);
			srv_free(&s);
			free(copy);
		}
	}
}

/* So many records of one priority each, from the last to the first: the best ones stay. */
static void very_many(void **state)
{
	static const char head[] = OK("\x64");
	struct buf message;
	struct srv s;

	(void)state;
	buf_init(&message, 10000);
	buf_add(&message, head, sizeof head - 1);
	for (char i = 100; i > 0; i--) {
		char record[] = NAME SRV "\x9" DATA("\0", "\0", "\0\0", A);

		record[sizeof record - 1 - 8] = i; /* priority */
		record[sizeof record - 1 - 4] = i; /* port */
		buf_add(&message, record, sizeof record - 1);
	}
	assert_true(read_copy(message.p, message.len, &s));
	assert_int_equal(s.n, SRV_TARGETS_MAX);
	for (unsigned i = 0; i < SRV_TARGETS_MAX; i++) {
		char port[12];

		snprintf(port, sizeof port, "%u", i + 1);
		assert_string_equal(s.targets[i].port, port);
	}
	srv_free(&s);
	buf_free(&message);
}

/* Weights of 10, 90 and none: how often each is the first. */
static void by_weight(void **state)
{
	static const char text[] = OK("\3") NAME SRV "\x9" DATA("\1", "\x0a", P25, A) NAME SRV
		"\x9" DATA("\1", "\x5a", P25, B) NAME SRV "\x9" DATA("\1", "\0", P25, "\1c\0");
	int first[3] = { 0 };
	struct srv s;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		assert_true(read_copy(text, sizeof text - 1, &s));
		assert_int_equal(s.n, 3);
		unsigned seen = 0;
		for (size_t t = 0; t < s.n; t++)
			seen |= 1u << (s.targets[t].host[0] - 'a');
		assert_int_equal(seen, 7);
		first[s.targets[0].host[0] - 'a']++;
		srv_free(&s);
	}
	/* 198, 1782 and 20 are expected; these bounds are six standard deviations away. */
	assert_in_range(first[0], 110, 290);
	assert_in_range(first[1], 1690, 1870);
	assert_in_range(first[2], 1, 50);
}

static void below_a_domain(void **state)
{
	static const struct {
		const char *target, *domain;
		bool under;
	} rows[] = {
		{ "example.org", "example.org", true },
		{ "mail.example.org", "example.org", true },
		{ "a.b.EXAMPLE.org.", "example.ORG", true },
		{ "mail.example.org", "example.org.", true },
		{ "badexample.org", "example.org", false },
		{ "org", "example.org", false },
		{ "example.org.evil.net", "example.org", false },
		{ "example.org", "mail.example.org", false },
		{ "example.com", "example.org", false },
		{ "example.org", "", false },
		{ "example.org", ".", false },
		{ "", "example.org", false },
		{ "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (srv_target_is_under(rows[i].target, rows[i].domain) != rows[i].under)
			fail_msg("%s, %s", rows[i].target, rows[i].domain);
}

/* Names that cannot be in the DNS are not asked for: no host is there. */
static void impossible_names(void **state)
{
	struct result r = RESULT_OK;
	struct srv s;

	(void)state;
	assert_true(srv_find("_s._tcp", "a..b", clock_mono_ms() + 60000, &s, &r));
	assert_int_equal(s.n, 0);
	assert_int_equal(r.cause, CAUSE_NONE);
	srv_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_by_messages), cmocka_unit_test(damaged_messages),
		cmocka_unit_test(very_many),        cmocka_unit_test(by_weight),
		cmocka_unit_test(below_a_domain),   cmocka_unit_test(impossible_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
