/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - `chaperone scan`: what sensitive data lies in files.
 *
 * Owns: which files are given to the inspectors, what each came to, the
 * progress, the sum, the exit code.
 * Never: reads a file itself (a jailed inspector does, by descriptor); passes
 * over anything unsaid.
 *
 * The walk is cli/walk.c, the forms of output are cli/scanout.c and its
 * siblings, what is remembered from scan to scan is cli/scanstate.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/detect/detect.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/hub.h"
#include "cli/rules.h"
#include "cli/scanout.h"
#include "cli/scanstate.h"
#include "cli/walk.h"
#include "lib/clock.h"
#include "lib/finding.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	DIRS_MAX = 32,
	SHOWN_MAX = 4096,
	PARTS_MAX = 100000, /* findings, and skips, of one file */
	SHOW_US = 200000,
	COUNT_US = 3000000, /* for counting before the first file */
	REASONS_SHOWN = 12,
};

#define SPANS_MAX ((size_t)4 << 20) /* of one file's findings together */

static const char FULL[] = "more findings than are kept";

/* A file whose outcome is awaited. */
struct pending {
	struct pending *next;
	uint64_t job;
	char *path;
	uint64_t size;
	bool directory, crashed, full;
	struct scanstate_key key;
	struct finding *findings; /* owned */
	size_t nfindings, findings_cap, nspans;
	size_t nallowed; /* of these, those that raise no alert */
	struct scanout_skip *skips; /* owned */
	size_t nskips, skips_cap;
};

struct scan_run {
	struct hub *hub;
	struct scanstate *state; /* NULL: nothing is remembered */
	const char *state_path;
	struct scanout out;
	struct scanout_sum sum;
	enum confidence least;
	const char *view; /* NULL: all is shown */
	struct ruleset *set; /* only to ask what the view shows; owned */
	bool progress;
	struct pending *pending;
	uint64_t jobs;
	struct diag why;
	int refused; /* the exit code of a path that could not be begun */
	/* Progress: bytes of files that are through, and of all. */
	uint64_t begun_us, shown_us, through, total, total_files;
	bool counted;
};

/* ---- progress ------------------------------------------------------------ */

static void
clear_progress(struct scan_run *s)
{
	if (s->progress && s->shown_us > 0)
		(void)fputs("\r\033[K", stderr);
}

static void
time_left(const struct scan_run *s, uint64_t spent_us, char *out, size_t size)
{
	uint64_t left;

	out[0] = '\0';
	if (!s->counted || s->through == 0 || spent_us < 1000000)
		return;
	if (s->through >= s->total) {
		(void)snprintf(out, size, ", nearly done");
		return;
	}
	left = (uint64_t)((double)spent_us / (double)s->through *
			  (double)(s->total - s->through)) /
	       1000000;
	(void)snprintf(out, size, ", %" PRIu64 ":%02u:%02u left", left / 3600,
	    (unsigned)(left / 60 % 60), (unsigned)(left % 60));
}

static void
show_progress(struct scan_run *s)
{
	uint64_t now = clock_boot_us();
	uint64_t spent = now - s->begun_us;
	uint64_t files = s->sum.files + s->sum.unchanged;
	char left[64], of[32] = "";

	if (!s->progress || now - s->shown_us < SHOW_US)
		return;
	s->shown_us = now;
	time_left(s, spent, left, sizeof left);
	if (s->counted)
		(void)snprintf(of, sizeof of, "/%" PRIu64, s->total_files);
	(void)fprintf(stderr,
	    "\r\033[K%" PRIu64 "%s files, %" PRIu64 " MB, %" PRIu64
	    " findings, %.1f MB/s%s",
	    files, of, s->through / 1000000, s->sum.found,
	    spent > 0 ? (double)s->through / (double)spent : 0.0, left);
	(void)fflush(stderr);
}

/* ---- what is awaited ----------------------------------------------------- */

static struct pending *
pending_new(struct scan_run *s, const char *path)
{
	struct pending *p = calloc(1, sizeof *p);

	must(p != NULL);
	p->path = strdup(path);
	must(p->path != NULL);
	p->job = ++s->jobs;
	p->next = s->pending;
	s->pending = p;
	return p;
}

