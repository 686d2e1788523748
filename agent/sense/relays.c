/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relays - what a process reads that sends it on, as streams in portions.
 *
 * Owns: the object of bpf/relays.bpf.c, which is part of this program; the
 * sources that are read now, what of each was handed over, and how much their
 * process read of them all.
 * Never: looks into what was read; trusts a length that the ring tells; needs a
 * privilege after relays_open.
 *
 * A source is a process and what it reads from. Its bytes have offsets that the
 * kernel counts, so that a record for which the ring had no room shows as a hole.
 * A portion ends when nothing came for some seconds: a session lasts a day, and
 * what it showed in the morning is known in the morning.
 */
#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "agent/sense/bpf/relays.h"
#include "agent/sense/kernel.h"
#include "agent/sense/sense.h"

#include "lib/own.h"

#define SOURCES_MAX 1024
#define EACH_READ (4u << 20) /* bytes of the ring */
#define TERMINAL_QUIET_US 2000000
#define QUIET_US 10000000
#define PORTION_MAX (UINT64_C(1) << 40)

KERNEL_OBJECT(relays, RELAYS_OBJECT);

/* What its sources have in common. */
struct reader {
	uint64_t start_ns;
	uint32_t pid;
	uint32_t sources; /* that are its; 0: free */
	uint64_t read; /* of them all */
	uint64_t others; /* calls, as told last */
};

struct source {
	uint64_t number; /* the kernel's; 0: free */
	struct reader *reader;
	uint64_t next; /* offset of the byte that comes next */
	uint64_t last_us;
	/* Of the socket, the last that was told. */
	uint64_t sent, acked;
	/* The portion that is open. */
	struct relay_open open; /* flow 0: none */
	uint64_t from, lost;
	uint64_t sent_before, read_before, others_before;
};

struct relays {
	struct kernel *kernel;
	struct relay_sink sink;
	struct source sources[SOURCES_MAX];
	struct reader readers[SOURCES_MAX];
	struct source *last; /* that a record was of */
	uint64_t flows;
	size_t taken; /* of the ring, in this turn */
};

/* ---- portions ---- */

static void
end(struct relays *r, struct source *s, bool ended)
{
	const struct relay_close c = {.flow = s->open.flow,
	    .bytes = s->next - s->from,
	    .lost = s->lost,
	    .read = s->reader != NULL ? s->reader->read - s->read_before : 0,
	    .others =
		s->reader != NULL ? s->reader->others - s->others_before : 0,
	    .sent = s->sent - s->sent_before,
	    .acked = s->acked > s->sent_before ? s->acked - s->sent_before : 0,
	    .ended = ended,
	    .at = clock_at(s->last_us)};

	if (s->open.flow != 0)
		r->sink.close(r->sink.ctx, &c);
	s->open.flow = 0;
}

static void
begin(struct relays *r, struct source *s, const struct relayed *t)
{
	struct relay_open *o = &s->open;

	*o = (struct relay_open){
	    .flow = FLOW_RELAY | (++r->flows & (FLOW_RELAY - 1)),
	    .kind = (enum relay_kind)t->kind,
	    .pid = (pid_t)t->pid,
	    .start_ns = t->start_ns,
	    .tuple = {.family = t->family,
		.proto = t->proto,
		.sport = t->sport,
		.dport = t->dport},
	    .at = clock_at(t->boot_ns / 1000)};
	memcpy(o->comm, t->comm, sizeof o->comm - 1);
	memcpy(o->tuple.src, t->src, sizeof t->src);
	memcpy(o->tuple.dst, t->dst, sizeof t->dst);
	s->from = s->next;
	s->lost = 0;
	s->sent_before = t->sent;
	s->read_before = s->reader->read;
	s->others_before = t->others;
	r->sink.open(r->sink.ctx, o);
}

/* Its reader's place; there are as many as sources. */
static struct reader *
reader_of(struct relays *r, const struct relayed *t)
{
	struct reader *vacant = NULL;

	for (size_t i = 0; i < SOURCES_MAX; i++) {
		struct reader *p = &r->readers[i];

		if (p->sources > 0 && p->pid == t->pid &&
		    p->start_ns == t->start_ns)
			return p;
		if (p->sources == 0)
			vacant = p;
	}
	must(vacant != NULL);
	*vacant = (struct reader){.pid = t->pid, .start_ns = t->start_ns};
	return vacant;
}

static void
leave(struct source *s)
{
	if (s->reader != NULL)
		s->reader->sources--;
	*s = (struct source){0};
}

