/*
 * smtpd.c - -bs: SMTP on standard input and output, relayed to the smart host
 */
#include "cli/smtpd.h"

#include "base/util.h"
#include "cli/path.h"
#include "cli/relay.h"
#include "smtp/dot.h"
#include "smtp/dsn.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define LINE_MAX_IN (64 * 1024)
#define PIECE       (64 * 1024)
#define BAD_MAX     20

struct smtpd {
	struct report *rep;
	char name[256]; /* of this host, before the configuration is read */
	struct relay relay;
	struct buf in;
	bool over;
	bool greeted;     /* HELO or EHLO was said */
	bool esmtp;       /* it was EHLO: replies carry enhanced codes */
	bool seen_crlf;   /* the session does not speak LF throughout */
	struct path mail; /* what the relay's options borrow */
	bool in_mail;
	unsigned recipients;
	unsigned bad; /* commands in a row */
};

/* --- output --- */

/* `enhanced` is left out for a client that never said EHLO; NULL for replies without one. */
static void reply(struct smtpd *s, int code, const char *enhanced, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void reply(struct smtpd *s, int code, const char *enhanced, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	char *line;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	if (enhanced != NULL && enhanced[0] != '\0' && s->esmtp)
		line = xasprintf("%d %s %s\r\n", code, enhanced, text);
	else
		line = xasprintf("%d %s\r\n", code, text);
	if (!sink_write(&s->rep->out, line, strlen(line)))
		s->over = true;
	free(line);
}

/* Failures of our own, by what a client can do about them. */
static const struct {
	enum cause cause;
	enum step step; /* STEP_NONE: any */
	int code;
	const char *enhanced;
} own_replies[] = {
	{ CAUSE_DATA, STEP_ADDRESS, 501, "5.1.3" },   { CAUSE_DATA, STEP_MAIL, 552, "5.3.4" },
	{ CAUSE_DATA, STEP_NONE, 554, "5.6.0" },      { CAUSE_LOOP, STEP_NONE, 554, "5.4.6" },
	{ CAUSE_CONFIG, STEP_NONE, 451, "4.3.5" },    { CAUSE_PERMISSION, STEP_NONE, 451, "4.3.5" },
	{ CAUSE_NO_HOST, STEP_NONE, 451, "4.4.3" },   { CAUSE_PROTOCOL, STEP_NONE, 451, "4.5.0" },
	{ CAUSE_TEMPORARY, STEP_NONE, 451, "4.4.1" }, { CAUSE_NONE, STEP_NONE, 451, "4.3.0" },
};

static void reply_own(struct smtpd *s, const struct result *r)
{
	const char *host = relay_host(&s->relay);
	char *words = report_words(NULL, r);
	bool network = host != NULL && r->step >= STEP_RESOLVE;
	bool precise = r->enhanced[0] != '\0';
	size_t i = 0;

	while (own_replies[i].cause != CAUSE_NONE &&
	       (own_replies[i].cause != r->cause ||
		(own_replies[i].step != STEP_NONE && own_replies[i].step != r->step)))
		i++;
	/* RFC 6531 section 3.2: 553 for an address, 554 for a message that holds one. */
	reply(s, precise ? (r->step == STEP_HEADER ? 554 : 553) : own_replies[i].code,
	      precise ? r->enhanced : own_replies[i].enhanced, "%s%s%s", network ? host : "",
	      network ? ": " : "", words);
	free(words);
}

/*
 * The smart host's refusal, in its own words. What it said before MAIL is no answer to a command
 * of this client, and 421 would end a session that goes on: there the class alone is kept.
 */
static void reply_failure(struct smtpd *s, const struct result *r)
{
	bool permanent = r->code / 100 == 5;
	char *words;

	if (r->cause != CAUSE_REPLY) {
		reply_own(s, r);
	} else if (r->step >= STEP_MAIL && r->code != 421) {
		reply(s, r->code, r->enhanced, "%s", r->words);
	} else {
		words = report_words(NULL, r);
		reply(s, permanent ? 554 : 451,
		      r->enhanced[0] != '\0' ? r->enhanced
		      : permanent            ? "5.0.0"
					     : "4.0.0",
		      "%s: %s", relay_host(&s->relay), words);
		free(words);
	}
}

/* --- input --- */

/* More bytes, at most PIECE; false at the end of input, or when nothing came for too long. */
static bool read_more(struct smtpd *s)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	char piece[PIECE];
	ssize_t n;
	int ready;

	do
		ready = poll(&pfd, 1, SMTPD_IDLE_MS);
	while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		reply(s, 421, "4.4.2", "nothing was said for too long");
		s->over = true;
		return false;
	}
	do
		n = read(STDIN_FILENO, piece, sizeof piece);
	while (n < 0 && try_again(errno, STDIN_FILENO, false));
	if (n <= 0) {
		s->over = true;
		return false;
	}
	buf_add(&s->in, piece, (size_t)n);
	return true;
}