static struct pending **
pending_find(struct scan_run *s, uint64_t job)
{
	struct pending **p = &s->pending;

	while (*p != NULL && (*p)->job != job)
		p = &(*p)->next;
	must(*p != NULL);
	return p;
}

static void
pending_free(struct pending **at)
{
	struct pending *p = *at;

	*at = p->next;
	for (size_t i = 0; i < p->nfindings; i++)
		finding_done(&p->findings[i]);
	for (size_t i = 0; i < p->nskips; i++)
		free(p->skips[i].member);
	free(p->findings);
	free(p->skips);
	free(p->path);
	free(p);
}

static void *
more(void *list, size_t n, size_t *cap, size_t size)
{
	void *grown = list;

	if (n == *cap) {
		*cap = *cap == 0 ? 8 : *cap * 2;
		grown = reallocarray(list, *cap, size);
		must(grown != NULL);
	}
	return grown;
}

static void
add_skip(struct scan_run *s, struct pending *p, const char *reason,
    const char *member, uint64_t bytes)
{
	struct scanout_skip *k;

	scanout_skipped(&s->sum, reason, bytes);
	if (p->nskips == PARTS_MAX) {
		p->full = true;
		return;
	}
	p->skips = more(p->skips, p->nskips, &p->skips_cap, sizeof *k);
	k = &p->skips[p->nskips++];
	*k = (struct scanout_skip){.bytes = bytes};
	(void)snprintf(k->reason, sizeof k->reason, "%s", reason);
	k->member = strdup(member);
	must(k->member != NULL);
}

/* Takes the finding. */
static void
add_finding(struct pending *p, struct finding *f)
{
	if (p->nfindings == PARTS_MAX || p->nspans + f->nspans > SPANS_MAX) {
		p->full = true;
		finding_done(f);
		return;
	}
	p->findings =
	    more(p->findings, p->nfindings, &p->findings_cap, sizeof *f);
	p->findings[p->nfindings++] = *f;
	p->nspans += f->nspans;
	p->nallowed += !finding_alerts(f);
	*f = (struct finding){0};
}

static void
remember(struct scan_run *s, const struct pending *p)
{
	struct scanstate_verdict v = {
	    .found = p->nfindings > 0, .incomplete = p->nskips > 0};
	int r;

	/* An allow ends some day, and the file must then be found. */
	if (s->state == NULL || p->directory || p->crashed || p->nallowed > 0)
		return;
	r = scanstate_add(s->state, &p->key, v);
	if (r == 0)
		return;
	clear_progress(s);
	(void)fprintf(stderr,
	    "chaperone scan: %s: %s; nothing more is remembered\n",
	    s->state_path, strerror(-r));
	scanstate_free(OWN_TAKE(&s->state));
}

/* A file is done: its line, and what it means for the whole. */
static void
finish(struct scan_run *s, struct pending **at, const struct hub_done *d)
{
	struct pending *p = *at;
	struct scanout_file f = {
	    .path = p->path, .type = d->type, .size = d->size};

	if (p->full) {
		if (p->nskips == PARTS_MAX)
			free(p->skips[--p->nskips].member);
		add_skip(s, p, FULL, "", 0);
		s->sum.incomplete++;
	}
	s->sum.with_findings += p->nfindings > p->nallowed;
	s->sum.files += !p->directory;
	s->sum.bytes += d->examined;
	s->through += p->size;
	f.examined = d->examined;
	f.findings = p->findings;
	f.nfindings = p->nfindings;
	f.skips = p->skips;
	f.nskips = p->nskips;
	if (!p->directory || p->nfindings + p->nskips > 0) {
		if (!s->out.format->machine && p->nfindings + p->nskips > 0)
			clear_progress(s);
		s->out.format->file(&s->out, &f);
	}
	remember(s, p);
	pending_free(at);
	show_progress(s);
}

/* ---- answers ------------------------------------------------------------- */

