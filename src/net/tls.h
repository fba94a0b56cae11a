/*
 * tls.h - TLS for a connection; the only file of net/ that knows GnuTLS
 */
#ifndef MAILCHUTE_TLS_H
#define MAILCHUTE_TLS_H

#include "base/result.h"
#include "net/conn.h"

#include <stdbool.h>

/* Whom to believe. Loaded before the network is touched, so that a bad file is told early. */
struct tls_trust;
/* `ca_file`: PEM, or NULL for the system's. CAUSE_CONFIG, or CAUSE_PERMISSION, names it. */
bool tls_trust_load(const char *ca_file, struct tls_trust **out, struct result *r);
void tls_trust_free(struct tls_trust *t);

struct tls;
/*
 * The handshake over the connection as it stands, within its step's deadline: TLS 1.3 or 1.2,
 * the certificate's chain verified against `trust` and its name against `name` (also the SNI,
 * unless it is an address). On success the connection speaks TLS from now on.
 * CAUSE_CONFIG for a certificate that is not to be believed (the sentence says why),
 * CAUSE_PROTOCOL for an alert or garbage, CAUSE_TEMPORARY for a connection that ends.
 */
bool tls_start(struct conn *c, const struct tls_trust *trust, const char *name, struct tls **out,
	       struct result *r);
/* Says goodbye (close_notify) without waiting for an answer. */
void tls_bye(struct tls *t);
void tls_free(struct tls *t);
/* "TLS1.3", for the log; static. */
const char *tls_version(const struct tls *t);

#endif
