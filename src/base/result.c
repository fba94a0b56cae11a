/*
 * result.c - what went wrong, and the exit status that follows from it
 */
#include "base/result.h"

#include "base/buf.h"
#include "base/util.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/banned.h"

#define WORDS_MAX 1000 /* of a server's reply in a log line */
#define TEXT_MAX  4096 /* of a sentence of our own */

static const char *const step_names[STEP_COUNT] = {
	[STEP_NONE] = "",
	[STEP_USAGE] = "usage",
	[STEP_CONFIG] = "configuration",
	[STEP_INPUT] = "reading the message",
	[STEP_ADDRESS] = "address",
	[STEP_HEADER] = "header",
	[STEP_SIGN] = "signing",
	[STEP_RESOLVE] = "name look-up",
	[STEP_CONNECT] = "connecting",
	[STEP_GREETING] = "greeting",
	[STEP_EHLO] = "EHLO",
	[STEP_STARTTLS] = "STARTTLS",
	[STEP_TLS] = "TLS handshake",
	[STEP_AUTH] = "AUTH",
	[STEP_MAIL] = "MAIL",
	[STEP_RCPT] = "RCPT",
	[STEP_DATA] = "DATA",
	[STEP_BODY] = "sending the message",
	[STEP_END] = "end of data",
	[STEP_QUIT] = "QUIT",
};

const char *step_name(enum step step)
{
	return step_names[step];
}

void result_free(struct result *r)
{
	free(r->words);
	free(r->text);
	*r = RESULT_OK;
}

void result_copy(struct result *to, const struct result *from)
{
	*to = *from;
	to->words = from->words != NULL ? xstrdup(from->words) : NULL;
	to->text = from->text != NULL ? xstrdup(from->text) : NULL;
}

void result_move(struct result *to, struct result *from)
{
	result_free(to);
	*to = *from;
	*from = RESULT_OK;
}

bool result_failed(const struct result *r)
{
	return r->cause != CAUSE_NONE;
}

/*
 * One line that is safe on a terminal and in a log: control characters, and bytes that are no
 * UTF-8, become blanks or question marks; blanks at the end go; cut at `max`.
 */
static char *one_line(const char *p, size_t len, size_t max)
{
	struct buf b;
	bool utf8 = is_utf8(p, len);

	if (len > max) {
		len = max;
		while (utf8 && len > 0 && ((unsigned char)p[len] & 0xc0) == 0x80)
			len--;
	}
	buf_init(&b, max + 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];
		/* U+0080 to U+009F are control characters too: C2 80 to C2 9F */
		bool c1 = c == 0xc2 && i + 1 < len && (unsigned char)p[i + 1] < 0xa0;

		if (ascii_iscntrl(p[i])) {
			if (b.len > 0 && b.p[b.len - 1] != ' ')
				buf_addc(&b, ' ');
		} else if (c >= 0x80 && (!utf8 || c1)) {
			buf_addc(&b, '?');
			i += c1 && utf8 ? 1 : 0;
		} else {
			buf_addc(&b, p[i]);
		}
	}
	while (b.len > 0 && b.p[b.len - 1] == ' ')
		b.p[--b.len] = '\0';
	return buf_detach(&b);
}

bool result_fail(struct result *r, enum cause cause, enum step step, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	assert(!result_failed(r));
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	r->cause = cause;
	r->step = step;
	r->text = one_line(text, strlen(text), sizeof text);
	return false;
}

bool result_refused(struct result *r, enum step step, int code, const char *enhanced,
		    const char *words, size_t words_len)
{
	assert(!result_failed(r));
	r->cause = CAUSE_REPLY;
	r->step = step;
	r->code = code;
	snprintf(r->enhanced, sizeof r->enhanced, "%s", enhanced);
	r->words = one_line(words, words_len, WORDS_MAX);
	return false;
}

/* RFC 3463: status by subject and detail of a 5.y.z; the first row that fits. */
static const struct {
	const char *detail; /* "y.z", or "y." for every z */
	int status;
} enhanced_status[] = {
	{ "1.1", EX_NOUSER },  { "1.6", EX_NOUSER },  { "1.10", EX_NOUSER },  { "1.2", EX_NOHOST },
	{ "4.4", EX_NOHOST },  { "1.0", EX_DATAERR }, { "1.3", EX_DATAERR },  { "1.7", EX_DATAERR },
	{ "1.8", EX_DATAERR }, { "2.3", EX_DATAERR }, { "3.4", EX_DATAERR },  { "6.", EX_DATAERR },
	{ "5.", EX_PROTOCOL }, { "7.", EX_NOPERM },   { "", EX_UNAVAILABLE },
};

