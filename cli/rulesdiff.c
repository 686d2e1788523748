/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesdiff - `chaperone rules diff A B PATH`: what a change of packs would
 * newly find, and lose, over files.
 *
 * Owns: the places that each set finds, and their comparison.
 * Never: holds a matched byte: detector, member, level and offsets.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/rules.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

enum { PLACES_MAX = 2000000, SHOWN_MAX = 4096, LINE_BYTES = 1 << 20 };

struct place {
	char *key; /* path, member, detector; owned */
	size_t path_len, member_len; /* with their NUL */
	struct span at;
	uint64_t count; /* of a finding without a place: in a name */
	enum confidence confidence;
};

struct places {
	struct place *list; /* owned */
	size_t n, cap;
	uint64_t over;
};

struct diff_job {
	bool json;
	struct places side[2];
	struct places *now;
	uint64_t added, lost, changed;
};

static void
add(struct places *p, const char *path, const struct finding *f,
    const struct span *at)
{
	size_t a = strlen(path) + 1;
	size_t b = strlen(f->member) + 1;
	size_t c = strlen(f->detector) + 1;
	struct place *x;

	if (p->n == PLACES_MAX) {
		p->over++;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 256 : p->cap * 2;
		x = reallocarray(p->list, p->cap, sizeof *x);
		must(x != NULL);
		p->list = x;
	}
	x = &p->list[p->n++];
	*x = (struct place){
	    .path_len = a, .member_len = b, .confidence = f->confidence};
	x->key = malloc(a + b + c);
	must(x->key != NULL);
	memcpy(x->key, path, a);
	memcpy(x->key + a, f->member, b);
	memcpy(x->key + a + b, f->detector, c);
	if (at != NULL)
		x->at = *at;
	else
		x->count = f->count;
}

static const char *
member_of(const struct place *p)
{
	return p->key + p->path_len;
}

static const char *
detector_of(const struct place *p)
{
	return p->key + p->path_len + p->member_len;
}

static void
on_finding(void *ctx, const char *path, const struct finding *f)
{
	struct diff_job *job = ctx;

	if (f->nspans == 0)
		add(job->now, path, f, NULL);
	for (size_t i = 0; i < f->nspans; i++)
		add(job->now, path, f, &f->spans[i]);
	if (f->count > f->nspans)
		job->now->over += f->count - f->nspans;
}

static int
order(const void *a, const void *b)
{
	const struct place *x = a;
	const struct place *y = b;
	int r = strcmp(x->key, y->key);

	if (r == 0)
		r = strcmp(member_of(x), member_of(y));
	if (r == 0)
		r = strcmp(detector_of(x), detector_of(y));
	if (r == 0 && x->at.from != y->at.from)
		r = x->at.from < y->at.from ? -1 : 1;
	if (r == 0 && x->at.to != y->at.to)
		r = x->at.to < y->at.to ? -1 : 1;
	return r;
}

static void
put_json(const struct place *old, const struct place *new)
{
	const struct place *p = new != NULL ? new : old;
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, LINE_BYTES);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind",
	    old == NULL   ? "new"
	    : new == NULL ? "lost"
			  : "changed");
	json_bytes(&j, "path", p->key, p->path_len - 1);
	json_str(&j, "member", member_of(p));
	json_str(&j, "detector", detector_of(p));
	json_uint(&j, "from", p->at.from);
	json_uint(&j, "to", p->at.to);
	if (old != NULL)
		json_str(&j, "before", confidence_name(old->confidence));
	if (new != NULL)
		json_str(&j, "after", confidence_name(new->confidence));
	json_end_object(&j);
	cli_line(&b);
}

static void
put_text(const struct place *old, const struct place *new)
{
	const struct place *p = new != NULL ? new : old;
	char path[SHOWN_MAX], member[SHOWN_MAX];
	OWN(buf_done) struct buf b = {0};

	str_escape(path, sizeof path, p->key, p->path_len - 1);
	str_escape(member, sizeof member, member_of(p), p->member_len - 1);
	buf_init(&b, LINE_BYTES);
	buf_printf(&b, "%c %s%s%s  %s  %s%s%s: bytes %" PRIu64 " to %" PRIu64,
	    old == NULL   ? '+'
	    : new == NULL ? '-'
			  : '~',
	    old != NULL ? confidence_name(old->confidence) : "",
	    old != NULL && new != NULL ? " to " : "",
	    new != NULL ? confidence_name(new->confidence) : "", detector_of(p),
	    path, member[0] != '\0' ? "!" : "", member, p->at.from, p->at.to);
	cli_line(&b);
}

