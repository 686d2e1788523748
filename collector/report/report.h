/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - from what is held of a provider to what people and programs read.
 *
 * First every host's coverage is worked out (lib/coverage.h), then one of the
 * forms is written.
 * Every form escapes every text: names are what an attacker chose.
 */
#ifndef COLLECTOR_REPORT_REPORT_H
#define COLLECTOR_REPORT_REPORT_H

#include "lib/buf.h"
#include "lib/exposure.h"
#include "lib/own.h"

struct packs;
struct policies_work;

/*
 * policies_new - begins to weigh the findings of @e against the policies of
 * @p; both outlive the work. Returns 0 or -ENOMEM.
 */
int policies_new(struct exposure *e, const struct packs *p,
    struct policies_work **out) MUST_CHECK;
/* policies_finding - takes the next finding, as query_findings has them. */
int policies_finding(void *policies, const struct exposure_event *v) MUST_CHECK;
/* policies_end - writes who met what, and frees @w, always. */
int policies_end(struct policies_work *w) MUST_CHECK;

/*
 * The forms; each appends to @out, whose error tells if it did not fit.
 * page_* are HTML of one file: no script, no outside reference.
 */
void page_exposure(const struct exposure *e, struct buf *out);
void page_index(const struct exposure *e, struct buf *out);
/* keys_* - JSON, one line; the keys are in docs/man/chaperone-report.1. */
void keys_exposure(const struct exposure *e, struct buf *out);
void keys_index(const struct exposure *e, struct buf *out);
/* csv_* - RFC 4180, with a heading. */
void csv_exposure(const struct exposure *e, struct buf *out);
void csv_index(const struct exposure *e, struct buf *out);

#endif
