/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet - one IP packet as its headers tell it, fragments put together.
 *
 * IPv4 with options (RFC 791), IPv6 with a bounded chain of extension headers
 * (RFC 8200), TCP (RFC 9293) and UDP (RFC 768); IP in IP (RFC 2003, 4213) and
 * GRE (RFC 2784, 2890) with IP, Ethernet or a mirrored port's frames in it.
 *
 * Owns: the datagrams whose fragments are awaited: at most DATAGRAMS of 64 KiB
 * each, for HOLD_US. Fragments that overlap end their datagram, as they do in
 * Linux; an exact repetition is ignored.
 * Never: believes a length beyond what was captured; judges a checksum.
 */
#include "agent/sense/packet.h"

#include <errno.h>
#include <string.h>

#include "lib/own.h"

#define DATAGRAMS 256
#define DATAGRAM_MAX 65535
#define SEEN_BYTES (DATAGRAM_MAX / 64 + 1)
#define HOLD_US 30000000
#define CHAIN_MAX 8 /* extension headers of one packet */
#define TUNNELS_MAX 4 /* one within the other */
#define TAGS_MAX 4 /* VLAN tags of one frame */

enum { /* IANA protocol numbers */
	PROTO_HOPOPTS = 0,
	PROTO_IPV4 = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_IPV6 = 41,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_AH = 51,
	PROTO_DSTOPTS = 60,
};

struct datagram {
	bool used;
	uint8_t family, proto;
	uint8_t src[16], dst[16];
	uint32_t id;
	uint64_t since_us;
	size_t total; /* 0 until the last fragment is there */
	size_t have; /* bytes; the last block may be a short one */
	uint64_t packets;
	uint8_t *data; /* owned, DATAGRAM_MAX; NULL if not used */
	uint8_t *seen; /* owned, SEEN_BYTES: a bit for each block of 8 bytes */
};

struct fragments {
	struct datagram slots[DATAGRAMS];
	size_t used;
	uint8_t *done; /* of the datagram that was handed out last */
	struct fragments_lost lost;
};

/* A fragment's place, as either header tells it. */
struct fragment {
	uint32_t id;
	uint8_t proto;
	size_t offset;
	bool more;
	const uint8_t *data;
	size_t len;
};

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* ---- fragments ---- */

int
fragments_new(struct fragments **out)
{
	*out = calloc(1, sizeof **out);
	return *out != NULL ? 0 : -ENOMEM;
}

static void
wipe(uint8_t **data)
{
	if (*data != NULL)
		explicit_bzero(*data, DATAGRAM_MAX);
	free(*data);
	*data = NULL;
}

static void
slot_clear(struct fragments *f, struct datagram *d)
{
	wipe(&d->data);
	free(d->seen);
	*d = (struct datagram){0};
	f->used--;
}

static void
slot_lose(struct fragments *f, struct datagram *d)
{
	f->lost.packets += d->packets;
	f->lost.bytes += d->have;
	slot_clear(f, d);
}

void
fragments_free(struct fragments *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < DATAGRAMS; i++) {
		wipe(&f->slots[i].data);
		free(f->slots[i].seen);
	}
	wipe(&f->done);
	free(f);
}

void
fragments_tick(struct fragments *f, struct stamp now)
{
	for (size_t i = 0; f->used > 0 && i < DATAGRAMS; i++) {
		struct datagram *d = &f->slots[i];

		if (d->used && now.boot_us > d->since_us + HOLD_US)
			slot_lose(f, d);
	}
}

struct fragments_lost
fragments_lost(struct fragments *f)
{
	struct fragments_lost l = f->lost;

	f->lost = (struct fragments_lost){0};
	return l;
}

/* The slot of a datagram, a free one, or the oldest one's place. */
static struct datagram *
slot_find(struct fragments *f, const struct packet *p, const struct fragment *g,
    struct stamp at)
{
	struct datagram *unused = NULL, *oldest = &f->slots[0], *d;

