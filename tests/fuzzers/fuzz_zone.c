/*
 * fuzz_zone.c - libFuzzer: zone files
 */
#include "base/buf.h"
#include "base/result.h"
#include "net/zone.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

#define NAMES_MAX 8 /* of which each is looked up: the work stays linear */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result r = RESULT_OK;
	struct zone z;

	zone_init(&z);
	bool ok = zone_read((struct span){ (const char *)data, size }, "file", &z, &r);

	assert(ok != result_failed(&r));
	for (size_t i = 0; i < z.n; i++) {
		assert(z.rows[i].target == NULL || z.rows[i].text.len == 0);
		assert(z.rows[i].text.len <= 65535 && !buf_overflowed(&z.rows[i].text));
	}
	for (size_t i = 0; i < z.n && i < NAMES_MAX; i++) {
		const char *last = zone_follow(&z, z.rows[i].owner);

		assert(last == NULL || strlen(last) <= size);
		assert(zone_has_name(&z, z.rows[i].owner));
	}
	result_free(&r);
	zone_free(&z);
	return 0;
}
