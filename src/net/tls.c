/*
 * tls.c - TLS for a connection
 */
#include "net/tls.h"

#include "base/clock.h"
#include "base/util.h"
#include "net/cert.h"
#include "net/setup.h"
#include "net/trust.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

#define RAW_MAX      (17 * 1024)  /* a whole record of 16 KiB and its overhead in one read */
#define OUT_FULL     (64 * 1024)  /* as much is sent without waiting for more */
#define OUT_MAX      (512 * 1024) /* OUT_FULL and whatever GnuTLS can add by one call */
#define VERIFIED_FOR (24 * 3600)  /* s that tickets may stand for a chain that was verified */
#define ALERT_WORDS  "the server sent the alert: "

struct tls {
	gnutls_session_t session;
	struct conn *conn;
	const struct tls_setup *setup;
	const char *name;     /* during the handshake */
	struct result *r;     /* the same */
	bool judged;          /* the server's certificate, and found good */
	time_t verified_till; /* of a resumed session: of the chain it began with */
	struct buf out;       /* records that are not sent yet */
	size_t out_at;
	int lost;        /* errno of the send() that failed: nothing is sent any more */
	size_t too_late; /* bytes that were waiting then */
	int sys_errno;   /* of the last system call that failed */
	bool ended;      /* the peer closed its side */
	char words[128]; /* of the alert that ended the session */
	char first[4];   /* bytes the server sent */
	size_t n_first;
	size_t raw_at;
	size_t raw_len;
	char raw[RAW_MAX];
};

/* --- bytes --- */

static size_t unsent(const struct tls *t)
{
	return t->out.len - t->out_at;
}

/*
 * Is there anything that the server waits for? The record of six bytes that TLS 1.3 has for
 * middleboxes alone (RFC 8446 appendix D.4) is worth no packet of its own.
 */
static bool must_send(const struct tls *t)
{
	static const unsigned char change_cipher_spec[] = { 0x14, 3, 3, 0, 1, 1 };

	return unsent(t) > 0 &&
	       (unsent(t) != sizeof change_cipher_spec ||
		memcmp(t->out.p + t->out_at, change_cipher_spec, sizeof change_cipher_spec) != 0);
}

/* As much as the kernel takes now. */
static void send_out(struct tls *t)
{
	while (unsent(t) > 0 && t->lost == 0) {
		ssize_t n = send(t->conn->fd, t->out.p + t->out_at, unsent(t), MSG_NOSIGNAL);

		if (n >= 0)
			t->out_at += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			t->lost = errno;
	}
	t->too_late += unsent(t);
	buf_clear(&t->out);
	t->out_at = 0;
}

/*
 * GnuTLS asks for a record's five bytes and then for the rest; reading ahead into `raw` makes
 * one system call of both. A server that never pauses must not keep us from seeing the deadline:
 * when it is over nothing has arrived, and conn_wait() says what that means.
 */
static ssize_t fill(struct tls *t)
{
	ssize_t n = -1;

	errno = EAGAIN;
	if (clock_mono_ms() < t->conn->until)
		n = recv(t->conn->fd, t->raw, sizeof t->raw, 0);
	if (n <= 0) {
		t->ended = n == 0;
		t->sys_errno = n < 0 ? errno : 0;
		if (n < 0 && must_send(t)) /* what is waited for may be the answer to it */
			send_out(t);
		gnutls_transport_set_errno(t->session, t->sys_errno);
		return n;
	}
	t->raw_at = 0;
	t->raw_len = (size_t)n;
	for (size_t i = 0; i < t->raw_len && t->n_first < sizeof t->first; i++)
		t->first[t->n_first++] = t->raw[i];
	return n;
}

static ssize_t pull(gnutls_transport_ptr_t ctx, void *p, size_t len)
{
	struct tls *t = ctx;

	if (t->raw_at == t->raw_len) {
		ssize_t n = fill(t);

		if (n <= 0)
			return n;
	}
	size_t have = t->raw_len - t->raw_at;
	if (len > have)
		len = have;
	memcpy(p, t->raw + t->raw_at, len);
	t->raw_at += len;
	return (ssize_t)len;
}

/* Nothing here waits; GnuTLS's own would take `ctx` for a descriptor. */
static int pull_timeout(gnutls_transport_ptr_t ctx, unsigned ms)
{
	const struct tls *t = ctx;

	(void)ms;
	return t->raw_at < t->raw_len;
}

