/*
 * options.h - argv as sendmail's callers write it, and mailchute's own long options
 *
 * The tables in options.c are the only list of options: --help prints them. Long options exist
 * under the name mailchute alone, so that an application that leaks somebody's text into
 * sendmail's argv gives nothing away.
 */
#ifndef MAILCHUTE_OPTIONS_H
#define MAILCHUTE_OPTIONS_H

#include "base/result.h"
#include "base/sink.h"
#include "smtp/transaction.h"

#include <stdbool.h>
#include <stddef.h>

enum mode {
	MODE_MESSAGE,   /* -bm: a message on stdin is sent */
	MODE_DRY_RUN,   /* the same, but shown instead of sent */
	MODE_LIST,      /* -bp, mailq */
	MODE_SMTP,      /* -bs */
	MODE_VERIFY,    /* -bv */
	MODE_ALIASES,   /* -bi, newaliases */
	MODE_QUEUE_RUN, /* -q */
	MODE_CHECK,     /* --check, -bC */
	MODE_SIGN,      /* --sign */
	MODE_DKIM_VERIFY,
	MODE_DKIM_KEYGEN,
	MODE_DKIM_CHECK,
	MODE_VERSION,
	MODE_HELP
};

struct options {
	const char *program; /* the name we were called by, for messages */
	bool own_name;       /* that name is mailchute: long options exist */
	enum mode mode;
	bool header_recipients; /* -t */
	bool ignore_dots;       /* -i, -oi */
	bool no_aliases;        /* -n */
	bool verbose;           /* -v */
	const char *sender;     /* -f, -r; NULL when not given, "" for the null one */
	const char *full_name;  /* -F, or NULL */
	const char *log_tag;    /* -L, or NULL */
	const char *config;     /* --config, or NULL */
	const char *account;    /* --account, or NULL */
	const char *algorithm;  /* --algorithm, --bits, --out: the key to make */
	const char *bits;       /* decimal text, not checked yet */
	const char *out;
	const char *records; /* --records, or NULL for the DNS */
	char *envid;         /* what delivery borrows of -V and -O; owned */
	char *holduntil;
	struct smtp_options delivery; /* -N, -R, -V, -O */
	char **recipients;            /* arguments; the array is owned, the strings are argv's */
	size_t n_recipients;
};

/* CAUSE_USAGE names the option. options_free is due in either case. */
bool options_parse(int argc, char **argv, struct options *o, struct result *r);
void options_free(struct options *o);
/* The text of --help. */
bool options_help(const struct sink *out);

#endif
