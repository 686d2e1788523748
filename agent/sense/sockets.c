/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets - who opened a flow, as the kernel knew it at the first packet.
 *
 * Owns: the object of bpf/sockets.bpf.c, which is part of this program.
 * Never: trusts a length that the ring tells. The tracepoint that counts bytes
 * is left out where it alone is refused.
 */
#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "agent/sense/bpf/sockets.h"
#include "agent/sense/kernel.h"
#include "agent/sense/sense.h"

#include "lib/own.h"

#define KEPT_MAX 4096 /* events that were taken from the ring at once */

KERNEL_OBJECT(sockets, SOCKETS_OBJECT);

struct sockets {
	struct kernel *kernel;
	uint64_t told_lost;
	struct socket_event kept[KEPT_MAX];
	size_t at, n;
};

static int
on_told(void *ctx, const void *record, size_t len)
{
	struct sockets *s = ctx;
	struct socket_event *e;
	struct told t;

	if (len < sizeof t)
		return 0;
	memcpy(&t, record, sizeof t);
	e = &s->kept[s->n++];
	*e = (struct socket_event){
	    .op = t.kind == TOLD_CLOSE ? SOCKET_CLOSE : SOCKET_OPEN,
	    .pid = (pid_t)t.pid,
	    .boot_us = t.boot_ns / 1000,
	    .start_ns = t.start_ns,
	    .sent = t.sent,
	    .tuple = {.family = t.family,
		.proto = t.proto,
		.sport = t.sport,
		.dport = t.dport}};
	memcpy(e->comm, t.comm, sizeof e->comm - 1);
	memcpy(e->tuple.src, t.src, sizeof t.src);
	memcpy(e->tuple.dst, t.dst, sizeof t.dst);
	return s->n == KEPT_MAX ? -EAGAIN : 0;
}

int
sockets_open(struct sockets **out, struct diag *why)
{
	uint64_t netns = 0;
	const struct kernel_object o = {.name = "sockets",
	    .bytes = sockets_bytes,
	    .len = (size_t)(sockets_end - sockets_bytes),
	    .constants = &netns,
	    .constants_len = sizeof netns,
	    .optional = "tp_btf/inet_sock_set_state"};
	struct sockets *s;
	int r = kernel_netns(&netns, why);

	if (r != 0)
		return r;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	r = kernel_open(&o, on_told, s, &s->kernel, why);
	if (r != 0) {
		free(s);
		return r;
	}
	*out = s;
	return 0;
}

void
sockets_close(struct sockets *s)
{
	if (s == NULL)
		return;
	kernel_close(s->kernel);
	free(s);
}

int
sockets_fd(const struct sockets *s)
{
	return kernel_fd(s->kernel);
}

int
sockets_read(struct sockets *s, struct socket_event *e)
{
	uint64_t lost;

	if (s->at == s->n) {
		int r;

		s->at = s->n = 0;
		r = kernel_consume(s->kernel);
		if (r != 0)
			return r;
		if (s->n == 0)
			return 0;
		if (kernel_count(s->kernel, COUNT_LOST, &lost) == 0 &&
		    lost > s->told_lost) {
			*e = (struct socket_event){
			    .op = SOCKET_LOST, .sent = lost - s->told_lost};
			s->told_lost = lost;
			return 1;
		}
	}
	*e = s->kept[s->at++];
	return 1;
}