static void
on_finding(void *ctx, uint64_t id, struct finding *f)
{
	struct scan_run *s = ctx;

	if (f->confidence < s->least) {
		finding_done(f);
		return;
	}
	if (s->view != NULL && !ruleset_view(s->set, s->view, f->detector)) {
		s->sum.unshown++;
		finding_done(f);
		return;
	}
	if (finding_alerts(f))
		s->sum.found++;
	else if (finding_allowed(f))
		s->sum.allowed++;
	else
		s->sum.few++;
	add_finding(*pending_find(s, id), f);
}

static void
on_skip(void *ctx, uint64_t id, const struct hub_skip *k)
{
	struct scan_run *s = ctx;

	s->sum.incomplete++;
	add_skip(s, *pending_find(s, id), k->reason, k->member, k->bytes);
}

static void
on_done(void *ctx, const struct hub_done *d)
{
	struct scan_run *s = ctx;
	struct pending **p = pending_find(s, d->job);
	struct hub_done known = *d;

	(*p)->crashed = d->crashed;
	if (d->crashed)
		known.size = (*p)->size;
	if ((*p)->directory)
		known.type = "inode/directory";
	finish(s, p, &known);
}

static void
on_loss(void *ctx, const char *stage, const char *reason, uint64_t lost,
    uint64_t bytes)
{
	struct scan_run *s = ctx;

	s->sum.incomplete++;
	scanout_skipped(&s->sum, reason, bytes);
	clear_progress(s);
	(void)fprintf(stderr, "chaperone scan: %s: %s (%" PRIu64 ")\n", stage,
	    reason, lost);
}

/* ---- the walk ------------------------------------------------------------ */

/* @fd is taken; -1 for a directory, whose name alone is looked at. */
static int
submit(struct scan_run *s, struct pending *p, int fd)
{
	const char *name = walk_name(p->path);
	int r;

	while ((r = hub_submit(s->hub, p->job, fd, 0, name, strlen(name))) ==
	       -EAGAIN) {
		r = hub_step(s->hub, -1, &s->why);
		if (r != 0) {
			own_close(&fd);
			return r;
		}
		show_progress(s);
	}
	return r;
}

/* True if the state knows the file as it is now. */
static bool
unchanged(struct scan_run *s, const struct scanstate_key *k, uint64_t size)
{
	struct scanstate_verdict v;

	if (s->state == NULL || !scanstate_knows(s->state, k, &v))
		return false;
	s->sum.unchanged++;
	s->through += size;
	s->sum.unchanged_found += v.found;
	s->sum.unchanged_incomplete += v.incomplete;
	show_progress(s);
	return true;
}

static int
on_file(void *ctx, int fd, const char *path, const struct stat *st)
{
	struct scan_run *s = ctx;
	struct scanstate_key k = scanstate_key(st);
	struct pending *p;

	if (unchanged(s, &k, (uint64_t)st->st_size)) {
		own_close(&fd);
		return 0;
	}
	p = pending_new(s, path);
	p->size = (uint64_t)st->st_size;
	p->key = k;
	return submit(s, p, fd);
}

static int
on_directory(void *ctx, const char *path)
{
	struct scan_run *s = ctx;
	struct pending *p = pending_new(s, path);

	p->directory = true;
	return submit(s, p, -1);
}

/* A thing that no inspector sees. */
static void
on_told(void *ctx, const struct walk_told *t)
{
	struct scan_run *s = ctx;
	struct pending *p = pending_new(s, t->path);
	struct hub_done d = {.job = p->job, .size = t->size, .type = t->type};

	p->crashed = true; /* nothing to be remembered */
	if (t->missed) {
		s->sum.incomplete++;
		add_skip(s, p, t->reason, "", t->size);
	} else {
		/* It holds no content: told, but nothing was missed. */
		p->skips =
		    more(p->skips, p->nskips, &p->skips_cap, sizeof *p->skips);
		p->skips[0] = (struct scanout_skip){.bytes = t->size};
		(void)snprintf(
		    p->skips[0].reason, SCANOUT_REASON, "%s", t->reason);
		p->skips[0].member = strdup("");
		must(p->skips[0].member != NULL);
		p->nskips = 1;
	}
	finish(s, &s->pending, &d);
}

/* ---- counting, for the time that is left --------------------------------- */

