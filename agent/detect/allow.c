/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allow - what somebody answers for: findings that are recorded, and raise no
 * alert until a date.
 *
 * Owns: the keys of an allow, the key of its digest, and whether it covers a
 * match.
 * Never: takes a finding out of the record; is told by anything that is
 * scanned, but for a name that it is held against; holds behind its date.
 *
 * The key of value_sha256_hmac is the detector's uuid, which everybody who has
 * the pack knows: the digest keeps a value from standing in a pack as text, and
 * makes the same value look different under two detectors. It does not hide a
 * value that can be guessed: whoever has the pack can try all card numbers.
 */
#include "agent/detect/allow.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/clock.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define DAY_US INT64_C(86400000000)

static int
text_needed(
    const struct yaml *map, const char *key, const char **out, struct diag *why)
{
	const struct yaml *y = yaml_get(map, key);
	int r;

	if (y == NULL)
		return yaml_fail(
		    map, why, "an allow needs the key \"%s\"", key);
	r = yaml_text(y, out, why);
	if (r == 0 && (*out)[0] == '\0')
		return yaml_fail(y, why, "%s is empty", key);
	return r;
}

static int
identity(const struct yaml *y, bool site, struct allow *a, struct diag *why)
{
	int r;

	if ((r = text_needed(y, "id", &a->id, why)) != 0 ||
	    (r = text_needed(y, "owner", &a->owner, why)) != 0 ||
	    (r = text_needed(y, "reason", &a->reason, why)) != 0 ||
	    (r = text_needed(y, "expires", &a->until, why)) != 0 ||
	    (site && (r = text_needed(y, "detector", &a->detector, why)) != 0))
		return r;
	must(a->id != NULL && a->until != NULL); /* as text_needed promises */
	if (!str_id(a->id, sizeof((struct finding *)0)->allow - 1))
		return yaml_fail(yaml_get(y, "id"), why,
		    "an id is small letters, digits, \"_\", \"-\" and \".\", "
		    "at most %zu",
		    sizeof((struct finding *)0)->allow - 1);
	if (strlen(a->until) != 10 || clock_parse(a->until, &a->until_us) != 0)
		return yaml_fail(yaml_get(y, "expires"), why,
		    "expires must be a date, as in 2027-06-30");
	a->until_us += DAY_US;
	return 0;
}

static int
target(const struct yaml *y, struct allow *a, struct diag *why)
{
	static const char *const names[] = {"value", "match", "line"};

	for (size_t i = 0; y != NULL && i < ARRAY_LEN(names); i++) {
		if (y->kind == YAML_SCALAR && str_eq(y->text, names[i])) {
			a->target = (enum allow_target)i;
			return 0;
		}
	}
	return y == NULL ? 0
			 : yaml_fail(y, why,
			       "target must be one of value, match, line");
}

/* A pattern of the subset, for the authority alone. */
static int
pattern(const struct yaml *y, struct allow *a, struct diag *why)
{
	struct diag inner = {""};
	const char *text = NULL;
	int r = yaml_text(y, &text, why);

	if (r != 0 || text == NULL)
		return r;
	r = subset_check(text, &inner);
	if (r == 0)
		r = regex_new(text, &a->pattern, &inner);
	return r == -EBADMSG ? yaml_fail(y, why, "%s", inner.text) : r;
}

static int
conditions(const struct yaml *y, struct allow *a, struct diag *why)
{
	const struct yaml *value = yaml_get(y, "value");
	const struct yaml *keyed = yaml_get(y, "value_sha256_hmac");
	int r;

	if ((r = yaml_text(value, &a->value, why)) != 0 ||
	    (r = yaml_text(yaml_get(y, "path"), &a->path, why)) != 0 ||
	    (r = pattern(yaml_get(y, "value_pattern"), a, why)) != 0 ||
	    (r = target(yaml_get(y, "target"), a, why)) != 0)
		return r;
	a->value_len = value != NULL ? value->len : 0;
	a->keyed = keyed != NULL;
	if (a->keyed &&
	    (keyed->kind != YAML_SCALAR || keyed->len != 32 ||
		str_unhex(a->hmac, sizeof a->hmac, keyed->text) != 0))
		return yaml_fail(keyed, why,
		    "value_sha256_hmac must be 32 hexadecimal digits; "
		    "\"chaperone rules allow\" makes them");
	if (!a->keyed && a->value == NULL && a->pattern == NULL &&
	    a->path == NULL)
		return yaml_fail(y, why,
		    "an allow needs one of \"value\", \"value_sha256_hmac\", "
		    "\"value_pattern\", \"path\"");
	if ((a->value != NULL && a->value_len == 0) ||
	    (a->path != NULL && a->path[0] == '\0'))
		return yaml_fail(y, why, "an allow for nothing is empty");
	if (a->keyed && a->target != ALLOW_VALUE)
		return yaml_fail(keyed, why,
		    "value_sha256_hmac is held against the value alone");
	return 0;
}

