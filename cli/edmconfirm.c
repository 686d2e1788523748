/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edmconfirm - `chaperone edm confirm`: which findings of an index are true.
 *
 * Owns: the way from JSON lines (of scan, replay or events) to verdicts, and
 * the sums by index and person.
 * Never: prints what a candidate is; leaves out a finding that it could not
 * open.
 *
 * A JSON line of the answer:
 *   {"index","detector","path","member","provider","person","count","unique",
 *    "verdict","candidates","confirmed"}
 * where verdict is confirmed, refuted, or unknown: no table given is of that
 * index, or the key does not open it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cli/cli.h"
#include "cli/edm.h"
#include "lib/exact.h"
#include "lib/json.h"
#include "lib/rows.h"
#include "lib/str.h"

#include "lib/own.h"

enum { TABLES_MAX = 64, SUMS_MAX = 10000, DEPTH_MAX = 8, SHOWN_MAX = 300 };

enum verdict { UNKNOWN, REFUTED, CONFIRMED, VERDICTS };

static const char *const VERDICT[] = {"unknown", "refuted", "confirmed"};

/* What stands around a finding in its line. */
struct around {
	const char *path, *member, *provider, *person, *detector;
};

/* How many findings of one index are of one person. */
struct sum {
	char index[EXACT_NAME_MAX + 1];
	char *provider, *person; /* owned */
	uint64_t n[VERDICTS];
};

struct confirm {
	struct rows_table *tables[TABLES_MAX]; /* owned */
	size_t ntables;
	struct seal_box_key *key; /* owned */
	struct sum *sums; /* owned */
	size_t nsums;
	bool json, more;
	uint64_t n[VERDICTS], lines, bad;
};

static void
confirm_done(struct confirm *c)
{
	for (size_t i = 0; i < c->ntables; i++)
		rows_close(c->tables[i]);
	for (size_t i = 0; i < c->nsums; i++) {
		free(c->sums[i].provider);
		free(c->sums[i].person);
	}
	free(c->sums);
	seal_box_key_free(c->key);
}

static const struct rows_table *
table_for(const struct confirm *c, const uint8_t id[EXACT_ID])
{
	for (size_t i = 0; i < c->ntables; i++)
		if (memcmp(rows_id(c->tables[i]), id, EXACT_ID) == 0)
			return c->tables[i];
	return NULL;
}

static enum verdict
judge(const struct confirm *c, const char *sealed, struct rows_verdict *v,
    char index[EXACT_NAME_MAX + 1])
{
	struct exact_sealed s;
	struct exact_head head;
	const struct rows_table *t;
	enum verdict verdict = UNKNOWN;

	*v = (struct rows_verdict){0};
	must(str_copy(index, EXACT_NAME_MAX + 1, "?") == 0);
	if (exact_head(sealed, &head) != 0)
		return UNKNOWN;
	must(str_copy(index, EXACT_NAME_MAX + 1, head.name) == 0);
	t = table_for(c, head.id);
	if (t == NULL)
		return UNKNOWN;
	if (exact_open(c->key, sealed, &s) == 0 &&
	    rows_confirm(t, c->key, &s, v) == 0)
		verdict = v->confirmed > 0 ? CONFIRMED : REFUTED;
	explicit_bzero(&s, sizeof s);
	return verdict;
}

static const char *
text(const char *s)
{
	return s != NULL ? s : "";
}

/* The sum of an index and a person, made if it is the first; NULL: no room. */
static struct sum *
sum_of(struct confirm *c, const char *index, const struct around *a)
{
	struct sum *s;

	for (size_t i = 0; i < c->nsums; i++) {
		s = &c->sums[i];
		if (str_eq(s->index, index) &&
		    str_eq(s->provider, text(a->provider)) &&
		    str_eq(s->person, text(a->person)))
			return s;
	}
	if (c->nsums == SUMS_MAX)
		return NULL;
	s = reallocarray(c->sums, c->nsums + 1, sizeof *s);
	if (s == NULL)
		return NULL;
	c->sums = s;
	s += c->nsums;
	*s = (struct sum){.provider = strdup(text(a->provider)),
	    .person = strdup(text(a->person))};
	(void)str_copy(s->index, sizeof s->index, index);
	if (s->provider == NULL || s->person == NULL) {
		free(s->provider);
		free(s->person);
		return NULL;
	}
	c->nsums++;
	return s;
}

static void
show_json(const json_t *o, const struct around *a, const char *index,
    enum verdict verdict, const struct rows_verdict *v)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, 64 * 1024);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "index", index);
	json_str(&j, "detector", text(a->detector));
	json_str(&j, "path", text(a->path));
	json_str(&j, "member", text(a->member));
	json_str(&j, "provider", text(a->provider));
	json_str(&j, "person", text(a->person));
	json_int(&j, "count", json_integer_value(json_object_get(o, "count")));
	json_int(
	    &j, "unique", json_integer_value(json_object_get(o, "unique")));
	json_str(&j, "verdict", VERDICT[verdict]);
	json_uint(&j, "candidates", v->candidates);
	json_uint(&j, "confirmed", v->confirmed);
	json_end_object(&j);
	cli_line(&b);
}

