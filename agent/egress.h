/* SPDX-License-Identifier: Apache-2.0 */
/*
 * egress - joins what was read with what was sent, and says how surely it left.
 */
#ifndef AGENT_EGRESS_H
#define AGENT_EGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/names.h"
#include "agent/sense/sense.h"
#include "agent/shown.h"
#include "agent/touches.h"
#include "agent/who/who.h"
#include "lib/clock.h"
#include "lib/flow.h"
#include "lib/own.h"

/* A connection of a person's that has ended. */
struct sent {
	const struct actor *who;
	const struct tuple *tuple;
	struct stamp began, ended;
	uint64_t flow; /* as flow entries have it */
	uint64_t bytes; /* that left */
	uint64_t gap_bytes; /* of the connection, that were not seen */
	bool partial; /* its begin or its end was not seen */
	bool login; /* it is the connection that the person came by */
	const char *host; /* masked, or "" */
	const struct labels *carried; /* found in what left */
};

struct egress_counters {
	uint64_t recorded; /* egress entries */
	uint64_t folded; /* repeats that were not written again */
	uint64_t forgotten; /* connections, and touches that mattered */
};

struct egress;

int egress_new(
    struct who *who, struct names *names, struct egress **out) MUST_CHECK;
void egress_free(struct egress *e);
/* egress_touch - a person read or wrote; @t->family is filled in here. */
void egress_touch(struct egress *e, struct touched *t);
/* egress_learn - see touches_learn. */
void egress_learn(struct egress *e, struct memo_key object,
    const struct finding *findings, size_t n, bool failed);
/* egress_exit - the process of that number has ended, as who_exit was told. */
void egress_exit(struct egress *e, pid_t pid);
/* egress_start - the kernel tells which program somebody started, and between
 * which pipes; tell births before. */
void egress_start(struct egress *e, const struct start_event *s);
/* egress_sent - what it stands for is written a little later, when what was read
 * before has been examined. */
void egress_sent(struct egress *e, const struct sent *s);
/* egress_shown - see shown_file. What would say less of that file and connection
 * is not written later. Borrowed until the next call. */
const struct object *egress_shown(
    struct egress *e, const struct shown_content *c);
/* egress_lost - events of files, processes or sockets were lost now. */
void egress_lost(struct egress *e);
/* egress_tick - writes what is due, as much as a turn has time for; call about
 * once a second. Returns how many connections, and touches that mattered, were
 * forgotten since, which is a gap. */
uint64_t egress_tick(struct egress *e) MUST_CHECK;
/* egress_flush - writes everything, before the end; returns the same. */
uint64_t egress_flush(struct egress *e) MUST_CHECK;
const struct egress_counters *egress_counters(const struct egress *e);

#endif