/* --- commands --- */

static void forget(struct smtpd *s)
{
	relay_reset(&s->relay);
	path_free(&s->mail);
	s->in_mail = false;
	s->recipients = 0;
}

static void bad(struct smtpd *s, int code, const char *enhanced, const char *words)
{
	if (++s->bad > BAD_MAX) {
		reply(s, 421, "4.7.0", "too many bad commands");
		s->over = true;
		return;
	}
	reply(s, code, enhanced, "%s", words);
}

/* For a client on this host; the smart host is told the real one. */
static const char *own_name(struct smtpd *s)
{
	const char *known = s->relay.caller.hostname;

	return known != NULL ? known : s->name;
}

static void do_helo(struct smtpd *s, struct span args)
{
	(void)args;
	forget(s);
	s->greeted = true;
	s->esmtp = false;
	reply(s, 250, NULL, "%s", own_name(s));
}

static void do_ehlo(struct smtpd *s, struct span args)
{
	static const char extensions[] = "250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n"
					 "250-SMTPUTF8\r\n"
					 "250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n";
	char *first;

	(void)args;
	forget(s);
	s->greeted = true;
	s->esmtp = true;
	first = xasprintf("250-%s\r\n", own_name(s));
	sink_write(&s->rep->out, first, strlen(first));
	sink_write(&s->rep->out, extensions, strlen(extensions));
	free(first);
}

/* Words that may follow on a wire: printable, nothing that separates. */
static bool is_plain(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return value[0] != '\0';
}

/* What the parameters of MAIL or RCPT may be: all of them in the list, all values plain. */
static const char *check_parameters(const struct path *p, const char *const *known)
{
	for (size_t i = 0; i < p->n; i++) {
		const char *const *k = known;

		while (*k != NULL && strcmp(*k, p->parameters[i].keyword) != 0)
			k++;
		if (*k == NULL)
			return "unknown parameter";
		/* SMTPUTF8 is a word alone; all others have a value. */
		bool alone = strcmp(*k, "SMTPUTF8") == 0;
		if (alone ? p->parameters[i].value[0] != '\0' : !is_plain(p->parameters[i].value))
			return "a parameter's value is wrong";
	}
	return NULL;
}

static bool is_word_of(const char *value, const char *a, const char *b)
{
	return value == NULL || ascii_casecmp(value, a) == 0 || ascii_casecmp(value, b) == 0;
}

/* A parameter of RFC 3461 that is there must be right. */
static bool dsn_parameters_ok(const struct path *p)
{
	const char *notify = path_parameter(p, "NOTIFY"), *orcpt = path_parameter(p, "ORCPT");
	const char *ret = path_parameter(p, "RET"), *envid = path_parameter(p, "ENVID");
	const char *semicolon = orcpt != NULL ? strchr(orcpt, ';') : NULL;

	return (notify == NULL || dsn_notify_ok(notify)) && (ret == NULL || dsn_ret_ok(ret)) &&
	       (envid == NULL || dsn_xtext_ok(envid, DSN_ENVID_MAX)) &&
	       (orcpt == NULL ||
		(semicolon != NULL && semicolon != orcpt && strlen(orcpt) <= DSN_ORCPT_MAX &&
		 dsn_xtext_ok(semicolon + 1, DSN_ORCPT_MAX)));
}

static const char *mail_options(const struct path *p, struct smtp_options *options, uint64_t *size)
{
	static const char *const known[] = { "SIZE", "BODY",     "RET", "ENVID",
					     "AUTH", "SMTPUTF8", NULL };
	const char *why = check_parameters(p, known);
	const char *text = path_parameter(p, "SIZE");

	if (why != NULL)
		return why;
	if ((text != NULL && !parse_number(text, UINT64_MAX / 2, size)) ||
	    !is_word_of(path_parameter(p, "BODY"), "7BIT", "8BITMIME") || !dsn_parameters_ok(p))
		return "a parameter's value is wrong";
	options->smtputf8 = options->smtputf8 || path_parameter(p, "SMTPUTF8") != NULL;
	if (path_parameter(p, "RET") != NULL)
		options->ret = path_parameter(p, "RET");
	if (path_parameter(p, "ENVID") != NULL)
		options->envid = path_parameter(p, "ENVID");
	return NULL;
}

