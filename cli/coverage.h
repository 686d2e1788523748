/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage - what chaperone coverage has read of a host's log, and its forms.
 */
#ifndef CLI_COVERAGE_H
#define CLI_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/exposure.h"
#include "lib/own.h"

#define COVERAGE_REASONS_MAX 64

/* What watch counts, summed over its runs in the period. */
struct coverage_counter {
	const char *stage; /* the heading that it stands below */
	const char *name; /* in a heartbeat */
	const char *label;
	uint64_t last, sum; /* last: of the heartbeat before */
};

/* Entries of one reason; of a loss, what it says of events and bytes, too. */
struct coverage_reason {
	char stage[32], reason[96];
	uint64_t entries, lost, bytes;
};

struct coverage_reasons {
	struct coverage_reason of[COVERAGE_REASONS_MAX];
	size_t n; /* the last place gathers what finds none of its own */
};

struct watched {
	struct exposure e; /* the period; one host, its spans and sums */
	struct exposure_mark *marks;
	size_t nmarks;
	char host[128];
	struct coverage_counter *counters; /* the last one has no name */
	bool counting; /* the last heartbeat's totals are known */
	struct coverage_reasons skipped, losses;
	uint64_t stored, receipted; /* entries of the period */
};

/* coverageout_json - one object, a line; coverageout_text - for a terminal of 80
 * columns. Both append to @out. */
void coverageout_json(const struct watched *c, struct buf *out);
void coverageout_text(const struct watched *c, struct buf *out);

#endif
