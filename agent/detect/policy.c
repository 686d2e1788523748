/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - the policies of a set, held against its detectors.
 *
 * Owns: what is odd about a policy in a set.
 * Never: knows the keys of a policy (lib/policy.h does), or decides what is
 * found: a policy is about entries, which detectors know nothing of.
 */
#include "agent/detect/rules.h"
#include "lib/str.h"
#include "lib/view.h"

#include "lib/own.h"

/* Whether any detector of the set has this class (or one below) or tag. */
static bool
known(const struct ruleset *r, const char *key, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct detector *d = r->detectors[i];

		if (str_eq(key, "detector") && str_eq(d->id, name))
			return true;
		if (str_eq(key, "class") && view_class(d->class_name, name))
			return true;
		if (str_eq(key, "tag") &&
		    view_tagged(yaml_get(d->at, "tags"), name))
			return true;
	}
	return false;
}

static void
lint_condition(const struct ruleset *r, const struct yaml *y, struct loader *l)
{
	static const char *const keys[] = {"detector", "class", "tag"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct yaml *t = yaml_get(y, keys[i]);

		if (t != NULL && t->kind == YAML_SCALAR &&
		    !known(r, keys[i], t->text))
			loader_note(l, t, true, false, "unknown-subject",
			    "no detector of the set has the %s \"%s\"",
			    str_eq(keys[i], "detector") ? "id" : keys[i],
			    t->text);
	}
}

void
policy_lint(const struct ruleset *r, struct loader *l)
{
	for (size_t i = 0; i < r->npacks; i++) {
		const struct yaml *p = yaml_get(r->packs[i].doc, "policies");

		for (p = p != NULL ? p->child : NULL; p != NULL; p = p->next) {
			const struct yaml *of = yaml_get(
			    yaml_get(yaml_get(p, "match"), "any_of"), "of");

			for (of = of->child; of != NULL; of = of->next)
				lint_condition(r, of, l);
		}
	}
}