int
allow_parse(
    const struct yaml *y, bool site, struct allow *out, struct diag *why)
{
	static const char *const keys[] = {"id", "owner", "reason", "expires",
	    "value", "value_sha256_hmac", "value_pattern", "path", "target",
	    NULL};
	static const char *const site_keys[] = {"id", "owner", "reason",
	    "expires", "value", "value_sha256_hmac", "value_pattern", "path",
	    "target", "detector", NULL};
	int r;

	*out = (struct allow){.at = y};
	r = site ? yaml_keys(y, "an allow of a pack", site_keys, why)
		 : yaml_keys(y, "an allow", keys, why);
	if (r == 0)
		r = identity(y, site, out, why);
	return r == 0 ? conditions(y, out, why) : r;
}

int
allows_parse(const struct yaml *y, bool site, struct allow **out, size_t *n,
    struct diag *why)
{
	int r = 0;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "allow must be a list");
	*out = calloc(RULES_ALLOWS_MAX, sizeof **out);
	if (*out == NULL)
		return -ENOMEM;
	for (const struct yaml *t = y->child; t != NULL && r == 0;
	     t = t->next) {
		if (*n == RULES_ALLOWS_MAX)
			return yaml_fail(t, why,
			    "more than %d entries in allow", RULES_ALLOWS_MAX);
		r = allow_parse(t, site, &(*out)[(*n)++], why);
	}
	return r;
}

void
allow_done(struct allow *a)
{
	regex_free(a->pattern);
	*a = (struct allow){0};
}

void
allow_hmac(
    const char *uuid, const void *value, size_t len, uint8_t out[ALLOW_HMAC])
{
	uint8_t whole[SEAL_HASH];

	seal_hmac(uuid, strlen(uuid), value, len, whole);
	memcpy(out, whole, ALLOW_HMAC);
}

bool
allow_guessable(const struct detector *d)
{
	return !str_starts(d->class_name, "secret.");
}

static bool
glob(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, FNM_NOESCAPE) == 0;
}

bool
allow_path(const char *pattern, const char *name)
{
	const char *last = strrchr(name, '/');
	const char *member = strrchr(name, '!');

	if (strchr(pattern, '/') != NULL)
		return glob(pattern, name);
	if (last == NULL || (member != NULL && member > last))
		last = member;
	return glob(pattern, last != NULL ? last + 1 : name);
}

static bool
same(const struct allow *a, const uint8_t *text, size_t len)
{
	return a->value_len == len && memcmp(a->value, text, len) == 0;
}

static bool
found(const struct allow *a, struct regex_room *room, const uint8_t *text,
    size_t len)
{
	struct regex_match m;

	return len > 0 &&
	       regex_find(a->pattern, room, text, len, 0, len - 1, &m) > 0;
}

bool
allow_holds(
    const struct allow *a, struct regex_room *room, const struct allow_match *m)
{
	const uint8_t *texts[] = {m->value, m->match, m->line};
	size_t lens[] = {m->value_len, m->match_len, m->line_len};
	const uint8_t *text = texts[a->target];
	size_t len = lens[a->target];
	uint8_t hmac[ALLOW_HMAC];

	if (m->wall_us >= a->until_us)
		return false;
	if (a->path != NULL &&
	    (m->name == NULL || !allow_path(a->path, m->name)))
		return false;
	if (a->value != NULL && !same(a, text, len))
		return false;
	if (a->pattern != NULL && !found(a, room, text, len))
		return false;
	if (!a->keyed)
		return true;
	allow_hmac(m->uuid, m->value, m->value_len, hmac);
	return seal_equal(hmac, a->hmac, sizeof hmac);
}
