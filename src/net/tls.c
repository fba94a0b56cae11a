/*
 * tls.c - TLS for a connection
 */
#include "net/tls.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

#define RAW_MAX     (17 * 1024) /* a whole record of 16 KiB and its overhead in one read */
#define ALERT_WORDS "the server sent the alert: "

struct tls_trust {
	gnutls_certificate_credentials_t cred;
};

struct tls {
	gnutls_session_t session;
	int fd;
	bool ended;      /* the peer closed its side */
	int sys_errno;   /* of the last system call that failed */
	char words[128]; /* of the alert that ended the session */
	size_t raw_at;
	size_t raw_len;
	char raw[RAW_MAX];
};

static bool load_file(struct tls_trust *t, const char *ca_file, struct result *r)
{
	int fd = open(ca_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return result_fail(r, errno == EACCES ? CAUSE_PERMISSION : CAUSE_CONFIG,
				   STEP_CONFIG, "tls_ca_file %s: %s", ca_file, strerror(errno));
	close(fd);
	int n = gnutls_certificate_set_x509_trust_file(t->cred, ca_file, GNUTLS_X509_FMT_PEM);
	if (n == GNUTLS_E_MEMORY_ERROR)
		out_of_memory();
	if (n <= 0)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "tls_ca_file %s: no certificate in it%s%s", ca_file,
				   n < 0 ? ": " : "", n < 0 ? gnutls_strerror(n) : "");
	return true;
}

bool tls_trust_load(const char *ca_file, struct tls_trust **out, struct result *r)
{
	struct tls_trust *t = xcalloc(1, sizeof *t);
	bool ok = true;

	if (gnutls_certificate_allocate_credentials(&t->cred) != GNUTLS_E_SUCCESS)
		out_of_memory();
	if (ca_file != NULL)
		ok = load_file(t, ca_file, r);
	else if (gnutls_certificate_set_x509_system_trust(t->cred) <= 0)
		ok = result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				 "this system has no trusted certificates "
				 "(install ca-certificates, or set tls_ca_file)");
	if (ok)
		*out = t;
	else
		tls_trust_free(t);
	return ok;
}

void tls_trust_free(struct tls_trust *t)
{
	if (t == NULL)
		return;
	gnutls_certificate_free_credentials(t->cred);
	free(t);
}

/*
 * GnuTLS asks for a record's five bytes and then for the rest; reading ahead into `raw` makes
 * one system call of both.
 */
static ssize_t pull(gnutls_transport_ptr_t ctx, void *p, size_t len)
{
	struct tls *t = ctx;

	if (t->raw_at == t->raw_len) {
		ssize_t n = recv(t->fd, t->raw, sizeof t->raw, 0);

		if (n <= 0) {
			t->ended = n == 0;
			t->sys_errno = n < 0 ? errno : 0;
			gnutls_transport_set_errno(t->session, t->sys_errno);
			return n;
		}
		t->raw_at = 0;
		t->raw_len = (size_t)n;
	}
	size_t have = t->raw_len - t->raw_at;
	if (len > have)
		len = have;
	memcpy(p, t->raw + t->raw_at, len);
	t->raw_at += len;
	return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t ctx, const giovec_t *iov, int n)
{
	struct tls *t = ctx;
	struct msghdr msg = { .msg_iov = (giovec_t *)(uintptr_t)iov, .msg_iovlen = (size_t)n };
	ssize_t sent = sendmsg(t->fd, &msg, MSG_NOSIGNAL);

	if (sent < 0) {
		t->sys_errno = errno;
		gnutls_transport_set_errno(t->session, errno);
	}
	return sent;
}

static bool again(ssize_t n)
{
	return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
}

