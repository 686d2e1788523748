/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_test - whatever happens to the segments on their way, the bytes of a
 * conversation come out once and in order, and what is missing is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sense/sense.h"
#include "lib/buf.h"

#include "lib/own.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

#define FLOWS 16
#define BYTES_MAX ((size_t)8 << 20)
#define MS 1000

/* What the sink was told of one flow. */
struct told {
	uint64_t id;
	struct tuple tuple;
	bool midstream, closed;
	struct buf data[2]; /* a gap is as many '?' */
	uint64_t gaps[2]; /* bytes */
	unsigned ngaps;
	uint64_t total[2], gap_bytes;
	char how[32];
};

struct fixture {
	struct streams *s;
	struct told flows[FLOWS];
	size_t nflows;
	char losses[512];
	uint64_t lost;
	uint64_t now;
};

static struct told *
told_of(struct fixture *x, uint64_t id)
{
	size_t i = 0;

	while (i < x->nflows && x->flows[i].id != id)
		i++;
	assert_true(i < x->nflows); /* it was opened */
	return &x->flows[i];
}

static void
on_open(void *ctx, uint64_t flow, const struct tuple *t, bool midstream,
    struct stamp at UNUSED)
{
	struct fixture *x = ctx;
	struct told *f;

	assert_true(x->nflows < FLOWS);
	assert_true(flow < UINT64_C(1) << 53);
	f = &x->flows[x->nflows++];
	*f = (struct told){.id = flow, .tuple = *t, .midstream = midstream};
	buf_init(&f->data[0], BYTES_MAX);
	buf_init(&f->data[1], BYTES_MAX);
}

static void
on_data(void *ctx, uint64_t flow, enum direction d, uint64_t offset,
    struct content c)
{
	struct told *f = told_of(ctx, flow);

	assert_false(f->closed);
	assert_int_equal(offset, f->data[d].len);
	assert_true(c.len > 0);
	buf_put(&f->data[d], c.data, c.len);
}

static void
on_gap(
    void *ctx, uint64_t flow, enum direction d, uint64_t offset, uint64_t bytes)
{
	struct told *f = told_of(ctx, flow);

	assert_false(f->closed);
	assert_int_equal(offset, f->data[d].len);
	assert_true(bytes > 0 && bytes < BYTES_MAX - f->data[d].len);
	memset(buf_grow(&f->data[d], bytes), '?', bytes);
	f->gaps[d] += bytes;
	f->ngaps++;
}

static void
on_close(void *ctx, uint64_t flow, uint64_t to_server, uint64_t to_client,
    uint64_t gap_bytes, const char *how, struct stamp at UNUSED)
{
	struct told *f = told_of(ctx, flow);

	assert_false(f->closed);
	f->closed = true;
	f->total[TO_SERVER] = to_server;
	f->total[TO_CLIENT] = to_client;
	f->gap_bytes = gap_bytes;
	(void)snprintf(f->how, sizeof f->how, "%s", how);
	if (f->tuple.proto != 6)
		return;
	assert_int_equal(to_server, f->data[TO_SERVER].len);
	assert_int_equal(to_client, f->data[TO_CLIENT].len);
	assert_int_equal(gap_bytes, f->gaps[0] + f->gaps[1]);
}

static void
on_loss(void *ctx, const char *reason, uint64_t packets, uint64_t bytes UNUSED)
{
	struct fixture *x = ctx;

	assert_true(packets > 0);
	(void)snprintf(x->losses, sizeof x->losses, "%s", reason);
	x->lost += packets;
}

static const struct stream_limits LIMITS = {.flows_max = 8,
    .memory_max = 1 << 20,
    .flow_memory_max = 64 << 10,
    .idle_us = 300000 * MS};

static void
start(struct fixture *x)
{
	const struct stream_sink sink = {.ctx = x,
	    .open = on_open,
	    .data = on_data,
	    .gap = on_gap,
	    .close = on_close,
	    .loss = on_loss};

	*x = (struct fixture){.now = 1000000};
	assert_int_equal(streams_new(&sink, &LIMITS, &x->s), 0);
}

static struct stamp
at(const struct fixture *x)
{
	return (struct stamp){.boot_us = x->now, .wall_us = (int64_t)x->now};
}

static void
stop(struct fixture *x)
{
	streams_flush(x->s, at(x));
	for (size_t i = 0; i < x->nflows; i++) {
		assert_true(x->flows[i].closed);
		buf_done(&x->flows[i].data[0]);
		buf_done(&x->flows[i].data[1]);
	}
	assert_int_equal(streams_counters(x->s)->open, 0);
	streams_free(x->s);
}

/* ---- packets ---- */

struct segment {
	enum direction d;
	uint8_t flags;
	uint32_t seq, ack;
	const void *data;
	size_t len;
	uint16_t port; /* the client's; 0: 40000 */
};

