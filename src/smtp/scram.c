/*
 * scram.c - SCRAM, RFC 5802 and RFC 7677
 */
#include "smtp/scram.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/util.h"
#include "smtp/digest.h"

#include <string.h>

#include "base/banned.h"

#define NONCE_SIZE 24   /* bytes; 32 digits of base64 */
#define NONCE_MAX  1000 /* with the server's part of it */

/* The server's first message. Parts of it, but for the salt, which is decoded. */
struct server_first {
	struct span nonce;
	struct buf salt;
	unsigned iterations;
};

/* All that is computed from the password. */
struct keys {
	unsigned char salted[HASH_MAX];
	unsigned char client[HASH_MAX];
	unsigned char stored[HASH_MAX];
	unsigned char server[HASH_MAX];
	unsigned char client_signature[HASH_MAX];
	unsigned char server_signature[HASH_MAX];
};

static struct span bytes(const unsigned char *p, size_t len)
{
	return (struct span){ (const char *)p, len };
}

void scram_name(const char *name, struct buf *out)
{
	for (; *name != '\0'; name++) {
		if (*name == ',')
			buf_adds(out, "=2C");
		else if (*name == '=')
			buf_adds(out, "=3D");
		else
			buf_addc(out, *name);
	}
}

/*
 * gs2-header of section 7. "y" tells the server that we would have bound the channel had it
 * offered to: one that did offer, whose -PLUS somebody took away, fails the exchange then.
 */
static void add_gs2_header(const struct sasl *s, struct buf *out)
{
	const struct sasl_login *l = s->login;

	if (s->mechanism->needs_binding)
		buf_addf(out, "p=%s,,", l->binding_type);
	else
		buf_adds(out, l->binding_type != NULL && !l->plus_offered ? "y,," : "n,,");
}

/* client-first-message; what follows its gs2-header stays in the state, to be signed. */
static bool say_first(struct sasl *s, struct buf *out)
{
	unsigned char seed[NONCE_SIZE];
	struct buf nonce;

	buf_init(&nonce, SASL_MESSAGE_MAX);
	buf_addspan(&nonce, buf_span(&s->state));
	if (nonce.len == 0) {
		random_bytes(seed, sizeof seed);
		base64_write(seed, sizeof seed, &nonce);
	}
	buf_clear(&s->state);
	buf_adds(&s->state, "n=");
	scram_name(s->login->user, &s->state);
	buf_adds(&s->state, ",r=");
	buf_addspan(&s->state, buf_span(&nonce));
	buf_free(&nonce);
	add_gs2_header(s, out);
	buf_addspan(out, buf_span(&s->state));
	return true;
}

/*
 * Takes the next attribute off the message: a letter, "=", a value that is not empty, up to a
 * comma or the end. Returns its letter, '\0' where there is none of that form.
 */
static char next_attribute(struct span *message, struct span *value)
{
	if (message->len < 3 || !ascii_isalpha(message->p[0]) || message->p[1] != '=')
		return '\0';
	const char letter = message->p[0], *p = message->p + 2;
	const char *comma = memchr(p, ',', message->len - 2);
	size_t len = comma != NULL ? (size_t)(comma - p) : message->len - 2;

	if (len == 0 || len + 3 == message->len) /* a comma with nothing behind it */
		return '\0';
	*value = (struct span){ p, len };
	len += comma != NULL ? 3 : 2;
	message->p += len;
	message->len -= len;
	return letter;
}

/* Extensions may follow, which we need not know but one that says we must (section 5.1, "m"). */
static const char *check_extensions(struct span rest)
{
	struct span value;

	while (rest.len > 0) {
		char letter = next_attribute(&rest, &value);

		if (letter == '\0')
			return "the server's message has no form";
		if (letter == 'm')
			return "the server wants an extension that is not known here";
	}
	return NULL;
}

/* Ours must be its beginning, or somebody plays an older exchange back to us. */
static bool nonce_ok(const struct sasl *s, struct span nonce)
{
	const char *state = buf_str(&s->state), *ours = strstr(state, ",r=") + strlen(",r=");
	size_t len = strlen(ours);

	if (nonce.len <= len || nonce.len > NONCE_MAX || memcmp(nonce.p, ours, len) != 0)
		return false;
	for (size_t i = 0; i < nonce.len; i++)
		if (nonce.p[i] <= ' ' || nonce.p[i] > '~')
			return false;
	return true;
}

static bool read_iterations(struct span text, uint64_t *out)
{
	char number[16];

	if (text.len >= sizeof number)
		return false;
	memcpy(number, text.p, text.len);
	number[text.len] = '\0';
	return parse_number(number, UINT64_MAX, out) && *out > 0;
}

/* Returns NULL, or what is wrong with it. */
static const char *read_server_first(const struct sasl *s, struct span message,
				     struct server_first *first)
{
	uint64_t iterations;
	struct span value;
	char letter = next_attribute(&message, &first->nonce);

	if (letter == 'm')
		return "the server wants an extension that is not known here";
	if (letter != 'r')
		return "the server's message has no nonce";
	if (!nonce_ok(s, first->nonce))
		return "the server's nonce does not begin with ours";
	if (next_attribute(&message, &value) != 's' || !base64_read(value, &first->salt) ||
	    buf_overflowed(&first->salt))
		return "the server's message has no salt";
	if (next_attribute(&message, &value) != 'i' || !read_iterations(value, &iterations))
		return "the server's message has no number of iterations";
	if (iterations < SCRAM_ITERATIONS_MIN)
		return "the server wants fewer than 4096 iterations, which would help whoever "
		       "guesses passwords";
	if (iterations > SCRAM_ITERATIONS_MAX)
		return "the server wants more than 2000000 iterations, which would take too long";
	first->iterations = (unsigned)iterations;
	return check_extensions(message);
}

