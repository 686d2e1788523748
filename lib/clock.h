/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the only source of time.
 *
 * Owns: the three clocks that records carry and, in tests, a fixed stamp.
 * Never: compares wall times to order events; order is (boot, boottime).
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/own.h"

/* "0b6a…-…" as the kernel prints it, 36 characters. */
#define CLOCK_BOOT_LEN 36
/* "2026-11-23T10:00:00.000000Z" with its NUL. */
#define CLOCK_TEXT_SIZE 28

/* When: microseconds since boot, suspended time included, and since 1970. */
struct stamp {
	uint64_t boot_us;
	int64_t wall_us;
};

struct stamp clock_now(void);
/* clock_boot_us - microseconds since boot alone, for deadlines. */
uint64_t clock_boot_us(void);
/* clock_at - the stamp of a moment since boot that lies behind. */
struct stamp clock_at(uint64_t boot_us);
/* clock_boot_id - this boot's id, "" where the kernel does not tell. */
const char *clock_boot_id(void);
/* clock_synced - true if the kernel says that the wall clock is disciplined. */
bool clock_synced(void);
/* clock_text - RFC 3339 in UTC with microseconds. */
void clock_text(int64_t wall_us, char out[CLOCK_TEXT_SIZE]);
/*
 * clock_parse - reads RFC 3339 (UTC "Z" or offset, fraction optional) or a
 * plain date YYYY-MM-DD, which is its first second in UTC.
 * Returns 0 or -EINVAL.
 */
int clock_parse(const char *text, int64_t *wall_us) MUST_CHECK;
/* clock_fix - for tests: every clock stands at @s until NULL is given. */
void clock_fix(const struct stamp *s);

#endif
