/*
 * report.c - what the caller gets to see
 */
#include "cli/report.h"

#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define ERR_MAX      (4 * 1024 * 1024) /* a line for each of very many recipients */
#define LINE_MAX_LEN 4096
#define PROGRAM_MAX  256

/* What to do about a refusal, where we know: the first row that fits. */
static const struct {
	enum step step;
	int code;             /* 0: any */
	const char *enhanced; /* NULL: any */
	const char *cure;
} cures[] = {
	{ STEP_AUTH, 535, NULL, "check user and password in the configuration" },
	{ STEP_AUTH, 534, NULL, "the server wants another mechanism: set auth" },
	{ STEP_MAIL, 530, NULL, "the server wants AUTH: set user and password" },
	{ STEP_RCPT, 530, NULL, "the server wants AUTH: set user and password" },
	{ STEP_RCPT, 0, "5.7.1", "does the server relay for this account?" },
	{ STEP_STARTTLS, 0, NULL, "the server cannot do TLS just now" },
};

static const char *cure_of(const struct result *r)
{
	for (size_t i = 0; r->cause == CAUSE_REPLY && i < sizeof cures / sizeof cures[0]; i++) {
		if (cures[i].step != r->step || (cures[i].code != 0 && cures[i].code != r->code))
			continue;
		if (cures[i].enhanced == NULL || strcmp(cures[i].enhanced, r->enhanced) == 0)
			return cures[i].cure;
	}
	return NULL;
}

void report_init(struct report *rep, const char *program, struct sink out)
{
	*rep = (struct report){ .program = program, .out = out };
	buf_init(&rep->err, ERR_MAX);
}

void report_free(struct report *rep)
{
	buf_free(&rep->err);
}

/* The network's steps are named; a sentence of ours about argv or a file stands by itself. */
static bool step_is_told(const struct result *r)
{
	return r->step >= STEP_SIGN && r->step != STEP_RESOLVE && r->step != STEP_CONNECT;
}

char *report_words(const char *address, const struct result *r)
{
	const char *cure = cure_of(r);
	struct buf b;

	buf_init(&b, LINE_MAX_LEN);
	if (step_is_told(r))
		buf_adds(&b, step_name(r->step));
	if (address != NULL)
		buf_addf(&b, " <%s>", address);
	if (b.len > 0)
		buf_adds(&b, ": ");
	if (r->cause == CAUSE_REPLY)
		buf_addf(&b, "%d%s%s%s%s", r->code, r->enhanced[0] != '\0' ? " " : "", r->enhanced,
			 r->words[0] != '\0' ? " " : "", r->words);
	else
		buf_adds(&b, r->text != NULL ? r->text : "");
	if (cure != NULL)
		buf_addf(&b, " (%s)", cure);
	if (r->maybe_sent)
		buf_adds(&b, "; the message may have been delivered");
	return buf_detach(&b);
}

void report_failure(struct report *rep, const char *host, const char *address,
		    const struct result *r)
{
	char *words = report_words(address, r);
	bool network = host != NULL && r->step >= STEP_RESOLVE;

	report_line(rep, "%s%s%s", network ? host : "", network ? ": " : "", words);
	free(words);
}

void report_line(struct report *rep, const char *fmt, ...)
{
	char line[2 * LINE_MAX_LEN];
	struct buf whole;
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(line, sizeof line, fmt, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	/* argv[0] is the caller's to choose; a line stays a line, and comes whole or not at all. */
	buf_init(&whole, sizeof line + PROGRAM_MAX);
	for (size_t i = 0; rep->program[i] != '\0' && i < PROGRAM_MAX - 2; i++)
		buf_addc(&whole, ascii_iscntrl(rep->program[i]) ? '?' : rep->program[i]);
	buf_addf(&whole, ": %s\n", line);
	buf_addspan(&rep->err, buf_span(&whole));
	buf_free(&whole);
}
