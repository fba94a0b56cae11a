/*
 * test_client.c - nothing but whole lines gets onto the wire as a command
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "smtp/client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* A client, and the other end of its socket. */
struct pair {
	struct client c;
	int server;
};

static void make_pair(struct pair *p)
{
	static const struct smtp_host host = { .protocol = PROTOCOL_SMTP };
	static const struct smtp_endpoint at = { .kind = ENDPOINT_UNIX, .tls = TLS_OFF };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	client_init(&p->c, fds[0], &host, &at, NULL, clock_mono_ms() + 10000);
	p->server = fds[1];
}

/* Everything that is queued leaves, and is all the server got. */
static void expect_on_wire(struct pair *p, const char *want)
{
	char got[1024];
	struct result r = RESULT_OK;
	ssize_t n;

	assert_true(conn_flush(&p->c.conn, &r));
	n = recv(p->server, got, sizeof got - 1, 0);
	got[n > 0 ? n : 0] = '\0';
	assert_string_equal(got, want);
}

static void drop_pair(struct pair *p)
{
	client_close(&p->c, false);
	close(p->server);
}

static void commands(void **state)
{
	struct result r = RESULT_OK;
	struct pair p;

	(void)state;
	make_pair(&p);
	assert_true(client_command(&p.c, STEP_MAIL, &r, "MAIL FROM:<%s>", "a@b"));
	assert_true(client_command(&p.c, STEP_RCPT, &r, "RCPT TO:<\xc3\xa4@b>"));
	assert_true(client_secret(&p.c, STEP_AUTH, "AUTH PLAIN AGEAYg==", &r));
	expect_on_wire(&p, "MAIL FROM:<a@b>\r\nRCPT TO:<\xc3\xa4@b>\r\nAUTH PLAIN AGEAYg==\r\n");
	drop_pair(&p);
}

/* A second line in an address is a command that nobody meant. */
static void control_characters(void **state)
{
	static const char *const rows[] = {
		"a@b>\r\nRCPT TO:<c@d", "a@b\n", "a@b\r", "\ra@b", "a\tb", "a\x7f", "\x1b[31m",
	};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		const char *text = rows[i / 2];
		struct result r = RESULT_OK;
		struct pair p;

		make_pair(&p);
		assert_false(i % 2 == 0
				     ? client_command(&p.c, STEP_MAIL, &r, "MAIL FROM:<%s>", text)
				     : client_secret(&p.c, STEP_MAIL, text, &r));
		assert_int_equal(r.cause, CAUSE_DATA);
		assert_int_equal(r.step, STEP_MAIL);
		assert_string_equal(r.text, "a control character in a command, which was not sent");
		expect_on_wire(&p, "");
		result_free(&r);
		drop_pair(&p);
	}
}

/* One that is cut could say something else. */
static void too_long(void **state)
{
	struct result r = RESULT_OK;
	struct pair p;
	char *name = xmalloc(16 * 1024 + 1);

	(void)state;
	memset(name, 'x', 16 * 1024);
	name[16 * 1024] = '\0';
	make_pair(&p);
	assert_false(client_command(&p.c, STEP_EHLO, &r, "EHLO %s", name));
	assert_int_equal(r.cause, CAUSE_DATA);
	assert_string_equal(r.text, "a command over 16384 octets");
	expect_on_wire(&p, "");
	result_free(&r);
	drop_pair(&p);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(control_characters),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
