/*
 * fuzz_answer.c - libFuzzer: what a DNS server sends back
 */
#include "net/txt.h"

#include <assert.h>
#include <stdint.h>

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct txt t;

	txt_from_message(data, size, &t);
	assert(t.n <= TXT_RECORDS_MAX && (t.n > 0) == (t.answer == TXT_FOUND));
	for (size_t i = 0; i < t.n; i++)
		assert(t.records[i].len <= size);
	txt_free(&t);
	return 0;
}
