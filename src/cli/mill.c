/*
 * mill.c - what every message passes: account, sender, header, repair, signature
 */
#include "cli/mill.h"

#include "base/clock.h"
#include "base/util.h"
#include "config/account.h"
#include "mail/addr.h"
#include "mail/fixup.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define SIGNED_HEADER_MAX (16 * 1024 * 1024) /* over any header with its signatures */
#define ORIGINAL_TO_MAX   (64 * 1024)

void mill_init(struct mill *m, const struct conf *conf, const struct caller *caller,
	       const struct options *o, const struct conf_account *kept_account, struct host *kept)
{
	*m = (struct mill){ .conf = conf,
			    .caller = caller,
			    .o = o,
			    .kept_account = kept_account,
			    .kept_host = kept };
	message_init(&m->message);
	repaired_init(&m->repaired);
	survey_init(&m->survey, &m->message.header);
	buf_init(&m->header, SIGNED_HEADER_MAX);
}

void mill_free(struct mill *m)
{
	buf_free(&m->header);
	body_hash_free(&m->repaired_hash);
	repaired_free(&m->repaired);
	survey_free(&m->survey);
	signing_free(&m->signing);
	body_hash_free(&m->body_hash);
	message_free(&m->message);
	free(m->utf8_address);
	free(m->author);
	free(m->sender);
	host_free(&m->own_host);
}

static bool take_body(void *ctx, const char *p, size_t len)
{
	struct mill *m = ctx;
	struct sink hash = body_hash_sink(&m->body_hash);
	struct sink survey = survey_sink(&m->survey);

	return sink_write(&hash, p, len) && sink_write(&survey, p, len);
}

struct sink mill_tap(struct mill *m)
{
	signing_begin_body(m->conf, &m->body_hash);
	return (struct sink){ take_body, m };
}

/* --- account and sender --- */

static bool is_local(void *ctx, const char *domain)
{
	const struct mill *m = ctx;

	return domain_is_local(domain, m->caller->hostname, m->caller->local_domains);
}

/* A sender: as an address on the wire, and how it was typed. */
struct sender {
	bool known;
	bool local; /* means nothing outside this host */
	char *wire; /* "" for the null address */
	char *typed;
	char *domain; /* as typed, NULL for a bare name */
};

static void sender_free(struct sender *s)
{
	free(s->wire);
	free(s->typed);
	free(s->domain);
}

static bool read_sender(const struct mill *m, const struct mailbox *box, const char *origin,
			struct sender *s, struct result *r)
{
	struct buf typed;

	if (!envelope_address(box, m->caller->domain, origin, &s->wire, r))
		return false;
	buf_init(&typed, FIELD_MAX);
	addr_write(box, &typed);
	s->typed = buf_detach(&typed);
	s->domain = box->domain != NULL ? xstrdup(box->domain) : NULL;
	s->local = !mailbox_is_null(box) &&
		   domain_is_local(box->domain, m->caller->hostname, m->caller->local_domains);
	s->known = true;
	return true;
}

static bool read_given(const struct mill *m, const char *given, struct sender *s, struct result *r)
{
	struct mailbox box;
	const char *why;

	if (given == NULL)
		return true;
	if (has_control(given, strlen(given)))
		return result_fail(r, CAUSE_DATA, STEP_ADDRESS,
				   "the sender holds a control character");
	why = addr_parse_one(span_of(given), true, &box);
	if (why != NULL)
		return envelope_bad_address(span_of(given), "the sender", why, r);
	bool ok = read_sender(m, &box, "the sender", s, r);
	mailbox_free(&box);
	return ok;
}

/* An author that nobody can read is none here; mill_fix() says so, if it cannot help it. */
static void read_author(const struct mill *m, struct sender *s)
{
	struct mailbox box;
	const char *origin;

	struct result unreadable = RESULT_OK;

	if (fixup_sender(&m->message.header, &box, &origin, &unreadable)) {
		read_sender(m, &box, origin, s, &unreadable);
		mailbox_free(&box);
	}
	result_free(&unreadable);
}

