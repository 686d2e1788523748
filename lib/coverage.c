/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage - how much of a period each host was observed.
 *
 * Owns: the rules by which words of a log become states of time:
 *   start or heartbeat, then a heartbeat  observed, if it is not overdue, both
 *                                    are of one boot and one generation, and
 *                                    nothing was lost in between
 *   the same, with a loss in it      degraded
 *   the same, without rules          blind
 *   heartbeat, then a stop or start  blind from the heartbeat on: nothing
 *                                    vouches for the time behind it
 *   stop, then a start               blind
 *   before the first word, behind
 *   the last one, and anything else  unknown
 * Never: takes silence for observation. Where two words disagree about a time
 * (a clock was set back), the worse one holds.
 *
 * How long passed between two words is told by the boot clock, where it lies
 * by the later word's wall clock.
 */
#include "lib/coverage.h"

#include <errno.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

/* Clocks are slewed: the two may differ this much without a clock being set. */
#define SLEW_US 2000000

/* Processes whose death takes something from what is observed. */
static const struct {
	const char *role, *why;
} DEATHS[] = {
    {"capture", "the process that sees the network died"},
    {"inspect", "a process that examines content died"},
    {"watch", "the process that watches died"},
};

struct coverage_work {
	struct exposure *e;
	struct exposure_host *h;
	struct exposure_mark first, last;
	bool any;
	struct exposure_span *painted; /* as it comes; may overlap */
	size_t npainted;
	int64_t *ends; /* the latest end of harms[0..i] */
};

static const char *
harm_why(const struct exposure_harm *m)
{
	if (m->role == NULL)
		return m->reason != NULL ? m->reason : "something was lost";
	for (size_t i = 0; i < ARRAY_LEN(DEATHS); i++)
		if (str_eq(m->role, DEATHS[i].role))
			return DEATHS[i].why;
	/* The log and its way here lose nothing when their process dies. */
	return NULL;
}

static bool
is_watch(const struct exposure_harm *m)
{
	return str_eq(m->role, "watch");
}

/* Keeps what takes something away, and how far it reaches. */
static int
sort_harms(struct coverage_work *c)
{
	struct exposure_host *h = c->h;
	size_t n = 0;

	for (size_t i = 0; i < h->nharms; i++)
		if (harm_why(&h->harms[i]) != NULL)
			h->harms[n++] = h->harms[i];
	h->nharms = n;
	c->ends = calloc(n + 1, sizeof *c->ends);
	if (c->ends == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		c->ends[i] = h->harms[i].to_us;
		if (i > 0 && c->ends[i - 1] > c->ends[i])
			c->ends[i] = c->ends[i - 1];
	}
	return 0;
}

/* A harm in [from, to], the last one that began in it or before it; or NULL. */
static const struct exposure_harm *
harm_in(
    const struct coverage_work *c, int64_t from_us, int64_t to_us, bool watch)
{
	size_t low = 0, high = c->h->nharms;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->h->harms[mid].from_us <= to_us)
			low = mid + 1;
		else
			high = mid;
	}
	while (low-- > 0 && c->ends[low] >= from_us) {
		const struct exposure_harm *m = &c->h->harms[low];

		if (m->to_us >= from_us && (!watch || is_watch(m)))
			return m;
	}
	return NULL;
}

int
coverage_new(
    struct exposure *e, struct exposure_host *h, struct coverage_work **out)
{
	struct coverage_work *c = calloc(1, sizeof *c);
	int r;

	if (c == NULL)
		return -ENOMEM;
	c->e = e;
	c->h = h;
	r = sort_harms(c);
	if (r != 0) {
		free(c);
		return r;
	}
	*out = c;
	return 0;
}

static int
paint(struct coverage_work *c, int64_t from_us, int64_t to_us,
    enum coverage state, const char *why)
{
	struct exposure_span *s;

