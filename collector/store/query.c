/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - the readers' door of the collector's database.
 *
 * Owns: the questions that a report asks, as the table at its end.
 * Never: writes; guesses a value that is NULL; takes one finding that was told
 * twice for two (the most that one telling says is what counts).
 *
 * Every statement gets the provider as ?1, the bounds of wall_us as ?2 and ?3
 * (from, and one behind), the most rows that it may yield as ?4, and where it
 * is about findings what the view shows as ?5.
 */
#include "collector/store/query.h"

#include <errno.h>
#include <string.h>

#include "collector/store/schema.h"
#include "lib/actor.h"
#include "lib/buf.h"
#include "lib/canary.h"
#include "lib/db.h"
#include "lib/exact.h"
#include "lib/rows.h"
#include "lib/str.h"

#include "lib/own.h"

#define HOUR_US INT64_C(3600000000)
#define DAY_US (24 * HOUR_US)
/* One more than is shown, so that a cut is noticed. */
#define ROWS (EXPOSURE_ROWS_MAX + 1)
/* Traits are many to a person. */
#define SQL_MAX 16384
#define TRAITS (8 * EXPOSURE_ROWS_MAX)

struct query {
	struct db *db;
};

int
query_open(const char *path, struct query **out, struct diag *why)
{
	OWN(query_closep) struct query *q = calloc(1, sizeof *q);
	int64_t version = 0;
	int r;

	if (q == NULL)
		return -ENOMEM;
	r = db_open(path, DB_READ_ONLY, &q->db, why);
	if (r == 0)
		r = db_exec(q->db, "BEGIN", why);
	if (r == 0)
		r = db_version(q->db, &version);
	if (r == 0 && version == 0)
		return diag_set(why, -ENOENT, "the store has no tables yet");
	if (r == 0 && version != SCHEMA_VERSION)
		return diag_set(why, -EBADMSG,
		    "the store has version %lld, this program knows %d",
		    (long long)version, SCHEMA_VERSION);
	if (r != 0)
		return diag_set(why, r, "%s: %s", path, strerror(-r));
	*out = OWN_TAKE(&q);
	return 0;
}

void
query_close(struct query *q)
{
	if (q == NULL)
		return;
	db_close(q->db); /* and with it the snapshot */
	free(q);
}

void
query_closep(struct query **q)
{
	query_close(*q);
}

/* ---- rows ---- */

/* A row of @s becomes the next element of a list of @e. */
struct question {
	const char *sql;
	int (*row)(struct stmt *s, struct exposure *e);
	int64_t rows; /* 0: as many as there are */
};

/* Parts that statements share, written {name} in them. */
struct part {
	const char *name, *sql;
};

static const struct part PARTS[] = {
    {"of", "provider=?1 AND wall_us>=?2 AND wall_us<?3"},
    /* Everything that names a provider, and what tells of its person. */
    {"all",
	"(SELECT 0 type,agent_id,wall_us,provider,person,grade,why,account,"
	"session,NULL key_fp,NULL src_addr FROM access UNION ALL "
	"SELECT 1,agent_id,wall_us,provider,person,grade,why,account,session,"
	"key_fp,src_addr FROM finding UNION ALL "
	"SELECT 2,agent_id,wall_us,provider,person,grade,why,account,session,"
	"NULL,NULL FROM flow UNION ALL "
	"SELECT 3,agent_id,wall_us,provider,person,grade,why,account,session,"
	"NULL,NULL FROM transfer UNION ALL "
	"SELECT 4,agent_id,wall_us,provider,person,grade,why,account,session,"
	"key_fp,src_addr FROM session)"},
    /* Those that the view shows. */
    {"kind", "coalesce(detector,'')||char(31)||coalesce(class,'')"},
    {"finding", "(SELECT * FROM finding WHERE ?5 IS NULL OR {kind} IN"
		" (SELECT value FROM json_each(?5)))"},
    {"host", "(SELECT coalesce(nullif(host,''),id) FROM agent"
	     " WHERE id=agent_id)"},
    {"somebody", "count(DISTINCT nullif(person,'unknown'))"},
    {"nobody", "max(coalesce(person,'unknown')='unknown')"},
    {"object", "agent_id||char(31)||coalesce(path,'')"},
    {"possible", "(coalesce(uniq,count,1)-coalesce(candidates-confirmed,0))"},
    {"verdict", "CASE WHEN max(sealed) IS NULL THEN NULL"
		" WHEN max(coalesce(confirmed,0))>0 THEN 'confirmed'"
		" WHEN sum(sealed IS NOT NULL AND exact IS NULL)>0"
		" THEN 'pending' WHEN sum(exact='missing')>0 THEN 'missing'"
		" WHEN sum(exact='closed')>0 THEN 'closed' ELSE 'refuted' END"},
    {"rank", "CASE sensitivity WHEN 'critical' THEN 4 WHEN 'high' THEN 3"
	     " WHEN 'medium' THEN 2 WHEN 'low' THEN 1 ELSE 0 END"},
    {"remote", "CASE direction WHEN 'in' THEN src ELSE dst END"},
    /*
     * How many distinct values one detector, at one confidence, found in one
     * object. The same object read again holds the same values. Of an exact
     * data match those that were refuted are none, and those that were
     * confirmed (known) are sure, whatever the host's confidence.
     */
    {"values", "confidence,allow,max({possible}) n,"
	       "max(coalesce(confirmed,0)) known,"
	       "max(coalesce(uniq_capped,0)) capped,"
	       "min(coalesce(test_data,0)) sample"},
    {"apart", "confidence,allow,agent_id,path,member,detector"},
    {"sums", "sum(CASE WHEN sample=1 OR allow IS NOT NULL THEN 0"
	     " WHEN confidence='high' THEN n ELSE known END)"
	     " lo,sum(n) hi,max(capped) capped,"
	     "sum(CASE WHEN sample THEN n ELSE 0 END) samples"},
    /* Findings in what was sent. A flow that is open has no entry yet. */
    {"sent",
	"d AS (SELECT agent_id a,flow id,min(direction) direction FROM flow"
	" WHERE {of} GROUP BY 1,2),"
	"f AS (SELECT n.*,coalesce(direction,'out') way,{remote} remote"
	" FROM (SELECT * FROM {finding} WHERE {of} AND channel<>'file' AND"
	" op='send') n LEFT JOIN d ON a=agent_id AND id=flow)"},
};

