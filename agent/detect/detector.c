/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detector - one detector of a pack: its keys, its patterns, its levels.
 *
 * Owns: the keys of a detector and what each may hold; the patterns that are
 * made of them (with boundaries for the authority, without for the candidate
 * stage).
 * Never: passes over a key. A key that this release does not execute is
 * refused with "not supported yet".
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/fullwidth.h"
#include "agent/detect/keys.h"
#include "agent/detect/rules.h"
#include "lib/str.h"

#include "lib/own.h"

static const char *const CONFIDENCES[] = {"low", "medium", "high", NULL};
static const char *const SENSITIVITIES[] = {
    "low", "medium", "high", "critical", NULL};
static const char *const STATUSES[] = {
    "experimental", "test", "stable", "deprecated", NULL};
static const char *const BOUNDARIES[] = {
    "none", "word", "digit", "alnum", "token", NULL};
static const char *const NORMALS[] = {
    "strip_space_dash", "strip_dots", "fold_case", "fold_fullwidth", NULL};
static const char *const ON_FAILS[] = {"drop", "demote", "flag", NULL};

/* What boundaries become around the authority's pattern. */
static const struct {
	const char *before, *after;
} AROUND[] = {
    [BOUNDARY_NONE] = {"", ""},
    [BOUNDARY_WORD] = {"(?<![A-Za-z0-9_])", "(?![A-Za-z0-9_])"},
    [BOUNDARY_DIGIT] = {"(?<![0-9])", "(?![0-9])"},
    [BOUNDARY_ALNUM] = {"(?<![A-Za-z0-9])", "(?![A-Za-z0-9])"},
    [BOUNDARY_TOKEN] = {"(?<![A-Za-z0-9_-])", "(?![A-Za-z0-9_-])"},
};

/* Refuses the first key of @map that stands in @later. */
static int
not_yet(const struct yaml *map, const char *const later[], struct diag *why)
{
	for (size_t i = 0; later[i] != NULL; i++) {
		const struct yaml *y = yaml_get(map, later[i]);

		if (y != NULL)
			return diag_set(why, -EBADMSG,
			    "%s:%u:%u: \"%s\" is not supported yet", y->file,
			    y->key_line, y->key_column, later[i]);
	}
	return 0;
}

static int
child_uint(const struct yaml *map, const char *key, uint64_t min, uint64_t max,
    uint32_t *out, struct diag *why)
{
	uint64_t v = *out;
	int r = yaml_uint(yaml_get(map, key), min, max, &v, why);

	*out = (uint32_t)v;
	return r;
}

static int
is_uuid(const char *s)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-'
			 : strchr("0123456789abcdef", s[i]) == NULL ||
			       s[i] == '\0')
			return false;
	}
	return s[36] == '\0';
}

static int
identity(const struct yaml *y, struct detector *d, struct diag *why)
{
	const struct yaml *id, *title, *class, *uuid;
	const struct yaml *status = yaml_get(y, "status");
	const struct yaml *sensitivity = yaml_get(y, "sensitivity");
	unsigned at = SENSITIVITY_MEDIUM;
	unsigned state = 2;
	static const char *const lists[] = {
	    "references", "tags", "falsepositives", NULL};
	static const char *const single[] = {
	    "description", "date", "modified", "author", NULL};
	int r = 0;

	if ((r = keys_need(y, "id", "a detector", &id, why)) != 0 ||
	    (r = keys_need(y, "uuid", "a detector", &uuid, why)) != 0 ||
	    (r = keys_need(y, "title", "a detector", &title, why)) != 0 ||
	    (r = keys_need(y, "class", "a detector", &class, why)) != 0 ||
	    (r = yaml_text(id, &d->id, why)) != 0 ||
	    (r = yaml_text(title, &d->title, why)) != 0 ||
	    (r = yaml_text(class, &d->class_name, why)) != 0 ||
	    (r = yaml_text(uuid, &d->uuid, why)) != 0)
		return r;
	if (!str_id(d->id, sizeof((struct finding *)0)->detector - 1))
		return yaml_fail(id, why,
		    "an id is small letters, digits, \"_\", \"-\" and \".\", "
		    "at most 95");
	if (!str_id(d->class_name, sizeof((struct finding *)0)->class_name - 1))
		return yaml_fail(class, why,
		    "a class is small letters, digits, \"_\" and \".\"");
	if (!is_uuid(d->uuid))
		return yaml_fail(uuid, why,
		    "a uuid is 32 small hexadecimal digits, 8-4-4-4-12");
	if (sensitivity != NULL)
		r = keys_word(sensitivity, SENSITIVITIES, &at, why);
	if (r == 0 && status != NULL)
		r = keys_word(status, STATUSES, &state, why);
	d->sensitivity = (enum sensitivity)at;
	d->status = STATUSES[state];
	for (size_t i = 0; r == 0 && lists[i] != NULL; i++)
		r = keys_texts(yaml_get(y, lists[i]), why);
	for (size_t i = 0; r == 0 && single[i] != NULL; i++) {
		const char *unused;

		r = yaml_text(yaml_get(y, single[i]), &unused, why);
	}
	return r;
}

static const struct terms *
list_find(const struct pack *p, const char *id)
{
	for (size_t i = 0; i < p->nlists; i++)
		if (str_eq(p->lists[i].id, id))
			return &p->lists[i];
	return NULL;
}

/* A list by the name that a rule gives. */
static int
list_named(const struct yaml *y, const struct pack *p, bool exact,
    const struct terms **out, struct diag *why)
{
	const char *name = "";
	int r = yaml_text(y, &name, why);

	if (r != 0)
		return r;
	*out = list_find(p, name);
	if (*out == NULL)
		return yaml_fail(y, why, "there is no list \"%s\"", name);
	if (((*out)->match == TERM_EXACT) != exact)
		return yaml_fail(y, why,
		    exact ? "the list must have \"match: exact\""
			  : "a list with \"match: exact\" is for values, not "
			    "for text");
	return 0;
}

