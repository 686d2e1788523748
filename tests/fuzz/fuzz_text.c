/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * fuzz_text - any bytes as text of any charset, cut anywhere.
 *
 * The first byte is the cut. The text and the map of offsets must not depend
 * on it.
 */
#include <string.h>

#include "agent/extract/sniff.h"
#include "agent/extract/text.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds @cut bytes at a time, as a block of a stream would. */
static void
convert(
    struct text *t, const uint8_t *p, size_t len, size_t cut, struct buf *out)
{
	size_t have = 0, at = 0;

	(void)text_start(t, p, len, CHARSET_ASCII);
	while (at < len) {
		struct content c;
		size_t n;
		bool last;

		have += have - at < cut ? cut - (have - at) : 0;
		have = have < len ? have : len;
		last = have == len;
		n = text_feed(t, p + at, have - at, last, &c);
		must(n <= have - at && (n > 0 || (!last && have - at < 2048)));
		buf_put(out, c.data, c.len);
		at += n;
		if (n == 0)
			have++;
	}
	must(buf_error(out) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct text *t, *u;
	static struct sniff *sniff;
	OWN(buf_done) struct buf whole = {0};
	OWN(buf_done) struct buf parts = {0};
	uint64_t before = 0;
	size_t cut;

	if (t == NULL) {
		must(text_new(&t, NULL) == 0 && text_new(&u, NULL) == 0);
		must(sniff_new(&sniff, NULL) == 0);
	}
	if (size < 1)
		return 0;
	cut = 16 + data[0] % 32;
	data++;
	size--;
	(void)sniff_container(data, size);
	must(strchr(sniff_type(sniff, data, size), '/') != NULL);
	buf_init(&whole, 8 * size + 64);
	buf_init(&parts, 8 * size + 64);
	convert(t, data, size, size + 1, &whole);
	for (size_t i = 0; i <= whole.len; i++) {
		uint64_t raw = text_raw(t, i);

		must(raw >= before && raw <= size);
		before = raw;
	}
	if (text_charset(t) > CHARSET_RAW)
		must(str_utf8(whole.data, whole.len));
	convert(u, data, size, cut, &parts);
	/* Where the guess saw less it may differ; else nothing may. */
	if (text_charset(t) == text_charset(u)) {
		must(whole.len == parts.len);
		must(whole.len == 0 ||
		     memcmp(whole.data, parts.data, whole.len) == 0);
		for (size_t i = 0; i <= whole.len; i++)
			must(text_raw(t, i) == text_raw(u, i));
	}
	return 0;
}
