/* SPDX-License-Identifier: Apache-2.0 */
/*
 * project - from the facts of an entry to a row.
 *
 * Owns: the table of which type of entry goes into which table, and which
 * field into which column. A field that the entry does not hold is NULL.
 * Never: guesses; an entry of a type that is not known here is counted in the
 * table "other", and its bytes are in the batch.
 */
#include "collector/store/project.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define COLUMNS_MAX 37
#define SQL_MAX 4096
/* agent_id, gen, seq, wall_us */
#define PLACE_COLUMNS 4

struct column {
	const char *name;
	const char *field; /* NULL: the same as name */
};

struct shape {
	const char *type; /* of the entry */
	const char *table;
	const char *kind; /* goes into the column "kind", or NULL */
	bool cover; /* boot, boot_us, type and detail, too */
	struct column columns[COLUMNS_MAX]; /* ended by a NULL name */
};

static const struct shape SHAPES[] = {
    {"file", "access", NULL, false,
	{{"provider", NULL}, {"person", NULL}, {"grade", NULL}, {"why", NULL},
	    {"account", NULL}, {"session", NULL}, {"op", NULL}, {"path", NULL},
	    {"count", NULL}, {"exe", NULL}}},
    {"finding", "finding", NULL, false,
	{{"provider", NULL}, {"person", NULL}, {"grade", NULL}, {"why", NULL},
	    {"account", NULL}, {"session", NULL}, {"key_fp", NULL},
	    {"src_addr", NULL}, {"channel", NULL}, {"op", NULL}, {"path", NULL},
	    {"member", NULL}, {"host", NULL}, {"dst", NULL}, {"dport", NULL},
	    {"flow", NULL}, {"detector", NULL}, {"version", NULL},
	    {"class", NULL}, {"confidence", NULL}, {"sensitivity", NULL},
	    {"count", NULL}, {"uniq", "unique"},
	    {"uniq_capped", "unique_capped"}, {"test_data", NULL},
	    {"bulk", NULL}, {"mask", NULL}, {"tag", NULL}, {"exe", NULL},
	    {"src", NULL}, {"rules", NULL}, {"allow", NULL},
	    {"allow_until", NULL}, {"flags", NULL}, {"sealed", NULL}}},
    {"flow", "flow", NULL, false,
	{{"provider", NULL}, {"person", NULL}, {"grade", NULL}, {"why", NULL},
	    {"account", NULL}, {"session", NULL}, {"direction", NULL},
	    {"proto", NULL}, {"src", NULL}, {"sport", NULL}, {"dst", NULL},
	    {"dport", NULL}, {"host", NULL}, {"bytes_out", NULL},
	    {"bytes_in", NULL}, {"gap_bytes", NULL}, {"examined_out", NULL},
	    {"examined_in", NULL}, {"began_us", NULL}, {"ended_us", NULL},
	    {"how", NULL}, {"flow", NULL}, {"exe", NULL}}},
    {"transfer", "transfer", NULL, false,
	{{"provider", NULL}, {"person", NULL}, {"grade", NULL}, {"why", NULL},
	    {"account", NULL}, {"session", NULL}, {"src", NULL}, {"flow", NULL},
	    {"protocol", NULL}, {"direction", NULL}, {"method", "http_method"},
	    {"uri", NULL}, {"filename", NULL}, {"host", NULL}, {"dst", NULL},
	    {"dport", NULL}, {"bytes", NULL}, {"complete", NULL},
	    {"examined", NULL}}},
    {"egress", "egress", NULL, false,
	{{"provider", NULL}, {"person", NULL}, {"grade", NULL}, {"why", NULL},
	    {"account", NULL}, {"session", NULL}, {"exe", NULL}, {"path", NULL},
	    {"size", NULL}, {"channel", NULL}, {"proto", NULL}, {"src", NULL},
	    {"dst", NULL}, {"dport", NULL}, {"host", NULL}, {"evidence", NULL},
	    {"reasons", NULL}, {"classes", NULL}, {"detectors", NULL},
	    {"bytes", NULL}, {"derived", NULL}, {"files", NULL},
	    {"began_us", NULL}, {"ended_us", NULL}, {"flow", NULL}}},
    {"session", "session", NULL, false,
	{{"provider", NULL}, {"person", NULL}, {"grade", NULL}, {"why", NULL},
	    {"account", NULL}, {"session", NULL}, {"op", NULL},
	    {"key_fp", NULL}, {"src_addr", NULL}, {"method", NULL}}},
    {"skipped", "gap", "skipped", false,
	{{"reason", NULL}, {"bytes", NULL}, {"provider", NULL},
	    {"person", NULL}, {"op", NULL}, {"path", NULL}, {"member", NULL}}},
    {"cov.loss", "gap", "loss", false,
	{{"stage", NULL}, {"reason", NULL}, {"lost", NULL}, {"bytes", NULL},
	    {"from_us", NULL}, {"to_us", NULL}}},
    {"cov.crash", "gap", "crash", false,
	{{"role", NULL}, {"from_us", NULL}, {"to_us", NULL}}},
    {"cov.start", "cover", NULL, true,
	{{"role", NULL}, {"state", NULL}, {"rules", NULL},
	    {"digest", "config"}}},
    {"cov.stop", "cover", NULL, true, {{"role", NULL}, {"state", NULL}}},
    {"cov.beat", "cover", NULL, true,
	{{"role", NULL}, {"state", NULL}, {"rules", NULL}}},
    {"cov.cfg", "cover", NULL, true,
	{{"role", NULL}, {"state", NULL}, {"digest", NULL}}},
};

