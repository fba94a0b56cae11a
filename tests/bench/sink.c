/*
 * sink.c - a smart host that takes mail as fast as it can, and forgets it
 *
 *	sink CERTIFICATE [EXTENSION...]
 *
 * CERTIFICATE is a PEM file with key and certificate. Prints two ports of all local addresses: one
 * for STARTTLS, one for implicit TLS, and serves until its standard input ends. A process for each
 * session. It believes everything except a wrong password, and complains on standard error about a
 * session that ends before a message was taken.
 */
#include <gnutls/gnutls.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* "\0alice\0secret" in base64 */
#define SECRET   "AGFsaWNlAHNlY3JldA=="
#define PATIENCE 60

static gnutls_certificate_credentials_t certificate;
static gnutls_datum_t ticket_key;
static char **extensions;

struct session {
	int fd;
	gnutls_session_t tls; /* NULL: in clear */
	char in[64 * 1024];   /* what is not looked at yet is [start, end) */
	size_t start, end;
	char out[8 * 1024]; /* replies not sent yet */
	size_t n_out;
	unsigned taken; /* messages */
};

static void flush_replies(struct session *s)
{
	size_t done = 0;

	while (done < s->n_out) {
		ssize_t n = s->tls ? gnutls_record_send(s->tls, s->out + done, s->n_out - done)
				   : send(s->fd, s->out + done, s->n_out - done, MSG_NOSIGNAL);
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			_exit(!s->taken);
		done += (size_t)n;
	}
	s->n_out = 0;
}

static void reply(struct session *s, const char *text)
{
	size_t n = strlen(text);

	if (s->n_out + n + 2 > sizeof s->out)
		flush_replies(s);
	memcpy(s->out + s->n_out, text, n);
	memcpy(s->out + s->n_out + n, "\r\n", 2);
	s->n_out += n + 2;
}

