/*
 * digest.c - hashes of passwords and the like, with GnuTLS
 */
#include "smtp/digest.h"

#include "base/util.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/banned.h"

static const struct {
	gnutls_digest_algorithm_t digest;
	gnutls_mac_algorithm_t mac;
	size_t size;
} hashes[] = {
	[HASH_MD5] = { GNUTLS_DIG_MD5, GNUTLS_MAC_MD5, 16 },
	[HASH_SHA1] = { GNUTLS_DIG_SHA1, GNUTLS_MAC_SHA1, 20 },
	[HASH_SHA256] = { GNUTLS_DIG_SHA256, GNUTLS_MAC_SHA256, 32 },
};

static bool done(int error)
{
	if (error == GNUTLS_E_MEMORY_ERROR)
		out_of_memory();
	return error == GNUTLS_E_SUCCESS;
}

/* GnuTLS reads only, though its type does not say so. */
static gnutls_datum_t datum(struct span s)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)s.p, (unsigned)s.len };
}

size_t hash_size(enum hash h)
{
	return hashes[h].size;
}

bool hash_of(enum hash h, struct span text, unsigned char *out)
{
	return done(gnutls_hash_fast(hashes[h].digest, text.p, text.len, out));
}

bool hash_hmac(enum hash h, struct span key, struct span text, unsigned char *out)
{
	return done(gnutls_hmac_fast(hashes[h].mac, key.p, key.len, text.p, text.len, out));
}

bool hash_pbkdf2(enum hash h, struct span password, struct span salt, unsigned iterations,
		 unsigned char *out)
{
	const gnutls_datum_t key = datum(password), grain = datum(salt);

	return done(gnutls_pbkdf2(hashes[h].mac, &key, &grain, iterations, out, hashes[h].size));
}

bool secret_eq(struct span a, struct span b)
{
	return a.len == b.len && gnutls_memcmp(a.p, b.p, a.len) == 0;
}

const char *password_prepare(struct span password, struct buf *out)
{
	const gnutls_datum_t given = datum(password);
	gnutls_datum_t prepared;
	int error = gnutls_utf8_password_normalize(given.data, given.size, &prepared, 0);

	if (!done(error))
		return gnutls_strerror(error);
	buf_add(out, prepared.data, prepared.size);
	wipe(prepared.data, prepared.size);
	gnutls_free(prepared.data);
	return NULL;
}
