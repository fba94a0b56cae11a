/*
 * dkimcheck.c - --dkim-check: would receivers find our signatures good?
 */
#include "cli/dkimcheck.h"

#include "base/base64.h"
#include "base/util.h"
#include "cli/signing.h"
#include "config/account.h"
#include "config/conf.h"
#include "dkim/dmarc.h"
#include "dkim/key.h"
#include "dkim/record.h"
#include "mail/idn.h"
#include "net/txt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/banned.h"

#define RSA_BITS_MIN     1024 /* RFC 8301 section 3.2 */
#define RSA_BITS_ADVISED 2048
#define LINE_MAX_LEN     8192
#define BASE64_MAX       8192 /* a public key, or a signature, of 16384 bits is half of it */
#define LABELS_MAX       8    /* of the names a policy is looked up at, RFC 9989 section 4.10 */

struct work {
	const struct conf *conf;
	const struct txt_source *source;
	struct report *rep;
	int status;     /* of the first thing that is wrong; 0 without one */
	bool temporary; /* an answer was not to be had */
	int tempfail_status;
};

enum grade { GOOD, NOTE, WARNING, WRONG, UNKNOWN };

static const char *const grades[] = {
	[GOOD] = "good",   [NOTE] = "note",       [WARNING] = "warning",
	[WRONG] = "wrong", [UNKNOWN] = "unknown",
};

/* --- telling --- */

static void count(struct work *w, const struct result *r)
{
	if (result_temporary(r))
		w->temporary = true;
	else if (w->status == 0)
		w->status = result_status(r);
}