static void
tell(struct diff_job *job, const struct place *old, const struct place *new)
{
	if (old != NULL && new != NULL && old->confidence == new->confidence)
		return;
	job->added += old == NULL;
	job->lost += new == NULL;
	job->changed += old != NULL && new != NULL;
	if (job->json)
		put_json(old, new);
	else
		put_text(old, new);
}

static void
compare(struct diff_job *job)
{
	const struct places *a = &job->side[0];
	const struct places *b = &job->side[1];
	size_t i = 0, k = 0;

	if (a->n > 0)
		qsort(a->list, a->n, sizeof *a->list, order);
	if (b->n > 0)
		qsort(b->list, b->n, sizeof *b->list, order);
	while (i < a->n || k < b->n) {
		int r = i == a->n   ? 1
			: k == b->n ? -1
				    : order(&a->list[i], &b->list[k]);

		tell(job, r <= 0 ? &a->list[i] : NULL,
		    r >= 0 ? &b->list[k] : NULL);
		i += r <= 0;
		k += r >= 0;
	}
}

static void
put_sum(const struct diff_job *job, uint64_t files, uint64_t missed)
{
	uint64_t over = job->side[0].over + job->side[1].over;
	OWN(buf_done) struct buf b = {0};
	struct json j;

	if (!job->json) {
		(void)fprintf(stderr,
		    "%" PRIu64 " files: %" PRIu64 " new, %" PRIu64
		    " lost, %" PRIu64 " of another level\n",
		    files, job->added, job->lost, job->changed);
		if (over > 0)
			(void)fprintf(stderr,
			    "%" PRIu64 " places are more than are compared\n",
			    over);
		return;
	}
	buf_init(&b, 4096);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", "sum");
	json_uint(&j, "files", files);
	json_uint(&j, "new", job->added);
	json_uint(&j, "lost", job->lost);
	json_uint(&j, "changed", job->changed);
	json_uint(&j, "not_compared", over);
	json_uint(&j, "not_examined", missed);
	json_end_object(&j);
	cli_line(&b);
}

static void
places_done(struct places *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->list[i].key);
	free(p->list);
}

static int
run(int argc, char **argv)
{
	struct diff_job job = {.json = false};
	uint64_t files = 0, missed = 0;
	int n = 0;
	int r = CLI_OK;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			job.json = true;
		else if (argv[i][0] == '-')
			return cli_usage(
			    "rules", "unknown option \"%s\"", argv[i]);
		else
			argv[n++] = argv[i];
	}
	if (n < 3)
		return cli_usage("rules", "diff needs A, B and a path");
	for (unsigned side = 0; side < 2 && r == CLI_OK; side++) {
		struct probe p = {
		    .command = "rules", .rules = {argv[side]}, .nrules = 1};

		job.now = &job.side[side];
		p.calls =
		    (struct probe_calls){.ctx = &job, .finding = on_finding};
		r = probe_run(&p, argv + 2, n - 2);
		files = p.files;
		missed = p.missed;
	}
	if (r == CLI_OK) {
		compare(&job);
		put_sum(&job, files, missed);
		r = job.added + job.lost + job.changed > 0 ? CLI_DIFFERENCE
							   : CLI_OK;
	}
	places_done(&job.side[0]);
	places_done(&job.side[1]);
	return r;
}

const struct rules_verb rulesdiff_verb = {
    .name = "diff",
    .summary = "tells what a change of packs would newly find, and lose",
    .help =
	"Example: chaperone rules diff /etc/chaperone/rules rules/ ~/corpus\n\n"
	"Usage: chaperone rules diff [--json] A B PATH...\n\n"
	"Scans the files with the packs of directory A, then with those of\n"
	"B. A line for each place that differs: + new, - lost, ~ of another\n"
	"level; offsets, never content.\n\n"
	"Exit: 0 no difference, 1 a difference, 2 usage, 3 a rule is refused.\n",
    .run = run,
};