static void
show_row(struct confirm *c, const struct around *a, const char *index,
    enum verdict verdict, const struct rows_verdict *v)
{
	char path[SHOWN_MAX], person[SHOWN_MAX];
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 8192);
	if (!c->more) {
		buf_printf(&b, "%-9s  %9s  %-20s  %-20s  %s", "VERDICT",
		    "CONFIRMED", "INDEX", "PERSON", "WHERE");
		cli_line(&b);
	}
	c->more = true;
	str_escape(path, sizeof path, text(a->path), strlen(text(a->path)));
	str_escape(
	    person, sizeof person, text(a->person), strlen(text(a->person)));
	buf_printf(&b, "%-9s  %4u of %2u  %-20s  %-20s  %s", VERDICT[verdict],
	    v->confirmed, v->candidates, index,
	    person[0] != '\0' ? person : "-", path);
	cli_line(&b);
}

static void
on_sealed(struct confirm *c, const json_t *o, const char *sealed,
    const struct around *a)
{
	struct rows_verdict v;
	char index[EXACT_NAME_MAX + 1];
	enum verdict verdict = judge(c, sealed, &v, index);
	struct sum *s = sum_of(c, index, a);

	c->n[verdict]++;
	if (s != NULL)
		s->n[verdict]++;
	if (c->json)
		show_json(o, a, index, verdict, &v);
	else
		show_row(c, a, index, verdict, &v);
}

static void
learn(const json_t *o, const char *key, const char **to)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (s != NULL)
		*to = s;
}

/* Findings lie in the line itself (events, replay) or in a list (scan). */
static void
visit(struct confirm *c, const json_t *o, struct around a, unsigned depth)
{
	const json_t *list = json_object_get(o, "findings");
	const char *sealed = json_string_value(json_object_get(o, "sealed"));

	learn(o, "path", &a.path);
	learn(o, "member", &a.member);
	learn(o, "provider", &a.provider);
	learn(o, "person", &a.person);
	learn(o, "detector", &a.detector);
	if (sealed != NULL)
		on_sealed(c, o, sealed, &a);
	for (size_t i = 0; depth > 0 && i < json_array_size(list); i++)
		visit(c, json_array_get(list, i), a, depth - 1);
}

static int
read_lines(struct confirm *c, FILE *in)
{
	OWN_MEM char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, in)) > 0) {
		json_t *o = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL);

		c->lines++;
		if (!json_is_object(o))
			c->bad++;
		else
			visit(c, o, (struct around){0}, DEPTH_MAX);
		json_decref(o);
	}
	return ferror(in) ? -EIO : 0;
}

/* By index and person, to standard error as all talk. */
static void
say(const struct confirm *c)
{
	for (size_t i = 0; i < c->nsums; i++) {
		const struct sum *s = &c->sums[i];
		char who[2 * SHOWN_MAX];
		OWN(buf_done) struct buf b = {0};

		buf_init(&b, 8192);
		buf_printf(&b, "%s%s%s", s->provider,
		    s->provider[0] != '\0' ? " " : "",
		    s->person[0] != '\0' ? s->person : "nobody named");
		if (buf_error(&b) != 0)
			continue;
		str_escape(who, sizeof who, b.data, b.len);
		(void)fprintf(stderr,
		    "%s: %s: %" PRIu64 " confirmed, %" PRIu64
		    " refuted, %" PRIu64 " unknown\n",
		    s->index, who, s->n[CONFIRMED], s->n[REFUTED],
		    s->n[UNKNOWN]);
	}
	(void)fprintf(stderr,
	    "%" PRIu64 " findings confirmed, %" PRIu64 " refuted, %" PRIu64
	    " unknown\n",
	    c->n[CONFIRMED], c->n[REFUTED], c->n[UNKNOWN]);
	if (c->bad > 0)
		(void)fprintf(stderr,
		    "%" PRIu64 " of %" PRIu64 " lines are no JSON object\n",
		    c->bad, c->lines);
}

static int
options(int argc, char **argv, struct confirm *c, const char **file)
{
	struct diag why = {""};

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		int r = 0;

		must(argv[i] != NULL);
		if (str_eq(argv[i], "--json")) {
			c->json = true;
		} else if (str_eq(argv[i], "--key") && next != NULL) {
			if (c->key != NULL)
				return cli_usage("edm", "one --key");
			r = seal_box_key_load(next, &c->key, &why);
			i++;
		} else if (str_eq(argv[i], "--table") && next != NULL) {
			if (c->ntables == TABLES_MAX)
				return cli_usage("edm", "too many tables");
			r = rows_open(next, &c->tables[c->ntables], &why);
			c->ntables += r == 0;
			i++;
		} else if (argv[i][0] != '-' && *file == NULL) {
			*file = argv[i];
		} else {
			return cli_usage("edm", "what is \"%s\"?", argv[i]);
		}
		if (r != 0)
			return cli_error(
			    "edm", cli_exit_for(r), "%s", why.text);
	}
	if (c->key == NULL || c->ntables == 0)
		return cli_usage("edm", "confirm needs --key and --table");
	return CLI_OK;
}

int
edmconfirm_run(int argc, char **argv)
{
	OWN(confirm_done) struct confirm c = {0};
	const char *file = NULL;
	FILE *in = stdin;
	int r = options(argc, argv, &c, &file);

	if (r != CLI_OK)
		return r;
	if (file != NULL)
		in = fopen(file, "re");
	if (in == NULL)
		return cli_error("edm", cli_exit_for(-errno), "%s: %s", file,
		    strerror(errno));
	r = read_lines(&c, in);
	if (in != stdin)
		(void)fclose(in);
	if (r != 0)
		return cli_error("edm", CLI_USAGE, "%s", strerror(-r));
	say(&c);
	if (c.n[UNKNOWN] > 0 || c.bad > 0)
		return CLI_INCOMPLETE;
	return c.n[CONFIRMED] > 0 ? CLI_DIFFERENCE : CLI_OK;
}