/* A finding about a name of the DNS, which is a stranger's: nothing in it may steer a terminal. */
static void say(struct work *w, const char *name, enum grade grade, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void say(struct work *w, const char *name, enum grade grade, const char *fmt, ...)
{
	const struct result wrong = { .cause = CAUSE_CONFIG };
	const struct result unknown = { .cause = CAUSE_TEMPORARY };
	char text[LINE_MAX_LEN];
	struct buf line;
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	buf_init(&line, 2 * LINE_MAX_LEN);
	buf_addf(&line, "%s: %s: %s", name, grades[grade], text);
	for (size_t i = 0; i < line.len; i++)
		if (ascii_iscntrl(line.p[i]))
			line.p[i] = '?';
	buf_addc(&line, '\n');
	sink_write(&w->rep->out, line.p, line.len);
	buf_free(&line);
	if (grade == WRONG || grade == UNKNOWN)
		count(w, grade == WRONG ? &wrong : &unknown);
}

static void say_failure(struct work *w, const struct conf_dkim *d, struct result *r)
{
	char *words = report_words(NULL, r);

	report_line(w->rep, "%s:%d: %s", d->file, d->line, words);
	free(words);
	count(w, r);
	result_free(r);
}

/* --- keys --- */

static const char *type_name(enum key_type type)
{
	return type == KEY_RSA ? "rsa" : "ed25519";
}

static void say_record(struct work *w, const char *name, const struct dkim_key *key)
{
	struct result r = RESULT_OK;
	struct buf base64;

	buf_init(&base64, BASE64_MAX);
	if (dkim_key_public(key, &base64, &r))
		say(w, name, NOTE, "the record of this key: v=DKIM1; k=%s; p=%s",
		    type_name(dkim_key_type(key)), buf_str(&base64));
	result_free(&r);
	buf_free(&base64);
}

/* What a receiver does, once: that the texts are equal would say less, and ask for more. */
static bool keys_fit(const struct dkim_key *key, const struct dkim_public *public)
{
	static const unsigned char hash[SHA256_SIZE];
	struct result r = RESULT_OK;
	struct buf base64, signature;
	bool fit;

	buf_init(&base64, BASE64_MAX);
	buf_init(&signature, BASE64_MAX);
	fit = dkim_key_sign(key, hash, &base64, &r) && base64_read(buf_span(&base64), &signature) &&
	      dkim_public_verify(public, dkim_key_type(key), hash, buf_span(&signature));
	result_free(&r);
	buf_free(&base64);
	buf_free(&signature);
	return fit;
}

/* The flags say more than the key: receivers obey them whatever it is. */
static void check_flags(struct work *w, const struct conf_dkim *d, const char *name,
			const struct dkim_record *rec)
{
	const char *at = d->identity != NULL ? strrchr(d->identity, '@') : NULL;

	if (rec->testing)
		say(w, name, WRONG,
		    "the record says t=y (testing), so receivers treat the mail as unsigned; "
		    "take t=y out of it");
	if (rec->strict && at != NULL && ascii_casecmp(at + 1, d->domain) != 0)
		say(w, name, WRONG,
		    "the record says t=s (strict), but identity = %s is not at %s itself; take t=s "
		    "out of it, or set identity = @%s",
		    d->identity, d->domain, d->domain);
}

static void check_key(struct work *w, const char *name, const struct dkim_key *key,
		      const struct dkim_record *rec)
{
	unsigned bits = dkim_public_bits(rec->key);

	if (rec->type == KEY_RSA && bits < RSA_BITS_MIN) {
		say(w, name, WRONG,
		    "the record's key is too short, it has %u bits, and receivers want %d at "
		    "least; "
		    "publish that of this key",
		    bits, RSA_BITS_MIN);
		say_record(w, name, key);
	} else if (!keys_fit(key, rec->key)) {
		say(w, name, WRONG,
		    "the record is of another key; publish that of this key, or configure the key "
		    "that fits");
		say_record(w, name, key);
	} else if (rec->type == KEY_RSA && bits < RSA_BITS_ADVISED) {
		say(w, name, WARNING, "the key has %u bits, %d are advised", bits,
		    RSA_BITS_ADVISED);
	}
}

static void check_record(struct work *w, const struct conf_dkim *d, const char *name,
			 const struct dkim_key *key, struct span text)
{
	static const char *const cures[] = {
		[RECORD_REVOKED] = "make a new key and a new selector with --dkim-keygen, or "
				   "publish the key again",
		[RECORD_NOT_DKIM] = "publish the key's record in its place",
		[RECORD_NO_KEY] = "publish the key's record in its place",
		[RECORD_UNKNOWN_TYPE] = "publish the key's record in its place",
		[RECORD_NOT_SHA256] = "take h= out of it",
		[RECORD_NOT_EMAIL] = "take s= out of it",
	};
	struct dkim_record rec;
	enum record_state state = record_read(text, &rec);
	bool holds_key = state == RECORD_GOOD || (state == RECORD_NO_KEY && rec.base64.len > 0);

	if (holds_key && rec.type != dkim_key_type(key)) {
		say(w, name, WRONG,
		    "the record is of type k=%s, the private key %s; publish that of this key",
		    type_name(rec.type), type_name(dkim_key_type(key)));
		say_record(w, name, key);
	} else if (state != RECORD_GOOD) {
		say(w, name, WRONG, "%s; %s", record_words(state), cures[state]);
		say_record(w, name, key);
	} else {
		check_key(w, name, key, &rec);
	}
	check_flags(w, d, name, &rec);
	record_free(&rec);
}

static void check_answer(struct work *w, const struct conf_dkim *d, const char *name,
			 const struct dkim_key *key, const struct txt *found)
{
	if (found->alias != NULL)
		say(w, name, NOTE, "a CNAME leads to %s", found->alias);
	switch (found->answer) {
	case TXT_NO_NAME:
		say(w, name, WRONG, "there is no such name; publish the key's record");
		say_record(w, name, key);
		break;
	case TXT_NO_RECORD:
		say(w, name, WRONG, "the name has no TXT record; publish the key's");
		say_record(w, name, key);
		break;
	case TXT_UNAVAILABLE:
		say(w, name, UNKNOWN, "the DNS gives no answer now; try again later");
		break;
	case TXT_FOUND:
		if (found->n == 1)
			check_record(w, d, name, key, buf_span(&found->records[0]));
		else
			say(w, name, WRONG,
			    "there are %zu TXT records, and receivers take any one of them; delete "
			    "all but the key's",
			    found->n);
		break;
	}
}

static void check_section(struct work *w, const struct conf_dkim *d)
{
	struct work here = { .conf = w->conf, .source = w->source, .rep = w->rep };
	struct result r = RESULT_OK;
	struct dkim_key *key = NULL;
	struct txt found;
	char *name;

	if (!signing_load_key(d, &key, &r)) {
		say_failure(w, d, &r);
		return;
	}
	name = xasprintf("%s._domainkey.%s", d->selector, d->domain);
	txt_find(w->source, name, &found);
	check_answer(&here, d, name, key, &found);
	if (here.status == 0 && !here.temporary)
		say(w, name, GOOD, "the record fits the private key (%s, %u bits)",
		    dkim_key_algorithm(key), dkim_key_bits(key));
	if (w->status == 0)
		w->status = here.status;
	w->temporary = w->temporary || here.temporary;
	txt_free(&found);
	free(name);
	dkim_key_free(key);
}

/* --- DMARC --- */

/* The only DMARC record among those found; they are worth nothing when there are several. */
static bool pick_policy(struct work *w, const char *name, const struct txt *found,
			struct dmarc *policy)
{
	struct dmarc one;
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++) {
		if (!dmarc_read(buf_span(&found->records[i]), &one))
			continue;
		*policy = one;
		n++;
	}
	if (n > 1)
		say(w, name, WARNING,
		    "there are %zu DMARC records, so receivers obey none; delete all but one", n);
	return n == 1;
}