static const struct part *
part_named(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
		if (strlen(PARTS[i].name) == len &&
		    memcmp(PARTS[i].name, name, len) == 0)
			return &PARTS[i];
	return NULL;
}

/* A part may hold parts, a few levels deep. */
static void
expand(const char *sql, unsigned depth, struct buf *out)
{
	const char *open;

	while ((open = strchr(sql, '{')) != NULL) {
		const char *close = strchr(open, '}');
		const struct part *p;

		must(close != NULL && depth < 4);
		p = part_named(open + 1, (size_t)(close - open) - 1);
		must(p != NULL);
		buf_put(out, sql, (size_t)(open - sql));
		expand(p->sql, depth + 1, out);
		sql = close + 1;
	}
	buf_put(out, sql, strlen(sql));
}

static int
prepare(struct query *q, const char *sql, struct stmt **out)
{
	OWN(buf_done) struct buf b = {0};
	const char *whole;

	buf_init(&b, SQL_MAX);
	expand(sql, 0, &b);
	whole = buf_text(&b);
	return whole == NULL ? -ENOMEM : db_prepare(q->db, whole, out, NULL);
}

static void
bind_period(struct stmt *s, const struct exposure *e)
{
	stmt_bind_text(s, 1, e->provider);
	stmt_bind_int(s, 2, e->open_from ? INT64_MIN : e->from_us);
	stmt_bind_int(s, 3, e->open_to ? INT64_MAX : e->to_us);
}

static int
ask(struct query *q, const struct question *t, struct exposure *e)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int r = prepare(q, t->sql, &s);

	if (r != 0)
		return r;
	bind_period(s, e);
	stmt_bind_int(s, 4, t->rows == 0 ? INT64_MAX : t->rows);
	if (stmt_binds(s) >= 5)
		stmt_bind_text(s, 5, e->shown);
	while ((r = stmt_step(s)) == 1) {
		r = t->row(s, e);
		if (r != 0)
			return r;
	}
	return r;
}

static const char *
text(struct stmt *s, int i, struct exposure *e)
{
	return stmt_is_null(s, i) ? NULL : exposure_text(e, stmt_text(s, i));
}

static uint64_t
number(struct stmt *s, int i)
{
	int64_t v = stmt_int(s, i);

	return v < 0 ? 0 : (uint64_t)v;
}

static int64_t
or_unknown(struct stmt *s, int i)
{
	return stmt_is_null(s, i) ? -1 : stmt_int(s, i);
}

/* The next element, unless the list is full: then the cut is noted. */
static void *
next(struct exposure *e, void *list, size_t *n, size_t size,
    enum exposure_list which, int *err)
{
	void *item = NULL;

	*err = 0;
	if (*n == EXPOSURE_ROWS_MAX) {
		e->cut[which] = true;
		return NULL;
	}
	item = exposure_add(list, n, size);
	if (item == NULL)
		*err = -ENOMEM;
	return item;
}

static void
widen(struct exposure *e, int64_t first_us, int64_t last_us)
{
	if (e->first_us == 0 || first_us < e->first_us)
		e->first_us = first_us;
	if (last_us > e->last_us)
		e->last_us = last_us;
}

/* ---- who ---- */

static int
row_type(struct stmt *s, struct exposure *e)
{
	uint64_t type = number(s, 0), n = number(s, 1);

	must(type < ARRAY_LEN(e->by_type));
	e->by_type[type] += n;
	e->entries += n;
	widen(e, stmt_int(s, 2), stmt_int(s, 3));
	return 0;
}

static int
row_grade(struct stmt *s, struct exposure *e)
{
	enum grade g;

	if (grade_parse(stmt_text(s, 0), &g) == 0)
		e->by_grade[g] += number(s, 1);
	else
		e->no_grade += number(s, 1);
	return 0;
}

static int
row_nobodys(struct stmt *s, struct exposure *e)
{
	e->nobodys = number(s, 0);
	return 0;
}

static int
row_known(struct stmt *s, struct exposure *e)
{
	e->known = stmt_int(s, 0) != 0;
	return 0;
}

static int
row_person(struct stmt *s, struct exposure *e)
{
	int err;
	struct exposure_person *p =
	    next(e, &e->people, &e->npeople, sizeof *p, LIST_PEOPLE, &err);

	if (p == NULL)
		return err;
	p->name = text(s, 0, e);
	p->entries = number(s, 1);
	p->sessions = number(s, 2);
	p->hosts = number(s, 3);
	p->first_us = stmt_int(s, 4);
	p->last_us = stmt_int(s, 5);
	for (int g = 0; g <= GRADE_UNKNOWN; g++)
		p->by_grade[g] = number(s, 6 + g);
	return 0;
}

