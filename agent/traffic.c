/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic - from flows and what they carried to entries in the log.
 *
 * Owns: the flows that are open or wait for their inspector's last word, with
 * their owner.
 * Never: sees payload; writes a name (names does).
 *
 * A flow becomes
 *   a flow entry at its end, if a person owns it or nobody is known to;
 *   a transfer entry for each body it carried, under the same condition;
 *   finding entries and skipped entries, whoever owns it.
 */
#include "agent/traffic.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/fields.h"
#include "agent/memo.h"
#include "lib/clock.h"
#include "lib/entry.h"
#include "lib/str.h"

#include "lib/own.h"

#define FLOWS_MAX 65536
#define ASK_AGAIN_US 50000 /* a socket may be seen before its owner is */
#define ANSWER_US 10000000 /* an inspector's last word comes within this */
#define TOLD_MAX 8192 /* sockets whose owner the kernel told */
#define TOLD_US 1000000 /* how far that may lie from the flow's first packet */
#define LOCAL_US 10000000
#define LOCAL_MAX 256

struct flow {
	uint64_t id;
	struct tuple tuple;
	struct stamp began, ended;
	struct actor who;
	bool outgoing; /* our side is the client */
	bool midstream;
	bool closed, answered;
	uint64_t to_server, to_client, gap_bytes;
	uint64_t examined_to_server, examined_to_client;
	char how[32];
	char host[256]; /* masked, of the last request */
	bool login; /* somebody came by it */
	struct labels carried; /* found in what left */
};

/* What the kernel's programs told of one local end. */
struct told {
	struct actor who;
	uint64_t boot_us; /* of its first packet */
	bool ended;
	uint64_t sent; /* then: bytes of payload, repeats too */
};

/* An address of this host, as tuples have them. */
struct local {
	uint8_t family;
	uint8_t addr[16];
};

struct traffics {
	struct who *who;
	struct names *names;
	struct memo *flows; /* key of the number -> struct flow */
	struct memo *told; /* key of a tuple -> struct told */
	uint64_t *young; /* numbers that are asked for again, a ring */
	size_t young_at, young_n;
	uint64_t *ending; /* numbers of closed flows, a ring */
	size_t ending_at, ending_n;
	size_t closed; /* of the flows in the table */
	struct local local[LOCAL_MAX];
	size_t nlocal;
	uint64_t local_us; /* when the addresses were read */
	char rules[65];
	traffic_sent_fn *sent;
	void *sent_ctx;
	struct traffic_counters counters;
};

int
traffic_new(struct who *who, struct names *names, struct traffics **out)
{
	struct traffics *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	t->who = who;
	t->names = names;
	t->young = calloc(FLOWS_MAX, sizeof *t->young);
	t->ending = calloc(FLOWS_MAX, sizeof *t->ending);
	if (t->young == NULL || t->ending == NULL ||
	    memo_new(FLOWS_MAX, free, &t->flows) != 0 ||
	    memo_new(TOLD_MAX, free, &t->told) != 0) {
		traffic_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void
traffic_tell(struct traffics *t, traffic_sent_fn *sent, void *ctx)
{
	t->sent = sent;
	t->sent_ctx = ctx;
}

void
traffic_free(struct traffics *t)
{
	if (t == NULL)
		return;
	memo_free(t->flows);
	memo_free(t->told);
	free(t->young);
	free(t->ending);
	free(t);
}

const struct traffic_counters *
traffic_counters(const struct traffics *t)
{
	return &t->counters;
}

size_t
traffic_ending(const struct traffics *t)
{
	return t->closed;
}

void
traffic_rules(struct traffics *t, const char *digest)
{
	must(str_copy(t->rules, sizeof t->rules, digest) == 0);
}

static struct memo_key
flow_key(uint64_t id)
{
	return memo_key(&id, sizeof id);
}

static struct flow *
flow_get(const struct traffics *t, uint64_t id)
{
	return memo_get(t->flows, flow_key(id));
}

/* ---- which side is ours ---- */

static void
read_addresses(struct traffics *t)
{
	struct ifaddrs *list;

	t->local_us = clock_boot_us();
	if (getifaddrs(&list) != 0)
		return;
	t->nlocal = 0;
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		struct local l = {0};

		if (i->ifa_addr == NULL || t->nlocal == LOCAL_MAX)
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			struct sockaddr_in a;

			memcpy(&a, i->ifa_addr, sizeof a);
			l.family = 4;
			memcpy(l.addr, &a.sin_addr, 4);
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			struct sockaddr_in6 a;

			memcpy(&a, i->ifa_addr, sizeof a);
			l.family = 6;
			memcpy(l.addr, &a.sin6_addr, 16);
		} else {
			continue;
		}
		t->local[t->nlocal++] = l;
	}
	freeifaddrs(list);
}

