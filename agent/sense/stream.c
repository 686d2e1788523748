/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - from packets to conversations: every byte once, in order, and what
 * is missing told with its size.
 *
 * Owns: the table of flows, data that waits for a hole to be filled, and the
 * rules below. Never: looks at payload.
 *
 * A hole is filled by whatever comes, for as long as the receiver may still
 * take it. It becomes a gap when the receiver has acknowledged it and some
 * time has passed (the bytes arrived there and not here), when the receiver
 * was never heard and memory or time run out, or when the flow ends. Memory
 * never turns a hole that the receiver is still waiting for into a gap, so that
 * a forged segment far ahead cannot make us skip what follows.
 *
 * Where segments overlap, the first copy is kept. A later copy that differs is
 * told as a loss: the receiver may have taken the other one. What was handed
 * over is not kept; of the last segments a keyed digest is, which knows a
 * repetition that begins where one of them began.
 *
 * Nothing ends at a word of one side alone, since a forged packet may say it: a
 * reset ends a flow when nothing follows for a while, a FIN is forgotten if
 * data follows behind it, and another connection with the same tuple takes the
 * place of an open one once its SYN is answered.
 *
 * Flow numbers begin anywhere below 2^52, so that a process that was started
 * again does not repeat those of its predecessor.
 */
#include <errno.h>
#include <string.h>

#include "agent/sense/packet.h"
#include "agent/sense/sense.h"
#include "lib/rng.h"

#include "lib/own.h"

#define RECENT 8 /* digests of segments, each direction */
#define SEG_COST 512 /* the least that a waiting segment is charged */
#define AHEAD_MAX (INT64_C(1) << 30) /* the largest window of TCP */
#define ACKED_US 200000 /* what is acknowledged comes this late at most */
#define UNHEARD_US 5000000 /* the same, if acknowledgements are not seen */
#define TICK_US 50000

/* Each flow is in one list, oldest first. */
enum list {
	LIST_ENDED, /* reset, or closed: late packets are known by it */
	LIST_YOUNG, /* no answer yet */
	LIST_UDP,
	LIST_OPEN,
	LISTS,
};

static const uint64_t LIST_US[LISTS] = {
    [LIST_ENDED] = 2000000,
    [LIST_YOUNG] = 30000000,
    [LIST_UDP] = 30000000,
};

struct seg {
	struct seg *next;
	uint64_t off;
	size_t len;
	uint8_t data[];
};

struct recent {
	uint64_t off, digest;
	size_t len;
};

/* The bytes towards one side. */
struct side {
	bool synced; /* seq is known */
	bool isn_known;
	bool fin; /* the end is known: at fin_off */
	bool heard; /* the receiver's acknowledgements are seen */
	bool doubtful; /* data of a SYN, until it is acknowledged */
	uint8_t nrecent;
	uint32_t isn;
	uint32_t seq; /* of the byte at next */
	uint64_t next; /* offset of the first byte not handed over */
	uint64_t acked; /* offset that the receiver has got to */
	uint64_t fin_off;
	uint64_t gaps;
	uint64_t hole_us; /* since when a hole stands, 0: none */
	struct seg *head, *tail; /* ascending, apart, behind next */
	size_t held; /* what they are charged */
	struct recent recent[RECENT];
};

struct flow {
	struct flow *chain; /* of the bucket */
	struct flow *prev, *after; /* of its list */
	struct flow *wait_prev, *wait_after; /* of those with a hole */
	uint64_t id;
	struct tuple tuple;
	struct stamp began, last;
	uint8_t list;
	bool waiting;
	bool midstream;
	bool answered; /* the server said something */
	bool closed; /* told */
	bool reset;
	/* A SYN of another connection, not answered yet. */
	bool reuse;
	uint32_t reuse_isn;
	struct side sides[2];
};

struct streams {
	struct stream_sink sink;
	struct stream_limits lim;
	uint64_t seed[2];
	uint64_t next_id;
	struct flow **buckets; /* owned; a power of two of them */
	size_t nbuckets;
	struct flow *first[LISTS], *last[LISTS];
	struct flow *waiting;
	unsigned nflows;
	size_t held;
	uint64_t tick_us;
	struct fragments *fragments;
	struct stream_counters counters;
};

/* ---- digests: of tuples and of segments ---- */