	for (size_t i = 0; i < DATAGRAMS; i++) {
		d = &f->slots[i];
		if (!d->used) {
			unused = unused != NULL ? unused : d;
			continue;
		}
		if (d->family == p->family && d->id == g->id &&
		    (d->family == 6 || d->proto == g->proto) &&
		    memcmp(d->src, p->src, sizeof d->src) == 0 &&
		    memcmp(d->dst, p->dst, sizeof d->dst) == 0)
			return d;
		if (!oldest->used || d->since_us < oldest->since_us)
			oldest = d;
	}
	if (unused == NULL) {
		slot_lose(f, oldest);
		unused = oldest;
	}
	d = unused;
	d->data = malloc(DATAGRAM_MAX);
	d->seen = calloc(1, SEEN_BYTES);
	if (d->data == NULL || d->seen == NULL) {
		free(d->data);
		free(d->seen);
		d->data = d->seen = NULL;
		return NULL;
	}
	d->used = true;
	f->used++;
	d->family = p->family;
	d->proto = g->proto;
	memcpy(d->src, p->src, sizeof d->src);
	memcpy(d->dst, p->dst, sizeof d->dst);
	d->id = g->id;
	d->since_us = at.boot_us;
	return d;
}

static bool
block_seen(const struct datagram *d, size_t block)
{
	return (d->seen[block / 8] & 1u << (block % 8)) != 0;
}

/* 1: new, 0: an exact repetition, -1: it overlaps. */
static int
compare(const struct datagram *d, const struct fragment *g)
{
	size_t first = g->offset / 8, n = (g->len + 7) / 8, same = 0;

	for (size_t i = 0; i < n; i++)
		same += block_seen(d, first + i);
	if (same == 0)
		return 1;
	return same == n && memcmp(d->data + g->offset, g->data, g->len) == 0
		   ? 0
		   : -1;
}

/* A repetition may be of a datagram's last bytes, so a total stands. */
static const char *
slot_put(struct datagram *d, const struct fragment *g)
{
	size_t end = g->offset + g->len;
	int c = compare(d, g);

	if (c < 0 ||
	    (d->total > 0 && (end > d->total || (!g->more && end != d->total))))
		return "overlapping fragments";
	d->packets++;
	if (c == 0)
		return NULL;
	/* In IPv6 the first fragment alone says what it is: RFC 8200, 4.5. */
	if (g->offset == 0)
		d->proto = g->proto;
	memcpy(d->data + g->offset, g->data, g->len);
	for (size_t i = g->offset / 8; i < (end + 7) / 8; i++)
		d->seen[i / 8] |= (uint8_t)(1u << (i % 8));
	d->have += g->len;
	if (!g->more)
		d->total = end;
	return d->total > 0 && d->have > d->total ? "overlapping fragments"
						  : NULL;
}

/*
 * Takes a fragment; PACKET_HELD until the datagram is whole, which is then the
 * fragment's data.
 */
static enum packet_kind
take_fragment(
    struct fragments *f, struct packet *p, struct fragment *g, struct stamp at)
{
	struct datagram *d;

	/* Every fragment but the last is a multiple of 8 bytes long. */
	p->why = "a malformed fragment";
	if (g->len == 0 || g->offset + g->len > DATAGRAM_MAX ||
	    (g->more && g->len % 8 != 0))
		return PACKET_BAD;
	d = slot_find(f, p, g, at);
	p->why = "no memory for fragments";
	if (d == NULL)
		return PACKET_BAD;
	p->why = slot_put(d, g);
	if (p->why != NULL) {
		/* This packet is told by @why, those before it as lost. */
		slot_lose(f, d);
		return PACKET_BAD;
	}
	if (d->total == 0 || d->have < d->total)
		return PACKET_HELD;
	wipe(&f->done);
	f->done = OWN_TAKE(&d->data);
	g->data = f->done;
	g->len = d->total;
	g->proto = d->proto;
	slot_clear(f, d);
	return PACKET_TCP; /* whatever it holds: not held any more */
}

/* ---- transport ---- */

static enum packet_kind
bad(struct packet *p, const char *why)
{
	p->why = why;
	return PACKET_BAD;
}

