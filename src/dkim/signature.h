/*
 * signature.h - what one DKIM-Signature field says, RFC 6376 sections 3.5 and 6.1.1
 */
#ifndef MAILCHUTE_DKIM_SIGNATURE_H
#define MAILCHUTE_DKIM_SIGNATURE_H

#include "base/buf.h"
#include "dkim/canon.h"
#include "dkim/key.h"
#include "dkim/verify.h"
#include "mail/header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct signature {
	struct verification v; /* VERDICT_PASS as long as nothing speaks against it */
	size_t at;             /* its position in the header */
	enum key_type type;
	enum canon header_canon;
	enum canon body_canon;
	bool limited;      /* l= is there */
	uint64_t limit;    /* l=, else UINT64_MAX */
	uint64_t made;     /* t=, else 0 */
	uint64_t end;      /* x=, else UINT64_MAX */
	bool subdomain;    /* the domain of i= is below that of d= */
	struct span names; /* h=, borrowed of the header like the next */
	struct span value; /* b= with the white space around it: what hashing leaves out */
	struct buf bytes;  /* what b= stands for */
	unsigned char body_hash[SHA256_SIZE];
};

/* The first thing that speaks against a signature is the one told. */
void signature_refuse(struct signature *s, enum verdict verdict, const char *why);
/* Reads the field at `at`; what is wrong with it is in s->v. signature_free is due. */
void signature_read(const struct header *h, size_t at, struct signature *s);
/* Frees all but s->v, which is verification_free's. */
void signature_free(struct signature *s);
/* Refuses a signature that is not valid now: expired, or made in the future. */
void signature_check_time(struct signature *s, time_t now);

/* Does h= have each of these names, between colons, at least as often as they do? */
bool signature_covers(const struct signature *s, struct span names);

/* The fields of a header by name, so that a long h= and a long header are no quadratic work. */
struct field_index;
struct field_index *field_index_make(const struct header *h);
void field_index_free(struct field_index *ix);
/* The hash that the signature was made of, section 3.7. Changes the index and leaves it usable. */
void signature_hash(const struct signature *s, const struct header *h, struct field_index *ix,
		    unsigned char hash[SHA256_SIZE]);

#endif
