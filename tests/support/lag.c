/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lag - when each entry of a log became durable, and when its receipt came.
 *
 * Owns: a look at the log every millisecond, from outside; one line each time:
 *   E SEQ TYPE PATH WALL_US     the entry could be read from the log at that time
 *   R SIZE WALL_US              a receipt of that size was kept at that time
 * Never: is part of the product.
 *
 * Usage: lag LOG.DB SECONDS
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/ledger.h"
#include "lib/str.h"

#include "lib/own.h"

/* The log is opened anew each time: another process writes it. */
static int
look(const char *path, uint64_t *next, uint64_t *received)
{
	struct diag why = {""};
	struct ledger *l;
	uint64_t size = 0;
	int64_t at = 0;
	int r = ledger_open_read(path, &l, &why);
	int64_t now = clock_now().wall_us;

	if (r != 0)
		return r;
	for (; *next < ledger_size(l); ++*next) {
		struct entry e = {0};
		struct facts f;
		const char *where;

		r = ledger_read(l, *next, &e);
		if (r != 0)
			break;
		r = entry_open(e.leaf.data, e.leaf.len, e.disclosures,
		    e.ndisclosures, &f, &why);
		entry_done(&e);
		if (r != 0)
			break;
		where = facts_text(&f, "path");
		(void)printf("E %" PRIu64 " %s %s %" PRId64 "\n", *next, f.type,
		    where == NULL ? "-" : where, now);
		facts_done(&f);
	}
	if (ledger_receipted(l, &size, &at) == 0 && size > *received) {
		*received = size;
		(void)printf("R %" PRIu64 " %" PRId64 "\n", size, at);
	}
	ledger_close(l);
	return r;
}

int
main(int argc, char **argv)
{
	uint64_t seconds, next = 0, received = 0, until;

	if (argc != 3 || str_u64(argv[2], 3600, &seconds) != 0) {
		(void)fprintf(stderr, "usage: lag LOG.DB SECONDS\n");
		return 2;
	}
	until = clock_boot_us() + seconds * 1000000;
	while (clock_boot_us() < until) {
		if (look(argv[1], &next, &received) != 0)
			return 1;
		(void)fflush(stdout);
		(void)poll(NULL, 0, 1);
	}
	return 0;
}
