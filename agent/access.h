/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access - from a file event and its actor to entries in the log.
 */
#ifndef AGENT_ACCESS_H
#define AGENT_ACCESS_H

#include <stdint.h>

#include "agent/hub.h"
#include "agent/names.h"
#include "agent/sense/sense.h"
#include "agent/touches.h"
#include "lib/actor.h"
#include "lib/own.h"

struct access_counters {
	uint64_t recorded; /* file entries */
	uint64_t folded; /* repeats counted into another entry */
	uint64_t others; /* of processes without a login, not recorded */
	uint64_t scanned; /* objects given to inspect */
	uint64_t known; /* answered from memory */
	uint64_t findings;
	uint64_t skipped; /* parts or objects not examined */
};

struct accesses;

/* Who wants to know what people touch, and what is in it. */
struct access_calls {
	void *ctx;
	void (*touched)(void *ctx, struct touched *t);
	void (*learned)(void *ctx, struct memo_key object,
	    const struct finding *findings, size_t n, bool failed);
};

/* access_new - @object_max: bytes of one object that are examined. */
int access_new(struct hub *hub, struct names *names, uint64_t object_max,
    struct accesses **a) MUST_CHECK;
/* access_tell - tells from now on; *calls is copied. */
void access_tell(struct accesses *a, const struct access_calls *calls);
void access_free(struct accesses *a);
/* access_event - takes the event's descriptors. */
void access_event(struct accesses *a, struct event *e, const struct actor *who);
/* access_done - the hub's answer to a job without NAMES_JOB. */
void access_done(struct accesses *a, uint64_t job, const struct outcome *o);
/* access_rules - another set of rules: what was known no longer is. */
void access_rules(struct accesses *a, const char *digest);
/* access_tick - writes out repeats whose window has ended; access_flush - all
 * of them, before the end. */
void access_tick(struct accesses *a);
void access_flush(struct accesses *a);
const struct access_counters *access_counters(const struct accesses *a);

#endif
