/*
 * result.h - what went wrong, told once, where it is known
 *
 * A function that can fail returns bool and fills one struct result at the place that knows
 * the cause; callers only hand it on. From cause, step and the server's reply one function,
 * result_status(), derives the exit status: it is the table in the EXIT STATUS section of
 * mailchute(1), and the only place that knows sysexits numbers.
 */
#ifndef MAILCHUTE_RESULT_H
#define MAILCHUTE_RESULT_H

#include <stdbool.h>
#include <stddef.h>

/* Where it happened. The words for each are in result.c (step_name). */
enum step {
	STEP_NONE,
	STEP_USAGE,
	STEP_CONFIG,
	STEP_INPUT,
	STEP_ADDRESS,
	STEP_HEADER,
	STEP_SIGN,
	STEP_RESOLVE,
	STEP_CONNECT,
	STEP_GREETING,
	STEP_EHLO,
	STEP_STARTTLS,
	STEP_TLS,
	STEP_AUTH,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_BODY,
	STEP_END, /* the reply to the end of data */
	STEP_QUIT,
	STEP_COUNT
};

/* Why, as far as the exit status depends on it. */
enum cause {
	CAUSE_NONE,       /* nothing failed */
	CAUSE_REPLY,      /* the server refused: code, enhanced and words are filled */
	CAUSE_USAGE,      /* options, no recipients */
	CAUSE_DATA,       /* an address, a control character, too large */
	CAUSE_NO_INPUT,   /* stdin holds no byte */
	CAUSE_NO_HOST,    /* the smart host's name does not exist */
	CAUSE_LOOP,       /* more than 100 Received fields */
	CAUSE_INTERNAL,   /* a contradiction in this program */
	CAUSE_READ,       /* reading stdin failed */
	CAUSE_TEMPORARY,  /* lost, refused, timed out, resolver busy, disk full */
	CAUSE_PROTOCOL,   /* not SMTP, bytes behind STARTTLS, a TLS alert */
	CAUSE_CONFIG,     /* configuration, keys, secrets, trust, missing extension */
	CAUSE_PERMISSION, /* a file's owner or mode */
	CAUSE_UNVERIFIED, /* a message has no signature that verifies */
	CAUSE_COUNT
};

/* Whose fault: fail-over and retrying decide by this, not by the exit status. */
enum fault {
	FAULT_NONE,
	FAULT_RECIPIENT, /* this recipient's */
	FAULT_MESSAGE,   /* this message's (or the caller's who made it) */
	FAULT_SESSION,   /* the host's, TLS's, AUTH's or the network's */
	FAULT_LOCAL      /* ours: configuration, disk */
};

#define ENHANCED_MAX 12 /* "5.999.999" and its NUL, RFC 3463 section 2 */

struct result {
	enum cause cause;
	enum step step;
	int code;                    /* SMTP reply code, 0 without a reply */
	char enhanced[ENHANCED_MAX]; /* enhanced status code, "" without one */
	char *words;                 /* the server's own, cleaned, one line; owned, or NULL */
	char *text;                  /* our sentence; owned, or NULL */
	bool maybe_sent;             /* the last byte had gone out, no reply came back */
};

/* A result that has not failed; may be thrown away without result_free. */
#define RESULT_OK ((struct result){ .cause = CAUSE_NONE })

/* Frees what it owns; it is RESULT_OK afterwards. */
void result_free(struct result *r);
/* Fills `to`, which has not failed, with a copy. */
void result_copy(struct result *to, const struct result *from);
/* Moves `from` into `to` (freed first); `from` is RESULT_OK afterwards. */
void result_move(struct result *to, struct result *from);
bool result_failed(const struct result *r);

/*
 * Fills `r` with a failure of our own and returns false, for `return result_fail(...)`. The
 * sentence names the cause and, where we know it, the cure. Asserts that r has not failed yet:
 * the first cause is the one to tell.
 */
bool result_fail(struct result *r, enum cause cause, enum step step, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/*
 * Fills `r` with the server's refusal and returns false. `words` (borrowed, any bytes) is the
 * reply's text without codes; it is cleaned to one line of printable characters and cut at a
 * length that fits a log line.
 */
bool result_refused(struct result *r, enum step step, int code, const char *enhanced,
		    const char *words, size_t words_len);

/* The exit status of sysexits.h that a caller should see; 0 for a result that has not failed. */
int result_status(const struct result *r);
enum fault result_fault(const struct result *r);
/* True for a refusal of AUTH that means "not this mechanism": another one may be tried. */
bool result_unsupported(const struct result *r);
/* True when trying again later may help: the status is EX_TEMPFAIL. */
bool result_temporary(const struct result *r);
/* "MAIL", "the TLS handshake", ... : the step as a sentence names it. */
const char *step_name(enum step step);

#endif
