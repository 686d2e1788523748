/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesbench - `chaperone rules bench`: what each rule costs on a corpus, the
 * dear ones first.
 *
 * Owns: the sum over files, and the order.
 *
 * What is measured is the work of a rule alone: the confirmation of its
 * candidates by PCRE2, validators, evidence. The one pass that looks for the
 * candidates of all rules is shared, and is not divided among them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/rules.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/msg.h"
#include "lib/str.h"

#include "lib/own.h"

/* Microseconds a KiB from which a rule is dear, and what it takes to say so. */
#define DEAR_US 5.0
#define DEAR_BYTES ((uint64_t)1 << 20)
/* Matches a MB that are kept, from which a rule is noisy on clean text. */
#define NOISY_MB 5.0
#define CORPUS "/usr/share/doc"

struct row {
	char detector[96];
	uint64_t places, matches, refuted, us;
};

struct bench_job {
	bool json;
	struct row *rows; /* owned */
	size_t n, cap;
};

static void
on_cost(void *ctx, const struct hub_cost *c)
{
	struct bench_job *job = ctx;
	struct row *r;
	size_t i = 0;

	while (i < job->n && !str_eq(job->rows[i].detector, c->detector))
		i++;
	if (i == job->cap) {
		job->cap = job->cap == 0 ? 64 : job->cap * 2;
		r = reallocarray(job->rows, job->cap, sizeof *job->rows);
		must(r != NULL);
		job->rows = r;
	}
	r = &job->rows[i];
	if (i == job->n) {
		job->n++;
		*r = (struct row){.us = 0};
		(void)str_copy(r->detector, sizeof r->detector, c->detector);
	}
	r->places += c->places;
	r->matches += c->matches;
	r->refuted += c->refuted;
	r->us += c->us;
}

static int
dear_first(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;

	if (x->us != y->us)
		return x->us < y->us ? 1 : -1;
	return strcmp(x->detector, y->detector);
}

static double
per_kib(const struct row *r, uint64_t bytes)
{
	return bytes > 0 ? (double)r->us * 1024 / (double)bytes : 0;
}

static bool
is_dear(const struct row *r, uint64_t bytes)
{
	return bytes >= DEAR_BYTES && per_kib(r, bytes) > DEAR_US;
}

/* What is left of its matches is what somebody has to look at. */
static uint64_t
fires(const struct row *r)
{
	return r->matches > r->refuted ? r->matches - r->refuted : 0;
}

static double
per_mb(const struct row *r, uint64_t bytes)
{
	return bytes > 0 ? (double)fires(r) * 1e6 / (double)bytes : 0;
}

static bool
is_noisy(const struct row *r, uint64_t bytes)
{
	return bytes >= DEAR_BYTES && per_mb(r, bytes) > NOISY_MB;
}

static void
put_json(const struct row *r, uint64_t bytes)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, 4096);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", "cost");
	json_str(&j, "detector", r->detector);
	json_uint(&j, "us", r->us);
	json_uint(&j, "ns_per_kib", (uint64_t)(per_kib(r, bytes) * 1000));
	json_uint(&j, "places", r->places);
	json_uint(&j, "matches", r->matches);
	json_uint(&j, "refuted", r->refuted);
	json_bool(&j, "dear", is_dear(r, bytes));
	json_uint(&j, "fires", fires(r));
	json_uint(&j, "fires_per_gb", (uint64_t)(per_mb(r, bytes) * 1000));
	json_bool(&j, "noisy", is_noisy(r, bytes));
	json_end_object(&j);
	cli_line(&b);
}

static void
put_text(const struct row *r, uint64_t bytes)
{
	(void)printf("%10.3f %10" PRIu64 " %9" PRIu64 " %9" PRIu64
		     " %9.2f  %s%s%s\n",
	    per_kib(r, bytes), r->places, r->matches, r->refuted,
	    per_mb(r, bytes), r->detector,
	    is_dear(r, bytes) ? "  dear: over 5 us/KiB" : "",
	    is_noisy(r, bytes) ? "  noisy: over 5 fires/MB" : "");
}

static void
put_sum(const struct bench_job *job, const struct probe *p, uint64_t spent_us)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	if (!job->json) {
		(void)fprintf(stderr,
		    "%" PRIu64 " files, %" PRIu64 " bytes in %" PRIu64
		    " ms; %zu of %u rules had work\n",
		    p->files, p->bytes, spent_us / 1000, job->n, p->detectors);
		return;
	}
	buf_init(&b, 4096);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", "corpus");
	json_uint(&j, "files", p->files);
	json_uint(&j, "bytes", p->bytes);
	json_uint(&j, "us", spent_us);
	json_uint(&j, "detectors", p->detectors);
	json_uint(&j, "with_work", job->n);
	json_uint(&j, "not_examined", p->missed);
	json_end_object(&j);
	cli_line(&b);
}

static int
parse(
    struct bench_job *job, struct probe *p, char **path, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			job->json = true;
		else if (argv[i][0] == '-')
			return cli_usage(
			    "rules", "unknown option \"%s\"", argv[i]);
		else if (p->nrules == 0)
			p->rules[p->nrules++] = argv[i];
		else if (*path == NULL)
			*path = argv[i];
		else
			return cli_usage("rules", "bench takes DIR and PATH");
	}
	return 0;
}

static int
run(int argc, char **argv)
{
	static char corpus[] = CORPUS;
	struct bench_job job = {.n = 0};
	struct probe p = {.command = "rules", .what = MSG_PROBE_COST};
	char *path = NULL;
	uint64_t begun;
	int r = parse(&job, &p, &path, argc, argv);

	if (r != 0)
		return r;
	if (p.nrules == 0)
		p.rules[p.nrules++] = cli_rules_dir();
	if (path == NULL)
		path = corpus;
	p.calls = (struct probe_calls){.ctx = &job, .cost = on_cost};
	begun = clock_boot_us();
	r = probe_run(&p, &path, 1);
	if (r == CLI_OK) {
		if (job.n > 0)
			qsort(job.rows, job.n, sizeof *job.rows, dear_first);
		if (!job.json)
			(void)printf("%10s %10s %9s %9s %9s  %s\n", "US/KIB",
			    "PLACES", "MATCHES", "REFUTED", "FIRES/MB",
			    "DETECTOR");
		for (size_t i = 0; i < job.n; i++) {
			if (job.json)
				put_json(&job.rows[i], p.bytes);
			else
				put_text(&job.rows[i], p.bytes);
		}
		put_sum(&job, &p, clock_boot_us() - begun);
	}
	free(job.rows);
	return r;
}

const struct rules_verb rulesbench_verb = {
    .name = "bench",
    .summary = "tells what each rule costs on a corpus, the dear ones first",
    .help =
	"Example: chaperone rules bench rules/ /usr/share/doc\n\n"
	"Usage: chaperone rules bench [--json] [DIR [PATH]]\n\n"
	"  US/KIB   microseconds of work for this rule in each KiB of text\n"
	"  PLACES   where its pattern was tried, since something led there\n"
	"  MATCHES  of the pattern; REFUTED of these by keyword, entropy or\n"
	"           validator\n"
	"  FIRES/MB matches that were left, in each 1000000 bytes\n\n"
	"The one pass that leads there serves all rules and is not in it. A\n"
	"rule over 5 us/KiB is dear: give it a keyword, or a narrower\n"
	"beginning. One over 5 fires/MB on text that holds nothing is noisy: ask\n"
	"for evidence. Without PATH: " CORPUS ".\n\n"
	"Exit: 0, 2 usage, 3 a rule is refused.\n",
    .run = run,
};