static enum packet_kind
take_tcp(struct packet *p, const uint8_t *d, size_t len, size_t claimed)
{
	size_t head;

	if (len < 20)
		return bad(p, "a cut TCP header");
	head = (size_t)(d[12] >> 4) * 4;
	if (head < 20 || head > len)
		return bad(p, "a malformed TCP header");
	p->sport = be16(d);
	p->dport = be16(d + 2);
	p->seq = be32(d + 4);
	p->ack = be32(d + 8);
	p->flags = d[13];
	p->data = d + head;
	p->len = len - head;
	p->claimed = claimed - head;
	return PACKET_TCP;
}

static enum packet_kind
take_udp(struct packet *p, const uint8_t *d, size_t len, size_t claimed)
{
	size_t told;

	if (len < 8)
		return bad(p, "a cut UDP header");
	p->sport = be16(d);
	p->dport = be16(d + 2);
	told = be16(d + 4);
	if (told != 0 && told < 8)
		return bad(p, "a malformed UDP header");
	/* 0 is a jumbogram; more than the packet is for the receiver to drop. */
	if (told >= 8 && told < claimed)
		claimed = told;
	p->data = d + 8;
	p->len = (len < claimed ? len : claimed) - 8;
	p->claimed = claimed - 8;
	return PACKET_UDP;
}

/* An Ethernet frame within a tunnel: down to its IP packet. */
static bool
take_frame(struct content *c)
{
	uint16_t type;

	if (c->len < 14)
		return false;
	type = be16(c->data + 12);
	c->data += 14;
	c->len -= 14;
	for (int i = 0; i < TAGS_MAX && (type == 0x8100 || type == 0x88a8);
	     i++) {
		if (c->len < 4)
			return false;
		type = be16(c->data + 2);
		c->data += 4;
		c->len -= 4;
	}
	return type == 0x0800 || type == 0x86dd;
}

/* GRE: down to the IP packet in it; false if there is none. */
static bool
take_gre(struct content *c)
{
	size_t head = 4;
	uint16_t flags, type;

	if (c->len < 4)
		return false;
	flags = be16(c->data);
	type = be16(c->data + 2);
	/* Version 1 is PPTP's; routing (RFC 1701) is not used any more. */
	if ((flags & 0x4007) != 0)
		return false;
	head += (flags & 0x8000) != 0 ? 4 : 0; /* checksum */
	head += (flags & 0x2000) != 0 ? 4 : 0; /* key */
	head += (flags & 0x1000) != 0 ? 4 : 0; /* sequence */
	/* A mirrored port's frames; with a sequence number, a header more. */
	if (type == 0x88be && (flags & 0x1000) != 0)
		head += 8;
	if (c->len < head)
		return false;
	c->data += head;
	c->len -= head;
	return type == 0x0800 || type == 0x86dd ||
	       ((type == 0x6558 || type == 0x88be) && take_frame(c));
}

/* A packet within the packet is left in p->data, to be read in its turn. */
static enum packet_kind
take_tunnel(struct packet *p, uint8_t proto, struct content c)
{
	if (proto == PROTO_GRE && !take_gre(&c))
		return PACKET_OTHER;
	p->data = c.data;
	p->len = c.len;
	return PACKET_TUNNEL;
}

/*
 * What an IP header carries: extension headers (they are IPv6's, but protocol
 * numbers are one space) and then the transport. @claimed: bytes that the
 * headers say, at least @len.
 */