static void set_rewrite(struct mill *m)
{
	m->rewrite = (struct rewrite){
		.mode = m->account->rewrite_from,
		.from = m->host->from,
		.node = m->caller->node,
		.login = m->caller->login,
		.full_name = m->caller->full_name,
		.name = m->o->full_name,
		.is_local = is_local,
		.ctx = m,
	};
}

static bool replaced(const struct mill *m, const struct sender *s)
{
	return s->wire[0] != '\0' && rewrite_applies(&m->rewrite, s->domain);
}

static const char *domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL ? at + 1 : NULL;
}

static void settle_sender(struct mill *m, const struct sender *given, const struct sender *author)
{
	const char *login = m->caller->login;

	if (given->known)
		m->sender = xstrdup(replaced(m, given) ? m->host->from : given->wire);
	else if (author->known && !author->local)
		m->sender = xstrdup(replaced(m, author) ? m->host->from : author->wire);
	else if (m->host->from != NULL)
		m->sender = xstrdup(m->host->from);
	else
		m->sender = xasprintf("%s@%s", login, m->caller->domain);

	if (given->known && given->wire[0] != '\0')
		m->author = xstrdup(given->typed);
	else if (m->host->from != NULL && m->rewrite.mode == REWRITE_NEVER)
		m->author = xstrdup(m->host->from);
	else
		m->author = xstrdup(login);
}

static bool have_host(struct mill *m, struct result *r)
{
	m->host = &m->own_host;
	if (m->account != m->kept_account)
		return host_load(m->conf, m->account, m->caller, &m->own_host, r);
	m->host = m->kept_host;
	return true;
}

/* A demand the account forbids cannot be met by any host. */
static bool check_demands(const struct mill *m, struct result *r)
{
	return !m->o->delivery.smtputf8 || m->account->smtputf8 != UTF8_NO ||
	       result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
			   "SMTPUTF8 is asked for (-O smtputf8=yes), and account \"%s\" has "
			   "smtputf8 = no",
			   m->account->name);
}

bool mill_choose(struct mill *m, const char *given_text, bool ask_author, struct result *r)
{
	struct sender given = { .known = false }, author = { .known = false };
	bool ok = read_given(m, given_text, &given, r);

	if (ok && ask_author)
		read_author(m, &author);
	if (ok)
		m->account = account_choose(m->conf, m->o->account, given.wire, author.wire, r);
	ok = m->account != NULL && check_demands(m, r) && have_host(m, r);
	if (ok) {
		set_rewrite(m);
		settle_sender(m, &given, &author);
	}
	sender_free(&given);
	sender_free(&author);
	return ok;
}

/* --- the header --- */

/* Shown to those who get the diverted mail: whose it was. */
static void add_original_to(struct header *h, const struct envelope *to)
{
	struct buf value;

	buf_init(&value, ORIGINAL_TO_MAX);
	for (size_t i = 0; i < to->n; i++) {
		if (value.len + strlen(to->recipients[i]) + 64 > ORIGINAL_TO_MAX) {
			buf_adds(&value, ",\r\n others");
			break;
		}
		buf_addf(&value, "%s%s", i > 0 ? ",\r\n " : "", to->recipients[i]);
	}
	header_insert_value(h, h->n, "X-Original-To", buf_str(&value));
	buf_free(&value);
}

static bool divert(struct mill *m, struct envelope *to, struct result *r)
{
	if (m->account->divert_to == NULL)
		return true;
	/* --sign may know of no recipient. */
	if (to->n > 0)
		add_original_to(&m->message.header, to);
	envelope_free(to);
	for (char **d = m->account->divert_to; *d != NULL; d++) {
		char *address;

		if (!envelope_parse(span_of(*d), false, m->caller->domain, "divert_to", &address,
				    r))
			return false;
		envelope_add(to, address);
	}
	return true;
}