static int
count_file(void *ctx, int fd, const char *path, const struct stat *st)
{
	struct scan_run *s = ctx;

	(void)path;
	own_close(&fd);
	s->total += (uint64_t)st->st_size;
	s->total_files++;
	return clock_boot_us() - s->begun_us > COUNT_US;
}

static void
count_told(void *ctx, const struct walk_told *t)
{
	struct scan_run *s = ctx;

	(void)t;
	s->total_files++;
}

/* Without a terminal nobody asks; and a tree too large to count has no end. */
static void
count_all(struct scan_run *s, char *const *paths, int n)
{
	struct walk_calls c = {
	    .ctx = s, .file = count_file, .told = count_told};
	int stop = 0;

	if (!s->progress)
		return;
	for (int i = 0; i < n && stop == 0; i++)
		if (walk_path(&c, paths[i], &stop) != 0)
			continue; /* told when it is scanned */
	s->counted = stop == 0;
	s->begun_us = clock_boot_us();
}

/* ---- the command --------------------------------------------------------- */

struct scan_args {
	const char *rules[DIRS_MAX];
	size_t nrules;
	uint64_t jobs;
	const struct scanout_format *format;
	char **paths;
	int npaths;
};

static int
option(struct scan_run *s, struct scan_args *a, const char *name,
    const char *value)
{
	if (str_eq(name, "--view")) {
		s->view = value;
		return 0;
	}
	if (str_eq(name, "--rules")) {
		if (a->nrules == DIRS_MAX)
			return cli_usage(
			    "scan", "more than %d --rules", (int)DIRS_MAX);
		a->rules[a->nrules++] = value;
		return 0;
	}
	if (str_eq(name, "--min-confidence")) {
		if (confidence_parse(value, &s->least) != 0)
			return cli_usage("scan",
			    "--min-confidence is low, medium or high, not "
			    "\"%s\"",
			    value);
		return 0;
	}
	if (str_eq(name, "--format")) {
		a->format = scanout_find(value);
		return a->format != NULL
			   ? 0
			   : cli_usage("scan",
				 "--format is table, json, sarif or html, not "
				 "\"%s\"",
				 value);
	}
	if (str_eq(name, "--state")) {
		s->state_path = value;
		return 0;
	}
	if (str_u64(value, HUB_INSPECTORS_MAX, &a->jobs) != 0 || a->jobs == 0)
		return cli_usage("scan", "--jobs is a number from 1 to %d",
		    HUB_INSPECTORS_MAX);
	return 0;
}

static int
parse(struct scan_run *s, struct scan_args *a, int argc, char **argv)
{
	static const char *const VALUED[] = {"--rules", "--min-confidence",
	    "--format", "--state", "--jobs", "--view"};
	int n = 0;
	bool options = true;

	a->paths = argv;
	for (int i = 1; i < argc; i++) {
		bool valued = false;
		int r;

		if (!options || argv[i][0] != '-' || argv[i][1] == '\0') {
			a->paths[n++] = argv[i];
			continue;
		}
		if (str_eq(argv[i], "--")) {
			options = false;
			continue;
		}
		if (str_eq(argv[i], "--json")) {
			a->format = &scanout_json;
			continue;
		}
		for (size_t k = 0; k < ARRAY_LEN(VALUED); k++)
			valued |= str_eq(argv[i], VALUED[k]);
		if (!valued)
			return cli_usage(
			    "scan", "option \"%s\" is not known", argv[i]);
		if (i + 1 == argc)
			return cli_usage("scan", "%s needs a value", argv[i]);
		r = option(s, a, argv[i], argv[i + 1]);
		if (r != 0)
			return r;
		i++;
	}
	a->npaths = n;
	return n == 0 ? cli_usage("scan", "no path is given") : 0;
}

/* A path that was asked for and could not be begun. */
static void
refuse(struct scan_run *s, const char *path, int err)
{
	char shown[SHOWN_MAX];
	int code = err == -EACCES || err == -EPERM ? CLI_DENIED : CLI_USAGE;

	str_escape(shown, sizeof shown, path, strlen(path));
	clear_progress(s);
	(void)cli_error("scan", code, "%s: %s", shown, strerror(-err));
	if (s->refused == 0)
		s->refused = code;
}

