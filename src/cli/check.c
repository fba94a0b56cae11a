/*
 * check.c - --check and -bC: is the configuration one that works?
 */
#include "cli/check.h"

#include "base/util.h"
#include "cli/caller.h"
#include "cli/host.h"
#include "cli/signing.h"
#include "config/account.h"
#include "config/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define RSA_BITS_ADVISED 2048 /* RFC 8301 section 3.2 */

/* Tells the failure, if there is one; the status is that of the first. */
static void note(struct report *rep, int *status, const char *file, int line, struct result *r)
{
	char *words;

	if (!result_failed(r))
		return;
	words = report_words(NULL, r);
	/* Sentences about a section's file or secret do not name the section: its place does. */
	if (strncmp(words, file, strlen(file)) == 0)
		report_line(rep, "%s", words);
	else
		report_line(rep, "%s:%d: %s", file, line, words);
	free(words);
	if (*status == 0)
		*status = result_status(r);
	result_free(r);
}

static void check_account(const struct conf *conf, const struct conf_account *a,
			  const struct caller *caller, struct report *rep, int *status)
{
	struct result r = RESULT_OK;
	struct host host;

	host_load(conf, a, caller, &host, &r);
	host_free(&host);
	note(rep, status, a->file, a->line, &r);
	if (a->password != NULL && conf_world_readable(a->file))
		report_line(rep,
			    "%s:%d: warning: anybody can read the password in this file "
			    "(chmod 0600, or use password_file)",
			    a->file, a->line);
	if (account_sends_clear(a))
		report_line(rep, "%s:%d: warning: tls = off sends user and password in clear",
			    a->file, a->line);
}

static void check_key(const struct conf_dkim *d, struct report *rep, int *status)
{
	struct result r = RESULT_OK;
	struct dkim_key *key = NULL;

	if (signing_load_key(d, &key, &r) && dkim_key_type(key) == KEY_RSA &&
	    dkim_key_bits(key) < RSA_BITS_ADVISED)
		report_line(rep, "%s:%d: warning: the key has %u bits, %d are advised", d->file,
			    d->line, dkim_key_bits(key), RSA_BITS_ADVISED);
	dkim_key_free(key);
	note(rep, status, d->file, d->line, &r);
}

static void check_all(const struct conf *conf, struct report *rep, int *status)
{
	struct caller caller;

	caller_find(conf, false, &caller);
	for (size_t i = 0; i < conf->n_accounts; i++)
		check_account(conf, &conf->accounts[i], &caller, rep, status);
	for (size_t i = 0; i < conf->n_dkims; i++)
		check_key(&conf->dkims[i], rep, status);
	caller_free(&caller);
}

static void say_fine(const struct conf *conf, struct report *rep)
{
	char *line = xasprintf("%s: good: %zu account%s, %zu DKIM key%s\n", conf->path,
			       conf->n_accounts, conf->n_accounts == 1 ? "" : "s", conf->n_dkims,
			       conf->n_dkims == 1 ? "" : "s");

	sink_write(&rep->out, line, strlen(line));
	free(line);
}

int check(const struct options *o, struct report *rep)
{
	struct result r = RESULT_OK;
	struct conf *conf = NULL;
	int status = 0;

	if (!conf_find_and_load(o->config, &conf, &r)) {
		report_failure(rep, NULL, NULL, &r);
		status = result_status(&r);
		result_free(&r);
	} else {
		check_all(conf, rep, &status);
		if (status == 0)
			say_fine(conf, rep);
	}
	conf_free(conf);
	return status;
}