static int
prefilter(const struct yaml *y, struct detector *d, struct diag *why)
{
	static const char *const keys[] = {"keywords", "reason", NULL};
	const struct yaml *map, *words, *reason;
	OWN_MEM char *gate = NULL;
	int r;

	map = yaml_get(y, "prefilter");
	if (map == NULL)
		return 0;
	if ((r = yaml_keys(map, "prefilter", keys, why)) != 0 ||
	    (r = keys_texts(words = yaml_get(map, "keywords"), why)) != 0)
		return r;
	reason = yaml_get(map, "reason");
	if (words == NULL || words->child == NULL) {
		if (reason == NULL || reason->kind != YAML_SCALAR ||
		    reason->len == 0)
			return yaml_fail(map, why,
			    "a prefilter without keywords needs a reason");
		return 0;
	}
	r = terms_pattern(words, NULL, TERM_SUBSTRING, true, false, &gate, why);
	if (r == 0)
		r = regex_new(gate, &d->gate, why);
	return r == 0 ? pattern_parse(gate, &d->keywords, why) : r;
}

/* Puts a place before a sentence that names none. */
static int
placed(const struct yaml *at, const struct diag *inner, int r, struct diag *why)
{
	if (r == -EBADMSG)
		return yaml_fail(at, why, "%s", inner->text);
	return r;
}

/* @wide: a digit of twice the width is one to a boundary, too. */
static int
with_boundary(const char *pattern, enum boundary b, bool wide,
    struct regex **out, struct diag *why)
{
	bool both = wide && b != BOUNDARY_NONE;
	OWN(buf_done) struct buf text = {0};
	const char *whole;

	buf_init(&text, 2 * 1024 * 1024);
	buf_printf(&text, "%s%s(?:%s)%s%s", AROUND[b].before,
	    both ? "(?<!\\xef\\xbc[\\x90-\\x99])" : "", pattern,
	    AROUND[b].after, both ? "(?!\\xef\\xbc[\\x90-\\x99])" : "");
	whole = buf_text(&text);
	return whole != NULL ? regex_new(whole, out, why) : -ENOMEM;
}

static int
bounded(const struct pattern *p, struct diag *why)
{
	if (pattern_most(p) == UINT32_MAX)
		return diag_set(why, -EBADMSG,
		    "the pattern has no greatest length; bound every repeat, "
		    "as in {0,64}");
	if (pattern_most(p) > RULES_WIDTH_MAX)
		return diag_set(why, -EBADMSG,
		    "the pattern can match %u bytes; at most %d are allowed",
		    pattern_most(p), RULES_WIDTH_MAX);
	return 0;
}

/*
 * A pattern of the subset, for the authority and for the other layers. *plain
 * is what both are made of.
 */
static int
pattern_wide(const struct yaml *y, enum boundary b, bool wide, char **plain,
    struct regex **out, struct pattern **parsed, struct diag *why)
{
	OWN(buf_done) struct buf whole = {0};
	struct diag inner = {""};
	const char *text = "";
	int r = yaml_text(y, &text, why);

	if (r != 0)
		return r;
	r = subset_check(text, &inner);
	buf_init(&whole, 1024 * 1024);
	if (r == 0 && wide) {
		fullwidth_pattern(text, &whole);
		text = buf_text(&whole);
	}
	*plain = text != NULL ? strdup(text) : NULL;
	if (*plain == NULL)
		return -ENOMEM;
	if (r == 0)
		r = with_boundary(text, b, wide, out, &inner);
	if (r == 0)
		r = pattern_parse(text, parsed, &inner);
	if (r == 0)
		r = bounded(*parsed, &inner);
	return placed(y, &inner, r, why);
}

static int
pattern_new(const struct yaml *y, enum boundary b, struct regex **out,
    struct pattern **parsed, struct diag *why)
{
	OWN_MEM char *unused = NULL;

	return pattern_wide(y, b, false, &unused, out, parsed, why);
}

/* Whether digits of twice the width count as digits. */
static bool
folds_fullwidth(const struct yaml *primary)
{
	const struct yaml *y = yaml_get(primary, "normalize");

	for (y = y != NULL ? y->child : NULL; y != NULL; y = y->next)
		if (y->kind == YAML_SCALAR && str_eq(y->text, "fold_fullwidth"))
			return true;
	return false;
}

/* "patterns.ID" becomes the pattern of that name, with its boundary. */
static int
pattern_named(const struct yaml **y, const struct pack *p, enum boundary *b,
    struct diag *why)
{
	static const char prefix[] = "patterns.";
	const char *text = "";
	int r = yaml_text(*y, &text, why);

	if (r != 0 || !str_starts(text, prefix))
		return r;
	for (size_t i = 0; i < p->npatterns; i++) {
		const struct named *n = &p->patterns[i];
		unsigned at = BOUNDARY_NONE;

		if (!str_eq(n->id, text + sizeof prefix - 1))
			continue;
		if (n->boundary != NULL)
			r = keys_word(n->boundary, BOUNDARIES, &at, why);
		*b = (enum boundary)at;
		*y = n->at;
		return r;
	}
	return yaml_fail(*y, why, "there is no pattern \"%s\" under patterns",
	    text + sizeof prefix - 1);
}

int
detector_pattern(const struct yaml *y, struct named *out, struct diag *why)
{
	static const char *const keys[] = {"pattern", "boundary", NULL};
	OWN(pattern_freep) struct pattern *parsed = NULL;
	struct regex *regex = NULL;
	unsigned at = BOUNDARY_NONE;
	int r;

	*out = (struct named){.id = y->key};
	if ((r = yaml_keys(y, "a pattern", keys, why)) != 0 ||
	    (r = keys_need(y, "pattern", "a pattern", &out->at, why)) != 0)
		return r;
	out->boundary = yaml_get(y, "boundary");
	if (out->boundary != NULL)
		r = keys_word(out->boundary, BOUNDARIES, &at, why);
	/* Made here once, so that a fault is told even of an unused one. */
	if (r == 0)
		r = pattern_new(
		    out->at, (enum boundary)at, &regex, &parsed, why);
	regex_free(regex);
	return r;
}