static ssize_t outcome_of(struct tls *t, ssize_t n, const char **why)
{
	if (n >= 0)
		return n;
	if (again(n))
		return gnutls_record_get_direction(t->session) != 0 ? IO_WANT_WRITE : IO_WANT_READ;
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
	return t->raw_at < t->raw_len && gnutls_record_get_direction(t->session) == 0;
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

static ssize_t tls_write(void *ctx, const char *p, size_t len, const char **why)
{
	struct tls *t = ctx;

	return outcome_of(t, gnutls_record_send(t->session, p, len), why);
}

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

static bool set_up(struct tls *t, const struct tls_trust *trust, const char *name, struct result *r)
{
	static const char versions[] = "-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
	gnutls_session_t s = t->session;

	if (!must(gnutls_set_default_priority_append(s, versions, NULL, 0), "TLS versions", r) ||
	    !must(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, trust->cred), "trust", r))
		return false;
	if (!is_address(name) &&
	    !must(gnutls_server_name_set(s, GNUTLS_NAME_DNS, name, strlen(name)), "SNI", r))
		return false;
	gnutls_session_set_verify_cert(s, name, 0);
	gnutls_transport_set_ptr(s, t);
	gnutls_transport_set_pull_function(s, pull);
	gnutls_transport_set_vec_push_function(s, push);
	return true;
}

/* GnuTLS's own sentences say exactly what is wrong with the certificate. */
static bool not_trusted(const struct tls *t, const char *name, struct result *r)
{
	gnutls_datum_t text = { NULL, 0 };
	unsigned status = gnutls_session_get_verify_cert_status(t->session);
	const char *cure = "set tls_ca_file to the CA that signed it";

	if ((status & GNUTLS_CERT_UNEXPECTED_OWNER) != 0)
		cure = "set host or tls_host to a name in the certificate";
	else if ((status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) != 0)
		cure = "check this machine's clock, or have the server's certificate renewed";
	gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
	result_fail(r, CAUSE_CONFIG, STEP_TLS, "the certificate for %s is not trusted: %s(%s)",
		    name, text.data != NULL ? (const char *)text.data : "", cure);
	gnutls_free(text.data);
	return false;
}

static bool handshake_failed(const struct tls *t, int rc, const char *name, struct result *r)
{
	/* A connection cut within a record looks like garbage to GnuTLS. */
	if (t->ended)
		rc = GNUTLS_E_PREMATURE_TERMINATION;
	switch (rc) {
	case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
	case GNUTLS_E_CERTIFICATE_ERROR:
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
		return not_trusted(t, name, r);
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
		return result_fail(r, CAUSE_TEMPORARY, STEP_TLS, "connection lost: %s",
				   rc == GNUTLS_E_PREMATURE_TERMINATION
					   ? "the server closed the connection"
					   : strerror(t->sys_errno));
	case GNUTLS_E_MEMORY_ERROR:
		out_of_memory();
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		return result_fail(r, CAUSE_PROTOCOL, STEP_TLS, ALERT_WORDS "%s",
				   gnutls_alert_get_name(gnutls_alert_get(t->session)));
	default:
		return result_fail(r, CAUSE_PROTOCOL, STEP_TLS, "%s (is this the right port?)",
				   gnutls_strerror(rc));
	}
}

static bool handshake(struct conn *c, const struct tls *t, const char *name, struct result *r)
{
	for (;;) {
		int rc = gnutls_handshake(t->session);

		if (rc == GNUTLS_E_SUCCESS)
			return true;
		if (again(rc)) {
			if (!has_raw(t) &&
			    !conn_wait(c, gnutls_record_get_direction(t->session) != 0, r))
				return false;
		} else if (gnutls_error_is_fatal(rc)) {
			/* The server's log should tell its administrator as much as ours tells us.
			 */
			gnutls_alert_send_appropriate(t->session, rc);
			return handshake_failed(t, rc, name, r);
		}
	}
}

bool tls_start(struct conn *c, const struct tls_trust *trust, const char *name, struct tls **out,
	       struct result *r)
{
	struct tls *t = xcalloc(1, sizeof *t);

	t->fd = c->fd;
	if (gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) !=
	    GNUTLS_E_SUCCESS)
		out_of_memory();
	if (!set_up(t, trust, name, r) || !handshake(c, t, name, r)) {
		tls_free(t);
		return false;
	}
	conn_set_transport(c, (struct transport){ tls_read, tls_write, t });
	*out = t;
	return true;
}

void tls_bye(struct tls *t)
{
	gnutls_bye(t->session, GNUTLS_SHUT_WR);
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	gnutls_deinit(t->session);
	wipe(t->raw, sizeof t->raw);
	free(t);
}

const char *tls_version(const struct tls *t)
{
	return gnutls_protocol_get_name(gnutls_protocol_get_version(t->session));
}
