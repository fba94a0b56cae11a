/*
 * cert.c - what a server's certificate must be, and the sentence when it is not
 */
#include "net/cert.h"

#include "base/clock.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/banned.h"

#define SENTENCE_MAX 3000
#define DN_SHOWN     200 /* bytes of a distinguished name */
#define NAME_SHOWN   64  /* bytes of a name in subjectAltName */
#define NAMES_SHOWN  5
#define NAMES_MAX    1000 /* that are looked at to be shown or counted */
#define SHA256_SIZE  32
#define DATE_SIZE    sizeof "2026-11-22T04:00:00Z+++"

static const char cure_ca[] = "set tls_ca_file to the CA that signed it";
static const char cure_clock[] = "check this machine's clock, or have the server's certificate "
				 "renewed";
static const char cure_name[] = "set host or tls_host to a name in the certificate";
static const char cure_renew[] = "the server needs another certificate";
static const char cure_self[] = "set tls_ca_file to a copy of it, or tls_ca_file = none and "
				"tls_pin to its pin, when you know it to be the server's";

/* --- pieces of a sentence --- */

/* Somebody else's text: what is no printable character becomes a question mark. */
static void add_foreign(struct buf *b, struct span s, size_t max)
{
	bool cut = s.len > max;
	size_t len = cut ? max : s.len;

	while (cut && len > 0 && ((unsigned char)s.p[len] & 0xc0) == 0x80)
		len--;
	for (size_t i = 0; i < len; i++)
		buf_addc(b, ascii_iscntrl(s.p[i]) ? '?' : s.p[i]);
	if (cut)
		buf_adds(b, "...");
}

typedef int get_dn(gnutls_x509_crt_t crt, gnutls_datum_t *dn, unsigned flags);

static void add_dn(struct buf *b, gnutls_x509_crt_t crt, get_dn *get)
{
	gnutls_datum_t dn = { NULL, 0 };

	buf_addc(b, '"');
	if (get(crt, &dn, 0) >= 0) {
		add_foreign(b, (struct span){ (const char *)dn.data, dn.size }, DN_SHOWN);
		gnutls_free(dn.data);
	}
	buf_addc(b, '"');
}

/* RFC 3339, UTC. */
static void add_date(struct buf *b, time_t when)
{
	char text[DATE_SIZE];
	struct tm tm;

	if (when < 0 || gmtime_r(&when, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		buf_adds(b, "an unknown date");
	else
		buf_adds(b, text);
}

void cert_pin(gnutls_x509_crt_t crt, struct buf *out)
{
	unsigned char id[SHA256_SIZE];
	size_t size = sizeof id;

	buf_adds(out, "sha256:");
	if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, id, &size) < 0)
		return;
	for (size_t i = 0; i < size; i++)
		buf_addf(out, "%02x", id[i]);
}

static bool refuse(const struct cert_wanted *w, gnutls_x509_crt_t crt, const struct buf *why,
		   const char *cure, struct result *r)
{
	struct buf b;

	buf_init(&b, SENTENCE_MAX);
	buf_addf(&b, "the certificate for %s is not trusted: %s (%s); subject ", w->name,
		 buf_str(why), cure);
	add_dn(&b, crt, gnutls_x509_crt_get_dn3);
	buf_adds(&b, ", issuer ");
	add_dn(&b, crt, gnutls_x509_crt_get_issuer_dn3);
	buf_adds(&b, ", valid from ");
	add_date(&b, gnutls_x509_crt_get_activation_time(crt));
	buf_adds(&b, " to ");
	add_date(&b, gnutls_x509_crt_get_expiration_time(crt));
	buf_adds(&b, ", pin ");
	cert_pin(crt, &b);
	result_fail(r, CAUSE_CONFIG, STEP_TLS, "%s", buf_str(&b));
	buf_free(&b);
	return false;
}

/* --- dates --- */

/* Words, when they are not those of a valid certificate; `who` is "it" for the server's own. */
static bool tell_dates(gnutls_x509_crt_t crt, struct span who, struct buf *why)
{
	time_t from = gnutls_x509_crt_get_activation_time(crt);
	time_t to = gnutls_x509_crt_get_expiration_time(crt);
	time_t now = clock_now();

	if (now >= from && now <= to)
		return false;
	buf_addspan(why, who);
	buf_adds(why, now < from ? " is not valid before " : " expired on ");
	add_date(why, now < from ? from : to);
	return true;
}

/* --- the name --- */

static bool is_name_type(int type)
{
	return type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_IPADDRESS;
}

/* One entry of subjectAltName; a negative number after the last. */
static int get_name(gnutls_x509_crt_t crt, unsigned i, char *p, size_t *len)
{
	int type = gnutls_x509_crt_get_subject_alt_name(crt, i, p, len, NULL);

	if (type == GNUTLS_E_SHORT_MEMORY_BUFFER) { /* too long to be shown, and for a host name */
		*len = 0;
		return GNUTLS_SAN_OTHERNAME;
	}
	return type;
}

