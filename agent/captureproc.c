/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-capture - from packets to flows, for a host and for `replay`; and what
 * relays read, as flows that no packet tells of.
 *
 * Owns: the packet sources; the ring of relayed content; payload until it is a
 * message; the losses until they are told.
 * Never: opens anything once its jail is taken; waits for an inspector while
 * packets come in; looks at payload: that it is encrypted, and more of it not
 * wanted, an inspector says.
 * Hands over: a flow's payload to the inspector of its number (always the same
 * one), its beginning and end to the hub as well.
 *
 * On a host nothing may hold up the reading: what an inspector does not take
 * in time waits up to a bound, and is then left out. The inspector sees that
 * by the offset of what comes next; the hub is told how much it was. A file
 * can wait, so there every byte is handed over.
 *
 * Options: --file (a capture file is open as descriptor 4, the hub is
 * `chaperone replay`), --inspectors N (how many there are then).
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agent/config.h"
#include "agent/feed.h"
#include "agent/roles.h"
#include "agent/sense/sense.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/content.h"
#include "lib/flow.h"
#include "lib/ipc.h"
#include "lib/jail.h"
#include "lib/log.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "lib/str.h"

#include "lib/own.h"

#define FILE_FD 4
#define INSPECTORS_MAX 16
#define PIECE ((size_t)64 << 10) /* payload of one message */
/* Payload that waits for one inspector: of packets, of relayed content. */
#define PACKETS_MAX ((size_t)16 << 20)
#define RELAYS_MAX ((size_t)32 << 20)
#define FILE_MAX ((size_t)64 << 20) /* more than comes between two waits */
#define FILE_ENOUGH ((size_t)1 << 20)
#define PACKETS_EACH_TURN 1024
#define SECOND_US 1000000
#define COUNTERS_US 10000000
#define MISSING_US 30000000
#define LOSSES_MAX 24
#define SEALED_MAX 4096
#define TICK_MS 100
#define HEARD_EACH_TURN 64
#define DRAIN_MS 2000

/* A link, and what waits for it. */
struct out {
	uint32_t role, index;
	int fd; /* of the process's table of peers; -1 */
	uint32_t turn;
	struct feed *feed;
	/* Payload that grows until something else is said. */
	uint64_t flow, offset;
	enum direction d;
	size_t staged;
	uint8_t stage[PIECE];
};

/* An interface of the configuration. */
struct source {
	const char *name;
	struct capture *main, *early;
	uint64_t dropped, if_dropped; /* told so far */
	uint64_t missing_us; /* when it was last told that it is not there */
	bool failed;
};

struct loss {
	const char *stage;
	char reason[96];
	uint64_t lost, bytes;
};

static struct captures {
	struct proc proc;
	struct config config;
	struct config_args args;
	bool file;
	unsigned ninspectors;
	struct out hub;
	struct out *inspect[INSPECTORS_MAX];
	struct source sources[CONFIG_LIST_MAX];
	size_t nsources;
	struct interfaces *interfaces;
	struct relays *relays; /* NULL: the kernel refuses, or a file is read */
	char no_relays[160];
	struct streams *streams;
	struct stamp packet; /* when the last packet was seen */
	struct out *again; /* who alone is told of open flows */
	/* Flows of whose direction the inspector wants no more; the place
	 * belongs to who came last, the others are told of again. */
	uint64_t sealed[SEALED_MAX][2];
	struct ipc_in in;
	struct loss losses[LOSSES_MAX];
	size_t nlosses;
	uint64_t second_us, counters_us;
} captures;

/* ---- losses ---- */

static void
note_loss(struct captures *c, const char *stage, const char *reason,
    uint64_t lost, uint64_t bytes)
{
	struct loss *l = NULL;

	for (size_t i = 0; i < c->nlosses && l == NULL; i++)
		if (str_eq(c->losses[i].reason, reason))
			l = &c->losses[i];
	if (l == NULL && c->nlosses < LOSSES_MAX) {
		l = &c->losses[c->nlosses++];
		*l = (struct loss){.stage = stage};
		must(str_copy(l->reason, sizeof l->reason, reason) == 0);
	}
	if (l == NULL) {
		/* The last place gathers what has none of its own. */
		l = &c->losses[LOSSES_MAX - 1];
		l->stage = "several";
		must(str_copy(l->reason, sizeof l->reason,
			 "more kinds of loss than are told apart") == 0);
	}
	l->lost += lost;
	l->bytes += bytes;
}