static int
row_trait(struct stmt *s, struct exposure *e)
{
	struct exposure_trait *t =
	    exposure_add(&e->traits, &e->ntraits, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	t->person = text(s, 0, e);
	t->kind = (enum exposure_trait_kind)stmt_int(s, 1);
	t->value = text(s, 2, e);
	return 0;
}

/* Both lists are in the order of the person's name. */
static void
tie_traits(struct exposure *e)
{
	size_t at = 0;

	for (size_t i = 0; i < e->npeople; i++) {
		struct exposure_person *p = &e->people[i];

		while (at < e->ntraits &&
		       strcmp(e->traits[at].person, p->name) < 0)
			at++;
		p->traits = e->traits + at;
		while (
		    at < e->ntraits && str_eq(e->traits[at].person, p->name)) {
			at++;
			p->ntraits++;
		}
	}
}

/* ---- what ---- */

static int
row_class(struct stmt *s, struct exposure *e)
{
	struct exposure_class *c =
	    exposure_add(&e->classes, &e->nclasses, sizeof *c);
	static const char *const NAMES[] = {
	    NULL, "low", "medium", "high", "critical"};
	uint64_t rank = number(s, 1);

	if (c == NULL)
		return -ENOMEM;
	c->name = text(s, 0, e);
	c->sensitivity = rank < ARRAY_LEN(NAMES) ? NAMES[rank] : NULL;
	c->files = number(s, 2);
	c->read = number(s, 3);
	c->written = number(s, 4);
	c->people = number(s, 5);
	c->unknown = stmt_int(s, 6) != 0;
	c->first_us = stmt_int(s, 7);
	c->last_us = stmt_int(s, 8);
	c->low = number(s, 9);
	c->high = number(s, 10);
	c->capped = stmt_int(s, 11) != 0;
	c->samples = number(s, 12);
	return 0;
}

static int
row_files(struct stmt *s, struct exposure *e)
{
	e->files_touched = number(s, 0);
	return 0;
}

static int
row_detector(struct stmt *s, struct exposure *e)
{
	struct exposure_detector *d =
	    exposure_add(&e->detectors, &e->ndetectors, sizeof *d);

	if (d == NULL)
		return -ENOMEM;
	d->class_name = text(s, 0, e);
	d->name = text(s, 1, e);
	d->version = text(s, 2, e);
	d->channel = text(s, 3, e);
	d->objects = number(s, 4);
	d->entries = number(s, 5);
	d->high = number(s, 6);
	d->medium = number(s, 7);
	d->low = number(s, 8);
	return 0;
}

static int
row_finding(struct stmt *s, struct exposure *e)
{
	int err;
	struct exposure_finding *f = next(
	    e, &e->findings, &e->nfindings, sizeof *f, LIST_FINDINGS, &err);

	if (f == NULL)
		return err;
	f->host = text(s, 0, e);
	f->person = text(s, 1, e);
	f->grade = text(s, 2, e);
	f->account = text(s, 3, e);
	f->channel = text(s, 4, e);
	f->op = text(s, 5, e);
	f->path = text(s, 6, e);
	f->member = text(s, 7, e);
	f->src = text(s, 8, e);
	f->dst = text(s, 9, e);
	f->dport = or_unknown(s, 10);
	f->server = text(s, 11, e);
	f->class_name = text(s, 12, e);
	f->detector = text(s, 13, e);
	f->version = text(s, 14, e);
	f->confidence = text(s, 15, e);
	f->sensitivity = text(s, 16, e);
	f->mask = text(s, 17, e);
	f->records = number(s, 18);
	f->capped = stmt_int(s, 19) != 0;
	f->sample = stmt_int(s, 20) != 0;
	f->entries = number(s, 21);
	f->first_us = stmt_int(s, 22);
	f->last_us = stmt_int(s, 23);
	f->allow = text(s, 26, e);
	f->allow_until = text(s, 27, e);
	f->flags = text(s, 28, e);
	f->exact = text(s, 29, e);
	f->candidates = number(s, 30);
	f->confirmed = number(s, 31);
	if (f->exact != NULL)
		f->told = f->confidence;
	if (f->confirmed > 0)
		f->confidence = "high";
	return 0;
}

static int
row_allow(struct stmt *s, struct exposure *e)
{
	struct exposure_allow *a =
	    exposure_add(&e->allows, &e->nallows, sizeof *a);

	if (a == NULL)
		return -ENOMEM;
	a->id = text(s, 0, e);
	a->until = text(s, 1, e);
	a->detector = text(s, 2, e);
	a->entries = number(s, 3);
	a->people = number(s, 4);
	a->unknown = stmt_int(s, 5) != 0;
	a->first_us = stmt_int(s, 6);
	a->last_us = stmt_int(s, 7);
	a->records = number(s, 8);
	return 0;
}

static int
row_exact(struct stmt *s, struct exposure *e)
{
	struct exact_head head = {0};
	struct exposure_exact *x;
	int err;

	x = next(e, &e->exacts, &e->nexacts, sizeof *x, LIST_EXACTS, &err);
	if (x == NULL)
		return err;
	if (exact_head(stmt_text(s, 0), &head) == 0) {
		x->index = exposure_text(e, head.name);
		x->made_us = exact_made(head.id) * 1000000;
		str_hex(x->id, head.id, sizeof head.id);
	}
	x->person = text(s, 1, e);
	x->confirmed = number(s, 2);
	x->refuted = number(s, 3);
	x->pending = number(s, 4);
	x->missing = number(s, 5);
	x->closed = number(s, 6);
	x->waiting = number(s, 7);
	x->first_us = stmt_int(s, 8);
	x->last_us = stmt_int(s, 9);
	return 0;
}

static int
row_canary(struct stmt *s, struct exposure *e)
{
	struct exact_head head = {0};
	struct exposure_canary *c;
	enum canary_kind kind;
	const uint8_t *mark;
	size_t len = 0;
	int err;

	c = next(
	    e, &e->canaries, &e->ncanaries, sizeof *c, LIST_CANARIES, &err);
	if (c == NULL)
		return err;
	if (exact_head(stmt_text(s, 0), &head) == 0 &&
	    canary_set(head.name) != NULL)
		c->set = exposure_text(e, canary_set(head.name));
	mark = stmt_blob(s, 1, &len);
	if (len == ROWS_MARK &&
	    canary_parts(rows_number(mark), &kind, &c->copy))
		c->kind = canary_kind_name(kind);
	c->exact = text(s, 2, e);
	c->host = text(s, 3, e);
	c->person = text(s, 4, e);
	c->grade = text(s, 5, e);
	c->account = text(s, 6, e);
	c->channel = text(s, 7, e);
	c->op = text(s, 8, e);
	c->path = text(s, 9, e);
	c->member = text(s, 10, e);
	c->server = text(s, 11, e);
	c->dst = text(s, 12, e);
	c->detector = text(s, 13, e);
	c->entries = number(s, 14);
	c->first_us = stmt_int(s, 15);
	c->last_us = stmt_int(s, 16);
	return 0;
}

/* ---- where to ---- */

static int
row_place(struct stmt *s, struct exposure *e)
{
	int err;
	struct exposure_place *p =
	    next(e, &e->places, &e->nplaces, sizeof *p, LIST_PLACES, &err);

	if (p == NULL)
		return err;
	p->host = text(s, 0, e);
	p->remote = text(s, 1, e);
	p->server = text(s, 2, e);
	p->direction = text(s, 3, e);
	p->proto = text(s, 4, e);
	p->port = or_unknown(s, 5);
	p->loopback = p->remote != NULL && (str_starts(p->remote, "127.") ||
					       str_eq(p->remote, "::1"));
	p->flows = number(s, 6);
	p->people = number(s, 7);
	p->unknown = stmt_int(s, 8) != 0;
	p->out = number(s, 9);
	p->in = number(s, 10);
	p->unsized = number(s, 11);
	p->examined = number(s, 12);
	p->unexamined = number(s, 13);
	p->gap = number(s, 14);
	p->first_us = stmt_int(s, 15);
	p->last_us = stmt_int(s, 16);
	p->findings = number(s, 17);
	return 0;
}

static int
row_sent(struct stmt *s, struct exposure *e)
{
	struct exposure_sent *t = exposure_add(&e->sent, &e->nsent, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	t->remote = text(s, 0, e);
	t->port = or_unknown(s, 1);
	t->server = text(s, 2, e);
	t->class_name = text(s, 3, e);
	t->entries = number(s, 4);
	t->people = number(s, 5);
	t->unknown = stmt_int(s, 6) != 0;
	t->first_us = stmt_int(s, 7);
	t->last_us = stmt_int(s, 8);
	t->low = number(s, 9);
	t->high = number(s, 10);
	t->capped = stmt_int(s, 11) != 0;
	return 0;
}

static int
row_transfer(struct stmt *s, struct exposure *e)
{
	int err;
	struct exposure_transfer *t = next(
	    e, &e->transfers, &e->ntransfers, sizeof *t, LIST_TRANSFERS, &err);

	if (t == NULL)
		return err;
	t->host = text(s, 0, e);
	t->person = text(s, 1, e);
	t->grade = text(s, 2, e);
	t->protocol = text(s, 3, e);
	t->direction = text(s, 4, e);
	t->method = text(s, 5, e);
	t->uri = text(s, 6, e);
	t->filename = text(s, 7, e);
	t->server = text(s, 8, e);
	t->dst = text(s, 9, e);
	t->dport = or_unknown(s, 10);
	t->bytes = or_unknown(s, 11);
	t->examined = or_unknown(s, 12);
	t->complete = stmt_int(s, 13) != 0;
	t->at_us = stmt_int(s, 14);
	return 0;
}

static int
row_egress(struct stmt *s, struct exposure *e)
{
	int err;
	struct exposure_egress *t =
	    next(e, &e->egress, &e->negress, sizeof *t, LIST_EGRESS, &err);

	if (t == NULL)
		return err;
	t->host = text(s, 0, e);
	t->person = text(s, 1, e);
	t->grade = text(s, 2, e);
	t->path = text(s, 3, e);
	t->derived = text(s, 4, e);
	t->channel = text(s, 5, e);
	t->dst = text(s, 6, e);
	t->server = text(s, 7, e);
	t->evidence = text(s, 8, e);
	t->reasons = text(s, 9, e);
	t->classes = text(s, 10, e);
	t->dport = or_unknown(s, 11);
	t->bytes = or_unknown(s, 12);
	t->size = or_unknown(s, 13);
	t->files = number(s, 14);
	t->at_us = stmt_int(s, 15);
	return 0;
}

/* ---- what was not seen, and what it rests on ---- */

static int
row_gap(struct stmt *s, struct exposure *e)
{
	int err;
	struct exposure_gap *g =
	    next(e, &e->gaps, &e->ngaps, sizeof *g, LIST_GAPS, &err);

	if (g == NULL)
		return err;
	g->host = text(s, 0, e);
	g->kind = text(s, 1, e);
	g->where = text(s, 2, e);
	g->reason = text(s, 3, e);
	g->own = stmt_int(s, 4) != 0;
	g->count = number(s, 5);
	g->lost = number(s, 6);
	g->bytes = number(s, 7);
	g->first_us = stmt_int(s, 8);
	g->last_us = stmt_int(s, 9);
	return 0;
}

static int
row_alarm(struct stmt *s, struct exposure *e)
{
	int err;
	struct exposure_alarm *a =
	    next(e, &e->alarms, &e->nalarms, sizeof *a, LIST_ALARMS, &err);

	if (a == NULL)
		return err;
	a->host = text(s, 0, e);
	a->kind = text(s, 1, e);
	a->detail = text(s, 2, e);
	a->at_us = stmt_int(s, 3);
	return 0;
}

static int
row_rules(struct stmt *s, struct exposure *e)
{
	struct exposure_rules *r =
	    exposure_add(&e->rules, &e->nrules, sizeof *r);

	if (r == NULL)
		return -ENOMEM;
	r->host = text(s, 0, e);
	r->version = text(s, 1, e);
	r->digest = text(s, 2, e);
	r->why = text(s, 3, e);
	r->at_us = stmt_int(s, 4);
	return 0;
}

static int
row_day(struct stmt *s, struct exposure *e)
{
	struct exposure_day *d = exposure_add(&e->days, &e->ndays, sizeof *d);

	if (d == NULL)
		return -ENOMEM;
	d->day_us = stmt_int(s, 0) * DAY_US;
	d->findings = number(s, 1);
	d->accesses = number(s, 2);
	d->out = number(s, 3);
	return 0;
}

static int
row_host(struct stmt *s, struct exposure *e)
{
	struct exposure_host *h =
	    exposure_add(&e->hosts, &e->nhosts, sizeof *h);

	if (h == NULL)
		return -ENOMEM;
	h->agent = text(s, 0, e);
	h->name = text(s, 1, e);
	h->state = text(s, 2, e);
	h->vkey = text(s, 3, e);
	h->enrolled_us = stmt_int(s, 4);
	h->revoked_us = stmt_int(s, 5);
	h->seen_us = stmt_int(s, 6);
	h->gen = (uint32_t)number(s, 7);
	h->entries = number(s, 8);
	h->receipted = number(s, 9);
	h->next = number(s, 10);
	h->of_provider = number(s, 11);
	return 0;
}

/* Losses and deaths come in the order of their time, of all hosts. */
static int
row_harm(struct stmt *s, struct exposure *e)
{
	for (size_t i = 0; i < e->nhosts; i++) {
		struct exposure_host *h = &e->hosts[i];
		struct exposure_harm *m;

		if (!str_eq(h->agent, stmt_text(s, 0)))
			continue;
		m = exposure_add(&h->harms, &h->nharms, sizeof *m);
		if (m == NULL)
			return -ENOMEM;
		m->role = text(s, 1, e);
		m->reason = text(s, 2, e);
		m->from_us = stmt_int(s, 3);
		m->to_us = stmt_int(s, 4);
		break;
	}
	return 0;
}

static int
row_provider(struct stmt *s, struct exposure *e)
{
	int err;
	struct exposure_provider *p = next(
	    e, &e->providers, &e->nproviders, sizeof *p, LIST_OTHERS, &err);

	if (p == NULL)
		return err;
	p->id = text(s, 0, e);
	p->entries = number(s, 1);
	p->findings = number(s, 2);
	p->people = number(s, 3);
	p->hosts = number(s, 4);
	p->first_us = stmt_int(s, 5);
	p->last_us = stmt_int(s, 6);
	p->out = number(s, 7);
	return 0;
}

/* ---- the questions ---- */

/* ?1 has to stand in each, though not each is about one provider. */
static const struct question HOSTS = {
    "SELECT id,coalesce(nullif(host,''),id),state,vkey,"
    "coalesce(enrolled_us,0),coalesce(revoked_us,0),coalesce(seen_us,0),gen,"
    "(SELECT sum(count) FROM batch WHERE agent_id=id),"
    "(SELECT max(first+count) FROM batch b WHERE agent_id=id AND"
    " b.gen=agent.gen AND length(cosigned)>0),"
    "(SELECT size FROM frontier t WHERE agent_id=id AND t.gen=agent.gen),"
    "coalesce(n,0) FROM agent LEFT JOIN (SELECT agent_id a,count(*) n"
    " FROM {all} WHERE {of} GROUP BY 1) ON a=id ORDER BY 2,1 LIMIT ?4",
    row_host, 0};

static const struct question HARMS = {
    "SELECT agent_id,CASE kind WHEN 'crash' THEN coalesce(role,'') END,reason,"
    "min(coalesce(from_us,wall_us),coalesce(to_us,wall_us)) begin,"
    "max(coalesce(from_us,wall_us),coalesce(to_us,wall_us)) FROM gap"
    " WHERE kind IN('loss','crash') AND ?1 IS ?1 AND"
    " wall_us>=?2-3600000000 AND wall_us<?3+3600000000 ORDER BY begin LIMIT ?4",
    row_harm, 0};

static const struct question ALARMS = {
    "SELECT {host},kind,detail,wall_us FROM alarm WHERE ?1 IS ?1 AND"
    " wall_us>=?2 AND wall_us<?3 ORDER BY wall_us DESC LIMIT ?4",
    row_alarm, ROWS};

static const struct question PROVIDERS = {
    "SELECT p,n,found,people,hosts,first,last,coalesce(b,0) FROM"
    " (SELECT coalesce(provider,'unknown') p,count(*) n,sum(type=1) found,"
    "{somebody} people,count(DISTINCT agent_id) hosts,min(wall_us) first,"
    "max(wall_us) last FROM {all} WHERE ?1 IS ?1 AND wall_us>=?2 AND"
    " wall_us<?3 GROUP BY 1) LEFT JOIN"
    " (SELECT coalesce(provider,'unknown') o,sum(bytes_out) b FROM flow WHERE"
    " coalesce({remote},'') NOT LIKE '127.%' AND coalesce({remote},'')<>'::1'"
    " GROUP BY 1) ON o=p ORDER BY p LIMIT ?4",
    row_provider, ROWS};

static const struct question TYPES = {
    "SELECT type,count(*),min(wall_us),max(wall_us) FROM {all} WHERE {of}"
    " GROUP BY 1 LIMIT ?4",
    row_type, 0};

static const struct question GRADES = {
    "SELECT grade,count(*) FROM {all} WHERE {of} GROUP BY 1 LIMIT ?4",
    row_grade, 0};

static const struct question KNOWN = {
    "SELECT EXISTS(SELECT 1 FROM {all} WHERE provider=?1) LIMIT ?4", row_known,
    0};

static const struct question NOBODYS = {
    "SELECT count(*) FROM {all} WHERE ?1<>'unknown' AND provider='unknown'"
    " AND wall_us>=?2 AND wall_us<?3 LIMIT ?4",
    row_nobodys, 0};

static const struct question PEOPLE = {
    "SELECT coalesce(person,'unknown') p,count(*),"
    "count(DISTINCT agent_id||char(31)||session),count(DISTINCT agent_id),"
    "min(wall_us),max(wall_us),sum(grade='key'),sum(grade='account'),"
    "sum(grade='session'),sum(grade='lineage'),"
    "sum(coalesce(grade,'unknown')='unknown') FROM {all} WHERE {of}"
    " GROUP BY p ORDER BY p LIMIT ?4",
    row_person, ROWS};

static const struct question TRAIT_LIST = {
    "WITH e AS MATERIALIZED (SELECT DISTINCT coalesce(person,'unknown') p,"
    "account,key_fp,src_addr,why FROM {all} WHERE {of})"
    "SELECT p,0,account FROM e WHERE account IS NOT NULL UNION "
    "SELECT p,1,key_fp FROM e WHERE key_fp IS NOT NULL UNION "
    "SELECT p,2,src_addr FROM e WHERE src_addr IS NOT NULL UNION "
    "SELECT p,3,why FROM e WHERE why IS NOT NULL AND p='unknown'"
    " ORDER BY 1,2,3 LIMIT ?4",
    row_trait, TRAITS};

static const struct question CLASSES = {
    "WITH f AS MATERIALIZED (SELECT *,coalesce(class,'unknown') cl FROM"
    " {finding} WHERE {of} AND channel='file'),"
    "v AS (SELECT cl,{values} FROM f GROUP BY cl,{apart}),"
    "r AS (SELECT cl,{sums} FROM v GROUP BY cl)"
    "SELECT cl,max({rank}),count(DISTINCT {object}),"
    "count(DISTINCT CASE WHEN op<>'write' THEN {object} END),"
    "count(DISTINCT CASE WHEN op='write' THEN {object} END),{somebody},"
    "{nobody},min(wall_us),max(wall_us),lo,hi,capped,samples"
    " FROM f JOIN r USING(cl) GROUP BY cl ORDER BY 2 DESC,hi DESC,cl LIMIT ?4",
    row_class, 0};

static const struct question FILES = {
    "SELECT count(DISTINCT {object}) FROM {finding} WHERE {of} AND"
    " channel='file' LIMIT ?4",
    row_files, 0};

static const struct question DETECTORS = {
    "WITH f AS MATERIALIZED (SELECT *,coalesce(class,'unknown') cl FROM"
    " {finding} WHERE {of}),"
    "v AS (SELECT cl,version,channel,detector,{values} FROM f"
    " GROUP BY cl,version,channel,{apart}),"
    "r AS (SELECT cl,detector,version,channel,"
    "sum(iif(confidence='high',n,known)) hi,"
    "sum(iif(confidence='medium',n-known,0)) mid,"
    "sum(iif(confidence='low',n-known,0)) lo FROM v GROUP BY 1,2,3,4),"
    "o AS (SELECT cl,detector,version,channel,count(DISTINCT {object}) objects,"
    "count(*) entries FROM f GROUP BY 1,2,3,4)"
    "SELECT r.cl,r.detector,r.version,r.channel,objects,entries,hi,mid,lo"
    " FROM r JOIN o ON o.cl=r.cl AND o.detector IS r.detector AND"
    " o.version IS r.version AND o.channel IS r.channel"
    " ORDER BY 1,2,3,4 LIMIT ?4",
    row_detector, 0};

static const struct question FINDINGS = {
    "SELECT {host},coalesce(person,'unknown'),grade,account,channel,op,path,"
    "member,src,dst,dport,host,class,detector,version,confidence,"
    "max(sensitivity),max(mask),max(coalesce(uniq,count,1)) n,"
    "max(coalesce(uniq_capped,0)),min(coalesce(test_data,0)),count(*),"
    "min(wall_us),max(wall_us),max({rank}) rank,"
    "CASE WHEN confidence='high' OR max(coalesce(confirmed,0))>0 THEN 3"
    " WHEN confidence='medium' THEN 2 ELSE 1 END sure,"
    "allow,allow_until,flags,{verdict},max(coalesce(candidates,0)),"
    "max(coalesce(confirmed,0))"
    " FROM {finding} WHERE {of} GROUP BY agent_id,2,grade,account,channel,op,"
    "path,member,src,dst,dport,host,class,detector,version,confidence,"
    "allow,allow_until,flags"
    " ORDER BY rank DESC,sure DESC,n DESC,min(wall_us),path,detector LIMIT ?4",
    row_finding, ROWS};

static const struct question ALLOWS = {
    "WITH f AS MATERIALIZED (SELECT * FROM {finding} WHERE {of} AND"
    " allow IS NOT NULL),"
    "r AS (SELECT allow a,allow_until u,detector d,sum(n) n FROM"
    " (SELECT allow_until,detector,{values} FROM f GROUP BY allow_until,"
    "{apart}) GROUP BY 1,2,3)"
    "SELECT allow,allow_until,detector,count(*),{somebody},{nobody},"
    "min(wall_us),max(wall_us),r.n FROM f JOIN r ON a=allow AND"
    " u IS allow_until AND d IS detector GROUP BY 1,2,3 ORDER BY 1,2,3"
    " LIMIT ?4",
    row_allow, ROWS};

/* 64 characters: EXACT_HEAD_TEXT. 16 candidates: EXACT_CANDIDATES_MAX. */
static const struct question EXACTS = {
    "WITH f AS MATERIALIZED (SELECT *,substr(sealed,1,64) head,"
    "coalesce(person,'unknown') who FROM finding WHERE {of} AND"
    " sealed IS NOT NULL),"
    "v AS (SELECT head h,who w,count(DISTINCT value) n FROM f"
    " JOIN exact_value USING(agent_id,gen,seq) GROUP BY 1,2),"
    "r AS (SELECT head h,who w,sum(n) n FROM (SELECT head,who,"
    "max(candidates-confirmed) n FROM f WHERE exact='done'"
    " GROUP BY head,who,agent_id,path,member,detector) GROUP BY 1,2),"
    "o AS (SELECT head,who,sum(exact IS NULL) pending,"
    "coalesce(sum(exact='missing'),0) missing,"
    "coalesce(sum(exact='closed'),0) closed,"
    "sum(iif(exact='done',0,min(16,coalesce(uniq,count,1)))) waiting,"
    "min(wall_us) first,max(wall_us) last FROM f GROUP BY 1,2)"
    "SELECT head,who,v.n,r.n,pending,missing,closed,waiting,first,last FROM o"
    " LEFT JOIN v ON v.h=head AND v.w=who LEFT JOIN r ON r.h=head AND r.w=who"
    " ORDER BY v.n DESC,head,who LIMIT ?4",
    row_exact, ROWS};

/*
 * A mark with a number (12 bytes: ROWS_MARK) is a canary's, whatever the host
 * calls it. What is not confirmed is one by the host's word; what was refuted is
 * none. No view hides them.
 */
static const struct question CANARIES = {
    "WITH f AS MATERIALIZED (SELECT * FROM finding WHERE {of} AND"
    " sealed IS NOT NULL)"
    "SELECT substr(sealed,1,64) head,value,"
    "CASE WHEN exact='done' THEN 'confirmed' ELSE coalesce(exact,'pending')"
    " END state,{host},coalesce(person,'unknown'),grade,account,channel,op,"
    "path,member,host,dst,detector,count(*),min(wall_us),max(wall_us)"
    " FROM f LEFT JOIN exact_value USING(agent_id,gen,seq)"
    " WHERE length(value)=12 OR (class='canary' AND exact IS NOT 'done')"
    " GROUP BY head,value,state,agent_id,5,grade,account,channel,op,path,"
    "member,host,dst,detector"
    " ORDER BY value IS NULL,min(wall_us),head,value,path LIMIT ?4",
    row_canary, ROWS};

static const struct question PLACES = {
    "WITH {sent},"
    "c AS (SELECT agent_id a,way,remote r,dport p,host s,count(*) k FROM f"
    " GROUP BY 1,2,3,4,5),"
    "l AS (SELECT *,{remote} remote FROM flow WHERE {of}),"
    "g AS (SELECT agent_id,remote,host server,direction,proto,dport,count(*) n,"
    "{somebody} people,{nobody} nobody,sum(coalesce(bytes_out,0)) out,"
    "sum(coalesce(bytes_in,0)) inn,"
    "sum(bytes_out IS NULL OR bytes_in IS NULL) unsized,"
    "sum(coalesce(min(examined_out,bytes_out),0)) examined,"
    "sum(iif(examined_out IS NULL,coalesce(bytes_out,0),0)) unexamined,"
    "sum(coalesce(gap_bytes,0)) gap,min(coalesce(began_us,wall_us)) first,"
    "max(coalesce(ended_us,wall_us)) last FROM l"
    " GROUP BY agent_id,remote,host,direction,proto,dport)"
    "SELECT {host},remote,server,direction,proto,dport,n,people,nobody,out,inn,"
    "unsized,examined,unexamined,gap,first,last,k FROM g LEFT JOIN c ON"
    " a=agent_id AND way=direction AND r IS remote AND p IS dport AND"
    " s IS server ORDER BY out DESC,n DESC,remote,dport,server LIMIT ?4",
    row_place, ROWS};

static const struct question SENT = {
    "WITH {sent},"
    "v AS (SELECT remote,dport,host,coalesce(class,'unknown') cl,{values}"
    " FROM f GROUP BY remote,dport,host,cl,{apart}),"
    "r AS (SELECT remote,dport,host,cl,{sums} FROM v GROUP BY 1,2,3,4),"
    "g AS (SELECT remote,dport,host,coalesce(class,'unknown') cl,count(*) n,"
    "{somebody} people,{nobody} nobody,min(wall_us) first,max(wall_us) last,"
    "max({rank}) rank FROM f GROUP BY 1,2,3,4)"
    "SELECT g.remote,g.dport,g.host,g.cl,n,people,nobody,first,last,lo,hi,"
    "capped FROM g JOIN r ON r.remote IS g.remote AND r.dport IS g.dport AND"
    " r.host IS g.host AND r.cl=g.cl ORDER BY rank DESC,hi DESC,g.cl,g.remote"
    " LIMIT ?4",
    row_sent, 0};

static const struct question TRANSFERS = {
    "SELECT {host},coalesce(person,'unknown'),grade,protocol,direction,method,"
    "uri,filename,host,{remote},dport,bytes,examined,complete,wall_us"
    " FROM transfer WHERE {of} ORDER BY direction DESC,bytes DESC,wall_us"
    " LIMIT ?4",
    row_transfer, ROWS};

static const struct question EGRESS = {
    "SELECT {host},coalesce(person,'unknown'),grade,path,derived,channel,dst,"
    "host,evidence,reasons,classes,dport,bytes,size,coalesce(files,0),wall_us"
    " FROM egress WHERE {of} ORDER BY evidence DESC,wall_us,seq LIMIT ?4",
    row_egress, ROWS};

static const struct question GAPS = {
    "SELECT {host},kind,coalesce(role,stage,op),reason,kind='skipped',count(*),"
    "sum(coalesce(lost,0)),sum(coalesce(bytes,0)),"
    "min(coalesce(from_us,wall_us)),max(coalesce(to_us,wall_us)) FROM gap"
    " WHERE (kind<>'skipped' OR provider=?1) AND wall_us>=?2 AND wall_us<?3"
    " GROUP BY agent_id,kind,3,reason"
    " ORDER BY kind='skipped',count(*) DESC,kind,reason LIMIT ?4",
    row_gap, ROWS};

/* Those of the period, and of each host the last ones before it. */
static const struct question RULES = {
    "SELECT {host},json_extract(detail,'$.version'),rules,"
    "'the agent started',max(wall_us) FROM cover WHERE ?1 IS ?1 AND"
    " type='cov.start' AND wall_us<?3 AND (wall_us>=?2 OR wall_us="
    "(SELECT max(wall_us) FROM cover p WHERE p.agent_id=cover.agent_id AND"
    " p.type='cov.start' AND p.wall_us<?2)) GROUP BY agent_id,2,3 UNION ALL "
    "SELECT {host},NULL,rules,'findings of these rules',min(wall_us)"
    " FROM finding WHERE {of} AND rules IS NOT NULL GROUP BY agent_id,rules"
    " ORDER BY 1,5 LIMIT ?4",
    row_rules, 0};

static const struct question DAYS = {
    "SELECT day,sum(found),sum(opened),sum(out) FROM ("
    "SELECT wall_us/86400000000 day,1 found,0 opened,0 out FROM {finding} WHERE"
    " {of} UNION ALL "
    "SELECT wall_us/86400000000,0,coalesce(count,1),0 FROM access WHERE {of}"
    " UNION ALL "
    "SELECT wall_us/86400000000,0,0,coalesce(bytes_out,0) FROM flow WHERE {of}"
    " AND coalesce({remote},'') NOT LIKE '127.%' AND"
    " coalesce({remote},'')<>'::1') GROUP BY day ORDER BY day LIMIT ?4",
    row_day, 0};

/* ---- the period ---- */

static int
one_time(struct query *q, const char *sql, int64_t *out)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int r = prepare(q, sql, &s);

	if (r != 0)
		return r;
	r = stmt_step(s);
	if (r == 1 && !stmt_is_null(s, 0))
		*out = stmt_int(s, 0);
	return r < 0 ? r : 0;
}

/*
 * An open beginning is where the first agent began to watch: before that there
 * was nothing to cover. An end in the future is now.
 */
static int
bound(struct query *q, struct exposure *e)
{
	int64_t first = 0;
	int r = 0;

	if (e->open_to || e->to_us > e->now_us)
		e->to_us = e->now_us;
	if (!e->open_from)
		return 0;
	r = one_time(
	    q, "SELECT min(wall_us) FROM cover WHERE type='cov.start'", &first);
	if (r == 0 && first == 0)
		r = one_time(q, "SELECT min(enrolled_us) FROM agent", &first);
	e->from_us = first == 0 || first > e->to_us ? e->to_us : first;
	return r;
}

static int
ask_all(struct query *q, struct exposure *e, const struct question *const *all,
    size_t n)
{
	int r = bound(q, e);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = ask(q, all[i], e);
	/* The first text makes the pool: none at all is no error. */
	if (r == 0 && e->texts != NULL)
		r = exposure_error(e);
	return r;
}

int
query_exposure(struct query *q, struct exposure *e)
{
	static const struct question *const ALL[] = {&HOSTS, &HARMS, &TYPES,
	    &GRADES, &KNOWN, &NOBODYS, &PEOPLE, &TRAIT_LIST, &CLASSES, &FILES,
	    &DETECTORS, &FINDINGS, &ALLOWS, &EXACTS, &CANARIES, &PLACES, &SENT,
	    &TRANSFERS, &EGRESS, &GAPS, &ALARMS, &RULES, &DAYS};
	int r = ask_all(q, e, ALL, ARRAY_LEN(ALL));

	/* A mistyped name is told beside those that there are. */
	if (r == 0 && !e->known)
		r = ask(q, &PROVIDERS, e);
	if (r == 0)
		tie_traits(e);
	return r;
}

int
query_index(struct query *q, struct exposure *e)
{
	static const struct question *const ALL[] = {
	    &PROVIDERS, &HOSTS, &HARMS, &ALARMS};

	return ask_all(q, e, ALL, ARRAY_LEN(ALL));
}

/* ---- findings, one by one ---- */

static const char *
borrowed(struct stmt *s, int i)
{
	return stmt_is_null(s, i) ? NULL : stmt_text(s, i);
}

static void
read_event(struct stmt *s, struct exposure_event *v)
{
	*v = (struct exposure_event){.host = borrowed(s, 0),
	    .agent = borrowed(s, 1),
	    .person = borrowed(s, 2),
	    .channel = borrowed(s, 3),
	    .op = borrowed(s, 4),
	    .path = borrowed(s, 5),
	    .member = borrowed(s, 6),
	    .flow = borrowed(s, 7),
	    .dst = borrowed(s, 8),
	    .server = borrowed(s, 9),
	    .detector = borrowed(s, 10),
	    .class_name = borrowed(s, 11),
	    .confidence = borrowed(s, 12),
	    .tag = borrowed(s, 13),
	    .unique = number(s, 14),
	    .capped = stmt_int(s, 15) != 0,
	    .at_us = stmt_int(s, 16)};
}

int
query_kinds(struct query *q, const struct exposure *e,
    int (*each)(void *ctx, const struct query_kind *k), void *ctx)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int r = prepare(q,
	    "SELECT {kind} k,detector,class,count(*) FROM finding WHERE {of}"
	    " GROUP BY 1,2,3 ORDER BY 1",
	    &s);

	if (r != 0)
		return r;
	bind_period(s, e);
	while ((r = stmt_step(s)) == 1) {
		const struct query_kind k = {stmt_text(s, 0), borrowed(s, 1),
		    borrowed(s, 2), number(s, 3)};

		r = each(ctx, &k);
		if (r != 0)
			return r;
	}
	return r;
}

