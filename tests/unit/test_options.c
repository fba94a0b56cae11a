/*
 * test_options.c - argv as callers write it: bundles, permutation, values glued or not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/result.h"
#include "base/sink.h"
#include "base/util.h"
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define ARGS_MAX 32
#define OUT_MAX  (64 * 1024)
#define L20      "01234567890123456789"
#define L100     L20 L20 L20 L20 L20

/* A command line: words with one blank between them; '' is the empty word. */
struct command {
	char *text;
	char *argv[ARGS_MAX + 1];
	int argc;
};

static void command_init(struct command *c, const char *text)
{
	c->text = xstrdup(text);
	c->argc = 0;
	for (char *p = c->text; p != NULL;) {
		char *word = p;

		p = strchr(p, ' ');
		if (p != NULL)
			*p++ = '\0';
		assert_true(c->argc < ARGS_MAX);
		if (strcmp(word, "''") == 0)
			word[0] = '\0';
		c->argv[c->argc++] = word;
	}
	c->argv[c->argc] = NULL;
}

static void add_string(struct buf *b, const char *name, const char *value)
{
	if (value != NULL)
		buf_addf(b, "%s=%s ", name, value);
}

/* Everything that is not as it was at the beginning, in one line. */
static void describe(const struct options *o, struct buf *b)
{
	static const char *const modes[] = {
		[MODE_MESSAGE] = "",
		[MODE_DRY_RUN] = "dry-run ",
		[MODE_LIST] = "list ",
		[MODE_ALIASES] = "aliases ",
		[MODE_QUEUE_RUN] = "queue ",
		[MODE_CHECK] = "check ",
		[MODE_SMTP] = "smtp ",
		[MODE_VERIFY] = "verify ",
		[MODE_VERSION] = "version ",
		[MODE_HELP] = "help ",
		[MODE_SIGN] = "sign ",
		[MODE_DKIM_VERIFY] = "dkim-verify ",
		[MODE_DKIM_KEYGEN] = "keygen ",
		[MODE_DKIM_CHECK] = "dkim-check ",
	};

	buf_adds(b, modes[o->mode]);
	buf_adds(b, o->header_recipients ? "t " : "");
	buf_adds(b, o->ignore_dots ? "i " : "");
	buf_adds(b, o->no_aliases ? "n " : "");
	buf_adds(b, o->verbose ? "v " : "");
	add_string(b, "sender", o->sender);
	add_string(b, "name", o->full_name);
	add_string(b, "tag", o->log_tag);
	add_string(b, "config", o->config);
	add_string(b, "account", o->account);
	add_string(b, "algorithm", o->algorithm);
	add_string(b, "bits", o->bits);
	add_string(b, "out", o->out);
	add_string(b, "records", o->records);
	add_string(b, "notify", o->delivery.notify);
	add_string(b, "ret", o->delivery.ret);
	add_string(b, "envid", o->delivery.envid);
	add_string(b, "priority", o->delivery.priority);
	add_string(b, "holdfor", o->delivery.holdfor);
	add_string(b, "holduntil", o->delivery.holduntil);
	buf_adds(b, o->delivery.requiretls ? "requiretls " : "");
	buf_adds(b, o->delivery.smtputf8 ? "smtputf8 " : "");
	for (size_t i = 0; i < o->n_recipients; i++)
		buf_addf(b, "<%s> ", o->recipients[i]);
	assert_null(o->recipients[o->n_recipients]);
}

static void check(const char *text, const char *want)
{
	struct result r = RESULT_OK;
	struct command c;
	struct options o;
	struct buf got;

	command_init(&c, text);
	buf_init(&got, OUT_MAX);
	if (!options_parse(c.argc, c.argv, &o, &r))
		fail_msg("%s: %s", text, r.text);
	describe(&o, &got);
	if (strcmp(buf_str(&got), want) != 0)
		fail_msg("%s: \"%s\", not \"%s\"", text, buf_str(&got), want);
	buf_free(&got);
	options_free(&o);
	free(c.text);
}

static void check_refused(const char *text, enum cause cause, const char *words)
{
	struct result r = RESULT_OK;
	struct command c;
	struct options o;

	command_init(&c, text);
	if (options_parse(c.argc, c.argv, &o, &r))
		fail_msg("%s is taken", text);
	assert_int_equal(r.cause, cause);
	if (strstr(r.text, words) == NULL)
		fail_msg("%s: \"%s\" does not say \"%s\"", text, r.text, words);
	result_free(&r);
	options_free(&o);
	free(c.text);
}

