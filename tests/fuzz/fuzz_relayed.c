/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * fuzz_relayed - a terminal's text and an SFTP server's answers, cut and with
 * gaps as the input says. Neither grows what it is given.
 */
#include "agent/extract/extract.h"
#include "lib/buf.h"

#include "lib/own.h"

static void
on_data(void *ctx, struct content c)
{
	*(size_t *)ctx += c.len;
}

static void
on_file(void *ctx UNUSED)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Pieces: one byte of gap and length, then that many bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t all = 0, whole = size;
	const struct sftp_sink sink = {&all, on_data, on_file};
	OWN(buf_done) struct buf out = {0};
	struct screen screen = {0};
	struct sftp sftp = {0};

	buf_init(&out, size + 64);
	while (size > 0) {
		size_t n = data[0] >> 1;
		bool gap = (data[0] & 1) != 0;

		data++;
		size--;
		n = n < size ? n : size;
		if (gap) {
			sftp_gap(&sftp, n, &sink);
			continue;
		}
		screen_feed(
		    &screen, (struct content){.data = data, .len = n}, &out);
		sftp_feed(
		    &sftp, (struct content){.data = data, .len = n}, &sink);
		data += n;
		size -= n;
	}
	screen_end(&screen, &out);
	must(buf_error(&out) == 0);
	must(all <= whole);
	return 0;
}
