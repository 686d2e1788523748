/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policies - which policies a provider's people met, when, and by what.
 *
 * Owns: the adding up: for each condition the distinct values of one person's
 * findings within its window, and the moments at which enough conditions held.
 * Never: decides which finding a policy is about (lib/policy.h does); adds what
 * an allow covers, or what is a known sample: those raise no alert.
 *
 * Findings come by person and by time. Values are distinct within an object;
 * an object counts the most that one finding in the window told of it. A
 * finding of one value that carries a tag is that tag, wherever it was found:
 * tags tell values apart on one host within one day, and not beyond.
 */
#include <errno.h>
#include <search.h>
#include <string.h>

#include "collector/report/report.h"
#include "lib/packs.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	EVENTS_MAX = 200000, /* of one person, over all conditions */
	BEHIND_MAX = 200, /* findings told of one person and policy */
	KEY_MAX = 65536,
	NONE = -1,
};

/* A finding within a condition. */
struct event {
	struct object *of;
	uint64_t n;
	int64_t at_us;
	int64_t next,
	    prev; /* of the object, each with less than the one before */
};

/* What holds the values: told by its key, in a condition's tree. */
struct object {
	uint8_t *key;
	size_t len;
	int64_t head, tail; /* of its events in the window, or NONE */
	bool capped;
	size_t behind; /* its place in the exposure's list, plus 1 */
	/* Texts of the first finding; in the work's own pool. */
	struct exposure_behind first;
};

struct condition {
	const struct policy_condition *c;
	struct event *events; /* owned */
	size_t n, from; /* events[from..n) lie in the window */
	size_t told; /* events before it are behind the hit already */
	uint64_t sum, most;
	bool capped;
	void *tree; /* of objects, owned */
};

struct hit {
	bool met, now;
	int64_t first_us, last_us;
	uint64_t times;
	size_t behind, more;
	struct exposure_behind *list; /* owned */
};

struct watch {
	const struct policy *p;
	struct condition *conditions; /* owned */
	struct hit hit;
};

struct policies_work {
	struct exposure *e;
	const struct packs *packs;
	struct watch *watches; /* owned; those whose scope names the provider */
	size_t n;
	struct exposure scratch; /* texts of the person at hand */
	const char *person; /* in the exposure; NULL before the first */
	size_t events;
	bool full;
};

static int
compare(const void *a, const void *b)
{
	const struct object *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int r = memcmp(x->key, y->key, n);

	if (r != 0)
		return r;
	return x->len < y->len ? -1 : x->len > y->len;
}

static void
free_object(void *o)
{
	struct object *x = o;

	free(x->key);
	free(x);
}

static void
reset_condition(struct condition *c)
{
	tdestroy(c->tree, free_object);
	free(c->events);
	*c = (struct condition){.c = c->c};
}

/* ---- the beginning ---- */

static int
add_policy(struct policies_work *w, const struct policy *p)
{
	struct exposure_policy *x =
	    exposure_add(&w->e->policies, &w->e->npolicies, sizeof *x);
	struct watch *t;

	if (x == NULL)
		return -ENOMEM;
	x->id = exposure_text(w->e, p->id);
	x->title = exposure_text(w->e, p->title);
	x->level = exposure_text(w->e, p->level);
	x->then = exposure_text(w->e, p->then);
	x->applies = policy_names(p, w->e->provider);
	t = &w->watches[w->n++];
	t->p = p;
	t->conditions = calloc(p->n, sizeof *t->conditions);
	if (t->conditions == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		t->conditions[i].c = &p->conditions[i];
	return 0;
}

static void
free_work(struct policies_work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct watch *t = &w->watches[i];

		for (size_t k = 0; t->conditions != NULL && k < t->p->n; k++)
			reset_condition(&t->conditions[k]);
		free(t->conditions);
		free(t->hit.list);
	}
	free(w->watches);
	exposure_done(&w->scratch);
	free(w);
}

