/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/detect */
/*
 * fuzz_decode - any text as the layers have it.
 *
 * The texts of all layers are the same bytes at the same places, whether the
 * text comes as a whole or in small windows, and all places are in the text.
 */
#include <string.h>

#include "agent/detect/unfold.h"
#include "lib/buf.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct buf pieces;
	size_t size;
};

static int
look(void *ctx, const struct unfold_piece *p)
{
	struct seen *s = ctx;

	must(p->len > 0 && p->len <= UNFOLD_PIECE);
	must(p->low <= p->high && p->high <= p->len);
	for (size_t i = 0; i < p->len; i++) {
		struct span at = unfold_span(p, (struct span){i, i + 1});

		must(at.from < at.to && at.to <= s->size);
		buf_put_u64(&s->pieces, at.from);
		buf_put_u8(&s->pieces, p->text[i]);
		buf_put_u8(&s->pieces,
		    (uint8_t)unfold_counts(p, (struct span){i, i + 1}));
	}
	return 0;
}

/* Layers come in their order at the end of the text, and a piece when full. */
static void
read_all(const uint8_t *data, size_t size, size_t step, uint32_t layer,
    struct seen *out)
{
	struct unfold *u = NULL;
	size_t at = 0;

	buf_init(&out->pieces, (size_t)256 << 20);
	out->size = size;
	must(unfold_new(layer, look, out, &u) == 0);
	for (;;) {
		size_t to = size - at <= step + DECODE_AHEAD ? size : at + step;
		size_t base = at > DECODE_BACK ? at - DECODE_BACK : 0;
		size_t len = to == size ? size : to + DECODE_AHEAD;

		/* Exactly as long, so that a sanitizer sees its ends. */
		OWN_MEM uint8_t *copy = malloc(len - base + 1);

		must(copy != NULL);
		memcpy(copy, data + base, len - base);
		must(unfold_run(
			 u, copy, len - base, base, at, to, to == size) == 0);
		at = to;
		if (to == size)
			break;
	}
	unfold_free(u);
	must(buf_error(&out->pieces) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t layers[] = {1U << DECODE_BASE64, 1U << DECODE_HEX,
	    1U << DECODE_PERCENT, 1U << DECODE_QP, 1U << DECODE_UNICODE,
	    1U << DECODE_HTML};
	struct seen a = {0}, b = {0};

	if (size < 2)
		return 0;
	/* One layer, in itself too: its pieces have one order. */
	read_all(data + 2, size - 2, size, layers[data[0] % 6], &a);
	read_all(data + 2, size - 2, 1U + data[1], layers[data[0] % 6], &b);
	must(a.pieces.len == b.pieces.len);
	must(a.pieces.len == 0 ||
	     memcmp(a.pieces.data, b.pieces.data, a.pieces.len) == 0);
	buf_done(&a.pieces);
	buf_done(&b.pieces);
	/* All at once: nothing but that it holds. */
	read_all(
	    data + 2, size - 2, 1U + data[1], (1U << DECODE_LAYERS) - 1, &a);
	buf_done(&a.pieces);
	return 0;
}
