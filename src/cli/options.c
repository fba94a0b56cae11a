/*
 * options.c - argv as sendmail's callers write it, and mailchute's own long options
 */
#include "cli/options.h"

#include "base/buf.h"
#include "base/util.h"
#include "cli/hold.h"
#include "smtp/dsn.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* In a From: field on one line of at most 998 octets, encoded (RFC 2047) if it must be. */
#define FULL_NAME_MAX 200

typedef bool take_fn(struct options *o, const char *value, struct result *r);

/* Where an option's value stands. */
enum value {
	NO_VALUE,
	VALUE,      /* glued or in the next argument */
	GLUED_VALUE /* glued, or none at all */
};

static take_fn take_mode, take_header_recipients, take_ignore_dots, take_verbose, take_sender,
	take_full_name, take_log_tag, take_config, take_account, take_aliases, take_queue_run,
	take_old_option, take_new_option, take_no_aliases, take_notify, take_return, take_envid,
	take_check, take_dry_run, take_sign, take_verify, take_keygen, take_dkim_check,
	take_algorithm, take_bits, take_out, take_records, take_version, take_help;

/* sendmail's own. A row without a function is accepted and has no effect. */
static const struct flag {
	char letter;
	enum value value;
	take_fn *take;
	const char *name; /* the value's, for --help */
	const char *help; /* NULL: not shown */
} flags[] = {
	{ 'b', VALUE, take_mode, "MODE",
	  "m: send a message (default); s: SMTP; v: verify recipients; p: list the queue; "
	  "i: check aliases; C: check the configuration" },
	{ 't', NO_VALUE, take_header_recipients, "", "recipients from To, Cc and Bcc as well" },
	{ 'i', NO_VALUE, take_ignore_dots, "", "a line of one dot does not end the message" },
	{ 'f', VALUE, take_sender, "ADDR", "envelope sender; '' or <> for the null one" },
	{ 'r', VALUE, take_sender, "ADDR", "the same as -f" },
	{ 'F', VALUE, take_full_name, "NAME",
	  "full name for a From: field that is made or rewritten" },
	{ 'L', VALUE, take_log_tag, "TAG", "the program's name in the log" },
	{ 'v', NO_VALUE, take_verbose, "",
	  "show the dialogue with the smart host on standard output" },
	{ 'C', VALUE, take_config, "FILE", "mailchute only: the same as --config" },
	{ 'q', GLUED_VALUE, take_queue_run, "", "run the queue; there is none" },
	{ 'I', NO_VALUE, take_aliases, "", "the same as -bi" },
	{ 'o', VALUE, take_old_option, "X", "i: the same as -i; others have no effect" },
	{ 'O', VALUE, take_new_option, "OPT=VAL",
	  "requiretls=yes, smtputf8=yes, holdfor=SECONDS, holduntil=TIME: only to a host that "
	  "can; mt-priority=N: where it can" },
	{ 'N', VALUE, take_notify, "DSN",
	  "never, or success,failure,delay: when to report what became of it" },
	{ 'R', VALUE, take_return, "RET", "full or hdrs: what a report returns" },
	{ 'V', VALUE, take_envid, "ENVID", "envelope id, for reports" },
	{ 'B', VALUE, NULL, "TYPE", "accepted; what the message really is decides" },
	{ 'n', NO_VALUE, take_no_aliases, "", "no aliasing: bare names get the domain" },
	{ 'A', VALUE, NULL, "", NULL },
	{ 'c', NO_VALUE, NULL, "", NULL },
	{ 'D', VALUE, NULL, "", NULL },
	{ 'd', GLUED_VALUE, NULL, "", NULL },
	{ 'E', NO_VALUE, NULL, "", NULL },
	{ 'e', VALUE, NULL, "", NULL },
	{ 'G', NO_VALUE, NULL, "", NULL },
	{ 'h', VALUE, NULL, "", NULL },
	{ 'J', VALUE, NULL, "", NULL },
	{ 'M', VALUE, NULL, "", NULL },
	{ 'm', NO_VALUE, NULL, "", NULL },
	{ 'p', VALUE, NULL, "", NULL },
	{ 'Q', VALUE, NULL, "", NULL },
	{ 'S', NO_VALUE, NULL, "", NULL },
	{ 's', NO_VALUE, NULL, "", NULL },
	{ 'T', NO_VALUE, NULL, "", NULL },
	{ 'U', NO_VALUE, NULL, "", NULL },
	{ 'X', VALUE, NULL, "", NULL },
	{ 'x', NO_VALUE, NULL, "", NULL },
	{ 'z', VALUE, NULL, "", NULL },
};