/* Replies leave when there is nothing more to read: those to a pipelined group in one piece. */
static void read_more(struct session *s)
{
	ssize_t n;

	if (s->start > 0) {
		memmove(s->in, s->in + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	if (s->n_out > 0 && !(s->tls && gnutls_record_check_pending(s->tls) > 0))
		flush_replies(s);
	do {
		n = s->tls ? gnutls_record_recv(s->tls, s->in + s->end, sizeof s->in - s->end)
			   : recv(s->fd, s->in + s->end, sizeof s->in - s->end, 0);
	} while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
	if (n <= 0)
		_exit(!s->taken);
	s->end += (size_t)n;
}

/* The next line, without its end. */
static char *next_line(struct session *s)
{
	char *line, *end;

	while (!(end = memchr(s->in + s->start, '\n', s->end - s->start))) {
		if (s->end - s->start == sizeof s->in)
			_exit(1);
		read_more(s);
	}
	line = s->in + s->start;
	s->start = (size_t)(end + 1 - s->in);
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}

/* Everything up to the lone dot. */
static void skip_data(struct session *s)
{
	static const char dot[] = "\r\n.\r\n";
	size_t looked = 0; /* octets behind start that cannot begin the end any more */
	char *end;

	while (!(end = memmem(s->in + s->start + looked, s->end - s->start - looked, dot, 5))) {
		if (s->end - s->start > 4)
			s->start = s->end - 4;
		read_more(s);
	}
	s->start = (size_t)(end + 5 - s->in);
}

static void skip_chunk(struct session *s, size_t left)
{
	for (;;) {
		size_t n = s->end - s->start < left ? s->end - s->start : left;

		s->start += n;
		left -= n;
		if (left == 0)
			return;
		read_more(s);
	}
}

static void start_tls(struct session *s)
{
	int e;

	if (gnutls_init(&s->tls, GNUTLS_SERVER) < 0 || gnutls_set_default_priority(s->tls) < 0)
		_exit(1);
	gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, certificate);
	gnutls_session_ticket_enable_server(s->tls, &ticket_key);
	gnutls_transport_set_int(s->tls, s->fd);
	do {
		e = gnutls_handshake(s->tls);
	} while (e < 0 && !gnutls_error_is_fatal(e));
	if (e < 0) {
		fprintf(stderr, "sink: no TLS: %s\n", gnutls_strerror(e));
		_exit(1);
	}
}

static bool is(const char *line, const char *verb)
{
	return !strncasecmp(line, verb, strlen(verb));
}

static void on_ehlo(struct session *s)
{
	reply(s, "250-mail.example.test");
	for (char **e = extensions; *e; e++) {
		char line[200];

		snprintf(line, sizeof line, "250-%s", *e);
		reply(s, line);
	}
	reply(s, s->tls ? "250 AUTH PLAIN" : "250 STARTTLS");
}

static void on_auth(struct session *s, const char *line)
{
	const char *word = strlen(line) > 11 ? line + 11 : NULL;

	if (!word) {
		reply(s, "334 ");
		word = next_line(s);
	}
	reply(s, strcmp(word, SECRET) ? "535 5.7.8 wrong" : "235 2.7.0 welcome");
}

static void taken(struct session *s)
{
	s->taken++;
	reply(s, "250 2.0.0 queued as 4711");
}

static void on_bdat(struct session *s, const char *line)
{
	char *rest;
	size_t size = strtoul(line + 5, &rest, 10);
	bool last = is(rest, " LAST");

	skip_chunk(s, size);
	if (last)
		taken(s);
	else
		reply(s, "250 2.0.0 ok");
}

static void on_quit(struct session *s)
{
	reply(s, "221 2.0.0 bye");
	flush_replies(s);
	if (s->tls)
		gnutls_bye(s->tls, GNUTLS_SHUT_WR);
	shutdown(s->fd, SHUT_WR);
	while (recv(s->fd, s->in, sizeof s->in, 0) > 0)
		;
	_exit(0);
}

static void command(struct session *s, const char *line)
{
	if (is(line, "EHLO")) {
		on_ehlo(s);
	} else if (is(line, "STARTTLS")) {
		reply(s, "220 2.0.0 go ahead");
		flush_replies(s);
		start_tls(s);
	} else if (is(line, "AUTH PLAIN")) {
		on_auth(s, line);
	} else if (is(line, "DATA")) {
		reply(s, "354 go on");
		skip_data(s);
		taken(s);
	} else if (is(line, "BDAT ")) {
		on_bdat(s, line);
	} else if (is(line, "QUIT")) {
		on_quit(s);
	} else if (is(line, "MAIL ") || is(line, "RCPT ") || is(line, "RSET") || is(line, "NOOP")) {
		reply(s, "250 2.0.0 ok");
	} else {
		reply(s, "500 5.5.2 what?");
	}
}

static _Noreturn void serve(int fd, bool implicit)
{
	static struct session s;
	int on = 1;

	alarm(PATIENCE);
	s.fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (implicit)
		start_tls(&s);
	reply(&s, "220 mail.example.test ESMTP");
	for (;;)
		command(&s, next_line(&s));
}

/* Of all addresses, those of IPv6 too where there are any. */
static int listener(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	struct sockaddr_in any4 = { .sin_family = AF_INET };
	struct sockaddr *a = (struct sockaddr *)&any;
	socklen_t n = sizeof any;
	int fd = socket(AF_INET6, SOCK_STREAM, 0), off = 0;

	if (fd < 0) {
		a = (struct sockaddr *)&any4;
		n = sizeof any4;
		fd = socket(AF_INET, SOCK_STREAM, 0);
	} else {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	}
	if (fd < 0 || bind(fd, a, n) < 0 || listen(fd, 50) < 0 || getsockname(fd, a, &n) < 0) {
		perror("sink: no port");
		exit(1);
	}
	/* the port is at the same place of both */
	printf("%d\n", ntohs(((struct sockaddr_in *)a)->sin_port));
	return fd;
}

int main(int argc, char **argv)
{
	struct pollfd p[3] = { { 0, POLLIN, 0 } };

	if (argc < 2)
		return 2;
	extensions = argv + 2;
	signal(SIGCHLD, SIG_IGN);
	gnutls_certificate_allocate_credentials(&certificate);
	gnutls_session_ticket_key_generate(&ticket_key);
	if (gnutls_certificate_set_x509_key_file(certificate, argv[1], argv[1],
						 GNUTLS_X509_FMT_PEM) < 0) {
		fprintf(stderr, "sink: %s is no certificate with its key\n", argv[1]);
		return 1;
	}
	for (int i = 1; i < 3; i++)
		p[i] = (struct pollfd){ listener(), POLLIN, 0 };
	fflush(stdout);
	for (;;) {
		if (poll(p, 3, -1) < 0)
			return 1;
		if (p[0].revents)
			return 0;
		for (int i = 1; i < 3; i++) {
			int fd = p[i].revents ? accept(p[i].fd, NULL, NULL) : -1;

			if (fd >= 0 && fork() == 0)
				serve(fd, i == 2);
			if (fd >= 0)
				close(fd);
		}
	}
}
