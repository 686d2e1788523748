/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster - who works for whom.
 *
 * Owns: the reading of the roster, and the two questions to it.
 * Never: guesses: an account that several people share names nobody.
 *
 *   providers:
 *     - id: acme              [a-z0-9._-], stands in every record
 *       name: Acme Services
 *       from: 2026-01-01      both may be left out; a plain date in "to" is
 *       to: 2026-12-31        that whole day
 *       people:
 *         - id: ann
 *           name: Ann Example
 *           accounts: [acme1, deploy]     deploy may stand with others, too
 *           keys: ["SHA256:…"]            as ssh-keygen -lf prints them
 *           from: … to: …
 *   staff:                                people, as above
 *   shared: [deploy]                      nobody's, though one is listed for it
 */
#include "agent/who/roster.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

#define PROVIDERS_MAX 1000
#define PEOPLE_MAX 20000
#define LINKS_EACH_MAX 1000 /* accounts, or keys, of one person */
#define LINKS_MAX 100000 /* accounts, or keys, of all people */
#define ID_MAX 63
#define DAY_US INT64_C(86400000000)
#define GROUPS_MAX 65536
#define STAFF_GROUP "chaperone-staff"
#define STAFF_US 5000000 /* the group is read again */

struct person {
	char id[ID_MAX + 1], provider[ID_MAX + 1];
	int64_t from_us, to_us; /* within the provider's time */
	bool keyed; /* keys of theirs are listed */
};

/* One account or key of one person; sorted by text. */
struct roster_link {
	char text[96];
	size_t person;
	const struct yaml *at; /* while the file is read */
};

struct links {
	struct roster_link *v;
	size_t n, cap;
};

struct roster {
	bool is_default;
	struct person *people;
	size_t n, cap;
	struct links accounts, keys, shared;
	struct links staff; /* of the default */
	uint64_t staff_us; /* when the group was read, 0: never */
	char person[64]; /* of the default's answer */
};

static const char *const TOP_KEYS[] = {"providers", "staff", "shared", NULL};
static const char *const PROVIDER_KEYS[] = {
    "id", "name", "from", "to", "people", NULL};
static const char *const PERSON_KEYS[] = {
    "id", "name", "accounts", "keys", "from", "to", NULL};

void
roster_free(struct roster *r)
{
	if (r == NULL)
		return;
	free(r->people);
	free(r->accounts.v);
	free(r->keys.v);
	free(r->shared.v);
	free(r->staff.v);
	free(r);
}

void
roster_freep(struct roster **r)
{
	roster_free(*r);
}

/* ---- reading ---- */

static int
read_id(const struct yaml *map, char out[ID_MAX + 1], struct diag *why)
{
	const struct yaml *y = yaml_get(map, "id");
	const char *text = NULL;
	int r = yaml_text(y, &text, why);

	if (r != 0)
		return r;
	if (text == NULL)
		return yaml_fail(map, why, "an id is missing");
	if (text[0] == '\0' || strlen(text) > ID_MAX ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-")] !=
		'\0')
		return yaml_fail(y, why,
		    "an id has 1 to %d of a-z, 0-9, \".\", \"_\" and \"-\"",
		    ID_MAX);
	if (str_eq(text, "unknown") || str_eq(text, "unassigned"))
		return yaml_fail(
		    y, why, "\"%s\" is what the agent itself says", text);
	return str_copy(out, ID_MAX + 1, text);
}

static int
read_time(const struct yaml *y, bool end, int64_t *out, struct diag *why)
{
	const char *text = NULL;
	int r = yaml_text(y, &text, why);

	if (r != 0 || text == NULL)
		return r;
	if (clock_parse(text, out) != 0)
		return yaml_fail(
		    y, why, "\"%s\" is no date such as 2026-12-31", text);
	if (end && strlen(text) == strlen("2026-12-31"))
		*out += DAY_US;
	return 0;
}