static bool load_keys(struct mill *m, struct result *r)
{
	struct mailbox author;
	const char *origin;
	char *address = NULL;

	if (!m->account->dkim)
		return true;
	if (!fixup_signer(&m->message.header, &author, &origin, r))
		return false;
	bool ok = envelope_address(&author, m->caller->domain, origin, &address, r) &&
		  signing_load(m->conf, domain_of(address), &m->signing, r);
	if (ok && m->signing.n == 0 && m->account->dkim_required)
		ok = result_fail(r, CAUSE_CONFIG, STEP_SIGN,
				 "no DKIM key signs for %s, and dkim_required = yes (add a dkim "
				 "section for it: mailchute --dkim-keygen)",
				 domain_of(address));
	m->unsigned_author = ok && m->signing.n == 0 && m->conf->n_dkims > 0;
	mailbox_free(&author);
	free(address);
	return ok;
}

const char *mill_dkim_word(const struct mill *m)
{
	return m->unsigned_author ? "none" : NULL;
}

/* The Message-ID shows a domain that the message shows anyway. The caller frees. */
static char *id_domain(const struct mill *m)
{
	struct sender author = { .known = false };
	const char *shown = m->sender[0] != '\0' ? m->sender : NULL;
	char *domain;

	read_author(m, &author);
	if (author.known && !author.local)
		shown = author.wire;
	else if (m->host->from != NULL)
		shown = m->host->from;
	domain = xstrdup(shown != NULL ? domain_of(shown) : m->caller->domain);
	sender_free(&author);
	return domain;
}

static void note_utf8_address(struct mill *m, const struct envelope *to)
{
	const char *found = envelope_needs_utf8(m->sender) ? m->sender : NULL;

	for (size_t i = 0; found == NULL && i < to->n; i++)
		if (envelope_needs_utf8(to->recipients[i]))
			found = to->recipients[i];
	m->utf8_address = found != NULL ? xstrdup(found) : NULL;
}

bool mill_fix(struct mill *m, struct envelope *to, struct result *r)
{
	char *domain = id_domain(m);
	struct fixup f = {
		.from = m->author,
		.from_name = m->o->full_name != NULL ? m->o->full_name : m->caller->full_name,
		.domain = m->caller->domain,
		.id_domain = domain,
		.now = clock_now(),
		.rewrite = &m->rewrite,
	};

	body_hash_finish(&m->body_hash);
	survey_finish(&m->survey);
	bool ok = fixup_header(&m->message.header, &f, r) && divert(m, to, r) && load_keys(m, r);
	note_utf8_address(m, to);
	free(domain);
	return ok;
}

/* --- for one host --- */

static bool repair(struct mill *m, const struct mill_terms *terms, struct result *r)
{
	const struct conf_account *a = m->account;
	bool eight_bit = m->survey.eight_bit || header_has_8bit(&m->message.header);
	char *charset = eight_bit ? caller_charset() : NULL;
	const struct repair_terms wanted = {
		.eight_bit = terms->eight_bit,
		.utf8 = terms->utf8 && a->smtputf8 != UTF8_NO,
		.utf8_preferred = a->smtputf8 == UTF8_YES || m->o->delivery.smtputf8,
		.may_change = a->repair,
		.utf8_address = m->utf8_address,
		.charset = charset,
	};
	struct sink tap;

	repaired_free(&m->repaired);
	body_hash_free(&m->repaired_hash);
	signing_begin_body(m->conf, &m->repaired_hash);
	tap = body_hash_sink(&m->repaired_hash);
	bool ok = repair_message(&m->message, &m->survey, &wanted, &tap, &m->repaired, r);
	body_hash_finish(&m->repaired_hash);
	free(charset);
	return ok;
}

bool mill_finish(struct mill *m, const struct mill_terms *terms, struct smtp_content *content,
		 struct result *r)
{
	struct repaired *final = &m->repaired;
	bool changed;

	if (!repair(m, terms, r))
		return false;
	changed = final->changed_body;
	buf_clear(&m->header);
	if (!signing_run(&m->signing, &final->header, changed ? &m->repaired_hash : &m->body_hash,
			 &m->header, r))
		return false;
	if (buf_overflowed(&m->header))
		return result_fail(r, CAUSE_DATA, STEP_HEADER, "the signed header is too large");
	*content = (struct smtp_content){
		.header = buf_span(&m->header),
		.body = changed ? &final->body : &m->message.body,
		.eight_bit = final->eight_bit,
		.utf8 = final->utf8,
	};
	return true;
}
