/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv - one table for a spreadsheet.
 *
 * Owns: the columns, in docs/man/chaperone-report.1, and their order. Rows are
 * of these kinds: coverage (one a host, so that the denominator travels along),
 * finding, canary (one a value, person and object), exact (one an index and
 * person), place, transfer, policy (somebody
 * met it; one a condition), behind (a finding behind it), other (findings that
 * the view does not show, counted), and cut (a list with more rows than are
 * shown); a column that does not apply is empty, as is
 * what is unknown.
 * Format: RFC 4180: CRLF, quotes where needed, doubled within. A cell that
 * begins with =, +, -, @, a tab or a carriage return gets an apostrophe in
 * front, since spreadsheets take such cells for formulas.
 */
#include <inttypes.h>
#include <string.h>

#include "collector/report/report.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

enum column {
	COLUMN_KIND,
	COLUMN_HOST,
	COLUMN_PERSON,
	COLUMN_GRADE,
	COLUMN_ACCOUNT,
	COLUMN_CHANNEL,
	COLUMN_ACTION,
	COLUMN_OBJECT,
	COLUMN_MEMBER,
	COLUMN_REMOTE,
	COLUMN_PORT,
	COLUMN_SERVER,
	COLUMN_CLASS,
	COLUMN_DETECTOR,
	COLUMN_VERSION,
	COLUMN_CONFIDENCE,
	COLUMN_SENSITIVITY,
	COLUMN_RECORDS,
	COLUMN_CAPPED,
	COLUMN_SAMPLES,
	COLUMN_TIMES,
	COLUMN_BYTES_OUT,
	COLUMN_BYTES_IN,
	COLUMN_EXAMINED,
	COLUMN_FIRST,
	COLUMN_LAST,
	COLUMN_OBSERVED,
	COLUMN_DEGRADED,
	COLUMN_BLIND,
	COLUMN_UNKNOWN,
	COLUMN_ALLOW,
	COLUMN_ALLOW_UNTIL,
	COLUMN_POLICY,
	COLUMN_LEVEL,
	COLUMN_FLAGS,
	COLUMN_EXACT,
	COLUMN_TOLD,
	COLUMN_CANDIDATES,
	COLUMN_CONFIRMED,
	COLUMN_SET,
	COLUMN_COPY,
	COLUMNS
};

static const char *const NAMES[COLUMNS] = {
    [COLUMN_KIND] = "kind",
    [COLUMN_HOST] = "host",
    [COLUMN_PERSON] = "person",
    [COLUMN_GRADE] = "grade",
    [COLUMN_ACCOUNT] = "account",
    [COLUMN_CHANNEL] = "channel",
    [COLUMN_ACTION] = "action",
    [COLUMN_OBJECT] = "object",
    [COLUMN_MEMBER] = "member",
    [COLUMN_REMOTE] = "remote",
    [COLUMN_PORT] = "port",
    [COLUMN_SERVER] = "server",
    [COLUMN_CLASS] = "class",
    [COLUMN_DETECTOR] = "detector",
    [COLUMN_VERSION] = "version",
    [COLUMN_CONFIDENCE] = "confidence",
    [COLUMN_SENSITIVITY] = "sensitivity",
    [COLUMN_RECORDS] = "records",
    [COLUMN_CAPPED] = "at_least",
    [COLUMN_SAMPLES] = "samples",
    [COLUMN_TIMES] = "times",
    [COLUMN_BYTES_OUT] = "bytes_out",
    [COLUMN_BYTES_IN] = "bytes_in",
    [COLUMN_EXAMINED] = "bytes_examined",
    [COLUMN_FIRST] = "first",
    [COLUMN_LAST] = "last",
    [COLUMN_OBSERVED] = "seconds_observed",
    [COLUMN_DEGRADED] = "seconds_degraded",
    [COLUMN_BLIND] = "seconds_blind",
    [COLUMN_UNKNOWN] = "seconds_unknown",
    [COLUMN_ALLOW] = "allow",
    [COLUMN_ALLOW_UNTIL] = "allow_until",
    [COLUMN_POLICY] = "policy",
    [COLUMN_LEVEL] = "level",
    [COLUMN_FLAGS] = "flags",
    [COLUMN_EXACT] = "exact",
    [COLUMN_TOLD] = "confidence_told",
    [COLUMN_CANDIDATES] = "candidates",
    [COLUMN_CONFIRMED] = "confirmed",
    [COLUMN_SET] = "canary_set",
    [COLUMN_COPY] = "canary_copy",
};

/* One row in the making: borrowed texts, and room for numbers. */
struct row {
	const char *cells[COLUMNS];
	char numbers[COLUMNS][32];
};