/* What both providers and people have; inside @from..@to of the outer one. */
static int
read_times(const struct yaml *map, int64_t *from, int64_t *to, struct diag *why)
{
	int64_t f = *from, t = *to;
	int r = read_time(yaml_get(map, "from"), false, &f, why);

	if (r == 0)
		r = read_time(yaml_get(map, "to"), true, &t, why);
	if (r != 0)
		return r;
	if (f >= t)
		return yaml_fail(map, why, "ends before it begins");
	*from = f > *from ? f : *from;
	*to = t < *to ? t : *to;
	return 0;
}

static int
add_link(struct links *l, const struct yaml *y, const char *text, size_t person,
    struct diag *why)
{
	struct roster_link *more;

	if (l->n == LINKS_MAX && y == NULL)
		return -E2BIG;
	if (l->n == LINKS_MAX)
		return yaml_fail(
		    y, why, "more than %d in one roster", LINKS_MAX);
	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 64 : 2 * l->cap;

		more = reallocarray(l->v, cap, sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		l->v = more;
		l->cap = cap;
	}
	l->v[l->n] = (struct roster_link){.person = person, .at = y};
	if (str_copy(l->v[l->n].text, sizeof l->v[l->n].text, text) != 0)
		return yaml_fail(y, why, "is longer than %zu bytes",
		    sizeof l->v[l->n].text - 1);
	l->n++;
	return 0;
}

static int
read_links(const struct yaml *list, struct links *l, bool keys, size_t person,
    struct diag *why)
{
	size_t first = l->n;

