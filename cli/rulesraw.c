/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesraw - samples that only extraction brings to text, through a jailed
 * inspector.
 *
 * Owns: the inspector, which is started at the first such sample, and the
 * memory file that a sample is in.
 * Never: parses a sample, or writes one to a disk.
 */
#include "cli/rulesraw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/hub.h"

#include "lib/own.h"

struct rulesraw {
	struct hub *hub;
	const char *const *dirs;
	size_t ndirs;
	uint64_t job;
	struct diag *why;
	/* The sample that is looked at. */
	scan_found_fn *found;
	void *ctx;
	uint64_t unsure;
};

static void
on_finding(void *ctx, uint64_t id, struct finding *f)
{
	struct rulesraw *r = ctx;

	(void)id;
	r->found(r->ctx, f);
	finding_done(f);
}

/* A part that was not examined makes the verdict unsure. */
static void
on_skip(void *ctx, uint64_t id, const struct hub_skip *s)
{
	struct rulesraw *r = ctx;

	(void)id;
	(void)s;
	r->unsure++;
}

static void
on_done(void *ctx, const struct hub_done *d)
{
	struct rulesraw *r = ctx;

	r->unsure += d->crashed;
}

static void
on_loss(void *ctx, const char *stage, const char *reason, uint64_t lost,
    uint64_t bytes)
{
	struct rulesraw *r = ctx;

	(void)stage;
	(void)reason;
	(void)lost;
	(void)bytes;
	r->unsure++;
}

int
rulesraw_new(const char *const *dirs, size_t ndirs, struct diag *why,
    struct rulesraw **out)
{
	struct rulesraw *r = calloc(1, sizeof *r);

	if (r == NULL)
		return -ENOMEM;
	r->dirs = dirs;
	r->ndirs = ndirs;
	r->why = why;
	*out = r;
	return 0;
}

void
rulesraw_free(struct rulesraw *r)
{
	if (r == NULL)
		return;
	hub_free(r->hub);
	free(r);
}

void
rulesraw_freep(struct rulesraw **r)
{
	rulesraw_free(*r);
	*r = NULL;
}

static int
start(struct rulesraw *r)
{
	struct hub_calls calls = {.ctx = r,
	    .finding = on_finding,
	    .skip = on_skip,
	    .done = on_done,
	    .loss = on_loss};
	struct hub_options o = {.bin = cli_bin(),
	    .rules = r->dirs,
	    .nrules = r->ndirs,
	    .inspectors = 1};

	return r->hub != NULL ? 0 : hub_start(&o, &calls, &r->hub, r->why);
}

static int
memory_file(struct content c)
{
	OWN_FD int fd = memfd_create("sample", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (c.len > 0) {
		ssize_t n = write(fd, c.data, c.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		c.data += n;
		c.len -= (size_t)n;
	}
	return own_take_fd(&fd);
}

int
rulesraw_run(void *ctx, struct content raw, scan_found_fn *found,
    void *found_ctx, uint64_t *unsure)
{
	struct rulesraw *r = ctx;
	int e = start(r);
	int fd = e == 0 ? memory_file(raw) : e;

	if (fd < 0)
		return fd;
	r->found = found;
	r->ctx = found_ctx;
	r->unsure = 0;
	/* Nothing else waits: it cannot be too much. */
	e = hub_submit(r->hub, ++r->job, fd, 0, "", 0);
	if (e != 0)
		own_close(&fd);
	while (e == 0 && !hub_idle(r->hub))
		e = hub_step(r->hub, -1, r->why);
	*unsure = r->unsure;
	return e;
}
