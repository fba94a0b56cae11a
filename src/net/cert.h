/*
 * cert.h - what a server's certificate must be, and the sentence when it is not
 *
 * A sentence names what is wrong and the cure, and shows subject, issuer, dates and pin. What it
 * takes from the certificate is bounded, and free of control characters.
 */
#ifndef MAILCHUTE_CERT_H
#define MAILCHUTE_CERT_H

#include "base/buf.h"
#include "base/result.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <time.h>

/* What is asked of it. All borrowed. */
struct cert_wanted {
	const char *name;  /* host name or address */
	char *const *pins; /* "sha256:HEX", NULL at the end; NULL: none */
	bool pins_only;    /* they alone decide */
};

/*
 * Everything that the certificate itself can tell, the chain aside: dates, the name (RFC 9525:
 * subjectAltName alone counts), pins. CAUSE_CONFIG.
 */
bool cert_judge(const struct cert_wanted *w, gnutls_x509_crt_t crt, struct result *r);
/*
 * Fills `r` for a chain (DER, the server's certificate first) that GnuTLS refused with this status,
 * GNUTLS_CERT_*, which is not 0. Returns false.
 */
bool cert_refuse(const struct cert_wanted *w, const gnutls_datum_t *chain, unsigned n,
		 unsigned status, struct result *r);
/* The alert that tells the server's log the same. */
gnutls_alert_description_t cert_alert(unsigned status);
/* "sha256:HEX" of its public key. Appended to `out`. */
void cert_pin(gnutls_x509_crt_t crt, struct buf *out);
/* When the first certificate of the chain ends that has not ended yet. */
time_t cert_chain_end(const gnutls_datum_t *chain, unsigned n);
/* A server's certificate of DER; NULL when it is none. The caller's, for gnutls_x509_crt_deinit. */
gnutls_x509_crt_t cert_import(const gnutls_datum_t *der);

#endif
