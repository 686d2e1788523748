/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/sense */
/*
 * fuzz_packet - hostile IP packets into reassembly; what comes out must be in
 * order, once, and add up.
 */
#include <string.h>

#include "agent/sense/sense.h"

#include "lib/own.h"

#define FLOWS 512

/* Where each direction of a flow stands. */
struct seen {
	uint64_t id, at[2], gaps;
	bool open, tcp;
};

/* Takes the bytes, so that a sanitizer sees each. */
static volatile uint8_t all;

static struct seen flows[FLOWS];
static size_t nflows;

static struct seen *
find(uint64_t id)
{
	size_t i = 0;

	while (i < nflows && flows[i].id != id)
		i++;
	if (i == nflows)
		abort();
	return &flows[i];
}

static void
on_open(void *ctx UNUSED, uint64_t flow, const struct tuple *t,
    bool midstream UNUSED, struct stamp at UNUSED)
{
	if (nflows == FLOWS)
		nflows = 0; /* never so many at a time */
	flows[nflows++] =
	    (struct seen){.id = flow, .open = true, .tcp = t->proto == 6};
}

static void
move(uint64_t flow, enum direction d, uint64_t offset, uint64_t bytes)
{
	struct seen *s = find(flow);

	if (!s->open || s->at[d] != offset || bytes == 0)
		abort();
	s->at[d] += bytes;
}

static void
on_data(void *ctx UNUSED, uint64_t flow, enum direction d, uint64_t offset,
    struct content c)
{

	for (size_t i = 0; i < c.len; i++)
		all = c.data[i];
	move(flow, d, offset, c.len);
}

static void
on_gap(void *ctx UNUSED, uint64_t flow, enum direction d, uint64_t offset,
    uint64_t bytes)
{
	move(flow, d, offset, bytes);
	find(flow)->gaps += bytes;
}

static void
on_close(void *ctx UNUSED, uint64_t flow, uint64_t to_server,
    uint64_t to_client, uint64_t gap_bytes, const char *how UNUSED,
    struct stamp at UNUSED)
{
	struct seen *s = find(flow);

	if (!s->open || s->gaps != gap_bytes ||
	    (s->tcp && (s->at[0] != to_server || s->at[1] != to_client)))
		abort();
	s->open = false;
}

static void
on_loss(void *ctx UNUSED, const char *reason, uint64_t packets,
    uint64_t bytes UNUSED)
{
	if (packets == 0 || strlen(reason) > 95)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Packets: one byte of time passed (times 16 ms), two of length, the bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct stream_sink sink = {.open = on_open,
	    .data = on_data,
	    .gap = on_gap,
	    .close = on_close,
	    .loss = on_loss};
	const struct stream_limits lim = {.flows_max = 16,
	    .memory_max = 65536,
	    .flow_memory_max = 8192,
	    .idle_us = 60000000};
	struct stamp at = {.boot_us = 1};
	struct streams *s;

	nflows = 0;
	must(streams_new(&sink, &lim, &s) == 0);
	while (size >= 3) {
		size_t n = (size_t)data[1] << 8 | data[2];
		struct content ip;

		at.boot_us += (uint64_t)data[0] * 16000;
		data += 3;
		size -= 3;
		n = n < size ? n : size;
		ip = (struct content){.data = data, .len = n};
		if ((n & 7) == 5)
			streams_early(s, ip, at);
		streams_packet(s, ip, at);
		streams_tick(s, at);
		data += n;
		size -= n;
	}
	streams_flush(s, at);
	if (streams_counters(s)->open != 0)
		abort();
	streams_free(s);
	return 0;
}
