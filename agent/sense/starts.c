/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starts - which program somebody started, and between which pipes.
 *
 * Owns: the object of bpf/starts.bpf.c, which is part of this program.
 * Never: trusts a length that the ring tells; asks /proc, where a program of
 * some milliseconds is gone.
 */
#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "agent/sense/bpf/starts.h"
#include "agent/sense/kernel.h"
#include "agent/sense/sense.h"

#include "lib/own.h"

#define KEPT_MAX 4096 /* that were taken from the ring at once */

KERNEL_OBJECT(starts, STARTS_OBJECT);

struct starts {
	struct kernel *kernel;
	uint64_t told_lost;
	struct start_event kept[KEPT_MAX];
	size_t at, n;
};

static int
on_told(void *ctx, const void *record, size_t len)
{
	struct starts *s = ctx;
	struct start_event *e;
	struct starting t;

	if (len < sizeof t)
		return 0;
	memcpy(&t, record, sizeof t);
	e = &s->kept[s->n++];
	*e = (struct start_event){.pid = (pid_t)t.pid,
	    .start_ns = t.start_ns,
	    .boot_us = t.boot_ns / 1000,
	    .in = {.ino = t.in_ino, .dev = t.in_dev},
	    .out = {.ino = t.out_ino, .dev = t.out_dev}};
	memcpy(e->comm, t.comm, sizeof e->comm - 1);
	return s->n == KEPT_MAX ? -EAGAIN : 0;
}

int
starts_open(struct starts **out, struct diag *why)
{
	const struct kernel_object o = {.name = "starts",
	    .bytes = starts_bytes,
	    .len = (size_t)(starts_end - starts_bytes)};
	struct starts *s = calloc(1, sizeof *s);
	int r;

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
starts_close(struct starts *s)
{
	if (s == NULL)
		return;
	kernel_close(s->kernel);
	free(s);
}

int
starts_fd(const struct starts *s)
{
	return kernel_fd(s->kernel);
}

int
starts_read(struct starts *s, uint64_t until_us, struct start_event *e)
{
	uint64_t lost;

	if (s->at == s->n) {
		int r;

		s->at = s->n = 0;
		r = kernel_consume(s->kernel);
		if (r != 0)
			return r;
		if (kernel_count(s->kernel, STARTING_LOST, &lost) == 0 &&
		    lost > s->told_lost) {
			*e = (struct start_event){.lost = lost - s->told_lost};
			s->told_lost = lost;
			return 1;
		}
		if (s->n == 0)
			return 0;
	}
	if (s->kept[s->at].boot_us > until_us)
		return 0;
	*e = s->kept[s->at++];
	return 1;
}
