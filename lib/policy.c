/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - the policies of a pack: who, where, how much.
 *
 * Owns: the keys of a policy, what each may hold, and which findings it is
 * about.
 * Never: adds up; keeps a finding; knows where findings come from.
 */
#include "lib/policy.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "lib/str.h"
#include "lib/view.h"

#include "lib/own.h"

enum { POLICIES_MAX = 1000, CONDITIONS_MAX = 64, SURENESSES = 3 };

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

/* 1 low, 2 medium, 3 high, 0 anything else. */
static unsigned
confidence_rank(const char *name)
{
	unsigned i = 0;

	while (i < SURENESSES && !str_eq(CONFIDENCES[i], name))
		i++;
	return i < SURENESSES ? i + 1 : 0;
}

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

/* A text alone, or the texts of a list. */
static const struct yaml *
first_of(const struct yaml *y)
{
	return y != NULL && y->kind == YAML_LIST ? y->child : y;
}

static const struct yaml *
next_of(const struct yaml *y, const struct yaml *t)
{
	return t == y ? NULL : t->next;
}

/* A text or a list of texts, each of @words where they are given; or NULL. */
static int
some_of(const struct yaml *y, const char *const words[], struct diag *why)
{
	const struct yaml *t = first_of(y);
	int r = 0;

	if (y != NULL && y->kind == YAML_LIST && y->child == NULL)
		return yaml_fail(y, why, "%s is empty", y->key);
	for (; t != NULL && r == 0; t = next_of(y, t)) {
		if (t->kind != YAML_SCALAR || t->len == 0)
			return yaml_fail(t, why, "must be a text");
		if (words != NULL)
			r = one_of(t, words, why);
	}
	return r;
}

/* Texts that begin with "provider:" or "person:". */
static int
some_actors(const struct yaml *y, struct diag *why)
{
	int r = some_of(y, NULL, why);

	if (y == NULL || r != 0)
		return r;
	for (const struct yaml *t = first_of(y); t != NULL; t = next_of(y, t))
		if (!str_starts(t->text, "provider:") &&
		    !str_starts(t->text, "person:"))
			return yaml_fail(t, why,
			    "an actor is \"provider:NAME\" or "
			    "\"person:NAME\"; NAME may hold * and ?");
	return 0;
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
	    (r = some_actors(yaml_get(y, "actor"), why)) != 0 ||
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
at_least(const struct yaml *y, uint64_t *out, struct diag *why)
{
	if (y == NULL ||
	    (y->kind == YAML_SCALAR && str_starts(y->text, ">=") &&
		str_u64(y->text + 2, UINT32_MAX, out) == 0 && *out > 0))
		return 0;
	return yaml_fail(
	    y, why, "%s must be a least number, as in \">=20\"", y->key);
}

/* "24h", "30m", "7d". */
static int
window(const struct yaml *y, int64_t *out, struct diag *why)
{
	size_t len = y != NULL && y->kind == YAML_SCALAR ? y->len : 0;
	const int64_t minute = INT64_C(60000000);
	char digits[8];
	uint64_t n = 0;
	char unit;

	if (y == NULL)
		return 0;
	unit = len < 2 ? '\0' : y->text[len - 1];
	if (len < 2 || strchr("mhd", unit) == NULL ||
	    str_copy_len(digits, sizeof digits, y->text, len - 1) != 0 ||
	    str_u64(digits, 9999, &n) != 0 || n == 0)
		return yaml_fail(
		    y, why, "window must be minutes, hours or days, as in 24h");
	*out = (int64_t)n * minute;
	if (unit != 'm')
		*out *= unit == 'h' ? 60 : 24 * 60;
	return 0;
}

/* ">=medium" is from there on, "medium" that alone. */
static int
sureness(const struct yaml *y, struct policy_condition *c, struct diag *why)
{
	const char *word;
	int r;

	c->least = 1;
	c->most = SURENESSES;
	if (y == NULL)
		return 0;
	r = one_of(y, CONFIDENCES, why);
	if (r != 0)
		return r;
	word = str_starts(y->text, ">=") ? y->text + 2 : y->text;
	c->least = confidence_rank(word);
	if (word == y->text)
		c->most = c->least;
	return 0;
}

static int
policy_condition(
    const struct yaml *y, struct policy_condition *out, struct diag *why)
{
	static const char *const keys[] = {
	    "detector", "class", "tag", "confidence", "unique", "window", NULL};
	int r = yaml_keys(y, "a condition", keys, why);

	*out = (struct policy_condition){.unique = 1};
	if (r != 0)
		return r;
	for (size_t i = 0; i < 3; i++) {
		const struct yaml *t = yaml_get(y, keys[i]);

		if (t == NULL)
			continue;
		if (out->key != NULL)
			out->what = NULL;
		else
			out->what = t;
		out->key = keys[i];
		if ((r = some_of(t, NULL, why)) != 0)
			return r;
	}
	if (out->what == NULL)
		return yaml_fail(y, why,
		    "a condition needs one of \"detector\", \"class\", "
		    "\"tag\"");
	if ((r = sureness(yaml_get(y, "confidence"), out, why)) != 0 ||
	    (r = at_least(yaml_get(y, "unique"), &out->unique, why)) != 0)
		return r;
	return window(yaml_get(y, "window"), &out->window_us, why);
}

static int
policy_match(const struct yaml *y, struct policy *out, struct diag *why)
{
	static const char *const keys[] = {"any_of", NULL};
	static const char *const any_keys[] = {"min", "of", NULL};
	const struct yaml *any = yaml_get(y, "any_of");
	const struct yaml *of = yaml_get(any, "of");
	size_t n = 0;
	int r;

	if ((r = yaml_keys(y, "match", keys, why)) != 0)
		return r;
	if (any == NULL)
		return yaml_fail(y, why, "match needs the key \"any_of\"");
	if ((r = yaml_keys(any, "any_of of a policy", any_keys, why)) != 0)
		return r;
	if (of == NULL || of->kind != YAML_LIST || of->child == NULL)
		return yaml_fail(any, why, "any_of needs a list under \"of\"");
	for (const struct yaml *t = of->child; t != NULL; t = t->next)
		n++;
	if (n > CONDITIONS_MAX)
		return yaml_fail(
		    of, why, "more than %d conditions", CONDITIONS_MAX);
	out->conditions = calloc(n, sizeof *out->conditions);
	if (out->conditions == NULL)
		return -ENOMEM;
	for (const struct yaml *t = of->child; t != NULL && r == 0; t = t->next)
		r = policy_condition(t, &out->conditions[out->n++], why);
	out->min = 1;
	return r == 0 ? yaml_uint(yaml_get(any, "min"), 1, n, &out->min, why)
		      : r;
}

/* One text behind the other. */
static int
join(const struct yaml *y, char **out)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 65536);
	for (const struct yaml *t = first_of(y); t != NULL; t = next_of(y, t))
		buf_printf(&b, "%s%s", t == first_of(y) ? "" : " ", t->text);
	*out = buf_error(&b) != 0 ? NULL : strdup(buf_text(&b));
	return *out == NULL ? -ENOMEM : 0;
}