/* Collects what makes a flight; it leaves before the next read, or when it is enough. */
static ssize_t push(gnutls_transport_ptr_t ctx, const giovec_t *iov, int n)
{
	struct tls *t = ctx;
	ssize_t total = 0;

	if (t->out_at > 0) {
		buf_consume(&t->out, t->out_at);
		t->out_at = 0;
	}
	for (int i = 0; i < n; i++) {
		if (t->lost == 0)
			buf_add(&t->out, iov[i].iov_base, iov[i].iov_len);
		total += (ssize_t)iov[i].iov_len;
	}
	if (!buf_overflowed(&t->out))
		return total;
	t->sys_errno = EMSGSIZE;
	gnutls_transport_set_errno(t->session, EMSGSIZE);
	return -1;
}

/* Not ours to act upon: no renegotiation, and a warning is followed by what matters. */
static bool again(ssize_t n)
{
	return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_REHANDSHAKE ||
	       n == GNUTLS_E_WARNING_ALERT_RECEIVED;
}

static ssize_t outcome_of(struct tls *t, ssize_t n, const char **why)
{
	if (n >= 0)
		return n;
	if (again(n))
		return must_send(t) ? IO_WANT_WRITE : IO_WANT_READ;
	if (n == GNUTLS_E_PREMATURE_TERMINATION)
		return IO_EOF;
	if (n == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		snprintf(t->words, sizeof t->words, ALERT_WORDS "%s",
			 gnutls_alert_get_name(gnutls_alert_get(t->session)));
		*why = t->words;
		return IO_REFUSED;
	}
	if (n == GNUTLS_E_PULL_ERROR || n == GNUTLS_E_PUSH_ERROR)
		*why = strerror(t->sys_errno);
	else
		*why = gnutls_strerror((int)n);
	return IO_FAILED;
}

/*
 * GnuTLS also says "again" when it has dealt with a record that was not for us, a session
 * ticket say. Waiting for the socket then, while the next record lies in `raw`, would be for
 * ever.
 */
static bool has_raw(const struct tls *t)
{
	return t->raw_at < t->raw_len;
}

static ssize_t tls_read(void *ctx, char *p, size_t len, const char **why)
{
	struct tls *t = ctx;
	ssize_t n;

	do
		n = gnutls_record_recv(t->session, p, len);
	while (again(n) && has_raw(t));
	return outcome_of(t, n, why);
}

static ssize_t tls_flush(void *ctx, const char **why)
{
	struct tls *t = ctx;

	send_out(t);
	if (t->lost != 0) {
		*why = strerror(t->lost);
		return IO_FAILED;
	}
	return unsent(t) > 0 ? IO_WANT_WRITE : 0;
}

static size_t tls_pending(void *ctx)
{
	const struct tls *t = ctx;

	return unsent(t) + t->too_late;
}

static ssize_t tls_write(void *ctx, const char *p, size_t len, const char **why)
{
	struct tls *t = ctx;

	if (unsent(t) >= OUT_FULL || t->lost != 0) {
		ssize_t n = tls_flush(t, why);

		if (n == IO_FAILED || unsent(t) >= OUT_FULL)
			return n;
	}
	return outcome_of(t, gnutls_record_send(t->session, p, len), why);
}

/* --- the server's certificate --- */

static struct cert_wanted wanted_of(const struct tls *t)
{
	return (struct cert_wanted){ t->name, t->setup->pins, t->setup->pins_only };
}

static bool refuse(struct tls *t, gnutls_alert_description_t alert)
{
	gnutls_alert_send(t->session, GNUTLS_AL_FATAL, alert);
	send_out(t);
	return false;
}

static bool verify_chain(struct tls *t, const gnutls_datum_t *chain, unsigned n)
{
	char purpose[] = GNUTLS_KP_TLS_WWW_SERVER;
	gnutls_typed_vdata_st server = { GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)purpose, 0 };
	struct cert_wanted wanted = wanted_of(t);
	unsigned status = 0;
	int rc = trust_for_chain(t->setup->trust, chain, n, t->setup->cred);

	if (rc >= 0)
		rc = gnutls_certificate_verify_peers(t->session, &server, 1, &status);
	if (rc == GNUTLS_E_MEMORY_ERROR)
		out_of_memory();
	if (rc < 0) {
		result_fail(t->r, CAUSE_CONFIG, STEP_TLS,
			    "the certificate for %s cannot be verified: %s", t->name,
			    gnutls_strerror(rc));
		return refuse(t, GNUTLS_A_BAD_CERTIFICATE);
	}
	if (status == 0)
		return true;
	cert_refuse(&wanted, chain, n, status, t->r);
	return refuse(t, cert_alert(status));
}