static void add_name(struct buf *b, int type, struct span name)
{
	char address[INET6_ADDRSTRLEN];
	int family = name.len == sizeof(struct in_addr) ? AF_INET : AF_INET6;

	if (type == GNUTLS_SAN_DNSNAME) {
		add_foreign(b, name, NAME_SHOWN);
	} else if (name.len == sizeof(struct in_addr) || name.len == sizeof(struct in6_addr)) {
		inet_ntop(family, name.p, address, sizeof address);
		buf_adds(b, address);
	} else {
		buf_adds(b, "a broken address");
	}
}

/* The names it has, the first few; returns how many there are. */
static unsigned tell_names(gnutls_x509_crt_t crt, struct buf *why)
{
	unsigned names = 0;

	for (unsigned i = 0; i < NAMES_MAX; i++) {
		char name[1024];
		size_t len = sizeof name;
		int type = get_name(crt, i, name, &len);

		if (type < 0)
			break;
		if (!is_name_type(type) || ++names > NAMES_SHOWN)
			continue;
		if (names > 1)
			buf_adds(why, ", ");
		add_name(why, type, (struct span){ name, len });
	}
	if (names > NAMES_SHOWN)
		buf_addf(why, " and %u more", names - NAMES_SHOWN);
	return names;
}

static bool has_name(gnutls_x509_crt_t crt, const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, name, address) == 1)
		return gnutls_x509_crt_check_ip(crt, address, sizeof(struct in_addr), 0) != 0;
	if (inet_pton(AF_INET6, name, address) == 1)
		return gnutls_x509_crt_check_ip(crt, address, sizeof address, 0) != 0;
	return gnutls_x509_crt_check_hostname(crt, name) != 0;
}

/* GnuTLS would fall back to the subject's CN where there is no other name; RFC 9525 does not. */
static bool tell_name(const struct cert_wanted *w, gnutls_x509_crt_t crt, struct buf *why,
		      const char **cure)
{
	struct buf names;
	unsigned n;

	buf_init(&names, SENTENCE_MAX);
	n = tell_names(crt, &names);
	bool ok = n > 0 && has_name(crt, w->name);
	if (n == 0) {
		buf_adds(why, "it has no subjectAltName with a name or address, and the subject's "
			      "CN does not count (RFC 9525)");
		*cure = cure_renew;
	} else if (!ok) {
		buf_addf(why, "it is for %s", buf_str(&names));
		*cure = cure_name;
	}
	buf_free(&names);
	return !ok;
}

/* --- pins --- */

static bool tell_pins(const struct cert_wanted *w, gnutls_x509_crt_t crt, struct buf *why)
{
	struct buf pin;
	bool ok = false;

	buf_init(&pin, SENTENCE_MAX);
	cert_pin(crt, &pin);
	for (char *const *p = w->pins; p != NULL && *p != NULL && !ok; p++)
		ok = span_ieq(buf_span(&pin), *p);
	if (!ok)
		buf_adds(why, "its key is none of those that tls_pin lists");
	buf_free(&pin);
	return !ok;
}

bool cert_judge(const struct cert_wanted *w, gnutls_x509_crt_t crt, struct result *r)
{
	const char *cure = "if the server has a new key, set tls_pin to its pin";
	struct buf why;
	bool bad = false;

	buf_init(&why, SENTENCE_MAX);
	if (!w->pins_only) {
		bad = tell_dates(crt, span_of("it"), &why);
		if (bad)
			cure = cure_clock;
		else
			bad = tell_name(w, crt, &why, &cure);
	}
	if (!bad && (w->pins_only || w->pins != NULL))
		bad = tell_pins(w, crt, &why);
	if (bad)
		refuse(w, crt, &why, cure, r);
	buf_free(&why);
	return !bad;
}

/* --- what GnuTLS says of a chain --- */

struct trouble {
	unsigned bit;
	gnutls_alert_description_t alert;
	const char *words; /* NULL: they depend on the chain */
	const char *cure;
};

static void tell_issuer(const gnutls_datum_t *chain, unsigned n, struct buf *why,
			const char **cure);
static void tell_chain_dates(const gnutls_datum_t *chain, unsigned n, struct buf *why);

/* The gravest first: its cure and its alert are the ones to tell. */
static const struct trouble troubles[] = {
	{ GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, "it has been revoked", cure_renew },
	{ GNUTLS_CERT_SIGNATURE_FAILURE, GNUTLS_A_BAD_CERTIFICATE,
	  "the signature on it or on its issuer's is wrong", cure_renew },
	{ GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA, NULL, cure_ca },
	{ GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA, "its issuer is not a CA", cure_renew },
	{ GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, GNUTLS_A_BAD_CERTIFICATE,
	  "its issuer's constraints do not allow it", cure_renew },
	{ GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_BAD_CERTIFICATE, NULL, cure_clock },
	{ GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, NULL, cure_clock },
	{ GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_INSUFFICIENT_SECURITY,
	  "it, or one of its chain, is signed in a way that is too weak", cure_renew },
	{ GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	  "it is not meant for TLS servers", cure_renew },
	{ GNUTLS_CERT_MISSING_OCSP_STATUS, GNUTLS_A_CERTIFICATE_UNKNOWN,
	  "it has to come with a stapled OCSP response, and has none",
	  "have the server staple one" },
	{ GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED, GNUTLS_A_CERTIFICATE_UNKNOWN,
	  "its stapled OCSP response is out of date", "have the server staple a new one" },
	{ GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE, GNUTLS_A_CERTIFICATE_UNKNOWN,
	  "its stapled OCSP response is from the future", "check this machine's clock" },
	{ GNUTLS_CERT_INVALID_OCSP_STATUS, GNUTLS_A_CERTIFICATE_UNKNOWN,
	  "its stapled OCSP response is of no use", "have the server staple a good one" },
	{ GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	  "it has a critical extension that is not known", cure_renew },
};

