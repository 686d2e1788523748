/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed - the messages that wait for another process, and whose turn it is.
 *
 * What waits is bounded, and shared fairly: nothing small is lost because
 * something big stands before it.
 */
#ifndef AGENT_FEED_H
#define AGENT_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

struct feed;

/*
 * feed_new - @packets_max, @relays_max: bytes of payload that wait at most, of
 * flows of packets and of relayed content (FLOW_RELAY); each with what a message
 * costs beside. -ENOMEM.
 */
int feed_new(
    size_t packets_max, size_t relays_max, struct feed **out) MUST_CHECK;
void feed_free(struct feed *f);
/* feed_clear - drops and wipes what waits. */
void feed_clear(struct feed *f);
/*
 * feed_put - keeps a copy of a message of a flow. Messages of one flow keep their
 * order, others may overtake them. @payload: it may be left out where its flow has
 * its share already; what says that a flow begins or ends finds room for longer.
 * Returns 0, or -ENOBUFS (its share is used up) or -ENOMEM: it was left out.
 */
int feed_put(struct feed *f, uint64_t flow, uint32_t type, const void *data,
    size_t len, bool payload) MUST_CHECK;
/* feed_pump - sends as much as there is room for: 0 when nothing waits, or what
 * ipc_send said. */
int feed_pump(struct feed *f, int sock) MUST_CHECK;
/* feed_waiting - bytes, with what the messages cost beside. */
size_t feed_waiting(const struct feed *f);

#endif