/* What -b can stand for; a row with words is refused with them. */
static const struct {
	char letter;
	enum mode mode;
	const char *refusal;
} modes[] = {
	{ 'm', MODE_MESSAGE, NULL },
	{ 'p', MODE_LIST, NULL },
	{ 'i', MODE_ALIASES, NULL },
	{ 'C', MODE_CHECK, NULL },
	{ 's', MODE_SMTP, NULL },
	{ 'v', MODE_VERIFY, NULL },
	{ 'a', MODE_MESSAGE, "there is no ARPANET mode" },
	{ 'd', MODE_MESSAGE, "this is no server: nothing listens" },
	{ 'D', MODE_MESSAGE, "this is no server: nothing listens" },
	{ 'l', MODE_MESSAGE, "this is no server: nothing listens" },
	{ 'h', MODE_MESSAGE, "there is no host status to print" },
	{ 'H', MODE_MESSAGE, "there is no host status to purge" },
	{ 'P', MODE_MESSAGE, "there is no queue to count" },
	{ 't', MODE_MESSAGE, "there are no rewriting rules to test" },
};

static const struct long_flag {
	const char *name;
	enum value value;
	take_fn *take;
	const char *value_name;
	const char *help;
} long_flags[] = {
	{ "config", VALUE, take_config, "FILE", "configuration file" },
	{ "account", VALUE, take_account, "NAME", "send by this account" },
	{ "check", NO_VALUE, take_check, "",
	  "check configuration, keys and secrets; send nothing" },
	{ "dry-run", NO_VALUE, take_dry_run, "", "print envelope and final message; send nothing" },
	{ "sign", NO_VALUE, take_sign, "", "print the final, signed message; send nothing" },
	{ "verify", NO_VALUE, take_verify, "FILE...",
	  "verify the DKIM signatures of messages (without FILE: of standard input)" },
	{ "dkim-keygen", NO_VALUE, take_keygen, "DOMAIN SELECTOR",
	  "make a key; print its DNS record and its section of the configuration" },
	{ "algorithm", VALUE, take_algorithm, "rsa|ed25519", "the new key's (rsa)" },
	{ "bits", VALUE, take_bits, "N", "the new RSA key's size (2048)" },
	{ "out", VALUE, take_out, "FILE", "where the new key goes (DOMAIN.SELECTOR.pem)" },
	{ "dkim-check", NO_VALUE, take_dkim_check, "[DOMAIN]",
	  "compare the keys with what the DNS says about them" },
	{ "records", VALUE, take_records, "FILE",
	  "a zone file with the TXT records, in place of the DNS" },
	{ "version", NO_VALUE, take_version, "", "print the version" },
	{ "help", NO_VALUE, take_help, "", "print this" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool take_mode(struct options *o, const char *value, struct result *r)
{
	for (size_t i = 0; i < COUNT(modes); i++) {
		if (value[0] != modes[i].letter || value[1] != '\0')
			continue;
		if (modes[i].refusal != NULL)
			return result_fail(r, CAUSE_USAGE, STEP_USAGE, "-b%s: %s", value,
					   modes[i].refusal);
		o->mode = modes[i].mode;
		return true;
	}
	return result_fail(r, CAUSE_USAGE, STEP_USAGE, "unknown option -b%s", value);
}

static bool take_header_recipients(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->header_recipients = true;
	return true;
}

static bool take_ignore_dots(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->ignore_dots = true;
	return true;
}

static bool take_verbose(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->verbose = true;
	return true;
}

static bool take_sender(struct options *o, const char *value, struct result *r)
{
	(void)r;
	o->sender = strcmp(value, "<>") == 0 ? "" : value;
	return true;
}

static bool take_full_name(struct options *o, const char *value, struct result *r)
{
	if (strlen(value) > FULL_NAME_MAX)
		return result_fail(r, CAUSE_DATA, STEP_ADDRESS,
				   "the name given by -F is longer than %d octets", FULL_NAME_MAX);
	if (has_control(value, strlen(value)))
		return result_fail(r, CAUSE_DATA, STEP_ADDRESS,
				   "the name given by -F holds a control character");
	o->full_name = value;
	return true;
}

static bool take_log_tag(struct options *o, const char *value, struct result *r)
{
	if (has_control(value, strlen(value)))
		return result_fail(r, CAUSE_DATA, STEP_USAGE,
				   "the tag given by -L holds a control character");
	o->log_tag = value;
	return true;
}

static bool take_config(struct options *o, const char *value, struct result *r)
{
	if (!o->own_name)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "-C: another configuration can only be named to mailchute "
				   "(use mailchute --config)");
	o->config = value;
	return true;
}

static bool take_account(struct options *o, const char *value, struct result *r)
{
	(void)r;
	o->account = value;
	return true;
}

static bool take_aliases(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_ALIASES;
	return true;
}

static bool take_queue_run(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_QUEUE_RUN;
	return true;
}

static bool take_old_option(struct options *o, const char *value, struct result *r)
{
	(void)r;
	if (strcmp(value, "i") == 0)
		o->ignore_dots = true;
	return true;
}

static bool take_no_aliases(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->no_aliases = true;
	return true;
}

static bool take_notify(struct options *o, const char *value, struct result *r)
{
	o->delivery.notify = value;
	return dsn_notify_ok(value) ||
	       result_fail(r, CAUSE_USAGE, STEP_USAGE,
			   "-N %s: expected never, or a list of success, failure, delay", value);
}

static bool take_return(struct options *o, const char *value, struct result *r)
{
	o->delivery.ret = value;
	return dsn_ret_ok(value) ||
	       result_fail(r, CAUSE_USAGE, STEP_USAGE, "-R %s: expected full or hdrs", value);
}

static bool take_envid(struct options *o, const char *value, struct result *r)
{
	struct buf xtext;

	for (const char *p = value; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return result_fail(r, CAUSE_USAGE, STEP_USAGE,
					   "-V: the envelope id must be printable ASCII");
	if (value[0] == '\0' || strlen(value) > DSN_ENVID_MAX)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "-V: the envelope id must have 1 to %d characters",
				   DSN_ENVID_MAX);
	buf_init(&xtext, 3 * DSN_ENVID_MAX);
	dsn_write_xtext(value, &xtext);
	free(o->envid);
	o->envid = buf_detach(&xtext);
	o->delivery.envid = o->envid;
	return true;
}

static bool take_yes_no(bool *to, const char *name, const char *value, struct result *r)
{
	*to = ascii_casecmp(value, "yes") == 0;
	return *to || ascii_casecmp(value, "no") == 0 ||
	       result_fail(r, CAUSE_USAGE, STEP_USAGE, "-O %s=%s: expected yes or no", name, value);
}

static bool take_requiretls(struct options *o, const char *value, struct result *r)
{
	return take_yes_no(&o->delivery.requiretls, "requiretls", value, r);
}

static bool take_smtputf8(struct options *o, const char *value, struct result *r)
{
	return take_yes_no(&o->delivery.smtputf8, "smtputf8", value, r);
}

/* RFC 6710 section 3: no plus, no zero in front. */
static bool take_priority(struct options *o, const char *value, struct result *r)
{
	uint64_t size;

	if (strcmp(value, "-0") == 0 || !parse_number(value + (value[0] == '-'), 9, &size))
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "-O mt-priority=%s: expected a number from -9 to 9", value);
	o->delivery.priority = value;
	return true;
}