static void
put_cell(struct buf *out, const char *text)
{
	bool formula, quoted;

	if (text == NULL || text[0] == '\0')
		return;
	formula = strchr("=+-@\t\r", text[0]) != NULL;
	quoted = strpbrk(text, ",\"\r\n") != NULL;
	if (quoted)
		buf_put_u8(out, '"');
	if (formula)
		buf_put_u8(out, '\'');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"')
			buf_put_u8(out, '"');
		buf_put_u8(out, (uint8_t)*p);
	}
	if (quoted)
		buf_put_u8(out, '"');
}

static void
put_row(struct buf *out, const char *const *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_put_u8(out, ',');
		put_cell(out, cells[i]);
	}
	buf_put(out, "\r\n", 2);
}

static void
set_number(struct row *r, enum column c, uint64_t v)
{
	(void)snprintf(r->numbers[c], sizeof r->numbers[c], "%" PRIu64, v);
	r->cells[c] = r->numbers[c];
}

static void
set_maybe(struct row *r, enum column c, int64_t v)
{
	if (v >= 0)
		set_number(r, c, (uint64_t)v);
}

static void
set_time(struct row *r, enum column c, int64_t us)
{
	if (us == 0)
		return;
	clock_text(us, r->numbers[c]);
	r->cells[c] = r->numbers[c];
}

static void
put_coverage(
    struct buf *out, const struct exposure *e, const struct exposure_host *h)
{
	struct row r = {.cells = {"coverage", h->name}};

	set_time(&r, COLUMN_FIRST, e->from_us);
	set_time(&r, COLUMN_LAST, e->to_us);
	set_maybe(&r, COLUMN_OBSERVED, h->us[COVERAGE_OBSERVED] / 1000000);
	set_maybe(&r, COLUMN_DEGRADED, h->us[COVERAGE_DEGRADED] / 1000000);
	set_maybe(&r, COLUMN_BLIND, h->us[COVERAGE_BLIND] / 1000000);
	set_maybe(&r, COLUMN_UNKNOWN, h->us[COVERAGE_UNKNOWN] / 1000000);
	put_row(out, r.cells, COLUMNS);
}

static void
put_finding(struct buf *out, const struct exposure_finding *f)
{
	struct row r = {
	    .cells = {"finding", f->host, f->person, f->grade, f->account,
		f->channel, f->op, f->path, f->member, f->dst}};

	set_maybe(&r, COLUMN_PORT, f->dport);
	r.cells[COLUMN_SERVER] = f->server;
	r.cells[COLUMN_CLASS] = f->class_name;
	r.cells[COLUMN_DETECTOR] = f->detector;
	r.cells[COLUMN_VERSION] = f->version;
	r.cells[COLUMN_CONFIDENCE] = f->confidence;
	r.cells[COLUMN_SENSITIVITY] = f->sensitivity;
	set_number(&r, COLUMN_RECORDS, f->records);
	r.cells[COLUMN_CAPPED] = f->capped ? "yes" : "no";
	r.cells[COLUMN_SAMPLES] = f->sample ? "yes" : "no";
	r.cells[COLUMN_FLAGS] = f->flags;
	r.cells[COLUMN_ALLOW] = f->allow;
	r.cells[COLUMN_ALLOW_UNTIL] = f->allow_until;
	if (f->exact != NULL) {
		r.cells[COLUMN_EXACT] = f->exact;
		r.cells[COLUMN_TOLD] = f->told;
		set_number(&r, COLUMN_CANDIDATES, f->candidates);
		set_number(&r, COLUMN_CONFIRMED, f->confirmed);
	}
	set_number(&r, COLUMN_TIMES, f->entries);
	set_time(&r, COLUMN_FIRST, f->first_us);
	set_time(&r, COLUMN_LAST, f->last_us);
	put_row(out, r.cells, COLUMNS);
}

static void
put_canary(struct buf *out, const struct exposure_canary *c)
{
	struct row r = {
	    .cells = {"canary", c->host, c->person, c->grade, c->account,
		c->channel, c->op, c->path, c->member, c->dst}};

	r.cells[COLUMN_SERVER] = c->server;
	r.cells[COLUMN_DETECTOR] = c->detector;
	r.cells[COLUMN_EXACT] = c->exact;
	r.cells[COLUMN_SET] = c->set;
	if (c->copy > 0)
		set_number(&r, COLUMN_COPY, c->copy);
	set_number(&r, COLUMN_TIMES, c->entries);
	set_time(&r, COLUMN_FIRST, c->first_us);
	set_time(&r, COLUMN_LAST, c->last_us);
	put_row(out, r.cells, COLUMNS);
}

