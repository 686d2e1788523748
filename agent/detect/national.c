/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national - the numbers of countries, and those that are the world's.
 *
 * Owns: which regions there are.
 * Never: calculates; the national_*.c do, a region each.
 */
#include "agent/detect/national.h"

#include <string.h>

#include "lib/own.h"

static const struct validator *(*const REGIONS[])(size_t *n) = {
    national_americas, national_europe_west, national_europe_east,
    national_world, national_asia, national_global};

const struct validator *
national_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(REGIONS); i++) {
		size_t n;
		const struct validator *rows = REGIONS[i](&n);

		for (size_t k = 0; k < n; k++)
			if (strcmp(rows[k].name, name) == 0)
				return &rows[k];
	}
	return NULL;
}
