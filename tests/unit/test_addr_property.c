/*
 * test_addr_property.c - whatever addr_next() reads is written so that it is read the same
 *
 * Lists are glued together at random from pieces that are valid, obsolete or hostile. The seed is
 * fixed: what fails once fails always.
 */
#include "mail/addr.h"

#include "base/util.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/banned.h"

#define CASES      250000
#define PIECES_MAX 7
#define OUT_MAX    100000

/* What may stand in a list, */
static const char *const good[] = {
	"a@b.example",
	"<a@b.example>",
	"Jo <a@b>",
	"\"Doe, John\" <a@b>",
	"\"a b\"@[192.0.2.1]",
	"J\xc3\xb6rg <j\xc3\xb6rg@m\xc3\xbcnchen.example>",
	"J\xf6rg",
	"=?UTF-8?Q?J=C3=B6rg?=",
	"=?x?q?(?=",
	"<>",
	"<@x.y,@z:a@b>",
	"group: ",
	":;",
	"root",
	"(Cron \\) Daemon)",
	"((nested) comment)",
	"a..b.",
	"\"\\\"\"",
	"\"\"",
	"\" \t \"",
	"\"\\\\\"",
	"\"a\\ b\"",
	"[IPv6:::1]",
	",",
	",",
	", ",
	" ",
	"\t",
	"\r\n ",
	"@b",
	".",
	"'",
	"=?",
	"?=",
	"a",
	"-x",
	"0123456789012345678901234567890123456789",
};

/* and what may break one. */
static const char *const hostile[] = {
	"\r\n", ";", ":", "@", "<", ">", "(", ")", "[", "]", "\"", "\\", "\n", "\r", "\x7f", "\x01",
};

/* xorshift of Marsaglia, as good as any here. */
static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void make_list(uint32_t *seed, struct buf *list)
{
	size_t n = 1 + next_random(seed) % PIECES_MAX;

	buf_clear(list);
	while (n-- > 0) {
		if (next_random(seed) % 16 > 0)
			buf_adds(list, good[next_random(seed) % (sizeof good / sizeof good[0])]);
		else
			buf_adds(list,
				 hostile[next_random(seed) % (sizeof hostile / sizeof hostile[0])]);
		if (next_random(seed) % 64 == 0)
			buf_addc(list, (char)next_random(seed));
	}
}

static void assert_same(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a != NULL)
		assert_string_equal(a, b);
}

/* No control character (CR, LF and NUL among them), and no quote without its other one. */
static void assert_safe(struct span s)
{
	bool quoted = false;

	assert_false(has_control(s.p, s.len));
	for (size_t i = 0; i < s.len; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
	}
	assert_false(quoted);
}

static void assert_read_again(struct span text, const struct mailbox *m, const char *name)
{
	struct mailbox again;

	assert_null(addr_parse_one(text, true, &again));
	assert_same(again.local, m->local);
	assert_same(again.domain, m->domain);
	assert_same(again.name, name);
	mailbox_free(&again);
}

/* A name beyond ASCII is read again as the encoded words that were written. */
static void check(const struct mailbox *m)
{
	struct buf phrase, text;

	buf_init(&phrase, OUT_MAX);
	buf_init(&text, OUT_MAX);
	addr_write(m, &text);
	assert_safe(buf_span(&text));
	assert_read_again(buf_span(&text), m, NULL);
	if (m->name != NULL) {
		bool plain = !has_8bit(m->name, strlen(m->name));

		buf_clear(&text);
		addr_write_phrase(m->name, &phrase);
		assert_safe(buf_span(&phrase));
		assert_false(has_8bit(phrase.p, phrase.len));
		buf_addspan(&text, buf_span(&phrase));
		buf_adds(&text, " <");
		addr_write(m, &text);
		buf_adds(&text, ">");
		assert_read_again(buf_span(&text), m, plain ? m->name : buf_str(&phrase));
	}
	buf_free(&phrase);
	buf_free(&text);
}

static void test_written_is_read(void **state)
{
	uint32_t seed = 5322;
	size_t mailboxes = 0, bad = 0;
	struct buf text;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (size_t i = 0; i < CASES; i++) {
		struct addr_list list;
		struct mailbox m;
		enum addr_next got;

		make_list(&seed, &text);
		addr_list_init(&list, buf_span(&text));
		while ((got = addr_next(&list, &m)) == ADDR_MAILBOX) {
			check(&m);
			mailbox_free(&m);
			mailboxes++;
		}
		if (got == ADDR_BAD) {
			assert_non_null(list.error);
			assert_true(list.at <= text.len);
			bad++;
		}
	}
	buf_free(&text);
	/* The pieces make enough of both. */
	assert_true(mailboxes > CASES / 4);
	assert_true(bad > CASES / 4 && CASES - bad > CASES / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