/* The keyed multiply-and-fold of two words. */
static uint64_t
fold(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t
word(const uint8_t *p, size_t n)
{
	uint64_t w = 0;

	memcpy(&w, p, n < sizeof w ? n : sizeof w);
	return w;
}

static uint64_t
digest(const struct streams *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = s->seed[0] ^ len;

	for (; len > 16; len -= 16, p += 16)
		h = fold(word(p, 8) ^ s->seed[1] ^ h, word(p + 8, 8) ^ h);
	if (len > 8)
		return fold(word(p, 8) ^ s->seed[1] ^ h,
		    word(p + 8, len - 8) ^ h ^ s->seed[0]);
	return fold(word(p, len) ^ s->seed[1] ^ h, h ^ s->seed[0]);
}

/* ---- lists ---- */

static void
list_out(struct streams *s, struct flow *f)
{
	*(f->prev != NULL ? &f->prev->after : &s->first[f->list]) = f->after;
	*(f->after != NULL ? &f->after->prev : &s->last[f->list]) = f->prev;
	f->prev = f->after = NULL;
}

static void
list_in(struct streams *s, struct flow *f, enum list l)
{
	f->list = (uint8_t)l;
	f->prev = s->last[l];
	*(f->prev != NULL ? &f->prev->after : &s->first[l]) = f;
	s->last[l] = f;
}

static void
list_move(struct streams *s, struct flow *f, enum list l)
{
	list_out(s, f);
	list_in(s, f, l);
}

static void
wait_out(struct streams *s, struct flow *f)
{
	if (!f->waiting)
		return;
	*(f->wait_prev != NULL ? &f->wait_prev->wait_after : &s->waiting) =
	    f->wait_after;
	if (f->wait_after != NULL)
		f->wait_after->wait_prev = f->wait_prev;
	f->wait_prev = f->wait_after = NULL;
	f->waiting = false;
}

static void
wait_in(struct streams *s, struct flow *f)
{
	if (f->waiting)
		return;
	f->wait_prev = NULL;
	f->wait_after = s->waiting;
	if (s->waiting != NULL)
		s->waiting->wait_prev = f;
	s->waiting = f;
	f->waiting = true;
}

/* ---- the table ---- */

/* The same for both directions: the smaller end goes first. */
struct key {
	uint8_t a[18], b[18];
	uint8_t family, proto;
};

static void
key_end(uint8_t out[18], const uint8_t addr[16], uint16_t port)
{
	memcpy(out, addr, 16);
	out[16] = (uint8_t)(port >> 8);
	out[17] = (uint8_t)port;
}

static uint64_t
tuple_digest(const struct streams *s, const struct tuple *t)
{
	struct key k = {.family = t->family, .proto = t->proto};
	uint8_t src[18], dst[18];
	bool turn;

	key_end(src, t->src, t->sport);
	key_end(dst, t->dst, t->dport);
	turn = memcmp(src, dst, sizeof src) > 0;
	memcpy(k.a, turn ? dst : src, sizeof k.a);
	memcpy(k.b, turn ? src : dst, sizeof k.b);
	return digest(s, &k, sizeof k);
}

static struct flow **
bucket(struct streams *s, const struct tuple *t)
{
	return &s->buckets[tuple_digest(s, t) & (s->nbuckets - 1)];
}

static bool
same_end(
    const uint8_t a[16], uint16_t aport, const uint8_t b[16], uint16_t bport)
{
	return aport == bport && memcmp(a, b, 16) == 0;
}

/* The flow of a packet's tuple, and which way the packet goes. */
static struct flow *
find(struct streams *s, const struct tuple *t, enum direction *d)
{
	for (struct flow *f = *bucket(s, t); f != NULL; f = f->chain) {
		const struct tuple *u = &f->tuple;

		if (u->family != t->family || u->proto != t->proto)
			continue;
		if (same_end(u->src, u->sport, t->src, t->sport) &&
		    same_end(u->dst, u->dport, t->dst, t->dport)) {
			*d = TO_SERVER;
			return f;
		}
		if (same_end(u->src, u->sport, t->dst, t->dport) &&
		    same_end(u->dst, u->dport, t->src, t->sport)) {
			*d = TO_CLIENT;
			return f;
		}
	}
	return NULL;
}

static void
tell_loss(
    struct streams *s, const char *reason, uint64_t packets, uint64_t bytes)
{
	s->sink.loss(s->sink.ctx, reason, packets, bytes);
}

static void
side_empty(struct streams *s, struct side *x)
{
	while (x->head != NULL) {
		struct seg *g = x->head;

		x->head = g->next;
		explicit_bzero(g->data, g->len);
		free(g);
	}
	x->tail = NULL;
	s->held -= x->held;
	x->held = 0;
}

static void
flow_free(struct streams *s, struct flow *f)
{
	struct flow **p = bucket(s, &f->tuple);

	while (*p != f)
		p = &(*p)->chain;
	*p = f->chain;
	wait_out(s, f);
	list_out(s, f);
	side_empty(s, &f->sides[TO_SERVER]);
	side_empty(s, &f->sides[TO_CLIENT]);
	s->nflows--;
	free(f);
}

/* ---- handing over ---- */

static void
advance(struct side *x, uint64_t bytes)
{
	x->next += bytes;
	x->seq += (uint32_t)bytes;
	x->hole_us = 0;
}

static void
hand_gap(struct streams *s, struct flow *f, enum direction d, uint64_t bytes)
{
	struct side *x = &f->sides[d];

	if (bytes == 0)
		return;
	s->sink.gap(s->sink.ctx, f->id, d, x->next, bytes);
	s->counters.gap_bytes += bytes;
	x->gaps += bytes;
	advance(x, bytes);
}

static void
hand_data(struct streams *s, struct flow *f, enum direction d,
    const uint8_t *data, size_t len)
{
	struct side *x = &f->sides[d];

	if (len == 0)
		return;
	x->recent[x->nrecent++ % RECENT] = (struct recent){
	    .off = x->next, .len = len, .digest = digest(s, data, len)};
	s->sink.data(s->sink.ctx, f->id, d, x->next,
	    (struct content){.data = data, .len = len});
	s->counters.payload += len;
	advance(x, len);
}

/* Hands over what waits and is next. */
static void
drain(struct streams *s, struct flow *f, enum direction d)
{
	struct side *x = &f->sides[d];

	while (x->head != NULL && x->head->off == x->next) {
		struct seg *g = x->head;
		size_t cost = g->len < SEG_COST ? SEG_COST : g->len;

		x->head = g->next;
		if (x->head == NULL)
			x->tail = NULL;
		x->held -= cost;
		s->held -= cost;
		hand_data(s, f, d, g->data, g->len);
		explicit_bzero(g->data, g->len);
		free(g);
	}
}

/* The end of the hole at next: where what waits begins, or the stream ends. */
static bool
hole_end(const struct side *x, uint64_t *end)
{
	if (x->head != NULL)
		*end = x->head->off;
	else if (x->fin)
		*end = x->fin_off;
	else
		return false;
	return *end > x->next;
}

/* Gives up a hole, as far as the receiver got if it is heard. */
static void
give_up_hole(struct streams *s, struct flow *f, enum direction d)
{
	struct side *x = &f->sides[d];
	uint64_t end;

	if (!hole_end(x, &end))
		return;
	if (x->heard && x->acked < end)
		end = x->acked;
	if (end <= x->next)
		return;
	hand_gap(s, f, d, end - x->next);
	drain(s, f, d);
}

/* Gives up holes that stood long enough. True if one is still there. */
static bool
check_hole(struct streams *s, struct flow *f, enum direction d, uint64_t now)
{
	struct side *x = &f->sides[d];
	uint64_t end;

	if (!hole_end(x, &end)) {
		x->hole_us = 0;
		return false;
	}
	/* Time runs from when the receiver has got beyond. */
	if (x->heard && x->acked <= x->next) {
		x->hole_us = 0;
		return true;
	}
	if (x->hole_us == 0)
		x->hole_us = now > 0 ? now : 1;
	if (now < x->hole_us + (x->heard ? ACKED_US : UNHEARD_US))
		return true;
	give_up_hole(s, f, d);
	return hole_end(x, &end);
}

/* ---- the end of a flow ---- */

static void
finish_side(struct streams *s, struct flow *f, enum direction d)
{
	struct side *x = &f->sides[d];
	uint64_t end;

	x->doubtful = false;
	drain(s, f, d);
	while (x->head != NULL) {
		hand_gap(s, f, d, x->head->off - x->next);
		drain(s, f, d);
	}
	end = x->fin ? x->fin_off : x->acked;
	/* One byte more may be the FIN that was not seen. */
	if (end > x->next && (x->fin || end > x->next + 1))
		hand_gap(s, f, d, end - x->next);
}

/* Tells the end. The flow stays in the table, so that it knows late packets. */
static void
flow_close(struct streams *s, struct flow *f, const char *how, struct stamp at)
{
	if (f->closed)
		return;
	finish_side(s, f, TO_SERVER);
	finish_side(s, f, TO_CLIENT);
	f->closed = true;
	s->counters.open--;
	s->sink.close(s->sink.ctx, f->id, f->sides[TO_SERVER].next,
	    f->sides[TO_CLIENT].next,
	    f->sides[TO_SERVER].gaps + f->sides[TO_CLIENT].gaps, how, at);
	wait_out(s, f);
	list_move(s, f, LIST_ENDED);
}

static void
flow_end(struct streams *s, struct flow *f, const char *how, struct stamp at)
{
	flow_close(s, f, how, at);
	flow_free(s, f);
}

/* Makes room: what has ended first, then what was never answered. */
static void
evict(struct streams *s, struct stamp at)
{
	for (size_t l = 0; l < LISTS; l++) {
		struct flow *f = s->first[l];

		if (f == NULL)
			continue;
		if (l != LIST_ENDED)
			tell_loss(s, "more flows than are followed", 1, 0);
		flow_end(s, f, f->reset ? "reset" : "too many flows", at);
		return;
	}
}

static struct flow *
flow_new(
    struct streams *s, const struct tuple *t, bool midstream, struct stamp at)
{
	struct flow *f, **b = bucket(s, t);

	if (s->nflows >= s->lim.flows_max)
		evict(s, at);
	f = calloc(1, sizeof *f);
	if (f == NULL) {
		tell_loss(s, "no memory for a flow", 1, 0);
		return NULL;
	}
	f->id = s->next_id++;
	f->tuple = *t;
	f->midstream = midstream;
	f->began = f->last = at;
	f->chain = *b;
	*b = f;
	s->nflows++;
	s->counters.flows++;
	s->counters.open++;
	list_in(s, f, t->proto == 17 ? LIST_UDP : LIST_YOUNG);
	s->sink.open(s->sink.ctx, f->id, &f->tuple, midstream, at);
	return f;
}

static struct tuple
turned(const struct tuple *t)
{
	struct tuple r = *t;

	memcpy(r.src, t->dst, sizeof r.src);
	memcpy(r.dst, t->src, sizeof r.dst);
	r.sport = t->dport;
	r.dport = t->sport;
	return r;
}

/* ---- segments ---- */

/* Compares what comes again with the digests of what was handed over. */
static bool
repeats(const struct streams *s, const struct side *x, uint64_t off,
    const uint8_t *data, size_t len)
{
	for (unsigned tries = 0; len > 0 && tries < RECENT; tries++) {
		const struct recent *r = NULL;

		for (unsigned i = 0; i < RECENT; i++)
			if (x->recent[i].len > 0 && x->recent[i].off == off &&
			    x->recent[i].len <= len)
				r = &x->recent[i];
		if (r == NULL)
			return true;
		if (digest(s, data, r->len) != r->digest)
			return false;
		off += r->len;
		data += r->len;
		len -= r->len;
	}
	return true;
}

static void
conflict(struct streams *s, size_t bytes)
{
	s->counters.conflicts++;
	tell_loss(s, "conflicting overlap", 1, bytes);
}

/* Puts one piece behind @prev (NULL: first), which touches nothing else. */
static struct seg *
seg_put(struct streams *s, struct side *x, struct seg *prev, uint64_t off,
    const uint8_t *data, size_t len)
{
	size_t cost = len < SEG_COST ? SEG_COST : len;
	struct seg *g = malloc(sizeof *g + len);

	if (g == NULL) {
		tell_loss(s, "no memory for a segment", 1, len);
		return prev;
	}
	g->off = off;
	g->len = len;
	memcpy(g->data, data, len);
	g->next = prev != NULL ? prev->next : x->head;
	*(prev != NULL ? &prev->next : &x->head) = g;
	if (g->next == NULL)
		x->tail = g;
	x->held += cost;
	s->held += cost;
	return g;
}

/* Keeps a segment that begins at or behind next; the first copy stays. */
static void
keep(struct streams *s, struct side *x, uint64_t off, const uint8_t *data,
    size_t len)
{
	struct seg *prev = NULL, *at = x->head;
	size_t differs = 0;

	if (x->tail != NULL && off >= x->tail->off + x->tail->len) {
		(void)seg_put(s, x, x->tail, off, data, len);
		return;
	}
	while (len > 0) {
		size_t n = len;

		while (at != NULL && at->off + at->len <= off) {
			prev = at;
			at = at->next;
		}
		if (at != NULL && at->off <= off) {
			/* It is there already. */
			size_t skip = (size_t)(off - at->off);

			if (n > at->len - skip)
				n = at->len - skip;
			if (memcmp(at->data + skip, data, n) != 0)
				differs += n;
		} else {
			if (at != NULL && at->off - off < n)
				n = (size_t)(at->off - off);
			prev = seg_put(s, x, prev, off, data, n);
		}
		off += n;
		data += n;
		len -= n;
	}
	if (differs > 0)
		conflict(s, differs);
}

/* Room for one more waiting segment? If not, a hole may be given up for it. */
static bool
room(struct streams *s, struct flow *f, enum direction d, size_t len)
{
	struct side *x = &f->sides[d];
	size_t cost = len < SEG_COST ? SEG_COST : len;

	for (int tries = 0; tries < 64; tries++) {
		uint64_t before = x->next;

		if (x->held + cost <= s->lim.flow_memory_max &&
		    s->held + cost <= s->lim.memory_max)
			return true;
		give_up_hole(s, f, d);
		if (x->next == before)
			break;
	}
	return x->held + cost <= s->lim.flow_memory_max &&
	       s->held + cost <= s->lim.memory_max;
}

static void
take_data(struct streams *s, struct flow *f, enum direction d, uint64_t off,
    const uint8_t *data, size_t len)
{
	struct side *x = &f->sides[d];

	if (off < x->next) {
		size_t old =
		    x->next - off < len ? (size_t)(x->next - off) : len;

		if (!repeats(s, x, off, data, old))
			conflict(s, old);
		data += old;
		off += old;
		len -= old;
	}
	if (len == 0)
		return;
	/* A FIN was forged, or it was of another connection. */
	if (x->fin && off + len > x->fin_off)
		x->fin = false;
	if (x->head == NULL && off == x->next && !x->doubtful) {
		hand_data(s, f, d, data, len);
		return;
	}
	if (off > x->next && !room(s, f, d, len)) {
		if (x->heard) {
			/* Its bytes become a gap when the hole is known. */
			s->counters.refused++;
			return;
		}
		while (x->head != NULL && x->head->off <= off) {
			hand_gap(s, f, d, x->head->off - x->next);
			drain(s, f, d);
		}
		if (off > x->next)
			hand_gap(s, f, d, off - x->next);
	}
	/* What was given up may have been part of this segment. */
	if (off < x->next) {
		size_t old =
		    x->next - off < len ? (size_t)(x->next - off) : len;

		data += old;
		off += old;
		len -= old;
	}
	if (len > 0)
		keep(s, x, off, data, len);
	if (!x->doubtful)
		drain(s, f, d);
}

/* Where a sequence number lies in a stream; false if far outside. */
static bool
place(const struct side *x, uint32_t seq, uint64_t *off)
{
	int64_t diff = (int32_t)(seq - x->seq);
	int64_t at = (int64_t)x->next + diff;

	if (diff > AHEAD_MAX || diff < -AHEAD_MAX)
		return false;
	*off = at < 0 ? 0 : (uint64_t)at;
	return true;
}

static void
side_sync(struct side *x, uint32_t seq)
{
	x->synced = true;
	x->seq = seq;
}

/* The receiver's word: how far it has got in the other direction. */
static void
take_ack(
    struct streams *s, struct flow *f, enum direction d, const struct packet *p)
{
	struct side *x = &f->sides[1 - d];
	uint64_t off;

	if (!x->synced) {
		/* Only from a packet that is in order itself. */
		if (p->seq == f->sides[d].seq || f->midstream)
			side_sync(x, p->ack);
		return;
	}
	x->heard = true;
	if (!place(x, p->ack, &off))
		return;
	if (x->doubtful) {
		if (off == 0)
			side_empty(s, x);
		x->doubtful = false;
		drain(s, f, 1 - d);
	}
	/* A FIN takes a number of its own. */
	if (x->fin && off > x->fin_off)
		off = x->fin_off;
	if (off > x->acked)
		x->acked = off;
}

static void
take_fin(struct flow *f, enum direction d, uint64_t off)
{
	struct side *x = &f->sides[d];

	if (x->fin || off < x->next ||
	    (x->tail != NULL && off < x->tail->off + x->tail->len))
		return;
	x->fin = true;
	x->fin_off = off;
	if (x->acked > off)
		x->acked = off;
}

/* ---- connections ---- */

static bool
untouched(const struct side *x)
{
	return x->next == 0 && (x->head == NULL || x->doubtful);
}

/* A SYN's data is told once the other side is known to have taken it. */
static void
syn_data(
    struct streams *s, struct flow *f, enum direction d, const struct packet *p)
{
	struct side *x = &f->sides[d];

	if (p->len == 0 || x->next > 0)
		return;
	x->doubtful = true;
	take_data(s, f, d, 0, p->data, p->len);
}

static void
syn_sync(struct streams *s, struct side *x, uint32_t isn)
{
	side_empty(s, x);
	x->doubtful = false;
	x->isn_known = true;
	x->isn = isn;
	side_sync(x, isn + 1);
}

/* The answer to a SYN says which SYN it answers, and if it took its data. */
static void
syn_answered(
    struct streams *s, struct flow *f, enum direction d, const struct packet *p)
{
	struct side *mine = &f->sides[d], *theirs = &f->sides[1 - d];
	uint64_t end = 0;

	if (untouched(mine) && (!mine->isn_known || mine->isn != p->seq))
		syn_sync(s, mine, p->seq);
	if (!untouched(theirs))
		return;
	if (theirs->tail != NULL)
		end = theirs->tail->off + theirs->tail->len;
	if (!theirs->synced || p->ack - theirs->seq > end) {
		syn_sync(s, theirs, p->ack - 1);
	} else if (theirs->doubtful) {
		if (p->ack == theirs->seq)
			side_empty(s, theirs);
		theirs->doubtful = false;
		drain(s, f, 1 - d);
	}
}

static struct flow *
flow_syn(struct streams *s, const struct tuple *t, const struct packet *p,
    struct stamp at)
{
	bool answer = (p->flags & TCP_ACK) != 0;
	struct tuple client = answer ? turned(t) : *t;
	enum direction d = answer ? TO_CLIENT : TO_SERVER;
	struct flow *f = flow_new(s, &client, false, at);

	if (f == NULL)
		return NULL;
	syn_sync(s, &f->sides[d], p->seq);
	if (answer)
		syn_sync(s, &f->sides[TO_SERVER], p->ack - 1);
	return f;
}

/* Without a SYN: the lower port is taken to be the server's. */
static struct flow *
flow_midstream(struct streams *s, const struct tuple *t, const struct packet *p,
    struct stamp at)
{
	bool turn = t->sport < t->dport;
	struct tuple client = turn ? turned(t) : *t;
	enum direction d = turn ? TO_CLIENT : TO_SERVER;
	struct flow *f = flow_new(s, &client, true, at);

	if (f == NULL)
		return NULL;
	side_sync(&f->sides[d], p->seq);
	if ((p->flags & TCP_ACK) != 0)
		side_sync(&f->sides[1 - d], p->ack);
	return f;
}

/*
 * A SYN on a tuple that is in the table. Returns the flow that it belongs to:
 * the old one, or NULL if a new one must take its place.
 */
static struct flow *
syn_again(struct streams *s, struct flow *f, enum direction d,
    const struct packet *p, struct stamp at)
{
	struct side *x = &f->sides[d];

	if (x->isn_known && x->isn == p->seq)
		return f;
	if (f->closed || f->reset) {
		flow_end(s, f, "reset", at);
		return NULL;
	}
	if ((p->flags & TCP_ACK) == 0) {
		/* Before an answer: it will say which one it takes. */
		f->reuse = true;
		f->reuse_isn = p->seq;
		return f;
	}
	if (untouched(&f->sides[0]) && untouched(&f->sides[1]))
		return f;
	if (f->reuse && p->ack == f->reuse_isn + 1) {
		flow_end(s, f, "replaced", at);
		return NULL;
	}
	/* The SYN was not seen; data will tell. */
	f->reuse = true;
	f->reuse_isn = p->ack - 1;
	return f;
}

/* The flow of a TCP packet, made anew where it must be; NULL: ignored. */
static struct flow *
tcp_flow(struct streams *s, const struct tuple *t, const struct packet *p,
    struct stamp at, enum direction *d)
{
	struct flow *f = find(s, t, d);
	bool syn = (p->flags & (TCP_SYN | TCP_RST)) == TCP_SYN;

	if (f != NULL && syn)
		f = syn_again(s, f, *d, p, at);
	else if (f != NULL && f->reuse && p->seq == f->reuse_isn + 1 &&
		 p->len > 0 && p->seq != f->sides[*d].seq) {
		/* Its answer was not seen, but it goes on. */
		flow_end(s, f, "replaced", at);
		f = NULL;
	}
	if (f != NULL)
		return f;
	if (syn)
		f = flow_syn(s, t, p, at);
	else if (p->claimed > 0 && (p->flags & TCP_RST) == 0)
		f = flow_midstream(s, t, p, at);
	return f == NULL ? NULL : find(s, t, d);
}

static void
take_reset(struct streams *s, struct flow *f, enum direction d,
    const struct packet *p, struct stamp at)
{
	uint64_t off;

	if (f->sides[d].synced && !place(&f->sides[d], p->seq, &off))
		return;
	if (f->list == LIST_YOUNG && d == TO_CLIENT) {
		flow_close(s, f, "refused", at);
		return;
	}
	f->reset = true;
	list_move(s, f, LIST_ENDED);
}

/* Data, and what stands behind it. */
static void
take_payload(
    struct streams *s, struct flow *f, enum direction d, const struct packet *p)
{
	struct side *x = &f->sides[d];
	int64_t diff;
	uint64_t off;
	size_t old = 0;

	if (!x->synced)
		side_sync(x, p->seq);
	if (!place(x, p->seq, &off)) {
		tell_loss(s, "a segment far outside the window", 1, p->len);
		return;
	}
	/* What lies before the first byte that we know of is not ours. */
	diff = (int64_t)x->next + (int32_t)(p->seq - x->seq);
	if (diff < 0)
		old = (uint64_t)-diff < p->claimed ? (size_t)-diff : p->claimed;
	if (p->len > old) {
		x->doubtful = false;
		take_data(s, f, d, off, p->data + old, p->len - old);
	}
	if ((p->flags & TCP_FIN) != 0 && diff + (int64_t)p->claimed >= 0)
		take_fin(f, d, (uint64_t)(diff + (int64_t)p->claimed));
}

/* A repetition, or something that the receiver should not take any more. */
static void
take_late(struct streams *s, const struct flow *f, enum direction d,
    const struct packet *p)
{
	const struct side *x = &f->sides[d];
	uint64_t off;

	if (p->len > 0 && (p->flags & TCP_RST) == 0 && x->synced &&
	    (!place(x, p->seq, &off) || off + p->len > x->next))
		tell_loss(s, "data behind the end of a flow", 1, p->len);
}

static bool
is_complete(const struct side *x)
{
	return x->fin && x->next == x->fin_off;
}

static void
take_tcp(struct streams *s, const struct tuple *t, const struct packet *p,
    struct stamp at)
{
	enum direction d;
	struct flow *f = tcp_flow(s, t, p, at, &d);
	bool hole = false;

	if (f == NULL)
		return;
	if (f->closed) {
		take_late(s, f, d, p);
		return;
	}
	f->last = at;
	f->answered |= d == TO_CLIENT || f->midstream;
	if ((p->flags & TCP_RST) != 0) {
		take_reset(s, f, d, p, at);
		return;
	}
	if (f->reset && p->len > 0)
		f->reset = false; /* it was not the end */
	if (!f->reset)
		list_move(s, f, f->answered ? LIST_OPEN : LIST_YOUNG);
	if ((p->flags & TCP_SYN) != 0) {
		if ((p->flags & TCP_ACK) != 0)
			syn_answered(s, f, d, p);
		syn_data(s, f, d, p);
		return;
	}
	if (p->claimed > 0 || (p->flags & TCP_FIN) != 0)
		take_payload(s, f, d, p);
	if ((p->flags & TCP_ACK) != 0)
		take_ack(s, f, d, p);
	if (is_complete(&f->sides[0]) && is_complete(&f->sides[1])) {
		flow_close(s, f, "fin", at);
		return;
	}
	hole |= check_hole(s, f, TO_SERVER, at.boot_us);
	hole |= check_hole(s, f, TO_CLIENT, at.boot_us);
	if (hole)
		wait_in(s, f);
	else
		wait_out(s, f);
}

/* Datagrams are counted; what they carry is not followed. */
static void
take_udp(struct streams *s, const struct tuple *t, const struct packet *p,
    struct stamp at)
{
	enum direction d;
	struct flow *f = find(s, t, &d);

	if (f != NULL && f->closed) {
		flow_free(s, f);
		f = NULL;
	}
	if (f == NULL) {
		struct tuple client = t->sport < t->dport ? turned(t) : *t;

		if (flow_new(s, &client, false, at) == NULL)
			return;
		f = find(s, t, &d);
		must(f != NULL);
	}
	f->last = at;
	f->sides[d].next += p->claimed;
	list_move(s, f, LIST_UDP);
}

static bool
decode(struct streams *s, struct content ip, struct stamp at, struct packet *p,
    struct tuple *t)
{
	enum packet_kind k = packet_decode(s->fragments, ip, at, p);

	s->counters.packets++;
	switch (k) {
	case PACKET_TCP:
	case PACKET_UDP:
		break;
	case PACKET_HELD:
		return false;
	case PACKET_OTHER:
	case PACKET_TUNNEL:
		s->counters.other++;
		return false;
	case PACKET_BAD:
		s->counters.malformed++;
		tell_loss(s, p->why, 1, ip.len);
		return false;
	}
	*t = (struct tuple){.family = p->family,
	    .proto = k == PACKET_TCP ? 6 : 17,
	    .sport = p->sport,
	    .dport = p->dport};
	memcpy(t->src, p->src, sizeof t->src);
	memcpy(t->dst, p->dst, sizeof t->dst);
	return true;
}

/* ---- the door ---- */

int
streams_new(const struct stream_sink *sink, const struct stream_limits *lim,
    struct streams **out)
{
	struct streams *s = calloc(1, sizeof *s);

	must(lim->flows_max > 0 && lim->flows_max <= 1u << 24);
	if (s == NULL)
		return -ENOMEM;
	s->nbuckets = 16;
	while (s->nbuckets < lim->flows_max)
		s->nbuckets *= 2;
	s->buckets = calloc(s->nbuckets, sizeof(struct flow *));
	if (s->buckets == NULL || fragments_new(&s->fragments) != 0) {
		streams_free(s);
		return -ENOMEM;
	}
	s->sink = *sink;
	s->lim = *lim;
	rng_fill(s->seed, sizeof s->seed);
	rng_fill(&s->next_id, sizeof s->next_id);
	s->next_id = (s->next_id >> 12) + 1;
	*out = s;
	return 0;
}

void
streams_free(struct streams *s)
{
	if (s == NULL)
		return;
	for (size_t l = 0; l < LISTS; l++)
		while (s->first[l] != NULL)
			flow_free(s, s->first[l]);
	fragments_free(s->fragments);
	free(s->buckets);
	free(s);
}

void
streams_packet(struct streams *s, struct content ip, struct stamp at)
{
	struct packet p;
	struct tuple t;

	if (!decode(s, ip, at, &p, &t))
		return;
	if (t.proto == 6)
		take_tcp(s, &t, &p, at);
	else
		take_udp(s, &t, &p, at);
}

void
streams_early(struct streams *s, struct content ip, struct stamp at)
{
	struct packet p;
	struct tuple t;
	enum direction d;
	struct flow *f;

	/* Its fragments, and whatever is wrong with it, come again. */
	if (packet_decode(s->fragments, ip, at, &p) != PACKET_TCP ||
	    (p.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
		return;
	t = (struct tuple){
	    .family = p.family, .proto = 6, .sport = p.sport, .dport = p.dport};
	memcpy(t.src, p.src, sizeof t.src);
	memcpy(t.dst, p.dst, sizeof t.dst);
	f = find(s, &t, &d);
	/* An open one has its packets still in the other source's queue. */
	if (f != NULL && (!f->closed || f->sides[d].isn == p.seq))
		return;
	if (f != NULL)
		flow_free(s, f);
	(void)flow_syn(s, &t, &p, at);
}

void
streams_tick(struct streams *s, struct stamp now)
{
	struct fragments_lost lost;
	struct flow *f, *next;

	if (now.boot_us < s->tick_us + TICK_US && now.boot_us >= s->tick_us)
		return;
	s->tick_us = now.boot_us;
	for (f = s->waiting; f != NULL; f = next) {
		bool hole = check_hole(s, f, TO_SERVER, now.boot_us);

		next = f->wait_after;
		hole |= check_hole(s, f, TO_CLIENT, now.boot_us);
		if (is_complete(&f->sides[0]) && is_complete(&f->sides[1]))
			flow_close(s, f, "fin", now);
		else if (!hole)
			wait_out(s, f);
	}
	for (size_t l = 0; l < LISTS; l++) {
		uint64_t us = l == LIST_OPEN ? s->lim.idle_us : LIST_US[l];

		while ((f = s->first[l]) != NULL &&
		       now.boot_us > f->last.boot_us + us)
			flow_end(s, f, f->reset ? "reset" : "idle", f->last);
	}
	fragments_tick(s->fragments, now);
	lost = fragments_lost(s->fragments);
	if (lost.packets > 0)
		tell_loss(s, "fragments that were never complete", lost.packets,
		    lost.bytes);
}

void
streams_again(struct streams *s)
{
	for (size_t l = 0; l < LISTS; l++)
		for (struct flow *f = s->first[l]; f != NULL; f = f->after)
			if (!f->closed)
				s->sink.open(s->sink.ctx, f->id, &f->tuple,
				    f->midstream, f->began);
}

void
streams_flush(struct streams *s, struct stamp now)
{
	for (size_t l = 0; l < LISTS; l++)
		while (s->first[l] != NULL)
			flow_end(s, s->first[l],
			    s->first[l]->reset ? "reset" : "end", now);
}

const struct stream_counters *
streams_counters(const struct streams *s)
{
	return &s->counters;
}
