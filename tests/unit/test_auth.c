/*
 * test_auth.c - AUTH's dialogue: which mechanism is taken, what is said, what a server may do to it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "smtp/auth.h"
#include "smtp/client.h"

#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* user "user", password "pencil", and the nonce of a clock that stands still */
#define PLAIN_SENT  "AUTH PLAIN AHVzZXIAcGVuY2ls\r\n"
#define LOGIN_SENT  "AUTH LOGIN\r\ndXNlcg==\r\ncGVuY2ls\r\n"
#define LOGIN_HEARD "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n"
#define BEARER                                                                                     \
	"bixhPXVzZXIsAWhvc3Q9bWFpbC5leGFtcGxlLm9yZwFwb3J0PTU4NwFhdXRoPUJlYXJlciBwZW5jaWwBAQ=="
#define OK          "235 2.7.0 welcome\r\n"
#define WRONG       "535 5.7.8 wrong\r\n"
#define UNSUPPORTED "504 5.5.4 no such mechanism\r\n"
#define FIRST_SENT  "biwsbj11c2VyLHI9QUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVg=\r\n"
#define SECOND_SENT "biwsbj11c2VyLHI9R0JrYUd4d2RIaDhnSVNJakpDVW1KeWdwS2lzc0xTNHY=\r\n"
#define FIRST_HEARD                                                                                \
	"334 cj1BQUVDQXdRRkJnY0lDUW9MREEwT0R4QVJFaE1VRlJZWHNydixzPWMyRnNkQT09LGk9NDA5Ng==\r\n"
#define FINAL_SENT                                                                                 \
	"Yz1iaXdzLHI9QUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhzcnYscD02TEhoZHROV0RwSk0vbm11ejBR" \
	"cG1Nb2Z6UGNTSUNxVkxlKzluc09GRzE0PQ==\r\n"
#define FINAL_HEARD "334 dj1ZaXBTOWFLZzRYSkYvMTVGVFFEU1NXQ04yUTlCY0FTNjFhaUFJNHpPb2tBPQ==\r\n"
#define SCRAM_SENT  "AUTH SCRAM-SHA-256 " FIRST_SENT FINAL_SENT

static char *const plain[] = { (char[]){ "PLAIN" }, NULL };
static char *const login_plain[] = { (char[]){ "LOGIN" }, (char[]){ "PLAIN" }, NULL };
static char *const oauth[] = { (char[]){ "OAUTHBEARER" }, (char[]){ "XOAUTH2" }, NULL };
static char *const xoauth2[] = { (char[]){ "XOAUTH2" }, NULL };
static char *const external[] = { (char[]){ "EXTERNAL" }, NULL };
static char *const plus[] = { (char[]){ "SCRAM-SHA-256-PLUS" }, (char[]){ "SCRAM-SHA-256" }, NULL };
static char *const unknown[] = { (char[]){ "X-OURS" }, (char[]){ "PLAIN" }, NULL };

struct row {
	const char *offer; /* AUTH of the answer to EHLO; NULL: without */
	const char *heard; /* all that the server says */
	const char *sent;  /* all that we do */
	char *const *list; /* NULL: auto */
	bool tls;
	bool certificate;
	bool no_user;
	bool no_password;
	int status;
	const char *words;
};

/* What is said in -v, where none of these may be: the password, in base64, as PLAIN and tokens have
 * it. */
static struct buf traced;
static const char *const secrets[] = { "pencil", "cGVuY2ls", "AHVzZXI", "IHBlbmNpb", "BwZW5jaW" };

static void trace(void *ctx, char direction, struct span text)
{
	(void)ctx;
	buf_addc(&traced, direction);
	buf_addspan(&traced, text);
	buf_addc(&traced, '\n');
}

static const char *words_of(const struct result *r)
{
	const char *words = r->cause == CAUSE_REPLY ? r->words : r->text;

	return words != NULL ? words : "";
}

static void offer(struct client *c, const char *mechanisms)
{
	struct buf text;

	buf_init(&text, 1000);
	buf_addf(&text, "mail.example.org\nPIPELINING%s%s", mechanisms != NULL ? "\nAUTH " : "",
		 mechanisms != NULL ? mechanisms : "");
	ehlo_parse(&c->ehlo, buf_span(&text));
	buf_free(&text);
}

