/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_finding - the wire form of a finding: what decodes encodes to itself.
 */
#include <string.h>

#include "lib/finding.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_done) struct buf again = {0};
	struct finding f;
	struct cur c;
	size_t used;

	cur_init(&c, data, size);
	if (finding_decode(&f, &c) != 0)
		return 0;
	must(f.nspans <= FINDING_SPANS_MAX && f.member != NULL);
	used = size - c.left;
	buf_init(&again, size + 64);
	finding_encode(&f, &again);
	must(buf_error(&again) == 0 && again.len == used);
	must(memcmp(again.data, data, used) == 0);
	finding_done(&f);
	return 0;
}