static void
put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static size_t
tcp(uint8_t *p, const struct segment *g)
{
	uint16_t port = g->port != 0 ? g->port : 40000;

	memset(p, 0, 20);
	put16(p, g->d == TO_SERVER ? port : 80);
	put16(p + 2, g->d == TO_SERVER ? 80 : port);
	put32(p + 4, g->seq);
	put32(p + 8, g->ack);
	p[12] = 5 << 4;
	p[13] = g->flags;
	if (g->len > 0)
		memcpy(p + 20, g->data, g->len);
	return 20 + g->len;
}

static void
ends(uint8_t *src, uint8_t *dst, enum direction d, size_t n)
{
	memset(src, d == TO_SERVER ? 10 : 20, n);
	memset(dst, d == TO_SERVER ? 20 : 10, n);
}

static size_t
v4(uint8_t *p, enum direction d, uint8_t proto, size_t len)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, 20 + len);
	p[8] = 64;
	p[9] = proto;
	ends(p + 12, p + 16, d, 4);
	return 20;
}

static void
give(struct fixture *x, const uint8_t *p, size_t len)
{
	/* Exactly as large as the packet, so that a sanitizer sees its end. */
	uint8_t *exact = malloc(len > 0 ? len : 1);

	assert_non_null(exact);
	memcpy(exact, p, len);
	streams_packet(
	    x->s, (struct content){.data = exact, .len = len}, at(x));
	free(exact);
}

static void
send_segment(struct fixture *x, struct segment g)
{
	static uint8_t p[65536];
	size_t len = tcp(p + 20, &g);

	(void)v4(p, g.d, 6, len);
	give(x, p, 20 + len);
}

static void
handshake(struct fixture *x, uint32_t c, uint32_t s)
{
	send_segment(x, (struct segment){TO_SERVER, SYN, c, 0, NULL, 0, 0});
	send_segment(
	    x, (struct segment){TO_CLIENT, SYN | ACK, s, c + 1, NULL, 0, 0});
	send_segment(
	    x, (struct segment){TO_SERVER, ACK, c + 1, s + 1, NULL, 0, 0});
}

static void
send_bytes(struct fixture *x, enum direction d, uint32_t isn, uint32_t ack,
    const uint8_t *all, size_t from, size_t to)
{
	send_segment(x, (struct segment){d, ACK, isn + 1 + (uint32_t)from, ack,
			    all + from, to - from, 0});
}

static void
acknowledge(struct fixture *x, enum direction d, uint32_t seq, uint32_t ack)
{
	send_segment(x, (struct segment){d, ACK, seq, ack, NULL, 0, 0});
}

/* Both ends of a conversation. */
static void
finish(struct fixture *x, uint32_t c, size_t nc, uint32_t s, size_t ns)
{
	uint32_t ce = c + 1 + (uint32_t)nc, se = s + 1 + (uint32_t)ns;

	send_segment(
	    x, (struct segment){TO_SERVER, FIN | ACK, ce, se, NULL, 0, 0});
	send_segment(
	    x, (struct segment){TO_CLIENT, FIN | ACK, se, ce + 1, NULL, 0, 0});
	acknowledge(x, TO_SERVER, ce + 1, se + 1);
}

static void
is_data(const struct told *f, enum direction d, const void *data, size_t len)
{
	assert_int_equal(f->data[d].len, len);
	if (len > 0)
		assert_memory_equal(f->data[d].data, data, len);
}

static uint64_t state = 1;

static uint32_t
draw(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

static void
fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)draw(256);
}

/* ---- whole conversations ---- */

static void
test_conversation(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *q = (const uint8_t *)"question";
	const uint8_t *a = (const uint8_t *)"a longer answer";
	uint32_t c = 0xfffffffa, s = 77; /* the numbers wrap */
	struct told *f = &x.flows[0];

	start(&x);
	handshake(&x, c, s);
	send_bytes(&x, TO_SERVER, c, s + 1, q, 0, 8);
	send_bytes(&x, TO_CLIENT, s, c + 9, a, 0, 15);
	assert_false(f->closed);
	finish(&x, c, 8, s, 15);
	assert_true(f->closed);
	assert_string_equal(f->how, "fin");
	is_data(f, TO_SERVER, q, 8);
	is_data(f, TO_CLIENT, a, 15);
	assert_false(f->midstream);
	assert_int_equal(f->tuple.sport, 40000);
	assert_int_equal(f->tuple.dport, 80);
	/* What comes late opens nothing. */
	send_bytes(&x, TO_SERVER, c, s + 1, q, 0, 8);
	assert_int_equal(x.nflows, 1);
	assert_int_equal(x.lost, 0);
	stop(&x);
}