static bool
is_local(const struct traffics *t, uint8_t family, const uint8_t addr[16])
{
	size_t n = family == 4 ? 4 : 16;

	for (size_t i = 0; i < t->nlocal; i++)
		if (t->local[i].family == family &&
		    memcmp(t->local[i].addr, addr, n) == 0)
			return true;
	return false;
}

/* Our side is the client, unless only the server's address is ours. */
static bool
is_outgoing(struct traffics *t, const struct tuple *tuple)
{
	if (t->local_us == 0 || clock_boot_us() - t->local_us > LOCAL_US)
		read_addresses(t);
	return is_local(t, tuple->family, tuple->src) ||
	       !is_local(t, tuple->family, tuple->dst);
}

/* ---- what the kernel's programs say ---- */

/* The key of a local end and its peer, whichever of them is the client. */
static struct memo_key
ends_key(const struct tuple *t, bool source)
{
	struct {
		uint8_t family, proto;
		uint16_t port, peer_port;
		uint8_t local[16], peer[16];
	} k;
	size_t n = t->family == 4 ? 4 : 16;

	memset(&k, 0, sizeof k);
	k.family = t->family;
	k.proto = t->proto;
	k.port = source ? t->sport : t->dport;
	k.peer_port = source ? t->dport : t->sport;
	memcpy(k.local, source ? t->src : t->dst, n);
	memcpy(k.peer, source ? t->dst : t->src, n);
	return memo_key(&k, sizeof k);
}

void
traffic_socket(
    struct traffics *t, const struct socket_event *e, const struct actor *who)
{
	struct memo_key key = ends_key(&e->tuple, true);
	struct told *told = memo_get(t->told, key);

	if (e->op == SOCKET_CLOSE) {
		if (told == NULL || told->ended)
			return;
		told->ended = true;
		told->sent = e->sent;
		return;
	}
	told = calloc(1, sizeof *told);
	if (told == NULL)
		return;
	told->who = *who;
	told->boot_us = e->boot_us;
	if (memo_put(t->told, key, told) != 0)
		free(told);
}

/* What was told of our end of the flow; not of an earlier flow between the same
 * ports. */
static struct told *
told_of(const struct traffics *t, const struct flow *f, bool source)
{
	struct told *told = memo_get(t->told, ends_key(&f->tuple, source));

	if (told == NULL || f->midstream ||
	    told->boot_us + TOLD_US < f->began.boot_us ||
	    told->boot_us > f->began.boot_us + TOLD_US)
		return NULL;
	return told;
}

static bool
take_told(struct traffics *t, struct flow *f)
{
	const struct told *told = told_of(t, f, true);
	bool outgoing = told != NULL;

	if (told == NULL)
		told = told_of(t, f, false);
	if (told == NULL || told->who.pid == 0)
		return false;
	f->who = told->who;
	f->outgoing = outgoing;
	t->counters.named++;
	return true;
}

/* ---- entries ---- */

/* The system's own daemons are counted; a person's flows, and those of which
 * nobody is known, are recorded. */
static bool
is_recorded(const struct flow *f)
{
	return actor_is_person(&f->who) || f->who.pid == 0;
}

static void
begin(struct draft *d, const char *type, const struct flow *f, struct stamp at)
{
	draft_init(d, type, at);
	fields_actor(d, &f->who);
	fields_tuple(d, &f->tuple);
	draft_text(d, "host", f->host);
	draft_uint(d, "flow", f->id);
}

static void
put(struct traffics *t, struct draft *d, const struct flow *f)
{
	const struct raw_name exe = {"exe", f->who.exe, strlen(f->who.exe)};

	names_put(t->names, d, &exe, 1);
}

static void
tell_sent(struct traffics *t, const struct flow *f)
{
	const struct told *told = told_of(t, f, f->outgoing);
	struct tuple away = {.family = f->tuple.family,
	    .proto = f->tuple.proto,
	    .sport = f->tuple.dport,
	    .dport = f->tuple.sport};
	struct sent s = {.who = &f->who,
	    .tuple = &f->tuple,
	    .began = f->began,
	    .ended = f->ended,
	    .flow = f->id,
	    .bytes = f->outgoing ? f->to_server : f->to_client,
	    .gap_bytes = f->gap_bytes,
	    .partial = f->midstream || !f->closed,
	    .login = f->login,
	    .host = f->host,
	    .carried = &f->carried};

	if (t->sent == NULL || !actor_is_person(&f->who))
		return;
	/* Repeated segments count twice there; it is all there is where no
	 * packet was seen. */
	if (told != NULL && told->ended && s.bytes == 0)
		s.bytes = told->sent;
	/* The destination is where it went. */
	if (!f->outgoing) {
		memcpy(away.src, f->tuple.dst, sizeof away.src);
		memcpy(away.dst, f->tuple.src, sizeof away.dst);
		s.tuple = &away;
	}
	t->sent(t->sent_ctx, &s);
}