int
query_findings(struct query *q, const struct exposure *e,
    int (*each)(void *ctx, const struct exposure_event *v), void *ctx)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int r = prepare(q,
	    "WITH d AS (SELECT agent_id a,flow id,min(direction) direction FROM"
	    " flow WHERE {of} GROUP BY 1,2)"
	    "SELECT {host},agent_id,coalesce(person,'unknown') p,channel,op,"
	    "path,member,flow,{remote},host,detector,class,"
	    "iif(confirmed>0,'high',confidence),tag,"
	    "iif(confirmed>0,confirmed,{possible}) n,"
	    "coalesce(uniq_capped,0),wall_us FROM finding"
	    " LEFT JOIN d ON a=agent_id AND id=flow WHERE {of} AND allow IS NULL"
	    " AND coalesce(test_data,0)=0 AND n>0 ORDER BY p,wall_us,gen,seq",
	    &s);

	if (r != 0)
		return r;
	bind_period(s, e);
	while ((r = stmt_step(s)) == 1) {
		struct exposure_event v;

		read_event(s, &v);
		r = each(ctx, &v);
		if (r != 0)
			return r;
	}
	return r;
}

/* ---- coverage ---- */

static void
read_mark(struct stmt *s, struct exposure_mark *m)
{
	const char *type = stmt_text(s, 0);

	*m = (struct exposure_mark){.gen = (uint32_t)stmt_int(s, 1),
	    .boot_us = (uint64_t)stmt_int(s, 3),
	    .wall_us = stmt_int(s, 4)};
	if (str_eq(type, "cov.start")) {
		m->kind = MARK_START;
		m->rules = stmt_text(s, 6)[0] != '\0';
	} else if (str_eq(type, "cov.stop")) {
		m->kind = MARK_STOP;
	} else {
		m->kind = MARK_BEAT;
		m->rules = str_eq(stmt_text(s, 5), "ok");
	}
	(void)str_copy(m->boot, sizeof m->boot, stmt_text(s, 2));
}