/* client-final-message-without-proof: the gs2-header again, with the channel it speaks of. */
static void add_final(const struct sasl *s, struct span nonce, struct buf *out)
{
	struct buf binding;

	buf_init(&binding, SASL_MESSAGE_MAX);
	add_gs2_header(s, &binding);
	if (s->mechanism->needs_binding)
		buf_addspan(&binding, s->login->binding);
	buf_adds(out, "c=");
	base64_write(binding.p, binding.len, out);
	buf_adds(out, ",r=");
	buf_addspan(out, nonce);
	buf_free(&binding);
}

/* Section 3, from SaltedPassword to ServerSignature. */
static bool compute(enum hash h, struct span password, const struct server_first *first,
		    struct span auth_message, struct keys *k)
{
	const size_t n = hash_size(h);

	return hash_pbkdf2(h, password, buf_span(&first->salt), first->iterations, k->salted) &&
	       hash_hmac(h, bytes(k->salted, n), span_of("Client Key"), k->client) &&
	       hash_of(h, bytes(k->client, n), k->stored) &&
	       hash_hmac(h, bytes(k->stored, n), auth_message, k->client_signature) &&
	       hash_hmac(h, bytes(k->salted, n), span_of("Server Key"), k->server) &&
	       hash_hmac(h, bytes(k->server, n), auth_message, k->server_signature);
}

/* The proof to what is said already; what the server must prove stays in the state. */
static bool prove(struct sasl *s, enum hash h, const struct server_first *first,
		  struct span auth_message, struct buf *out, struct result *r)
{
	unsigned char proof[HASH_MAX];
	struct buf password;
	struct keys k;

	buf_init(&password, SASL_MESSAGE_MAX);
	bool ok = sasl_password(s, &password, r);
	if (ok && !compute(h, buf_span(&password), first, auth_message, &k))
		ok = result_fail(r, CAUSE_CONFIG, STEP_AUTH, "this system forbids what %s needs",
				 s->mechanism->name);
	if (ok) {
		for (size_t i = 0; i < hash_size(h); i++)
			proof[i] = k.client[i] ^ k.client_signature[i];
		buf_adds(out, ",p=");
		base64_write(proof, hash_size(h), out);
		buf_clear(&s->state);
		base64_write(k.server_signature, hash_size(h), &s->state);
	}
	wipe(proof, sizeof proof);
	wipe(&k, sizeof k);
	buf_wipe(&password);
	return ok;
}

/* client-final-message, to server-first-message. */
static bool say_final(struct sasl *s, enum hash h, struct span challenge, struct buf *out,
		      struct result *r)
{
	struct server_first first = { .iterations = 0 };
	struct buf auth_message;
	const char *wrong;

	buf_init(&first.salt, SASL_MESSAGE_MAX);
	buf_init(&auth_message, 4 * SASL_MESSAGE_MAX);
	wrong = read_server_first(s, challenge, &first);
	bool ok = wrong == NULL || sasl_broken(s, r, wrong);
	if (ok) {
		add_final(s, first.nonce, out);
		buf_addspan(&auth_message, buf_span(&s->state));
		buf_addc(&auth_message, ',');
		buf_addspan(&auth_message, challenge);
		buf_addc(&auth_message, ',');
		buf_addspan(&auth_message, buf_span(out));
		ok = prove(s, h, &first, buf_span(&auth_message), out, r);
	}
	buf_free(&first.salt);
	buf_free(&auth_message);
	return ok;
}

/* server-final-message: the proof that the server knows the password as well. */
static bool judge_server(struct sasl *s, struct span message, struct result *r)
{
	struct span value;

	if (next_attribute(&message, &value) != 'v' || check_extensions(message) != NULL)
		return sasl_broken(s, r, "the server's last message has no form");
	s->server_ok = secret_eq(value, buf_span(&s->state));
	return s->server_ok || sasl_broken(s, r,
					   "the server does not prove that it knows the password: "
					   "it may not be the one it says it is");
}

/* server-error, which may come in place of either message; the reply that refuses follows. */
static bool take_error(struct sasl *s, struct span message)
{
	if (message.len < 2 || memcmp(message.p, "e=", 2) != 0)
		return false;
	sasl_take_error(s, (struct span){ message.p + 2, message.len - 2 });
	return true;
}

static bool respond(struct sasl *s, enum hash h, struct span challenge, struct buf *out,
		    struct result *r)
{
	if (s->turn == 0)
		return say_first(s, out);
	if (challenge.len > 0 && memchr(challenge.p, '\0', challenge.len) != NULL)
		return sasl_broken(s, r, "a NUL in the server's message");
	if (take_error(s, challenge))
		return true;
	return s->turn == 1 ? say_final(s, h, challenge, out, r) : judge_server(s, challenge, r);
}

bool scram_sha1(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	return respond(s, HASH_SHA1, challenge, out, r);
}

bool scram_sha256(struct sasl *s, struct span challenge, struct buf *out, struct result *r)
{
	return respond(s, HASH_SHA256, challenge, out, r);
}
