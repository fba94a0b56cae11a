/*
 * policy.h - the choices of an account that the configuration reads and the network obeys
 */
#ifndef MAILCHUTE_POLICY_H
#define MAILCHUTE_POLICY_H

enum tls_mode { TLS_STARTTLS, TLS_IMPLICIT, TLS_OFF };
enum auth_mode { AUTH_AUTO, AUTH_OFF, AUTH_LIST };
enum ip_family { IP_ANY, IP_4, IP_6 };
enum protocol { PROTOCOL_SMTP, PROTOCOL_LMTP };
/* What an entry of `host` is: a name or an address, "srv:domain", "/a/unix/socket". */
enum endpoint_kind { ENDPOINT_HOST, ENDPOINT_SRV, ENDPOINT_UNIX };
enum rewrite_mode { REWRITE_LOCAL, REWRITE_NEVER, REWRITE_ALWAYS };
/* SMTPUTF8: only where nothing else will do; wherever the host offers it; never. */
enum utf8_mode { UTF8_AUTO, UTF8_YES, UTF8_NO };

#endif