/* Cut at every place; in order, turned round, and each twice. */
static void
test_every_cut(void **ctx UNUSED)
{
	uint8_t all[48];

	fill(all, sizeof all);
	for (size_t cut = 1; cut < sizeof all; cut++)
		for (int way = 0; way < 3; way++) {
			struct fixture x;
			size_t n = sizeof all;

			start(&x);
			handshake(&x, 1, 2);
			if (way != 1)
				send_bytes(&x, TO_SERVER, 1, 3, all, 0, cut);
			send_bytes(&x, TO_SERVER, 1, 3, all, cut, n);
			if (way != 0)
				send_bytes(&x, TO_SERVER, 1, 3, all, 0, cut);
			if (way == 2)
				send_bytes(&x, TO_SERVER, 1, 3, all, cut, n);
			finish(&x, 1, n, 2, 0);
			is_data(&x.flows[0], TO_SERVER, all, n);
			assert_int_equal(x.flows[0].gap_bytes, 0);
			assert_int_equal(x.lost, 0);
			stop(&x);
		}
}

/* Six overlapping segments in every order: the union, each byte once. */
static void
test_permutations(void **ctx UNUSED)
{
	static const size_t CUT[6][2] = {
	    {0, 10}, {5, 20}, {20, 21}, {18, 30}, {30, 40}, {28, 45}};
	uint8_t all[45];

	fill(all, sizeof all);
	for (unsigned n = 0; n < 720; n++) {
		size_t order[6], left[6] = {0, 1, 2, 3, 4, 5};
		unsigned code = n;
		struct fixture x;

		for (unsigned k = 6; k > 0; k--) {
			order[6 - k] = left[code % k];
			memmove(left + code % k, left + code % k + 1,
			    (k - 1 - code % k) * sizeof left[0]);
			code /= k;
		}
		start(&x);
		handshake(&x, 0xfffffff0, 2);
		for (size_t k = 0; k < 6; k++)
			send_bytes(&x, TO_SERVER, 0xfffffff0, 3, all,
			    CUT[order[k]][0], CUT[order[k]][1]);
		is_data(&x.flows[0], TO_SERVER, all, sizeof all);
		finish(&x, 0xfffffff0, sizeof all, 2, 0);
		assert_string_equal(x.flows[0].how, "fin");
		assert_int_equal(x.lost, 0);
		stop(&x);
	}
}

/* Segments drawn at random, shuffled within a window, some twice. */
static void
one_random(uint64_t seed)
{
	enum { N = 6000, WINDOW = 12 };
	static uint8_t all[2][N];
	struct piece {
		enum direction d;
		size_t from, to;
	} queue[WINDOW];
	uint32_t isn[2];
	size_t sent[2] = {0, 0}, n = 0;
	struct fixture x;

	state = seed;
	fill(all[0], N);
	fill(all[1], N);
	isn[0] = draw(0x7fffffff) * 2u;
	isn[1] = draw(2) == 0 ? 0xffffffff - draw(N) : draw(1000);
	start(&x);
	handshake(&x, isn[0], isn[1]);
	while (sent[0] < N || sent[1] < N || n > 0) {
		size_t k;

		while (n < WINDOW && (sent[0] < N || sent[1] < N)) {
			enum direction d =
			    sent[0] == N || (sent[1] < N && draw(2) == 0)
				? TO_CLIENT
				: TO_SERVER;
			size_t from = sent[d], len = 1 + draw(700);

			if (from + len > N)
				len = N - from;
			sent[d] += len;
			/* Some begin earlier than they need to. */
			if (draw(3) == 0)
				from -= draw(
				    (uint32_t)(from < 900 ? from + 1 : 900));
			queue[n++] = (struct piece){d, from, sent[d]};
		}
		k = draw((uint32_t)n);
		send_segment(
		    &x, (struct segment){queue[k].d, ACK,
			    isn[queue[k].d] + 1 + (uint32_t)queue[k].from, 0,
			    all[queue[k].d] + queue[k].from,
			    queue[k].to - queue[k].from, 0});
		if (draw(4) != 0) {
			queue[k] = queue[n - 1];
			n--;
		}
		x.now += draw(1000);
	}
	finish(&x, isn[0], N, isn[1], N);
	is_data(&x.flows[0], TO_SERVER, all[0], N);
	is_data(&x.flows[0], TO_CLIENT, all[1], N);
	assert_int_equal(x.lost, 0);
	assert_int_equal(x.nflows, 1);
	assert_string_equal(x.flows[0].how, "fin");
	stop(&x);
}

static void
test_random(void **ctx UNUSED)
{
	for (uint64_t seed = 1; seed <= 200; seed++)
		one_random(seed);
}

/* ---- holes ---- */

