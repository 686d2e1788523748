/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet - one IP packet as its headers tell it, fragments put together.
 * Within the room only.
 */
#ifndef AGENT_SENSE_PACKET_H
#define AGENT_SENSE_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"
#include "lib/content.h"
#include "lib/own.h"

enum packet_kind {
	PACKET_TCP,
	PACKET_UDP,
	PACKET_OTHER, /* well-formed, of another protocol */
	PACKET_HELD, /* a fragment; the rest is awaited */
	PACKET_TUNNEL, /* within packet.c */
	PACKET_BAD, /* malformed, or given up: @why says so */
};

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

struct packet {
	uint8_t family; /* 4 or 6 */
	uint8_t src[16], dst[16]; /* network order; 4 bytes if family 4 */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	const uint8_t *data; /* payload, borrowed from packet or fragments */
	size_t len; /* of it, as captured */
	size_t claimed; /* as the headers say: len, or more if it was cut */
	const char *why; /* of PACKET_BAD */
};

struct fragments;

/* What was given up since it was last asked. */
struct fragments_lost {
	uint64_t packets, bytes;
};

int fragments_new(struct fragments **out) MUST_CHECK;
void fragments_free(struct fragments *f);
/* fragments_tick - forgets datagrams that were not complete after 30 s. */
void fragments_tick(struct fragments *f, struct stamp now);
/* fragments_lost - and sets it back to zero. */
struct fragments_lost fragments_lost(struct fragments *f);

/*
 * packet_decode - reads the headers of a hostile packet. *p->data holds until
 * the next call. Checksums are not judged: on the way out they are often
 * computed by the card, behind the capture.
 */
enum packet_kind packet_decode(
    struct fragments *f, struct content ip, struct stamp at, struct packet *p);

#endif
