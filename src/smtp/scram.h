/*
 * scram.h - SCRAM, RFC 5802 with SHA-1, RFC 7677 with SHA-256, both with and without -PLUS
 *
 * The password is not sent, and a server that does not know it cannot say that it does.
 */
#ifndef MAILCHUTE_SCRAM_H
#define MAILCHUTE_SCRAM_H

#include "smtp/sasl.h"

#include <stdbool.h>

/*
 * Iterations a server may ask for. Under 4096 (the least of RFC 5802 section 5.1 and RFC 7677
 * section 4) whoever plays the server gets something to guess passwords from at little cost; it is
 * what the careful clients refuse. Two million, more than anybody recommends, take about a second,
 * and no deadline can end them.
 */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_MAX 2000000

/*
 * The respond() of sasl.h. sasl.state may hold the client's nonce before the first turn: then it is
 * taken in place of a random one, which the examples of the RFCs need.
 */
bool scram_sha1(struct sasl *s, struct span challenge, struct buf *out, struct result *r);
bool scram_sha256(struct sasl *s, struct span challenge, struct buf *out, struct result *r);
/* Appends a name as saslname of RFC 5802 section 5.1: no comma, no other equals sign. */
void scram_name(const char *name, struct buf *out);

#endif
