/*
 * setup.h - what the configuration says about TLS, made ready; for tls.c alone
 */
#ifndef MAILCHUTE_SETUP_H
#define MAILCHUTE_SETUP_H

#include "base/buf.h"
#include "net/trust.h"

#include <gnutls/gnutls.h>
#include <stdbool.h>

#define CHAIN_MAX 16 /* certificates; GnuTLS verifies no more either */

struct tls_setup {
	gnutls_certificate_credentials_t cred;
	gnutls_priority_t priority;
	struct trust *trust; /* NULL with pins_only */
	bool pins_only;
	char **pins;         /* NULL at the end, or NULL */
	struct buf identity; /* a text that differs when a setting does */
};

#endif