static int
primary_list(const struct yaml *y, const struct pack *p, struct detector *d,
    struct diag *why)
{
	const struct terms *list;
	OWN_MEM char *whole = NULL;
	struct diag inner = {""};
	int r = list_named(y, p, false, &list, why);

	if (r == 0)
		r = terms_pattern(list->items, list->encodings, list->match,
		    list->fold, false, &d->plain, why);
	if (r == 0)
		r = terms_pattern(list->items, list->encodings, list->match,
		    list->fold, true, &whole, why);
	if (r != 0)
		return r;
	r = regex_new(whole, &d->regex, &inner);
	if (r == 0)
		r = pattern_parse(d->plain, &d->pattern, &inner);
	return placed(y, &inner, r, why);
}

static int
primary_pattern(const struct yaml *map, const struct pack *p,
    struct detector *d, struct diag *why)
{
	const struct yaml *pattern = yaml_get(map, "pattern");
	const struct yaml *b = yaml_get(map, "boundary");
	enum boundary named = BOUNDARY_NONE;
	unsigned boundary;
	int r = pattern_named(&pattern, p, &named, why);

	boundary = named;
	if (r == 0 && b != NULL)
		r = keys_word(b, BOUNDARIES, &boundary, why);
	if (r == 0)
		r = pattern_wide(pattern, (enum boundary)boundary,
		    folds_fullwidth(map), &d->plain, &d->regex, &d->pattern,
		    why);
	d->boundary = (enum boundary)boundary;
	return r;
}

static int
group_named(
    const struct yaml *y, const struct detector *d, int *out, struct diag *why)
{
	const char *name = "";
	int r = yaml_text(y, &name, why);

	if (r != 0)
		return r;
	*out = regex_group(d->regex, name);
	if (*out < 0 || *out >= REGEX_GROUPS_MAX)
		return yaml_fail(
		    y, why, "the pattern has no group (?P<%s>…)", name);
	return 0;
}

/* Bits a byte, written "3.5", as thousandths. */
static int
milli(const struct yaml *y, uint32_t *out, struct diag *why)
{
	const char *s = y->kind == YAML_SCALAR ? y->text : "";
	size_t whole = strspn(s, "0123456789");
	const char *point = s + whole;
	size_t part = *point == '.' ? strspn(point + 1, "0123456789") : 0;
	uint32_t v = 0;

	if (whole != 1 || (*point == '.' ? point[1 + part] : *point) != '\0' ||
	    part > 3 || (*point == '.' && part == 0) || s[0] > '8')
		return yaml_fail(y, why,
		    "%s must be a number from 0 to 8 with at most three "
		    "decimals",
		    y->key);
	v = (uint32_t)(s[0] - '0');
	for (size_t i = 0; i < 3; i++)
		v = v * 10 + (i < part ? (uint32_t)(point[1 + i] - '0') : 0);
	*out = v;
	return 0;
}

static int
entropy(const struct yaml *y, struct detector *d, struct diag *why)
{
	static const char *const keys[] = {"group", "min", "alphabet", NULL};
	static const char *const autos[] = {"auto", NULL};
	const struct yaml *group, *min, *alphabet;
	unsigned unused;
	int r;

	if (y == NULL)
		return 0;
	if ((r = yaml_keys(y, "entropy", keys, why)) != 0 ||
	    (r = keys_need(y, "min", "entropy", &min, why)) != 0 ||
	    (r = milli(min, &d->entropy_milli, why)) != 0)
		return r;
	alphabet = yaml_get(y, "alphabet");
	if (alphabet != NULL && keys_word(alphabet, autos, &unused, why) != 0)
		return -EBADMSG;
	group = yaml_get(y, "group");
	d->entropy_group = d->secret;
	return group != NULL ? group_named(group, d, &d->entropy_group, why)
			     : 0;
}

/* What the value must have of each kind, as a password policy asks for. */
static int
requirements(const struct yaml *y, struct detector *d, struct diag *why)
{
	static const char *const keys[] = {
	    "min_digits", "min_upper", "min_lower", "min_special", NULL};
	uint32_t *const to[] = {&d->requires.digits, &d->requires.upper,
	    &d->requires.lower, &d->requires.special};
	int r;

	if (y == NULL)
		return 0;
	r = yaml_keys(y, "requirements", keys, why);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(to); i++)
		r = child_uint(y, keys[i], 0, RULES_WIDTH_MAX, to[i], why);
	return r;
}

static int
normalize(const struct yaml *y, struct detector *d, struct diag *why)
{
	int r = keys_texts(y, why);

	for (const struct yaml *t = y != NULL && r == 0 ? y->child : NULL;
	     t != NULL && r == 0; t = t->next) {
		unsigned bit;

		if (str_eq(t->text, "nfkc"))
			return yaml_fail(
			    t, why, "\"nfkc\" is not supported yet");
		r = keys_word(t, NORMALS, &bit, why);
		if (r == 0)
			d->normalize |= 1U << bit;
	}
	return r;
}

static int
check_on_fail(const struct yaml *map, struct check *c, struct diag *why)
{
	const struct yaml *y = yaml_get(map, "on_fail");
	unsigned at = ON_FAIL_DROP;
	int r = y != NULL ? keys_word(y, ON_FAILS, &at, why) : 0;

	c->on_fail = (enum on_fail)at;
	return r;
}

static int
check_checksum(const struct yaml *y, const struct detector *d, struct check *c,
    struct diag *why)
{
	static const char *const keys[] = {
	    "alg", "over", "equals", "on_fail", NULL};
	const struct yaml *alg, *over, *equals;
	const char *name = "";
	int r;