/* RFC 4865 section 4.1 allows one of the two. */
static bool one_hold(const struct options *o, struct result *r)
{
	return o->delivery.holdfor == NULL || o->delivery.holduntil == NULL ||
	       result_fail(r, CAUSE_USAGE, STEP_USAGE,
			   "-O holdfor and -O holduntil are both given; keep one of them");
}

static bool take_hold_for(struct options *o, const char *value, struct result *r)
{
	if (!hold_for_ok(value))
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "-O holdfor=%s: expected a number of seconds, up to 999999999",
				   value);
	o->delivery.holdfor = value;
	return one_hold(o, r);
}

static bool take_hold_until(struct options *o, const char *value, struct result *r)
{
	free(o->holduntil);
	o->holduntil = hold_until(value);
	o->delivery.holduntil = o->holduntil;
	if (o->holduntil == NULL)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "-O holduntil=%s: expected a date and time such as "
				   "2026-11-22T07:00:00Z or 2026-11-22T08:00:00+01:00",
				   value);
	return one_hold(o, r);
}

/* Most of -O says how a queue should behave; what asks for protection or delay is no detail. */
static bool take_new_option(struct options *o, const char *value, struct result *r)
{
	static const struct {
		const char *name;
		take_fn *take;
	} known[] = {
		{ "requiretls", take_requiretls }, { "smtputf8", take_smtputf8 },
		{ "mt-priority", take_priority },  { "holdfor", take_hold_for },
		{ "holduntil", take_hold_until },
	};
	size_t len = strcspn(value, "=");

	for (size_t i = 0; i < COUNT(known); i++)
		if (strlen(known[i].name) == len && ascii_ncasecmp(value, known[i].name, len) == 0)
			return known[i].take(o, value[len] == '=' ? value + len + 1 : "", r);
	return true;
}

