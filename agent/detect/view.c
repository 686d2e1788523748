/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view - the views of a set, held against its detectors.
 *
 * Owns: which of the set's detectors a view shows, and what is odd about it.
 * Never: knows the keys of a view (lib/view.h does).
 */
#include <errno.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/str.h"
#include "lib/view.h"

#include "lib/own.h"

bool
view_shows_detector(const struct yaml *view, const struct detector *d)
{
	const struct view_subject s = {
	    d->id, d->class_name, yaml_get(d->at, "tags")};

	return view_shows(view, &s);
}

const struct yaml *
view_find(const struct ruleset *r, const char *id)
{
	for (size_t i = 0; i < r->npacks; i++) {
		const struct yaml *v = yaml_get(r->packs[i].doc, "views");

		for (v = v != NULL ? v->child : NULL; v != NULL; v = v->next)
			if (str_eq(yaml_get(v, "id")->text, id))
				return v;
	}
	return NULL;
}

/* A choice that nothing of the set answers to, and an id that is taken. */
void
view_lint(const struct ruleset *r, struct loader *l)
{
	for (size_t p = 0; p < r->npacks; p++) {
		const struct yaml *v = yaml_get(r->packs[p].doc, "views");

		for (v = v != NULL ? v->child : NULL; v != NULL; v = v->next) {
			size_t n = 0;

			if (view_find(r, yaml_get(v, "id")->text) != v)
				loader_note(l, v, true, true, "duplicate-id",
				    "there is a view \"%s\" already",
				    yaml_get(v, "id")->text);
			for (size_t i = 0; i < r->n; i++)
				n += view_shows_detector(v, r->detectors[i]);
			if (n == 0)
				loader_note(l, v, false, false, "empty-view",
				    "the view \"%s\" shows no detector of the "
				    "set",
				    yaml_get(v, "id")->text);
		}
	}
}
