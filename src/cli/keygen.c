/*
 * keygen.c - --dkim-keygen: a new key, and what has to be written down because of it
 */
#include "cli/keygen.h"

#include "base/util.h"
#include "config/secret.h"
#include "dkim/key.h"
#include "mail/idn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define RSA_BITS_ADVISED 2048 /* RFC 8301 section 3.2, as is the next */
#define RSA_BITS_USUAL   4096 /* what receivers have to take */
#define RSA_BITS_MAX     16384
#define NAME_MAX_LEN     253 /* RFC 1035 section 2.3.4, as text */
#define STRING_MAX       255 /* RFC 1035 section 3.3 */
#define PEM_MAX          (32 * 1024)
#define TEXT_MAX         (64 * 1024)

/* What was asked for. */
struct request {
	enum key_type type;
	unsigned bits;
	char *domain; /* both as A-labels */
	char *selector;
	char *record; /* the name of its record in the DNS, without the last dot */
	char *file;
	char *path; /* of the file that was made, from the root on; or as it was named */
};

static bool take_algorithm(const char *word, struct request *q, struct result *r)
{
	if (word == NULL || ascii_casecmp(word, "rsa") == 0)
		q->type = KEY_RSA;
	else if (ascii_casecmp(word, "ed25519") == 0)
		q->type = KEY_ED25519;
	else
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "--algorithm %s: expected rsa or ed25519", word);
	return true;
}

static bool take_bits(const char *number, struct request *q, struct result *r)
{
	uint64_t bits = RSA_BITS_ADVISED;

	if (number != NULL && q->type != KEY_RSA)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "--bits is for RSA: keys of Ed25519 have one size");
	if (number != NULL && (!parse_number(number, RSA_BITS_MAX, &bits) || bits < RSA_BITS_MIN))
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "--bits %s: expected a number from %d to %d", number,
				   RSA_BITS_MIN, RSA_BITS_MAX);
	q->bits = (unsigned)bits;
	return true;
}

/* RFC 6376 section 3.1: sub-domain *("." sub-domain); their lengths are known to be right. */
static bool is_name(const char *s)
{
	char before = '.';

	for (; *s != '\0'; before = *s++) {
		if (!ascii_isalnum(*s) && *s != '-' && *s != '.')
			return false;
		if (*s == '-' && (before == '.' || s[1] == '.' || s[1] == '\0'))
			return false;
	}
	return true;
}

static bool take_name(const char *text, const char *what, char **out, struct result *r)
{
	if (idn_to_ascii(text, out) != NULL || !is_name(*out))
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "\"%s\" is no %s: expected letters, digits and hyphens, at most "
				   "63 of them between two dots",
				   text, what);
	ascii_lower(*out);
	return true;
}

static bool take_file(const char *name, struct request *q, struct result *r)
{
	if (name == NULL) {
		q->file = xasprintf("%s.%s.pem", q->domain, q->selector);
		return true;
	}
	if (name[0] == '\0' || has_control(name, strlen(name)))
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "--out: expected a file's name, without control characters");
	q->file = xstrdup(name);
	return true;
}

static bool take_request(const struct options *o, struct request *q, struct result *r)
{
	if (o->n_recipients != 2)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "--dkim-keygen wants a domain and a selector, such as: "
				   "--dkim-keygen example.org s1");
	if (!take_algorithm(o->algorithm, q, r) || !take_bits(o->bits, q, r) ||
	    !take_name(o->recipients[0], "domain", &q->domain, r) ||
	    !take_name(o->recipients[1], "selector", &q->selector, r) || !take_file(o->out, q, r))
		return false;
	if (strchr(q->domain, '.') == NULL)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "\"%s\" has no dot: DKIM wants the full domain",
				   o->recipients[0]);
	q->record = xasprintf("%s._domainkey.%s", q->selector, q->domain);
	if (strlen(q->record) > NAME_MAX_LEN)
		return result_fail(r, CAUSE_USAGE, STEP_USAGE,
				   "the record's name, %s, is longer than %d octets", q->record,
				   NAME_MAX_LEN);
	return true;
}

static void request_free(struct request *q)
{
	free(q->domain);
	free(q->selector);
	free(q->record);
	free(q->file);
	free(q->path);
}

/* errno, as a cause for the exit status. */
static enum cause file_cause(void)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return CAUSE_PERMISSION;
	case EDQUOT:
	case EFBIG:
	case EIO:
	case ENOSPC:
		return CAUSE_TEMPORARY;
	default:
		return CAUSE_CONFIG;
	}
}