static void do_mail(struct smtpd *s, struct span args)
{
	struct smtp_options options = s->relay.o->delivery;
	struct result r = RESULT_OK;
	uint64_t size = 0;
	const char *why;

	if (!s->greeted) {
		bad(s, 503, "5.5.1", "say HELO or EHLO first");
		return;
	}
	if (s->in_mail) {
		bad(s, 503, "5.5.1", "a message is under way");
		return;
	}
	path_free(&s->mail);
	why = path_parse(args, "FROM", &s->mail);
	if (why != NULL) {
		bad(s, 501, "5.5.4", why);
		return;
	}
	why = mail_options(&s->mail, &options, &size);
	if (why != NULL) {
		bad(s, 555, "5.5.4", why);
		return;
	}
	if (relay_mail(&s->relay, s->mail.address, &options, size, &r)) {
		s->in_mail = true;
		reply(s, 250, "2.1.0", "sender ok");
	} else {
		reply_failure(s, &r);
	}
	result_free(&r);
}

/* The smart host's own answer, when it was asked. */
static void reply_recipient(struct smtpd *s)
{
	const struct reply *said = relay_reply(&s->relay);
	const char *text = said != NULL ? buf_str(&said->text) : "";

	if (said == NULL || has_control(text, strlen(text)))
		reply(s, 250, "2.1.5", "recipient ok");
	else
		reply(s, said->code, said->enhanced, "%s", text);
}

static void do_rcpt(struct smtpd *s, struct span args)
{
	static const char *const known[] = { "NOTIFY", "ORCPT", NULL };
	struct result r = RESULT_OK;
	struct path p;
	const char *why;

	if (!s->in_mail) {
		bad(s, 503, "5.5.1", "MAIL first");
		return;
	}
	if (s->recipients >= RELAY_RECIPIENTS_MAX) {
		reply(s, 452, "4.5.3", "too many recipients");
		return;
	}
	why = path_parse(args, "TO", &p);
	if (why != NULL) {
		bad(s, 501, "5.5.4", why);
	} else if ((why = check_parameters(&p, known)) != NULL) {
		bad(s, 555, "5.5.4", why);
	} else if (!dsn_parameters_ok(&p)) {
		bad(s, 501, "5.5.4", "a parameter's value is wrong");
	} else if (relay_rcpt(&s->relay, p.address, path_parameter(&p, "NOTIFY"),
			      path_parameter(&p, "ORCPT"), &r)) {
		s->recipients++;
		reply_recipient(s);
	} else {
		reply_failure(s, &r);
	}
	result_free(&r);
	path_free(&p);
}

static bool feed(void *ctx, const char *p, size_t len)
{
	relay_feed(ctx, p, len);
	return true;
}

/* Everything up to the end of data; false when the input ends before it. */
static bool read_data(struct smtpd *s)
{
	struct dot_in dot;
	size_t taken;

	relay_begin(&s->relay);
	dot_in_init(&dot, !s->seen_crlf, (struct sink){ feed, &s->relay });
	while (!dot.ended) {
		if (s->in.len == 0 && !read_more(s))
			return false;
		dot_in_feed(&dot, s->in.p, s->in.len, &taken);
		buf_consume(&s->in, taken);
	}
	return true;
}

/*
 * Postfix says "Ok: queued as ID" behind DATA, which applications look for, and puts the chunk's
 * size into it behind BDAT. The text from behind that size, or `text` as it is.
 */
static const char *without_chunk_size(const char *text, const char **before)
{
	static const char ok[] = "Ok: ", bytes[] = " bytes queued as ";
	const char *p = text + strlen(ok);

	*before = "";
	if (strncmp(text, ok, strlen(ok)) != 0 || !ascii_isdigit(*p))
		return text;
	p += strspn(p, "0123456789");
	if (strncmp(p, bytes, strlen(bytes)) != 0)
		return text;
	*before = ok;
	return p + strlen(" bytes ");
}

/* The smart host's acceptance: its words carry the queue id the application wants to know. */
static void reply_accepted(struct smtpd *s, const char *accepted)
{
	const char *text = strchr(accepted, ' ');
	const char *enhanced = "2.0.0";
	const char *before;

	text = text != NULL ? text + 1 : "";
	if (strncmp(text, "2.", 2) == 0) {
		text += strcspn(text, " ");
		text += text[0] == ' ' ? 1 : 0;
	}
	text = without_chunk_size(text, &before);
	reply(s, 250, enhanced, "%s%s", before, text[0] != '\0' ? text : "Ok");
}

