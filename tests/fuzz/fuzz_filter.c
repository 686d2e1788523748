/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * fuzz_filter - any bytes as each kind of structured text, cut anywhere.
 */
#include <string.h>

#include "agent/extract/filter.h"
#include "agent/extract/text.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Offsets go back into what was eaten, and never backwards. */
static void
check_map(const struct filter *f, size_t len, size_t size)
{
	uint64_t before = 0;

	for (size_t at = 0; at <= len; at++) {
		uint64_t raw = filter_raw(f, at);

		must(raw >= before && raw <= size);
		must(filter_raw_end(f, at) <= size);
		before = raw;
	}
}

static void
run(struct filter *f, enum filter_kind kind, const uint8_t *data, size_t size,
    size_t step)
{
	struct content out;
	size_t len = 0;

	filter_start(f, kind);
	for (size_t at = 0; at < size;) {
		size_t n = size - at < step ? size - at : step;

		at += filter_feed(
		    f, (struct content){.data = data + at, .len = n}, &out);
		len += out.len;
	}
	filter_end(f, &out);
	len += out.len;
	check_map(f, len, size);
	filter_aside(f, &out);
	must(out.len <= FILTER_ASIDE);
	check_map(f, out.len, size);
	filter_forget(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct filter *f;
	static struct text *t;

	if (f == NULL)
		must(text_new(&t, NULL) == 0 && filter_new(&f, t) == 0);
	if (size < 2)
		return 0;
	(void)filter_sniff(data + 2, size - 2);
	run(f, FILTER_OFFICE + data[0] % 3, data + 2, size - 2, 1 + data[1]);
	return 0;
}