static void
test_gap_acknowledged(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"aaaaBBBBcccc";
	struct told *f = &x.flows[0];

	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 4);
	send_bytes(&x, TO_SERVER, 1, 3, all, 8, 12);
	/* The server still waits for it: so do we, for as long as it takes. */
	acknowledge(&x, TO_CLIENT, 3, 2 + 4);
	x.now += 60000 * MS;
	streams_tick(x.s, at(&x));
	assert_int_equal(f->ngaps, 0);
	/* It got it: it may still come, a little late. */
	acknowledge(&x, TO_CLIENT, 3, 2 + 12);
	x.now += 100 * MS;
	streams_tick(x.s, at(&x));
	assert_int_equal(f->ngaps, 0);
	x.now += 200 * MS;
	streams_tick(x.s, at(&x));
	is_data(f, TO_SERVER, "aaaa????cccc", 12);
	finish(&x, 1, 12, 2, 0);
	assert_string_equal(f->how, "fin");
	assert_int_equal(f->gap_bytes, 4);
	stop(&x);
}

static void
test_gap_late_but_there(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"aaaaBBBBcccc";

	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, all, 8, 12);
	acknowledge(&x, TO_CLIENT, 3, 2 + 12);
	x.now += 100 * MS;
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 8);
	is_data(&x.flows[0], TO_SERVER, all, 12);
	stop(&x);
	assert_int_equal(x.flows[0].ngaps, 0);
}

/* What is missing at the end: by the FIN, by the last acknowledgement. */
static void
test_gap_at_end(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"aaaaBBBBcccc";

	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 4);
	acknowledge(&x, TO_CLIENT, 3, 2 + 12);
	streams_flush(x.s, at(&x));
	is_data(&x.flows[0], TO_SERVER, "aaaa????????", 12);
	assert_string_equal(x.flows[0].how, "end");
	stop(&x);

	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 4);
	finish(&x, 1, 12, 2, 0);
	x.now += 300 * MS;
	streams_tick(x.s, at(&x));
	is_data(&x.flows[0], TO_SERVER, "aaaa????????", 12);
	assert_string_equal(x.flows[0].how, "fin");
	stop(&x);
}

/* Only one side is captured: nobody tells what arrived. */
static void
test_one_sided(void **ctx UNUSED)
{
	struct fixture x;
	static uint8_t all[200000];
	struct told *f = &x.flows[0];

	fill(all, sizeof all);
	start(&x);
	send_segment(&x, (struct segment){TO_SERVER, SYN, 1, 0, NULL, 0, 0});
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 1000);
	for (size_t i = 2000; i < sizeof all; i += 1000)
		send_bytes(&x, TO_SERVER, 1, 3, all, i, i + 1000);
	/* More than waits at one time, so the hole was given up. */
	assert_int_equal(f->gaps[TO_SERVER], 1000);
	assert_int_equal(f->data[TO_SERVER].len, sizeof all);
	memset(all + 1000, '?', 1000);
	is_data(f, TO_SERVER, all, sizeof all);
	/* And a small one after a while. */
	send_segment(&x, (struct segment){TO_SERVER, ACK, 2 + sizeof all + 5, 0,
			     "end", 3, 0});
	x.now += 1000 * MS;
	streams_tick(x.s, at(&x));
	assert_int_equal(f->gaps[TO_SERVER], 1000);
	x.now += 6000 * MS;
	streams_tick(x.s, at(&x));
	assert_int_equal(f->gaps[TO_SERVER], 1005);
	stop(&x);
}

/* Forged segments far ahead fill the memory and cost nothing of what comes. */
static void
test_forged_ahead(void **ctx UNUSED)
{
	struct fixture x;
	static uint8_t all[300000], junk[1000];
	struct told *f = &x.flows[0];

	fill(all, sizeof all);
	start(&x);
	handshake(&x, 1, 2);
	acknowledge(&x, TO_CLIENT, 3, 2);
	for (uint32_t i = 0; i < 2000; i++)
		send_segment(
		    &x, (struct segment){TO_SERVER, ACK, 10000000 + i * 1000, 3,
			    junk, sizeof junk, 0});
	assert_int_equal(f->ngaps, 0);
	for (size_t i = 0; i < sizeof all; i += 1000) {
		send_bytes(&x, TO_SERVER, 1, 3, all, i, i + 1000);
		acknowledge(&x, TO_CLIENT, 3, 2 + (uint32_t)i + 1000);
		x.now += 400 * MS;
		streams_tick(x.s, at(&x));
	}
	is_data(f, TO_SERVER, all, sizeof all);
	assert_true(streams_counters(x.s)->refused > 1000);
	streams_free(x.s);
	buf_done(&f->data[0]);
	buf_done(&f->data[1]);
}

/* ---- overlaps ---- */