static int
scan_all(struct scan_run *s, const struct scan_args *a)
{
	struct walk_calls c = {.ctx = s,
	    .file = on_file,
	    .directory = on_directory,
	    .told = on_told};
	int stop = 0;
	int r = 0;

	if (s->out.format->begin != NULL)
		s->out.format->begin(&s->out);
	for (int i = 0; i < a->npaths && stop == 0; i++) {
		r = walk_path(&c, a->paths[i], &stop);
		if (r != 0 && stop == 0)
			refuse(s, a->paths[i], r);
	}
	r = stop;
	while (r == 0 && !hub_idle(s->hub)) {
		r = hub_step(s->hub, -1, &s->why);
		show_progress(s);
	}
	clear_progress(s);
	if (r == 0 && s->out.format->end != NULL)
		s->out.format->end(&s->out, &s->sum);
	return r;
}

static int
by_count(const void *a, const void *b)
{
	const struct scanout_reason *x = a;
	const struct scanout_reason *y = b;

	return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->text, y->text);
}

/* What was not examined, the most frequent reason first. */
static void
say_reasons(struct scanout_sum *s)
{
	qsort(s->reasons, s->nreasons, sizeof s->reasons[0], by_count);
	for (size_t i = 0; i < s->nreasons; i++) {
		if (i == REASONS_SHOWN) {
			(void)fprintf(
			    stderr, "  … %zu more reasons\n", s->nreasons - i);
			return;
		}
		(void)fprintf(stderr,
		    "  not examined: %s (%" PRIu64 ", %" PRIu64 " bytes)\n",
		    s->reasons[i].text, s->reasons[i].n, s->reasons[i].bytes);
	}
}

static int
verdict(struct scan_run *s)
{
	struct scanout_sum *m = &s->sum;

	if (s->out.format != &scanout_json || s->progress) {
		(void)fprintf(stderr,
		    "%" PRIu64 " files, %" PRIu64 " bytes examined; %" PRIu64
		    " findings in %" PRIu64 " files; %" PRIu64
		    " parts not examined\n",
		    m->files, m->bytes, m->found, m->with_findings,
		    m->incomplete);
		say_reasons(m);
		if (m->unshown > 0)
			(void)fprintf(stderr,
			    "  not of the view %s: %" PRIu64 " more findings\n",
			    s->view, m->unshown);
		if (m->allowed > 0)
			(void)fprintf(stderr,
			    "  allowed: %" PRIu64 " more findings, each until "
			    "the date of its allow\n",
			    m->allowed);
		if (m->few > 0)
			(void)fprintf(stderr,
			    "  few: %" PRIu64 " more findings, below the event "
			    "threshold of their rules\n",
			    m->few);
		if (m->unchanged > 0)
			(void)fprintf(stderr,
			    "%" PRIu64 " files unchanged since they were "
			    "examined: %" PRIu64 " with findings, %" PRIu64
			    " with parts not examined\n",
			    m->unchanged, m->unchanged_found,
			    m->unchanged_incomplete);
	}
	if (s->refused != 0)
		return s->refused;
	if (m->with_findings + m->unchanged_found > 0)
		return CLI_DIFFERENCE;
	return m->incomplete + m->unchanged_incomplete > 0 ? CLI_INCOMPLETE
							   : CLI_OK;
}

static uint64_t
processors(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	n = CPU_COUNT(&set);
	return n > HUB_INSPECTORS_MAX ? HUB_INSPECTORS_MAX : (uint64_t)n;
}

/* Verdicts hold for these rules, this level and this release. */
static int
open_state(struct scan_run *s)
{
	char under[256];
	bool fresh = false;
	int r;

	if (s->state_path == NULL)
		return 0;
	r = str_format(under, sizeof under, "%s %s %s%s%s", hub_digest(s->hub),
	    confidence_name(s->least), VERSION, s->view != NULL ? "/" : "",
	    s->view != NULL ? s->view : "");
	if (r == 0)
		r = scanstate_open(
		    s->state_path, under, &s->state, &fresh, &s->why);
	if (r == 0 && fresh && s->progress)
		(void)fprintf(
		    stderr, "chaperone scan: %s begins anew\n", s->state_path);
	return r;
}

