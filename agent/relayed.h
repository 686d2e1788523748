/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relayed - from what relays read to entries in the log.
 */
#ifndef AGENT_RELAYED_H
#define AGENT_RELAYED_H

#include <stddef.h>
#include <stdint.h>

#include "agent/egress.h"
#include "agent/hub.h"
#include "agent/names.h"
#include "agent/who/who.h"
#include "lib/own.h"

struct relayed_counters {
	uint64_t portions; /* begun */
	uint64_t recorded; /* transfer entries */
	uint64_t little; /* of a terminal, too little to be recorded */
	uint64_t others; /* of processes without a login, not recorded */
	uint64_t bytes, lost; /* read, and not handed over */
	uint64_t findings, skipped;
	uint64_t orphans; /* answers for a portion that is not known */
};

struct relayeds;

/* @egress: which file it may have been. */
int relayed_new(struct who *who, struct names *names, struct egress *egress,
    struct relayeds **r) MUST_CHECK;
void relayed_free(struct relayeds *r);
/* relayed_open, relayed_close - the payloads of MESSAGE_RELAY_OPEN and
 * MESSAGE_RELAY_CLOSE: 0, or -EBADMSG. */
int relayed_open(struct relayeds *r, const void *data, size_t len) MUST_CHECK;
int relayed_close(struct relayeds *r, const void *data, size_t len) MUST_CHECK;
/* relayed_transfer - what an inspector found in one; relayed_examined - its last
 * word of it. */
void relayed_transfer(struct relayeds *r, const struct transfer *t);
void relayed_examined(struct relayeds *r, uint64_t flow);
/* relayed_rules - the digest that findings carry from now on. */
void relayed_rules(struct relayeds *r, const char *digest);
/* relayed_waiting - portions that ended and are not answered. */
size_t relayed_waiting(const struct relayeds *r);
/* relayed_forgotten - portions for which there was no room, since the last call:
 * what is found in them is nobody's any more. */
uint64_t relayed_forgotten(struct relayeds *r);
/* relayed_cut - the capture process is gone: nobody answers for its portions. */
void relayed_cut(struct relayeds *r);
const struct relayed_counters *relayed_counters(const struct relayeds *r);

#endif