static bool take_check(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_CHECK;
	return true;
}

static bool take_dry_run(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_DRY_RUN;
	return true;
}

static bool take_sign(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_SIGN;
	return true;
}

static bool take_verify(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_DKIM_VERIFY;
	return true;
}

static bool take_keygen(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_DKIM_KEYGEN;
	return true;
}

static bool take_dkim_check(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_DKIM_CHECK;
	return true;
}

static bool take_algorithm(struct options *o, const char *value, struct result *r)
{
	(void)r;
	o->algorithm = value;
	return true;
}

static bool take_bits(struct options *o, const char *value, struct result *r)
{
	(void)r;
	o->bits = value;
	return true;
}

static bool take_out(struct options *o, const char *value, struct result *r)
{
	(void)r;
	o->out = value;
	return true;
}

static bool take_records(struct options *o, const char *value, struct result *r)
{
	(void)r;
	o->records = value;
	return true;
}

static bool take_version(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_VERSION;
	return true;
}

static bool take_help(struct options *o, const char *value, struct result *r)
{
	(void)value, (void)r;
	o->mode = MODE_HELP;
	return true;
}

/* argv while it is read. */
struct reader {
	int argc;
	char **argv;
	int at;
};

static const struct flag *find_flag(char letter)
{
	for (size_t i = 0; i < COUNT(flags); i++)
		if (flags[i].letter == letter)
			return &flags[i];
	return NULL;
}

/* One argument of single letters, bundled: "-ti", "-fADDR", "-oi". */
static bool take_letters(struct reader *in, struct options *o, struct result *r)
{
	const char *p = in->argv[in->at] + 1;

	while (*p != '\0') {
		const struct flag *f = find_flag(*p);
		const char *value = "";

		if (f == NULL)
			return result_fail(r, CAUSE_USAGE, STEP_USAGE, "unknown option -%s", p);
		p++;
		if (f->value != NO_VALUE) {
			value = p;
			p += strlen(p);
		}
		if (f->value == VALUE && value[0] == '\0') {
			if (in->at + 1 >= in->argc)
				return result_fail(r, CAUSE_USAGE, STEP_USAGE,
						   "option -%c wants a value", f->letter);
			value = in->argv[++in->at];
		}
		if (f->take != NULL && !f->take(o, value, r))
			return false;
	}
	return true;
}

