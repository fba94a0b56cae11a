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

#define RSA_BITS_ADVISED 2048 /* RFC 8301 section 3.2 */
#define LINE_MAX_LEN     8192
#define BASE64_MAX       8192 /* a public key, or a signature, of 16384 bits is half of it */

/* What was found at _dmarc of a domain. */
struct answer {
	struct answer *next;
	char *domain;
	enum { NO_POLICY, ONE_POLICY, SEVERAL_POLICIES, NO_ANSWER } kind;
	struct dmarc policy;
};

/* A walk from a domain upwards. */
struct search {
	struct dmarc_walk walk;
	bool several; /* somewhere, so that none of them counts */
	bool unknown;
};

struct work {
	const struct conf *conf;
	const struct txt_source *source;
	struct report *rep;
	int status;     /* of the first thing that is wrong; 0 without one */
	bool temporary; /* an answer was not to be had */
	int tempfail_status;
	struct answer *answers; /* so that nothing is asked, or told, twice */
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

/* They are worth nothing when there are several. */
static void read_policies(struct work *w, const char *name, const struct txt *found,
			  struct answer *out)
{
	struct dmarc one;
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++) {
		if (!dmarc_read(buf_span(&found->records[i]), &one))
			continue;
		out->policy = one;
		n++;
	}
	if (found->answer == TXT_UNAVAILABLE) {
		out->kind = NO_ANSWER;
		say(w, name, UNKNOWN, "the DNS gives no answer now; try again later");
	} else if (n > 1) {
		out->kind = SEVERAL_POLICIES;
		say(w, name, WARNING,
		    "there are %zu DMARC records, so receivers obey none; delete all but one", n);
	} else {
		out->kind = n == 1 ? ONE_POLICY : NO_POLICY;
	}
}

static const struct answer *look_up_policy(struct work *w, const char *domain)
{
	struct answer *a = w->answers;
	struct txt txt;
	char *name;

	while (a != NULL && strcmp(a->domain, domain) != 0)
		a = a->next;
	if (a != NULL)
		return a;
	a = xcalloc(1, sizeof *a);
	a->domain = xstrdup(domain);
	a->next = w->answers;
	w->answers = a;
	name = xasprintf("_dmarc.%s", domain);
	txt_find(w->source, name, &txt);
	read_policies(w, name, &txt, a);
	txt_free(&txt);
	free(name);
	return a;
}

static void answers_free(struct answer *a)
{
	while (a != NULL) {
		struct answer *next = a->next;

		free(a->domain);
		free(a);
		a = next;
	}
}

static void search_step(struct work *w, struct search *s)
{
	const struct answer *a = look_up_policy(w, s->walk.next);

	s->several = s->several || a->kind == SEVERAL_POLICIES;
	s->unknown = s->unknown || a->kind == NO_ANSWER;
	dmarc_walk_take(&s->walk, a->kind == ONE_POLICY ? &a->policy : NULL);
}

/* As far as the policy is, or with `whole` the organization too. False: nobody knows now. */
static bool search(struct work *w, struct search *s, bool whole)
{
	while (s->walk.next != NULL && !s->unknown && (whole || s->walk.found != s->walk.start))
		search_step(w, s);
	return !s->unknown;
}

static struct search search_begin(const char *domain)
{
	struct search s = { .several = false };

	dmarc_walk_begin(&s.walk, domain);
	return s;
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

static void say_unaligned(struct work *w, const struct dmarc_walk *author,
			  const struct dmarc_walk *signer)
{
	const char *from = author->start, *d = signer->start;

	if (author->policy.strict_dkim)
		say(w, from, WRONG,
		    "From: %s and the signature (d=%s) are not aligned (strict); set adkim=r, or "
		    "make a key and a section for %s",
		    from, d, from);
	else if (signer->found == NULL)
		say(w, from, WRONG,
		    "From: %s and the signature (d=%s) are not aligned (relaxed), as %s has no "
		    "DMARC record and is another organization than %s; publish one at _dmarc.%s, "
		    "or make a key and a section for %s",
		    from, d, d, author->organization, d, from);
	else
		say(w, from, WRONG,
		    "From: %s and the signature (d=%s) are not aligned (relaxed), as their "
		    "organizations are %s and %s; take psd= out of their records, or make a key "
		    "and a section for %s",
		    from, d, author->organization, signer->organization, from);
}

/* What is good for `from` is not for the names below it, which are signed by it too. */
static void check_subdomains(struct work *w, const struct dmarc_walk *author, const char *d)
{
	const char *how = NULL;

	if (author->policy.strict_dkim)
		how = "(strict); set adkim=r";
	else if (author->found == author->start && author->policy.suffix)
		how = "(relaxed), as each is an organization by psd=y; take psd=y out";
	if (how != NULL)
		say(w, author->start, WARNING,
		    "subdomains = on, but From: a subdomain and the signature (d=%s) are not "
		    "aligned %s, or make keys for the subdomains",
		    d, how);
}

/* Does the signature (d=) speak for authors at `from`? */
static void check_alignment(struct work *w, struct search *author, const struct conf_dkim *d,
			    bool subdomains)
{
	const char *from = author->walk.start;
	bool strict = author->walk.policy.strict_dkim;
	struct search signer = search_begin(d->domain);

	if (!strict && ascii_casecmp(from, d->domain) != 0 &&
	    (!search(w, author, true) || !search(w, &signer, true)))
		return;
	if (!dmarc_aligned(strict, &author->walk, &signer.walk)) {
		say_unaligned(w, &author->walk, &signer.walk);
		return;
	}
	say(w, from, GOOD, "From: %s and the signature (d=%s) are aligned (%s)", from, d->domain,
	    strict ? "strict" : "relaxed");
	if (subdomains)
		check_subdomains(w, &author->walk, d->domain);
}

static void check_policy(struct work *w, const char *from, const struct conf_dkim *d,
			 bool subdomains)
{
	struct search author = search_begin(from);

	if (!search(w, &author, false))
		return;
	if (author.walk.found == NULL) {
		say(w, from, NOTE, "there is no DMARC record%s, here or above",
		    author.several ? " that counts" : "");
		return;
	}
	say_policy(w, from, author.walk.found, &author.walk.policy);
	check_alignment(w, &author, d, subdomains);
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
	answers_free(w.answers);
	txt_close(source);
	conf_free(conf);
	return w.status;
}
