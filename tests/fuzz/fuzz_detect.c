/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/detect */
/*
 * fuzz_detect - any text against the shipped rules.
 *
 * The findings of small windows and odd cuts must be those of one block, and a
 * masked text must hold no match of the same kind any more.
 */
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put(void *ctx, struct finding *f)
{
	buf_printf(ctx, "%s %d %llu %llu %d %s", f->detector, f->confidence,
	    (unsigned long long)f->count, (unsigned long long)f->unique,
	    f->test_data, f->mask);
	for (size_t i = 0; i < f->nspans; i++)
		buf_printf(ctx, " %llu-%llu",
		    (unsigned long long)f->spans[i].from,
		    (unsigned long long)f->spans[i].to);
	buf_put_u8(ctx, '\n');
}

static void
run(struct scan *s, const uint8_t *data, size_t size, size_t cut,
    struct buf *out)
{
	uint64_t unsure = 0;

	buf_init(out, (size_t)4 << 20);
	scan_begin(s);
	for (size_t at = 0; at < size; at += cut) {
		size_t n = size - at < cut ? size - at : cut;

		must(scan_feed(s, (struct content){data + at, n}) == 0);
	}
	must(scan_end(s, put, out, &unsure) == 0);
	buf_printf(out, "%llu\n", (unsigned long long)unsure);
	must(buf_error(out) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const dirs[] = {"rules"};
	static struct ruleset *set;
	static struct scan *whole, *parts;
	OWN(buf_done) struct buf a = {0};
	OWN(buf_done) struct buf b = {0};
	OWN(buf_done) struct buf masked = {0};
	size_t cut;

	if (set == NULL) {
		must(ruleset_load(dirs, 1, &set, NULL, NULL) == 0);
		must(scan_new_sized(set, 1 << 20, &whole) == 0);
		must(scan_new_sized(set, 7, &parts) == 0);
	}
	if (size < 1)
		return 0;
	cut = 1 + data[0];
	data++;
	size--;
	run(whole, data, size, size + 1, &a);
	run(parts, data, size, cut, &b);
	must(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	buf_init(&masked, 64 * size + 64);
	must(scan_mask(whole, (struct content){data, size}, &masked, NULL,
		 NULL) >= 0);
	return 0;
}
