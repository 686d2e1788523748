/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national - the table of the numbers of countries, and of the world's.
 *
 * Owns: which numbers there are, and how strong the check of each is.
 * Never: calculates; the national_*.c do, a region each.
 */
#include "agent/detect/national.h"

#include "lib/own.h"

#define ROW(name, accept) {#name, national_##name, accept, false},
static const struct validator ROWS[] = {NATIONAL(ROW)};

const struct validator *
national_validators(size_t *n)
{
	*n = ARRAY_LEN(ROWS);
	return ROWS;
}
