/*
 * fuzz_verify.c - a message with signatures: the verdicts are the same however it is cut
 *
 * The first byte is the size of the pieces; the keys are those of RFC 8463, appendix A, or what
 * the selector says.
 */
#include "dkim/verify.h"
#include "mail/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000

static const char private_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	"-----END PRIVATE KEY-----\n";

static const char rsa[] = "v=DKIM1; k=rsa; "
			  "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6"
			  "Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/"
			  "e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G"
			  "+2kryOTIKT+l/K4w3QIDAQAB";
static const char ed25519[] = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

struct reading {
	struct message m;
	struct verifier *v;
	struct body_hash hash;
};

static enum key_answer find(void *ctx, const char *name, struct buf *record)
{
	(void)ctx;
	switch (name[0]) {
	case 't':
		buf_adds(record, rsa);
		return KEY_FOUND;
	case 'b':
		buf_adds(record, ed25519);
		return KEY_FOUND;
	case 'u':
		return KEY_UNAVAILABLE;
	case 'n':
		return KEY_NONE;
	default:
		buf_adds(record, name);
		return KEY_FOUND;
	}
}

static bool tap(void *ctx, const char *p, size_t len)
{
	struct reading *reading = ctx;
	struct sink body, hash = body_hash_sink(&reading->hash);

	if (reading->v == NULL)
		reading->v = verify_begin(&reading->m.header);
	body = verify_body(reading->v);
	return sink_write(&body, p, len) && sink_write(&hash, p, len);
}

static void try_own(struct reading *reading)
{
	static const struct dkim_signer model = { .domain = "football.example.com",
						  .selector = "brisbane" };
	static struct dkim_key *key;
	struct dkim_signer signer = model;
	struct result r = RESULT_OK;

	if (key == NULL)
		assert(dkim_key_load(span_of(private_pem), "key", &key, &r));
	signer.key = key;
	body_hash_finish(&reading->hash);
	verify_own(&signer, &reading->m.header, &reading->hash, NOW);
}

/* False for what is no message. */
static bool verify(const char *p, size_t len, size_t piece, struct verification **list, size_t *n)
{
	struct reading reading = { .v = NULL };
	struct sink sink = { tap, &reading };
	struct message_in in;
	struct result r = RESULT_OK;
	bool ok = true;

	message_init(&reading.m);
	body_hash_init(&reading.hash, true, true);
	message_in_init(&in, &reading.m, &sink);
	in.crlf.keep_cr = true;
	for (size_t at = 0; ok && at < len; at += piece)
		ok = message_in_feed(&in, p + at, len - at < piece ? len - at : piece, &r);
	ok = ok && message_in_finish(&in, &r);
	message_in_free(&in);
	if (ok) {
		if (reading.v == NULL)
			reading.v = verify_begin(&reading.m.header);
		*n = verify_end(reading.v, find, NULL, NOW, list);
		try_own(&reading);
	} else {
		verify_drop(reading.v);
	}
	body_hash_free(&reading.hash);
	message_free(&reading.m);
	result_free(&r);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verification *whole, *cut;
	size_t n, n_cut;
	const char *p = (const char *)data + 1;

	if (size == 0 || !verify(p, size - 1, size, &whole, &n))
		return 0;
	assert(n <= VERIFY_SIGNATURES_MAX + 1);
	assert(verify(p, size - 1, (size_t)data[0] + 1, &cut, &n_cut) && n == n_cut);
	for (size_t i = 0; i < n; i++) {
		const struct verification *v = &whole[i];

		assert(v->verdict == cut[i].verdict && v->why == cut[i].why);
		assert(v->testing == cut[i].testing && v->partial == cut[i].partial);
		assert((v->why == NULL) == (v->verdict == VERDICT_PASS));
		assert(v->verdict != VERDICT_PASS ||
		       (v->domain != NULL && v->selector != NULL && v->identity != NULL));
	}
	verification_free(whole, n);
	verification_free(cut, n_cut);
	return 0;
}