static void
test_conflict(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *good = (const uint8_t *)"attack at dawn!!";
	const uint8_t *evil = (const uint8_t *)"all is quiet....";
	struct told *f = &x.flows[0];

	/* Of what waits: the first copy stays, wherever they overlap. */
	for (size_t from = 4; from < 15; from++) {
		start(&x);
		handshake(&x, 1, 2);
		send_bytes(&x, TO_SERVER, 1, 3, good, 4, 16);
		send_bytes(&x, TO_SERVER, 1, 3, evil, from, 16);
		assert_int_equal(x.lost, from < 15);
		assert_string_equal(x.losses, "conflicting overlap");
		send_bytes(&x, TO_SERVER, 1, 3, good, 0, 4);
		is_data(f, TO_SERVER, good, 16);
		stop(&x);
	}
	/* Of what was handed over, where a segment began. */
	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, good, 0, 8);
	send_bytes(&x, TO_SERVER, 1, 3, good, 8, 16);
	send_bytes(&x, TO_SERVER, 1, 3, good, 0, 16);
	send_bytes(&x, TO_SERVER, 1, 3, good, 0, 8);
	assert_int_equal(x.lost, 0);
	send_bytes(&x, TO_SERVER, 1, 3, evil, 8, 16);
	assert_int_equal(x.lost, 1);
	send_bytes(&x, TO_SERVER, 1, 3, evil, 0, 16);
	assert_int_equal(x.lost, 2);
	is_data(f, TO_SERVER, good, 16);
	stop(&x);
}

/* ---- beginnings ---- */

static void
test_midstream(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"0123456789";
	struct told *f = &x.flows[0];

	/* A lone acknowledgement and a lone reset are nobody's. */
	start(&x);
	acknowledge(&x, TO_CLIENT, 500, 600);
	send_segment(&x, (struct segment){TO_CLIENT, RST, 500, 0, NULL, 0, 0});
	assert_int_equal(x.nflows, 0);
	send_bytes(&x, TO_CLIENT, 99, 601, all, 0, 5);
	assert_true(f->midstream);
	assert_int_equal(f->tuple.dport, 80); /* the lower one serves */
	send_bytes(&x, TO_SERVER, 600, 105, all, 0, 3);
	send_bytes(&x, TO_CLIENT, 99, 604, all, 5, 10);
	/* What lay before the first byte seen is not ours. */
	send_segment(
	    &x, (struct segment){TO_CLIENT, ACK, 90, 604, "..........", 10, 0});
	finish(&x, 600, 3, 99, 10);
	is_data(f, TO_CLIENT, all, 10);
	is_data(f, TO_SERVER, all, 3);
	assert_string_equal(f->how, "fin");
	stop(&x);
}

static void
test_answer_without_syn(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"0123456789";

	start(&x);
	send_segment(
	    &x, (struct segment){TO_CLIENT, SYN | ACK, 7, 101, NULL, 0, 0});
	assert_false(x.flows[0].midstream);
	assert_int_equal(x.flows[0].tuple.sport, 40000);
	send_bytes(&x, TO_SERVER, 100, 8, all, 5, 10);
	send_bytes(&x, TO_SERVER, 100, 8, all, 0, 5);
	finish(&x, 100, 10, 7, 0);
	is_data(&x.flows[0], TO_SERVER, all, 10);
	stop(&x);
}

static void
test_syn_data(void **ctx UNUSED)
{
	struct fixture x;
	struct told *f = &x.flows[0];

	/* Taken: the answer acknowledges it. */
	start(&x);
	send_segment(&x, (struct segment){TO_SERVER, SYN, 10, 0, "GET ", 4, 0});
	assert_int_equal(f->data[TO_SERVER].len, 0);
	send_segment(
	    &x, (struct segment){TO_CLIENT, SYN | ACK, 20, 15, NULL, 0, 0});
	is_data(f, TO_SERVER, "GET ", 4);
	send_segment(&x, (struct segment){TO_SERVER, ACK, 15, 21, "/", 1, 0});
	is_data(f, TO_SERVER, "GET /", 5);
	stop(&x);
	/* Not taken: it was there to deceive. */
	start(&x);
	send_segment(&x, (struct segment){TO_SERVER, SYN, 10, 0, "junk", 4, 0});
	send_segment(
	    &x, (struct segment){TO_CLIENT, SYN | ACK, 20, 11, NULL, 0, 0});
	send_segment(
	    &x, (struct segment){TO_SERVER, ACK, 11, 21, "real", 4, 0});
	is_data(f, TO_SERVER, "real", 4);
	stop(&x);
	/* The answer was not captured. */
	start(&x);
	send_segment(&x, (struct segment){TO_SERVER, SYN, 10, 0, "GET ", 4, 0});
	send_segment(&x, (struct segment){TO_SERVER, ACK, 15, 21, "/", 1, 0});
	is_data(f, TO_SERVER, "GET /", 5);
	stop(&x);
}

