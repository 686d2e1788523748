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
#include "lib/str.h"

#include "lib/own.h"

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

uint32_t
expose_check(const struct expose_ask *a, struct diag *why)
{
	bool index = str_eq(a->action, "index");

	if (!index && !str_eq(a->action, "report"))
		(void)diag_set(why, -EINVAL, "there is no such report");
	else if (!index && a->provider[0] == '\0')
		(void)diag_set(why, -EINVAL, "a report needs a provider");
	else if (!str_utf8(a->provider, strlen(a->provider)) ||
		 !str_utf8(a->user, strlen(a->user)))
		(void)diag_set(why, -EINVAL, "a name is not UTF-8");
	else if (a->user[0] == '\0')
		(void)diag_set(why, -EINVAL, "nobody asks");
	else if (form_named(a->format) == NULL)
		(void)diag_set(why, -EINVAL, "the format is html, json or csv");
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

static int
fill(const char *path, struct exposure *e, struct diag *why)
{
	OWN(query_closep) struct query *q = NULL;
	int r = query_open(path, &q, why);

	if (r == 0)
		r = e->provider == NULL ? query_index(q, e)
					: query_exposure(q, e);
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
	r = fill(path, &e, why);
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
