/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic - from flows and what they carried to entries in the log.
 */
#ifndef AGENT_TRAFFIC_H
#define AGENT_TRAFFIC_H

#include <stdint.h>

#include "agent/egress.h"
#include "agent/hub.h"
#include "agent/names.h"
#include "agent/sense/sense.h"
#include "agent/who/who.h"
#include "lib/own.h"

struct traffic_counters {
	uint64_t flows; /* opened */
	uint64_t recorded; /* flow entries */
	uint64_t others; /* of processes without a login, not recorded */
	uint64_t unowned; /* whose process was not found */
	uint64_t named; /* whose owner the kernel's programs told */
	uint64_t transfers, findings, skipped;
	uint64_t orphans; /* answers for a flow that is not known */
};

struct traffics;

/* traffic_tell - who wants to know which connections of people have ended. */
typedef void traffic_sent_fn(void *ctx, const struct sent *s);
void traffic_tell(struct traffics *t, traffic_sent_fn *sent, void *ctx);

int traffic_new(
    struct who *who, struct names *names, struct traffics **t) MUST_CHECK;
void traffic_free(struct traffics *t);
/* traffic_open, traffic_close - the payloads of MESSAGE_FLOW_OPEN and
 * MESSAGE_FLOW_CLOSE: 0, or -EBADMSG. */
int traffic_open(struct traffics *t, const void *data, size_t len) MUST_CHECK;
int traffic_close(struct traffics *t, const void *data, size_t len) MUST_CHECK;
/* traffic_socket - the kernel tells who uses the socket of a flow that begins
 * now, or has begun; or, at its end, what went through it. */
void traffic_socket(
    struct traffics *t, const struct socket_event *e, const struct actor *who);
/* traffic_transfer, traffic_examined - what an inspector says of a flow. */
void traffic_transfer(struct traffics *t, const struct transfer *o);
void traffic_examined(
    struct traffics *t, uint64_t flow, uint64_t to_server, uint64_t to_client);
/* traffic_rules - the digest that findings carry from now on. */
void traffic_rules(struct traffics *t, const char *digest);
/* traffic_tick - asks again who owns a flow, and writes flows whose inspector
 * stays silent; call about every 50 ms. */
void traffic_tick(struct traffics *t);
/* traffic_cut - the capture process is gone: open flows end here, @how. */
void traffic_cut(struct traffics *t, const char *how);
/* traffic_ending - flows that are closed and not yet written. */
size_t traffic_ending(const struct traffics *t);
const struct traffic_counters *traffic_counters(const struct traffics *t);

#endif
