/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * fuzz_web - HTTP of both directions, cut and with gaps as the input says.
 */
#include "agent/extract/extract.h"

#include "lib/own.h"

static int
on_object(void *ctx UNUSED, const struct web_object *o UNUSED)
{
	return 0;
}

static int
on_body(void *ctx UNUSED, uint64_t id UNUSED, struct content c UNUSED)
{
	return 0;
}

static int
on_text(void *ctx UNUSED, enum direction d UNUSED, struct content c UNUSED)
{
	return 0;
}

static void
on_skip(void *ctx UNUSED, const char *reason UNUSED, uint64_t bytes UNUSED)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Pieces: one byte of direction, gap and length, then that many bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct web_sink sink = {.start = on_object,
	    .body = on_body,
	    .object = on_object,
	    .text = on_text,
	    .skip = on_skip};
	struct web *w;
	int r = 0;

	must(web_new(&sink, &w) == 0);
	while (size > 0 && r == 0) {
		enum direction d = (data[0] & 1) != 0 ? TO_CLIENT : TO_SERVER;
		bool gap = (data[0] & 2) != 0;
		size_t n = data[0] >> 2;
		struct content c;

		data++;
		size--;
		n = n < size ? n : size;
		c = (struct content){.data = data, .len = n};
		r = gap ? web_gap(w, d, n) : web_feed(w, d, c);
		if (!gap) {
			data += n;
			size -= n;
		}
	}
	must(web_close(w) == 0 || r != 0);
	web_free(w);
	return 0;
}