static size_t labels_of(const char *domain)
{
	size_t n = 1;

	for (; *domain != '\0'; domain++)
		n += *domain == '.';
	return n;
}

/* The next domain to ask after this one; NULL when only a top level is left. */
static const char *parent_of(const char *domain)
{
	size_t labels = labels_of(domain);
	size_t left = labels > LABELS_MAX ? LABELS_MAX - 1 : labels - 1;

	if (left < 2)
		return NULL;
	for (; labels > left; labels--)
		domain = strchr(domain, '.') + 1;
	return domain;
}

/* The policy at one domain. False without one; *known says whether that is certain. */
static bool look_up_policy(struct work *w, const char *domain, struct dmarc *policy, bool *known)
{
	char *name = xasprintf("_dmarc.%s", domain);
	struct txt txt;
	bool found;

	txt_find(w->source, name, &txt);
	*known = txt.answer != TXT_UNAVAILABLE;
	if (!*known)
		say(w, name, UNKNOWN, "the DNS gives no answer now; try again later");
	found = pick_policy(w, name, &txt, policy);
	txt_free(&txt);
	free(name);
	return found;
}

/*
 * The domain whose policy receivers obey: `from`, or the uppermost one above it with a record, as
 * RFC 9989 section 4.10 has it instead of a list of where organizations end. NULL without one;
 * *known then says whether that is certain.
 */
static const char *find_policy(struct work *w, const char *from, struct dmarc *policy, bool *known)
{
	const char *found = NULL;
	struct dmarc one;

	for (const char *domain = from; domain != NULL; domain = parent_of(domain)) {
		bool here = look_up_policy(w, domain, &one, known);

		if (!*known)
			return NULL;
		if (!here)
			continue;
		if (found == NULL || !one.suffix) {
			found = domain;
			*policy = one;
		}
		if (domain == from || one.suffix || one.organization)
			break;
	}
	return found;
}

static void say_policy(struct work *w, const char *from, const char *domain,
		       const struct dmarc *policy)
{
	char *name = xasprintf("_dmarc.%s", domain);
	bool has_sp = policy->subdomains != DMARC_UNSET;

	say(w, name, NOTE, "for %s: p=%s%s%s adkim=%s aspf=%s", from,
	    dmarc_policy_name(policy->policy), has_sp ? " sp=" : "",
	    dmarc_policy_name(policy->subdomains),
	    policy->strict_dkim ? "s (strict)" : "r (relaxed)",
	    policy->strict_spf ? "s (strict)" : "r (relaxed)");
	if (policy->policy == DMARC_UNSET)
		say(w, name, WARNING,
		    "p= is missing or unknown, and receivers obey nothing, or p=none; set it");
	free(name);
}

/*
 * A subdomain with a policy below a domain without one is an organization of its own to those who
 * go by RFC 9989, though not to those with a list (RFC 7489).
 */
static void check_organization(struct work *w, const char *from, const struct conf_dkim *d)
{
	struct dmarc policy;
	bool known;

	if (find_policy(w, d->domain, &policy, &known) == NULL && known)
		say(w, d->domain, WARNING,
		    "there is no DMARC record, here or above, so to some receivers From: %s is of "
		    "another organization; publish one at _dmarc.%s",
		    from, d->domain);
}

