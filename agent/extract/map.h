/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map - offsets in a text back to offsets in what it was made from (inside
 * the room only).
 */
#ifndef AGENT_EXTRACT_MAP_H
#define AGENT_EXTRACT_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/own.h"

/* A run of characters that all have these lengths, in the text and raw. */
struct map_run {
	uint64_t text, raw;
	uint8_t text_per, raw_per;
};

struct map {
	struct map_run *runs;
	size_t nruns, cap, max; /* @max: the most runs that are kept */
	uint64_t text_end, raw_end;
	bool jumped; /* the next run begins elsewhere */
	bool full; /* the last run holds what varies */
};

/* map_start - empties the map; the text begins at @raw. */
void map_start(struct map *m, uint64_t raw);
void map_free(struct map *m);
/* map_add - @n characters of these lengths follow. */
void map_add(struct map *m, uint8_t text_per, uint8_t raw_per, size_t n);
/* map_jump - what follows was made from @raw on, which is never behind. */
void map_jump(struct map *m, uint64_t raw);
/* map_fix - the text ends here, wherever the steps so far have led. */
void map_fix(struct map *m, uint64_t text, uint64_t raw);
/* map_raw - where the character at @text lies. */
uint64_t map_raw(const struct map *m, uint64_t text);
/* map_raw_end - where the character before @text ends. */
uint64_t map_raw_end(const struct map *m, uint64_t text);

#endif
