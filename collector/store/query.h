/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - the readers' door of the collector's database.
 *
 * One query is one snapshot: everything that is read through it is of the same
 * moment, whatever the writer does meanwhile.
 */
#ifndef COLLECTOR_STORE_QUERY_H
#define COLLECTOR_STORE_QUERY_H

#include <stdint.h>

#include "lib/diag.h"
#include "lib/exposure.h"
#include "lib/own.h"

struct query;

/*
 * query_open - opens the file read-only and takes the snapshot.
 * Returns 0, -ENOENT while there is no store yet, -EBADMSG for one of another
 * version, or -errno, each with a sentence.
 */
int query_open(
    const char *path, struct query **out, struct diag *why) MUST_CHECK;
void query_close(struct query *q);
void query_closep(struct query **q);

/*
 * query_exposure - fills the lists and counts of @e, whose question is set;
 * where a side of the period is open, it is set to what is known. Spans and
 * their sums are left to whoever reads the marks. Returns 0 or -errno; @e must
 * be freed either way.
 */
int query_exposure(struct query *q, struct exposure *e) MUST_CHECK;
/* query_index - fills providers, hosts and alarms; the same rules. */
int query_index(struct query *q, struct exposure *e) MUST_CHECK;
/*
 * query_marks - calls @each for every word of an agent's log about itself that
 * bears on the period of @e, in the log's order: those in it, the last one
 * before it, and the first one behind it. A negative answer of @each ends it.
 */
int query_marks(struct query *q, const struct exposure *e, const char *agent,
    int (*each)(void *ctx, const struct exposure_mark *m),
    void *ctx) MUST_CHECK;
/* A detector that found something; texts are borrowed, NULL is unknown. */
struct query_kind {
	const char *key; /* as exposure.shown, a JSON array of these, has it */
	const char *detector, *class_name;
	uint64_t findings;
};

/*
 * query_kinds - calls @each for what found something of the provider of @e in
 * its period. A negative answer of @each ends it.
 */
int query_kinds(struct query *q, const struct exposure *e,
    int (*each)(void *ctx, const struct query_kind *k), void *ctx) MUST_CHECK;
/*
 * query_findings - calls @each for every finding of the provider of @e in its
 * period that no allow covers and that is no known sample alone, by person and
 * then by time. A negative answer of @each ends it.
 */
int query_findings(struct query *q, const struct exposure *e,
    int (*each)(void *ctx, const struct exposure_event *v),
    void *ctx) MUST_CHECK;

#endif