	if ((r = yaml_keys(y, "checksum", keys, why)) != 0 ||
	    (r = keys_need(y, "alg", "a checksum", &alg, why)) != 0 ||
	    (r = keys_need(y, "over", "a checksum", &over, why)) != 0 ||
	    (r = keys_need(y, "equals", "a checksum", &equals, why)) != 0 ||
	    (r = yaml_text(alg, &name, why)) != 0 ||
	    (r = group_named(over, d, &c->over, why)) != 0 ||
	    (r = group_named(equals, d, &c->equals, why)) != 0)
		return r;
	c->checksum = checksum_find(name);
	c->name = "checksum";
	if (c->checksum == NULL)
		return yaml_fail(alg, why,
		    "unknown checksum \"%s\"; known: crc32_base62", name);
	return check_on_fail(y, c, why);
}

/* An unknown validator, with the nearest name. */
static int
no_validator(const struct yaml *y, const char *name, struct diag *why)
{
	const char *const *names = validator_names();
	const char *best = NULL;
	unsigned least = 5;

	for (size_t i = 0; names[i] != NULL; i++) {
		unsigned n = str_distance(name, names[i]);

		if (n < least) {
			least = n;
			best = names[i];
		}
	}
	return yaml_fail(y, why, "unknown validator \"%s\"%s%s%s", name,
	    best != NULL ? "; did you mean \"" : "", best != NULL ? best : "",
	    best != NULL ? "\"?" : "");
}

static int
check_one(const struct yaml *y, const struct detector *d, struct check *c,
    struct diag *why)
{
	static const char *const keys[] = {
	    "name", "args", "on_fail", "checksum", NULL};
	static const char *const later[] = {"args", NULL};
	const struct yaml *at = y;
	const struct yaml *sum;
	int r = 0;

	if (y->kind == YAML_MAP) {
		if ((r = yaml_keys(y, "a validator", keys, why)) != 0 ||
		    (r = not_yet(y, later, why)) != 0)
			return r;
		sum = yaml_get(y, "checksum");
		if (sum != NULL)
			return check_checksum(sum, d, c, why);
		if ((r = keys_need(y, "name", "a validator", &at, why)) != 0 ||
		    (r = check_on_fail(y, c, why)) != 0)
			return r;
	}
	r = yaml_text(at, &c->name, why);
	if (r != 0)
		return r;
	c->validator = validator_find(c->name);
	return c->validator != NULL ? 0 : no_validator(at, c->name, why);
}

static int
checks(const struct yaml *y, struct detector *d, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "validators must be a list");
	for (const struct yaml *t = y->child; t != NULL; t = t->next) {
		int r;

		if (d->nchecks == RULES_CHECKS_MAX)
			return yaml_fail(t, why, "more than %d validators",
			    RULES_CHECKS_MAX);
		r = check_one(t, d, &d->checks[d->nchecks], why);
		if (r != 0)
			return r;
		d->nchecks++;
	}
	return 0;
}

/* About the member itself, or a label: nothing of a text is looked at. */
static int
primary_file(const struct yaml *y, const struct yaml *map, struct detector *d,
    struct diag *why)
{
	const char *const alone[] = {y->key, NULL};
	struct diag inner = {""};

	if (yaml_keys(map, "primary", alone, &inner) != 0)
		return yaml_fail(map, why,
		    "beside \"%s\" primary takes nothing: a rule is about "
		    "a member, a label or a text",
		    y->key);
	return str_eq(y->key, "label") ? filerule_one(y, &d->file, why)
				       : filerule_parse(y, &d->file, why);
}

/* What a member is has no value, no place in a text, and no neighbours. */
static int
file_levels(const struct detector *d, struct diag *why)
{
	bool text = d->gate != NULL || d->nflags > 0 ||
		    d->keep_first + d->keep_last > 0 || d->bulk_min > 0 ||
		    d->bulk_unique > 0 || d->event_min > 0 ||
		    d->event_unique > 0;

	if (!filerule_asks(&d->file))
		return 0;
	for (size_t i = 0; i < d->nevidence; i++)
		text = text || d->evidence[i].kind != EVIDENCE_FILE;
	return text
		   ? yaml_fail(d->at, why,
			 "a rule with \"%s\" takes magic, path and label as "
			 "evidence, and no keywords, flags, thresholds or mask",
			 d->file.label.at != NULL ? "label" : "file")
		   : 0;
}

/* An index beside the pack; the loader finds it (ruleset.c). */
static int
primary_exact(const struct yaml *y, const struct yaml *map, struct detector *d,
    struct diag *why)
{
	static const char *const keys[] = {
	    "index", "primary", "secondaries", NULL};
	static const char *const near_keys[] = {"min", "within", NULL};
	static const char *const alone[] = {"exact", "validators", NULL};
	const struct yaml *index, *column, *near = yaml_get(y, "secondaries");
	struct member_rule *m = &d->exact;
	struct diag inner = {""};
	int r;

	m->min = 1;
	m->within = 300;
	if (yaml_keys(map, "primary", alone, &inner) != 0)
		return yaml_fail(map, why,
		    "beside \"exact\" primary takes \"validators\" alone: what "
		    "a value looks like is the index's");
	if ((r = yaml_keys(y, "exact", keys, why)) != 0 ||
	    (r = keys_need(y, "index", "exact", &index, why)) != 0 ||
	    (r = keys_need(y, "primary", "exact", &column, why)) != 0 ||
	    (r = yaml_text(index, &m->index, why)) != 0 ||
	    (r = yaml_text(column, &m->column, why)) != 0)
		return r;
	if (!exact_name_ok(m->index))
		return yaml_fail(index, why,
		    "the name of an index is small letters, digits, \"_\", "
		    "\"-\" and \".\", at most %d",
		    EXACT_NAME_MAX);
	if (near != NULL &&
	    ((r = yaml_keys(near, "secondaries", near_keys, why)) != 0 ||
		(r = child_uint(near, "min", 0, EXACT_COLUMNS_MAX - 1, &m->min,
		     why)) != 0 ||
		(r = child_uint(
		     near, "within", 1, RULES_NEAR_MAX, &m->within, why)) != 0))
		return r;
	d->least = EXACT_PRIMARY_MIN;
	d->most = MEMBER_WIDTH_MAX;
	return 0;
}

