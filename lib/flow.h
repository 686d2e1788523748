/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow - one TCP or UDP conversation as the packets tell it.
 *
 * Born in agent/sense, dies in the record. "Server" is the side that got the
 * first SYN; without one, the side with the lower port.
 */
#ifndef LIB_FLOW_H
#define LIB_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/own.h"

struct tuple {
	uint8_t family; /* 4 or 6 */
	uint8_t proto; /* 6 TCP, 17 UDP */
	uint8_t
	    src[16]; /* client, network order; the first 4 bytes if family 4 */
	uint8_t dst[16]; /* server */
	uint16_t sport, dport; /* host order */
};

/* In the number of a flow that no packet told of: what a process read and sends
 * on (agent/sense/relays.c). It stays below 2^53, as a log's numbers do. */
#define FLOW_RELAY (UINT64_C(1) << 52)

enum direction { TO_SERVER = 0, TO_CLIENT = 1 };

/* tuple_addr - prints one address; @out has at least 46 bytes. */
void tuple_addr(uint8_t family, const uint8_t addr[16], char *out, size_t size);
void tuple_encode(const struct tuple *t, struct buf *out);
/* tuple_decode - -EBADMSG for a family or protocol that is not ours. */
int tuple_decode(struct tuple *t, struct cur *in) MUST_CHECK;

#endif
