/*
 * fuzz_smtpd.c - -bs: each command of the client gets its one reply, in order
 *
 * The first byte cuts the rest into pieces. A model goes through the input and the replies side by
 * side: it knows which codes each command can get, and which bytes are commands at all.
 * Everything is discarded in the place of being sent.
 */
#include "cli/smtpd.h"

#include "cli/report.h"
#include "dot_model.h"
#include "fuzz.h"

#include <sys/socket.h>

#define INPUT_MAX  (60 * 1024) /* shorter than the longest line */
#define PIECES_MAX 200         /* what a socket holds without a reader */
#define BAD_MAX    20

static const char configuration[] = "account a {\n host = h\n tls = off\n discard = on\n}\n"
				    "hostname = client.example.org\nlog = off\n"
				    "local_domains = { localhost }\naliases = \"%s\"\n";
static const char aliases[] = "ann: ann@example.org, bob\nbob: loop\nloop: bob\nx: |y\n";

/* --- the program --- */

static bool keep(void *ctx, const char *p, size_t len)
{
	buf_add(ctx, p, len);
	return true;
}

static void write_input(int fd, uint8_t how, struct span in)
{
	struct pieces cut;
	struct span piece;
	int n = 0;

	pieces_init(&cut, how, in);
	for (; n < PIECES_MAX && pieces_next(&cut, &piece); n++)
		require(send(fd, piece.p, piece.len, MSG_DONTWAIT) == (ssize_t)piece.len);
	if (n == PIECES_MAX && cut.rest.len > 0)
		require(send(fd, cut.rest.p, cut.rest.len, MSG_DONTWAIT) == (ssize_t)cut.rest.len);
	pieces_drop(&cut);
}

static void run(uint8_t how, struct span in, struct buf *out)
{
	static struct fuzz_file alias_file = { .fd = -1 }, conf_file = { .fd = -1 };
	struct options o = { .program = "sendmail", .mode = MODE_SMTP };
	struct report rep;
	int pair[2];

	if (conf_file.fd < 0) {
		char text[512];

		fuzz_file_put(&alias_file, span_of(aliases));
		snprintf(text, sizeof text, configuration, alias_file.path);
		fuzz_file_put(&conf_file, span_of(text));
	}
	o.config = conf_file.path;
	require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	write_input(pair[1], how, in);
	close(pair[1]);
	require(dup2(pair[0], STDIN_FILENO) == STDIN_FILENO);
	close(pair[0]);
	report_init(&rep, o.program, (struct sink){ keep, out });
	require(smtpd(&o, &rep) == 0);
	require(rep.err.len == 0);
	report_free(&rep);
}

/* --- the replies --- */

static int next_reply(struct span *out, bool esmtp)
{
	int code = 0;
	bool more = true;

	while (more) {
		const char *lf = memchr(out->p, '\n', out->len);

		require(lf != NULL && lf - out->p >= 5 && lf[-1] == '\r');
		const char *p = out->p;
		size_t len = (size_t)(lf - p) - 1;
		int this_code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + p[2] - '0';

		require(this_code >= 200 && this_code <= 599 && (code == 0 || code == this_code));
		require(!has_control(p, len) && (p[3] == ' ' || p[3] == '-'));
		require(!esmtp || this_code / 100 < 4 || (p[4] == p[0] && p[5] == '.'));
		code = this_code;
		more = p[3] == '-';
		*out = (struct span){ lf + 1, out->len - len - 2 };
	}
	return code;
}

/* --- the model --- */

struct model {
	struct span in, out;
	bool greeted, esmtp, in_mail, seen_crlf, over;
	unsigned recipients, not_good;
};

/* This code, or a refusal where that can be; 421 once much was wrong. */
static int expect_reply(struct model *m, int good, bool can_fail)
{
	int code = next_reply(&m->out, m->esmtp);

	m->not_good = code / 100 == 2 ? 0 : m->not_good + 1;
	m->over = m->over || (code == 421 && m->not_good > BAD_MAX);
	require(code == good || m->over || (can_fail && code >= 400 && code != 421));
	return code;
}

static void reset(struct model *m)
{
	m->in_mail = false;
	m->recipients = 0;
}

static void data(struct model *m)
{
	struct buf text;
	bool ended;

	if (expect_reply(m, m->recipients > 0 ? 354 : m->in_mail ? 554 : 503, false) != 354)
		return;
	buf_init(&text, FUZZ_OUT_MAX);
	size_t n = model_in(m->in, !m->seen_crlf, &text, &ended);
	m->in = (struct span){ m->in.p + n, m->in.len - n };
	if (ended) {
		expect_reply(m, 250, true);
		reset(m);
	} else {
		m->over = true;
	}
	buf_free(&text);
}

static void mail(struct model *m)
{
	if (!m->greeted || m->in_mail)
		expect_reply(m, 503, false);
	else if (expect_reply(m, 250, true) == 250)
		m->in_mail = true;
}

static void rcpt(struct model *m)
{
	if (!m->in_mail)
		expect_reply(m, 503, false);
	else if (expect_reply(m, 250, true) == 250)
		m->recipients++;
}

static void helo(struct model *m)
{
	reset(m);
	m->greeted = true;
	m->esmtp = false;
}

static void ehlo(struct model *m)
{
	helo(m);
	m->esmtp = true;
}

/* What a command changes, and the only reply it can get; 0 for one that asks for it itself. */
static const struct verb {
	const char *name;
	int code;
	void (*run)(struct model *m);
} verbs[] = {
	{ "HELO", 250, helo }, { "EHLO", 250, ehlo },  { "MAIL", 0, mail },   { "RCPT", 0, rcpt },
	{ "DATA", 0, data },   { "RSET", 250, reset }, { "NOOP", 250, NULL }, { "VRFY", 252, NULL },
	{ "HELP", 214, NULL }, { "QUIT", 221, NULL },  { NULL, 500, NULL },
};

static const struct verb *find_verb(struct span line)
{
	struct span name = { line.p, 0 };
	const struct verb *v = verbs;

	while (name.len < line.len && !ascii_isblank(line.p[name.len]))
		name.len++;
	while (v->name != NULL && !span_ieq(name, v->name))
		v++;
	return v;
}

static void command(struct model *m, struct span line)
{
	const struct verb *v = find_verb(line);

	if (has_control(line.p, line.len)) {
		expect_reply(m, 501, false);
		return;
	}
	if (v->run != NULL)
		v->run(m);
	if (v->code != 0 && expect_reply(m, v->code, false) == 221)
		m->over = true;
}

static void check(struct span in, struct span out)
{
	struct model m = { .in = in, .out = out };

	require(next_reply(&m.out, false) == 220);
	while (!m.over) {
		const char *lf = m.in.len > 0 ? memchr(m.in.p, '\n', m.in.len) : NULL;

		if (lf == NULL)
			break;
		struct span line = { m.in.p, (size_t)(lf - m.in.p) };
		m.in = (struct span){ lf + 1, m.in.len - line.len - 1 };
		if (line.len > 0 && line.p[line.len - 1] == '\r') {
			m.seen_crlf = true;
			line.len--;
		}
		command(&m, line);
	}
	require(m.out.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	struct span in = { (const char *)data + 1, size - 1 };

	buf_init(&out, FUZZ_OUT_MAX);
	run(data[0], in, &out);
	check(in, buf_span(&out));
	buf_free(&out);
	return 0;
}