/* An index and a person: distinct values, and what waits, if anything. */
static void
put_exact(struct buf *out, const struct exposure_exact *x)
{
	struct row r = {.cells = {"exact", NULL, x->person}};

	r.cells[COLUMN_OBJECT] = x->index;
	r.cells[COLUMN_VERSION] = x->index != NULL ? x->id : NULL;
	r.cells[COLUMN_EXACT] = x->missing > 0   ? "missing"
				: x->closed > 0  ? "closed"
				: x->pending > 0 ? "pending"
						 : NULL;
	set_number(
	    &r, COLUMN_CANDIDATES, x->confirmed + x->refuted + x->waiting);
	set_number(&r, COLUMN_CONFIRMED, x->confirmed);
	set_time(&r, COLUMN_FIRST, x->first_us);
	set_time(&r, COLUMN_LAST, x->last_us);
	put_row(out, r.cells, COLUMNS);
}

static void
put_place(struct buf *out, const struct exposure_place *p)
{
	struct row r = {.cells = {"place", p->host}};

	r.cells[COLUMN_CHANNEL] = "net";
	r.cells[COLUMN_ACTION] = p->direction;
	r.cells[COLUMN_REMOTE] = p->remote;
	set_maybe(&r, COLUMN_PORT, p->port);
	r.cells[COLUMN_SERVER] = p->server;
	set_number(&r, COLUMN_TIMES, p->flows);
	set_number(&r, COLUMN_BYTES_OUT, p->out);
	set_number(&r, COLUMN_BYTES_IN, p->in);
	set_number(&r, COLUMN_EXAMINED, p->examined);
	set_time(&r, COLUMN_FIRST, p->first_us);
	set_time(&r, COLUMN_LAST, p->last_us);
	put_row(out, r.cells, COLUMNS);
}

static void
put_transfer(struct buf *out, const struct exposure_transfer *t)
{
	struct row r = {.cells = {"transfer", t->host, t->person, t->grade}};
	bool outward = str_eq(t->direction, "out");

	r.cells[COLUMN_CHANNEL] = "net";
	r.cells[COLUMN_ACTION] = t->method != NULL ? t->method : t->direction;
	r.cells[COLUMN_OBJECT] = t->filename != NULL ? t->filename : t->uri;
	r.cells[COLUMN_REMOTE] = t->dst;
	set_maybe(&r, COLUMN_PORT, t->dport);
	r.cells[COLUMN_SERVER] = t->server;
	set_maybe(&r, outward ? COLUMN_BYTES_OUT : COLUMN_BYTES_IN, t->bytes);
	set_maybe(&r, COLUMN_EXAMINED, t->examined);
	set_time(&r, COLUMN_FIRST, t->at_us);
	set_time(&r, COLUMN_LAST, t->at_us);
	put_row(out, r.cells, COLUMNS);
}

static void
put_egress(struct buf *out, const struct exposure_egress *t)
{
	struct row r = {.cells = {"egress", t->host, t->person, t->grade}};

	r.cells[COLUMN_CHANNEL] = t->channel;
	r.cells[COLUMN_OBJECT] = t->path;
	r.cells[COLUMN_REMOTE] = t->dst;
	set_maybe(&r, COLUMN_PORT, t->dport);
	r.cells[COLUMN_SERVER] = t->server;
	r.cells[COLUMN_CLASS] = t->classes;
	set_maybe(&r, COLUMN_BYTES_OUT, t->bytes);
	r.cells[COLUMN_LEVEL] = t->evidence;
	set_time(&r, COLUMN_FIRST, t->at_us);
	set_time(&r, COLUMN_LAST, t->at_us);
	put_row(out, r.cells, COLUMNS);
}

static void
put_condition(struct buf *out, const struct exposure *e,
    const struct exposure_hit *h, const struct exposure_condition *c)
{
	const struct exposure_policy *p = &e->policies[h->policy];
	struct row r = {.cells = {"policy", NULL, h->person}};

	r.cells[COLUMN_DETECTOR] = c->subject;
	set_number(&r, COLUMN_RECORDS, c->unique);
	r.cells[COLUMN_CAPPED] = c->capped ? "yes" : "no";
	set_number(&r, COLUMN_TIMES, h->times);
	set_time(&r, COLUMN_FIRST, h->first_us);
	set_time(&r, COLUMN_LAST, h->last_us);
	r.cells[COLUMN_POLICY] = p->id;
	r.cells[COLUMN_LEVEL] = p->level;
	put_row(out, r.cells, COLUMNS);
}

