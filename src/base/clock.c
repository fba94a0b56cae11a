/*
 * clock.c - time and randomness, the two things a test has to hold still
 */
#include "base/clock.h"

#include "base/util.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>

#include "base/banned.h"

static time_t frozen = -1;
static unsigned char next_byte;

int64_t clock_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

time_t clock_now(void)
{
	return frozen >= 0 ? frozen : time(NULL);
}

void random_bytes(void *p, size_t len)
{
	unsigned char *at = p;

	while (frozen >= 0 && len > 0) {
		*at++ = next_byte++;
		len--;
	}
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			out_of_memory();
		at += n;
		len -= (size_t)n;
	}
}

void clock_freeze(time_t now)
{
	frozen = now;
	next_byte = 0;
}
