/*
 * record.c - DKIM key records
 */
#include "dkim/record.h"

#include "base/base64.h"
#include "dkim/tags.h"

#include "base/banned.h"

#define RECORD_MAX 65535 /* the data of a DNS record, RFC 1035 section 3.2.1 */

static const char *const words[] = {
	[RECORD_GOOD] = "the key record is good",
	[RECORD_REVOKED] = "the key is revoked (p= is empty)",
	[RECORD_NOT_DKIM] = "the record is no DKIM key record (v=DKIM1 at its beginning)",
	[RECORD_NO_KEY] = "the key record holds no key that can be read (p=)",
	[RECORD_UNKNOWN_TYPE] = "the key record is of an unknown type (k=)",
	[RECORD_NOT_SHA256] = "the key record does not permit sha256 (h=)",
	[RECORD_NOT_EMAIL] = "the key record is not for email (s=)",
};

const char *record_words(enum record_state state)
{
	return words[state];
}

/* v= may be missing; else it is the first tag and has this one value. */
static bool is_dkim(const struct tags *t)
{
	struct span version;

	return !tags_get(t, "v", &version) ||
	       (span_eq(t->tag[0].name, span_of("v")) && span_eq(version, span_of("DKIM1")));
}

static bool type_known(const struct tags *t, enum key_type *type)
{
	struct span k = span_of("rsa");

	tags_get(t, "k", &k);
	*type = span_eq(k, span_of("ed25519")) ? KEY_ED25519 : KEY_RSA;
	return *type == KEY_ED25519 || span_eq(k, span_of("rsa"));
}

/* What a list does not say, or a list that is not there, is permitted. */
static bool list_permits(const struct tags *t, const char *name, const char *word, const char *any)
{
	struct span list;

	return !tags_get(t, name, &list) || tags_list_has(list, word) || tags_list_has(list, any);
}

static void read_flags(const struct tags *t, struct dkim_record *out)
{
	struct span flags;

	if (!tags_get(t, "t", &flags))
		return;
	out->testing = tags_list_has(flags, "y");
	out->strict = tags_list_has(flags, "s");
}

static struct dkim_public *load_key(const struct dkim_record *rec)
{
	struct dkim_public *key = NULL;
	struct buf bytes;

	buf_init(&bytes, RECORD_MAX);
	if (!buf_overflowed(&rec->base64) && base64_read(buf_span(&rec->base64), &bytes))
		key = dkim_public_load(rec->type, buf_span(&bytes));
	buf_free(&bytes);
	return key;
}

static enum record_state judge(struct span text, struct dkim_record *out)
{
	struct tags t;
	struct span p;

	if (!tags_parse(text, &t) || !is_dkim(&t))
		return RECORD_NOT_DKIM;
	read_flags(&t, out);
	if (!tags_get(&t, "p", &p))
		return RECORD_NO_KEY;
	if (p.len == 0)
		return RECORD_REVOKED;
	if (!type_known(&t, &out->type))
		return RECORD_UNKNOWN_TYPE;
	base64_unfold(p, &out->base64);
	if (!list_permits(&t, "h", "sha256", "sha256"))
		return RECORD_NOT_SHA256;
	if (!list_permits(&t, "s", "email", "*"))
		return RECORD_NOT_EMAIL;
	out->key = load_key(out);
	return out->key != NULL ? RECORD_GOOD : RECORD_NO_KEY;
}

enum record_state record_read(struct span text, struct dkim_record *out)
{
	*out = (struct dkim_record){ .key = NULL };
	buf_init(&out->base64, RECORD_MAX);
	out->state = judge(text, out);
	return out->state;
}

void record_free(struct dkim_record *rec)
{
	dkim_public_free(rec->key);
	rec->key = NULL;
	buf_free(&rec->base64);
}
