/*
 * tls.h - TLS for a connection
 *
 * Whom to believe is in trust.c, the words about a certificate are in cert.c; the three are the
 * only files of net/ that know GnuTLS.
 */
#ifndef MAILCHUTE_TLS_H
#define MAILCHUTE_TLS_H

#include "base/buf.h"
#include "base/result.h"
#include "net/conn.h"

#include <stdbool.h>
#include <time.h>

/* What the configuration says about TLS. All borrowed, and only until tls_setup_load returns. */
struct tls_settings {
	const char *ca_file;  /* PEM; NULL: the system's trust */
	bool pins_only;       /* tls_ca_file = none */
	char *const *pins;    /* "sha256:HEX", NULL at the end, or NULL */
	struct span cert;     /* client certificate and its chain, PEM; empty: none */
	struct span key;      /* its key, PEM; secret */
	const char *cert_url; /* PKCS#11 in place of cert and key, or NULL */
	const char *key_url;
	const char *priority; /* GnuTLS's, or NULL: TLS 1.3 and 1.2 */
};

/* The same made ready before the network is touched, so that what is wrong is told early. */
struct tls_setup;
/* CAUSE_CONFIG, or CAUSE_PERMISSION, names the setting and the file. */
bool tls_setup_load(const struct tls_settings *s, struct tls_setup **out, struct result *r);
void tls_setup_free(struct tls_setup *t);
/*
 * What a session that is resumed must have in common with the first: a text that differs whenever
 * a setting does. Appended to `out`.
 */
void tls_setup_identity(const struct tls_setup *t, struct buf *out);

struct tls;
/*
 * The handshake over the connection as it stands, within its step's deadline: the certificate's
 * chain verified, its pins, and its name against `name` (also the SNI, unless it is an address;
 * RFC 9525: subjectAltName alone counts). On success the connection speaks TLS from now on, and
 * our last flight may still be unsent: it leaves with the next bytes, or conn_flush().
 *
 * `ticket` is one of tls_ticket(), or empty. Of a resumed session name, dates and pins are checked
 * again, with the certificate it began with; a server that does not resume gets a full handshake.
 *
 * CAUSE_CONFIG for a certificate that is not to be believed (the sentence says why, and shows
 * subject, issuer, dates and pin), and for a server that speaks SMTP in clear; CAUSE_PROTOCOL for
 * an alert or garbage, CAUSE_TEMPORARY for a connection that ends.
 */
bool tls_start(struct conn *c, const struct tls_setup *setup, const char *name, struct span ticket,
	       struct tls **out, struct result *r);
/* Says goodbye (close_notify) without waiting for an answer. */
void tls_bye(struct tls *t);
void tls_free(struct tls *t);
/* "TLS1.3", for the log; static. */
const char *tls_version(const struct tls *t);
bool tls_resumed(const struct tls *t);

/*
 * The server's session ticket, if it gave one and the session was verified; `until` is when it is
 * of no use any more (its own end, or the earliest of the chain). A secret: to be kept like one.
 */
bool tls_ticket(const struct tls *t, struct buf *out, time_t *until);

/*
 * Channel binding data for SCRAM: tls-exporter (RFC 9266) with TLS 1.3, else tls-unique where it
 * is safe (extended master secret, not resumed), else tls-server-end-point (RFC 5929). Returns its
 * name, static, or NULL when there is none.
 */
const char *tls_channel_binding(const struct tls *t, struct buf *out);

/*
 * Does a TLS server answer there? Asked of a connection of its own that has said nothing yet; for
 * the sentence "this is a TLS port". Ends within the connection's step.
 */
bool tls_speaks(struct conn *c);

#endif