static int status_of_enhanced(const char *enhanced)
{
	const char *detail = enhanced + 2; /* behind "5." */

	for (size_t i = 0;; i++) {
		const char *row = enhanced_status[i].detail;
		size_t len = strlen(row);
		bool open = len == 0 || row[len - 1] == '.';

		if (open ? strncmp(detail, row, len) == 0 : strcmp(detail, row) == 0)
			return enhanced_status[i].status;
	}
}

#define AT(step) (1u << (step))
#define ANYWHERE (~0u)

/* Replies without an enhanced code: status by code and step; the first row that fits. */
static const struct {
	int code;
	unsigned steps;
	int status;
} plain_status[] = {
	{ 530, ANYWHERE, EX_NOPERM },
	{ 534, ANYWHERE, EX_NOPERM },
	{ 535, ANYWHERE, EX_NOPERM },
	{ 538, ANYWHERE, EX_NOPERM },
	{ 550, AT(STEP_RCPT), EX_NOUSER },
	{ 551, AT(STEP_RCPT), EX_NOUSER },
	{ 553, AT(STEP_RCPT), EX_NOUSER },
	{ 501, AT(STEP_MAIL) | AT(STEP_RCPT), EX_DATAERR },
	{ 555, AT(STEP_MAIL) | AT(STEP_RCPT), EX_DATAERR },
	{ 553, AT(STEP_MAIL), EX_DATAERR },
	{ 552, AT(STEP_MAIL) | AT(STEP_DATA) | AT(STEP_BODY) | AT(STEP_END), EX_DATAERR },
	{ 556, ANYWHERE, EX_NOHOST },
	{ 500, ANYWHERE, EX_PROTOCOL },
	{ 501, ANYWHERE, EX_PROTOCOL },
	{ 502, ANYWHERE, EX_PROTOCOL },
	{ 503, ANYWHERE, EX_PROTOCOL },
	{ 504, ANYWHERE, EX_PROTOCOL },
};

bool result_unsupported(const struct result *r)
{
	return r->cause == CAUSE_REPLY && r->step == STEP_AUTH &&
	       (r->code == 500 || r->code == 502 || r->code == 504 ||
		strcmp(r->enhanced, "5.5.4") == 0 || strcmp(r->enhanced, "5.7.4") == 0);
}

static int status_of_reply(const struct result *r)
{
	if (r->code / 100 == 4)
		return EX_TEMPFAIL;
	if (r->step == STEP_AUTH)
		return result_unsupported(r) ? EX_CONFIG : EX_NOPERM;
	if (r->enhanced[0] == '5')
		return status_of_enhanced(r->enhanced);
	for (size_t i = 0; i < sizeof plain_status / sizeof plain_status[0]; i++)
		if (plain_status[i].code == r->code && (plain_status[i].steps & AT(r->step)) != 0)
			return plain_status[i].status;
	return EX_UNAVAILABLE;
}

int result_status(const struct result *r)
{
	static const int own_status[CAUSE_COUNT] = {
		[CAUSE_NONE] = EX_OK,
		[CAUSE_USAGE] = EX_USAGE,
		[CAUSE_DATA] = EX_DATAERR,
		[CAUSE_NO_INPUT] = EX_NOINPUT,
		[CAUSE_NO_HOST] = EX_NOHOST,
		[CAUSE_LOOP] = EX_UNAVAILABLE,
		[CAUSE_INTERNAL] = EX_SOFTWARE,
		[CAUSE_READ] = EX_IOERR,
		[CAUSE_TEMPORARY] = EX_TEMPFAIL,
		[CAUSE_PROTOCOL] = EX_PROTOCOL,
		[CAUSE_CONFIG] = EX_CONFIG,
		[CAUSE_PERMISSION] = EX_NOPERM,
		[CAUSE_UNVERIFIED] = EXIT_FAILURE,
	};

	return r->cause == CAUSE_REPLY ? status_of_reply(r) : own_status[r->cause];
}

enum fault result_fault(const struct result *r)
{
	if (r->cause == CAUSE_NONE)
		return FAULT_NONE;
	if (r->cause == CAUSE_REPLY && r->code != 421) {
		if (r->step == STEP_RCPT)
			return FAULT_RECIPIENT;
		if (r->step >= STEP_MAIL && r->step <= STEP_END)
			return FAULT_MESSAGE;
	}
	if (r->step >= STEP_RESOLVE)
		return FAULT_SESSION;
	if (r->cause == CAUSE_DATA || r->cause == CAUSE_USAGE || r->cause == CAUSE_LOOP ||
	    r->cause == CAUSE_NO_INPUT)
		return FAULT_MESSAGE;
	return FAULT_LOCAL;
}

bool result_temporary(const struct result *r)
{
	return result_status(r) == EX_TEMPFAIL;
}
