/*
 * client.c - the dialogue with a smart host: commands out, replies in
 */
#include "smtp/client.h"

#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define COMMAND_MAX (16 * 1024) /* AUTH may be 12,288 octets long, RFC 4954 section 4 */

/*
 * How long the server may take for each step, in seconds. RFC 5321 section 4.5.3.2 would have
 * minutes, for relays; here somebody waits, and `deadline` bounds the whole anyway.
 */
static const int step_seconds[STEP_COUNT] = {
	[STEP_GREETING] = 60, [STEP_EHLO] = 60,  [STEP_STARTTLS] = 60, [STEP_TLS] = 60,
	[STEP_AUTH] = 60,     [STEP_MAIL] = 120, [STEP_RCPT] = 120,    [STEP_DATA] = 120,
	[STEP_BODY] = 180,    [STEP_END] = 600,  [STEP_QUIT] = 5,
};

int64_t client_step_ms(enum step step)
{
	return (int64_t)step_seconds[step] * 1000;
}

static void trace(const struct client *c, char direction, struct span text)
{
	if (c->trace.line != NULL)
		c->trace.line(c->trace.ctx, direction, text);
}

static bool send_line(struct client *c, enum step step, struct span line, struct result *r)
{
	if (has_control(line.p, line.len))
		return result_fail(r, CAUSE_DATA, step,
				   "a control character in a command, which was not sent");
	conn_begin_step(&c->conn, step, client_step_ms(step));
	return conn_write(&c->conn, line.p, line.len, r) && conn_write(&c->conn, "\r\n", 2, r);
}

bool client_command(struct client *c, enum step step, struct result *r, const char *fmt, ...)
{
	char line[COMMAND_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof line)
		return result_fail(r, CAUSE_DATA, step, "a command over %zu octets", sizeof line);
	struct span text = { line, (size_t)n };
	trace(c, 'C', text);
	return send_line(c, step, text, r);
}

bool client_quit(struct client *c, struct result *r)
{
	static const char quit[] = "QUIT\r\n";

	c->quit_said = true;
	trace(c, 'C', (struct span){ quit, 4 });
	return conn_write(&c->conn, quit, strlen(quit), r);
}

bool client_secret(struct client *c, enum step step, const char *line, struct result *r)
{
	const char *blank = strrchr(line, ' ');
	const char *secret = blank != NULL ? blank + 1 : line;
	struct buf shown;

	buf_init(&shown, COMMAND_MAX);
	buf_add(&shown, line, (size_t)(secret - line));
	buf_adds(&shown, "***");
	trace(c, 'C', buf_span(&shown));
	buf_free(&shown);
	buf_wipe(&c->secret);
	buf_reserve(&c->secret, strlen(secret));
	buf_adds(&c->secret, secret);
	return send_line(c, step, span_of(line), r);
}

/* Takes a secret out of the line, wherever it stands. */
static void hide(struct buf *line, struct span secret)
{
	const size_t shortest = 4; /* less would be found in any text */
	struct span rest = buf_span(line);
	struct buf clean;
	const char *at;

	if (secret.len < shortest || rest.len < secret.len ||
	    memmem(rest.p, rest.len, secret.p, secret.len) == NULL)
		return;
	buf_init(&clean, 2 * CONN_LINE_MAX);
	while (rest.len > 0 && (at = memmem(rest.p, rest.len, secret.p, secret.len)) != NULL) {
		buf_add(&clean, rest.p, (size_t)(at - rest.p));
		buf_adds(&clean, "***");
		rest.len -= (size_t)(at - rest.p) + secret.len;
		rest.p = at + secret.len;
	}
	buf_addspan(&clean, rest);
	buf_clear(line);
	buf_addspan(line, buf_span(&clean));
	buf_wipe(&clean);
}

/* A server that repeats what it was told in secret is not to put it into anybody's log. */
static void clean_line(const struct client *c, struct span from, struct buf *line)
{
	buf_init(line, 2 * CONN_LINE_MAX);
	buf_addspan(line, from);
	hide(line, buf_span(&c->secret));
	if (c->host->password != NULL)
		hide(line, span_of(c->host->password));
}

static bool no_reply(const struct client *c, const struct buf *line, struct result *r)
{
	const size_t shown = 100;
	bool text = line->len > 0 && memchr(line->p, '\0', line->len) == NULL;

	return result_fail(r, CAUSE_PROTOCOL, c->conn.step, "the server sent no SMTP reply: %.*s",
			   (int)(line->len < shown ? line->len : shown), text ? line->p : "");
}

bool client_next_reply(struct client *c, struct result *r)
{
	enum reply_state state;
	struct span raw;
	struct buf line;

	reply_clear(&c->reply);
	if (!conn_flush(&c->conn, r))
		return false;
	do {
		if (!conn_read_line(&c->conn, &raw, r))
			return false;
		clean_line(c, raw, &line);
		trace(c, 'S', buf_span(&line));
		state = reply_line(&c->reply, buf_span(&line));
		if (state == REPLY_BAD)
			no_reply(c, &line, r);
		buf_wipe(&line);
	} while (state == REPLY_MORE);
	return state == REPLY_DONE;
}

bool client_reply(struct client *c, enum step step, struct result *r)
{
	conn_begin_step(&c->conn, step, client_step_ms(step));
	return client_next_reply(c, r);
}

bool client_judge(const struct client *c, enum step step, int digit, struct result *r)
{
	const struct reply *reply = &c->reply;

	if (reply->code / 100 == digit)
		return true;
	if (reply->code / 100 >= 4)
		return result_refused(r, step, reply->code, reply->enhanced, buf_str(&reply->text),
				      reply->text.len);
	return result_fail(r, CAUSE_PROTOCOL, step, "the server answered %d where %dyz is due",
			   reply->code, digit);
}

bool client_expect(struct client *c, enum step step, int digit, struct result *r)
{
	return client_reply(c, step, r) && client_judge(c, step, digit, r);
}

void client_init(struct client *c, int fd, const struct smtp_host *host,
		 const struct smtp_endpoint *at, const struct smtp_trace *trace_to,
		 int64_t deadline)
{
	*c = (struct client){ .host = host, .at = *at };
	if (trace_to != NULL)
		c->trace = *trace_to;
	conn_init(&c->conn, fd, deadline);
	ehlo_init(&c->ehlo);
	buf_init(&c->ehlo_text, REPLY_MAX);
	buf_init(&c->clear_text, REPLY_MAX);
	reply_init(&c->reply);
	buf_init(&c->secret, COMMAND_MAX);
}

void client_set_deadline(struct client *c, int64_t deadline)
{
	c->conn.deadline = deadline;
}

void client_close(struct client *c, bool polite)
{
	struct result ignored = RESULT_OK;

	if (polite) {
		buf_clear(&c->conn.out);
		conn_begin_step(&c->conn, STEP_QUIT, client_step_ms(STEP_QUIT));
		if ((c->quit_said || client_quit(c, &ignored)) && conn_flush(&c->conn, &ignored) &&
		    c->tls != NULL) {
			tls_bye(c->tls);
			conn_flush(&c->conn, &ignored);
		}
		result_free(&ignored);
	}
	tls_free(c->tls);
	c->tls = NULL;
	conn_close(&c->conn);
	ehlo_free(&c->ehlo);
	buf_free(&c->ehlo_text);
	buf_free(&c->clear_text);
	recall_free(&c->recall);
	reply_free(&c->reply);
	buf_wipe(&c->secret);
}

const char *client_tls_version(const struct client *c)
{
	return c->tls != NULL ? tls_version(c->tls) : "none";
}