/* Two SYNs with different numbers: the answer says which one counts. */
static void
test_decoy_syn(void **ctx UNUSED)
{
	struct fixture x;

	start(&x);
	send_segment(&x, (struct segment){TO_SERVER, SYN, 100, 0, NULL, 0, 0});
	send_segment(&x, (struct segment){TO_SERVER, SYN, 9000, 0, NULL, 0, 0});
	send_segment(
	    &x, (struct segment){TO_CLIENT, SYN | ACK, 20, 101, NULL, 0, 0});
	send_segment(
	    &x, (struct segment){TO_SERVER, ACK, 101, 21, "real", 4, 0});
	is_data(&x.flows[0], TO_SERVER, "real", 4);
	stop(&x);
	start(&x);
	send_segment(&x, (struct segment){TO_SERVER, SYN, 9000, 0, NULL, 0, 0});
	send_segment(&x, (struct segment){TO_SERVER, SYN, 100, 0, NULL, 0, 0});
	send_segment(
	    &x, (struct segment){TO_CLIENT, SYN | ACK, 20, 101, NULL, 0, 0});
	send_segment(
	    &x, (struct segment){TO_SERVER, ACK, 101, 21, "real", 4, 0});
	assert_int_equal(x.nflows, 1);
	is_data(&x.flows[0], TO_SERVER, "real", 4);
	stop(&x);
}

/* ---- ends ---- */

static void
test_reset(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"0123456789";
	struct told *f = &x.flows[0];

	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 4);
	send_segment(&x, (struct segment){TO_SERVER, RST, 6, 0, NULL, 0, 0});
	/* It was forged: what follows belongs to the same flow. */
	x.now += 500 * MS;
	streams_tick(x.s, at(&x));
	send_bytes(&x, TO_SERVER, 1, 3, all, 4, 10);
	is_data(f, TO_SERVER, all, 10);
	x.now += 10000 * MS;
	streams_tick(x.s, at(&x));
	assert_false(f->closed);
	send_segment(&x, (struct segment){TO_CLIENT, RST, 3, 0, NULL, 0, 0});
	x.now += 3000 * MS;
	streams_tick(x.s, at(&x));
	assert_string_equal(f->how, "reset");
	stop(&x);
	/* Nobody listens. */
	start(&x);
	send_segment(&x, (struct segment){TO_SERVER, SYN, 1, 0, NULL, 0, 0});
	send_segment(
	    &x, (struct segment){TO_CLIENT, RST | ACK, 0, 2, NULL, 0, 0});
	assert_string_equal(f->how, "refused");
	stop(&x);
}

static void
test_forged_fin(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"0123456789";

	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 4);
	send_segment(
	    &x, (struct segment){TO_SERVER, FIN | ACK, 6, 3, NULL, 0, 0});
	send_bytes(&x, TO_SERVER, 1, 3, all, 4, 10);
	finish(&x, 1, 10, 2, 0);
	is_data(&x.flows[0], TO_SERVER, all, 10);
	assert_string_equal(x.flows[0].how, "fin");
	stop(&x);
}

static void
test_keep_alive(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"0123456789";

	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 10);
	/* One byte of rubbish before the next one, and none. */
	send_segment(&x, (struct segment){TO_SERVER, ACK, 11, 3, "\0", 1, 0});
	acknowledge(&x, TO_SERVER, 11, 3);
	is_data(&x.flows[0], TO_SERVER, all, 10);
	finish(&x, 1, 10, 2, 0);
	is_data(&x.flows[0], TO_SERVER, all, 10);
	assert_int_equal(x.lost, 0);
	stop(&x);
}

static void
test_port_reuse(void **ctx UNUSED)
{
	struct fixture x;
	const uint8_t *all = (const uint8_t *)"0123456789";

	start(&x);
	handshake(&x, 1, 2);
	send_bytes(&x, TO_SERVER, 1, 3, all, 0, 10);
	finish(&x, 1, 10, 2, 0);
	handshake(&x, 5000, 6000);
	send_bytes(&x, TO_SERVER, 5000, 6001, all, 0, 5);
	assert_int_equal(x.nflows, 2);
	/* Its end was not captured: the answer to a SYN tells. */
	send_segment(
	    &x, (struct segment){TO_SERVER, SYN, 70000, 0, NULL, 0, 0});
	assert_int_equal(x.nflows, 2);
	assert_false(x.flows[1].closed);
	send_segment(&x,
	    (struct segment){TO_CLIENT, SYN | ACK, 80000, 70001, NULL, 0, 0});
	assert_int_equal(x.nflows, 3);
	assert_string_equal(x.flows[1].how, "replaced");
	send_bytes(&x, TO_SERVER, 70000, 80001, all, 0, 7);
	is_data(&x.flows[2], TO_SERVER, all, 7);
	/* A SYN alone changes nothing: it may be forged. */
	send_segment(&x, (struct segment){TO_SERVER, SYN, 1234, 0, NULL, 0, 0});
	send_bytes(&x, TO_SERVER, 70000, 80001, all, 7, 10);
	is_data(&x.flows[2], TO_SERVER, all, 10);
	/* Neither SYN nor end: data behind a SYN's number tells. */
	send_bytes(&x, TO_SERVER, 1234, 1, all, 0, 6);
	assert_int_equal(x.nflows, 4);
	is_data(&x.flows[3], TO_SERVER, all, 6);
	stop(&x);
}

