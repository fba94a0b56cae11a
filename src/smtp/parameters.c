/*
 * parameters.c - MAIL and RCPT with what is said beside the address
 */
#include "smtp/parameters.h"

#include "base/util.h"

#include <inttypes.h>
#include <string.h>

#include "base/banned.h"

#define PARAMETERS_MAX 4096 /* of one command */

bool smtp_check_size(const struct client *c, uint64_t size, struct result *r)
{
	uint64_t limit = ehlo_has(&c->ehlo, EXT_SIZE) ? c->ehlo.size : 0;

	if (limit == 0 || size <= limit)
		return true;
	return result_fail(r, CAUSE_DATA, STEP_MAIL,
			   "the message has %" PRIu64 " bytes, the server takes %" PRIu64, size,
			   limit);
}

/* RFC 4865: what is held longer than the server allows would be refused, or held for ever. */
static bool check_hold(const struct client *c, const struct smtp_options *options, struct result *r)
{
	uint64_t seconds, longest = c->ehlo.hold_max;

	if (options->holdfor == NULL && options->holduntil == NULL)
		return true;
	if (!ehlo_has(&c->ehlo, EXT_FUTURERELEASE))
		return result_fail(
			r, CAUSE_CONFIG, STEP_MAIL,
			"the message is to be held back (-O holdfor, holduntil), and the "
			"server does not offer FUTURERELEASE");
	if (longest > 0 && options->holdfor != NULL &&
	    (!parse_number(options->holdfor, UINT32_MAX, &seconds) || seconds > longest))
		return result_fail(r, CAUSE_CONFIG, STEP_MAIL,
				   "-O holdfor=%s: the server holds messages for %" PRIu64
				   " seconds at most",
				   options->holdfor, longest);
	/* Both are of one form, in which the later time is the greater text. */
	if (c->ehlo.hold_until[0] != '\0' && options->holduntil != NULL &&
	    strcmp(options->holduntil, c->ehlo.hold_until) > 0)
		return result_fail(r, CAUSE_CONFIG, STEP_MAIL,
				   "-O holduntil=%s: the server holds messages until %s at most",
				   options->holduntil, c->ehlo.hold_until);
	return true;
}

/* What the caller demands and the host cannot do is a reason not to send. */
static bool check_demands(const struct client *c, const struct smtp_options *options,
			  struct result *r)
{
	if (options->requiretls && (c->tls == NULL || !ehlo_has(&c->ehlo, EXT_REQUIRETLS)))
		return result_fail(r, CAUSE_CONFIG, STEP_MAIL,
				   "REQUIRETLS is asked for (-O requiretls=yes), and the server "
				   "does not offer it");
	if (options->smtputf8 && !ehlo_takes_utf8(&c->ehlo))
		return result_fail(r, CAUSE_CONFIG, STEP_MAIL,
				   "SMTPUTF8 is asked for (-O smtputf8=yes), and the server does "
				   "not offer it together with 8BITMIME");
	return check_hold(c, options, r);
}

static void add_parameter(struct buf *b, const char *name, const char *value)
{
	if (value != NULL)
		buf_addf(b, " %s=%s", name, value);
}

/* A parameter that was cut off could be the one that mattered. */
static bool fits(const struct buf *parameters, enum step step, struct result *r)
{
	return !buf_overflowed(parameters) ||
	       result_fail(r, CAUSE_DATA, step, "the parameters are too long");
}

/* Behind this a server could not tell our address from garbage. */
static bool check_address(const char *address, const struct smtp_options *options, enum step step,
			  struct result *r)
{
	static const char non_ascii[] = "5.6.7"; /* RFC 6531 section 3.2 */

	if (options->smtputf8 || !has_8bit(address, strlen(address)))
		return true;
	memcpy(r->enhanced, non_ascii, sizeof non_ascii);
	return result_fail(r, CAUSE_DATA, step,
			   "the address \"%s\" has a local part that is not ASCII, which only "
			   "SMTPUTF8 can carry: the server does not offer it, smtputf8 = no, or "
			   "the client of -bs did not ask for it",
			   address);
}

bool smtp_queue_mail(struct client *c, const char *sender, const struct smtp_options *options,
		     uint64_t size, bool eight_bit, struct result *r)
{
	struct buf parameters;
	bool ok;

	if (!check_demands(c, options, r) || !check_address(sender, options, STEP_MAIL, r))
		return false;
	buf_init(&parameters, PARAMETERS_MAX);
	if (size > 0 && ehlo_has(&c->ehlo, EXT_SIZE))
		buf_addf(&parameters, " SIZE=%" PRIu64, size);
	if (eight_bit && ehlo_has(&c->ehlo, EXT_8BITMIME))
		buf_adds(&parameters, " BODY=8BITMIME");
	if (ehlo_has(&c->ehlo, EXT_DSN)) {
		add_parameter(&parameters, "RET", options->ret);
		add_parameter(&parameters, "ENVID", options->envid);
	}
	if (ehlo_has(&c->ehlo, EXT_MT_PRIORITY))
		add_parameter(&parameters, "MT-PRIORITY", options->priority);
	add_parameter(&parameters, "HOLDFOR", options->holdfor);
	add_parameter(&parameters, "HOLDUNTIL", options->holduntil);
	buf_adds(&parameters, options->smtputf8 ? " SMTPUTF8" : "");
	buf_adds(&parameters, options->requiretls ? " REQUIRETLS" : "");
	ok = fits(&parameters, STEP_MAIL, r) &&
	     client_command(c, STEP_MAIL, r, "MAIL FROM:<%s>%s", sender, buf_str(&parameters));
	buf_free(&parameters);
	return ok;
}

bool smtp_queue_rcpt(struct client *c, const char *address, const struct smtp_options *options,
		     const char *orcpt, struct result *r)
{
	struct buf parameters;
	bool ok;

	if (!check_address(address, options, STEP_RCPT, r))
		return false;
	buf_init(&parameters, PARAMETERS_MAX);
	if (ehlo_has(&c->ehlo, EXT_DSN)) {
		add_parameter(&parameters, "NOTIFY", options->notify);
		add_parameter(&parameters, "ORCPT", orcpt);
	}
	ok = fits(&parameters, STEP_RCPT, r) &&
	     client_command(c, STEP_RCPT, r, "RCPT TO:<%s>%s", address, buf_str(&parameters));
	buf_free(&parameters);
	return ok;
}