	if (list == NULL)
		return 0;
	if (list->kind != YAML_LIST)
		return yaml_fail(
		    list, why, "%s must be a list: [a, b]", list->key);
	for (const struct yaml *y = list->child; y != NULL; y = y->next) {
		const char *text = NULL;
		int r = yaml_text(y, &text, why);

		if (r != 0)
			return r;
		if (text == NULL || text[0] == '\0')
			return yaml_fail(y, why, "must not be empty");
		if (keys &&
		    (!str_starts(text, "SHA256:") || strlen(text) != 50))
			return yaml_fail(y, why,
			    "is no fingerprint as ssh-keygen -lf prints it: "
			    "SHA256: and 43 characters");
		if (l->n - first == LINKS_EACH_MAX)
			return yaml_fail(y, why, "more than %d of one person",
			    LINKS_EACH_MAX);
		for (size_t i = first; i < l->n; i++)
			if (str_eq(l->v[i].text, text))
				return yaml_fail(y, why, "stands twice");
		r = add_link(l, y, text, person, why);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
read_person(struct roster *r, const struct yaml *y, const char *provider,
    int64_t from, int64_t to, struct diag *why)
{
	struct person *p;
	int e = yaml_keys(y, "a person", PERSON_KEYS, why);

	if (e != 0)
		return e;
	if (r->n == PEOPLE_MAX)
		return yaml_fail(y, why, "more than %d people", PEOPLE_MAX);
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? 64 : 2 * r->cap;

		p = reallocarray(r->people, cap, sizeof *p);
		if (p == NULL)
			return -ENOMEM;
		r->people = p;
		r->cap = cap;
	}
	p = &r->people[r->n];
	*p = (struct person){.from_us = from, .to_us = to};
	must(str_copy(p->provider, sizeof p->provider, provider) == 0);
	if ((e = read_id(y, p->id, why)) != 0 ||
	    (e = read_times(y, &p->from_us, &p->to_us, why)) != 0)
		return e;
	for (size_t i = 0; i < r->n; i++)
		if (str_eq(r->people[i].id, p->id) &&
		    str_eq(r->people[i].provider, p->provider))
			return yaml_fail(yaml_get(y, "id"), why,
			    "\"%s\" stands twice among the people of \"%s\"",
			    p->id, provider);
	r->n++;
	e = read_links(
	    yaml_get(y, "accounts"), &r->accounts, false, r->n - 1, why);
	if (e == 0)
		e = read_links(
		    yaml_get(y, "keys"), &r->keys, true, r->n - 1, why);
	r->people[r->n - 1].keyed =
	    r->keys.n > 0 && r->keys.v[r->keys.n - 1].person == r->n - 1;
	return e;
}

static int
read_people(struct roster *r, const struct yaml *list, const char *provider,
    int64_t from, int64_t to, struct diag *why)
{
	if (list == NULL)
		return 0;
	if (list->kind != YAML_LIST)
		return yaml_fail(list, why, "%s must be a list", list->key);
	for (const struct yaml *y = list->child; y != NULL; y = y->next) {
		int e = read_person(r, y, provider, from, to, why);

		if (e != 0)
			return e;
	}
	return 0;
}

static int
read_providers(struct roster *r, const struct yaml *list, struct diag *why)
{
	size_t n = 0;

	if (list == NULL)
		return 0;
	if (list->kind != YAML_LIST)
		return yaml_fail(list, why, "providers must be a list");
	for (const struct yaml *y = list->child; y != NULL; y = y->next) {
		int64_t from = INT64_MIN, to = INT64_MAX;
		char id[ID_MAX + 1] = "";
		int e = yaml_keys(y, "a provider", PROVIDER_KEYS, why);

		if (++n > PROVIDERS_MAX)
			return yaml_fail(
			    y, why, "more than %d providers", PROVIDERS_MAX);
		if (e != 0 || (e = read_id(y, id, why)) != 0)
			return e;
		if (str_eq(id, "staff"))
			return yaml_fail(yaml_get(y, "id"), why,
			    "\"staff\" is the house's own; give the provider "
			    "another id");
		for (const struct yaml *o = list->child; o != y; o = o->next)
			if (str_eq(yaml_get(o, "id")->text, id))
				return yaml_fail(yaml_get(y, "id"), why,
				    "the provider \"%s\" stands twice", id);
		if ((e = read_times(y, &from, &to, why)) != 0 ||
		    (e = read_people(
			 r, yaml_get(y, "people"), id, from, to, why)) != 0)
			return e;
	}
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	const struct roster_link *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* A key is one person's: otherwise it would tell nobody apart. */
static int
check_keys(const struct roster *r, struct diag *why)
{
	for (size_t i = 1; i < r->keys.n; i++) {
		const struct roster_link *a = &r->keys.v[i - 1];
		const struct roster_link *b = &r->keys.v[i];

		if (str_eq(a->text, b->text) && a->person != b->person)
			return yaml_fail(
			    b->at->line < a->at->line ? a->at : b->at, why,
			    "this key is listed for \"%s\", too",
			    r->people[b->at->line < a->at->line ? b->person
								: a->person]
				.id);
	}
	return 0;
}

static void
sort_links(struct links *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, by_text);
}

static int
read_all(struct roster *r, const char *path, struct diag *why)
{
	OWN(yaml_freep) struct yaml *top = NULL;
	int e = yaml_read(path, &top, why);

	if (e != 0 || (e = yaml_keys(top, "a roster", TOP_KEYS, why)) != 0)
		return e;
	e = read_providers(r, yaml_get(top, "providers"), why);
	if (e == 0)
		e = read_people(r, yaml_get(top, "staff"), "staff", INT64_MIN,
		    INT64_MAX, why);
	if (e == 0)
		e = read_links(
		    yaml_get(top, "shared"), &r->shared, false, SIZE_MAX, why);
	if (e != 0)
		return e;
	sort_links(&r->shared);
	sort_links(&r->accounts);
	sort_links(&r->keys);
	e = check_keys(r, why);
	for (size_t i = 0; i < r->shared.n; i++)
		r->shared.v[i].at = NULL;
	for (size_t i = 0; i < r->accounts.n; i++)
		r->accounts.v[i].at = NULL;
	for (size_t i = 0; i < r->keys.n; i++)
		r->keys.v[i].at = NULL;
	return e;
}

int
roster_read(const char *path, struct roster **out, struct diag *why)
{
	struct roster *r = calloc(1, sizeof *r);
	int e;

	if (r == NULL)
		return -ENOMEM;
	r->is_default = path == NULL;
	e = path == NULL ? 0 : read_all(r, path, why);
	if (e != 0)
		roster_free(r);
	else
		*out = r;
	return e;
}

/* ---- questions ---- */

/* The first place of a text among the links, or where it would stand. */
static size_t
place_of(const struct links *l, const char *text)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(l->v[mid].text, text) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Everybody who is listed under a text, narrowed to one answer. */
static struct roster_match
ask(const struct roster *r, const struct links *l, const char *text, int64_t at)
{
	struct roster_match m = {.answer = ROSTER_NONE};

	for (size_t lo = place_of(l, text);
	     lo < l->n && str_eq(l->v[lo].text, text); lo++) {
		const struct person *p = &r->people[l->v[lo].person];
		bool valid = at >= p->from_us && at < p->to_us;

		if (!valid && m.answer != ROSTER_NONE)
			continue;
		if (!valid || m.answer == ROSTER_NONE ||
		    m.answer == ROSTER_EXPIRED) {
			m = (struct roster_match){
			    valid ? ROSTER_ONE : ROSTER_EXPIRED, p->provider,
			    p->id, p->keyed};
			continue;
		}
		m.answer = ROSTER_SHARED;
		m.person = NULL;
		if (m.provider != NULL && !str_eq(m.provider, p->provider))
			m.provider = NULL;
	}
	return m;
}

struct roster_match
roster_key(const struct roster *r, const char *fingerprint, int64_t at_us)
{
	return ask(r, &r->keys, fingerprint, at_us);
}

bool
roster_denies(
    const struct roster *r, const struct roster_match *key, const char *account)
{
	const struct links *l = &r->accounts;
	bool others = false;

	for (size_t i = place_of(l, account);
	     i < l->n && str_eq(l->v[i].text, account); i++) {
		const struct person *p = &r->people[l->v[i].person];

		if (str_eq(p->id, key->person) &&
		    str_eq(p->provider, key->provider))
			return false;
		others = true;
	}
	return others;
}

/* ---- without a roster ---- */

static void
add_staff(struct roster *r, const char *name)
{
	struct links *l = &r->staff;

	if (strlen(name) >= sizeof l->v[0].text)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].text, name))
			return;
	(void)add_link(l, NULL, name, 0, NULL);
}