static void
test_limits(void **ctx UNUSED)
{
	struct fixture x;

	start(&x);
	handshake(&x, 1, 2);
	for (uint16_t i = 0; i < 8; i++) {
		x.now += MS;
		send_segment(&x, (struct segment){TO_SERVER, SYN, 9, 0, NULL, 0,
				     (uint16_t)(50000 + i)});
	}
	/* What was never answered goes first, not the conversation. */
	assert_false(x.flows[0].closed);
	assert_string_equal(x.flows[1].how, "too many flows");
	assert_int_equal(x.lost, 1);
	x.now += 31000 * MS;
	streams_tick(x.s, at(&x));
	assert_string_equal(x.flows[8].how, "idle");
	assert_false(x.flows[0].closed);
	x.now += 300000 * MS;
	streams_tick(x.s, at(&x));
	assert_string_equal(x.flows[0].how, "idle");
	stop(&x);
}

static void
test_early(void **ctx UNUSED)
{
	struct fixture x, y;
	const struct segment syn = {TO_SERVER, SYN, 1, 0, NULL, 0, 0};
	uint8_t p[40];

	(void)v4(p, TO_SERVER, 6, tcp(p + 20, &syn));
	start(&x);
	streams_early(
	    x.s, (struct content){.data = p, .len = sizeof p}, at(&x));
	assert_int_equal(x.nflows, 1);
	handshake(&x, 1, 2);
	finish(&x, 1, 0, 2, 0);
	assert_int_equal(x.nflows, 1);
	assert_string_equal(x.flows[0].how, "fin");
	/* The same once more, late: it is known. */
	streams_early(
	    x.s, (struct content){.data = p, .len = sizeof p}, at(&x));
	assert_int_equal(x.nflows, 1);
	start(&y);
	streams_early(
	    y.s, (struct content){.data = p, .len = sizeof p}, at(&y));
	assert_int_not_equal(x.flows[0].id, y.flows[0].id);
	stop(&y);
	stop(&x);
}

/* ---- IP ---- */

/* Fragments of an IPv4 packet with a whole TCP segment, in an order. */
static void
send_fragments(struct fixture *x, const uint8_t *seg, size_t len,
    const unsigned *order, size_t n)
{
	uint8_t p[2048];

	for (size_t i = 0; i < n; i++) {
		size_t from = order[i] * 16, size = 16;
		bool last = from + size >= len;

		if (last)
			size = len - from;
		(void)v4(p, TO_SERVER, 6, size);
		put16(p + 4, 4711);
		put16(p + 6, (last ? 0 : 0x2000) | from / 8);
		memcpy(p + 20, seg + from, size);
		give(x, p, 20 + size);
	}
}

static void
test_fragments(void **ctx UNUSED)
{
	static const unsigned ORDERS[][5] = {
	    {0, 1, 2, 3, 3}, {3, 2, 1, 0, 0}, {2, 0, 3, 2, 1}, {1, 1, 3, 0, 2}};
	const struct segment g = {
	    TO_SERVER, ACK, 2, 3, "0123456789abcdefghijklmnopqrstuvwx", 34, 0};
	uint8_t seg[64], p[64];
	size_t len = tcp(seg, &g);
	struct fixture x;

	for (size_t i = 0; i < ARRAY_LEN(ORDERS); i++) {
		start(&x);
		handshake(&x, 1, 2);
		send_fragments(&x, seg, len, ORDERS[i], 5);
		is_data(&x.flows[0], TO_SERVER, g.data, g.len);
		/* A repetition behind the end begins a new one, and waits. */
		x.now += 40000 * MS;
		streams_tick(x.s, at(&x));
		assert_int_equal(x.lost, i < 2);
		stop(&x);
	}
	/* An overlap that differs ends the datagram. */
	start(&x);
	handshake(&x, 1, 2);
	send_fragments(&x, seg, len, (const unsigned[]){0, 1}, 2);
	memset(p, 'x', sizeof p);
	(void)v4(p, TO_SERVER, 6, 32);
	put16(p + 4, 4711);
	put16(p + 6, 0x2000 | 1);
	give(&x, p, 52);
	assert_string_equal(x.losses, "overlapping fragments");
	send_fragments(&x, seg, len, (const unsigned[]){2, 3}, 2);
	assert_int_equal(x.flows[0].data[TO_SERVER].len, 0);
	x.now += 40000 * MS;
	streams_tick(x.s, at(&x));
	assert_string_equal(x.losses, "fragments that were never complete");
	stop(&x);
}

