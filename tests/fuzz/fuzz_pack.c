/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/detect */
/*
 * fuzz_pack - any bytes as a rule pack: a set that scans, or problems that
 * name a place.
 */
#include <errno.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/str.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_line(void *ctx, const struct ruleset_line *line)
{
	(void)ctx;
	must(line->len > 2 && line->text != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(ruleset_freep) struct ruleset *set = NULL;
	OWN(scan_freep) struct scan *scan = NULL;
	OWN(problems_done) struct problems p = {0};
	struct diag why = {""};
	size_t failed = 0;
	int r = ruleset_parse("input.yaml", data, size, &set, &p, &why);

	if (r != 0) {
		must(r == -EBADMSG && set == NULL && why.text[0] != '\0');
		must(p.n > 0);
		return 0;
	}
	must(strlen(ruleset_digest(set)) == 64 && ruleset_count(set) > 0);
	must(ruleset_list(set, NULL, on_line, NULL) == 0);
	/* Its own samples, and itself as a text. */
	must(ruleset_test(set, NULL, NULL, on_line, NULL, &failed) == 0);
	must(scan_new(set, &scan) == 0);
	scan_begin(scan);
	must(scan_feed(scan, (struct content){data, size}) == 0);
	must(scan_end(scan, NULL, NULL, NULL) == 0);
	return 0;
}