static int
policy_one(const struct yaml *y, struct policy *out, struct diag *why)
{
	static const char *const keys[] = {
	    "id", "title", "level", "scope", "match", "then", NULL};
	int r = yaml_keys(y, "a policy", keys, why);

	for (size_t i = 0; keys[i] != NULL && r == 0; i++)
		if (i != 3 && yaml_get(y, keys[i]) == NULL)
			return yaml_fail(
			    y, why, "a policy needs the key \"%s\"", keys[i]);
	if (r != 0 || (r = yaml_text(yaml_get(y, "id"), &out->id, why)) != 0 ||
	    (r = yaml_text(yaml_get(y, "title"), &out->title, why)) != 0 ||
	    (r = one_of(yaml_get(y, "level"), LEVELS, why)) != 0)
		return r;
	out->level = yaml_get(y, "level")->text;
	out->scope = yaml_get(y, "scope");
	if (!str_id(out->id, 95))
		return yaml_fail(yaml_get(y, "id"), why,
		    "an id is small letters, digits, \"_\", \"-\" and \".\", "
		    "at most 95");
	if ((r = policy_scope(out->scope, why)) != 0 ||
	    (r = policy_match(yaml_get(y, "match"), out, why)) != 0)
		return r;
	r = some_of(yaml_get(y, "then"), THENS, why);
	return r == 0 ? join(yaml_get(y, "then"), &out->then) : r;
}

static int
read_list(
    const struct yaml *y, struct policy **out, size_t *n, struct diag *why)
{
	size_t max = 0;
	int r = 0;

	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		max++;
	if (max > POLICIES_MAX)
		return yaml_fail(y, why, "more than %d policies", POLICIES_MAX);
	*out = max == 0 ? NULL : calloc(max, sizeof **out);
	if (max > 0 && *out == NULL)
		return -ENOMEM;
	for (const struct yaml *t = y->child; t != NULL && r == 0; t = t->next)
		r = policy_one(t, &(*out)[(*n)++], why);
	return r;
}

int
policy_parse(
    const struct yaml *y, struct policy **out, size_t *n, struct diag *why)
{
	struct policy *list = NULL;
	size_t count = 0;
	int r = 0;

	if (y != NULL && y->kind != YAML_LIST)
		r = yaml_fail(y, why, "policies must be a list");
	else if (y != NULL)
		r = read_list(y, &list, &count, why);
	if (out == NULL) {
		policy_free(list, count);
	} else {
		*out = list;
		*n = count;
	}
	return r;
}

void
policy_free(struct policy *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].conditions);
		free(list[i].then);
	}
	free(list);
}

/* ---- against findings ---- */

