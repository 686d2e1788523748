/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - files through jailed inspectors, for verbs that ask about files.
 *
 * Owns: the walk and the inspectors for the time of one verb, and which answer
 * belongs to which file.
 * Never: reads a file itself.
 */
#include "cli/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/walk.h"
#include "lib/msg.h"
#include "lib/str.h"

#include "lib/own.h"

struct asked {
	struct asked *next;
	uint64_t job;
	char *path;
};

struct probe_state {
	struct probe *probe;
	struct hub *hub;
	struct asked *asked;
	uint64_t jobs;
	struct diag why;
};

static struct asked **
find(struct probe_state *s, uint64_t job)
{
	struct asked **a = &s->asked;

	while (*a != NULL && (*a)->job != job)
		a = &(*a)->next;
	must(*a != NULL);
	return a;
}

static void
forget(struct asked **at)
{
	struct asked *a = *at;

	*at = a->next;
	free(a->path);
	free(a);
}

static void
on_why(void *ctx, uint64_t id, const char *member, struct why *w)
{
	struct probe_state *s = ctx;
	const struct probe_calls *c = &s->probe->calls;

	if (c->why != NULL)
		c->why(c->ctx, (*find(s, id))->path, member, w);
}

static void
on_cost(void *ctx, uint64_t id, const struct hub_cost *k)
{
	const struct probe_state *s = ctx;
	const struct probe_calls *c = &s->probe->calls;

	(void)id;
	if (c->cost != NULL)
		c->cost(c->ctx, k);
}

static void
on_finding(void *ctx, uint64_t id, struct finding *f)
{
	struct probe_state *s = ctx;
	const struct probe_calls *c = &s->probe->calls;

	if (c->finding != NULL)
		c->finding(c->ctx, (*find(s, id))->path, f);
	finding_done(f);
}

static void
missed(struct probe_state *s, const char *path, const char *member,
    const char *reason)
{
	const struct probe_calls *c = &s->probe->calls;

	s->probe->missed++;
	if (c->skip != NULL)
		c->skip(c->ctx, path, member, reason);
}

static void
on_skip(void *ctx, uint64_t id, const struct hub_skip *k)
{
	struct probe_state *s = ctx;

	missed(s, (*find(s, id))->path, k->member, k->reason);
}

static void
on_done(void *ctx, const struct hub_done *d)
{
	struct probe_state *s = ctx;

	s->probe->files++;
	s->probe->bytes += d->examined;
	forget(find(s, d->job));
}

static void
on_loss(void *ctx, const char *stage, const char *reason, uint64_t lost,
    uint64_t bytes)
{
	(void)stage;
	(void)lost;
	(void)bytes;
	missed(ctx, "", "", reason);
}

static int
on_file(void *ctx, int fd, const char *path, const struct stat *st)
{
	struct probe_state *s = ctx;
	struct asked *a = calloc(1, sizeof *a);
	const char *name = walk_name(path);
	int r;

	(void)st;
	must(a != NULL);
	*a = (struct asked){.next = s->asked, .job = ++s->jobs};
	a->path = strdup(path);
	must(a->path != NULL);
	s->asked = a;
	while ((r = hub_submit(s->hub, a->job, fd, 0, name, strlen(name))) ==
	       -EAGAIN) {
		r = hub_step(s->hub, -1, &s->why);
		if (r != 0) {
			own_close(&fd);
			return r;
		}
	}
	return r;
}

static void
on_told(void *ctx, const struct walk_told *t)
{
	if (t->missed)
		missed(ctx, t->path, "", t->reason);
}

static int
walk_all(struct probe_state *s, char *const *paths, int n)
{
	struct walk_calls w = {.ctx = s, .file = on_file, .told = on_told};
	int stop = 0;

	for (int i = 0; i < n && stop == 0; i++) {
		int r = walk_path(&w, paths[i], &stop);
		char shown[4096];

		if (r == 0 || stop != 0)
			continue;
		str_escape(shown, sizeof shown, paths[i], strlen(paths[i]));
		return cli_error(s->probe->command,
		    r == -EACCES || r == -EPERM ? CLI_DENIED : CLI_USAGE,
		    "%s: %s", shown, strerror(-r));
	}
	while (stop == 0 && !hub_idle(s->hub))
		stop = hub_step(s->hub, -1, &s->why);
	if (stop == 0)
		return CLI_OK;
	return cli_error(s->probe->command, cli_exit_for(stop), "%s",
	    s->why.text[0] != '\0' ? s->why.text : strerror(-stop));
}

int
probe_run(struct probe *p, char *const *paths, int npaths)
{
	struct probe_state s = {.probe = p};
	struct hub_calls calls = {.ctx = &s,
	    .finding = on_finding,
	    .skip = on_skip,
	    .why = on_why,
	    .cost = on_cost,
	    .done = on_done,
	    .loss = on_loss};
	struct hub_options o = {.bin = cli_bin(),
	    .rules = p->rules,
	    .nrules = p->nrules,
	    .inspectors = p->inspectors > 0 ? p->inspectors : 1,
	    .probe = p->what};
	int r = hub_start(&o, &calls, &s.hub, &s.why);

	if (r != 0)
		return cli_error(p->command, cli_exit_for(r), "%s", s.why.text);
	p->detectors = hub_rules(s.hub);
	r = walk_all(&s, paths, npaths);
	hub_free(s.hub);
	while (s.asked != NULL)
		forget(&s.asked);
	return r;
}