/* The server's part is written down before it begins, and the server gone. */
static void run(const struct row *row)
{
	const struct smtp_host host = {
		.auth = row->list != NULL ? AUTH_LIST : AUTH_AUTO,
		.mechanisms = row->list,
		.user = row->no_user ? NULL : "user",
		.password = row->no_password ? NULL : "pencil",
		.client_cert = row->certificate,
	};
	const struct smtp_endpoint at = { .kind = ENDPOINT_HOST,
					  .name = "mail.example.org",
					  .port = "587" };
	const struct smtp_trace to = { trace, NULL };
	struct result r = RESULT_OK;
	struct client c;
	char sent[20000];
	size_t len = 0;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(write(fd[1], row->heard, strlen(row->heard)), strlen(row->heard));
	shutdown(fd[1], SHUT_WR);
	buf_init(&traced, 100000);
	client_init(&c, fd[0], &host, &at, &to, clock_mono_ms() + 10000);
	offer(&c, row->offer);
	c.tls = row->tls ? (struct tls *)&c : NULL; /* only asked whether it is there */
	bool ok = smtp_auth(&c, &r);
	c.tls = NULL;
	client_close(&c, false);
	for (ssize_t n = 1; n > 0; len += (size_t)n)
		n = read(fd[1], sent + len, sizeof sent - 1 - len);
	sent[len] = '\0';
	close(fd[1]);
	if (strcmp(sent, row->sent) != 0)
		fail_msg("%s:\n%s\nand not\n%s(%s)", row->offer, sent, row->sent, words_of(&r));
	assert_int_equal(ok, row->status == 0);
	if (result_status(&r) != row->status ||
	    (row->words != NULL && strstr(words_of(&r), row->words) == NULL))
		fail_msg("%s: %d %s", row->offer, result_status(&r), words_of(&r));
	assert_int_equal(result_fault(&r), ok ? FAULT_NONE : FAULT_SESSION);
	result_free(&r);
	if (strncmp(row->sent, "AUTH ", 5) == 0)
		assert_memory_equal(buf_str(&traced), "CAUTH ", 6);
	for (size_t i = 0; i < COUNT(secrets); i++)
		if (strstr(buf_str(&traced), secrets[i]) != NULL)
			fail_msg("%s in\n%s", secrets[i], buf_str(&traced));
	buf_free(&traced);
}

static void run_all(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		clock_freeze(0);
		run(&rows[i]);
		clock_freeze(-1);
	}
}