/* ---- messages ---- */

static void
out_clear(struct out *o)
{
	feed_clear(o->feed);
	explicit_bzero(o->stage, o->staged);
	o->staged = 0;
}

static void
out_lost(struct captures *c, struct out *o)
{
	struct proc_peer *peer = proc_peer(&c->proc, o->role, o->index);

	if (peer != NULL)
		proc_peer_lost(peer);
	o->fd = -1;
	out_clear(o);
}

static bool
is_full(int r)
{
	return r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM;
}

/* Sends what waits, as far as there is room. */
static void
out_pump(struct captures *c, struct out *o)
{
	int r = o->fd >= 0 ? feed_pump(o->feed, o->fd) : 0;

	if (r != 0 && !is_full(r))
		out_lost(c, o);
}

/* 0, -EPIPE: there is nobody, else it was left out. */
static int
out_send(struct captures *c, struct out *o, uint64_t flow, uint32_t type,
    const struct buf *m)
{
	int r;

	must(buf_error(m) == 0);
	if (o->fd < 0)
		return -EPIPE;
	if (feed_waiting(o->feed) == 0) {
		r = ipc_send(o->fd, type, m->data, m->len, -1);
		if (r == 0)
			return 0;
		if (!is_full(r)) {
			out_lost(c, o);
			return -EPIPE;
		}
	}
	return feed_put(
	    o->feed, flow, type, m->data, m->len, type == MESSAGE_FLOW_DATA);
}

/* Payload that was staged becomes a message. */
static void
out_flush(struct captures *c, struct out *o)
{
	OWN(buf_wipe) struct buf m = {0};
	int r;

	if (o->staged == 0)
		return;
	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, o->flow);
	buf_put_u8(&m, (uint8_t)o->d);
	buf_put_u64(&m, o->offset);
	buf_put_blob(&m, o->stage, o->staged);
	r = out_send(c, o, o->flow, MESSAGE_FLOW_DATA, &m);
	if (r != 0)
		note_loss(c, "inspect",
		    r == -EPIPE ? "payload for an inspector that is not there"
				: "payload that the inspectors did not take "
				  "in time",
		    1, o->staged);
	explicit_bzero(o->stage, o->staged);
	o->staged = 0;
}

/* Everything but payload; it stays behind the payload of its flow. */
static void
out_say(struct captures *c, struct out *o, uint64_t flow, uint32_t type,
    const struct buf *m)
{
	int r;

	out_flush(c, o);
	r = out_send(c, o, flow, type, m);
	if (r != 0 && r != -EPIPE)
		note_loss(c, "capture",
		    o->role == ROLE_WATCH
			? "messages that the hub did not take in time"
			: "messages that the inspectors did not take in time",
		    1, 0);
}

/* The hub's are of no flow: they keep their order. */
static void
say_hub(struct captures *c, uint32_t type, const struct buf *m)
{
	out_say(c, &c->hub, 0, type, m);
}

static struct out *
inspector_of(struct captures *c, uint64_t flow)
{
	return c->inspect[flow % c->ninspectors];
}

/* ---- what inspectors want no more of ---- */

static uint64_t *
sealed_place(struct captures *c, uint64_t flow, enum direction d)
{
	return &c->sealed[flow % SEALED_MAX][d];
}

static void
take_sealed(struct captures *c, const struct ipc_in *in)
{
	struct cur m;
	uint64_t flow;
	uint8_t d;

	cur_init(&m, in->data, in->len);
	flow = cur_u64(&m);
	d = cur_u8(&m);
	if (cur_end(&m) == 0 && d <= TO_CLIENT)
		*sealed_place(c, flow, (enum direction)d) = flow;
}

/* ---- what reassembly says ---- */