	if (from_us < c->e->from_us)
		from_us = c->e->from_us;
	if (to_us > c->e->to_us)
		to_us = c->e->to_us;
	if (from_us >= to_us)
		return 0;
	if (c->npainted > 0) {
		s = &c->painted[c->npainted - 1];
		if (s->to_us == from_us && s->state == state &&
		    str_eq(s->why, why)) {
			s->to_us = to_us;
			return 0;
		}
	}
	s = exposure_add(&c->painted, &c->npainted, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	*s = (struct exposure_span){from_us, to_us, state, why};
	return 0;
}

static bool
is_late(const struct exposure_mark *a, const struct exposure_mark *b)
{
	return b->boot_us < a->boot_us ||
	       b->boot_us - a->boot_us > (uint64_t)COVERAGE_LATE_US;
}

/* A heartbeat vouches for the time since the word before it. */
static int
take_beat(struct coverage_work *c, const struct exposure_mark *m)
{
	const struct exposure_mark *p = &c->last;
	const struct exposure_harm *harm;
	int64_t from = p->wall_us, span;
	int r;

	if (p->kind == MARK_STOP)
		return paint(c, from, m->wall_us, COVERAGE_UNKNOWN,
		    "it spoke again without having started");
	if (p->gen != m->gen || !str_eq(p->boot, m->boot))
		return paint(c, from, m->wall_us, COVERAGE_UNKNOWN,
		    "its log began anew, and its end is not held");
	if (is_late(p, m))
		return paint(c, from, m->wall_us, COVERAGE_UNKNOWN,
		    "its heartbeat was overdue");
	span = (int64_t)(m->boot_us - p->boot_us);
	if (m->wall_us - span - from > SLEW_US ||
	    from - (m->wall_us - span) > SLEW_US) {
		r = paint(c, from, m->wall_us - span, COVERAGE_UNKNOWN,
		    "its clock was set");
		if (r != 0)
			return r;
		from = m->wall_us - span;
	}
	if (!p->rules || !m->rules)
		return paint(c, from, m->wall_us, COVERAGE_BLIND,
		    "it had no rules to look by");
	harm = harm_in(c, from, m->wall_us, false);
	if (harm != NULL)
		return paint(
		    c, from, m->wall_us, COVERAGE_DEGRADED, harm_why(harm));
	return paint(c, from, m->wall_us, COVERAGE_OBSERVED, NULL);
}

/* Somebody begins to watch: until now nobody did. */
static int
take_start(struct coverage_work *c, const struct exposure_mark *m)
{
	const struct exposure_mark *p = &c->last;
	const struct exposure_harm *death;
	int64_t from = p->wall_us;
	int r;

	if (p->kind == MARK_STOP)
		return paint(c, from, m->wall_us, COVERAGE_BLIND,
		    "its agent was stopped");
	death = harm_in(c, from, m->wall_us, true);
	if (death == NULL || death->from_us < from)
		return paint(c, from, m->wall_us, COVERAGE_BLIND,
		    "its agent did not run");
	/* Until it died it watched, but what it had not written is lost. */
	r = paint(c, from, death->from_us, COVERAGE_DEGRADED,
	    "what was not yet written was lost when the process died");
	return r != 0 ? r
		      : paint(c, death->from_us, m->wall_us, COVERAGE_BLIND,
			    "the process that watches had died");
}

static int
take_stop(struct coverage_work *c, const struct exposure_mark *m)
{
	const struct exposure_mark *p = &c->last;

	if (p->kind != MARK_STOP && is_late(p, m))
		return paint(c, p->wall_us, m->wall_us, COVERAGE_UNKNOWN,
		    "its heartbeat was overdue");
	return paint(
	    c, p->wall_us, m->wall_us, COVERAGE_BLIND, "its agent was stopped");
}

int
coverage_mark(void *coverage, const struct exposure_mark *m)
{
	struct coverage_work *c = coverage;
	int r = 0;

	if (!c->any) {
		c->any = true;
		c->first = *m;
	} else if (m->kind == MARK_START) {
		r = take_start(c, m);
	} else if (m->kind == MARK_STOP) {
		r = take_stop(c, m);
	} else {
		r = take_beat(c, m);
	}
	c->last = *m;
	return r;
}

/* ---- the ends ---- */

static int
paint_head(struct coverage_work *c)
{
	int64_t enrolled = c->h->enrolled_us;
	int64_t to = c->any ? c->first.wall_us : c->e->to_us;
	int64_t from = c->e->from_us;
	int r;

	/* Its log may be older than its enrolment, and then vouches, too. */
	if (enrolled > from) {
		int64_t end = enrolled < to ? enrolled : to;

		r = paint(
		    c, from, end, COVERAGE_UNKNOWN, "it was not enrolled yet");
		if (r != 0)
			return r;
		from = end;
	}
	return paint(c, from, to, COVERAGE_UNKNOWN,
	    c->any ? "it had not spoken yet" : "it has never spoken");
}

static int
paint_tail(struct coverage_work *c)
{
	const struct exposure *e = c->e;
	int64_t last = c->last.wall_us;
	const char *why = "it has not spoken since";

	if (!c->any || last >= e->to_us)
		return 0;
	if (c->h->revoked_us != 0)
		why = "its agent is revoked, and nothing of it is taken";
	else if (c->last.kind == MARK_STOP)
		why = "its agent was stopped, and it has not spoken since";
	else if (e->to_us >= e->now_us && e->to_us - last <= COVERAGE_LATE_US)
		c->h->waiting_us = e->to_us - last;
	if (c->h->waiting_us > 0)
		why = "its next heartbeat is not due yet";
	return paint(c, last, e->to_us, COVERAGE_UNKNOWN, why);
}

/* ---- from what was painted to one state at each time ---- */

struct edge {
	int64_t at_us;
	size_t span;
	bool open;
};

static int
compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return (int)x->open - (int)y->open;
}