int
policies_new(
    struct exposure *e, const struct packs *p, struct policies_work **out)
{
	struct policies_work *w = calloc(1, sizeof *w);
	size_t n = packs_count(p);
	int r = 0;

	if (w == NULL)
		return -ENOMEM;
	w->e = e;
	w->packs = p;
	w->watches = n == 0 ? NULL : calloc(n, sizeof *w->watches);
	if (n > 0 && w->watches == NULL)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_policy(w, packs_policy(p, i));
	if (r != 0) {
		free_work(w);
		return r;
	}
	e->weighed = true;
	*out = w;
	return 0;
}

/* ---- the window ---- */

/* What the object counts now goes into the sum, and out of it. */
static uint64_t
worth(const struct condition *c, const struct object *o)
{
	return o->head == NONE ? 0 : c->events[o->head].n;
}

static void
leave(struct condition *c, int64_t before_us)
{
	while (c->from < c->n && c->events[c->from].at_us <= before_us) {
		struct object *o = c->events[c->from].of;

		if (o->head == (int64_t)c->from) {
			c->sum -= worth(c, o);
			o->head = c->events[c->from].next;
			if (o->head == NONE)
				o->tail = NONE;
			c->sum += worth(c, o);
		}
		c->from++;
	}
}

static void
link_event(struct condition *c, int64_t at)
{
	struct event *v = &c->events[at];
	struct object *o = v->of;

	c->sum -= worth(c, o);
	/* What is older and no more than this will never count again. */
	while (o->tail != NONE && c->events[o->tail].n <= v->n)
		o->tail = o->tail == o->head ? NONE : c->events[o->tail].prev;
	v->prev = o->tail;
	v->next = NONE;
	if (o->tail == NONE)
		o->head = at;
	else
		c->events[o->tail].next = at;
	o->tail = at;
	c->sum += worth(c, o);
}

/* ---- a finding ---- */

static void
put_key(struct buf *out, const struct exposure_event *v)
{
	bool tagged = v->unique == 1 && !v->capped && v->tag != NULL;

	buf_put_str(out, v->agent);
	buf_put_str(out, v->detector);
	if (tagged) {
		buf_put_str(out, v->tag);
		return;
	}
	buf_put_str(out, v->confidence);
	buf_put_str(out, v->path);
	buf_put_str(out, v->member);
	buf_put_str(out, v->flow);
	buf_put_str(out, "");
}

static int
new_object(struct policies_work *w, const struct exposure_event *v,
    const struct buf *key, struct object **out)
{
	struct object *o = calloc(1, sizeof *o);
	struct exposure *s = &w->scratch;

	if (o == NULL)
		return -ENOMEM;
	o->head = o->tail = NONE;
	o->len = key->len;
	o->key = malloc(key->len);
	if (o->key == NULL) {
		free(o);
		return -ENOMEM;
	}
	memcpy(o->key, key->data, key->len);
	o->first = (struct exposure_behind){.host = exposure_text(s, v->host),
	    .channel = exposure_text(s, v->channel),
	    .op = exposure_text(s, v->op),
	    .path = exposure_text(s, v->path),
	    .member = exposure_text(s, v->member),
	    .dst = exposure_text(s, v->dst),
	    .server = exposure_text(s, v->server),
	    .detector = exposure_text(s, v->detector),
	    .class_name = exposure_text(s, v->class_name),
	    .confidence = exposure_text(s, v->confidence)};
	*out = o;
	return exposure_error(s);
}

static int
object_of(struct policies_work *w, struct condition *c,
    const struct exposure_event *v, struct object **out)
{
	OWN(buf_done) struct buf key = {0};
	struct object probe = {0}, *o = NULL;
	struct object **at;
	int r;

	buf_init(&key, KEY_MAX);
	put_key(&key, v);
	if (buf_error(&key) != 0)
		return buf_error(&key);
	probe.key = key.data;
	probe.len = key.len;
	at = tfind(&probe, &c->tree, compare);
	if (at != NULL) {
		*out = *at;
		return 0;
	}
	r = new_object(w, v, &key, &o);
	if (r == 0 && tsearch(o, &c->tree, compare) == NULL)
		r = -ENOMEM;
	if (r != 0 && o != NULL)
		free_object(o);
	else
		*out = o;
	return r;
}