static void
on_open(void *ctx, uint64_t flow, const struct tuple *t, bool midstream,
    struct stamp at)
{
	struct captures *c = ctx;
	OWN(buf_done) struct buf m = {0};
	struct out *i = inspector_of(c, flow);

	buf_init(&m, 256);
	buf_put_u64(&m, flow);
	tuple_encode(t, &m);
	buf_put_u8(&m, midstream);
	buf_put_u64(&m, at.boot_us);
	if (c->again == NULL || c->again == &c->hub)
		say_hub(c, MESSAGE_FLOW_OPEN, &m);
	/* Datagrams are counted, not looked into. */
	if (t->proto == 6 && (c->again == NULL || c->again == i))
		out_say(c, i, flow, MESSAGE_FLOW_OPEN, &m);
}

static void
on_data(void *ctx, uint64_t flow, enum direction d, uint64_t offset,
    struct content p)
{
	struct captures *c = ctx;
	struct out *o = inspector_of(c, flow);

	if (*sealed_place(c, flow, d) == flow)
		return;
	if (o->staged > 0 &&
	    (o->flow != flow || o->d != d || o->offset + o->staged != offset))
		out_flush(c, o);
	while (p.len > 0) {
		size_t n = PIECE - o->staged;

		if (n > p.len)
			n = p.len;
		if (o->staged == 0) {
			o->flow = flow;
			o->d = d;
			o->offset = offset;
		}
		memcpy(o->stage + o->staged, p.data, n);
		o->staged += n;
		offset += n;
		p.data += n;
		p.len -= n;
		if (o->staged == PIECE)
			out_flush(c, o);
	}
}

static void
on_gap(
    void *ctx, uint64_t flow, enum direction d, uint64_t offset, uint64_t bytes)
{
	struct captures *c = ctx;
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 64);
	buf_put_u64(&m, flow);
	buf_put_u8(&m, (uint8_t)d);
	buf_put_u64(&m, offset);
	buf_put_u64(&m, bytes);
	out_say(c, inspector_of(c, flow), flow, MESSAGE_FLOW_GAP, &m);
	if (c->file)
		say_hub(c, MESSAGE_FLOW_GAP, &m);
	else
		note_loss(c, "reassembly",
		    "bytes of a flow that were not captured", 1, bytes);
}

static void
on_close(void *ctx, uint64_t flow, uint64_t to_server, uint64_t to_client,
    uint64_t gap_bytes, const char *how, struct stamp at)
{
	struct captures *c = ctx;
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 256);
	buf_put_u64(&m, flow);
	buf_put_u64(&m, to_server);
	buf_put_u64(&m, to_client);
	buf_put_u64(&m, gap_bytes);
	buf_put_u64(&m, at.boot_us);
	buf_put_str(&m, how);
	say_hub(c, MESSAGE_FLOW_CLOSE, &m);
	/* Also of datagrams: its answer ends the wait for it. */
	out_say(c, inspector_of(c, flow), flow, MESSAGE_FLOW_CLOSE, &m);
}

/* ---- what relays read ---- */

static void
on_relay_open(void *ctx, const struct relay_open *o)
{
	struct captures *c = ctx;
	OWN(buf_done) struct buf m = {0};
	struct out *i = inspector_of(c, o->flow);

	buf_init(&m, 256);
	buf_put_u64(&m, o->flow);
	buf_put_u8(&m, (uint8_t)o->kind);
	if (c->again == NULL || c->again == i)
		out_say(c, i, o->flow, MESSAGE_RELAY_OPEN, &m);
	buf_put_u32(&m, (uint32_t)o->pid);
	buf_put_u64(&m, o->start_ns);
	buf_put_str(&m, o->comm);
	tuple_encode(&o->tuple, &m);
	buf_put_u64(&m, o->at.boot_us);
	if (c->again == NULL || c->again == &c->hub)
		say_hub(c, MESSAGE_RELAY_OPEN, &m);
}