/* "--name", "--name=value", "--name value". */
static bool take_long(struct reader *in, struct options *o, struct result *r)
{
	const char *name = in->argv[in->at] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);

	for (size_t i = 0; i < COUNT(long_flags); i++) {
		const struct long_flag *f = &long_flags[i];
		const char *value = equals != NULL ? equals + 1 : "";

		if (strlen(f->name) != len || strncmp(f->name, name, len) != 0)
			continue;
		if (f->value == NO_VALUE && equals != NULL)
			return result_fail(r, CAUSE_USAGE, STEP_USAGE, "--%s takes no value",
					   f->name);
		if (f->value == VALUE && equals == NULL) {
			if (in->at + 1 >= in->argc)
				return result_fail(r, CAUSE_USAGE, STEP_USAGE, "--%s wants a value",
						   f->name);
			value = in->argv[++in->at];
		}
		return f->take(o, value, r);
	}
	return result_fail(r, CAUSE_USAGE, STEP_USAGE, "unknown option --%s (see --help)", name);
}

/* The name we were called by decides what we are. */
static void take_program(struct options *o, const char *argv0)
{
	const char *slash = argv0 != NULL ? strrchr(argv0, '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : argv0;

	o->program = name != NULL && name[0] != '\0' ? name : "sendmail";
	o->own_name = strcmp(o->program, "mailchute") == 0;
	if (strcmp(o->program, "mailq") == 0)
		o->mode = MODE_LIST;
	else if (strcmp(o->program, "newaliases") == 0)
		o->mode = MODE_ALIASES;
}

bool options_parse(int argc, char **argv, struct options *o, struct result *r)
{
	struct reader in = { .argc = argc, .argv = argv, .at = 1 };
	bool ended = false;

	*o = (struct options){ .mode = MODE_MESSAGE };
	take_program(o, argc > 0 ? argv[0] : NULL);
	o->recipients = xcalloc((size_t)argc + 1, sizeof o->recipients[0]);
	for (; in.at < argc; in.at++) {
		char *arg = argv[in.at];
		bool ok = true;

		if (ended || arg[0] != '-' || arg[1] == '\0')
			o->recipients[o->n_recipients++] = arg;
		else if (strcmp(arg, "--") == 0)
			ended = true;
		else if (arg[1] == '-' && o->own_name)
			ok = take_long(&in, o, r);
		else
			ok = take_letters(&in, o, r);
		if (!ok)
			return false;
	}
	return true;
}

void options_free(struct options *o)
{
	free(o->recipients);
	free(o->envid);
	free(o->holduntil);
	o->envid = NULL;
	o->holduntil = NULL;
	o->recipients = NULL;
	o->n_recipients = 0;
}

static void help_line(struct buf *b, const char *left, const char *help)
{
	buf_addf(b, "  %-18s %s\n", left, help);
}

bool options_help(const struct sink *out)
{
	struct buf b;
	char *left;

	buf_init(&b, 64 * 1024);
	buf_adds(
		&b,
		"usage: sendmail [option ...] [recipient ...] < message\n"
		"       mailchute --check | --dry-run [option ...] [recipient ...]\n\n"
		"Signs the message with DKIM and submits it to the smart host of the account.\n\n");
	for (size_t i = 0; i < COUNT(flags); i++) {
		if (flags[i].help == NULL)
			continue;
		left = xasprintf("-%c %s", flags[i].letter, flags[i].name);
		help_line(&b, left, flags[i].help);
		free(left);
	}
	buf_adds(&b, "\nUnder the name mailchute alone:\n\n");
	for (size_t i = 0; i < COUNT(long_flags); i++) {
		left = xasprintf("--%s %s", long_flags[i].name, long_flags[i].value_name);
		help_line(&b, left, long_flags[i].help);
		free(left);
	}
	buf_adds(&b, "\nAccepted without effect: -");
	for (size_t i = 0; i < COUNT(flags); i++)
		if (flags[i].help == NULL)
			buf_addc(&b, flags[i].letter);
	buf_adds(&b, "\nSee mailchute(1) and sendmail.conf(5).\n");
	bool ok = sink_write(out, b.p, b.len);
	buf_free(&b);
	return ok;
}
