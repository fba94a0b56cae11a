/*
 * trust.h - the certificates of CAs that are believed
 *
 * A system trusts 140 CAs and a server's chain needs one of them, so the file is not parsed as a
 * whole: what a chain could be verified with is picked out of it by subject. GnuTLS, which finds a
 * CA by the raw bytes of its subject and by nothing else, comes to the same verdict as with all.
 */
#ifndef MAILCHUTE_TRUST_H
#define MAILCHUTE_TRUST_H

#include "base/buf.h"
#include "base/result.h"

#include <gnutls/gnutls.h>
#include <stdbool.h>

struct trust;

/*
 * Reads `ca_file` (PEM, or a "pkcs11:" URL), or what configure found to be the system's when NULL.
 * A file of our user's must hold a certificate that can be read. CAUSE_PERMISSION when we may not
 * read it, else CAUSE_CONFIG.
 */
bool trust_load(const char *ca_file, struct trust **out, struct result *r);
/* NULL is fine. */
void trust_free(struct trust *t);
/* A text that differs when the store does: its place, size, age. Appended to `out`. */
void trust_identity(const struct trust *t, struct buf *out);
/*
 * Makes `cred` trust what of the store can matter to this chain (DER, the server's certificate
 * first), and nothing else. A negative number is GnuTLS's error.
 */
int trust_for_chain(const struct trust *t, const gnutls_datum_t *chain, unsigned n,
		    gnutls_certificate_credentials_t cred);

#endif