static void
on_relay_close(void *ctx, const struct relay_close *e)
{
	struct captures *c = ctx;
	OWN(buf_done) struct buf hub = {0};
	OWN(buf_done) struct buf m = {0};

	buf_init(&hub, 256);
	buf_put_u64(&hub, e->flow);
	buf_put_u64(&hub, e->bytes);
	buf_put_u64(&hub, e->lost);
	buf_put_u64(&hub, e->sent);
	buf_put_u64(&hub, e->acked);
	buf_put_u64(&hub, e->read);
	buf_put_u64(&hub, e->others);
	buf_put_u8(&hub, e->ended);
	buf_put_u64(&hub, e->at.boot_us);
	say_hub(c, MESSAGE_RELAY_CLOSE, &hub);
	buf_init(&m, 256);
	buf_put_u64(&m, e->flow);
	buf_put_u64(&m, e->bytes);
	buf_put_u64(&m, 0);
	buf_put_u64(&m, e->lost);
	buf_put_u64(&m, e->at.boot_us);
	buf_put_str(&m, "");
	out_say(c, inspector_of(c, e->flow), e->flow, MESSAGE_FLOW_CLOSE, &m);
	if (e->lost > 0)
		note_loss(c, "relays", "relayed content that was not read", 1,
		    e->lost);
}

/* Says whether relayed content is seen, and if not, why. */
static void
say_relays(struct captures *c)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 512);
	buf_put_str(&m, c->no_relays);
	say_hub(c, MESSAGE_RELAYS, &m);
}

static bool
read_relays(struct captures *c)
{
	int r = c->relays != NULL ? relays_read(c->relays) : 0;

	if (r < 0)
		note_loss(c, "relays",
		    "the kernel's ring of relayed content could not be read", 0,
		    0);
	return r > 0;
}

static void
on_loss(void *ctx, const char *reason, uint64_t packets, uint64_t bytes)
{
	note_loss(ctx, "reassembly", reason, packets, bytes);
}

/* ---- what is told now and then ---- */

static void
tell_losses(struct captures *c)
{
	for (size_t i = 0; i < c->nlosses; i++) {
		const struct loss *l = &c->losses[i];
		OWN(buf_done) struct buf m = {0};

		buf_init(&m, 512);
		buf_put_str(&m, l->stage);
		buf_put_str(&m, l->reason);
		buf_put_u64(&m, l->lost);
		buf_put_u64(&m, l->bytes);
		/* Kept for a later turn if it cannot even wait. */
		out_flush(c, &c->hub);
		if (out_send(c, &c->hub, 0, MESSAGE_LOSS, &m) != 0)
			return;
	}
	c->nlosses = 0;
}

static void
put_counter(struct buf *m, const char *name, uint64_t v)
{
	buf_put_str(m, name);
	buf_put_u64(m, v);
}

static void
tell_counters(struct captures *c)
{
	const struct stream_counters *s = streams_counters(c->streams);
	struct capture_counters sum = {0}, one;
	OWN(buf_done) struct buf m = {0};

	for (size_t i = 0; i < c->nsources; i++) {
		if (capture_counters(c->sources[i].main, &one) != 0)
			continue;
		sum.packets += one.packets;
		sum.bytes += one.bytes;
		sum.dropped += one.dropped + one.if_dropped;
	}
	buf_init(&m, 1024);
	buf_put_u32(&m, 7);
	put_counter(&m, "packets.seen", sum.packets);
	put_counter(&m, "packets.bytes", sum.bytes);
	put_counter(&m, "packets.dropped", sum.dropped);
	put_counter(&m, "packets.malformed", s->malformed);
	put_counter(&m, "packets.other", s->other);
	put_counter(&m, "streams.open", s->open);
	put_counter(&m, "streams.gap_bytes", s->gap_bytes);
	say_hub(c, MESSAGE_COUNTERS, &m);
}

static void
check_drops(struct captures *c, struct source *s)
{
	struct capture_counters n;

	if (capture_counters(s->main, &n) != 0)
		return;
	if (n.dropped > s->dropped)
		note_loss(c, "capture", "the kernel's packet queue ran over",
		    n.dropped - s->dropped, 0);
	if (n.if_dropped > s->if_dropped)
		note_loss(c, "capture", "the interface dropped packets",
		    n.if_dropped - s->if_dropped, 0);
	s->dropped = n.dropped;
	s->if_dropped = n.if_dropped;
}

