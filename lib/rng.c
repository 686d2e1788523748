/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rng - the only source of randomness: the kernel's.
 *
 * Owns: the loop over short reads. Never: falls back to a weaker source.
 */
#include "lib/rng.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#include "lib/own.h"

void
rng_fill(void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		must(n > 0);
		p += n;
		len -= (size_t)n;
	}
}
