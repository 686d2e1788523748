/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - the policies of a pack: who, where, how much.
 *
 * Owns: the keys of a policy and what each may hold.
 * Never: decides what is found: a policy is about entries, which detectors
 * know nothing of.
 */
#include <errno.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/str.h"

#include "lib/own.h"

enum { POLICIES_MAX = 1000, CONDITIONS_MAX = 64 };

static const char *const LEVELS[] = {
    "informational", "low", "medium", "high", "critical", NULL};
/* An entry's type and what was done: docs/man/chaperone-log.5. */
static const char *const ACTIVITIES[] = {"file.open", "file.read", "file.write",
    "file.exec", "file.copy", "net.egress", "net.ingress", "session.open",
    NULL};
static const char *const DIRECTIONS[] = {"in", "out", NULL};
static const char *const THENS[] = {
    "record", "evidence_bundle", "notify", NULL};
static const char *const CONFIDENCES[] = {
    "low", "medium", "high", ">=low", ">=medium", ">=high", NULL};

static int
one_of(const struct yaml *y, const char *const words[], struct diag *why)
{
	OWN(buf_done) struct buf all = {0};

	buf_init(&all, 512);
	for (size_t i = 0; words[i] != NULL; i++) {
		if (y->kind == YAML_SCALAR && str_eq(y->text, words[i]))
			return 0;
		buf_printf(&all, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	return yaml_fail(y, why, "must be one of %s", buf_text(&all));
}

/* A text or a list of texts, each of @words where they are given; or NULL. */
static int
some_of(const struct yaml *y, const char *const words[], struct diag *why)
{
	const struct yaml *t = y != NULL && y->kind == YAML_LIST ? y->child : y;
	int r = 0;

	if (y != NULL && y->kind == YAML_LIST && y->child == NULL)
		return yaml_fail(y, why, "%s is empty", y->key);
	for (; t != NULL && r == 0; t = t == y ? NULL : t->next) {
		if (t->kind != YAML_SCALAR || t->len == 0)
			return yaml_fail(t, why, "must be a text");
		if (words != NULL)
			r = one_of(t, words, why);
	}
	return r;
}

static int
policy_scope(const struct yaml *y, struct diag *why)
{
	static const char *const keys[] = {
	    "actor", "provider", "activity", "paths", "direction", "dst", NULL};
	static const char *const path_keys[] = {"include", "exclude", NULL};
	const struct yaml *paths = yaml_get(y, "paths");
	int r;

	if (y == NULL)
		return 0;
	if ((r = yaml_keys(y, "scope", keys, why)) != 0 ||
	    (r = some_of(yaml_get(y, "actor"), NULL, why)) != 0 ||
	    (r = some_of(yaml_get(y, "provider"), NULL, why)) != 0 ||
	    (r = some_of(yaml_get(y, "activity"), ACTIVITIES, why)) != 0 ||
	    (r = some_of(yaml_get(y, "direction"), DIRECTIONS, why)) != 0 ||
	    (r = some_of(yaml_get(y, "dst"), NULL, why)) != 0 || paths == NULL)
		return r;
	if ((r = yaml_keys(paths, "paths", path_keys, why)) != 0 ||
	    (r = some_of(yaml_get(paths, "include"), NULL, why)) != 0)
		return r;
	return some_of(yaml_get(paths, "exclude"), NULL, why);
}

/* ">=20": so many at least. */
static int
at_least(const struct yaml *y, struct diag *why)
{
	uint64_t n = 0;

	if (y == NULL ||
	    (y->kind == YAML_SCALAR && str_starts(y->text, ">=") &&
		str_u64(y->text + 2, UINT32_MAX, &n) == 0 && n > 0))
		return 0;
	return yaml_fail(
	    y, why, "%s must be a least number, as in \">=20\"", y->key);
}

/* "24h", "30m", "7d". */
static int
window(const struct yaml *y, struct diag *why)
{
	char digits[8];
	uint64_t n = 0;
	size_t len = y != NULL && y->kind == YAML_SCALAR ? y->len : 0;

	if (y == NULL)
		return 0;
	if (len >= 2 && strchr("mhd", y->text[len - 1]) != NULL &&
	    str_copy_len(digits, sizeof digits, y->text, len - 1) == 0 &&
	    str_u64(digits, 9999, &n) == 0 && n > 0)
		return 0;
	return yaml_fail(
	    y, why, "window must be minutes, hours or days, as in 24h");
}

static int
policy_condition(const struct yaml *y, struct diag *why)
{
	static const char *const keys[] = {
	    "detector", "class", "tag", "confidence", "unique", "window", NULL};
	const struct yaml *confidence = yaml_get(y, "confidence");
	unsigned what = 0;
	int r = yaml_keys(y, "a condition", keys, why);

	if (r != 0)
		return r;
	for (size_t i = 0; i < 3; i++) {
		const struct yaml *t = yaml_get(y, keys[i]);

		what += t != NULL;
		if (t != NULL && (r = some_of(t, NULL, why)) != 0)
			return r;
	}
	if (what != 1)
		return yaml_fail(y, why,
		    "a condition needs one of \"detector\", \"class\", "
		    "\"tag\"");
	if (confidence != NULL)
		r = one_of(confidence, CONFIDENCES, why);
	if (r == 0)
		r = at_least(yaml_get(y, "unique"), why);
	return r == 0 ? window(yaml_get(y, "window"), why) : r;
}

static int
policy_match(const struct yaml *y, struct diag *why)
{
	static const char *const keys[] = {"any_of", NULL};
	static const char *const any_keys[] = {"min", "of", NULL};
	const struct yaml *any = yaml_get(y, "any_of");
	const struct yaml *of = yaml_get(any, "of");
	uint64_t min = 1, n = 0;
	int r;

	if ((r = yaml_keys(y, "match", keys, why)) != 0)
		return r;
	if (any == NULL)
		return yaml_fail(y, why, "match needs the key \"any_of\"");
	if ((r = yaml_keys(any, "any_of of a policy", any_keys, why)) != 0)
		return r;
	if (of == NULL || of->kind != YAML_LIST || of->child == NULL)
		return yaml_fail(any, why, "any_of needs a list under \"of\"");
	for (const struct yaml *t = of->child; t != NULL && r == 0;
	     t = t->next) {
		if (++n > CONDITIONS_MAX)
			return yaml_fail(
			    t, why, "more than %d conditions", CONDITIONS_MAX);
		r = policy_condition(t, why);
	}
	return r == 0 ? yaml_uint(yaml_get(any, "min"), 1, n, &min, why) : r;
}

static int
policy_one(const struct yaml *y, struct diag *why)
{
	static const char *const keys[] = {
	    "id", "title", "level", "scope", "match", "then", NULL};
	const char *id = "", *title = "";
	int r = yaml_keys(y, "a policy", keys, why);

	for (size_t i = 0; keys[i] != NULL && r == 0; i++)
		if (i != 3 && yaml_get(y, keys[i]) == NULL)
			return yaml_fail(
			    y, why, "a policy needs the key \"%s\"", keys[i]);
	if (r != 0 || (r = yaml_text(yaml_get(y, "id"), &id, why)) != 0 ||
	    (r = yaml_text(yaml_get(y, "title"), &title, why)) != 0 ||
	    (r = one_of(yaml_get(y, "level"), LEVELS, why)) != 0)
		return r;
	if (!detector_id(id, 95))
		return yaml_fail(yaml_get(y, "id"), why,
		    "an id is small letters, digits, \"_\", \"-\" and \".\", "
		    "at most 95");
	if ((r = policy_scope(yaml_get(y, "scope"), why)) != 0 ||
	    (r = policy_match(yaml_get(y, "match"), why)) != 0)
		return r;
	return some_of(yaml_get(y, "then"), THENS, why);
}

int
policy_parse(const struct yaml *y, struct diag *why)
{
	size_t n = 0;
	int r = 0;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "policies must be a list");
	for (const struct yaml *t = y->child; t != NULL && r == 0;
	     t = t->next) {
		if (++n > POLICIES_MAX)
			return yaml_fail(
			    t, why, "more than %d policies", POLICIES_MAX);
		r = policy_one(t, why);
	}
	return r;
}

/* Whether any detector of the set has this class (or one below) or tag. */
static bool
known(const struct ruleset *r, const char *key, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct detector *d = r->detectors[i];
		const struct yaml *tags = yaml_get(d->at, "tags");
		const struct yaml *t = tags != NULL ? tags->child : NULL;

		if (str_eq(key, "detector") && str_eq(d->id, name))
			return true;
		if (str_eq(key, "class") && view_class(d->class_name, name))
			return true;
		for (; str_eq(key, "tag") && t != NULL; t = t->next)
			if (str_eq(t->text, name))
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