gnutls_x509_crt_t cert_import(const gnutls_datum_t *der)
{
	gnutls_x509_crt_t crt;

	if (gnutls_x509_crt_init(&crt) < 0)
		out_of_memory();
	if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) >= 0)
		return crt;
	gnutls_x509_crt_deinit(crt);
	return NULL;
}

time_t cert_chain_end(const gnutls_datum_t *chain, unsigned n)
{
	time_t now = clock_now(), end = 0;

	for (unsigned i = 0; i < n; i++) {
		gnutls_x509_crt_t crt = cert_import(&chain[i]);
		time_t to = crt != NULL ? gnutls_x509_crt_get_expiration_time(crt) : now;

		/* One that has expired already is no part of what was verified. */
		if (to > now && (end == 0 || to < end))
			end = to;
		if (crt != NULL)
			gnutls_x509_crt_deinit(crt);
	}
	return end;
}

/* Where the chain breaks off. */
static void tell_issuer(const gnutls_datum_t *chain, unsigned n, struct buf *why, const char **cure)
{
	gnutls_x509_crt_t last = cert_import(&chain[n - 1]);

	if (last == NULL) {
		buf_adds(why, "its issuer is not known");
		return;
	}
	if (gnutls_x509_crt_check_issuer(last, last) == 0) {
		buf_adds(why, "its issuer is not known: nobody here trusts ");
		add_dn(why, last, gnutls_x509_crt_get_issuer_dn3);
	} else if (n == 1) {
		buf_adds(why, "it is self-signed");
		*cure = cure_self;
	} else {
		buf_adds(why, "its issuer is not known: its chain ends with the self-signed ");
		add_dn(why, last, gnutls_x509_crt_get_dn3);
	}
	gnutls_x509_crt_deinit(last);
}

/* Whose dates they are: the server's own certificate's, or another's of its chain. */
static void tell_chain_dates(const gnutls_datum_t *chain, unsigned n, struct buf *why)
{
	bool told = false;

	for (unsigned i = 0; i < n && !told; i++) {
		gnutls_x509_crt_t crt = cert_import(&chain[i]);
		struct buf who;

		if (crt == NULL)
			continue;
		buf_init(&who, SENTENCE_MAX);
		buf_adds(&who, i == 0 ? "it" : "its chain's ");
		if (i > 0)
			add_dn(&who, crt, gnutls_x509_crt_get_dn3);
		told = tell_dates(crt, buf_span(&who), why);
		buf_free(&who);
		gnutls_x509_crt_deinit(crt);
	}
	if (!told)
		buf_adds(why, "the CA that signed it has expired, or is not valid yet");
}

static void tell_trouble(const struct trouble *t, const gnutls_datum_t *chain, unsigned n,
			 struct buf *why, const char **cure)
{
	if (t->words != NULL)
		buf_adds(why, t->words);
	else if (t->bit == GNUTLS_CERT_SIGNER_NOT_FOUND)
		tell_issuer(chain, n, why, cure);
	else
		tell_chain_dates(chain, n, why);
}

bool cert_refuse(const struct cert_wanted *w, const gnutls_datum_t *chain, unsigned n,
		 unsigned status, struct result *r)
{
	gnutls_x509_crt_t crt = n > 0 ? cert_import(&chain[0]) : NULL;
	const char *cure = NULL;
	struct buf why;

	if (crt == NULL)
		return result_fail(r, CAUSE_CONFIG, STEP_TLS,
				   "the certificate for %s cannot be read (%s)", w->name,
				   cure_renew);
	buf_init(&why, SENTENCE_MAX);
	for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
		const char *own_cure = troubles[i].cure;

		if ((status & troubles[i].bit) == 0)
			continue;
		if (why.len > 0)
			buf_adds(&why, ", and ");
		tell_trouble(&troubles[i], chain, n, &why, &own_cure);
		if (cure == NULL)
			cure = own_cure;
	}
	if (cure == NULL) {
		buf_adds(&why, "it is not valid");
		cure = cure_renew;
	}
	refuse(w, crt, &why, cure, r);
	buf_free(&why);
	gnutls_x509_crt_deinit(crt);
	return false;
}

gnutls_alert_description_t cert_alert(unsigned status)
{
	for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
		if ((status & troubles[i].bit) != 0)
			return troubles[i].alert;
	}
	return GNUTLS_A_BAD_CERTIFICATE;
}