/* What its index allows beside this, the loader knows (ruleset.c). */
static int
exact_levels(const struct detector *d, struct diag *why)
{
	if (d->exact.index == NULL)
		return 0;
	for (size_t i = 0; i < d->nevidence; i++)
		if (d->evidence[i].kind == EVIDENCE_COUNT ||
		    d->evidence[i].kind == EVIDENCE_DETECTOR)
			return yaml_fail(yaml_get(d->at, "levels"), why,
			    "a rule with \"exact\" takes no count and no "
			    "other detector as evidence");
	if (d->gate != NULL || d->keep_first + d->keep_last > 0)
		return yaml_fail(d->at, why,
		    "a rule with \"exact\" takes no keywords and no mask");
	return 0;
}

static int
primary(const struct yaml *y, const struct pack *p, struct detector *d,
    struct diag *why)
{
	static const char *const keys[] = {"pattern", "list", "boundary",
	    "normalize", "validators", "secret", "entropy", "requirements",
	    "function", "exact", "fingerprint", "file", "label", "canary",
	    NULL};
	static const char *const later[] = {
	    "function", "fingerprint", "canary", NULL};
	const struct yaml *map, *exact, *file, *list, *secret;
	int r;

	if ((r = keys_need(y, "primary", "a detector", &map, why)) != 0 ||
	    (r = yaml_keys(map, "primary", keys, why)) != 0 ||
	    (r = not_yet(map, later, why)) != 0)
		return r;
	file = yaml_get(map, "file");
	if (file == NULL)
		file = yaml_get(map, "label");
	if (file != NULL)
		return primary_file(file, map, d, why);
	exact = yaml_get(map, "exact");
	if (exact != NULL) {
		r = primary_exact(exact, map, d, why);
		return r == 0 ? checks(yaml_get(map, "validators"), d, why) : r;
	}
	list = yaml_get(map, "list");
	if ((list != NULL) == (yaml_get(map, "pattern") != NULL))
		return yaml_fail(
		    map, why, "primary needs either \"pattern\" or \"list\"");
	if (list != NULL && yaml_get(map, "boundary") != NULL)
		return yaml_fail(list, why,
		    "a list has its boundary from its own \"match\"");
	r = list != NULL ? primary_list(list, p, d, why)
			 : primary_pattern(map, p, d, why);
	if (r == 0) {
		d->least = pattern_least(d->pattern);
		d->most = pattern_most(d->pattern);
	}
	secret = yaml_get(map, "secret");
	if (r == 0 && secret != NULL)
		r = group_named(secret, d, &d->secret, why);
	if (r == 0)
		r = entropy(yaml_get(map, "entropy"), d, why);
	if (r == 0)
		r = requirements(yaml_get(map, "requirements"), d, why);
	if (r == 0)
		r = normalize(yaml_get(map, "normalize"), d, why);
	if (r == 0)
		r = checks(yaml_get(map, "validators"), d, why);
	return r;
}

/* On which sides, and how many lines away at most. */
static int
near_bounds(const struct yaml *y, struct evidence *e, struct diag *why)
{
	static const char *const sides[] = {"both", "before", "after", NULL};
	const struct yaml *side = yaml_get(y, "side");
	const struct yaml *lines = yaml_get(y, "within_lines");
	uint32_t n = 0;
	unsigned at = 0;
	int r = child_uint(y, "within_lines", 0, 20, &n, why);

	if (r == 0 && side != NULL)
		r = keys_word(side, sides, &at, why);
	if (r != 0)
		return r;
	if (lines != NULL) {
		e->lines = n + 1;
		if (yaml_get(y, "before") == NULL)
			e->before = RULES_NEAR_MAX;
		if (yaml_get(y, "after") == NULL)
			e->after = RULES_NEAR_MAX;
	}
	if (at == 1)
		e->after = 0;
	if (at == 2)
		e->before = 0;
	if (e->before == 0 && e->after == 0)
		return yaml_fail(y, why,
		    "near needs \"before\" or \"after\" over 0, on its side, "
		    "or \"within_lines\"");
	return 0;
}

/* A pattern, or "patterns.ID". */
static int
near_pattern(const struct yaml *y, const struct pack *p, struct evidence *e,
    struct diag *why)
{
	OWN(pattern_freep) struct pattern *parsed = NULL;
	enum boundary b = BOUNDARY_NONE;
	int r = pattern_named(&y, p, &b, why);

	if (r == 0)
		r = pattern_new(y, b, &e->own.regex, &parsed, why);
	return r != 0 ? r : nearby_words_new(parsed, &e->own.words);
}

/* Terms as evidence: with their boundaries, and without to be read once. */
static int
cue_new(const struct yaml *y, const struct terms *t, struct cue *out,
    struct diag *why)
{
	OWN(pattern_freep) struct pattern *parsed = NULL;
	OWN_MEM char *whole = NULL, *plain = NULL;
	struct diag inner = {""};
	int r = terms_pattern(
	    t->items, t->encodings, t->match, t->fold, true, &whole, why);

	if (r == 0)
		r = terms_pattern(t->items, t->encodings, t->match, t->fold,
		    false, &plain, why);
	if (r != 0)
		return r;
	r = regex_new(whole, &out->regex, &inner);
	if (r == 0)
		r = pattern_parse(plain, &parsed, &inner);
	if (r == 0)
		r = nearby_words_new(parsed, &out->words);
	return placed(y, &inner, r, why);
}

void
detector_cue_done(struct cue *c)
{
	regex_free(c->regex);
	nearby_words_free(c->words);
	*c = (struct cue){0};
}

/*
 * The terms of a list, or those that stand here. A list may be evidence of
 * many rules, and to compile it is dear: they share what it became.
 */