static void choices(void **state)
{
	static const struct row rows[] = {
		{ "PLAIN LOGIN", OK, PLAIN_SENT, .tls = true },
		{ "LOGIN PLAIN", OK, PLAIN_SENT, .tls = true },
		{ "plain", OK, PLAIN_SENT, .tls = true },
		{ "LOGIN X", LOGIN_HEARD OK, LOGIN_SENT, .tls = true },
		{ "LOGIN", "334 \r\n334 User Name\r\n" OK, LOGIN_SENT, .tls = true },
		{ .offer = "PLAIN LOGIN CRAM-MD5",
		  "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n" OK,
		  "AUTH CRAM-MD5\r\n"
		  "dXNlciAyNjZmODJiYjJkMWFjZTY3MjlkMmM1NzNlNGUwMDRjNg==\r\n" },
		{ .offer = "PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256",
		  FIRST_HEARD FINAL_HEARD OK,
		  SCRAM_SENT "\r\n" },
		/* -PLUS needs a channel; who offers it is not told "y" */
		{ "SCRAM-SHA-256-PLUS SCRAM-SHA-256", FIRST_HEARD FINAL_HEARD OK, SCRAM_SENT "\r\n",
		  .list = plus },
		/* in clear only what is listed, or shows nothing */
		{ "PLAIN LOGIN", "", "", .status = EX_CONFIG, .words = "PLAIN LOGIN (see `auth`" },
		{ "PLAIN LOGIN", OK, PLAIN_SENT, .list = plain },
		/* of the list the first that there is, in the order of the list */
		{ "PLAIN LOGIN", LOGIN_HEARD OK, LOGIN_SENT, .list = login_plain, .tls = true },
		{ "PLAIN", OK, PLAIN_SENT, .list = login_plain, .tls = true },
		{ "CRAM-MD5 XPLAIN PLAINX", "", "", .list = login_plain, .tls = true,
		  .status = EX_CONFIG, .words = "no mechanism that may be used" },
		{ "X-OURS PLAIN", OK, PLAIN_SENT, .list = unknown, .tls = true },
		/* tokens only for those who list them */
		{ "XOAUTH2 OAUTHBEARER", "", "", .tls = true, .status = EX_CONFIG },
		{ "XOAUTH2 OAUTHBEARER PLAIN", OK, PLAIN_SENT, .tls = true },
		{ "PLAIN XOAUTH2 OAUTHBEARER", OK, "AUTH OAUTHBEARER " BEARER "\r\n", .list = oauth,
		  .tls = true },
		{ "PLAIN XOAUTH2", OK, "AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHBlbmNpbAEB\r\n",
		  .list = oauth, .tls = true },
		/* a certificate says who we are where there is no password, or by the list */
		{ "EXTERNAL PLAIN", OK, PLAIN_SENT, .tls = true },
		{ "EXTERNAL PLAIN", OK, PLAIN_SENT, .tls = true, .certificate = true },
		{ "EXTERNAL PLAIN", OK, "AUTH EXTERNAL dXNlcg==\r\n", .tls = true,
		  .certificate = true, .no_password = true },
		{ "EXTERNAL PLAIN", OK, "AUTH EXTERNAL =\r\n", .tls = true, .certificate = true,
		  .no_password = true, .no_user = true },
		{ "EXTERNAL PLAIN", OK, "AUTH EXTERNAL dXNlcg==\r\n", .list = external, .tls = true,
		  .certificate = true },
		{ "PLAIN", "", "", .tls = true, .certificate = true, .no_password = true,
		  .status = EX_CONFIG },
		{ "EXTERNAL", "", "", .tls = true, .no_password = true, .status = EX_CONFIG },
		{ "EXTERNAL", "", "", .tls = true, .certificate = true, .status = EX_CONFIG },
		{ "PLAIN", "", "", .list = plain, .tls = true, .no_user = true,
		  .status = EX_CONFIG },
		{ "", "", "", .tls = true, .status = EX_CONFIG },
		{ NULL, "", "", .status = EX_CONFIG,
		  .words = "does not offer AUTH without TLS (set tls" },
		{ NULL, "", "", .tls = true, .status = EX_CONFIG, .words = "not offer AUTH" },
	};

	(void)state;
	run_all(rows, COUNT(rows));
}

/* A refusal is final, but for one that means "not this mechanism". */
static void refusals(void **state)
{
	static const struct row rows[] = {
		{ "PLAIN LOGIN", WRONG, PLAIN_SENT, .tls = true, .status = EX_NOPERM,
		  .words = "wrong" },
		{ "PLAIN LOGIN", "454 4.7.0 not now\r\n", PLAIN_SENT, .tls = true,
		  .status = EX_TEMPFAIL },
		{ "PLAIN LOGIN", "421 4.3.2 bye\r\n", PLAIN_SENT, .tls = true,
		  .status = EX_TEMPFAIL },
		{ "PLAIN LOGIN", "", PLAIN_SENT, .tls = true, .status = EX_TEMPFAIL },
		{ "PLAIN LOGIN", UNSUPPORTED LOGIN_HEARD OK, PLAIN_SENT LOGIN_SENT, .tls = true },
		{ "PLAIN LOGIN", "500 what?\r\n" LOGIN_HEARD WRONG, PLAIN_SENT LOGIN_SENT,
		  .tls = true, .status = EX_NOPERM },
		{ "PLAIN LOGIN", "534 5.7.4 no\r\n502 5.5.1 no, neither\r\n",
		  PLAIN_SENT "AUTH LOGIN\r\n", .tls = true, .status = EX_CONFIG,
		  .words = "no, neither" },
		{ "PLAIN LOGIN", UNSUPPORTED, PLAIN_SENT, .list = plain, .tls = true,
		  .status = EX_CONFIG, .words = "no such mechanism" },
		{ "LOGIN PLAIN", UNSUPPORTED OK, "AUTH LOGIN\r\n" PLAIN_SENT, .list = login_plain,
		  .tls = true },
		{ "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN", UNSUPPORTED UNSUPPORTED,
		  "AUTH SCRAM-SHA-256 " FIRST_SENT "AUTH SCRAM-SHA-1 " SECOND_SENT,
		  .status = EX_CONFIG },
		{ "LOGIN", "334 VXNlcm5hbWU6\r\n535 5.7.8 nobody\r\n", "AUTH LOGIN\r\ndXNlcg==\r\n",
		  .tls = true, .status = EX_NOPERM },
		{ "PLAIN", "250-2.7.0 more\r\n250 2.7.0 lines\r\n", PLAIN_SENT, .tls = true },
		{ "PLAIN", "whatever\r\n", PLAIN_SENT, .tls = true, .status = EX_PROTOCOL },
	};

	(void)state;
	run_all(rows, COUNT(rows));
}

