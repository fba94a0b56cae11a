/*
 * content.c - the message itself on its way
 */
#include "smtp/content.h"

#include "smtp/dot.h"

#include <inttypes.h>

#include "base/banned.h"

uint64_t smtp_content_size(const struct smtp_content *content)
{
	return (uint64_t)content->header.len + 2 + content->body->size;
}

struct body_sink {
	struct client *c;
	struct result *r;
};

static bool write_body(void *ctx, const char *p, size_t len)
{
	struct body_sink *b = ctx;

	if (b->c->conn.out.len + len >= CONN_PIECE)
		conn_begin_step(&b->c->conn, STEP_BODY, client_step_ms(STEP_BODY));
	return conn_write(&b->c->conn, p, len, b->r);
}

static bool write_parts(const struct smtp_content *content, const struct sink *to, struct result *r)
{
	return sink_write(to, content->header.p, content->header.len) &&
	       sink_write(to, "\r\n", 2) && spill_replay(content->body, to, r);
}

static bool stuff(void *ctx, const char *p, size_t len)
{
	return dot_out_feed(ctx, p, len);
}

static bool write_stuffed(struct body_sink *body, const struct smtp_content *content)
{
	struct dot_out dot;
	struct sink stuffed = { stuff, &dot };

	dot_out_init(&dot, (struct sink){ write_body, body });
	return write_parts(content, &stuffed, body->r) && dot_out_finish(&dot);
}

/* One chunk: the server could not refuse a second one any earlier than the message's end. */
static bool write_chunk(struct body_sink *body, const struct smtp_content *content)
{
	const struct sink to = { write_body, body };

	return client_command(body->c, STEP_BODY, body->r, "BDAT %" PRIu64 " LAST",
			      smtp_content_size(content)) &&
	       write_parts(content, &to, body->r);
}

/* QUIT, and under TLS what a record of its own adds to it. */
#define QUIT_MAX 64

bool content_write(struct client *c, const struct smtp_content *content, bool quit, bool *complete,
		   struct result *r)
{
	struct body_sink body = { c, r };
	bool ok;

	*complete = false;
	conn_begin_step(&c->conn, STEP_BODY, client_step_ms(STEP_BODY));
	if (ehlo_has(&c->ehlo, EXT_CHUNKING))
		ok = write_chunk(&body, content);
	else
		ok = write_stuffed(&body, content);
	if (!ok)
		return false;
	conn_begin_step(&c->conn, STEP_BODY, client_step_ms(STEP_BODY));
	ok = (!quit || client_quit(c, r)) && conn_flush(&c->conn, r);
	*complete = ok || conn_unsent(&c->conn) <= QUIT_MAX;
	return ok;
}

void content_prefer_last_words(struct client *c, struct result *r)
{
	struct result words = RESULT_OK, unread = RESULT_OK;

	conn_stop_writing(&c->conn);
	conn_begin_step(&c->conn, STEP_BODY, CONTENT_LAST_WORDS_MS);
	if (client_next_reply(c, &unread) && c->reply.code / 100 >= 4)
		client_judge(c, STEP_BODY, 2, &words);
	result_free(&unread);
	if (result_failed(&words))
		result_move(r, &words);
}