static int
add_span(struct coverage_work *c, int64_t from_us, int64_t to_us,
    const size_t *open, const char *const *why)
{
	struct exposure_host *h = c->h;
	enum coverage state = COVERAGE_BLIND;
	struct exposure_span *s;
	const char *text;

	if (from_us == to_us)
		return 0;
	while (state > COVERAGE_UNKNOWN && open[state] == 0)
		state--;
	text = open[state] > 0 ? why[state] : "nothing is held about it";
	h->us[state] += to_us - from_us;
	if (h->nspans > 0) {
		s = &h->spans[h->nspans - 1];
		if (s->state == state && str_eq(s->why, text)) {
			s->to_us = to_us;
			return 0;
		}
	}
	s = exposure_add(&h->spans, &h->nspans, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	*s = (struct exposure_span){from_us, to_us, state, text};
	return 0;
}

static int
flatten(struct coverage_work *c)
{
	OWN_MEM struct edge *edges = calloc(2 * c->npainted + 1, sizeof *edges);
	size_t n = 0, open[COVERAGE_STATES] = {0};
	const char *why[COVERAGE_STATES] = {NULL};
	int64_t at = c->e->from_us;
	int r = 0;

	if (edges == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->npainted; i++) {
		edges[n++] =
		    (struct edge){c->painted[i].from_us, i, .open = true};
		edges[n++] =
		    (struct edge){c->painted[i].to_us, i, .open = false};
	}
	qsort(edges, n, sizeof *edges, compare_edges);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct exposure_span *s = &c->painted[edges[i].span];

		r = add_span(c, at, edges[i].at_us, open, why);
		at = edges[i].at_us;
		if (edges[i].open) {
			open[s->state]++;
			why[s->state] = s->why;
		} else {
			open[s->state]--;
		}
	}
	return r != 0 ? r : add_span(c, at, c->e->to_us, open, why);
}

int
coverage_end(struct coverage_work *c)
{
	int r;

	if (c->any)
		c->h->word_us = c->last.wall_us;
	if ((r = paint_head(c)) == 0 && (r = paint_tail(c)) == 0)
		r = flatten(c);
	free(c->painted);
	free(c->ends);
	free(c);
	return r;
}

void
coverage_sum(struct exposure *e)
{
	/* Alarms that say that a log cannot be taken at its word. */
	static const char *const DOUBTS[] = {"fork", "root", "unsigned"};

	e->complete = e->nhosts > 0;
	for (size_t i = 0; i < e->nhosts; i++) {
		const struct exposure_host *h = &e->hosts[i];

		for (int s = 0; s < COVERAGE_STATES; s++)
			e->us[s] += h->us[s];
		if (h->us[COVERAGE_DEGRADED] > 0 || h->us[COVERAGE_BLIND] > 0 ||
		    h->us[COVERAGE_UNKNOWN] > h->waiting_us)
			e->complete = false;
	}
	for (size_t i = 0; i < e->nalarms; i++)
		for (size_t k = 0; k < ARRAY_LEN(DOUBTS); k++)
			if (str_eq(e->alarms[i].kind, DOUBTS[k]))
				e->complete = false;
}
