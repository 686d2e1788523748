/* SPDX-License-Identifier: Apache-2.0 */
/*
 * project - from the facts of an entry to a row; for this room alone.
 */
#ifndef COLLECTOR_STORE_PROJECT_H
#define COLLECTOR_STORE_PROJECT_H

#include "lib/db.h"
#include "lib/entry.h"
#include "lib/own.h"

struct project;

int project_new(
    struct db *db, struct project **out, struct diag *why) MUST_CHECK;
void project_free(struct project *p);
/* project_put - the row, or two, of an entry; 0 or the database's error. */
int project_put(
    struct project *p, const char *agent, const struct facts *f) MUST_CHECK;
/* project_unreadable - an entry that cannot be opened, as a gap. */
int project_unreadable(struct project *p, const char *agent, uint32_t gen,
    uint64_t seq, int64_t wall_us) MUST_CHECK;

#endif
