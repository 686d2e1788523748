/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline - which programs were started between which pipes, for
 * agent/egress.c.
 */
#ifndef AGENT_PIPELINE_H
#define AGENT_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sense/sense.h"
#include "lib/own.h"

#define FEEDERS_MAX 16

/* What wrote into the pipe that one process read, or into a pipe that such a
 * one read. */
struct feeders {
	size_t n;
	uint64_t id[FEEDERS_MAX]; /* struct family */
	bool plain[FEEDERS_MAX]; /* it, and all behind it, are known to only
				  * copy, pack or seal */
	bool packed; /* one of them packs */
};

struct pipeline;

int pipeline_new(struct pipeline **out) MUST_CHECK;
void pipeline_free(struct pipeline *p);
/* pipeline_start - the process @id (struct family), which @parent bore, began to
 * run a program. */
void pipeline_start(struct pipeline *p, uint64_t id, uint64_t parent,
    const struct start_event *e);
/* pipeline_feeders - of what such a process read. None where any that wrote
 * into one of these pipes is not remembered. */
void pipeline_feeders(
    const struct pipeline *p, uint64_t id, struct feeders *out);
/* pipeline_makes - what the process @id wrote is what it read, packed, sealed or
 * as it was: its program is known for that, or it is a shell that only started
 * such ones. @program: its name, for when none was told. */
bool pipeline_makes(const struct pipeline *p, uint64_t id, const char *program);

#endif
