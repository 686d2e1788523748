/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reasons - the sentences that say what a grade rests on, and what lowered it.
 */
#ifndef AGENT_REASONS_H
#define AGENT_REASONS_H

#include <stddef.h>

#include "lib/own.h"

/* Why a grade is what it is. */
enum {
	WHY_CONTENT = 1 << 0,
	WHY_SAME = 1 << 1,
	WHY_PIPE = 1 << 2,
	WHY_LINE = 1 << 3,
	WHY_BESIDE = 1 << 4,
	WHY_SESSION = 1 << 5,
	WHY_SERVED = 1 << 6,
	WHY_DERIVED = 1 << 7,
	WHY_CLOSED = 1 << 8,
	WHY_PACKED = 1 << 9,
	/* These lower it. */
	WHY_SIZES = 1 << 10,
	WHY_SOCKETS = 1 << 11,
	WHY_PROGRAM = 1 << 12,
	WHY_CHANGED = 1 << 13,
	WHY_LATE = 1 << 14,
	WHY_LOST = 1 << 15,
	WHY_GAPS = 1 << 16,
};

#define REASONS_SIZE 1536

/* reasons_print - all that are in @why, with semicolons between them; there is
 * room for all of them. */
void reasons_print(unsigned why, char out[REASONS_SIZE]);

#endif