/* A "*" also stands for "/", so that "**" is the same. */
static bool
fits(const char *pattern, const char *text)
{
	return text != NULL && fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

static bool
fits_one(const struct yaml *y, const char *text)
{
	for (const struct yaml *t = first_of(y); t != NULL; t = next_of(y, t))
		if (fits(t->text, text))
			return true;
	return false;
}

/*
 * "*" is everybody who may be a provider's: the company's own staff has to be
 * named.
 */
static bool
fits_provider(const char *pattern, const char *provider)
{
	if (str_eq(provider, "staff"))
		return str_eq(pattern, "staff");
	return fits(pattern, provider);
}

static bool
fits_providers(const struct yaml *y, const char *provider)
{
	for (const struct yaml *t = first_of(y); t != NULL; t = next_of(y, t))
		if (fits_provider(t->text, provider))
			return true;
	return false;
}

/* A person is one of @provider; NULL: whoever it is. */
static bool
fits_actor(const struct yaml *y, const char *provider, const char *person)
{
	static const char of_provider[] = "provider:", of_person[] = "person:";

	for (const struct yaml *t = first_of(y); t != NULL; t = next_of(y, t)) {
		if (str_starts(t->text, of_provider) &&
		    fits_provider(t->text + sizeof of_provider - 1, provider))
			return true;
		if (str_starts(t->text, of_person) &&
		    (person == NULL ||
			fits(t->text + sizeof of_person - 1, person)))
			return true;
	}
	return false;
}

static bool
fits_who(const struct policy *p, const char *provider, const char *person)
{
	const struct yaml *actor = yaml_get(p->scope, "actor");
	const struct yaml *providers = yaml_get(p->scope, "provider");

	return (actor == NULL || fits_actor(actor, provider, person)) &&
	       (providers == NULL || fits_providers(providers, provider));
}

bool
policy_names(const struct policy *p, const char *provider)
{
	return fits_who(p, provider, NULL);
}

/* A copy is seen as the write of its other end. */
static const struct {
	const char *activity, *channel, *op;
} DONE[] = {
    {"file.open", "file", "open"},
    {"file.read", "file", "read"},
    {"file.write", "file", "write"},
    {"file.copy", "file", "write"},
    {"file.exec", "file", "exec"},
    {"net.egress", "net", "send"},
    {"net.ingress", "net", "receive"},
};

static bool
fits_activity(const struct yaml *y, const struct policy_finding *f)
{
	for (const struct yaml *t = first_of(y); t != NULL; t = next_of(y, t))
		for (size_t i = 0; i < ARRAY_LEN(DONE); i++)
			if (str_eq(t->text, DONE[i].activity) &&
			    str_eq(f->channel, DONE[i].channel) &&
			    str_eq(f->op, DONE[i].op))
				return true;
	return false;
}

static bool
fits_direction(const struct yaml *y, const struct policy_finding *f)
{
	const char *way = str_eq(f->op, "send") ? "out" : "in";

	return str_eq(f->channel, "net") && fits_one(y, way);
}

/* What was in no file has no path to be asked about. */
static bool
fits_paths(const struct yaml *y, const struct policy_finding *f)
{
	const struct yaml *include = yaml_get(y, "include");
	const struct yaml *exclude = yaml_get(y, "exclude");

	if (!str_eq(f->channel, "file"))
		return true;
	return (include == NULL || fits_one(include, f->path)) &&
	       (exclude == NULL || !fits_one(exclude, f->path));
}

bool
policy_covers(const struct policy *p, const struct policy_finding *f)
{
	const struct yaml *activity = yaml_get(p->scope, "activity");
	const struct yaml *direction = yaml_get(p->scope, "direction");
	const struct yaml *paths = yaml_get(p->scope, "paths");
	const struct yaml *dst = yaml_get(p->scope, "dst");

	return fits_who(
		   p, f->provider, f->person != NULL ? f->person : "unknown") &&
	       (activity == NULL || fits_activity(activity, f)) &&
	       (direction == NULL || fits_direction(direction, f)) &&
	       (paths == NULL || fits_paths(paths, f)) &&
	       (dst == NULL ||
		   (str_eq(f->channel, "net") &&
		       (fits_one(dst, f->dst) || fits_one(dst, f->server))));
}

static bool
about(const struct policy_condition *c, const char *text,
    const struct policy_finding *f)
{
	if (str_eq(c->key, "detector"))
		return str_eq(f->detector, text);
	if (str_eq(c->key, "class"))
		return f->class_name != NULL && view_class(f->class_name, text);
	return view_tagged(f->tags, text);
}

bool
policy_counts(const struct policy_condition *c, const struct policy_finding *f)
{
	unsigned sure = confidence_rank(f->confidence);
	const struct yaml *y = c->what;

	if (sure < c->least || sure > c->most)
		return false;
	for (const struct yaml *t = first_of(y); t != NULL; t = next_of(y, t))
		if (about(c, t->text, f))
			return true;
	return false;
}