/* The certificate alone, of this session or of the one that it resumes. */
static bool judge_leaf(struct tls *t, const gnutls_datum_t *der)
{
	struct cert_wanted wanted = wanted_of(t);
	gnutls_x509_crt_t crt = cert_import(der);
	bool ok;

	if (crt == NULL) {
		result_fail(t->r, CAUSE_CONFIG, STEP_TLS, "the certificate for %s cannot be read",
			    t->name);
		return refuse(t, GNUTLS_A_BAD_CERTIFICATE);
	}
	ok = cert_judge(&wanted, crt, t->r);
	gnutls_x509_crt_deinit(crt);
	return ok || refuse(t, GNUTLS_A_BAD_CERTIFICATE);
}

static bool judge(struct tls *t, bool with_chain)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(t->session, &n);

	if (chain == NULL || n == 0)
		return result_fail(t->r, CAUSE_CONFIG, STEP_TLS,
				   "the server for %s shows no certificate", t->name);
	if (n > CHAIN_MAX) {
		result_fail(t->r, CAUSE_CONFIG, STEP_TLS,
			    "the certificate for %s has a chain of %u: more than %d are not read",
			    t->name, n, CHAIN_MAX);
		return refuse(t, GNUTLS_A_BAD_CERTIFICATE);
	}
	if (with_chain && !t->setup->pins_only && !verify_chain(t, chain, n))
		return false;
	t->judged = judge_leaf(t, &chain[0]);
	return t->judged;
}

/* GnuTLS calls it during a full handshake, when it has the certificates. */
static int on_certificate(gnutls_session_t session)
{
	return judge(gnutls_session_get_ptr(session), true) ? 0 : -1;
}

/* --- the handshake --- */

static bool is_address(const char *name)
{
	struct in6_addr any;

	return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

static bool must(int rc, const char *what, struct result *r)
{
	if (rc == GNUTLS_E_MEMORY_ERROR)
		out_of_memory();
	if (rc < 0)
		return result_fail(r, CAUSE_INTERNAL, STEP_TLS, "%s: %s", what,
				   gnutls_strerror(rc));
	return true;
}

static struct tls *tls_new(struct conn *c)
{
	/* One key share, for the group that every server of TLS 1.3 must have (RFC 8446 section
	 * 9.1); a second one would cost as much again and never be used. */
	const unsigned flags =
		GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_KEY_SHARE_TOP;
	struct tls *t = xcalloc(1, sizeof *t);

	t->conn = c;
	buf_init(&t->out, OUT_MAX);
	if (gnutls_init(&t->session, flags) < 0)
		out_of_memory();
	gnutls_session_set_ptr(t->session, t);
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
	gnutls_transport_set_vec_push_function(t->session, push);
	return t;
}

static bool set_up(struct tls *t, const struct tls_setup *setup, const char *name, struct result *r)
{
	gnutls_session_t s = t->session;

	t->setup = setup;
	t->name = name;
	t->r = r;
	if (!must(gnutls_priority_set(s, setup->priority), "TLS versions", r) ||
	    !must(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, setup->cred), "trust", r))
		return false;
	if (!is_address(name) &&
	    !must(gnutls_server_name_set(s, GNUTLS_NAME_DNS, name, strlen(name)), "SNI", r))
		return false;
	gnutls_session_set_verify_function(s, on_certificate);
	gnutls_db_set_cache_expiration(s, VERIFIED_FOR);
	return true;
}

/* One that is of no use is left out: the handshake is a full one then. */
static void offer_ticket(struct tls *t, struct span ticket)
{
	const char *nl = ticket.len > 0 ? memchr(ticket.p, '\n', ticket.len) : NULL;
	char number[24] = "";
	uint64_t till;

	if (nl == NULL || (size_t)(nl - ticket.p) >= sizeof number)
		return;
	memcpy(number, ticket.p, (size_t)(nl - ticket.p));
	if (!parse_number(number, INT64_MAX, &till) || clock_now() >= (time_t)till)
		return;
	t->verified_till = (time_t)till;
	gnutls_session_set_data(t->session, nl + 1, ticket.len - (size_t)(nl + 1 - ticket.p));
}