static int
take_event(struct policies_work *w, struct condition *c,
    const struct exposure_event *v)
{
	struct event *slot;
	struct object *o = NULL;
	int r;

	if (w->events == EVENTS_MAX) {
		w->full = true;
		return 0;
	}
	r = object_of(w, c, v, &o);
	if (r != 0)
		return r;
	slot = exposure_add(&c->events, &c->n, sizeof *slot);
	if (slot == NULL)
		return -ENOMEM;
	must(o != NULL);
	*slot = (struct event){.of = o, .n = v->unique, .at_us = v->at_us};
	o->capped |= v->capped;
	c->capped |= v->capped;
	w->events++;
	link_event(c, (int64_t)c->n - 1);
	return 0;
}

/* ---- a policy that is met ---- */

static int
tell_event(struct watch *t, const struct event *v)
{
	struct object *o = v->of;
	struct exposure_behind *b;

	if (o->behind == 0 && t->hit.behind == BEHIND_MAX) {
		t->hit.more++;
		return 0;
	}
	if (o->behind == 0) {
		b = exposure_add(&t->hit.list, &t->hit.behind, sizeof *b);
		if (b == NULL)
			return -ENOMEM;
		o->behind = t->hit.behind;
		*b = o->first;
		b->first_us = v->at_us;
	}
	b = &t->hit.list[o->behind - 1];
	b->last_us = v->at_us;
	b->capped |= o->capped;
	b->entries++;
	if (v->n > b->records)
		b->records = v->n;
	return 0;
}

static int
tell(struct watch *t, struct condition *c)
{
	size_t from = c->from > c->told ? c->from : c->told;
	int r = 0;

	for (; r == 0 && from < c->n; from++)
		r = tell_event(t, &c->events[from]);
	c->told = c->n;
	return r;
}

static int
judge(struct watch *t, int64_t at_us)
{
	uint64_t held = 0;
	int r = 0;

	for (size_t i = 0; i < t->p->n; i++)
		held += t->conditions[i].sum >= t->conditions[i].c->unique;
	if (held < t->p->min) {
		t->hit.now = false;
		return 0;
	}
	if (!t->hit.met)
		t->hit.first_us = at_us;
	t->hit.times += !t->hit.now;
	t->hit.met = t->hit.now = true;
	t->hit.last_us = at_us;
	for (size_t i = 0; r == 0 && i < t->p->n; i++) {
		struct condition *c = &t->conditions[i];

		if (c->sum > c->most)
			c->most = c->sum;
		if (c->sum >= c->c->unique)
			r = tell(t, c);
	}
	return r;
}

static int
watch_finding(struct policies_work *w, struct watch *t,
    const struct policy_finding *f, const struct exposure_event *v)
{
	bool any = false;
	int r = 0;

	if (!policy_covers(t->p, f))
		return 0;
	for (size_t i = 0; i < t->p->n; i++)
		any |= policy_counts(t->conditions[i].c, f);
	if (!any)
		return 0;
	for (size_t i = 0; r == 0 && i < t->p->n; i++) {
		struct condition *c = &t->conditions[i];

		if (c->c->window_us > 0)
			leave(c, v->at_us - c->c->window_us);
		if (policy_counts(c->c, f))
			r = take_event(w, c, v);
	}
	return r == 0 ? judge(t, v->at_us) : r;
}

/* ---- a person's end ---- */

static const char *
subject(struct exposure *e, const struct policy_condition *c)
{
	const struct yaml *t = c->what;
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, KEY_MAX);
	buf_printf(&b, "%s", c->key);
	for (t = t->kind == YAML_LIST ? t->child : t; t != NULL;
	     t = t == c->what ? NULL : t->next)
		buf_printf(&b, " %s", t->text);
	return exposure_text(e, buf_text(&b));
}

