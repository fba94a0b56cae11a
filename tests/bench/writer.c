/*
 * writer.c - what sending costs when nothing else is done: standard input over TLS
 *
 *	writer CA PORT
 *
 * CA is the file with the one certificate to trust. Ends when the server does.
 */
#include <gnutls/gnutls.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what, int error)
{
	fprintf(stderr, "writer: %s: %s\n", what, gnutls_strerror(error));
	return 1;
}

static int send_all(gnutls_session_t tls, const char *data, size_t left)
{
	while (left > 0) {
		ssize_t n = gnutls_record_send(tls, data, left);

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			return (int)n;
		data += n;
		left -= (size_t)n;
	}
	return 1;
}

int main(int argc, char **argv)
{
	static char piece[16 * 1024]; /* a TLS record */
	struct sockaddr_in a = { .sin_family = AF_INET };
	gnutls_certificate_credentials_t trust;
	gnutls_session_t tls;
	ssize_t n;
	int fd = socket(AF_INET, SOCK_STREAM, 0), e;

	if (argc != 3)
		return 2;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((unsigned short)strtol(argv[2], NULL, 10));
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("writer: no connection");
		return 1;
	}
	gnutls_certificate_allocate_credentials(&trust);
	gnutls_certificate_set_x509_trust_file(trust, argv[1], GNUTLS_X509_FMT_PEM);
	gnutls_init(&tls, GNUTLS_CLIENT);
	gnutls_set_default_priority(tls);
	gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, trust);
	gnutls_session_set_verify_cert(tls, "localhost", 0);
	gnutls_transport_set_int(tls, fd);
	do {
		e = gnutls_handshake(tls);
	} while (e < 0 && !gnutls_error_is_fatal(e));
	if (e < 0)
		return fail("no TLS", e);
	while ((n = read(0, piece, sizeof piece)) > 0) {
		e = send_all(tls, piece, (size_t)n);
		if (e <= 0)
			return fail("cannot send", e);
	}
	while (gnutls_record_recv(tls, piece, sizeof piece) > 0)
		;
	gnutls_deinit(tls);
	gnutls_certificate_free_credentials(trust);
	return 0;
}
