/*
 * fuzz_client.c - a submission to a server that says what it likes: nobody gets the message twice,
 * and what is told of it is true
 *
 * The first byte chooses the protocol, AUTH, partial = abort, a large message and the number of
 * recipients; the rest is what the server says, all at once, 0xff beginning the next session. A
 * model then goes through both sides of each dialogue.
 */
#include "smtp/submit.h"

#include "base/clock.h"
#include "dot_model.h"
#include "fuzz.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#define INPUT_MAX      (60 * 1024) /* what a socket holds without a reader */
#define SESSIONS_MAX   16
#define RECIPIENTS_MAX 4
#define LARGE          (70 * 1024)
#define DEADLINE_MS    10000
#define PASSWORD       "geheimes-Wort"

static const char header[] = "From: a@example.org\r\nSubject: x\r\n";
static const char *const addresses[RECIPIENTS_MAX] = { "<r0@example.net>", "<r1@example.net>",
						       "<r2@example.net>", "<r3@example.net>" };

/* --- the server: a thread that says its part of the input and notes what it hears --- */

struct server {
	int listener;
	char path[32];
	int stop[2]; /* a pipe */
	struct span parts[SESSIONS_MAX];
	struct buf heard[SESSIONS_MAX];
	size_t n_parts, n_sessions;
};

static void listen_somewhere(struct server *s)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/fuzz.XXXXXX";
	int fd;

	s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	require(mkdtemp(dir) != NULL);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/s", dir);
	require(bind(s->listener, (struct sockaddr *)&at, sizeof at) == 0);
	require(listen(s->listener, SESSIONS_MAX) == 0 && pipe(s->stop) == 0);
	/* From now on it has no name, and nothing is left behind. */
	fd = open(at.sun_path, O_PATH);
	require(fd >= 0 && unlink(at.sun_path) == 0 && rmdir(dir) == 0);
	snprintf(s->path, sizeof s->path, "/proc/self/fd/%d", fd);
}