static void
put_behind(struct buf *out, const struct exposure *e,
    const struct exposure_hit *h, const struct exposure_behind *b)
{
	struct row r = {.cells = {"behind", b->host, h->person}};

	r.cells[COLUMN_CHANNEL] = b->channel;
	r.cells[COLUMN_ACTION] = b->op;
	r.cells[COLUMN_OBJECT] = b->path;
	r.cells[COLUMN_MEMBER] = b->member;
	r.cells[COLUMN_REMOTE] = b->dst;
	r.cells[COLUMN_SERVER] = b->server;
	r.cells[COLUMN_CLASS] = b->class_name;
	r.cells[COLUMN_DETECTOR] = b->detector;
	r.cells[COLUMN_CONFIDENCE] = b->confidence;
	set_number(&r, COLUMN_RECORDS, b->records);
	r.cells[COLUMN_CAPPED] = b->capped ? "yes" : "no";
	set_number(&r, COLUMN_TIMES, b->entries);
	set_time(&r, COLUMN_FIRST, b->first_us);
	set_time(&r, COLUMN_LAST, b->last_us);
	r.cells[COLUMN_POLICY] = e->policies[h->policy].id;
	r.cells[COLUMN_LEVEL] = e->policies[h->policy].level;
	put_row(out, r.cells, COLUMNS);
}

static void
put_hit(struct buf *out, const struct exposure *e, const struct exposure_hit *h)
{
	for (size_t i = 0; i < h->nconditions; i++)
		put_condition(out, e, h, &e->conditions[h->condition + i]);
	for (size_t i = 0; i < h->nbehind; i++)
		put_behind(out, e, h, &e->behind[h->behind + i]);
}

static void
put_others(struct buf *out, const struct exposure *e)
{
	struct row r = {.cells = {"other"}};

	if (e->view == NULL)
		return;
	r.cells[COLUMN_OBJECT] = e->view;
	set_number(&r, COLUMN_TIMES, e->others);
	put_row(out, r.cells, COLUMNS);
}

static void
put_cut(struct buf *out, const struct exposure *e)
{
	static const struct {
		enum exposure_list list;
		const char *name;
	} LISTS[] = {{LIST_FINDINGS, "finding"}, {LIST_CANARIES, "canary"},
	    {LIST_PLACES, "place"}, {LIST_TRANSFERS, "transfer"},
	    {LIST_EGRESS, "egress"}};

	for (size_t i = 0; i < ARRAY_LEN(LISTS); i++) {
		struct row r = {.cells = {"cut"}};

		if (!e->cut[LISTS[i].list])
			continue;
		r.cells[COLUMN_OBJECT] = LISTS[i].name;
		put_row(out, r.cells, COLUMNS);
	}
}

void
csv_exposure(const struct exposure *e, struct buf *out)
{
	put_row(out, NAMES, COLUMNS);
	for (size_t i = 0; i < e->nhosts; i++)
		put_coverage(out, e, &e->hosts[i]);
	for (size_t i = 0; i < e->ncanaries; i++)
		put_canary(out, &e->canaries[i]);
	for (size_t i = 0; i < e->nfindings; i++)
		put_finding(out, &e->findings[i]);
	for (size_t i = 0; i < e->nexacts; i++)
		put_exact(out, &e->exacts[i]);
	for (size_t i = 0; i < e->nplaces; i++)
		put_place(out, &e->places[i]);
	for (size_t i = 0; i < e->ntransfers; i++)
		put_transfer(out, &e->transfers[i]);
	for (size_t i = 0; i < e->negress; i++)
		put_egress(out, &e->egress[i]);
	for (size_t i = 0; i < e->nhits; i++)
		put_hit(out, e, &e->hits[i]);
	put_others(out, e);
	put_cut(out, e);
}

void
csv_index(const struct exposure *e, struct buf *out)
{
	static const char *const HEADING[] = {"provider", "first", "last",
	    "people", "hosts", "findings", "bytes_out", "records"};

	put_row(out, HEADING, ARRAY_LEN(HEADING));
	for (size_t i = 0; i < e->nproviders; i++) {
		const struct exposure_provider *p = &e->providers[i];
		const uint64_t counts[] = {
		    p->people, p->hosts, p->findings, p->out, p->entries};
		struct row r = {.cells = {p->id}};

		set_time(&r, (enum column)1, p->first_us);
		set_time(&r, (enum column)2, p->last_us);
		for (size_t k = 0; k < ARRAY_LEN(counts); k++)
			set_number(&r, (enum column)(3 + k), counts[k]);
		put_row(out, r.cells, ARRAY_LEN(HEADING));
	}
}