/* What cannot be answered is cancelled, and the reply to that does not matter. */
static void cancelled(void **state)
{
	static const struct row rows[] = {
		{ "PLAIN", "334 \r\n501 5.7.0 cancelled\r\n", PLAIN_SENT "*\r\n", .tls = true,
		  .status = EX_PROTOCOL, .words = "PLAIN: the server wants more" },
		{ "PLAIN", "334 \r\n235 2.7.0 welcome all the same\r\n", PLAIN_SENT "*\r\n",
		  .tls = true, .status = EX_PROTOCOL },
		{ "PLAIN", "334 \r\n", PLAIN_SENT "*\r\n", .tls = true, .status = EX_PROTOCOL },
		{ "LOGIN", LOGIN_HEARD "334 \r\n334 \r\n334 \r\n", LOGIN_SENT "*\r\n", .tls = true,
		  .status = EX_PROTOCOL },
		{ "CRAM-MD5", "334 <1@x>\r\n501 no\r\n", "AUTH CRAM-MD5\r\n*\r\n",
		  .status = EX_PROTOCOL, .words = "CRAM-MD5: the server's challenge is no base64" },
		{ "CRAM-MD5", "334-PDFAeD4=\r\n334 PDFAeD4=\r\n501 no\r\n",
		  "AUTH CRAM-MD5\r\n*\r\n", .status = EX_PROTOCOL, .words = "no base64" },
		{ "SCRAM-SHA-256", "334 cj14LHM9eCxpPTQwOTY=\r\n501 no\r\n",
		  "AUTH SCRAM-SHA-256 " FIRST_SENT "*\r\n", .status = EX_PROTOCOL,
		  .words = "nonce" },
		{ "SCRAM-SHA-256",
		  FIRST_HEARD "334 dj1BaXBTOWFLZzRYSkYvMTVGVFFEU1NXQ04yUTlCY0FTNjFhaUFJNHpPb2tB"
			      "PQ==\r\n501 no\r\n",
		  SCRAM_SENT "*\r\n", .status = EX_PROTOCOL, .words = "does not prove" },
	};

	(void)state;
	run_all(rows, COUNT(rows));
}

static void long_challenge(void **state)
{
	struct row row = { "CRAM-MD5", .sent = "AUTH CRAM-MD5\r\n*\r\n", .status = EX_PROTOCOL,
			   .words = "too long" };
	struct buf heard;

	(void)state;
	buf_init(&heard, 20000);
	buf_adds(&heard, "334 ");
	for (size_t i = 0; i < SASL_MESSAGE_MAX / 3 + 1; i++)
		buf_adds(&heard, "AAAA");
	buf_adds(&heard, "\r\n501 no\r\n");
	row.heard = buf_str(&heard);
	run(&row);
	buf_free(&heard);
}

/* A server that skips its proof, or errs in it, is not believed whatever it says. */
static void unproved(void **state)
{
	static const struct row rows[] = {
		{ "SCRAM-SHA-256", OK, "AUTH SCRAM-SHA-256 " FIRST_SENT, .status = EX_PROTOCOL,
		  .words = "without proving" },
		{ "SCRAM-SHA-256", FIRST_HEARD OK, SCRAM_SENT, .status = EX_PROTOCOL,
		  .words = "without proving" },
		{ "SCRAM-SHA-256",
		  FIRST_HEARD
		  "235 dj1ZaXBTOWFLZzRYSkYvMTVGVFFEU1NXQ04yUTlCY0FTNjFhaUFJNHpPb2tBPQ==\r\n",
		  SCRAM_SENT, .status = EX_PROTOCOL, .words = "without proving" },
		{ "SCRAM-SHA-256", FIRST_HEARD "334 ZT1pbnZhbGlkLXByb29m\r\n" OK, SCRAM_SENT "\r\n",
		  .status = EX_PROTOCOL, .words = "without proving" },
	};

	(void)state;
	run_all(rows, COUNT(rows));
}