static bool write_key(const char *file, struct span pem, struct result *r)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0 && errno == EEXIST)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s is there already and stays as it is; take another selector "
				   "for a new key, or another file with --out",
				   file);
	if (fd < 0)
		return result_fail(r, file_cause(), STEP_CONFIG, "%s cannot be made: %s", file,
				   strerror(errno));
	ok = write_all(fd, pem.p, pem.len) && fsync(fd) == 0;
	if (!ok)
		result_fail(r, file_cause(), STEP_CONFIG, "%s cannot be written: %s", file,
			    strerror(errno));
	close(fd);
	if (!ok)
		unlink(file);
	return ok;
}

static char *path_of(const char *file)
{
	char *path = realpath(file, NULL);

	return path != NULL ? path : xstrdup(file);
}

/* In strings that a TXT record can hold, one a line. */
static void put_strings(struct buf *out, const char *value)
{
	size_t len = strlen(value);

	if (len <= STRING_MAX) {
		buf_addf(out, "\"%s\"\n", value);
		return;
	}
	buf_adds(out, "(\n");
	for (size_t n; len > 0; value += n, len -= n) {
		n = len < STRING_MAX ? len : STRING_MAX;
		buf_addf(out, "\t\"%.*s\"\n", (int)n, value);
	}
	buf_adds(out, "\t)\n");
}

/* A string of sendmail.conf. */
static void put_quoted(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\' || (*s == '$' && s[1] == '{'))
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
	buf_addc(out, '"');
}

/* The section's name is the record's: several keys of a domain get along. */
static void put_section(struct buf *out, const struct request *q)
{
	buf_addf(out,
		 "dkim \"%s\" {\n\tdomain = \"%s\"\n\tselector = \"%s\"\n\tkey_file = ", q->record,
		 q->domain, q->selector);
	put_quoted(out, q->path);
	buf_adds(out, "\n}\n");
}

static bool show(const struct request *q, const struct dkim_key *key, struct report *rep,
		 struct result *r)
{
	struct buf value;
	struct buf text;
	bool ok;

	buf_init(&value, TEXT_MAX);
	buf_init(&text, TEXT_MAX);
	buf_addf(&value, "v=DKIM1; k=%s; p=", q->type == KEY_RSA ? "rsa" : "ed25519");
	ok = dkim_key_public(key, &value, r);
	buf_addf(&text, "; Publish this record:\n%s. IN TXT ", q->record);
	put_strings(&text, buf_str(&value));
	buf_addf(&text, "\n; The same for a web form, name and value:\n%s\n%s\n", q->record,
		 buf_str(&value));
	buf_adds(&text, "\n# When it can be looked up, add this to sendmail.conf:\n");
	put_section(&text, q);
	if (ok && !sink_write(&rep->out, text.p, text.len))
		ok = result_fail(r, CAUSE_READ, STEP_CONFIG,
				 "the record could not be shown, so the key was not kept");
	buf_free(&value);
	buf_free(&text);
	return ok;
}

/* The key is made; is it one that will be used without complaint? */
static void tell_doubts(const struct request *q, struct report *rep)
{
	struct result r = RESULT_OK;
	struct buf pem;

	if (q->type == KEY_RSA && q->bits < RSA_BITS_ADVISED)
		report_line(rep, "warning: the key has %u bits, %d are advised", q->bits,
			    RSA_BITS_ADVISED);
	if (q->type == KEY_RSA && q->bits > RSA_BITS_USUAL)
		report_line(rep, "warning: the key has %u bits; not all receivers take over %d",
			    q->bits, RSA_BITS_USUAL);
	if (!secret_read_file(q->path, "key_file", &pem, &r))
		report_line(rep, "warning: %s", r.text);
	buf_wipe(&pem);
	result_free(&r);
}

int keygen(const struct options *o, struct report *rep)
{
	struct result r = RESULT_OK;
	struct request q = { .domain = NULL };
	struct dkim_key *key = NULL;
	struct buf pem;
	bool written = false;
	int status;

	buf_init(&pem, PEM_MAX);
	buf_reserve(&pem, PEM_MAX);
	if (take_request(o, &q, &r) && dkim_key_generate(q.type, q.bits, &pem, &key, &r))
		written = write_key(q.file, buf_span(&pem), &r);
	buf_wipe(&pem);
	if (written)
		q.path = path_of(q.file);
	if (written && show(&q, key, rep, &r))
		tell_doubts(&q, rep);
	else if (written)
		unlink(q.file);
	if (result_failed(&r))
		report_failure(rep, NULL, NULL, &r);
	status = result_status(&r);
	dkim_key_free(key);
	request_free(&q);
	result_free(&r);
	return status;
}