static void
write_flow(struct traffics *t, const struct flow *f)
{
	const struct told *told;
	struct draft d;
	bool out = f->outgoing;

	if (!is_recorded(f)) {
		t->counters.others++;
		return;
	}
	begin(&d, "flow", f, f->ended);
	draft_text(&d, "direction", out ? "out" : "in");
	fields_number(&d, "bytes_out", out ? f->to_server : f->to_client);
	fields_number(&d, "bytes_in", out ? f->to_client : f->to_server);
	fields_number(&d, "gap_bytes", f->gap_bytes);
	if (f->answered) {
		fields_number(&d, "examined_out",
		    out ? f->examined_to_server : f->examined_to_client);
		fields_number(&d, "examined_in",
		    out ? f->examined_to_client : f->examined_to_server);
	}
	told = told_of(t, f, out);
	if (told != NULL && told->ended)
		fields_number(&d, "kernel_out", told->sent);
	draft_int(&d, "began_us", f->began.wall_us);
	draft_int(&d, "ended_us", f->ended.wall_us);
	draft_text(&d, "how", f->midstream ? "midstream" : f->how);
	put(t, &d, f);
	t->counters.recorded++;
}

/* Leaves the table and becomes an entry. */
static void
end_flow(struct traffics *t, uint64_t id)
{
	struct flow *f = memo_take(t->flows, flow_key(id));

	if (f == NULL)
		return;
	if (f->closed)
		t->closed--;
	tell_sent(t, f);
	write_flow(t, f);
	free(f);
}

/* ---- what capture says ---- */

static void
attribute(struct traffics *t, struct flow *f)
{
	bool outgoing = f->outgoing;
	struct actor who = {0};

	if (take_told(t, f))
		return;
	who_flow(t->who, &f->tuple, &who, &outgoing);
	/* A later answer replaces an earlier one only if it is a better one. */
	if (f->who.pid == 0 || who.grade < f->who.grade)
		f->who = who;
	if (who.pid != 0)
		f->outgoing = outgoing;
}

/* A login's own connection was nobody's when it began. */
static void
take_login(struct traffics *t, struct flow *f)
{
	struct actor who;

	if (!who_login(t->who, &f->tuple, f->began.boot_us, &who))
		return;
	f->login = true;
	if (actor_is_person(&f->who) && f->who.pid != 0)
		return;
	f->who = who;
	f->outgoing = false;
}

int
traffic_open(struct traffics *t, const void *data, size_t len)
{
	struct flow *f;
	struct cur c;
	uint64_t id, boot_us;
	uint8_t midstream;
	struct tuple tuple;

	cur_init(&c, data, len);
	id = cur_u64(&c);
	if (tuple_decode(&tuple, &c) != 0)
		return -EBADMSG;
	midstream = cur_u8(&c);
	boot_us = cur_u64(&c);
	if (cur_end(&c) != 0)
		return -EBADMSG;
	if (flow_get(t, id) != NULL)
		return 0; /* told by the early source already */
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return 0;
	f->id = id;
	f->tuple = tuple;
	f->midstream = midstream != 0;
	f->began = clock_at(boot_us);
	f->outgoing = is_outgoing(t, &tuple);
	/* The oldest flow is written before its place is taken. */
	if (memo_count(t->flows) == FLOWS_MAX) {
		struct memo_key oldest;
		struct flow *old = memo_oldest(t->flows, &oldest);

		old->ended = clock_now();
		(void)str_copy(old->how, sizeof old->how, "too many flows");
		end_flow(t, old->id);
	}
	t->counters.flows++;
	attribute(t, f);
	if (memo_put(t->flows, flow_key(id), f) != 0) {
		free(f);
		return 0;
	}
	if (f->who.pid == 0 && t->young_n < FLOWS_MAX)
		t->young[(t->young_at + t->young_n++) % FLOWS_MAX] = id;
	return 0;
}