static void do_data(struct smtpd *s, struct span args)
{
	struct result r = RESULT_OK;
	char *accepted = NULL;

	(void)args;
	if (s->recipients == 0) {
		bad(s, s->in_mail ? 554 : 503, "5.5.1", "no valid recipients");
		return;
	}
	reply(s, 354, NULL, "end with a line of one dot");
	if (!read_data(s))
		return;
	if (relay_end(&s->relay, &accepted, &r))
		reply_accepted(s, accepted);
	else
		reply_failure(s, &r);
	free(accepted);
	result_free(&r);
	forget(s);
}

static void do_rset(struct smtpd *s, struct span args)
{
	(void)args;
	forget(s);
	reply(s, 250, "2.0.0", "forgotten");
}

static void do_noop(struct smtpd *s, struct span args)
{
	(void)args;
	reply(s, 250, "2.0.0", "ok");
}

static void do_vrfy(struct smtpd *s, struct span args)
{
	(void)args;
	reply(s, 252, "2.5.0", "send some mail, I will ask");
}

static void do_help(struct smtpd *s, struct span args)
{
	(void)args;
	reply(s, 214, "2.0.0", "HELO EHLO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
}

static void do_quit(struct smtpd *s, struct span args)
{
	(void)args;
	reply(s, 221, "2.0.0", "bye");
	s->over = true;
}

static const struct {
	const char *verb;
	void (*run)(struct smtpd *s, struct span args);
} commands[] = {
	{ "HELO", do_helo }, { "EHLO", do_ehlo }, { "MAIL", do_mail }, { "RCPT", do_rcpt },
	{ "DATA", do_data }, { "RSET", do_rset }, { "NOOP", do_noop }, { "VRFY", do_vrfy },
	{ "HELP", do_help }, { "QUIT", do_quit },
};

static void run_command(struct smtpd *s, struct span line)
{
	struct span verb = { line.p, 0 }, args;

	if (has_control(line.p, line.len)) {
		bad(s, 501, "5.5.2", "a control character in a command");
		return;
	}
	while (verb.len < line.len && !ascii_isblank(line.p[verb.len]))
		verb.len++;
	args = (struct span){ line.p + verb.len, line.len - verb.len };
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		unsigned before = s->bad;

		if (!span_ieq(verb, commands[i].verb))
			continue;
		commands[i].run(s, args);
		if (s->bad == before)
			s->bad = 0;
		return;
	}
	bad(s, 500, "5.5.1", "unknown command");
}

/* The next command line, as a copy; NULL at the end. Bytes over the limit are thrown away. */
static char *read_line(struct smtpd *s, size_t *len)
{
	bool too_long = false;
	size_t searched = 0;

	for (;;) {
		size_t waiting = s->in.len - searched;
		const char *lf = waiting > 0 ? memchr(s->in.p + searched, '\n', waiting) : NULL;

		if (lf != NULL) {
			size_t n = (size_t)(lf - s->in.p);
			bool crlf = n > 0 && s->in.p[n - 1] == '\r';
			char *line = xstrndup(s->in.p, n);

			s->seen_crlf = s->seen_crlf || crlf;
			buf_consume(&s->in, n + 1);
			*len = n - (crlf ? 1 : 0);
			if (!too_long && *len <= LINE_MAX_IN)
				return line;
			free(line);
			bad(s, 500, "5.5.2", "line too long");
			if (s->over)
				return NULL;
			too_long = false;
			searched = 0;
			continue;
		}
		searched = s->in.len;
		if (searched > LINE_MAX_IN) {
			too_long = true;
			buf_clear(&s->in);
			searched = 0;
		}
		if (!read_more(s))
			return NULL;
	}
}

int smtpd(const struct options *o, struct report *rep)
{
	struct smtpd s = { .rep = rep };

	buf_init(&s.in, LINE_MAX_IN + 2 * PIECE);
	relay_init(&s.relay, o);
	if (gethostname(s.name, sizeof s.name - 1) != 0 || s.name[0] == '\0' ||
	    has_control(s.name, strlen(s.name)))
		snprintf(s.name, sizeof s.name, "localhost");
	reply(&s, 220, NULL, "%s ESMTP mailchute", s.name);
	while (!s.over) {
		size_t len = 0;
		char *line = read_line(&s, &len);

		if (line != NULL)
			run_command(&s, (struct span){ line, len });
		free(line);
	}
	relay_free(&s.relay);
	path_free(&s.mail);
	buf_free(&s.in);
	return 0;
}
