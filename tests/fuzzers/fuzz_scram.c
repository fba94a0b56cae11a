/*
 * fuzz_scram.c - what a server says to AUTH: challenges to each mechanism, and whole dialogues
 *
 * The first byte, a digit, is the mechanism, by its row in the table, and each line of the rest a
 * challenge, decoded already. With any other byte the rest is all that the server says to a client
 * that may use every mechanism.
 */
#include "base/base64.h"
#include "base/clock.h"
#include "smtp/auth.h"
#include "smtp/client.h"

#include "fuzz.h"

#define USER     "a=b,c"
#define PASSWORD "p\xc3\xa4ssw"

/* Of bytes that count up from 0, as the clock gives them that stands still. */
#define NONCE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

static bool next_line(struct span *text, struct span *line)
{
	const char *lf = text->len > 0 ? memchr(text->p, '\n', text->len) : NULL;

	*line = (struct span){ text->p, lf != NULL ? (size_t)(lf - text->p) : text->len };
	if (lf == NULL)
		return false;
	text->len -= line->len + 1;
	text->p = lf + 1;
	return true;
}

/* Nothing that a line of AUTH, or the proof of a password, could not have in it. */
static void check_response(const struct sasl *s, const struct buf *out)
{
	require(!buf_overflowed(out));
	require(s->turn > 0 && s->turn <= s->mechanism->turns);
	if (!s->mechanism->shows_secret && out->len > 0)
		require(memmem(out->p, out->len, PASSWORD, strlen(PASSWORD)) == NULL);
	if (s->mechanism->proves_server && s->turn == 1)
		require(memmem(out->p, out->len, ",,n=a=3Db=2Cc,r=" NONCE, 48) != NULL);
}

static void challenge(const struct sasl_mechanism *m, struct span text)
{
	const struct sasl_login login = {
		.user = USER,
		.password = PASSWORD,
		.binding_type = "tls-exporter",
		.binding = span_of("0123456789abcdef0123456789abcdef"),
		.plus_offered = true,
	};
	struct result r = RESULT_OK;
	struct span line = { "", 0 };
	struct buf out;
	struct sasl s;
	bool ok = true;

	buf_init(&out, SASL_MESSAGE_MAX);
	sasl_init(&s, m, &login);
	if (m->client_first && (ok = sasl_respond(&s, line, &out, &r)))
		check_response(&s, &out);
	for (bool more = true; ok && more;) {
		more = next_line(&text, &line);
		buf_wipe(&out);
		ok = sasl_respond(&s, line, &out, &r);
		require(ok != result_failed(&r));
		if (ok)
			check_response(&s, &out);
	}
	/* A proof is of the server's nonce, which is longer than ours, and nobody errs and proves.
	 */
	require(!s.server_ok || (m->proves_server && s.turn == 3 && s.error.len == 0));
	sasl_free(&s);
	buf_wipe(&out);
	result_free(&r);
}

struct server {
	struct span says;
	struct buf heard;
};

static ssize_t say(void *ctx, char *p, size_t len, const char **why)
{
	struct server *server = ctx;

	(void)why;
	if (len > server->says.len)
		len = server->says.len;
	if (len > 0)
		memcpy(p, server->says.p, len);
	server->says.p += len;
	server->says.len -= len;
	return (ssize_t)len;
}

static ssize_t hear(void *ctx, const char *p, size_t len, const char **why)
{
	struct server *server = ctx;

	(void)why;
	buf_add(&server->heard, p, len);
	return (ssize_t)len;
}

/* Whatever was said, each of our lines is one that AUTH has. */
static void check_lines(struct span heard)
{
	struct span line;
	struct buf bytes;

	while (next_line(&heard, &line)) {
		require(line.len > 0 && line.p[line.len - 1] == '\r');
		line.len--;
		buf_init(&bytes, SASL_MESSAGE_MAX);
		require((line.len > 5 && memcmp(line.p, "AUTH ", 5) == 0) ||
			span_eq(line, span_of("*")) || base64_read(line, &bytes));
		buf_free(&bytes);
	}
	require(heard.len == 0);
}

static void dialogue(struct span text)
{
	char *const all[] = {
		(char[]){ "SCRAM-SHA-256" }, (char[]){ "SCRAM-SHA-1" }, (char[]){ "CRAM-MD5" },
		(char[]){ "XOAUTH2" },       (char[]){ "OAUTHBEARER" }, (char[]){ "LOGIN" },
		(char[]){ "EXTERNAL" },      (char[]){ "PLAIN" },       NULL,
	};
	static const char offer[] =
		"x\nAUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2 "
		"OAUTHBEARER EXTERNAL";
	const struct smtp_host host = {
		.auth = AUTH_LIST, .mechanisms = all, .user = USER, .password = PASSWORD
	};
	const struct smtp_endpoint at = { .kind = ENDPOINT_HOST, .name = "h", .port = "587" };
	struct result r = RESULT_OK;
	struct server server = { .says = text };
	struct client c;

	buf_init(&server.heard, FUZZ_OUT_MAX);
	client_init(&c, -1, &host, &at, NULL, INT64_MAX);
	conn_set_transport(&c.conn,
			   (struct transport){ .read = say, .write = hear, .ctx = &server });
	ehlo_parse(&c.ehlo, span_of(offer));
	bool ok = smtp_auth(&c, &r);
	require(ok != result_failed(&r));
	require(!ok || c.reply.code / 100 == 2);
	require(result_status(&r) != 70);
	check_lines(buf_span(&server.heard));
	client_close(&c, false);
	buf_free(&server.heard);
	result_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct span text = { (const char *)data + 1, size - 1 };

	clock_freeze(0);
	if (data[0] >= '0' && data[0] <= '9')
		challenge(&sasl_mechanisms[data[0] - '0'], text);
	else
		dialogue(text);
	return 0;
}