/* IPv6 with a hop-by-hop header, and in two fragments. */
static void
test_v6(void **ctx UNUSED)
{
	struct segment g = {TO_SERVER, SYN, 1, 0, NULL, 0, 0};
	struct fixture x;
	uint8_t p[256] = {0}, seg[64];
	size_t len = tcp(p + 48, &g);

	start(&x);
	p[0] = 0x60;
	put16(p + 4, 8 + len);
	p[6] = 0; /* hop by hop */
	ends(p + 8, p + 24, TO_SERVER, 16);
	p[40] = 6;
	p[41] = 0;
	give(&x, p, 48 + len);
	assert_int_equal(x.nflows, 1);
	assert_int_equal(x.flows[0].tuple.family, 6);
	g = (struct segment){TO_SERVER, ACK, 2, 3, "0123456789", 10, 0};
	len = tcp(seg, &g);
	for (int i = 0; i < 2; i++) {
		size_t from = i == 0 ? 0 : 24, n = i == 0 ? 24 : len - 24;

		put16(p + 4, 8 + n);
		p[6] = 44; /* fragment */
		memset(p + 40, 0, 8);
		p[40] = i == 0 ? 6 : 59; /* the first one counts */
		put16(p + 42, from | (i == 0));
		put32(p + 44, 99);
		memcpy(p + 48, seg + from, n);
		give(&x, p, 48 + n);
	}
	is_data(&x.flows[0], TO_SERVER, "0123456789", 10);
	assert_int_equal(x.lost, 0);
	stop(&x);
}

static void
test_lengths(void **ctx UNUSED)
{
	const struct segment g = {TO_SERVER, ACK, 2, 3, "0123456789", 10, 0};
	struct fixture x;
	uint8_t p[80] = {0};
	size_t len = tcp(p + 20, &g);

	/* Padding behind the packet is not data. */
	start(&x);
	handshake(&x, 1, 2);
	(void)v4(p, TO_SERVER, 6, len);
	give(&x, p, 20 + len + 6);
	is_data(&x.flows[0], TO_SERVER, "0123456789", 10);
	stop(&x);
	/* A length of 0: the card would have filled it in. */
	start(&x);
	handshake(&x, 1, 2);
	put16(p + 2, 0);
	give(&x, p, 20 + len);
	is_data(&x.flows[0], TO_SERVER, "0123456789", 10);
	stop(&x);
	/* A packet that the capture cut: the rest is a gap. */
	start(&x);
	handshake(&x, 1, 2);
	put16(p + 2, 20 + len);
	give(&x, p, 20 + len - 4);
	acknowledge(&x, TO_CLIENT, 3, 12);
	finish(&x, 1, 10, 2, 0);
	stop(&x);
	assert_int_equal(x.flows[0].total[TO_SERVER], 10);
	assert_int_equal(x.flows[0].gap_bytes, 4);
	/* Every cut of a packet is taken without harm. */
	start(&x);
	for (size_t n = 0; n <= 20 + len; n++)
		give(&x, p, n);
	assert_int_equal(streams_counters(x.s)->malformed, 40);
	stop(&x);
}

static void
test_udp(void **ctx UNUSED)
{
	struct fixture x;
	uint8_t p[128] = {0};

	start(&x);
	for (int i = 0; i < 3; i++) {
		enum direction d = i == 1 ? TO_CLIENT : TO_SERVER;
		size_t n = i == 1 ? 90 : 30;

		(void)v4(p, d, 17, 8 + n);
		put16(p + 20, d == TO_SERVER ? 5000 : 53);
		put16(p + 22, d == TO_SERVER ? 53 : 5000);
		put16(p + 24, 8 + n);
		give(&x, p, 28 + n);
	}
	assert_int_equal(x.nflows, 1);
	assert_int_equal(x.flows[0].tuple.proto, 17);
	assert_int_equal(x.flows[0].tuple.dport, 53);
	x.now += 31000 * MS;
	streams_tick(x.s, at(&x));
	assert_int_equal(x.flows[0].total[TO_SERVER], 60);
	assert_int_equal(x.flows[0].total[TO_CLIENT], 90);
	stop(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_conversation),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_permutations),
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_gap_acknowledged),
	    cmocka_unit_test(test_gap_late_but_there),
	    cmocka_unit_test(test_gap_at_end),
	    cmocka_unit_test(test_one_sided),
	    cmocka_unit_test(test_forged_ahead),
	    cmocka_unit_test(test_conflict),
	    cmocka_unit_test(test_midstream),
	    cmocka_unit_test(test_answer_without_syn),
	    cmocka_unit_test(test_syn_data),
	    cmocka_unit_test(test_decoy_syn),
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_forged_fin),
	    cmocka_unit_test(test_keep_alive),
	    cmocka_unit_test(test_port_reuse),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_early),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_v6),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_udp),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