/* {"status":"invalid_token"}, {"error":"pencil"}, e=invalid-proof */
#define INVALID "334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n"
#define REPEATS "334 eyJlcnJvciI6InBlbmNpbCJ9\r\n"
#define XOAUTH2 "AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHBlbmNpbAEB\r\n"

static void errors(void **state)
{
	static const struct row rows[] = {
		{ "XOAUTH2", INVALID "535 5.7.8 see the manual\r\n", XOAUTH2 "\r\n",
		  .list = xoauth2, .tls = true, .status = EX_NOPERM,
		  .words = "see the manual ({\"status\":\"invalid_token\"})" },
		{ "OAUTHBEARER", INVALID "535 5.7.8 you said " BEARER "\r\n",
		  "AUTH OAUTHBEARER " BEARER "\r\nAQ==\r\n", .list = oauth, .tls = true,
		  .status = EX_NOPERM, .words = "you said *** ({" },
		{ "OAUTHBEARER",
		  INVALID "535-5.7.1 Username and Password not accepted.\r\n"
			  "535 5.7.1 Learn more\r\n",
		  "AUTH OAUTHBEARER " BEARER "\r\nAQ==\r\n", .list = oauth, .tls = true,
		  .status = EX_NOPERM,
		  .words = "accepted. Learn more ({\"status\":\"invalid_token\"})" },
		{ "XOAUTH2", INVALID "454 4.7.0 later\r\n", XOAUTH2 "\r\n", .list = xoauth2,
		  .tls = true, .status = EX_TEMPFAIL, .words = "later ({\"status\"" },
		{ "XOAUTH2", INVALID "535\r\n", XOAUTH2 "\r\n", .list = xoauth2, .tls = true,
		  .status = EX_NOPERM, .words = "({\"status\"" },
		{ "XOAUTH2", INVALID INVALID "501 no\r\n", XOAUTH2 "\r\n*\r\n", .list = xoauth2,
		  .tls = true, .status = EX_PROTOCOL },
		{ "XOAUTH2", REPEATS WRONG, XOAUTH2 "\r\n", .list = xoauth2, .tls = true,
		  .status = EX_NOPERM, .words = "wrong (***)" },
		{ "XOAUTH2",
		  INVALID "535 5.7.8 you said dXNlcj11c2VyAWF1dGg9QmVhcmVyIHBlbmNpbAEB\r\n",
		  XOAUTH2 "\r\n", .list = xoauth2, .tls = true, .status = EX_NOPERM,
		  .words = "you said *** ({" },
		{ "SCRAM-SHA-256", FIRST_HEARD "334 ZT1pbnZhbGlkLXByb29m\r\n" WRONG,
		  SCRAM_SENT "\r\n", .status = EX_NOPERM, .words = "wrong (invalid-proof)" },
		{ "SCRAM-SHA-256 SCRAM-SHA-1", "334 ZT1vdGhlci1lcnJvcg==\r\n" UNSUPPORTED WRONG,
		  "AUTH SCRAM-SHA-256 " FIRST_SENT "\r\nAUTH SCRAM-SHA-1 " SECOND_SENT,
		  .status = EX_NOPERM, .words = "wrong" },
	};

	(void)state;
	run_all(rows, COUNT(rows));
}

/* Whoever stops before the beginning ends it all the same. */
static void ended_without_beginning(void **state)
{
	struct auth a = { .tried = 0 };

	(void)state;
	smtp_auth_end(&a);
	smtp_auth_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices),
		cmocka_unit_test(refusals),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(long_challenge),
		cmocka_unit_test(unproved),
		cmocka_unit_test(errors),
		cmocka_unit_test(ended_without_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