/* The place of a source; of one that is new, the oldest's where none is free. */
static struct source *
source_of(struct relays *r, const struct relayed *t)
{
	struct source *oldest = &r->sources[0], *s = r->last;

	if (s != NULL && s->number == t->stream)
		return s;
	for (size_t i = 0; i < SOURCES_MAX; i++) {
		s = &r->sources[i];
		if (s->number == t->stream)
			return s;
		if (oldest->number != 0 &&
		    (s->number == 0 || s->last_us < oldest->last_us))
			oldest = s;
	}
	end(r, oldest, false);
	leave(oldest);
	oldest->number = t->stream;
	oldest->reader = reader_of(r, t);
	oldest->reader->sources++;
	return oldest;
}

/* ---- what the kernel tells ---- */

/* Threads of one process may be told in another order than they called. */
static void
heard(struct reader *p, const struct relayed *t)
{
	if (t->others > p->others)
		p->others = t->others;
}

static void
take_data(struct relays *r, const struct relayed *t, const uint8_t *data)
{
	struct source *s = source_of(r, t);

	r->last = s;
	/* The same of reads. */
	if (t->offset < s->next || t->offset - s->next > PORTION_MAX)
		return;
	if (s->open.flow == 0)
		begin(r, s, t);
	s->reader->read += t->offset + t->len - s->next;
	heard(s->reader, t);
	s->lost += t->offset - s->next;
	s->sent = t->sent;
	s->acked = t->acked;
	s->last_us = t->boot_ns / 1000;
	r->sink.data(r->sink.ctx, s->open.flow, TO_SERVER, t->offset - s->from,
	    (struct content){.data = data, .len = t->len});
	s->next = t->offset + t->len;
}

/* Of the process, not of one source. */
static void
take_sent(struct relays *r, const struct relayed *t)
{
	for (size_t i = 0; i < SOURCES_MAX; i++) {
		struct source *s = &r->sources[i];

		if (s->number == 0 || s->reader->pid != t->pid ||
		    s->reader->start_ns != t->start_ns)
			continue;
		heard(s->reader, t);
		/* At the end the socket may be closed already. */
		if (t->sent > s->sent)
			s->sent = t->sent;
		if (t->acked > s->acked)
			s->acked = t->acked;
		if (t->op != RELAYED_END)
			continue;
		end(r, s, true);
		leave(s);
	}
}

static bool
is_sound(const struct relayed *t)
{
	return (t->family == 4 || t->family == 6) &&
	       (t->proto == 6 || t->proto == 17) && t->stream != 0 &&
	       t->kind <= RELAYED_INPUT;
}

static int
on_told(void *ctx, const void *record, size_t len)
{
	struct relays *r = ctx;
	struct relayed t;

	if (len < sizeof t)
		return 0;
	memcpy(&t, record, sizeof t);
	r->taken += len;
	if (t.op != RELAYED_DATA)
		take_sent(r, &t);
	else if (is_sound(&t) && t.len <= len - sizeof t)
		take_data(r, &t, (const uint8_t *)record + sizeof t);
	return r->taken >= EACH_READ ? -EAGAIN : 0;
}

/* ---- the door ---- */

int
relays_open(
    const struct relay_sink *sink, struct relays **out, struct diag *why)
{
	uint64_t netns = 0;
	const struct kernel_object o = {.name = "relays",
	    .bytes = relays_bytes,
	    .len = (size_t)(relays_end - relays_bytes),
	    .constants = &netns,
	    .constants_len = sizeof netns};
	struct relays *r;
	int error = kernel_netns(&netns, why);

	if (error != 0)
		return error;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return -ENOMEM;
	r->sink = *sink;
	error = kernel_open(&o, on_told, r, &r->kernel, why);
	if (error != 0) {
		free(r);
		return error;
	}
	*out = r;
	return 0;
}

void
relays_close(struct relays *r)
{
	if (r == NULL)
		return;
	kernel_close(r->kernel);
	free(r);
}

int
relays_fd(const struct relays *r)
{
	return kernel_fd(r->kernel);
}

int
relays_read(struct relays *r)
{
	int error;

	r->taken = 0;
	error = kernel_consume(r->kernel);
	return error != 0 ? error : r->taken >= EACH_READ ? 1 : 0;
}

void
relays_tick(struct relays *r, uint64_t boot_us)
{
	for (size_t i = 0; i < SOURCES_MAX; i++) {
		struct source *s = &r->sources[i];
		uint64_t quiet = s->open.kind == RELAY_TERMINAL
				     ? TERMINAL_QUIET_US
				     : QUIET_US;

		if (s->open.flow != 0 && boot_us > s->last_us + quiet)
			end(r, s, false);
	}
}

void
relays_flush(struct relays *r)
{
	for (size_t i = 0; i < SOURCES_MAX; i++)
		end(r, &r->sources[i], false);
}

void
relays_again(struct relays *r)
{
	for (size_t i = 0; i < SOURCES_MAX; i++)
		if (r->sources[i].open.flow != 0)
			r->sink.open(r->sink.ctx, &r->sources[i].open);
}
