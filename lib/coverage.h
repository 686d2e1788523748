/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage - from what a log says of itself to states of time, by the same
 * rules on the host (chaperone coverage) and in a report.
 */
#ifndef LIB_COVERAGE_H
#define LIB_COVERAGE_H

#include "lib/exposure.h"
#include "lib/own.h"

/* Agents say a word every 30 s; this much later it is overdue. */
#define COVERAGE_LATE_US INT64_C(90000000)

struct coverage_work;

/* coverage_new - begins a host of @e, which outlives it; its harms are there,
 * ordered by from_us. Returns 0 or -ENOMEM. */
int coverage_new(struct exposure *e, struct exposure_host *h,
    struct coverage_work **out) MUST_CHECK;
/* coverage_mark - takes the host's next word, in the log's order; @coverage is
 * the work. Returns 0 or -ENOMEM. */
int coverage_mark(void *coverage, const struct exposure_mark *m) MUST_CHECK;
/* coverage_end - writes the host's spans and sums, and frees @c, always. */
int coverage_end(struct coverage_work *c) MUST_CHECK;
/* coverage_sum - of all hosts, once each has its own; says if it is complete. */
void coverage_sum(struct exposure *e);

#endif