struct project {
	struct stmt *put[ARRAY_LEN(SHAPES)];
	struct stmt *other;
	struct stmt *unreadable;
	struct buf detail;
};

static size_t
shape_columns(const struct shape *s)
{
	size_t n = 0;

	while (n < COLUMNS_MAX && s->columns[n].name != NULL)
		n++;
	return n;
}

static void
print_insert(const struct shape *s, struct buf *sql)
{
	size_t n = shape_columns(s), total = PLACE_COLUMNS + n;

	buf_printf(sql, "INSERT INTO %s(agent_id,gen,seq,wall_us", s->table);
	for (size_t i = 0; i < n; i++)
		buf_printf(sql, ",%s", s->columns[i].name);
	if (s->kind != NULL) {
		buf_printf(sql, ",kind");
		total++;
	}
	if (s->cover) {
		buf_printf(sql, ",boot,boot_us,type,detail");
		total += 4;
	}
	buf_printf(sql, ") VALUES(?");
	for (size_t i = 1; i < total; i++)
		buf_printf(sql, ",?");
	buf_printf(sql, ")");
}

int
project_new(struct db *db, struct project **out, struct diag *why)
{
	struct project *p = calloc(1, sizeof *p);
	OWN(buf_done) struct buf sql = {0};
	int r = 0;

	if (p == NULL)
		return -ENOMEM;
	buf_init(&sql, SQL_MAX);
	buf_init(&p->detail, 2 * ENTRY_LEAF_MAX);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(SHAPES); i++) {
		const char *text;

		buf_reset(&sql);
		print_insert(&SHAPES[i], &sql);
		text = buf_text(&sql);
		r = text == NULL ? -ENOMEM
				 : db_prepare(db, text, &p->put[i], why);
	}
	if (r == 0)
		r = db_prepare(db,
		    "INSERT INTO other(agent_id,gen,seq,wall_us,type)"
		    " VALUES(?,?,?,?,?)",
		    &p->other, why);
	if (r == 0)
		r = db_prepare(db,
		    "INSERT INTO gap(agent_id,gen,seq,wall_us,kind,stage,"
		    "reason,lost) VALUES(?,?,?,?,'loss','store',"
		    "'an entry that cannot be read',1)",
		    &p->unreadable, why);
	if (r != 0) {
		project_free(p);
		return r;
	}
	*out = p;
	return 0;
}