static void taken(void **state)
{
	static const struct {
		const char *command;
		const char *options;
	} rows[] = {
		{ "sendmail", "" },
		{ "sendmail a@b", "<a@b> " },
		{ "sendmail a@b c@d,e@f", "<a@b> <c@d,e@f> " },
		{ "sendmail -t", "t " },
		{ "sendmail -i", "i " },
		{ "sendmail -v a", "v <a> " },
		/* bundles */
		{ "sendmail -ti", "t i " },
		{ "sendmail -tif x@y", "t i sender=x@y " },
		{ "sendmail -tifx@y", "t i sender=x@y " },
		{ "sendmail -tiv a -it", "t i v <a> " },
		{ "sendmail -tnGoi", "t i n " },
		/* values, glued and separate */
		{ "sendmail -fx@y", "sender=x@y " },
		{ "sendmail -f x@y", "sender=x@y " },
		{ "sendmail -rx@y", "sender=x@y " },
		{ "sendmail -r x@y", "sender=x@y " },
		{ "sendmail -f x -r y", "sender=y " },
		{ "sendmail -f ''", "sender= " },
		{ "sendmail -f <>", "sender= " },
		{ "sendmail -f<> a", "sender= <a> " },
		{ "sendmail -f -t", "sender=-t " },
		{ "sendmail -f --", "sender=-- " },
		{ "sendmail -fti", "sender=ti " },
		{ "sendmail -FCronDaemon", "name=CronDaemon " },
		{ "sendmail -F Cron a", "name=Cron <a> " },
		{ "sendmail -F ''", "name= " },
		{ "sendmail -Ltag", "tag=tag " },
		{ "sendmail -L tag", "tag=tag " },
		{ "sendmail -oi", "i " },
		{ "sendmail -o i", "i " },
		{ "sendmail -oem -odi -oee -or0s", "" },
		{ "sendmail -oit a", "<a> " },
		{ "sendmail -B8BITMIME a", "<a> " },
		{ "sendmail -B 8BITMIME a", "<a> " },
		/* options behind recipients, and the end of them */
		{ "sendmail a -t b -fx c", "t sender=x <a> <b> <c> " },
		{ "sendmail -i -- a", "i <a> " },
		{ "sendmail a -- -t -fx", "<a> <-t> <-fx> " },
		{ "sendmail -- --", "<--> " },
		{ "sendmail --", "" },
		{ "sendmail -", "<-> " },
		{ "sendmail ''", "<> " },
		/* modes */
		{ "sendmail -bm a", "<a> " },
		{ "sendmail -b m a", "<a> " },
		{ "sendmail -bp", "list " },
		{ "sendmail -bi", "aliases " },
		{ "sendmail -I", "aliases " },
		{ "sendmail -bC", "check " },
		{ "sendmail -bs", "smtp " },
		{ "sendmail -bs -i", "smtp i " },
		{ "sendmail -bv a b", "verify <a> <b> " },
		{ "sendmail -bp -bm", "" },
		{ "sendmail -tbp", "list t " },
		/* glued or not at all */
		{ "sendmail -q a", "queue <a> " },
		{ "sendmail -q15m a", "queue <a> " },
		{ "sendmail -qRx", "queue " },
		{ "sendmail -d a", "<a> " },
		{ "sendmail -d0.1 a", "<a> " },
		/* without effect */
		{ "sendmail -n a", "n <a> " },
		{ "sendmail -O DeliveryMode=b -OErrorMode=m a", "<a> " },
		{ "sendmail -O smtputf8x=maybe a", "<a> " },
		{ "sendmail -O holdforever=x -O hold=x -O mt-priorit=x -O mt=x -O = a", "<a> " },
		{ "sendmail -Ac -c -D file -E -em -G -h 5 -J x -M x -m a", "<a> " },
		{ "sendmail -p x -Q x -S -s -T -U -X file -x -z x a", "<a> " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(rows[i].command, rows[i].options);
}

/* Whole command lines of programs that send mail. */
static void callers(void **state)
{
	static const struct {
		const char *command;
		const char *options;
	} rows[] = {
		{ "sendmail -FCronDaemon -i -B8BITMIME -oem root", "i name=CronDaemon <root> " },
		{ "sendmail -FCronDaemon -i -odi -oem -oi -t -f root",
		  "t i sender=root name=CronDaemon " },
		{ "sendmail -oem -oi -B8BITMIME -f a@b -N never -R hdrs -- c@d",
		  "i sender=a@b notify=never ret=hdrs <c@d> " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(rows[i].command, rows[i].options);
}

/* -N, -R, -V and what -O demands; the envelope id as it stands on the wire. */
static void delivery(void **state)
{
	static const struct {
		const char *command;
		const char *options;
	} rows[] = {
		{ "sendmail -N never -R hdrs -V id a", "notify=never ret=hdrs envid=id <a> " },
		{ "sendmail -Nsuccess,failure -Rfull -Vid",
		  "notify=success,failure ret=full envid=id " },
		{ "sendmail -NNEVER -RFULL", "notify=NEVER ret=FULL " },
		{ "sendmail -Ndelay,DELAY", "notify=delay,DELAY " },
		{ "sendmail -V a+b=c", "envid=a+2Bb+3Dc " },
		{ "sendmail -V x -V y", "envid=y " },
		{ "sendmail -V " L100, "envid=" L100 " " },
		{ "sendmail -O requiretls=yes", "requiretls " },
		{ "sendmail -ORequireTLS=YES -O SMTPUTF8=yes", "requiretls smtputf8 " },
		{ "sendmail -O requiretls=yes -O requiretls=no -O smtputf8=no", "" },
		/* RFC 6710 */
		{ "sendmail -O mt-priority=0", "priority=0 " },
		{ "sendmail -O MT-Priority=9", "priority=9 " },
		{ "sendmail -Omt-priority=-9", "priority=-9 " },
		{ "sendmail -O mt-priority=1 -O mt-priority=-1", "priority=-1 " },
		/* RFC 4865 */
		{ "sendmail -O holdfor=1", "holdfor=1 " },
		{ "sendmail -OHOLDFOR=999999999", "holdfor=999999999 " },
		{ "sendmail -O holdfor=1 -O holdfor=2", "holdfor=2 " },
		{ "sendmail -O holduntil=2026-11-22T07:00:00Z", "holduntil=2026-11-22T07:00:00Z " },
		{ "sendmail -O holduntil=2026-11-22t07:00:00z", "holduntil=2026-11-22T07:00:00Z " },
		{ "sendmail -O holduntil=2026-11-22T07:00:00.999Z",
		  "holduntil=2026-11-22T07:00:00Z " },
		{ "sendmail -O holduntil=2026-11-22T07:00:00+00:00",
		  "holduntil=2026-11-22T07:00:00Z " },
		{ "sendmail -O holduntil=2026-11-22T07:00:00-00:00",
		  "holduntil=2026-11-22T07:00:00Z " },
		{ "sendmail -O holduntil=2026-11-22T07:00:00+05:30",
		  "holduntil=2026-11-22T01:30:00Z " },
		{ "sendmail -O holduntil=2026-11-22T07:00:00-08:00",
		  "holduntil=2026-11-22T15:00:00Z " },
		{ "sendmail -O holduntil=2026-11-22T00:59:59+01:00",
		  "holduntil=2026-11-21T23:59:59Z " },
		{ "sendmail -O holduntil=2026-11-22T23:00:00-01:00",
		  "holduntil=2026-11-23T00:00:00Z " },
		{ "sendmail -O holduntil=2027-01-01T00:00:00+00:01",
		  "holduntil=2026-12-31T23:59:00Z " },
		{ "sendmail -O holduntil=2026-12-31T23:59:00-00:01",
		  "holduntil=2027-01-01T00:00:00Z " },
		{ "sendmail -O holduntil=2028-03-01T00:00:00+23:59",
		  "holduntil=2028-02-29T00:01:00Z " },
		{ "sendmail -O holduntil=2027-03-01T00:00:00+00:01",
		  "holduntil=2027-02-28T23:59:00Z " },
		{ "sendmail -O holduntil=2028-02-28T12:00:00-12:00",
		  "holduntil=2028-02-29T00:00:00Z " },
		{ "sendmail -O holduntil=2027-02-28T12:00:00-12:00",
		  "holduntil=2027-03-01T00:00:00Z " },
		{ "sendmail -O holduntil=2000-02-29T00:00:00Z", "holduntil=2000-02-29T00:00:00Z " },
		{ "sendmail -O holduntil=2016-12-31T23:59:60Z", "holduntil=2016-12-31T23:59:59Z " },
		{ "sendmail -O holduntil=2026-11-22T07:00:00Z -O holduntil=2027-11-22T07:00:00Z",
		  "holduntil=2027-11-22T07:00:00Z " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(rows[i].command, rows[i].options);
}

static void long_options(void **state)
{
	static const struct {
		const char *command;
		const char *options;
	} rows[] = {
		{ "mailchute --config x.conf a", "config=x.conf <a> " },
		{ "mailchute --config=x.conf a", "config=x.conf <a> " },
		{ "mailchute --config= a", "config= <a> " },
		{ "mailchute --config=a=b", "config=a=b " },
		{ "mailchute --account work --account=home", "account=home " },
		{ "mailchute --check", "check " },
		{ "mailchute --dry-run -t a", "dry-run t <a> " },
		{ "mailchute --sign", "sign " },
		{ "mailchute --sign -t -f x a", "sign t sender=x <a> " },
		{ "mailchute --dry-run --sign", "sign " },
		{ "mailchute --verify", "dkim-verify " },
		{ "mailchute --verify --records=zone a -", "dkim-verify records=zone <a> <-> " },
		{ "mailchute --verify -- --records", "dkim-verify <--records> " },
		{ "mailchute --dkim-keygen example.org s1", "keygen <example.org> <s1> " },
		{ "mailchute example.org --bits 4096 s1 --out=k --algorithm rsa --dkim-keygen",
		  "keygen algorithm=rsa bits=4096 out=k <example.org> <s1> " },
		{ "mailchute --dkim-keygen --algorithm=ed25519 --bits= --out ''",
		  "keygen algorithm=ed25519 bits= out= " },
		{ "mailchute --algorithm rsa --algorithm ed25519", "algorithm=ed25519 " },
		{ "mailchute --dkim-check", "dkim-check " },
		{ "mailchute --dkim-check example.org --records zone",
		  "dkim-check records=zone <example.org> " },
		{ "mailchute --bits --out", "bits=--out " },
		{ "mailchute --version", "version " },
		{ "mailchute --help", "help " },
		{ "mailchute -C x.conf", "config=x.conf " },
		{ "mailchute -Cx.conf", "config=x.conf " },
		{ "mailchute -- --check", "<--check> " },
		{ "mailchute -f --check", "sender=--check " },
		{ "mailchute -ti a", "t i <a> " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(rows[i].command, rows[i].options);
}

struct refusal {
	const char *command;
	const char *words;
};

static void refuse_each(const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_refused(rows[i].command, CAUSE_USAGE, rows[i].words);
}

/* What is mailchute's alone. */
static void other_names(void **state)
{
	static const struct refusal rows[] = {
		{ "sendmail -C x.conf", "mailchute --config" },
		{ "sendmail -Cx.conf", "mailchute --config" },
		{ "sendmail --config=x.conf", "--config=x.conf" },
		{ "sendmail --config x.conf", "--config" },
		{ "sendmail --account=x", "--account=x" },
		{ "sendmail --check", "--check" },
		{ "sendmail --help", "--help" },
		{ "sendmail --version", "--version" },
		{ "sendmail --sign", "--sign" },
		{ "sendmail --verify", "--verify" },
		{ "sendmail --dkim-keygen example.org s1", "--dkim-keygen" },
		{ "sendmail --dkim-check", "--dkim-check" },
		{ "sendmail --algorithm=rsa", "--algorithm=rsa" },
		{ "sendmail --bits 2048", "--bits" },
		{ "sendmail --out=file", "--out=file" },
		{ "sendmail --records=file", "--records=file" },
		{ "mailq --sign", "--sign" },
		{ "newaliases --dkim-check", "--dkim-check" },
		{ "mailq --check", "--check" },
		{ "newaliases --check", "--check" },
		{ "mailchutes --check", "--check" },
		{ "Mailchute --check", "--check" },
	};

	(void)state;
	refuse_each(rows, COUNT(rows));
}

static void long_refused(void **state)
{
	static const struct refusal rows[] = {
		{ "mailchute --conf x", "--conf" },
		{ "mailchute --configs x", "--configs" },
		{ "mailchute --CONFIG x", "--CONFIG" },
		{ "mailchute --config", "--config wants a value" },
		{ "mailchute --account", "--account wants a value" },
		{ "mailchute --check=yes", "--check takes no value" },
		{ "mailchute --help=", "--help takes no value" },
		{ "mailchute --sign=x", "--sign takes no value" },
		{ "mailchute --verify=x", "--verify takes no value" },
		{ "mailchute --dkim-keygen=x", "--dkim-keygen takes no value" },
		{ "mailchute --dkim-check=x", "--dkim-check takes no value" },
		{ "mailchute --algorithm", "--algorithm wants a value" },
		{ "mailchute --bits", "--bits wants a value" },
		{ "mailchute --out", "--out wants a value" },
		{ "mailchute --records", "--records wants a value" },
		{ "mailchute --dkim", "--dkim" },
		{ "mailchute --signs", "--signs" },
		{ "mailchute --=x", "unknown option --=x" },
		{ "mailchute ---", "unknown option ---" },
	};

	(void)state;
	refuse_each(rows, COUNT(rows));
}

static void refused(void **state)
{
	static const struct refusal rows[] = {
		{ "sendmail -k", "-k" },
		{ "sendmail -tk", "-k" },
		{ "sendmail -1", "-1" },
		{ "sendmail -\xc3\xa4", "unknown option" },
		{ "sendmail -?", "-?" },
		{ "sendmail a -W", "-W" },
		/* a value that is not there */
		{ "sendmail -f", "-f wants a value" },
		{ "sendmail -tf", "-f wants a value" },
		{ "sendmail a -F", "-F wants a value" },
		{ "sendmail -o", "-o wants a value" },
		{ "sendmail -b", "-b wants a value" },
		{ "sendmail -N", "-N wants a value" },
		/* modes */
		{ "sendmail -ba", "-ba" },
		{ "sendmail -bd", "-bd" },
		{ "sendmail -bD", "-bD" },
		{ "sendmail -bh", "-bh" },
		{ "sendmail -bH", "-bH" },
		{ "sendmail -bl", "-bl" },
		{ "sendmail -bP", "-bP" },
		{ "sendmail -bt", "-bt" },
		{ "sendmail -bx", "unknown option -bx" },
		{ "sendmail -bpx", "unknown option -bpx" },
		{ "sendmail -bmt", "unknown option -bmt" },
		/* RFC 3461 */
		{ "sendmail -N ''", "-N" },
		{ "sendmail -N always", "-N always" },
		{ "sendmail -N never,failure", "-N never,failure" },
		{ "sendmail -N failure,never", "-N failure,never" },
		{ "sendmail -N failure,", "-N failure," },
		{ "sendmail -N ,failure", "-N ,failure" },
		{ "sendmail -N failure,,delay", "-N failure,,delay" },
		{ "sendmail -N failures", "-N failures" },
		{ "sendmail -R ''", "-R" },
		{ "sendmail -R headers", "-R headers" },
		{ "sendmail -V ''", "-V" },
		{ "sendmail -V \xc3\xa4", "-V" },
		{ "sendmail -V a\r\nb", "-V" },
		{ "sendmail -V " L100 "x", "-V" },
		/* demands */
		{ "sendmail -O requiretls=maybe", "-O requiretls=maybe" },
		{ "sendmail -O requiretls=", "-O requiretls=" },
		{ "sendmail -O requiretls", "-O requiretls" },
		{ "sendmail -Osmtputf8=1", "-O smtputf8=1" },
	};

	(void)state;
	refuse_each(rows, COUNT(rows));
	check_refused("sendmail -Fa\nb", CAUSE_DATA, "-F");
	check_refused("sendmail -La\x1b", CAUSE_DATA, "-L");
}

/* RFC 6710, RFC 4865 */
static void wrong_values(void **state)
{
	static const struct refusal rows[] = {
		{ "sendmail -O mt-priority=10", "-O mt-priority=10: expected" },
		{ "sendmail -O mt-priority=-10", "-O mt-priority=-10: expected" },
		{ "sendmail -O mt-priority=+1", "-O mt-priority=+1: expected" },
		{ "sendmail -O mt-priority=-0", "-O mt-priority=-0: expected" },
		{ "sendmail -O mt-priority=01", "-O mt-priority=01: expected" },
		{ "sendmail -O mt-priority=--1", "-O mt-priority=--1: expected" },
		{ "sendmail -O mt-priority=-", "-O mt-priority=-: expected" },
		{ "sendmail -O mt-priority=", "-O mt-priority=: expected" },
		{ "sendmail -O mt-priority", "-O mt-priority=: expected" },
		{ "sendmail -O holdfor=0", "-O holdfor=0: expected" },
		{ "sendmail -O holdfor=060", "-O holdfor=060: expected" },
		{ "sendmail -O holdfor=-1", "-O holdfor=-1: expected" },
		{ "sendmail -O holdfor=1h", "-O holdfor=1h: expected" },
		{ "sendmail -O holdfor=1000000000", "-O holdfor=1000000000: expected" },
		{ "sendmail -O holdfor", "-O holdfor=: expected" },
		{ "sendmail -Oholduntil=x", "-O holduntil=x: expected" },
		{ "sendmail -O holduntil=", "-O holduntil=: expected" },
		{ "sendmail -O holduntil=2026-11-22", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:00:00", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:00:00.Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:00:00Zx", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:00:00+0100", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:00:00+24:00", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:00:00+01:60", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T24:00:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:60:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-22T07:00:61Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-13-22T07:00:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-00-22T07:00:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-31T07:00:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2027-02-29T07:00:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2100-02-29T07:00:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=2026-11-00T07:00:00Z", "-O holduntil=" },
		{ "sendmail -O holduntil=26-11-22T07:00:00Z", "-O holduntil=" },
		{ "sendmail -O holdfor=60 -O holduntil=2026-11-22T07:00:00Z", "both given" },
		{ "sendmail -O holduntil=2026-11-22T07:00:00Z -O holdfor=60", "both given" },
	};

	(void)state;
	refuse_each(rows, COUNT(rows));
}

/* The name decides, without its directory. */
static void programs(void **state)
{
	static const struct {
		const char *argv0;
		const char *program;
		bool own_name;
		enum mode mode;
	} rows[] = {
		{ "sendmail", "sendmail", false, MODE_MESSAGE },
		{ "/usr/sbin/sendmail", "sendmail", false, MODE_MESSAGE },
		{ "/usr/bin/mailchute", "mailchute", true, MODE_MESSAGE },
		{ "../mailchute", "mailchute", true, MODE_MESSAGE },
		{ "mailq", "mailq", false, MODE_LIST },
		{ "/usr/bin/mailq", "mailq", false, MODE_LIST },
		{ "/mailq/sendmail", "sendmail", false, MODE_MESSAGE },
		{ "newaliases", "newaliases", false, MODE_ALIASES },
		{ "-bash", "-bash", false, MODE_MESSAGE },
		{ "''", "sendmail", false, MODE_MESSAGE },
		{ "/usr/sbin/", "sendmail", false, MODE_MESSAGE },
	};
	struct result r = RESULT_OK;
	struct options o;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct command c;

		command_init(&c, rows[i].argv0);
		assert_true(options_parse(c.argc, c.argv, &o, &r));
		assert_string_equal(o.program, rows[i].program);
		assert_int_equal(o.own_name, rows[i].own_name);
		assert_int_equal(o.mode, rows[i].mode);
		options_free(&o);
		free(c.text);
	}
	assert_true(options_parse(0, (char *[]){ NULL }, &o, &r));
	assert_string_equal(o.program, "sendmail");
	assert_int_equal(o.n_recipients, 0);
	options_free(&o);
}

/* What --help says stands in no other list. */
static void help(void **state)
{
	static const char *const words[] = { "\n  -t ",
					     "\n  -f ADDR ",
					     "\n  --config FILE ",
					     "\n  --check ",
					     "\n  --help ",
					     "without effect: -A",
					     "\n  --sign ",
					     "\n  --verify FILE... ",
					     "\n  --dkim-keygen DOMAIN SELECTOR ",
					     "\n  --algorithm rsa|ed25519 ",
					     "\n  --bits N ",
					     "\n  --out FILE ",
					     "\n  --dkim-check [DOMAIN] ",
					     "\n  --records FILE " };
	struct buf text;
	struct sink sink = sink_to_buf(&text);

	(void)state;
	buf_init(&text, OUT_MAX);
	assert_true(options_help(&sink));
	for (size_t i = 0; i < COUNT(words); i++)
		if (strstr(buf_str(&text), words[i]) == NULL)
			fail_msg("no \"%s\" in --help", words[i]);
	buf_free(&text);
	buf_init(&text, 10);
	assert_false(options_help(&sink));
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),        cmocka_unit_test(callers),
		cmocka_unit_test(delivery),     cmocka_unit_test(long_options),
		cmocka_unit_test(refused),      cmocka_unit_test(other_names),
		cmocka_unit_test(long_refused), cmocka_unit_test(programs),
		cmocka_unit_test(wrong_values), cmocka_unit_test(help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
