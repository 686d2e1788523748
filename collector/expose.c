/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expose - from a question about a provider to the body of its answer.
 *
 * Owns: the way of an exposure: what is held from store, the coverage of each
 * host and the form from report.
 * Never: decides who may ask, or records that somebody did.
 */
#include "collector/expose.h"

#include <errno.h>
#include <string.h>

#include "collector/report/report.h"
#include "collector/store/query.h"
#include "collector/wire.h"
#include "lib/coverage.h"
#include "lib/json.h"
#include "lib/packs.h"
#include "lib/str.h"

#include "lib/own.h"

/* Names of detectors and classes that found something. */
#define SHOWN_MAX (4 * 1024 * 1024)

static const struct form {
	const char *name, *type;
	void (*exposure)(const struct exposure *e, struct buf *out);
	void (*index)(const struct exposure *e, struct buf *out);
} FORMS[] = {
    {"html", "text/html; charset=utf-8", page_exposure, page_index},
    {"json", "application/json", keys_exposure, keys_index},
    {"csv", "text/csv; charset=utf-8; header=present", csv_exposure, csv_index},
};

static const struct form *
form_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(FORMS); i++)
		if (str_eq(FORMS[i].name, name))
			return &FORMS[i];
	return NULL;
}

static const char *
view_of(const struct expose_ask *a)
{
	return a->view != NULL ? a->view : "";
}

static const struct yaml *
find_view(const struct expose_ask *a)
{
	return a->packs == NULL ? NULL : packs_view(a->packs, view_of(a));
}

uint32_t
expose_check(const struct expose_ask *a, struct diag *why)
{
	bool index = str_eq(a->action, "index");

	if (!index && !str_eq(a->action, "report"))
		(void)diag_set(why, -EINVAL, "there is no such report");
	else if (!index && a->provider[0] == '\0')
		(void)diag_set(why, -EINVAL, "a report needs a provider");
	else if (!str_utf8(a->provider, strlen(a->provider)) ||
		 !str_utf8(a->user, strlen(a->user)) ||
		 !str_utf8(view_of(a), strlen(view_of(a))))
		(void)diag_set(why, -EINVAL, "a name is not UTF-8");
	else if (a->user[0] == '\0')
		(void)diag_set(why, -EINVAL, "nobody asks");
	else if (form_named(a->format) == NULL)
		(void)diag_set(why, -EINVAL, "the format is html, json or csv");
	else if (view_of(a)[0] != '\0' && find_view(a) == NULL)
		(void)diag_set(why, -EINVAL,
		    a->packs == NULL
			? "no rules are configured, and so no view"
			: "the configured rules have no such view");
	else if (a->from_us < 0 || a->to_us < 0 ||
		 (a->to_us != 0 && a->from_us >= a->to_us))
		(void)diag_set(
		    why, -EINVAL, "the period ends before it begins");
	else if (a->from_us > a->now_us)
		(void)diag_set(why, -EINVAL, "the period begins in the future");
	else
		return 200;
	return 400;
}

static int
cover_hosts(struct query *q, struct exposure *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->nhosts; i++) {
		struct coverage_work *c;
		int end;

		r = coverage_new(e, &e->hosts[i], &c);
		if (r != 0)
			return r;
		r = query_marks(q, e, e->hosts[i].agent, coverage_mark, c);
		end = coverage_end(c);
		r = r != 0 ? r : end;
	}
	if (r == 0)
		coverage_sum(e);
	return r;
}

/* ---- a view ---- */

struct choice {
	const struct packs *packs;
	const struct yaml *view;
	struct exposure *e;
	struct json json;
};

static int
choose(void *ctx, const struct query_kind *k)
{
	struct choice *c = ctx;

	if (packs_shows(c->packs, c->view, k->detector, k->class_name)) {
		json_str(&c->json, NULL, k->key);
		return 0;
	}
	c->e->others += k->findings;
	c->e->other_kinds++;
	return 0;
}

/* Which detectors the view shows, of those that found something. */
static int
look_through(struct query *q, const struct packs *packs,
    const struct yaml *view, struct exposure *e)
{
	OWN(buf_done) struct buf b = {0};
	struct choice c = {packs, view, e, {0}};
	int r;

	e->view = exposure_text(e, yaml_get(view, "id")->text);
	e->view_title = exposure_text(e, yaml_get(view, "title")->text);
	e->view_law = exposure_text(e, yaml_get(view, "regulation")->text);
	buf_init(&b, SHOWN_MAX);
	json_init(&c.json, &b);
	json_begin_array(&c.json, NULL);
	r = query_kinds(q, e, choose, &c);
	json_end_array(&c.json);
	if (r == 0)
		r = buf_error(&b);
	if (r != 0)
		return r;
	e->shown = exposure_text(e, buf_text(&b));
	return exposure_error(e);
}

/* ---- policies ---- */

/* All findings are weighed, also those that a view does not show. */
static int
weigh(struct query *q, const struct packs *packs, struct exposure *e)
{
	struct policies_work *w;
	int r = policies_new(e, packs, &w), end;

	if (r != 0)
		return r;
	r = query_findings(q, e, policies_finding, w);
	end = policies_end(w);
	return r != 0 ? r : end;
}

static int
fill_exposure(struct query *q, const struct expose_ask *a, struct exposure *e)
{
	const struct yaml *view = find_view(a);
	int r = view != NULL ? look_through(q, a->packs, view, e) : 0;

	if (r == 0)
		r = query_exposure(q, e);
	if (r == 0 && a->packs != NULL)
		r = weigh(q, a->packs, e);
	return r;
}

static int
fill(const struct expose_ask *a, const char *path, struct exposure *e,
    struct diag *why)
{
	OWN(query_closep) struct query *q = NULL;
	int r = query_open(path, &q, why);

	if (r == 0)
		r = e->provider == NULL ? query_index(q, e)
					: fill_exposure(q, a, e);
	return r != 0 ? r : cover_hosts(q, e);
}

uint32_t
expose_body(const char *path, const struct expose_ask *a, struct buf *out,
    const char **type, uint8_t *flags, struct diag *why)
{
	OWN(exposure_done)
	struct exposure e = {.user = a->user,
	    .via = a->via,
	    .from_us = a->from_us,
	    .to_us = a->to_us,
	    .open_from = a->from_us == 0,
	    .open_to = a->to_us == 0,
	    .now_us = a->now_us};
	const struct form *f = form_named(a->format);
	int r;

	must(f != NULL);
	if (str_eq(a->action, "report"))
		e.provider = a->provider;
	r = fill(a, path, &e, why);
	if (r == 0) {
		(e.provider != NULL ? f->exposure : f->index)(&e, out);
		r = buf_error(out);
	}
	if (r != 0) {
		(void)diag_set(
		    why, r, "the report cannot be made: %s", strerror(-r));
		return 503;
	}
	*type = f->type;
	*flags = (uint8_t)((e.complete ? WIRE_COMPLETE : 0) |
			   (e.known ? WIRE_KNOWN : 0));
	return 200;
}
