/*
 * mill.c - what every message passes: account, sender, header, signature
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
	buf_init(&m->header, SIGNED_HEADER_MAX);
}

void mill_free(struct mill *m)
{
	buf_free(&m->header);
	signing_free(&m->signing);
	body_hash_free(&m->body_hash);
	message_free(&m->message);
	free(m->author);
	free(m->sender);
	host_free(&m->own_host);
}

struct sink mill_tap(struct mill *m)
{
	signing_begin_body(m->conf, &m->body_hash);
	return body_hash_sink(&m->body_hash);
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

static bool read_author(const struct mill *m, struct sender *s, struct result *r)
{
	struct mailbox box;

	if (!fixup_author(&m->message.header, &box, r))
		return !result_failed(r);
	bool ok = read_sender(m, &box, "From:", s, r);
	mailbox_free(&box);
	return ok;
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
		return host_load(m->account, m->caller, &m->own_host, r);
	m->host = m->kept_host;
	return true;
}

bool mill_choose(struct mill *m, const char *given_text, bool ask_author, struct result *r)
{
	struct sender given = { .known = false }, author = { .known = false };
	bool ok =
		read_given(m, given_text, &given, r) && (!ask_author || read_author(m, &author, r));

	if (ok)
		m->account = account_choose(m->conf, m->o->account, given.wire, author.wire, r);
	ok = m->account != NULL && have_host(m, r);
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
	char *address = NULL;

	if (!m->account->dkim)
		return true;
	if (!fixup_author(&m->message.header, &author, r))
		return false;
	bool ok = envelope_address(&author, m->caller->domain, "From:", &address, r) &&
		  signing_load(m->conf, domain_of(address), &m->signing, r);
	mailbox_free(&author);
	free(address);
	return ok;
}

/* The Message-ID shows a domain that the message shows anyway. The caller frees. */
static char *id_domain(const struct mill *m)
{
	struct sender author = { .known = false };
	struct result ignored = RESULT_OK;
	const char *shown = m->sender[0] != '\0' ? m->sender : NULL;
	char *domain;

	read_author(m, &author, &ignored);
	if (author.known && !author.local)
		shown = author.wire;
	else if (m->host->from != NULL)
		shown = m->host->from;
	domain = xstrdup(shown != NULL ? domain_of(shown) : m->caller->domain);
	sender_free(&author);
	result_free(&ignored);
	return domain;
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
	bool ok = fixup_header(&m->message.header, &f, r) && divert(m, to, r) && load_keys(m, r);
	free(domain);
	return ok;
}

bool mill_finish(struct mill *m, const struct ehlo *offered, struct smtp_content *content,
		 struct result *r)
{
	(void)offered;
	buf_clear(&m->header);
	if (!signing_run(&m->signing, &m->message.header, &m->body_hash, &m->header, r))
		return false;
	if (buf_overflowed(&m->header))
		return result_fail(r, CAUSE_DATA, STEP_HEADER, "the signed header is too large");
	*content = (struct smtp_content){
		.header = buf_span(&m->header),
		.body = &m->message.body,
		.eight_bit = m->message.facts.eight_bit,
	};
	return true;
}