/* An interface that is not there, or failed: said again and again. */
static void
check_missing(struct captures *c, struct source *s, uint64_t now)
{
	char reason[96];

	if (s->failed) {
		unsigned index = capture_index(s->main);

		s->failed = capture_bind(s->main, index) != 0 ||
			    capture_bind(s->early, index) != 0;
	}
	if (capture_index(s->main) != 0 && !s->failed) {
		s->missing_us = 0;
		return;
	}
	if (s->missing_us != 0 && now - s->missing_us < MISSING_US)
		return;
	if (s->missing_us == 0)
		log_warn("interface %s is not there or down; waiting", s->name);
	s->missing_us = now;
	must(str_format(reason, sizeof reason,
		 "interface %.15s is not there or down", s->name) == 0);
	note_loss(c, "capture", reason, 0, 0);
}

static void
each_second(struct captures *c)
{
	uint64_t now = clock_boot_us();

	if (now - c->second_us < SECOND_US)
		return;
	c->second_us = now;
	for (size_t i = 0; i < c->nsources; i++) {
		check_drops(c, &c->sources[i]);
		check_missing(c, &c->sources[i], now);
	}
	tell_losses(c);
	if (now - c->counters_us < COUNTERS_US)
		return;
	c->counters_us = now;
	tell_counters(c);
}

/* ---- links ---- */

static void
take_link(struct captures *c, struct out *o)
{
	const struct proc_peer *peer = proc_peer(&c->proc, o->role, o->index);
	bool first = o->turn == 0;

	if (peer == NULL || peer->turn == o->turn)
		return;
	out_clear(o);
	o->fd = peer->fd;
	o->turn = peer->turn;
	if (o == &c->hub && !c->file)
		say_relays(c);
	if (first)
		return;
	/* It came anew, and knows nothing of what is under way. */
	if (o != &c->hub)
		memset(c->sealed, 0, sizeof c->sealed);
	c->again = o;
	streams_again(c->streams);
	if (c->relays != NULL)
		relays_again(c->relays);
	c->again = NULL;
}

static void
take_links(struct captures *c)
{
	take_link(c, &c->hub);
	for (unsigned i = 0; i < c->ninspectors; i++)
		take_link(c, c->inspect[i]);
}

static void
flush_all(struct captures *c)
{
	for (unsigned i = 0; i < c->ninspectors; i++) {
		out_flush(c, c->inspect[i]);
		out_pump(c, c->inspect[i]);
	}
	out_pump(c, &c->hub);
}

static size_t
poll_out(struct pollfd *p, const struct out *o)
{
	*p = (struct pollfd){.fd = o->fd,
	    .events =
		(short)(POLLIN | (feed_waiting(o->feed) > 0 ? POLLOUT : 0))};
	return 1;
}

/* Inspectors say only one thing, and the hub says nothing. */
static void
listen_to(struct captures *c, struct out *o)
{
	for (int n = 0; n < HEARD_EACH_TURN; n++) {
		int r = ipc_recv(o->fd, &c->in);

		if (r == -EAGAIN)
			return;
		if (r == 1)
			own_close(&c->in.fd);
		if (r != 1 || c->in.type != MESSAGE_SEALED) {
			out_lost(c, o);
			return;
		}
		take_sealed(c, &c->in);
	}
}

static void
look_at(struct captures *c, struct out *o, const struct pollfd *p)
{
	if (o->fd < 0 || p->fd != o->fd)
		return;
	if ((p->revents & (POLLHUP | POLLERR)) != 0)
		out_lost(c, o);
	if (o->fd >= 0 && (p->revents & POLLIN) != 0)
		listen_to(c, o);
	if (o->fd >= 0 && (p->revents & POLLOUT) != 0)
		out_pump(c, o);
}

