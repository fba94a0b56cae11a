/*
 * trust.c - the certificates of CAs that are believed
 */
#include "net/trust.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define STORE_MAX (16 * 1024 * 1024)
#define HEAD_STEP 120  /* of a certificate's DER; in most the subject ends with the second step */
#define HEAD_MAX  4080 /* all steps together */
#define NAMES_MAX 64   /* of a chain: two each of more certificates than GnuTLS verifies */

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";

struct trust {
	char *path;
	bool token; /* a PKCS#11 URL: GnuTLS asks the token itself */
	char *pem;
	size_t len;
	struct stat st;
};

/* --- as much DER as it takes to find a certificate's names --- */

/*
 * Takes the header of an element with this tag off `in`, which is at its contents then; their
 * length is in *len, and may be more than `in` holds.
 */
static bool der_header(struct span *in, unsigned char tag, size_t *len)
{
	const unsigned char *p = (const unsigned char *)in->p;
	size_t header = 2;

	if (in->len < header || p[0] != tag)
		return false;
	*len = p[1];
	if (p[1] >= 0x80) {
		size_t n = p[1] & 0x7f;

		header += n;
		if (n == 0 || n > 3 || in->len < header)
			return false;
		*len = 0;
		for (size_t i = 0; i < n; i++)
			*len = *len << 8 | p[2 + i];
	}
	in->p += header;
	in->len -= header;
	return true;
}

/* Takes a whole element off `in`. */
static bool der_element(struct span *in, unsigned char tag, struct span *whole)
{
	const char *start = in->p;
	size_t len;

	if (!der_header(in, tag, &len) || len > in->len)
		return false;
	in->p += len;
	in->len -= len;
	*whole = (struct span){ start, (size_t)(in->p - start) };
	return true;
}

/* The names of a certificate (RFC 5280 section 4.1) of which `in` has at least the first part. */
static bool find_names(struct span in, struct span *issuer, struct span *subject)
{
	enum { SEQUENCE = 0x30, INTEGER = 0x02, VERSION = 0xa0 };
	struct span skipped;
	size_t len;

	if (!der_header(&in, SEQUENCE, &len) || !der_header(&in, SEQUENCE, &len))
		return false;
	der_element(&in, (unsigned char)VERSION, &skipped); /* version 1 has none */
	return der_element(&in, INTEGER, &skipped) && der_element(&in, SEQUENCE, &skipped) &&
	       der_element(&in, SEQUENCE, issuer) && der_element(&in, SEQUENCE, &skipped) &&
	       der_element(&in, SEQUENCE, subject);
}

/* --- PEM --- */

enum { SKIP = 64, BAD = 128 };

struct decoder {
	unsigned char value[256]; /* of a digit; SKIP for white space, BAD for the rest */
};

static void decoder_init(struct decoder *d)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < sizeof d->value; i++)
		d->value[i] = BAD;
	for (unsigned char i = 0; i < 64; i++)
		d->value[(unsigned char)digits[i]] = i;
	d->value[' '] = d->value['\t'] = d->value['\r'] = d->value['\n'] = SKIP;
}

/*
 * The first bytes of what the base64 stands for, at most `max`, in whole groups of three; *in is
 * behind them then.
 */
static size_t decode(const struct decoder *d, struct span *in, unsigned char *out, size_t max)
{
	const unsigned char *p = (const unsigned char *)in->p, *end = p + in->len;
	unsigned char *to = out;
	const unsigned char *full = out + max / 3 * 3;

	while (to < full) {
		unsigned bits = 0;
		int have = 0;

		/* Most lines are of 64 digits: four at once, without a look at each. */
		while (to < full && end - p >= 4) {
			unsigned a = d->value[p[0]], b = d->value[p[1]];
			unsigned c = d->value[p[2]], e = d->value[p[3]];

			if ((a | b | c | e) >= SKIP)
				break;
			to[0] = (unsigned char)(a << 2 | b >> 4);
			to[1] = (unsigned char)(b << 4 | c >> 2);
			to[2] = (unsigned char)(c << 6 | e);
			to += 3;
			p += 4;
		}
		const unsigned char *group = p;
		while (to < full && have < 4 && p < end && d->value[*p] != BAD) {
			unsigned v = d->value[*p++];

			if (v == SKIP)
				continue;
			bits = bits << 6 | v;
			have++;
		}
		if (have < 4) {
			p = have > 0 ? group : p;
			break;
		}
		*to++ = (unsigned char)(bits >> 16);
		*to++ = (unsigned char)(bits >> 8);
		*to++ = (unsigned char)bits;
	}
	in->len -= (size_t)(p - (const unsigned char *)in->p);
	in->p = (const char *)p;
	return (size_t)(to - out);
}

