/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - the last step of a draft: names that an inspector has masked.
 *
 * Owns: the memory of masked names and the drafts that wait for one.
 * Never: writes a name that no inspector has looked at: a path or the name of
 * a program may itself hold what the rules look for.
 */
#include "agent/names.h"

#include <errno.h>
#include <string.h>

#include "agent/memo.h"
#include "lib/str.h"

#include "lib/own.h"

#define KNOWN_MAX 16384
#define ASKS_MAX 4096
#define HELD_MAX 4096

static const char NOT_EXAMINED[] = "[not examined]";

struct name {
	const char *field;
	size_t len;
	char *bytes; /* owned */
};

/* A draft that waits for a name: for the first one that is not known. */
struct held {
	struct held *next;
	struct draft d;
	struct name names[NAMES_EACH_MAX];
	size_t n;
	size_t asked; /* names that were asked for: each one once */
};

/* A name that an inspector has. */
struct ask {
	uint64_t job;
	struct memo_key name;
	struct held *held;
};

struct names {
	struct hub *hub;
	struct outbox *out;
	struct memo *known; /* key of a raw name -> char *masked */
	struct memo *asks; /* key of a raw name -> struct ask */
	struct memo *jobs; /* key of a job -> struct ask, borrowed */
	uint64_t last;
	size_t held;
};

static void
held_free(struct held *h)
{
	draft_done(&h->d);
	for (size_t i = 0; i < h->n; i++)
		free(h->names[i].bytes);
	free(h);
}

static void
ask_free(void *value)
{
	struct ask *a = value;

	while (a->held != NULL) {
		struct held *h = a->held;

		a->held = h->next;
		held_free(h);
	}
	free(a);
}

static void
keep(void *value UNUSED)
{
}

int
names_new(struct hub *hub, struct outbox *out, struct names **result)
{
	struct names *n = calloc(1, sizeof *n);

	if (n == NULL)
		return -ENOMEM;
	n->hub = hub;
	n->out = out;
	if (memo_new(KNOWN_MAX, free, &n->known) != 0 ||
	    memo_new(ASKS_MAX, ask_free, &n->asks) != 0 ||
	    memo_new(ASKS_MAX, keep, &n->jobs) != 0) {
		names_free(n);
		return -ENOMEM;
	}
	*result = n;
	return 0;
}

void
names_free(struct names *n)
{
	if (n == NULL)
		return;
	memo_free(n->known);
	memo_free(n->jobs);
	memo_free(n->asks);
	free(n);
}

size_t
names_waiting(const struct names *n)
{
	return n->held;
}

void
names_forget(struct names *n)
{
	struct memo *fresh;

	if (memo_new(KNOWN_MAX, free, &fresh) != 0)
		return; /* the old masks hide less or more, never the name */
	memo_free(n->known);
	n->known = fresh;
}

void
names_learn(struct names *n, const char *raw, size_t len, const char *masked)
{
	char *copy = strdup(masked);

	if (copy != NULL && memo_put(n->known, memo_key(raw, len), copy) != 0)
		free(copy);
}

static const char *
find(const struct names *n, const struct name *name)
{
	return memo_get(n->known, memo_key(name->bytes, name->len));
}

/* Everything that can be said is: the names that are known, and for others
 * that they are not. Takes @h. */
static void
release(struct names *n, struct held *h)
{
	for (size_t i = 0; i < h->n; i++) {
		const char *text = find(n, &h->names[i]);

		draft_text(&h->d, h->names[i].field,
		    text != NULL ? text : NOT_EXAMINED);
	}
	outbox_put(n->out, &h->d);
	held_free(h);
}

/* Waits for the name at @at. Takes @h, or returns false. */
static bool
ask(struct names *n, struct held *h, const struct name *name)
{
	struct memo_key key = memo_key(name->bytes, name->len);
	struct ask *a = memo_get(n->asks, key);

	if (n->held >= HELD_MAX)
		return false;
	if (a == NULL) {
		if (memo_count(n->asks) == ASKS_MAX)
			return false;
		a = calloc(1, sizeof *a);
		if (a == NULL)
			return false;
		a->job = NAMES_JOB | ++n->last;
		a->name = key;
		if (memo_put(n->asks, key, a) != 0) {
			free(a);
			return false;
		}
		if (memo_put(n->jobs, memo_key(&a->job, sizeof a->job), a) !=
			0 ||
		    hub_submit(n->hub, a->job, -1, 0, name->bytes, name->len) !=
			0) {
			(void)memo_take(
			    n->jobs, memo_key(&a->job, sizeof a->job));
			free(memo_take(n->asks, key));
			return false;
		}
	}
	h->next = a->held;
	a->held = h;
	n->held++;
	return true;
}

/* Asks for the next name that is not known, or is done. Takes @h. */
static void
proceed(struct names *n, struct held *h)
{
	while (h->asked < h->n) {
		const struct name *name = &h->names[h->asked++];

		if (find(n, name) == NULL && ask(n, h, name))
			return;
	}
	release(n, h);
}

void
names_put(
    struct names *n, struct draft *d, const struct raw_name *raws, size_t count)
{
	struct held *h = calloc(1, sizeof *h);

	must(count <= NAMES_EACH_MAX);
	if (h == NULL) {
		d->err = -ENOMEM; /* counted as lost */
		outbox_put(n->out, d);
		return;
	}
	h->d = *d;
	*d = (struct draft){0};
	for (size_t i = 0; i < count; i++) {
		struct name *name = &h->names[h->n];

		if (raws[i].len == 0)
			continue;
		name->bytes = calloc(1, raws[i].len + 1);
		if (name->bytes == NULL) {
			h->d.err = -ENOMEM;
			break;
		}
		memcpy(name->bytes, raws[i].bytes, raws[i].len);
		name->len = raws[i].len;
		name->field = raws[i].field;
		h->n++;
	}
	proceed(n, h);
}

void
names_done(struct names *n, uint64_t job, const struct outcome *o)
{
	struct ask *a = memo_take(n->jobs, memo_key(&job, sizeof job));
	struct held *list;
	char *text;

	if (a == NULL)
		return;
	must(memo_take(n->asks, a->name) == a);
	text = strdup(o->name != NULL ? o->name : NOT_EXAMINED);
	if (text != NULL && memo_put(n->known, a->name, text) != 0)
		free(text);
	list = a->held;
	a->held = NULL;
	ask_free(a);
	while (list != NULL) {
		struct held *h = list;

		list = h->next;
		h->next = NULL;
		n->held--;
		proceed(n, h);
	}
}
