/*
 * fuzz_srv.c - libFuzzer: what a DNS server sends back when it is asked for SRV records
 */
#include "base/util.h"
#include "net/srv.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct srv s;
	uint64_t port;
	bool ok = srv_from_message(data, size, &s);

	assert(s.n <= SRV_TARGETS_MAX && (ok || s.n == 0));
	for (size_t i = 0; i < s.n; i++) {
		const char *host = s.targets[i].host;

		assert(parse_number(s.targets[i].port, 65535, &port) && port > 0);
		assert(host[0] != '\0' && host[0] != '.' && host[strlen(host) - 1] != '.');
		for (const char *p = host; *p != '\0'; p++)
			assert(ascii_isalnum(*p) || strchr("-_.", *p) != NULL);
		assert(srv_target_is_under(host, host));
	}
	srv_free(&s);
	return 0;
}