/* Does the signature (d=) speak for authors at `from`? */
static void check_alignment(struct work *w, const char *from, const struct conf_dkim *d,
			    bool subdomains, const struct dmarc *policy)
{
	const char *how = policy->strict_dkim ? "strict" : "relaxed";

	if (!dmarc_aligned(policy->strict_dkim, from, d->domain)) {
		say(w, from, WRONG,
		    "From: %s and the signature (d=%s) are not aligned (%s); set adkim=r, or make "
		    "a "
		    "key and a section for %s",
		    from, d->domain, how, from);
		return;
	}
	say(w, from, GOOD, "From: %s and the signature (d=%s) are aligned (%s)", from, d->domain,
	    how);
	if (subdomains && policy->strict_dkim)
		say(w, from, WARNING,
		    "subdomains = on, but From: a subdomain and the signature (d=%s) are not "
		    "aligned (strict); set adkim=r, or make keys for the subdomains",
		    d->domain);
	if (ascii_casecmp(from, d->domain) != 0)
		check_organization(w, from, d);
}

static void check_policy(struct work *w, const char *from, const struct conf_dkim *d,
			 bool subdomains)
{
	struct dmarc policy;
	bool known;
	const char *domain = find_policy(w, from, &policy, &known);

	if (domain != NULL) {
		say_policy(w, from, domain, &policy);
		check_alignment(w, from, d, subdomains, &policy);
	} else if (known) {
		say(w, from, NOTE, "there is no DMARC record, here or above");
	}
}

/* --- the whole --- */

/* All that signs for authors at `from`; false when nothing does. */
static bool check_domain(struct work *w, const char *from)
{
	const struct conf_dkim *d = NULL, *last = NULL;
	bool subdomains = false;

	while ((d = dkim_for_domain(w->conf, from, d)) != NULL) {
		check_section(w, d);
		subdomains = subdomains || d->subdomains;
		last = d;
	}
	if (last != NULL)
		check_policy(w, from, last, subdomains);
	return last != NULL;
}

static bool is_first_of_domain(const struct conf *conf, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(conf->dkims[i].domain, conf->dkims[at].domain) == 0)
			return false;
	return true;
}

static bool check_all(struct work *w, struct result *r)
{
	for (size_t i = 0; i < w->conf->n_dkims; i++)
		if (is_first_of_domain(w->conf, i))
			check_domain(w, w->conf->dkims[i].domain);
	return w->conf->n_dkims > 0 ||
	       result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
			   "%s: has no dkim section; make a key: mailchute --dkim-keygen DOMAIN "
			   "SELECTOR",
			   w->conf->path);
}

static bool check_one(struct work *w, const char *argument, struct result *r)
{
	char *from = NULL;
	const char *wrong = idn_to_ascii(argument, &from);
	bool ok;

	if (wrong != NULL)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE, "%s: %s", argument, wrong);
	ascii_lower(from);
	ok = check_domain(w, from) ||
	     result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
			 "%s: no dkim section signs for %s; make a key: mailchute --dkim-keygen %s "
			 "SELECTOR",
			 w->conf->path, from, from);
	free(from);
	return ok;
}

static bool run(const struct options *o, struct work *w, struct result *r)
{
	if (o->n_recipients == 0)
		return check_all(w, r);
	return check_one(w, o->recipients[0], r);
}

int dkim_check(const struct options *o, struct report *rep)
{
	struct work w = { .rep = rep, .tempfail_status = EX_TEMPFAIL };
	struct result r = RESULT_OK;
	struct txt_source *source = NULL;
	struct conf *conf = NULL;

	if (o->n_recipients > 1)
		result_fail(&r, CAUSE_USAGE, STEP_USAGE, "--dkim-check wants one domain at most");
	else if (conf_find_and_load(o->config, &conf, &r) && txt_open(o->records, &source, &r)) {
		w.conf = conf;
		w.source = source;
		w.tempfail_status = conf->tempfail_status;
		run(o, &w, &r);
	}
	if (result_failed(&r)) {
		report_failure(rep, NULL, NULL, &r);
		count(&w, &r);
		result_free(&r);
	}
	if (w.status == 0 && w.temporary)
		w.status = w.tempfail_status;
	txt_close(source);
	conf_free(conf);
	return w.status;
}