static bool speaks_smtp(const struct tls *t)
{
	const char *p = t->first;

	return t->n_first == sizeof t->first && ascii_isdigit(p[0]) && ascii_isdigit(p[1]) &&
	       ascii_isdigit(p[2]) && (p[3] == ' ' || p[3] == '-');
}

static bool handshake_failed(const struct tls *t, int rc, struct result *r)
{
	if (result_failed(r))
		return false;
	if (rc == GNUTLS_E_MEMORY_ERROR)
		out_of_memory();
	if (speaks_smtp(t) && !t->conn->heard)
		return result_fail(r, CAUSE_CONFIG, STEP_TLS,
				   "this port speaks SMTP without TLS first: set tls = starttls");
	/* A connection cut within a record looks like garbage to GnuTLS. */
	if (t->ended || rc == GNUTLS_E_PREMATURE_TERMINATION)
		return result_fail(r, CAUSE_TEMPORARY, STEP_TLS,
				   "connection lost: the server closed the connection");
	if (rc == GNUTLS_E_PULL_ERROR || rc == GNUTLS_E_PUSH_ERROR)
		return result_fail(r, CAUSE_TEMPORARY, STEP_TLS, "connection lost: %s",
				   strerror(t->sys_errno));
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return result_fail(r, CAUSE_PROTOCOL, STEP_TLS, ALERT_WORDS "%s",
				   gnutls_alert_get_name(gnutls_alert_get(t->session)));
	return result_fail(r, CAUSE_PROTOCOL, STEP_TLS, "%s (is this the right port?)",
			   gnutls_strerror(rc));
}

/* One piece of the handshake, and the waiting after it. 1: go on, 0: done, else GnuTLS's error. */
static int shake(struct tls *t, struct result *r)
{
	int rc = gnutls_handshake(t->session);

	if (rc == GNUTLS_E_SUCCESS)
		return 0;
	if (!again(rc) && gnutls_error_is_fatal(rc))
		return rc;
	if (!has_raw(t) && !conn_wait(t->conn, must_send(t), r))
		return GNUTLS_E_TIMEDOUT;
	return 1;
}

static bool handshake(struct tls *t, struct result *r)
{
	int rc;

	do
		rc = shake(t, r);
	while (rc > 0);
	if (rc < 0) {
		/* The server's log should tell its administrator as much as ours tells us. */
		if (!result_failed(r)) {
			gnutls_alert_send_appropriate(t->session, rc);
			send_out(t);
		}
		return handshake_failed(t, rc, r);
	}
	if (tls_resumed(t))
		return judge(t, false);
	return t->judged || result_fail(r, CAUSE_CONFIG, STEP_TLS,
					"the server for %s shows no certificate", t->name);
}

bool tls_start(struct conn *c, const struct tls_setup *setup, const char *name, struct span ticket,
	       struct tls **out, struct result *r)
{
	struct tls *t = tls_new(c);
	bool ok = set_up(t, setup, name, r);

	if (ok) {
		offer_ticket(t, ticket);
		ok = handshake(t, r);
	}
	if (!ok) {
		tls_free(t);
		return false;
	}
	t->name = NULL;
	t->r = NULL;
	conn_set_transport(c, (struct transport){ tls_read, tls_write, tls_flush, tls_pending, t });
	*out = t;
	return true;
}

bool tls_speaks(struct conn *c)
{
	enum { ALERT = 0x15, HANDSHAKE = 0x16, MAJOR = 3 };
	gnutls_certificate_credentials_t cred;
	struct result r = RESULT_OK;
	struct tls *t = tls_new(c);

	if (gnutls_certificate_allocate_credentials(&cred) < 0)
		out_of_memory();
	if (must(gnutls_set_default_priority(t->session), "TLS versions", &r) &&
	    must(gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, cred), "trust", &r)) {
		while (t->n_first < 2 && shake(t, &r) > 0)
			;
	}
	bool yes = t->n_first >= 2 && (t->first[0] == ALERT || t->first[0] == HANDSHAKE) &&
		   t->first[1] == MAJOR;
	tls_free(t);
	gnutls_certificate_free_credentials(cred);
	result_free(&r);
	return yes;
}

void tls_bye(struct tls *t)
{
	gnutls_bye(t->session, GNUTLS_SHUT_WR);
	send_out(t);
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	gnutls_deinit(t->session);
	buf_free(&t->out);
	wipe(t->raw, sizeof t->raw);
	free(t);
}