static bool starts_with(struct span s, const char *word)
{
	size_t len = strlen(word);

	return s.len >= len && memcmp(s.p, word, len) == 0;
}

/* Moves to the next dash that begins `mark`; false at the end. No base64 has a dash. */
static bool find_mark(struct span *in, const char *mark)
{
	const char *dash;

	while (in->len > 0 && (dash = memchr(in->p, '-', in->len)) != NULL) {
		in->len -= (size_t)(dash - in->p);
		in->p = dash;
		if (starts_with(*in, mark))
			return true;
		in->p++;
		in->len--;
	}
	return false;
}

/* Takes the next certificate off `in`: the PEM block with its marks, and the base64 within. */
static bool next_block(struct span *in, struct span *block, struct span *text)
{
	while (find_mark(in, begin_mark)) {
		struct span label = { in->p + strlen(begin_mark), in->len - strlen(begin_mark) };
		const char *start = in->p;
		bool wanted = starts_with(label, "CERTIFICATE-----") ||
			      starts_with(label, "X509 CERTIFICATE-----");

		*in = label;
		if (!wanted)
			continue;
		find_mark(in, "-----");
		in->p += 5;
		in->len -= 5;
		text->p = in->p;
		if (!find_mark(in, end_mark))
			return false;
		text->len = (size_t)(in->p - text->p);
		in->p += strlen(end_mark);
		in->len -= strlen(end_mark);
		if (!find_mark(in, "-----"))
			return false;
		in->p += 5;
		in->len -= 5;
		*block = (struct span){ start, (size_t)(in->p - start) };
		return true;
	}
	return false;
}

static int import(struct span block, gnutls_x509_crt_t *out)
{
	gnutls_datum_t pem = { (unsigned char *)(uintptr_t)block.p, (unsigned)block.len };
	int rc = gnutls_x509_crt_init(out);

	if (rc < 0)
		out_of_memory();
	rc = gnutls_x509_crt_import(*out, &pem, GNUTLS_X509_FMT_PEM);
	if (rc < 0)
		gnutls_x509_crt_deinit(*out);
	return rc;
}

/* --- loading --- */

/* Is it as long as it says, and has it names? Parsing it all would cost 30 times as much. */
static bool looks_whole(const struct decoder *d, struct span text)
{
	unsigned char *der = xmalloc(text.len + 1);
	struct span in = { (const char *)der, decode(d, &text, der, text.len) };
	struct span issuer, subject, head = in;
	size_t len = 0, n = in.len;
	bool ok = find_names(in, &issuer, &subject) && der_header(&head, 0x30, &len);

	/* What is left is the last group, of one or two bytes. */
	len += n - head.len;
	ok = ok && len >= n && len - n < 3 && (len == n || text.len > 2);
	free(der);
	return ok;
}

/* At least one that is of use; more are not looked at before a chain asks for them. */
static bool has_certificate(struct span pem, int *error)
{
	struct span block, text;
	struct decoder d;
	gnutls_x509_crt_t crt;

	*error = 0;
	decoder_init(&d);
	while (next_block(&pem, &block, &text)) {
		if (looks_whole(&d, text))
			return true;
		*error = import(block, &crt);
		if (*error == GNUTLS_E_MEMORY_ERROR)
			out_of_memory();
		if (*error >= 0) {
			gnutls_x509_crt_deinit(crt);
			return true;
		}
	}
	return false;
}

/* All of the file, up to STORE_MAX; false with errno set. */
static bool read_all(struct trust *t, int fd)
{
	size_t room = 0;
	ssize_t n;

	if (fstat(fd, &t->st) != 0)
		return false;
	if (S_ISREG(t->st.st_mode) && t->st.st_size < STORE_MAX)
		room = (size_t)t->st.st_size;
	do {
		if (t->len >= room || t->pem == NULL) {
			room += room / 2 + 1024;
			t->pem = xrealloc(t->pem, room);
		}
		n = read(fd, t->pem + t->len, room - t->len);
		t->len += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && t->len <= STORE_MAX) || (n < 0 && errno == EINTR));
	return n >= 0;
}

static bool slurp(struct trust *t)
{
	int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	bool ok = read_all(t, fd);
	int saved = errno;
	close(fd);
	errno = saved;
	return ok;
}

static struct span pem_of(const struct trust *t)
{
	return (struct span){ t->pem, t->len };
}

static bool load_file(struct trust *t, struct result *r)
{
	int error;

	if (!slurp(t))
		return result_fail(r, errno == EACCES ? CAUSE_PERMISSION : CAUSE_CONFIG,
				   STEP_CONFIG, "tls_ca_file %s: %s", t->path, strerror(errno));
	if (t->len > STORE_MAX)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "tls_ca_file %s: over %d MiB",
				   t->path, STORE_MAX / 1024 / 1024);
	if (!has_certificate(pem_of(t), &error))
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "tls_ca_file %s: no certificate in it%s%s", t->path,
				   error < 0 ? ": " : "", error < 0 ? gnutls_strerror(error) : "");
	return true;
}