/* The local file alone: no name service is asked for events. */
static void
read_staff(struct roster *r)
{
	FILE *f = fopen("/etc/group", "re");
	const struct group *g;

	r->staff.n = 0;
	if (f == NULL)
		return;
	for (int i = 0; i < GROUPS_MAX; i++) {
		g = fgetgrent(f);
		if (g == NULL)
			break;
		if (!str_eq(g->gr_name, STAFF_GROUP))
			continue;
		for (size_t k = 0; g->gr_mem[k] != NULL; k++)
			add_staff(r, g->gr_mem[k]);
	}
	(void)fclose(f);
	sort_links(&r->staff);
}

static bool
is_staff(struct roster *r, const char *account)
{
	uint64_t now = clock_boot_us();
	size_t at;

	if (r->staff_us == 0 || now - r->staff_us > STAFF_US) {
		read_staff(r);
		r->staff_us = now;
	}
	at = place_of(&r->staff, account);
	return at < r->staff.n && str_eq(r->staff.v[at].text, account);
}

static bool
is_shared(const struct roster *r, const char *account)
{
	size_t at = place_of(&r->shared, account);

	return at < r->shared.n && str_eq(r->shared.v[at].text, account);
}

/* Whoever is listed for it, others may use it, too. */
static struct roster_match
as_shared(struct roster_match m)
{
	bool listed = m.answer == ROSTER_ONE || m.answer == ROSTER_SHARED;

	return (struct roster_match){
	    ROSTER_SHARED, listed ? m.provider : NULL, NULL, false};
}

struct roster_match
roster_account(struct roster *r, const char *account, int64_t at_us)
{
	if (!r->is_default) {
		struct roster_match m = ask(r, &r->accounts, account, at_us);

		return is_shared(r, account) ? as_shared(m) : m;
	}
	if (str_copy(r->person, sizeof r->person, account) != 0)
		return (struct roster_match){.answer = ROSTER_NONE};
	return (struct roster_match){ROSTER_ONE,
	    is_staff(r, account) ? "staff" : "unassigned", r->person, false};
}
