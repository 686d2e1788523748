/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * fuzz_sqlite - any bytes as the pages of an SQLite database, behind its first bytes.
 */
#include <string.h>

#include "agent/extract/extract.h"
#include "lib/buf.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char HEAD[] = "SQLite format 3";
static uint64_t skips;

static int
on_begin(void *ctx, const char *member, const char *type)
{
	(void)ctx;
	must(strlen(member) > 0 || strlen(type) > 0);
	return 0;
}

static int
on_text(void *ctx, struct content c)
{
	(void)ctx;
	must(c.len > 0);
	return 0;
}

static int
on_end(void *ctx)
{
	(void)ctx;
	return 0;
}

static void
on_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	(void)ctx;
	(void)member;
	(void)bytes;
	must(reason[0] != '\0');
	skips++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct extract *x;
	struct extract_limits lim = extract_limits_default();
	const struct extract_sink sink = {
	    .begin = on_begin, .text = on_text, .end = on_end, .skip = on_skip};
	OWN(buf_done) struct buf b = {0};
	uint64_t examined = 0;
	char type[80];

	if (x == NULL)
		must(extract_new(&x, NULL) == 0);
	lim.output_max = (uint64_t)1 << 20;
	lim.entries_max = 64;
	lim.cpu_us_max = 2000000;
	buf_init(&b, size + sizeof HEAD);
	buf_put(&b, HEAD, sizeof HEAD - 1);
	buf_put_u8(&b, 0);
	if (size > sizeof HEAD)
		buf_put(&b, data + sizeof HEAD, size - sizeof HEAD);
	must(buf_error(&b) == 0);
	skips = 0;
	must(extract_bytes(x, (struct content){b.data, b.len}, &lim, &sink,
		 &examined, type) == 0);
	/* What was not looked at was told. */
	must(examined == b.len || skips > 0);
	return 0;
}
