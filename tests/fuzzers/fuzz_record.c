/*
 * fuzz_record.c - libFuzzer: the text of a TXT record as a key record and as a DMARC record
 */
#include "base/buf.h"
#include "base/util.h"
#include "dkim/dmarc.h"
#include "dkim/record.h"
#include "dkim/tags.h"

#include <assert.h>
#include <stdint.h>

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is a list is the same list when its tags are written one behind the other. */
static void read_again(struct span text)
{
	struct tags once, again;
	struct buf b;

	if (!tags_parse(text, &once))
		return;
	buf_init(&b, 2 * text.len + 1);
	for (size_t i = 0; i < once.n; i++) {
		buf_addspan(&b, once.tag[i].name);
		buf_addc(&b, '=');
		buf_addspan(&b, once.tag[i].value);
		buf_addc(&b, ';');
	}
	assert(tags_parse(buf_span(&b), &again) && again.n == once.n);
	for (size_t i = 0; i < once.n; i++)
		assert(span_eq(once.tag[i].name, again.tag[i].name) &&
		       span_eq(once.tag[i].value, again.tag[i].value));
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct dkim_record rec;
	struct dmarc dmarc;

	read_again(text);
	record_read(text, &rec);
	assert((rec.key != NULL) == (rec.state == RECORD_GOOD));
	assert(rec.key == NULL || dkim_public_bits(rec.key) > 0);
	assert(record_words(rec.state) != NULL);
	record_free(&rec);
	if (dmarc_read(text, &dmarc))
		assert(dmarc_policy_name(dmarc.policy) != NULL &&
		       dmarc_policy_name(dmarc.subdomains) != NULL);
	return 0;
}