/* The set is read here, too: inspectors know nothing of views. */
static int
load_view(struct scan_run *s, const struct scan_args *a)
{
	int r = ruleset_load(a->rules, a->nrules, &s->set, NULL, &s->why);

	if (r != 0)
		return cli_error("scan", cli_exit_for(r), "%s", s->why.text);
	if (!ruleset_view(s->set, s->view, NULL))
		return cli_usage(
		    "scan", "the rules have no view \"%s\"", s->view);
	return 0;
}

static int
scan_run(struct scan_run *s, struct scan_args *a)
{
	struct hub_calls calls = {.ctx = s,
	    .finding = on_finding,
	    .skip = on_skip,
	    .done = on_done,
	    .loss = on_loss};
	struct hub_options o = {.bin = cli_bin(), .rules = a->rules};
	int r;

	s->progress = cli_tty(STDERR_FILENO);
	scanout_init(
	    &s->out, a->format, !a->format->machine && cli_tty(STDOUT_FILENO));
	if (a->nrules == 0)
		a->rules[a->nrules++] = cli_rules_dir();
	if (s->view != NULL) {
		r = load_view(s, a);
		if (r != 0)
			return r;
	}
	o.nrules = a->nrules;
	o.inspectors = (unsigned)a->jobs;
	s->begun_us = clock_boot_us();
	r = hub_start(&o, &calls, &s->hub, &s->why);
	if (r != 0)
		return cli_error("scan", cli_exit_for(r), "%s", s->why.text);
	s->sum.digest = hub_digest(s->hub);
	r = open_state(s);
	if (r != 0) /* what is wrong is an argument */
		return cli_error("scan",
		    r == -EACCES || r == -EPERM ? CLI_DENIED : CLI_USAGE, "%s",
		    s->why.text);
	count_all(s, a->paths, a->npaths);
	r = scan_all(s, a);
	if (r != 0)
		return cli_error("scan", cli_exit_for(r), "%s",
		    s->why.text[0] != '\0' ? s->why.text : strerror(-r));
	return verdict(s);
}

static int
run(int argc, char **argv)
{
	struct scan_run *s = calloc(1, sizeof *s);
	struct scan_args a = {.jobs = processors(), .format = &scanout_table};
	int r;

	must(s != NULL);
	s->least = CONFIDENCE_LOW;
	r = parse(s, &a, argc, argv);
	if (r == 0)
		r = scan_run(s, &a);
	hub_free(s->hub);
	while (s->pending != NULL)
		pending_free(&s->pending);
	scanstate_free(s->state);
	ruleset_free(s->set);
	scanout_done(&s->out);
	free(s);
	return r;
}

const struct command command_scan = {
    .name = "scan",
    .summary = "find sensitive data in files",
    .help =
	"Example: chaperone scan --json /srv | jq -c 'select(.findings!=[])'\n"
	"\n"
	"Usage: chaperone scan [--rules DIR]... [--min-confidence LEVEL]\n"
	"                      [--format FORMAT] [--state FILE] [--jobs N]\n"
	"                      PATH...\n"
	"\n"
	"Looks into files and directories, and into gzip, zip and tar within\n"
	"them, in a jailed process. Nothing is decided by a file's name, and\n"
	"what is not examined is said.\n"
	"\n"
	"  --rules DIR             rule packs; default: the shipped ones\n"
	"  --min-confidence LEVEL  low (the default), medium or high\n"
	"  --view VIEW             show only what a view of the rules shows, as\n"
	"                          gdpr; the others are counted\n"
	"  --format FORMAT         table (the default), json: one object a\n"
	"                          file, sarif: SARIF 2.1.0, html: one page\n"
	"  --json                  the same as --format json\n"
	"  --state FILE            remembers what was examined: a scan that was\n"
	"                          ended, or begins again, leaves out what is\n"
	"                          unchanged under the same rules\n"
	"  --jobs N                processes; default: one a processor\n"
	"\n"
	"Exit: 0 nothing found, 1 something found, 2 usage or no such path,\n"
	"3 bad rules, 4 not permitted, 8 nothing found but parts were not\n"
	"examined. Files that --state leaves out count as they did.\n",
    .run = run,
};
