/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layered - what is kept of matches that stood encoded.
 */
#ifndef AGENT_DETECT_LAYERED_H
#define AGENT_DETECT_LAYERED_H

#include "agent/detect/decode.h"
#include "agent/detect/tally.h"
#include "lib/finding.h"

#include "lib/own.h"

enum { LAYERED_MAX = 1024 };

/* Matches of one detector of one kind behind the same layers. */
struct layered {
	size_t lane; /* index of the rule */
	size_t which; /* of its tallies: who allows it, and the confidence */
	char path[DECODE_PATH_MAX];
	struct tally tally;
};

struct layereds {
	struct layered *list; /* owned */
	size_t n, cap;
};

/* layered_of - the one that is meant, made if need be; NULL: too many. */
struct layered *layered_of(
    struct layereds *all, size_t lane, size_t which, const char *path);
/* layered_sort - by rule and layers, whatever came first. */
void layered_sort(struct layereds *all);
/* layered_clear - forgets what was counted. */
void layered_clear(struct layereds *all);
void layered_done(struct layereds *all);

#endif
