/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary - what host, collector and counsel call a canary.
 *
 * Owns: the names of kinds, of an index, and a row's number: copy * 16 + kind.
 * Never: makes a value, or knows a key (cli/canaryset.c does).
 */
#include "lib/canary.h"

#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

enum { KIND_BITS = 4 };
_Static_assert(CANARY_KINDS <= 1 << KIND_BITS, "a kind fits");

static const char *const NAMES[CANARY_KINDS] = {
    [CANARY_MARK] = "mark",
    [CANARY_CUSTOMER] = "customer",
    [CANARY_MAIL] = "mail",
    [CANARY_TOKEN] = "token",
    [CANARY_PASSWORD] = "password",
    [CANARY_DATABASE] = "database",
};

const char *
canary_kind_name(enum canary_kind kind)
{
	must(kind < CANARY_KINDS);
	return NAMES[kind];
}

const char *
canary_set(const char *index)
{
	size_t n = strlen(CANARY_INDEX);

	return str_starts(index, CANARY_INDEX) && index[n] != '\0' ? index + n
								   : NULL;
}

uint32_t
canary_number(enum canary_kind kind, uint32_t copy)
{
	must(kind < CANARY_KINDS && copy >= 1 && copy <= CANARY_COPIES_MAX);
	return copy << KIND_BITS | (uint32_t)kind;
}

bool
canary_parts(uint32_t number, enum canary_kind *kind, uint32_t *copy)
{
	uint32_t k = number & ((1U << KIND_BITS) - 1);

	if (k >= CANARY_KINDS || number >> KIND_BITS == 0 ||
	    number >> KIND_BITS > CANARY_COPIES_MAX)
		return false;
	*kind = (enum canary_kind)k;
	*copy = number >> KIND_BITS;
	return true;
}
