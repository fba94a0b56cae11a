/*
 * host.h - what an account's smart hosts are, and what a session with them is to be like
 *
 * Nothing here is ever left out because a server does not offer it.
 */
#ifndef MAILCHUTE_SMTP_HOST_H
#define MAILCHUTE_SMTP_HOST_H

#include "base/policy.h"
#include "net/dial.h"
#include "net/tls.h"

#include <stdbool.h>
#include <stddef.h>

/* One entry of the list. All borrowed. */
struct smtp_endpoint {
	enum endpoint_kind kind;
	const char *name;     /* ASCII name or address; the domain behind "srv:"; the path */
	const char *port;     /* decimal; NULL for all but ENDPOINT_HOST */
	enum tls_mode tls;    /* ENDPOINT_SRV: of no meaning unless tls_set */
	bool tls_set;         /* the configuration says so, it is no default */
	const char *tls_name; /* the certificate's name; NULL with ENDPOINT_SRV: see srv.h */
};

/* All borrowed. */
struct smtp_host {
	enum protocol protocol;
	const struct smtp_endpoint *endpoints; /* in the order they are tried */
	size_t n_endpoints;
	enum ip_family ip;
	const char *source_address;        /* NULL: the system's choice */
	const char *ehlo_name;             /* NULL: the socket's address literal */
	const struct tls_setup *tls_setup; /* needed unless TLS is off everywhere */
	enum auth_mode auth;
	char *const *mechanisms; /* AUTH_LIST: upper case, in the order given, NULL at the end */
	const char *user;        /* UTF-8 */
	const char *password;    /* or token, secret; NULL where no mechanism needs one */
	bool client_cert;        /* tls_setup has one: AUTH_AUTO without a password is EXTERNAL */
	const char *cache_dir;   /* NULL: nothing is remembered */
	const char *account;     /* the account's name, which the cache's files have */
};

#endif
