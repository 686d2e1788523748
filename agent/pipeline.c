/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline - which programs were started between which pipes, for
 * agent/egress.c.
 *
 * Owns: of each process the pipes that its last program began with; of each
 * pipe who began with it as its output; the names of programs that only copy,
 * pack or seal.
 * Never: says what went through a pipe: that a program read its input, or wrote
 * to its output, it does not know.
 *
 * Both tables forget the oldest. A pipe with more writers than are kept has
 * none: half of them would say too much of that half.
 */
#include "agent/pipeline.h"

#include <errno.h>
#include <string.h>

#include "agent/memo.h"
#include "lib/str.h"

#include "lib/own.h"

#define STARTS_MAX 16384
#define PIPES_MAX 16384
#define WRITERS_MAX 8

/* Their output is their input. A packed one's size says little of it. */
static const struct {
	const char *name;
	bool packs;
} MAKERS[] = {{"7z", true}, {"7za", true}, {"7zr", true}, {"age", false},
    {"base32", false}, {"base64", false}, {"bzip2", true}, {"cat", false},
    {"cp", false}, {"cpio", false}, {"dd", false}, {"gpg", true},
    {"gzip", true}, {"install", false}, {"lz4", true}, {"mv", false},
    {"openssl", false}, {"pigz", true}, {"rsync", false}, {"split", false},
    {"tar", false}, {"tee", false}, {"xxd", false}, {"xz", true}, {"zip", true},
    {"zstd", true}};

struct program {
	char name[16];
	struct pipe_id in;
	/* What it started itself: makers that read its own input, and others. */
	bool ran_makers, ran_others;
};

struct tied {
	uint64_t writers[WRITERS_MAX];
	size_t n; /* WRITERS_MAX + 1: more than are kept */
};

struct pipeline {
	struct memo *programs; /* key of a process -> struct program */
	struct memo *pipes; /* key of a pipe -> struct tied */
};

int
pipeline_new(struct pipeline **out)
{
	struct pipeline *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -ENOMEM;
	if (memo_new(STARTS_MAX, free, &p->programs) != 0 ||
	    memo_new(PIPES_MAX, free, &p->pipes) != 0) {
		pipeline_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void
pipeline_free(struct pipeline *p)
{
	if (p == NULL)
		return;
	memo_free(p->programs);
	memo_free(p->pipes);
	free(p);
}

static struct memo_key
key_of(uint64_t id)
{
	return memo_key(&id, sizeof id);
}

static struct memo_key
pipe_key(const struct pipe_id *pipe)
{
	const uint64_t k[2] = {pipe->ino, pipe->dev};

	return memo_key(k, sizeof k);
}

/* ---- what is told ---- */

static bool
find_maker(const char *name, bool *packs)
{
	for (size_t i = 0; i < ARRAY_LEN(MAKERS); i++) {
		if (!str_eq(MAKERS[i].name, name))
			continue;
		*packs = MAKERS[i].packs;
		return true;
	}
	*packs = false;
	return false;
}

static void
add_writer(struct pipeline *p, const struct pipe_id *pipe, uint64_t id)
{
	struct memo_key key = pipe_key(pipe);
	struct tied *t = memo_get(p->pipes, key);

	if (t == NULL) {
		t = calloc(1, sizeof *t);
		if (t == NULL || memo_put(p->pipes, key, t) != 0) {
			free(t);
			return;
		}
	}
	for (size_t i = 0; i < t->n && i < WRITERS_MAX; i++)
		if (t->writers[i] == id)
			return;
	if (t->n < WRITERS_MAX)
		t->writers[t->n] = id;
	if (t->n <= WRITERS_MAX)
		t->n++;
}

/* tar starts a shell that starts gzip, and whose end closes the archive. */
static void
note_parent(struct pipeline *p, uint64_t parent, const struct start_event *e)
{
	struct program *up = memo_get(p->programs, key_of(parent));
	bool packs;

	if (up == NULL)
		return;
	if (e->in.ino != 0 && e->in.ino == up->in.ino &&
	    e->in.dev == up->in.dev && find_maker(e->comm, &packs))
		up->ran_makers = true;
	else
		up->ran_others = true;
}

void
pipeline_start(struct pipeline *p, uint64_t id, uint64_t parent,
    const struct start_event *e)
{
	struct program *g = calloc(1, sizeof *g);

	if (g == NULL)
		return;
	note_parent(p, parent, e);
	(void)str_copy_len(
	    g->name, sizeof g->name, e->comm, strnlen(e->comm, 15));
	g->in = e->in;
	if (memo_put(p->programs, key_of(id), g) != 0)
		free(g);
	if (e->out.ino != 0)
		add_writer(p, &e->out, id);
}

/* ---- what is asked ---- */

static bool
is_helper(const struct program *g)
{
	return (str_eq(g->name, "sh") || str_eq(g->name, "dash") ||
		   str_eq(g->name, "bash")) &&
	       g->ran_makers && !g->ran_others;
}

bool
pipeline_makes(const struct pipeline *p, uint64_t id, const char *program)
{
	const struct program *g = memo_get(p->programs, key_of(id));
	bool packs;

	return find_maker(g == NULL ? program : g->name, &packs) ||
	       (g != NULL && is_helper(g));
}

static const char *
program_of(const struct pipeline *p, uint64_t id)
{
	const struct program *g = memo_get(p->programs, key_of(id));

	return g == NULL ? NULL : g->name;
}

static bool
has_feeder(const struct feeders *f, uint64_t id)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->id[i] == id)
			return true;
	return false;
}

/* Those that wrote into what this one read. false if they are not all known. */
static bool
add_feeders(
    const struct pipeline *p, uint64_t id, bool plain, struct feeders *f)
{
	const struct program *reader = memo_get(p->programs, key_of(id));
	const struct tied *t;

	if (reader == NULL || reader->in.ino == 0)
		return true;
	t = memo_get(p->pipes, pipe_key(&reader->in));
	if (t == NULL)
		return true; /* what never started a program wrote there */
	if (t->n > WRITERS_MAX)
		return false;
	for (size_t i = 0; i < t->n; i++) {
		uint64_t writer = t->writers[i];
		const char *name = program_of(p, writer);
		bool packs = false;

		if (has_feeder(f, writer))
			continue;
		if (f->n == FEEDERS_MAX || name == NULL)
			return false;
		f->id[f->n] = writer;
		f->plain[f->n++] = find_maker(name, &packs) && plain;
		f->packed |= packs;
	}
	return true;
}

void
pipeline_feeders(const struct pipeline *p, uint64_t id, struct feeders *out)
{
	bool known;

	*out = (struct feeders){.n = 0};
	known = add_feeders(p, id, true, out);
	for (size_t i = 0; known && i < out->n; i++)
		known = add_feeders(p, out->id[i], out->plain[i], out);
	if (!known)
		*out = (struct feeders){.n = 0};
}
