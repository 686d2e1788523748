/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - the tables of the collector's database; for this room alone.
 */
#ifndef COLLECTOR_STORE_SCHEMA_H
#define COLLECTOR_STORE_SCHEMA_H

#include "lib/db.h"
#include "lib/diag.h"
#include "lib/own.h"

#define SCHEMA_VERSION 5

/*
 * schema_make - makes the tables of a new file, accepts those of this version.
 * Returns 0, -EBADMSG for a file of another version, or -errno.
 */
int schema_make(struct db *db, struct diag *why) MUST_CHECK;

#endif