static int
evidence_terms(const struct yaml *list, const struct yaml *keywords,
    const struct pack *p, struct evidence *e, struct diag *why)
{
	struct terms here = {
	    .match = TERM_PREFIX, .fold = true, .items = keywords};
	const struct terms *named = NULL;
	int r = 0;

	if (list == NULL)
		return cue_new(keywords, &here, &e->own, why);
	r = list_named(list, p, false, &named, why);
	if (r != 0)
		return r;
	e->shared = named->cue;
	return named->cue->regex != NULL
		   ? 0
		   : cue_new(list, named, named->cue, why);
}

static int
evidence_near(const struct yaml *y, const struct pack *p, struct evidence *e,
    struct diag *why)
{
	static const char *const keys[] = {"list", "keywords", "pattern",
	    "detector", "before", "after", "within_lines", "side", "min_count",
	    "unique", "from", NULL};
	static const char *const origins[] = {"match", "value", NULL};
	const struct yaml *list, *keywords, *pattern, *other, *origin;
	unsigned at = 0;
	int r;

	e->kind = EVIDENCE_NEAR;
	e->min = 1;
	if ((r = yaml_keys(y, "near", keys, why)) != 0 ||
	    (r = child_uint(y, "before", 0, RULES_NEAR_MAX, &e->before, why)) !=
		0 ||
	    (r = child_uint(y, "after", 0, RULES_NEAR_MAX, &e->after, why)) !=
		0 ||
	    (r = child_uint(y, "min_count", 1, 100, &e->min, why)) != 0 ||
	    (r = child_uint(y, "unique", 1, RULES_HITS_MAX, &e->unique, why)) !=
		0 ||
	    (r = near_bounds(y, e, why)) != 0)
		return r;
	origin = yaml_get(y, "from");
	if (origin != NULL && (r = keys_word(origin, origins, &at, why)) != 0)
		return r;
	e->of_value = at == 1;
	list = yaml_get(y, "list");
	keywords = yaml_get(y, "keywords");
	pattern = yaml_get(y, "pattern");
	other = yaml_get(y, "detector");
	if ((list != NULL) + (keywords != NULL) + (pattern != NULL) +
		(other != NULL) !=
	    1)
		return yaml_fail(y, why,
		    "near needs one of \"list\", \"keywords\", \"pattern\", "
		    "\"detector\"");
	if (other != NULL) {
		e->kind = EVIDENCE_DETECTOR;
		return yaml_text(other, &e->detector, why);
	}
	if (pattern != NULL)
		return near_pattern(pattern, p, e, why);
	return evidence_terms(list, keywords, p, e, why);
}

/* Terms that the name of a column, key or element holds. */
static int
evidence_header(const struct yaml *y, const struct pack *p, struct evidence *e,
    struct diag *why)
{
	static const char *const keys[] = {"list", "keywords", NULL};
	const struct yaml *list, *keywords;
	int r = yaml_keys(y, "header", keys, why);

	e->kind = EVIDENCE_HEADER;
	if (r != 0)
		return r;
	list = yaml_get(y, "list");
	keywords = yaml_get(y, "keywords");
	if ((list != NULL) == (keywords != NULL))
		return yaml_fail(
		    y, why, "header needs one of \"list\", \"keywords\"");
	return evidence_terms(list, keywords, p, e, why);
}

/* A number of bytes, "4096" or "4KiB". */
static int
bytes(const struct yaml *y, uint32_t *out, struct diag *why)
{
	char digits[16] = "";
	size_t n = y->kind == YAML_SCALAR ? strspn(y->text, "0123456789") : 0;
	uint64_t v = 0;

	if (n > 0 && n < sizeof digits) {
		bool kib = str_eq(y->text + n, "KiB");

		(void)str_copy_len(digits, sizeof digits, y->text, n);
		if ((kib || y->text[n] == '\0') &&
		    str_u64(digits, RULES_WITHIN_MAX, &v) == 0)
			v *= kib ? 1024 : 1;
	}
	if (v == 0 || v > RULES_WITHIN_MAX)
		return yaml_fail(y, why,
		    "%s must be a number of bytes up to %dKiB, as in 4KiB",
		    y->key, RULES_WITHIN_MAX / 1024);
	*out = (uint32_t)v;
	return 0;
}

static int
evidence_count(const struct yaml *y, struct detector *d, struct evidence *e,
    struct diag *why)
{
	static const char *const keys[] = {"min", "unique", "within", NULL};
	const struct yaml *within;
	int r;

	e->kind = EVIDENCE_COUNT;
	if ((r = yaml_keys(y, "count", keys, why)) != 0 ||
	    (r = keys_need(y, "within", "count", &within, why)) != 0 ||
	    (r = bytes(within, &e->within, why)) != 0 ||
	    (r = child_uint(y, "min", 1, 1000, &e->min, why)) != 0 ||
	    (r = child_uint(y, "unique", 1, 100, &e->unique, why)) != 0)
		return r;
	if ((e->min == 0) == (e->unique == 0))
		return yaml_fail(
		    y, why, "count needs either \"min\" or \"unique\"");
	if (e->within > d->within)
		d->within = e->within;
	return 0;
}

static int
evidence_validator(const struct yaml *y, const struct detector *d,
    struct evidence *e, struct diag *why)
{
	const char *name = "";
	int r = yaml_text(y, &name, why);

	e->kind = EVIDENCE_VALIDATOR;
	if (r != 0)
		return r;
	for (size_t i = 0; i < d->nchecks; i++) {
		if (!str_eq(d->checks[i].name, name))
			continue;
		e->check = i;
		return 0;
	}
	return yaml_fail(
	    y, why, "the detector has no validator \"%s\" under primary", name);
}

/* One more piece, all zero, in an array of as many as a power of two. */
static struct evidence *
evidence_add(struct detector *d)
{
	size_t n = d->nevidence;
	struct evidence *more = d->evidence;

	if ((n & (n - 1)) == 0)
		more = reallocarray(more, n > 0 ? 2 * n : 1, sizeof *more);
	if (more == NULL)
		return NULL;
	d->evidence = more;
	d->nevidence++;
	more[n] = (struct evidence){0};
	return &more[n];
}