static bool load_system(struct trust *t, struct result *r)
{
	struct span in, block, text;
	bool ok = slurp(t);

	in = pem_of(t);
	if (!ok || !next_block(&in, &block, &text))
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "this system has no trusted certificates in %s "
				   "(install ca-certificates, or set tls_ca_file)",
				   t->path);
	return true;
}

bool trust_load(const char *ca_file, struct trust **out, struct result *r)
{
	struct trust *t = xcalloc(1, sizeof *t);
	bool ok = true;

	t->path = xstrdup(ca_file != NULL ? ca_file : DEFAULT_TRUST_STORE);
	t->token = starts_with(span_of(t->path), "pkcs11:");
	if (!t->token)
		ok = ca_file != NULL ? load_file(t, r) : load_system(t, r);
	if (ok)
		*out = t;
	else
		trust_free(t);
	return ok;
}

void trust_free(struct trust *t)
{
	if (t == NULL)
		return;
	free(t->pem);
	free(t->path);
	free(t);
}

void trust_identity(const struct trust *t, struct buf *out)
{
	buf_addf(out, "%zu:%s %lld %lld.%09ld %llu\n", strlen(t->path), t->path,
		 (long long)t->st.st_size, (long long)t->st.st_mtim.tv_sec, t->st.st_mtim.tv_nsec,
		 (unsigned long long)t->st.st_ino);
}

/* --- what a chain asks for --- */

/* The names a CA of use can have; `all` when that could not be found out. */
struct wanted {
	struct span names[NAMES_MAX];
	size_t n;
	bool all;
};

static bool is_wanted(const struct wanted *w, struct span name)
{
	for (size_t i = 0; i < w->n; i++) {
		if (span_eq(w->names[i], name))
			return true;
	}
	return false;
}

static void want(struct wanted *w, struct span name)
{
	if (is_wanted(w, name))
		return;
	if (w->n == NAMES_MAX)
		w->all = true;
	else
		w->names[w->n++] = name;
}

/*
 * The issuers, naturally; and the subjects, as a store may hold a certificate of the chain itself,
 * or another one for the same CA (cross-signed).
 */
static void want_of_chain(struct wanted *w, const gnutls_datum_t *chain, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct span der = { (const char *)chain[i].data, chain[i].size };
		struct span issuer, subject;

		if (find_names(der, &issuer, &subject)) {
			want(w, issuer);
			want(w, subject);
		} else {
			w->all = true;
		}
	}
}

/* When in doubt the certificate is taken: GnuTLS judges it. */
static bool is_of_use(const struct wanted *w, const struct decoder *d, struct span text)
{
	unsigned char head[HEAD_MAX];
	struct span in = { (const char *)head, 0 }, issuer, subject;

	if (w->all)
		return true;
	for (size_t max = 2 * HEAD_STEP; max <= sizeof head; max += HEAD_STEP) {
		in.len += decode(d, &text, head + in.len, max - in.len);
		if (find_names(in, &issuer, &subject))
			return is_wanted(w, subject);
		if (in.len < max)
			break;
	}
	return true;
}

static int pick(const struct trust *t, const struct wanted *w, gnutls_x509_trust_list_t list)
{
	struct span in = pem_of(t), block, text;
	struct decoder d;

	decoder_init(&d);
	while (next_block(&in, &block, &text)) {
		gnutls_x509_crt_t crt;

		if (!is_of_use(w, &d, text) || import(block, &crt) < 0)
			continue;
		if (gnutls_x509_trust_list_add_cas(list, &crt, 1, 0) != 1) {
			gnutls_x509_crt_deinit(crt);
			return GNUTLS_E_MEMORY_ERROR;
		}
	}
	return 0;
}

int trust_for_chain(const struct trust *t, const gnutls_datum_t *chain, unsigned n,
		    gnutls_certificate_credentials_t cred)
{
	const unsigned buckets = 8; /* of GnuTLS's hash table: there will be few */
	gnutls_x509_trust_list_t list;
	struct wanted w = { .n = 0 };
	int rc;

	if (gnutls_x509_trust_list_init(&list, buckets) < 0)
		out_of_memory();
	if (t->token) {
		rc = gnutls_x509_trust_list_add_trust_file(list, t->path, NULL, GNUTLS_X509_FMT_PEM,
							   0, 0);
	} else {
		want_of_chain(&w, chain, n);
		rc = pick(t, &w, list);
	}
	if (rc < 0)
		gnutls_x509_trust_list_deinit(list, 1);
	else
		gnutls_certificate_set_trust_list(cred, list, 0);
	return rc;
}
