/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft - the table of entry types, as draft.c checks and entry.c seals by it.
 * Everybody else wants lib/entry.h.
 */
#ifndef LIB_DRAFT_H
#define LIB_DRAFT_H

#include <stdbool.h>

#include "lib/own.h"

#define DRAFT_INT_MAX ((INT64_C(1) << 53) - 1) /* RFC 8259 section 6 */

struct draft_type {
	const char *name;
	/* What a quota drops last: 0 findings and losses … 2 bulk. */
	int prio;
	bool clear; /* the fields stand in the leaf, not in disclosures */
	const char *const *fields; /* NULL (of a clear type): any name */
};

/* draft_type - a row of the table, or NULL. */
const struct draft_type *draft_type(const char *name);
/* draft_name_ok - true for a field's name: 1 to 31 of a-z, 0-9, '_', '.', '-'.
 */
bool draft_name_ok(const char *name);

#endif