static enum packet_kind
take_chain(struct fragments *f, struct packet *p, uint8_t proto,
    struct content c, size_t claimed, struct stamp at)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		struct fragment g;
		size_t skip;

		switch (proto) {
		case PROTO_TCP:
			return take_tcp(p, c.data, c.len, claimed);
		case PROTO_UDP:
			return take_udp(p, c.data, c.len, claimed);
		case PROTO_IPV4:
		case PROTO_IPV6:
		case PROTO_GRE:
			return take_tunnel(p, proto, c);
		case PROTO_HOPOPTS:
		case PROTO_ROUTING:
		case PROTO_DSTOPTS:
		case PROTO_AH:
		case PROTO_FRAGMENT:
			break;
		default:
			return PACKET_OTHER;
		}
		if (p->family == 4 && proto != PROTO_AH)
			return PACKET_OTHER;
		if (c.len < 8)
			return bad(p, "a cut extension header");
		if (proto != PROTO_FRAGMENT) {
			skip = proto == PROTO_AH ? ((size_t)c.data[1] + 2) * 4
						 : ((size_t)c.data[1] + 1) * 8;
			if (skip > c.len)
				return bad(p, "a cut extension header");
			proto = c.data[0];
			c.data += skip;
			c.len -= skip;
			claimed -= skip;
			continue;
		}
		g = (struct fragment){.id = be32(c.data + 4),
		    .proto = c.data[0],
		    .offset = be16(c.data + 2) & 0xfff8u,
		    .more = (c.data[3] & 1) != 0,
		    .data = c.data + 8,
		    .len = c.len - 8};
		if (claimed > c.len)
			return bad(p, "a cut fragment");
		/* RFC 6946: an atomic fragment is a whole packet. */
		if (g.more || g.offset > 0) {
			enum packet_kind k = take_fragment(f, p, &g, at);

			if (k != PACKET_TCP)
				return k;
		}
		proto = g.proto;
		c = (struct content){.data = g.data, .len = g.len};
		claimed = g.len;
	}
	return bad(p, "too many extension headers");
}

static enum packet_kind
take_v4(
    struct fragments *f, struct content ip, struct stamp at, struct packet *p)
{
	size_t head, total, len;
	struct fragment g;

	if (ip.len < 20)
		return bad(p, "a cut IP header");
	head = (size_t)(ip.data[0] & 15) * 4;
	total = be16(ip.data + 2);
	/* 0: a segment that the card will cut, longer than the field can say. */
	if (total == 0)
		total = ip.len;
	if (head < 20 || total < head || ip.len < head)
		return bad(p, "a malformed IP header");
	p->family = 4;
	memcpy(p->src, ip.data + 12, 4);
	memcpy(p->dst, ip.data + 16, 4);
	len = ip.len < total ? ip.len : total; /* the rest is padding */
	g = (struct fragment){.id = be16(ip.data + 4),
	    .proto = ip.data[9],
	    .offset = (size_t)(be16(ip.data + 6) & 0x1fff) * 8,
	    .more = (ip.data[6] & 0x20) != 0,
	    .data = ip.data + head,
	    .len = len - head};
	if (g.more || g.offset > 0) {
		enum packet_kind k;

		if (len < total)
			return bad(p, "a cut fragment");
		k = take_fragment(f, p, &g, at);
		if (k != PACKET_TCP)
			return k;
		total = head + g.len;
	}
	return take_chain(f, p, g.proto,
	    (struct content){.data = g.data, .len = g.len}, total - head, at);
}

static enum packet_kind
take_v6(
    struct fragments *f, struct content ip, struct stamp at, struct packet *p)
{
	size_t total, len;

	if (ip.len < 40)
		return bad(p, "a cut IP header");
	total = be16(ip.data + 4);
	/* 0: a jumbogram, or a segment that the card will cut. */
	if (total == 0)
		total = ip.len - 40;
	p->family = 6;
	memcpy(p->src, ip.data + 8, 16);
	memcpy(p->dst, ip.data + 24, 16);
	len = ip.len - 40 < total ? ip.len - 40 : total;
	return take_chain(f, p, ip.data[6],
	    (struct content){.data = ip.data + 40, .len = len}, total, at);
}

enum packet_kind
packet_decode(
    struct fragments *f, struct content ip, struct stamp at, struct packet *p)
{
	for (int i = 0; i <= TUNNELS_MAX; i++) {
		enum packet_kind k;

		*p = (struct packet){0};
		if (ip.len == 0)
			return bad(p, "an empty packet");
		if (ip.data[0] >> 4 == 4)
			k = take_v4(f, ip, at, p);
		else if (ip.data[0] >> 4 == 6)
			k = take_v6(f, ip, at, p);
		else
			return bad(p, "a packet that is not IP");
		if (k != PACKET_TUNNEL)
			return k;
		ip = (struct content){.data = p->data, .len = p->len};
	}
	return bad(p, "too many tunnels in one packet");
}