int
traffic_close(struct traffics *t, const void *data, size_t len)
{
	struct flow *f;
	struct cur c;
	uint64_t id, to_server, to_client, gap_bytes, boot_us;
	char how[32];

	cur_init(&c, data, len);
	id = cur_u64(&c);
	to_server = cur_u64(&c);
	to_client = cur_u64(&c);
	gap_bytes = cur_u64(&c);
	boot_us = cur_u64(&c);
	cur_str(&c, how, sizeof how);
	if (cur_end(&c) != 0)
		return -EBADMSG;
	f = flow_get(t, id);
	if (f == NULL || f->closed) {
		t->counters.orphans++;
		return 0;
	}
	take_login(t, f);
	f->closed = true;
	t->closed++;
	f->ended = clock_at(boot_us);
	f->to_server = to_server;
	f->to_client = to_client;
	f->gap_bytes = gap_bytes;
	(void)str_copy(f->how, sizeof f->how, how);
	if (f->who.pid == 0)
		attribute(t, f);
	if (f->who.pid == 0)
		t->counters.unowned++;
	if (f->answered || t->ending_n == FLOWS_MAX)
		end_flow(t, id);
	else
		t->ending[(t->ending_at + t->ending_n++) % FLOWS_MAX] = id;
	return 0;
}

void
traffic_cut(struct traffics *t, const char *how)
{
	struct memo_key key;
	struct flow *f;

	while ((f = memo_oldest(t->flows, &key)) != NULL) {
		if (!f->closed) {
			take_login(t, f);
			f->ended = clock_now();
			(void)str_copy(f->how, sizeof f->how, how);
		}
		end_flow(t, f->id);
	}
	t->young_n = t->ending_n = 0;
}

/* ---- what inspectors say ---- */

void
traffic_transfer(struct traffics *t, const struct transfer *o)
{
	struct flow *f = flow_get(t, o->flow);
	struct stamp now = clock_now();
	struct draft d;
	bool out;

	if (f == NULL) {
		t->counters.orphans++;
		return;
	}
	out = (o->direction == TO_SERVER) == f->outgoing;
	if (o->host[0] != '\0')
		(void)str_copy(f->host, sizeof f->host, o->host);
	take_login(t, f);
	if (f->who.pid == 0)
		attribute(t, f);
	for (size_t i = 0; i < o->nfindings; i++) {
		begin(&d, "finding", f, now);
		draft_text(&d, "channel", "net");
		draft_text(&d, "op", out ? "send" : "receive");
		draft_text(&d, "path", o->filename);
		fields_finding(&d, &o->findings[i], t->rules);
		put(t, &d, f);
		t->counters.findings++;
		if (out)
			fields_label(&f->carried, &o->findings[i]);
	}
	for (size_t i = 0; i < o->nskips; i++) {
		begin(&d, "skipped", f, now);
		draft_text(&d, "op", out ? "send" : "receive");
		draft_text(&d, "reason", o->skips[i].reason);
		draft_text(&d, "member", o->skips[i].member);
		fields_number(&d, "bytes", o->skips[i].bytes);
		put(t, &d, f);
		t->counters.skipped++;
	}
	if (!is_recorded(f))
		return;
	begin(&d, "transfer", f, now);
	draft_text(&d, "protocol", o->protocol);
	draft_text(&d, "direction", out ? "out" : "in");
	draft_text(&d, "http_method", o->method);
	draft_text(&d, "uri", o->uri);
	draft_text(&d, "filename", o->filename);
	fields_number(&d, "bytes", o->size);
	draft_int(&d, "complete", o->complete ? 1 : 0);
	fields_number(&d, "examined", o->examined);
	put(t, &d, f);
	t->counters.transfers++;
}

void
traffic_examined(
    struct traffics *t, uint64_t flow, uint64_t to_server, uint64_t to_client)
{
	struct flow *f = flow_get(t, flow);

	if (f == NULL) {
		t->counters.orphans++;
		return;
	}
	f->answered = true;
	f->examined_to_server = to_server;
	f->examined_to_client = to_client;
	if (f->closed)
		end_flow(t, flow); /* the ring's number finds nothing later */
}

void
traffic_tick(struct traffics *t)
{
	uint64_t now = clock_boot_us();

	while (t->young_n > 0) {
		struct flow *f = flow_get(t, t->young[t->young_at]);

		if (f != NULL && !f->closed) {
			if (now < f->began.boot_us + ASK_AGAIN_US)
				break;
			if (f->who.pid == 0)
				attribute(t, f);
		}
		t->young_at = (t->young_at + 1) % FLOWS_MAX;
		t->young_n--;
	}
	while (t->ending_n > 0) {
		uint64_t id = t->ending[t->ending_at];
		const struct flow *f = flow_get(t, id);

		if (f != NULL && now < f->ended.boot_us + ANSWER_US)
			break;
		end_flow(t, id);
		t->ending_at = (t->ending_at + 1) % FLOWS_MAX;
		t->ending_n--;
	}
}