/*
 * By the log's order; the bounds are by time, an hour wider on each side, so
 * that a clock that was set does not hide a word.
 */
int
query_marks(struct query *q, const struct exposure *e, const char *agent,
    int (*each)(void *ctx, const struct exposure_mark *m), void *ctx)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int r = prepare(q,
	    "SELECT type,gen,boot,boot_us,wall_us,state,rules FROM cover WHERE"
	    " agent_id=?1 AND type IN('cov.start','cov.beat','cov.stop') AND"
	    " wall_us>=coalesce((SELECT max(wall_us) FROM cover WHERE"
	    " agent_id=?1 AND wall_us<?2 AND"
	    " type IN('cov.start','cov.beat','cov.stop')),0) AND"
	    " wall_us<=coalesce((SELECT min(wall_us) FROM cover WHERE"
	    " agent_id=?1 AND wall_us>?3 AND"
	    " type IN('cov.start','cov.beat','cov.stop')),"
	    "9223372036854775807) ORDER BY gen,seq",
	    &s);

	if (r != 0)
		return r;
	stmt_bind_text(s, 1, agent);
	stmt_bind_int(s, 2, e->from_us - HOUR_US);
	stmt_bind_int(s, 3, e->to_us + HOUR_US);
	while ((r = stmt_step(s)) == 1) {
		struct exposure_mark m;

		read_mark(s, &m);
		r = each(ctx, &m);
		if (r != 0)
			return r;
	}
	return r;
}