/* @scored: in an any_of, where evidence may count more than one point. */
static int
evidence_one(const struct yaml *y, const struct pack *p, struct detector *d,
    bool scored, uint64_t *bits, struct diag *why)
{
	static const char *const keys[] = {"near", "count", "validator",
	    "header", "path", "magic", "label", "points", NULL};
	struct evidence *e;
	const struct yaml *kind, *points;
	int r;

	if ((r = yaml_keys(y, "evidence", keys, why)) != 0)
		return r;
	kind = y->child;
	points = yaml_get(y, "points");
	if (points != NULL && !scored)
		return yaml_fail(
		    points, why, "only evidence of an any_of has points");
	if (points != NULL && points == kind)
		kind = kind->next;
	if (kind == NULL || (kind->next != NULL && kind->next != points) ||
	    kind == points ||
	    (points != NULL && points->next != NULL && points->next != kind))
		return yaml_fail(y, why,
		    "each evidence is one of near, count, validator, "
		    "path, magic, label, header");
	if (d->nevidence == RULES_EVIDENCE_MAX)
		return yaml_fail(y, why, "more than %d pieces of evidence",
		    RULES_EVIDENCE_MAX);
	*bits |= (uint64_t)1 << d->nevidence;
	e = evidence_add(d);
	if (e == NULL)
		return -ENOMEM;
	e->at = kind;
	e->points = 1;
	if ((r = child_uint(
		 y, "points", 1, RULES_POINTS_MAX, &e->points, why)) != 0)
		return r;
	if (str_eq(kind->key, "near"))
		return evidence_near(kind, p, e, why);
	if (str_eq(kind->key, "count"))
		return evidence_count(kind, d, e, why);
	if (str_eq(kind->key, "magic") || str_eq(kind->key, "path") ||
	    str_eq(kind->key, "label")) {
		e->kind = EVIDENCE_FILE;
		return filerule_one(kind, &e->file, why);
	}
	if (str_eq(kind->key, "header"))
		return evidence_header(kind, p, e, why);
	return evidence_validator(kind, d, e, why);
}

static int
evidence_all(const struct yaml *y, const struct pack *p, struct detector *d,
    bool scored, uint64_t *bits, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "%s must be a list", y->key);
	for (const struct yaml *t = y->child; t != NULL; t = t->next) {
		int r = evidence_one(t, p, d, scored, bits, why);

		if (r != 0)
			return r;
	}
	return 0;
}

static int
level_any(const struct yaml *y, const struct pack *p, struct detector *d,
    struct level *l, struct diag *why)
{
	static const char *const keys[] = {"min", "max", "of", NULL};
	const struct yaml *of;
	uint32_t min = 1;
	uint32_t max = RULES_EVIDENCE_MAX * RULES_POINTS_MAX;
	int r;

	if (y == NULL)
		return 0;
	if ((r = yaml_keys(y, "any_of", keys, why)) != 0 ||
	    (r = keys_need(y, "of", "any_of", &of, why)) != 0 ||
	    (r = child_uint(y, "min", 0, max, &min, why)) != 0 ||
	    (r = child_uint(y, "max", 0, max, &max, why)) != 0)
		return r;
	l->any_min = min;
	l->any_max = max;
	return evidence_all(of, p, d, true, &l->any, why);
}

unsigned
detector_points(const struct detector *d, const struct level *l, uint64_t bits)
{
	unsigned points = 0;

	for (uint64_t left = bits & l->any; left != 0; left &= left - 1)
		points += d->evidence[__builtin_ctzll(left)].points;
	return points;
}

static int
level_one(const struct yaml *y, const struct pack *p, struct detector *d,
    struct diag *why)
{
	static const char *const keys[] = {
	    "confidence", "all", "any_of", "none", NULL};
	struct level *l;
	const struct yaml *name;
	unsigned at = 0;
	int r;

	if ((r = yaml_keys(y, "a level", keys, why)) != 0 ||
	    (r = keys_need(y, "confidence", "a level", &name, why)) != 0 ||
	    (r = keys_word(name, CONFIDENCES, &at, why)) != 0)
		return r;
	if (d->nlevels == RULES_LEVELS_MAX ||
	    (d->nlevels > 0 && (unsigned)d->levels[d->nlevels - 1].confidence <=
				   at + CONFIDENCE_LOW))
		return yaml_fail(
		    y, why, "levels go from high to low, each at most once");
	l = &d->levels[d->nlevels++];
	l->confidence = (enum confidence)(at + CONFIDENCE_LOW);
	if ((r = evidence_all(yaml_get(y, "all"), p, d, false, &l->all, why)) !=
		0 ||
	    (r = evidence_all(
		 yaml_get(y, "none"), p, d, false, &l->none, why)) != 0)
		return r;
	return level_any(yaml_get(y, "any_of"), p, d, l, why);
}

static int
levels(const struct yaml *y, const struct pack *p, struct detector *d,
    struct diag *why)
{
	const struct yaml *list;
	int r = keys_need(y, "levels", "a detector", &list, why);

	if (r != 0)
		return r;
	if (list->kind != YAML_LIST || list->child == NULL)
		return yaml_fail(
		    list, why, "levels must be a list of at least one");
	for (const struct yaml *t = list->child; t != NULL && r == 0;
	     t = t->next)
		r = level_one(t, p, d, why);
	return r;
}

/* What a flag asks for: a list, a validator or something nearby. */
static int
flag_when(const struct yaml *y, const struct pack *p, struct detector *d,
    struct flag *f, struct diag *why)
{
	static const char *const keys[] = {
	    "value_in", "validator", "near", NULL};
	struct evidence asked = {0};
	int r = yaml_keys(y, "when", keys, why);

	if (r != 0)
		return r;
	if (y->child == NULL || y->child->next != NULL)
		return yaml_fail(y, why,
		    "when needs one of \"value_in\", \"validator\", "
		    "\"near\"");
	if (str_eq(y->child->key, "value_in"))
		return list_named(y->child, p, true, &f->values, why);
	if (str_eq(y->child->key, "near"))
		return evidence_one(y, p, d, false, &f->evidence, why);
	r = evidence_validator(y->child, d, &asked, why);
	f->checks = r == 0 ? (uint64_t)1 << asked.check : 0;
	return r;
}