/* Control, hub, inspectors, and @extra descriptors that stand behind them. */
static void
wait_for(struct captures *c, struct pollfd *p, size_t extra, int timeout_ms)
{
	size_t n = 0;

	p[n++] = (struct pollfd){.fd = c->proc.ctl, .events = POLLIN};
	n += poll_out(&p[n], &c->hub);
	for (unsigned i = 0; i < c->ninspectors; i++)
		n += poll_out(&p[n], c->inspect[i]);
	if (poll(p, n + extra, timeout_ms) < 0)
		return;
	look_at(c, &c->hub, &p[1]);
	for (unsigned i = 0; i < c->ninspectors; i++)
		look_at(c, c->inspect[i], &p[2 + i]);
	if ((p[0].revents & (POLLIN | POLLHUP)) != 0 && proc_step(&c->proc))
		take_links(c);
}

static size_t
waiting(const struct captures *c)
{
	size_t n = feed_waiting(c->hub.feed);

	for (unsigned i = 0; i < c->ninspectors; i++)
		n += feed_waiting(c->inspect[i]->feed);
	return n;
}

/* What waits goes out, but not for ever. */
static void
drain(struct captures *c, int timeout_ms)
{
	uint64_t until = clock_boot_us() + (uint64_t)timeout_ms * 1000;
	struct pollfd p[2 + INSPECTORS_MAX];

	flush_all(c);
	while (waiting(c) > 0 && clock_boot_us() < until)
		wait_for(c, p, 0, TICK_MS);
}

/* ---- a host ---- */

static void
take_interface(struct captures *c, const struct interface_event *e)
{
	for (size_t i = 0; i < c->nsources; i++) {
		struct source *s = &c->sources[i];
		/* Bound while it is down, a socket only has an error. */
		unsigned index = e->gone || !e->up ? 0 : e->index;
		unsigned old = capture_index(s->main);

		if (e->gone ? old != e->index : !str_eq(s->name, e->name)) {
			/* Renamed to something that is not ours. */
			if (e->gone || old != e->index)
				continue;
			index = 0;
		}
		if (index == old && !s->failed)
			continue;
		if (capture_bind(s->main, index) != 0 ||
		    capture_bind(s->early, index) != 0) {
			s->failed = true;
			continue;
		}
		s->failed = false;
		s->missing_us = 0;
		if (index != 0)
			log_note("capturing on %s", s->name);
	}
}

static void
read_interfaces(struct captures *c)
{
	struct interface_event e;

	while (interfaces_read(c->interfaces, &e) == 1)
		take_interface(c, &e);
}

/* Returns true if there is more. */
static bool
read_packets(struct captures *c, struct source *s, bool early)
{
	struct capture *from = early ? s->early : s->main;
	struct content ip;
	struct stamp at;

	for (int i = 0; i < PACKETS_EACH_TURN; i++) {
		int r = capture_read(from, &ip, &at);

		if (r == 0)
			return false;
		if (r < 0) {
			if (!s->failed && capture_index(from) != 0) {
				s->failed = true;
				log_warn(
				    "%s: %s", s->name, capture_error(from));
			}
			return false;
		}
		if (early) {
			streams_early(c->streams, ip, at);
			continue;
		}
		c->packet = at;
		streams_packet(c->streams, ip, at);
	}
	return true;
}

static void
serve(struct captures *c)
{
	struct pollfd p[2 + INSPECTORS_MAX + 2 + 2 * CONFIG_LIST_MAX];
	bool more = false;

	while (!c->proc.stopping) {
		size_t base = 2 + c->ninspectors, n = base;
		bool packets = false;

		p[n++] = (struct pollfd){
		    .fd = interfaces_fd(c->interfaces), .events = POLLIN};
		p[n++] = (struct pollfd){
		    .fd = c->relays != NULL ? relays_fd(c->relays) : -1,
		    .events = POLLIN};
		for (size_t i = 0; i < c->nsources; i++) {
			struct source *s = &c->sources[i];

			p[n++] = (struct pollfd){
			    .fd = s->failed ? -1 : capture_fd(s->early),
			    .events = POLLIN};
			p[n++] = (struct pollfd){
			    .fd = s->failed ? -1 : capture_fd(s->main),
			    .events = POLLIN};
		}
		wait_for(c, p, n - base, more ? 0 : TICK_MS);
		if (p[base].revents != 0)
			read_interfaces(c);
		/* It calls only when much waits. */
		more = read_relays(c);
		for (size_t i = 0; i < c->nsources; i++) {
			if (p[base + 2 + 2 * i].revents != 0)
				packets |=
				    read_packets(c, &c->sources[i], true);
			packets |= read_packets(c, &c->sources[i], false);
		}
		more |= packets;
		/* Behind in reading, time stands where the packets are. */
		streams_tick(c->streams, packets ? c->packet : clock_now());
		if (c->relays != NULL && !more)
			relays_tick(c->relays, clock_boot_us());
		each_second(c);
		flush_all(c);
	}
	streams_flush(c->streams, clock_now());
	if (c->relays != NULL)
		relays_flush(c->relays);
	tell_losses(c);
	drain(c, DRAIN_MS);
}