static void serve(struct server *s, int fd)
{
	size_t i = s->n_sessions++;
	char piece[16 * 1024];
	ssize_t n;

	require(i < SESSIONS_MAX);
	for (struct span say = s->parts[i]; i < s->n_parts && say.len > 0; say.len -= (size_t)n) {
		n = send(fd, say.p, say.len, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		say.p += n;
	}
	shutdown(fd, SHUT_WR);
	while ((n = read(fd, piece, sizeof piece)) > 0)
		buf_add(&s->heard[i], piece, (size_t)n);
	close(fd);
}

static void *run_server(void *ctx)
{
	struct server *s = ctx;
	struct pollfd wait[] = { { .fd = s->listener, .events = POLLIN },
				 { .fd = s->stop[0], .events = POLLIN } };
	char c;

	for (;;) {
		require(poll(wait, 2, -1) > 0);
		if (wait[0].revents == 0)
			break;
		serve(s, accept(s->listener, NULL, NULL));
	}
	require(read(s->stop[0], &c, 1) == 1);
	return NULL;
}

static void split_sessions(struct server *s, struct span in)
{
	s->n_parts = s->n_sessions = 0;
	while (s->n_parts < SESSIONS_MAX) {
		const char *end = in.len > 0 ? memchr(in.p, 0xff, in.len) : NULL;
		size_t len = end != NULL ? (size_t)(end - in.p) : in.len;

		s->parts[s->n_parts++] = (struct span){ in.p, len };
		if (end == NULL)
			break;
		in = (struct span){ end + 1, in.len - len - 1 };
	}
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		buf_init(&s->heard[i], FUZZ_OUT_MAX);
}

/* --- the program --- */

struct message {
	struct spill body;
	struct buf whole; /* what has to arrive */
};

static void make_message(struct message *m, bool large)
{
	static const char line[] = ".a line that begins with a dot\r\n.\r\n";
	struct result r = RESULT_OK;

	spill_init(&m->body);
	buf_init(&m->whole, FUZZ_OUT_MAX);
	buf_adds(&m->whole, header);
	buf_adds(&m->whole, "\r\n");
	do {
		buf_adds(&m->whole, line);
		require(spill_write(&m->body, line, strlen(line), &r));
	} while (large && m->whole.len < LARGE);
	require(spill_finish(&m->body, &r));
}

static bool prepare(void *ctx, const struct ehlo *offered, struct smtp_content *content,
		    struct result *r)
{
	const struct message *m = ctx;

	(void)offered;
	(void)r;
	*content = (struct smtp_content){ .header = { header, strlen(header) }, .body = &m->body };
	return true;
}

static void keep_secret(void *ctx, char direction, struct span text)
{
	(void)ctx;
	if (direction == 'C' && text.len > 0)
		require(memmem(text.p, text.len, PASSWORD, strlen(PASSWORD)) == NULL);
}

static void submit(const struct server *s, uint8_t how, struct message *m,
		   struct smtp_submission *sub, struct result *r)
{
	static char cram[] = "CRAM-MD5", login[] = "LOGIN", plain[] = "PLAIN";
	static char *const mechanisms[] = { cram, login, plain, NULL };
	const struct smtp_endpoint at = { .kind = ENDPOINT_UNIX, .name = s->path, .tls = TLS_OFF };
	const struct smtp_host host = {
		.protocol = (how & 1) != 0 ? PROTOCOL_LMTP : PROTOCOL_SMTP,
		.endpoints = &at,
		.n_endpoints = 1,
		.ehlo_name = "client.example.org",
		.auth = (how & 2) != 0 ? AUTH_LIST : AUTH_OFF,
		.mechanisms = mechanisms,
		.user = "user",
		.password = PASSWORD,
		.account = "a",
	};

	sub->sender = "<a@example.org>";
	sub->all_or_nothing = (how & 4) != 0;
	sub->prepare = prepare;
	sub->ctx = m;
	sub->trace.line = keep_secret;
	sub->options.notify = "NEVER";
	smtp_submit(&host, clock_mono_ms() + DEADLINE_MS, sub, r);
}

/* --- the model --- */

struct fate {
	unsigned delivered; /* times */
	bool unsure;        /* the whole message left, and nothing says that it was not taken */
};

struct model {
	struct span said, heard; /* what is left of one session */
	const struct message *m;
	struct fate *fates;
	bool lmtp;
	bool over; /* the server has said its last, or something that is no reply */
	bool left; /* that was 421: it reads nothing more */
	int mail;  /* the last reply to MAIL */
	int rcpt[RECIPIENTS_MAX];
	bool asked[RECIPIENTS_MAX];
};

/* The next reply's code; 0 where none comes any more. */
static int reply(struct model *m)
{
	bool more = true;
	int code = 0;

	while (more && !m->over) {
		const char *p = m->said.p;
		const char *lf = m->said.len > 0 ? memchr(p, '\n', m->said.len) : NULL;
		size_t len = lf != NULL ? (size_t)(lf - p) : 0;

		if (lf == NULL || len < 3 || p[0] < '2' || p[0] > '5' || !ascii_isdigit(p[1]) ||
		    !ascii_isdigit(p[2]) || strchr(" -\r\n", p[3]) == NULL ||
		    (p[3] == '\r' && len != 4)) {
			m->over = true;
			break;
		}
		int this_code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + p[2] - '0';
		m->over = code != 0 && this_code != code;
		code = this_code;
		more = p[3] == '-';
		m->said = (struct span){ lf + 1, m->said.len - len - 1 };
	}
	if (m->over)
		return 0;
	m->over = m->left = code == 421;
	return code;
}

/* The next command; false at the end. Half a command may be the end only. */
static bool command(struct model *m, struct span *line)
{
	const char *lf = m->heard.len > 0 ? memchr(m->heard.p, '\n', m->heard.len) : NULL;

	if (lf == NULL)
		return false;
	*line = (struct span){ m->heard.p, (size_t)(lf - m->heard.p) };
	require(line->len > 0 && line->p[line->len - 1] == '\r');
	line->len--;
	require(!has_control(line->p, line->len));
	m->heard = (struct span){ lf + 1, m->heard.len - line->len - 2 };
	return true;
}

static bool begins(struct span line, const char *word)
{
	return line.len >= strlen(word) && memcmp(line.p, word, strlen(word)) == 0;
}

static bool is_accepted(const struct model *m, size_t i)
{
	return m->asked[i] && m->mail / 100 == 2 && m->rcpt[i] / 100 == 2;
}

/* 0: the answer never came. */
static bool may_be_accepted(const struct model *m, size_t i)
{
	return m->asked[i] && m->mail / 100 < 4 && m->rcpt[i] / 100 < 4;
}

/* The whole message has come; one reply is for all, with LMTP for each. */
static void end_of_message(struct model *m)
{
	int code = 0;
	bool first = true;

	for (size_t i = 0; i < RECIPIENTS_MAX; i++) {
		if (!is_accepted(m, i))
			continue;
		if (first || m->lmtp)
			code = reply(m);
		first = false;
		m->fates[i].delivered += code / 100 == 2 ? 1 : 0;
		if (m->lmtp && code == 0)
			m->fates[i].unsure = true;
	}
	if (first) /* nobody is there to have it */
		reply(m);
	for (size_t i = 0; i < RECIPIENTS_MAX; i++)
		if (may_be_accepted(m, i) && code < 400 && code / 100 != 2 && !m->left)
			m->fates[i].unsure = true;
	m->mail = 0;
	memset(m->asked, 0, sizeof m->asked);
}

static void data(struct model *m)
{
	struct buf text;
	bool ended, nobody = true;

	if (reply(m) / 100 != 3)
		return;
	buf_init(&text, FUZZ_OUT_MAX);
	size_t n = model_in(m->heard, false, &text, &ended);
	m->heard = (struct span){ m->heard.p + n, m->heard.len - n };
	if (ended) {
		for (size_t i = 0; i < RECIPIENTS_MAX; i++)
			nobody = nobody && !is_accepted(m, i);
		require(nobody ? text.len == 0 : span_eq(buf_span(&text), buf_span(&m->m->whole)));
		end_of_message(m);
	}
	buf_free(&text);
}

static void bdat(struct model *m, struct span line)
{
	const struct span whole = buf_span(&m->m->whole);
	char *want = xasprintf("BDAT %zu LAST", whole.len);

	require(span_eq(line, span_of(want)));
	free(want);
	if (m->heard.len < whole.len) {
		m->heard.len = 0;
		return;
	}
	require(memcmp(m->heard.p, whole.p, whole.len) == 0);
	m->heard = (struct span){ m->heard.p + whole.len, m->heard.len - whole.len };
	end_of_message(m);
}

static void rcpt(struct model *m, struct span line)
{
	size_t i = 0;

	while (i < RECIPIENTS_MAX &&
	       memmem(line.p, line.len, addresses[i], strlen(addresses[i])) == NULL)
		i++;
	require(i < RECIPIENTS_MAX && begins(line, "RCPT TO:<"));
	m->asked[i] = true;
	m->rcpt[i] = reply(m);
}

static void auth(struct model *m)
{
	struct span line;

	while (reply(m) / 100 == 3 && command(m, &line))
		;
}

static void walk(struct model *m)
{
	struct span line;

	reply(m); /* the greeting */
	while (command(m, &line)) {
		if (begins(line, "RCPT ")) {
			rcpt(m, line);
		} else if (begins(line, "BDAT ")) {
			bdat(m, line);
		} else if (begins(line, "DATA")) {
			data(m);
		} else if (begins(line, "AUTH ")) {
			auth(m);
		} else {
			require(begins(line, "MAIL FROM:<") || begins(line, "RSET") ||
				begins(line, "QUIT") || begins(line, m->lmtp ? "LHLO " : "EHLO ") ||
				(!m->lmtp && begins(line, "HELO ")));
			memset(m->asked, 0, sizeof m->asked);
			m->mail = reply(m);
		}
	}
}

static void check(const struct server *s, uint8_t how, const struct message *message,
		  const struct smtp_submission *sub, const struct result *r)
{
	struct fate fates[RECIPIENTS_MAX] = { { 0 } };

	for (size_t i = 0; i < s->n_sessions; i++) {
		struct model m = { .heard = buf_span(&s->heard[i]), .m = message, .fates = fates };

		m.lmtp = (how & 1) != 0;
		if (i < s->n_parts)
			m.said = s->parts[i];
		walk(&m);
	}
	for (size_t i = 0; i < sub->n; i++) {
		bool done = sub->recipients[i].state == RECIPIENT_DONE;

		require(fates[i].delivered <= 1 && (!done || fates[i].delivered == 1));
		require(done || fates[i].delivered == 0 || r->maybe_sent);
		require(done || !fates[i].unsure || r->maybe_sent);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct server s = { .listener = -1 };
	struct smtp_recipient recipients[RECIPIENTS_MAX];
	struct smtp_submission sub = { .recipients = recipients };
	struct result r = RESULT_OK;
	struct message m;
	pthread_t thread;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (s.listener < 0)
		listen_somewhere(&s);
	split_sessions(&s, (struct span){ (const char *)data + 1, size - 1 });
	make_message(&m, (data[0] & 8) != 0);
	sub.n = 1 + (data[0] >> 4) % RECIPIENTS_MAX;
	for (size_t i = 0; i < sub.n; i++)
		recipients[i] = (struct smtp_recipient){ .address = addresses[i] };
	require(pthread_create(&thread, NULL, run_server, &s) == 0);
	submit(&s, data[0], &m, &sub, &r);
	require(write(s.stop[1], "", 1) == 1 && pthread_join(thread, NULL) == 0);
	check(&s, data[0], &m, &sub, &r);
	smtp_submission_free(&sub);
	result_free(&r);
	spill_free(&m.body);
	buf_free(&m.whole);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		buf_free(&s.heard[i]);
	return 0;
}