void
project_free(struct project *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(SHAPES); i++)
		stmt_free(p->put[i]);
	stmt_free(p->other);
	stmt_free(p->unreadable);
	buf_done(&p->detail);
	free(p);
}

static const struct field *
find(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->nfields; i++)
		if (str_eq(f->fields[i].name, name))
			return &f->fields[i];
	return NULL;
}

static void
bind_place(struct stmt *s, const char *agent, uint32_t gen, uint64_t seq,
    int64_t wall_us)
{
	stmt_bind_text(s, 1, agent);
	stmt_bind_int(s, 2, gen);
	stmt_bind_int(s, 3, (int64_t)seq);
	stmt_bind_int(s, 4, wall_us);
}

/*
 * Bytes that are not UTF-8, or hold a NUL, are kept as the leaf writes them:
 * "b64:" and base64. @out is only used then.
 */
static void
bind_field(struct stmt *s, int at, const struct field *f, struct buf *out)
{
	const char *text;

	if (f == NULL)
		return;
	if (f->is_int) {
		stmt_bind_int(s, at, f->num);
		return;
	}
	if (memchr(f->text, '\0', f->len) == NULL &&
	    str_utf8(f->text, f->len)) {
		stmt_bind_text(s, at, f->text);
		return;
	}
	buf_reset(out);
	buf_printf(out, "b64:");
	str_base64(out, f->text, f->len);
	text = buf_text(out);
	stmt_bind_text(s, at, text);
}

/* Every field of a coverage entry, none of which is about a person. */
static void
print_detail(const struct facts *f, struct buf *out)
{
	struct json j;

	buf_reset(out);
	json_init(&j, out);
	json_begin_object(&j, NULL);
	for (size_t i = 0; i < f->nfields; i++) {
		const struct field *v = &f->fields[i];

		if (v->is_int)
			json_int(&j, v->name, v->num);
		else
			json_bytes(&j, v->name, v->text, v->len);
	}
	json_end_object(&j);
}

static int
put_shape(
    struct project *p, size_t which, const char *agent, const struct facts *f)
{
	const struct shape *s = &SHAPES[which];
	struct stmt *put = p->put[which];
	size_t n = shape_columns(s);
	int at = PLACE_COLUMNS + 1;

	bind_place(put, agent, f->gen, f->seq, f->at.wall_us);
	for (size_t i = 0; i < n; i++, at++) {
		const struct column *c = &s->columns[i];

		bind_field(put, at,
		    find(f, c->field != NULL ? c->field : c->name), &p->detail);
	}
	if (s->kind != NULL)
		stmt_bind_text(put, at++, s->kind);
	if (s->cover) {
		stmt_bind_text(put, at++, f->boot);
		stmt_bind_int(put, at++, (int64_t)f->at.boot_us);
		stmt_bind_text(put, at++, f->type);
		print_detail(f, &p->detail);
		stmt_bind_text(put, at, buf_text(&p->detail));
	}
	return stmt_run(put);
}

int
project_put(struct project *p, const char *agent, const struct facts *f)
{
	for (size_t i = 0; i < ARRAY_LEN(SHAPES); i++)
		if (str_eq(f->type, SHAPES[i].type))
			return put_shape(p, i, agent, f);
	bind_place(p->other, agent, f->gen, f->seq, f->at.wall_us);
	stmt_bind_text(p->other, 5, f->type);
	return stmt_run(p->other);
}

int
project_unreadable(struct project *p, const char *agent, uint32_t gen,
    uint64_t seq, int64_t wall_us)
{
	bind_place(p->unreadable, agent, gen, seq, wall_us);
	return stmt_run(p->unreadable);
}