/* ---- a file ---- */

/* A file can wait for whoever takes its flows. */
static void
let_go(struct captures *c)
{
	struct pollfd p[2 + INSPECTORS_MAX];

	flush_all(c);
	wait_for(c, p, 0, 0);
	while (waiting(c) > FILE_ENOUGH && !c->proc.stopping)
		wait_for(c, p, 0, -1);
}

static void
say_end(struct captures *c, struct out *o)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 16);
	buf_put_u32(&m, 0);
	buf_reset(&m);
	out_say(c, o, 0, MESSAGE_END, &m);
}

static void
send_all(struct captures *c)
{
	do
		drain(c, DRAIN_MS);
	while (waiting(c) > 0 && !c->proc.stopping);
}

/* Returns 0, or the exit code of a file that is broken. */
static int
serve_file(struct captures *c)
{
	struct diag why = {""};
	struct capture *file;
	struct content ip;
	uint64_t n = 0;
	int r = capture_open_file(FILE_FD, &file, &why);

	if (r != 0) {
		proc_note(&c->proc, "error", why.text);
	} else {
		while ((r = capture_read(file, &ip, &c->packet)) == 1) {
			streams_packet(c->streams, ip, c->packet);
			streams_tick(c->streams, c->packet);
			if (++n % 256 == 0)
				let_go(c);
			if (c->proc.stopping)
				break;
		}
		if (r == -EBADMSG) {
			(void)diag_set(&why, r,
			    "the capture file is broken behind packet %" PRIu64
			    ": %s",
			    n, capture_error(file));
			proc_note(&c->proc, "error", why.text);
		}
		capture_close(file);
	}
	streams_flush(c->streams, c->packet);
	tell_losses(c);
	/* The end is no flow's: it comes when nothing waits that could follow. */
	send_all(c);
	for (unsigned i = 0; i < c->ninspectors; i++)
		say_end(c, c->inspect[i]);
	say_end(c, &c->hub);
	send_all(c);
	return r == -EBADMSG ? 1 : 0;
}

/* ---- start ---- */

static int
take_option(void *ctx, int argc, char **argv)
{
	struct captures *c = ctx;
	uint64_t n;

	if (str_eq(argv[0], "--file")) {
		c->file = true;
		return 1;
	}
	if (!str_eq(argv[0], "--inspectors") || argc < 2 ||
	    str_u64(argv[1], INSPECTORS_MAX, &n) != 0 || n == 0)
		return 0;
	c->ninspectors = (unsigned)n;
	return 2;
}

static int
open_sources(struct captures *c, struct diag *why)
{
	int r = interfaces_open(&c->interfaces, why);

	for (size_t i = 0; r == 0 && i < c->config.interfaces.n; i++) {
		struct source *s = &c->sources[i];

		s->name = c->config.interfaces.items[i];
		r = capture_open_live(s->name, false, &s->main, why);
		if (r == 0)
			r = capture_open_live(s->name, true, &s->early, why);
		if (r == 0)
			c->nsources++;
		else
			capture_close(OWN_TAKE(&s->main));
	}
	return r;
}

/* Without them, everything else goes on. */
static void
open_relays(struct captures *c)
{
	const struct relay_sink sink = {.ctx = c,
	    .open = on_relay_open,
	    .data = on_data,
	    .close = on_relay_close};
	struct diag why = {""};

	if (!c->config.kernel_programs)
		(void)diag_set(&why, 0, "kernel programs are switched off");
	else if (relays_open(&sink, &c->relays, &why) != 0)
		log_warn("relayed content is not seen: %s", why.text);
	(void)str_copy_len(c->no_relays, sizeof c->no_relays, why.text,
	    strnlen(why.text, sizeof c->no_relays - 1));
}

