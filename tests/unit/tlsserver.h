/*
 * tlsserver.h - a TLS server in a thread: it hears something, answers, and reads to the end
 */
#ifndef MAILCHUTE_TEST_TLSSERVER_H
#define MAILCHUTE_TEST_TLSSERVER_H

#include "authority.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
	struct authority *world;
	const gnutls_datum_t *ticket_key;
	const char *chain;    /* of authority.h */
	const char *priority; /* NULL: GnuTLS's */
	bool wants_client;
	size_t send; /* bytes, as soon as somebody has said something */
	bool rekey;  /* before that */
	/* what happened */
	int fd;
	pthread_t thread;
	int rc; /* of the handshake */
	gnutls_alert_description_t alert;
	char exporter[32];
	char heard[256];
	size_t n_heard;
	size_t reads; /* recv() calls that brought something, until the first bytes of data */
	char raw[64 * 1024];
	size_t raw_at, raw_len;
	bool resumed;
	bool client_cert;
};

static inline ssize_t server_pull(gnutls_transport_ptr_t ctx, void *p, size_t len)
{
	struct server *s = ctx;

	if (s->raw_at == s->raw_len) {
		ssize_t n = recv(s->fd, s->raw, sizeof s->raw, 0);

		if (n <= 0)
			return n;
		s->reads++;
		s->raw_at = 0;
		s->raw_len = (size_t)n;
	}
	if (len > s->raw_len - s->raw_at)
		len = s->raw_len - s->raw_at;
	memcpy(p, s->raw + s->raw_at, len);
	s->raw_at += len;
	return (ssize_t)len;
}

static inline ssize_t server_push(gnutls_transport_ptr_t ctx, const void *p, size_t len)
{
	const struct server *s = ctx;

	return send(s->fd, p, len, MSG_NOSIGNAL);
}

static inline void server_talk(struct server *s, gnutls_session_t session)
{
	static char much[16 * 1024];
	ssize_t n = gnutls_record_recv(session, s->heard, sizeof s->heard);

	s->n_heard = n > 0 ? (size_t)n : 0;
	if (s->rekey)
		gnutls_session_key_update(session, GNUTLS_KU_PEER);
	memset(much, 'x', sizeof much);
	for (size_t left = s->send; left > 0 && n > 0;) {
		ssize_t sent =
			gnutls_record_send(session, much, left < sizeof much ? left : sizeof much);

		if (sent < 0)
			break;
		left -= (size_t)sent;
	}
	n = gnutls_record_send(session, "\n", 1);
	while (n > 0 || n == GNUTLS_E_AGAIN)
		n = gnutls_record_recv(session, much, sizeof much);
	gnutls_bye(session, GNUTLS_SHUT_WR);
}

static inline gnutls_certificate_credentials_t server_credentials(const struct server *s)
{
	gnutls_certificate_credentials_t cred;
	gnutls_x509_crt_t chain[32];
	unsigned n = authority_list(s->world, s->chain, chain, sizeof chain / sizeof chain[0]);

	gnutls_certificate_allocate_credentials(&cred);
	gnutls_certificate_set_x509_key(cred, chain, (int)n, authority_key(s->world, s->chain));
	return cred;
}

static inline void *server_run(void *ctx)
{
	struct server *s = ctx;
	gnutls_session_t session;
	gnutls_certificate_credentials_t cred = server_credentials(s);
	unsigned n;

	gnutls_init(&session, GNUTLS_SERVER);
	if (s->priority != NULL)
		gnutls_priority_set_direct(session, s->priority, NULL);
	else
		gnutls_set_default_priority(session);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, cred);
	gnutls_session_ticket_enable_server(session, s->ticket_key);
	if (s->wants_client)
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
	gnutls_transport_set_ptr(session, s);
	gnutls_transport_set_pull_function(session, server_pull);
	gnutls_transport_set_push_function(session, server_push);
	do
		s->rc = gnutls_handshake(session);
	while (s->rc < 0 && gnutls_error_is_fatal(s->rc) == 0);
	if (s->rc == 0) {
		s->resumed = gnutls_session_is_resumed(session) != 0;
		s->client_cert = gnutls_certificate_get_peers(session, &n) != NULL;
		gnutls_prf_rfc5705(session, 24, "EXPORTER-Channel-Binding", 0, "", 32, s->exporter);
		server_talk(s, session);
	} else if (s->rc == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		s->alert = gnutls_alert_get(session);
	}
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(cred);
	close(s->fd);
	return NULL;
}

#endif