static int
flags(const struct yaml *y, const struct pack *p, struct detector *d,
    struct diag *why)
{
	static const char *const keys[] = {"when", "set", NULL};
	static const char *const sets[] = {
	    "test_data", "encrypted_key", "expired", "sample", NULL};

	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "flags must be a list");
	for (const struct yaml *t = y->child; t != NULL; t = t->next) {
		const struct yaml *when, *set;
		unsigned at;
		int r;

		if (d->nflags == RULES_FLAGS_MAX)
			return yaml_fail(
			    t, why, "more than %d flags", RULES_FLAGS_MAX);
		if ((r = yaml_keys(t, "a flag", keys, why)) != 0 ||
		    (r = keys_need(t, "when", "a flag", &when, why)) != 0 ||
		    (r = keys_need(t, "set", "a flag", &set, why)) != 0 ||
		    (r = keys_word(set, sets, &at, why)) != 0)
			return r;
		d->flags[d->nflags].mark = (enum mark)(1U << at);
		r = flag_when(when, p, d, &d->flags[d->nflags++], why);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
thresholds(const struct yaml *y, struct detector *d, struct diag *why)
{
	static const char *const keys[] = {"event", "bulk", NULL};
	static const char *const inner[] = {"min", "unique", NULL};
	const struct yaml *event, *bulk;
	int r;

	if (y == NULL)
		return 0;
	if ((r = yaml_keys(y, "thresholds", keys, why)) != 0)
		return r;
	event = yaml_get(y, "event");
	bulk = yaml_get(y, "bulk");
	if (event != NULL && (r = yaml_keys(event, "event", inner, why)) != 0)
		return r;
	if (bulk != NULL && (r = yaml_keys(bulk, "bulk", inner, why)) != 0)
		return r;
	if ((r = yaml_uint(yaml_get(event, "unique"), 1, 4096, &d->event_unique,
		 why)) != 0 ||
	    (r = yaml_uint(yaml_get(event, "min"), 1, UINT32_MAX, &d->event_min,
		 why)) != 0 ||
	    (r = yaml_uint(
		 yaml_get(bulk, "unique"), 1, 4096, &d->bulk_unique, why)) != 0)
		return r;
	return yaml_uint(
	    yaml_get(bulk, "min"), 1, UINT32_MAX, &d->bulk_min, why);
}

static int
mask(const struct yaml *y, struct detector *d, struct diag *why)
{
	static const char *const keys[] = {"keep_first", "keep_last", NULL};
	int r;

	if (y == NULL)
		return 0;
	if ((r = yaml_keys(y, "mask", keys, why)) != 0 ||
	    (r = child_uint(y, "keep_first", 0, RULES_MASK_FIRST_MAX,
		 &d->keep_first, why)) != 0)
		return r;
	return child_uint(
	    y, "keep_last", 0, RULES_MASK_LAST_MAX, &d->keep_last, why);
}

int
detector_layers(const struct yaml *y, uint32_t *out, struct diag *why)
{
	int r = keys_texts(y, why);

	if (y == NULL || r != 0)
		return r;
	*out = 0;
	for (const struct yaml *t = y->child; t != NULL; t = t->next) {
		int layer = decode_parse(t->text);

		if (layer < 0)
			return yaml_fail(t, why,
			    "a layer is one of base64, base64url, hex, "
			    "percent, qp, unicode_escape, html, gzip, zlib");
		*out |= 1U << layer;
	}
	return 0;
}

int
detector_parse(const struct yaml *y, const struct pack *p, struct detector *d,
    struct diag *why)
{
	static const char *const keys[] = {"id", "uuid", "title", "description",
	    "status", "date", "modified", "author", "class", "sensitivity",
	    "tags", "references", "falsepositives", "replaces", "override",
	    "prefilter", "primary", "levels", "flags", "thresholds", "decode",
	    "allow", "mask", "quiet", "tests", NULL};
	int r;

	*d = (struct detector){.at = y, .pack = p, .decode = p->decode};
	if ((r = yaml_keys(y, "a detector", keys, why)) != 0 ||
	    (r = identity(y, d, why)) != 0 ||
	    (r = keys_texts(yaml_get(y, "replaces"), why)) != 0 ||
	    (r = yaml_bool(yaml_get(y, "override"), &d->override, why)) != 0 ||
	    (r = prefilter(y, d, why)) != 0 ||
	    (r = primary(y, p, d, why)) != 0 ||
	    (r = levels(y, p, d, why)) != 0 ||
	    (r = flags(yaml_get(y, "flags"), p, d, why)) != 0 ||
	    (r = thresholds(yaml_get(y, "thresholds"), d, why)) != 0 ||
	    (r = allows_parse(yaml_get(y, "allow"), false, &d->own_allows,
		 &d->nown_allows, why)) != 0 ||
	    (r = mask(yaml_get(y, "mask"), d, why)) != 0 ||
	    (r = detector_layers(yaml_get(y, "decode"), &d->decode, why)) !=
		0 ||
	    (r = exact_levels(d, why)) != 0 || (r = file_levels(d, why)) != 0)
		return r;
	if (filerule_asks(&d->file))
		d->decode = 0;
	return samples_parse(yaml_get(y, "tests"), d, why);
}

void
detector_done(struct detector *d)
{
	free(d->plain);
	pattern_free(d->pattern);
	pattern_free(d->keywords);
	regex_free(d->regex);
	regex_free(d->gate);
	for (size_t i = 0; i < d->nevidence; i++)
		detector_cue_done(&d->evidence[i].own);
	free(d->evidence);
	samples_done(d);
	for (size_t i = 0; i < d->nown_allows; i++)
		allow_done(&d->own_allows[i]);
	free(d->own_allows);
	free(d->allows);
	*d = (struct detector){0};
}
