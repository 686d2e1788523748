/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_batch - a batch as it comes from the network, packed and not.
 *
 * What parses is written again, and must be the same bytes: there is one way
 * to say it, or two collectors could read two things.
 */
#include <string.h>

#include "lib/batch.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_again(const struct batch *b, struct buf *out)
{
	batch_begin(out, b->origin, b->gen, b->first, b->count);
	for (uint32_t i = 0; i < b->count; i++) {
		const struct batch_entry *in = &b->entries[i];
		struct entry e = {.ndisclosures = in->ndisclosures};

		buf_init(&e.leaf, ENTRY_LEAF_MAX);
		buf_put(&e.leaf, in->leaf, in->len);
		for (size_t k = 0; k < in->ndisclosures; k++)
			e.disclosures[k] = in->disclosures[k];
		batch_entry(out, &e);
		buf_done(&e.leaf);
	}
	batch_end(out, b->note, b->note_len);
}

static void
parse(const uint8_t *data, size_t size)
{
	OWN(buf_done) struct buf again = {0};
	OWN(batch_done) struct batch b = {0};
	struct diag why = {""};

	if (batch_parse(data, size, &b, &why) != 0) {
		must(why.text[0] != '\0' && b.entries == NULL);
		return;
	}
	buf_init(&again, size);
	write_again(&b, &again);
	must(buf_error(&again) == 0 && again.len == size &&
	     memcmp(again.data, data, size) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_done) struct buf plain = {0};

	buf_init(&plain, BATCH_BYTES_MAX);
	if (batch_unpack(data, size, &plain) == 0)
		parse(plain.data, plain.len);
	else
		must(plain.len == 0);
	parse(data, size);
	return 0;
}