static int
put_conditions(struct exposure *e, const struct watch *t)
{
	for (size_t i = 0; i < t->p->n; i++) {
		const struct condition *c = &t->conditions[i];
		struct exposure_condition *x =
		    exposure_add(&e->conditions, &e->nconditions, sizeof *x);

		if (x == NULL)
			return -ENOMEM;
		x->subject = subject(e, c->c);
		x->wanted = c->c->unique;
		x->window_us = c->c->window_us;
		x->unique = c->most;
		x->capped = c->capped;
	}
	return 0;
}

static int
put_behind(struct exposure *e, const struct watch *t)
{
	for (size_t i = 0; i < t->hit.behind; i++) {
		const struct exposure_behind *b = &t->hit.list[i];
		struct exposure_behind *x =
		    exposure_add(&e->behind, &e->nbehind, sizeof *x);

		if (x == NULL)
			return -ENOMEM;
		*x = *b;
		x->host = exposure_text(e, b->host);
		x->channel = exposure_text(e, b->channel);
		x->op = exposure_text(e, b->op);
		x->path = exposure_text(e, b->path);
		x->member = exposure_text(e, b->member);
		x->dst = exposure_text(e, b->dst);
		x->server = exposure_text(e, b->server);
		x->detector = exposure_text(e, b->detector);
		x->class_name = exposure_text(e, b->class_name);
		x->confidence = exposure_text(e, b->confidence);
	}
	return 0;
}

static int
put_hit(struct policies_work *w, size_t which)
{
	const struct watch *t = &w->watches[which];
	struct exposure *e = w->e;
	struct exposure_hit *h = exposure_add(&e->hits, &e->nhits, sizeof *h);
	int r;

	if (h == NULL)
		return -ENOMEM;
	*h = (struct exposure_hit){.policy = which,
	    .person = w->person,
	    .first_us = t->hit.first_us,
	    .last_us = t->hit.last_us,
	    .times = t->hit.times,
	    .condition = e->nconditions,
	    .nconditions = t->p->n,
	    .behind = e->nbehind,
	    .nbehind = t->hit.behind,
	    .more = t->hit.more};
	e->policies[which].people++;
	r = put_conditions(e, t);
	return r == 0 ? put_behind(e, t) : r;
}

static int
end_person(struct policies_work *w)
{
	int r = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct watch *t = &w->watches[i];

		if (r == 0 && t->hit.met)
			r = put_hit(w, i);
		if (w->full)
			w->e->policies[i].cut = true;
		for (size_t k = 0; k < t->p->n; k++)
			reset_condition(&t->conditions[k]);
		free(t->hit.list);
		t->hit = (struct hit){0};
	}
	exposure_done(&w->scratch);
	w->events = 0;
	w->full = false;
	return r;
}

int
policies_finding(void *policies, const struct exposure_event *v)
{
	struct policies_work *w = policies;
	const struct policy_finding f = {.provider = w->e->provider,
	    .person = v->person,
	    .channel = v->channel,
	    .op = v->op,
	    .path = v->path,
	    .dst = v->dst,
	    .server = v->server,
	    .detector = v->detector,
	    .class_name = v->class_name,
	    .confidence = v->confidence,
	    .tags = packs_tags(w->packs, v->detector)};
	int r = 0;

	if (!str_eq(w->person, v->person)) {
		r = w->person == NULL ? 0 : end_person(w);
		w->person = exposure_text(w->e, v->person);
		if (r == 0)
			r = exposure_error(w->e);
	}
	for (size_t i = 0; r == 0 && i < w->n; i++)
		r = watch_finding(w, &w->watches[i], &f, v);
	return r;
}

int
policies_end(struct policies_work *w)
{
	int r = end_person(w);

	free_work(w);
	return r;
}