static int
out_init(struct captures *c, struct out *o, uint32_t role, uint32_t index)
{
	o->role = role;
	o->index = index;
	o->fd = -1;
	return feed_new(c->file ? FILE_MAX : PACKETS_MAX,
	    c->file ? 0 : RELAYS_MAX, &o->feed);
}

static int
make_state(struct captures *c)
{
	const struct stream_sink sink = {.ctx = c,
	    .open = on_open,
	    .data = on_data,
	    .gap = on_gap,
	    .close = on_close,
	    .loss = on_loss};
	const struct stream_limits limits = {.flows_max = 65536,
	    .memory_max = (size_t)32 << 20,
	    .flow_memory_max = (size_t)1 << 20,
	    .idle_us = 300000000};

	if (out_init(c, &c->hub, ROLE_WATCH, 0) != 0)
		return -ENOMEM;
	for (unsigned i = 0; i < c->ninspectors; i++) {
		c->inspect[i] = calloc(1, sizeof *c->inspect[i]);
		if (c->inspect[i] == NULL ||
		    out_init(c, c->inspect[i], ROLE_INSPECT, i) != 0)
			return -ENOMEM;
	}
	return streams_new(&sink, &limits, &c->streams);
}

/* What needs a privilege, and then the jail: nothing foreign is read before. */
static int
prepare(struct captures *c, struct diag *why)
{
	struct jail jail;
	struct jail_taken taken;
	int r = 0;

	if (!c->file) {
		if (c->args.config == NULL)
			return diag_set(why, -EINVAL, "--config is missing");
		r = config_read(c->args.config, &c->config, why);
		if (r != 0)
			return r;
		c->ninspectors = (unsigned)c->config.inspectors;
		r = open_sources(c, why);
		if (r == 0)
			open_relays(c);
	}
	must(c->ninspectors <= INSPECTORS_MAX);
	if (r == 0 && c->ninspectors == 0)
		return diag_set(why, -EINVAL, "--inspectors is missing");
	if (r == 0 && (r = make_state(c)) != 0)
		return diag_set(why, r, "out of memory");
	if (r != 0)
		return r;
	jail = role_jail(role_find(AGENT_ROLES, ROLE_CAPTURE), NULL);
	return jail_enter(&jail, &taken, why);
}

static bool
wait_for_peers(struct captures *c)
{
	if (!proc_wait_peer(&c->proc, ROLE_WATCH, 0))
		return false;
	for (unsigned i = 0; i < c->ninspectors; i++)
		if (!proc_wait_peer(&c->proc, ROLE_INSPECT, i))
			return false;
	take_links(c);
	return true;
}

int
main(int argc, char **argv)
{
	struct captures *c = &captures;
	struct diag why = {""};
	int r;

	c->args.extra = take_option;
	c->args.ctx = c;
	config_args(&c->args, argc, argv);
	proc_init(&c->proc, "chaperone-capture");
	r = prepare(c, &why);
	if (r != 0) {
		proc_note(&c->proc, "error", why.text);
		if (!c->file)
			log_error("%s", why.text);
		return r == -EBADMSG ? 3 : r == -EPERM ? 4 : 1;
	}
	proc_ready(&c->proc, "");
	r = 0;
	if (wait_for_peers(c)) {
		if (c->file)
			r = serve_file(c);
		else
			serve(c);
	}
	out_clear(&c->hub);
	feed_free(c->hub.feed);
	for (unsigned i = 0; i < c->ninspectors; i++) {
		out_clear(c->inspect[i]);
		feed_free(c->inspect[i]->feed);
		free(c->inspect[i]);
	}
	for (size_t i = 0; i < c->nsources; i++) {
		capture_close(c->sources[i].main);
		capture_close(c->sources[i].early);
	}
	interfaces_close(c->interfaces);
	relays_close(c->relays);
	streams_free(c->streams);
	config_done(&c->config);
	return r;
}