/* --- what a session was --- */

const char *tls_version(const struct tls *t)
{
	return gnutls_protocol_get_name(gnutls_protocol_get_version(t->session));
}

bool tls_resumed(const struct tls *t)
{
	return gnutls_session_is_resumed(t->session) != 0;
}

/* How long the verification of this session may be relied upon. */
static time_t verified_till(const struct tls *t, const gnutls_datum_t *chain, unsigned n)
{
	time_t till = clock_now() + VERIFIED_FOR;

	if (tls_resumed(t))
		return t->verified_till;
	if (!t->setup->pins_only) {
		time_t end = cert_chain_end(chain, n);

		till = end < till ? end : till;
	}
	return till;
}

/* Ours is in front of GnuTLS's: until when the chain's verification holds, and a line's end. */
bool tls_ticket(const struct tls *t, struct buf *out, time_t *until)
{
	unsigned n = 0, flags = gnutls_session_get_flags(t->session);
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(t->session, &n);
	bool tls13 = gnutls_protocol_get_version(t->session) == GNUTLS_TLS1_3;
	gnutls_datum_t data = { NULL, 0 };
	time_t till, end;

	/* Without extended master secret a session of TLS 1.2 can be another's (RFC 7627). */
	if (chain == NULL || n == 0 || (flags & GNUTLS_SFLAGS_SESSION_TICKET) == 0 ||
	    (!tls13 && (flags & GNUTLS_SFLAGS_EXT_MASTER_SECRET) == 0))
		return false;
	if (gnutls_session_get_data2(t->session, &data) < 0)
		return false;
	till = verified_till(t, chain, n);
	end = gnutls_db_check_entry_expire_time(&data);
	*until = end < till ? end : till;
	bool ok = *until > clock_now();
	if (ok) {
		buf_addf(out, "%lld\n", (long long)till);
		buf_add(out, data.data, data.size);
	}
	wipe(data.data, data.size);
	gnutls_free(data.data);
	return ok;
}

/* --- channel binding --- */

static bool bind_exporter(const struct tls *t, struct buf *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	char key[32];

	if (gnutls_prf_rfc5705(t->session, sizeof label - 1, label, 0, "", sizeof key, key) < 0)
		return false;
	buf_add(out, key, sizeof key);
	return true;
}

static bool bind_unique(const struct tls *t, struct buf *out)
{
	gnutls_datum_t data = { NULL, 0 };

	if (tls_resumed(t) ||
	    (gnutls_session_get_flags(t->session) & GNUTLS_SFLAGS_EXT_MASTER_SECRET) == 0 ||
	    gnutls_session_channel_binding(t->session, GNUTLS_CB_TLS_UNIQUE, &data) < 0)
		return false;
	buf_add(out, data.data, data.size);
	gnutls_free(data.data);
	return true;
}

/* The certificate's hash, by the algorithm of its signature, but SHA-256 in place of what is old
 * (RFC 5929 section 4.1). */
static bool bind_end_point(const struct tls *t, struct buf *out)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(t->session, &n);
	gnutls_x509_crt_t crt = n > 0 ? cert_import(&chain[0]) : NULL;
	gnutls_digest_algorithm_t digest;
	unsigned char hash[64];
	size_t size = sizeof hash;

	if (crt == NULL)
		return false;
	digest = gnutls_sign_get_hash_algorithm(
		(gnutls_sign_algorithm_t)gnutls_x509_crt_get_signature_algorithm(crt));
	gnutls_x509_crt_deinit(crt);
	if (digest == GNUTLS_DIG_MD5 || digest == GNUTLS_DIG_SHA1)
		digest = GNUTLS_DIG_SHA256;
	if (digest == GNUTLS_DIG_UNKNOWN || digest == GNUTLS_DIG_NULL ||
	    gnutls_fingerprint(digest, &chain[0], hash, &size) < 0)
		return false;
	buf_add(out, hash, size);
	return true;
}

const char *tls_channel_binding(const struct tls *t, struct buf *out)
{
	bool tls13 = gnutls_protocol_get_version(t->session) == GNUTLS_TLS1_3;

	if (tls13 && bind_exporter(t, out))
		return "tls-exporter";
	if (!tls13 && bind_unique(t, out))
		return "tls-unique";
	return bind_end_point(t, out) ? "tls-server-end-point" : NULL;
}
