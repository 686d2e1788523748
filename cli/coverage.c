/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone coverage - how much of a time this host was observed, and what
 * became of what the kernel told, stage by stage.
 *
 * Owns: what of the log counts for which stage.
 * Never: judges time (lib/coverage.c does, as for a report), or asks the agent:
 * the log, which others will check, says it all.
 */
#include "cli/coverage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/host.h"
#include "lib/clock.h"
#include "lib/coverage.h"
#include "lib/str.h"

#include "lib/own.h"

#define OUT_MAX (64 * 1024 * 1024)

#define FILES "files"
#define NETWORK "network"
#define RELAYED "relayed content"

/* Totals since the process that watches began. */
static struct coverage_counter counters[] = {
    {FILES, "files.events", "events that the kernel told", 0, 0},
    {FILES, "files.overflows", "  its queue ran over, times", 0, 0},
    {FILES, "files.outside", "  outside what is watched", 0, 0},
    {FILES, "files.gone", "  of a process or file that was gone", 0, 0},
    {FILES, "files.passed", "openings passed over in the kernel", 0, 0},
    {FILES, "files.others", "accesses of nobody who logged in", 0, 0},
    {FILES, "files.scanned", "objects inspected", 0, 0},
    {FILES, "files.known", "  known from before, not read again", 0, 0},
    {FILES, "files.skipped", "  not inspected, or not wholly", 0, 0},
    {FILES, "files.recorded", "accesses of people recorded", 0, 0},
    {FILES, "files.folded", "  repeats, counted into one entry", 0, 0},
    {FILES, "files.findings", "findings recorded", 0, 0},
    {NETWORK, "packets.seen", "packets that the kernel told", 0, 0},
    {NETWORK, "packets.dropped", "  dropped: the ring was full", 0, 0},
    {NETWORK, "packets.malformed", "  malformed", 0, 0},
    {NETWORK, "streams.gap_bytes", "bytes missing in streams", 0, 0},
    {NETWORK, "flows.opened", "connections", 0, 0},
    {NETWORK, "flows.others", "  of nobody who logged in", 0, 0},
    {NETWORK, "flows.unowned", "  whose process is not known", 0, 0},
    {NETWORK, "flows.recorded", "  recorded", 0, 0},
    {NETWORK, "flows.transfers", "bodies inspected", 0, 0},
    {NETWORK, "flows.findings", "findings recorded", 0, 0},
    {RELAYED, "relays.portions", "portions that the kernel told", 0, 0},
    {RELAYED, "relays.others", "  of nobody who logged in", 0, 0},
    {RELAYED, "relays.little", "  little, and nothing was found", 0, 0},
    {RELAYED, "relays.recorded", "  recorded", 0, 0},
    {RELAYED, "relays.bytes", "bytes read and sent on", 0, 0},
    {RELAYED, "relays.lost", "  of these, not handed over", 0, 0},
    {RELAYED, "relays.findings", "findings recorded", 0, 0},
    {"log", "queue.lost", "entries that did not fit before the log", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};

static bool
is_inside(const struct watched *c, int64_t wall_us)
{
	return wall_us >= c->e.from_us && wall_us <= c->e.to_us;
}

/* ---- what the log says ---- */

static int
add_mark(struct watched *c, const struct facts *f)
{
	struct exposure_mark *m =
	    exposure_add(&c->marks, &c->nmarks, sizeof *m);

	if (m == NULL)
		return -ENOMEM;
	*m = (struct exposure_mark){
	    .gen = f->gen, .boot_us = f->at.boot_us, .wall_us = f->at.wall_us};
	must(str_copy(m->boot, sizeof m->boot, f->boot) == 0);
	if (str_eq(f->type, "cov.start")) {
		m->kind = MARK_START;
		m->rules = facts_text(f, "rules") != NULL;
	} else if (str_eq(f->type, "cov.stop")) {
		m->kind = MARK_STOP;
	} else {
		m->kind = MARK_BEAT;
		m->rules = str_eq(facts_text(f, "state"), "ok");
	}
	return 0;
}

static int
take_start(struct watched *c, const struct facts *f)
{
	const char *host = facts_text(f, "host");

	if (host != NULL)
		(void)str_copy_len(c->host, sizeof c->host, host,
		    strnlen(host, sizeof c->host - 1));
	for (struct coverage_counter *k = c->counters; k->name != NULL; k++)
		k->last = 0;
	c->counting = true;
	return add_mark(c, f);
}

/* What a counter rose since the heartbeat before belongs to this one. */
static int
take_beat(struct watched *c, const struct facts *f)
{
	for (struct coverage_counter *k = c->counters; k->name != NULL; k++) {
		int64_t v;
		uint64_t now;

		if (facts_int(f, k->name, &v) != 0 || v < 0)
			continue;
		now = (uint64_t)v;
		/* It began anew, if it fell. */
		if (c->counting && is_inside(c, f->at.wall_us))
			k->sum += now < k->last ? now : now - k->last;
		k->last = now;
	}
	c->counting = true;
	return add_mark(c, f);
}

static int
take_harm(struct watched *c, const struct facts *f)
{
	struct exposure_host *h = &c->e.hosts[0];
	struct exposure_harm *m =
	    exposure_add(&h->harms, &h->nharms, sizeof *m);

	if (m == NULL)
		return -ENOMEM;
	m->from_us = m->to_us = f->at.wall_us;
	(void)facts_int(f, "from_us", &m->from_us);
	(void)facts_int(f, "to_us", &m->to_us);
	m->role = exposure_text(&c->e, facts_text(f, "role"));
	m->reason = exposure_text(&c->e, facts_text(f, "reason"));
	return c->e.texts == NULL ? 0 : exposure_error(&c->e);
}

static void
count_reason(struct coverage_reasons *list, const struct facts *f)
{
	const char *stage = facts_text(f, "stage");
	const char *reason = facts_text(f, "reason");
	struct coverage_reason *r;
	int64_t v;
	size_t i;

	stage = stage == NULL ? "" : stage;
	reason = reason == NULL ? "no reason is given" : reason;
	for (i = 0; i < list->n; i++)
		if (strncmp(list->of[i].stage, stage,
			sizeof list->of[i].stage - 1) == 0 &&
		    strncmp(list->of[i].reason, reason,
			sizeof list->of[i].reason - 1) == 0)
			break;
	if (i >= COVERAGE_REASONS_MAX - 1) {
		i = COVERAGE_REASONS_MAX - 1;
		stage = "";
		reason = "other reasons";
	}
	r = &list->of[i];
	if (i >= list->n) {
		list->n = i + 1;
		(void)str_copy_len(r->stage, sizeof r->stage, stage,
		    strnlen(stage, sizeof r->stage - 1));
		(void)str_copy_len(r->reason, sizeof r->reason, reason,
		    strnlen(reason, sizeof r->reason - 1));
	}
	r->entries++;
	if (facts_int(f, "lost", &v) == 0 && v > 0)
		r->lost += (uint64_t)v;
	if (facts_int(f, "bytes", &v) == 0 && v > 0)
		r->bytes += (uint64_t)v;
}

static int
take_loss(struct watched *c, const struct facts *f)
{
	if (is_inside(c, f->at.wall_us))
		count_reason(&c->losses, f);
	return take_harm(c, f);
}

static int
take_skipped(struct watched *c, const struct facts *f)
{
	if (is_inside(c, f->at.wall_us))
		count_reason(&c->skipped, f);
	return 0;
}

static const struct {
	const char *type;
	int (*take)(struct watched *c, const struct facts *f);
} TAKEN[] = {
    {"cov.start", take_start},
    {"cov.beat", take_beat},
    {"cov.stop", add_mark},
    {"cov.loss", take_loss},
    {"cov.crash", take_harm},
    {"skipped", take_skipped},
};

static int
take(struct watched *c, const struct facts *f, uint64_t receipted)
{
	if (is_inside(c, f->at.wall_us)) {
		c->stored++;
		c->receipted += f->seq < receipted ? 1 : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(TAKEN); i++)
		if (str_eq(f->type, TAKEN[i].type))
			return TAKEN[i].take(c, f);
	return 0;
}

/* ---- the way through the log ---- */

/* How far a generation is receipted: its own file may not know the last. */
static uint64_t
receipted_of(struct ledger *l, struct ledger *newest)
{
	OWN(buf_done) struct buf note = {0};
	struct ledger_past past;
	uint64_t size = 0;
	int64_t when;

	if (ledger_receipted(l, &size, &when) != 0)
		size = 0;
	buf_init(&note, NOTE_MAX);
	if (ledger_gen(l) != ledger_gen(newest) &&
	    ledger_past(newest, ledger_gen(l), &past, &note) == 0 &&
	    past.receipted > size)
		size = past.receipted;
	return size;
}

static int
read_gen(struct watched *c, struct ledger *l, uint64_t seq, uint64_t receipted,
    struct diag *why)
{
	for (; seq < ledger_size(l); seq++) {
		struct facts f = {0};
		int r = host_entry(l, seq, &f, why);

		if (r == 0)
			r = take(c, &f, receipted);
		facts_done(&f);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
read_log(struct watched *c, const char *path, struct diag *why)
{
	OWN(ledger_closep) struct ledger *newest = NULL;
	uint32_t gen;
	uint64_t seq;
	int r = ledger_open_read(path, &newest, why);

	if (r != 0)
		return r;
	host_start(path, c->e.from_us, &gen, &seq);
	for (; r == 0 && gen <= ledger_gen(newest); gen++, seq = 0) {
		OWN(ledger_closep) struct ledger *l = NULL;

		r = ledger_open_gen(path, gen, &l, why);
		if (r == 0)
			r = read_gen(c, l, seq, receipted_of(l, newest), why);
	}
	return r;
}

static int
compare_harms(const void *a, const void *b)
{
	const struct exposure_harm *x = a, *y = b;

	return (x->from_us > y->from_us) - (x->from_us < y->from_us);
}

static int
judge(struct watched *c)
{
	struct exposure_host *h = &c->e.hosts[0];
	struct coverage_work *w;
	int r, end;

	if (h->nharms > 1)
		qsort(h->harms, h->nharms, sizeof *h->harms, compare_harms);
	r = coverage_new(&c->e, h, &w);
	if (r != 0)
		return r;
	for (size_t i = 0; r == 0 && i < c->nmarks; i++)
		r = coverage_mark(w, &c->marks[i]);
	end = coverage_end(w);
	if (r == 0 && end == 0)
		coverage_sum(&c->e);
	return r != 0 ? r : end;
}

/* ---- the command ---- */

static void
done(struct watched *c)
{
	free(c->marks);
	exposure_done(&c->e);
}

static int
print(const struct watched *c, bool json)
{
	OWN(buf_done) struct buf out = {0};

	buf_init(&out, OUT_MAX);
	if (json)
		coverageout_json(c, &out);
	else
		coverageout_text(c, &out);
	cli_line(&out);
	return c->e.complete ? CLI_OK : CLI_INCOMPLETE;
}

static int
run(int argc, char **argv)
{
	OWN(done) struct watched c = {.counters = counters};
	const char *config = NULL, *state = NULL;
	char dir[2048], path[4096];
	struct diag why = {""};
	bool json = false;
	int r;

	must(host_since("1d", &c.e.from_us) == 0);
	c.e.now_us = c.e.to_us = clock_now().wall_us;
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			json = true;
		else if (str_eq(argv[i], "--config") && i + 1 < argc)
			config = argv[++i];
		else if (str_eq(argv[i], "--state") && i + 1 < argc)
			state = argv[++i];
		else if (!str_eq(argv[i], "--since") || i + 1 >= argc)
			return cli_usage(
			    "coverage", "\"%s\" is not known", argv[i]);
		else if (host_since(argv[++i], &c.e.from_us) != 0 ||
			 c.e.from_us >= c.e.to_us)
			return cli_usage("coverage",
			    "\"%s\" is no time that is past: 10m, 2h, 1d, or "
			    "2026-03-01T08:00:00Z",
			    argv[i]);
	}
	r = host_state(config, state, dir, sizeof dir, &why);
	if (r != 0)
		return cli_error("coverage", CLI_CONFIG, "%s", why.text);
	must(host_log(dir, path, sizeof path) == 0);
	if (exposure_add(&c.e.hosts, &c.e.nhosts, sizeof *c.e.hosts) == NULL)
		return cli_error("coverage", CLI_CONFIG, "out of memory");
	r = access(path, F_OK) != 0 ? -errno : 0;
	if (r == 0)
		r = read_log(&c, path, &why);
	if (r == 0)
		r = judge(&c);
	if (r == -ENOMEM)
		return cli_error("coverage", CLI_CONFIG, "out of memory");
	return r != 0 ? host_log_failed("coverage", path, r, &why)
		      : print(&c, json);
}

static const char HELP[] =
    "Example: sudo chaperone coverage --since 1h\n\n"
    "Usage: chaperone coverage [--since TIME] [--config FILE | --state DIR]\n"
    "                          [--json]\n\n"
    "Tells how much of the time from TIME (1d) until now this host was\n"
    "observed, what was not and why, and what became of all that the kernel\n"
    "told, stage by stage, from the host's own log. TIME is 90s, 10m, 2h or\n"
    "1d ago, a date, or RFC 3339.\n\n"
    "Exit: 0 all of it was observed, 8 some was not, 2 usage, 3 no log or a\n"
    "bad configuration, 4 not permitted, 7 the log is damaged.\n";

const struct command command_coverage = {
    .name = "coverage",
    .summary = "how much of a time was observed, stage by stage",
    .help = HELP,
    .run = run,
};
