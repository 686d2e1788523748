/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touches - which process read and wrote which file, for agent/egress.c.
 *
 * Owns: a bounded list of touches, and the processes, versions and files that
 * they are of.
 * Never: decides what a touch means; opens anything.
 *
 * When the list is full the oldest touch is forgotten. One of a file in which
 * something was found, or that was written, is kept in its stead, so that reading
 * ten thousand other files makes nobody forget it; half of the list is for these,
 * and what of them is forgotten is counted.
 */
#include "agent/touches.h"

#include <errno.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

struct touches {
	/* Borrowed values: who has no reference left is taken out. */
	struct memo *tasks, *objects, *files;
	struct touch *first, *last;
	size_t n;
	uint64_t lost;
};

static void
keep(void *value UNUSED)
{
}

/* Each has at most one entry for a touch, and one for a send. */
#define TABLE_MAX (4 * TOUCHES_MAX)

int
touches_new(struct touches **out)
{
	struct touches *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	if (memo_new(TABLE_MAX, keep, &t->tasks) != 0 ||
	    memo_new(TABLE_MAX, keep, &t->objects) != 0 ||
	    memo_new(TABLE_MAX, keep, &t->files) != 0) {
		touches_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

uint64_t
touches_session(const char *session)
{
	struct memo_key k = memo_key(session, strlen(session));
	uint64_t v;

	memcpy(&v, k.b, sizeof v);
	return v;
}

/* ---- what touches are of ---- */

void
touches_leave(struct touches *t, struct task *task)
{
	if (task == NULL || --task->refs > 0)
		return;
	(void)memo_take(
	    t->tasks, memo_key(&task->family.id, sizeof task->family.id));
	free(task);
}

static void
leave_file(struct touches *t, struct file_id *f)
{
	if (--f->refs > 0)
		return;
	(void)memo_take(t->files, f->key);
	touches_leave(t, f->writer);
	free(f);
}

static void
leave_object(struct touches *t, struct object *o)
{
	if (--o->refs > 0)
		return;
	(void)memo_take(t->objects, o->key);
	leave_file(t, o->file);
	free(o);
}

static void
name_program(struct task *k, const char *exe)
{
	const char *slash = strrchr(exe, '/');
	const char *name = slash == NULL ? exe : slash + 1;

	(void)str_copy_len(k->program, sizeof k->program, name,
	    strnlen(name, sizeof k->program - 1));
}

struct task *
touches_task(struct touches *t, const struct actor *who, const struct family *f)
{
	struct memo_key key = memo_key(&f->id, sizeof f->id);
	struct task *k = memo_get(t->tasks, key);

	if (k == NULL) {
		k = calloc(1, sizeof *k);
		if (k == NULL || memo_count(t->tasks) == TABLE_MAX ||
		    memo_put(t->tasks, key, k) != 0) {
			free(k);
			return NULL;
		}
		k->family = *f;
		k->session = touches_session(who->session);
	}
	/* It may have become another program, and have ended, since. */
	name_program(k, who->exe);
	k->family.image = f->image;
	if (f->ended != 0)
		k->family.ended = f->ended;
	k->late |= who->grade >= GRADE_LINEAGE;
	k->refs++;
	return k;
}

void
touches_ended(struct touches *t, const struct family *f)
{
	struct task *k = memo_get(t->tasks, memo_key(&f->id, sizeof f->id));

	if (k != NULL)
		k->family.ended = f->ended;
}

static struct file_id *
file_of(struct touches *t, const struct touched *e)
{
	const uint64_t id[3] = {e->dev, e->ino, (uint64_t)e->born_ns};
	struct memo_key key = memo_key(id, sizeof id);
	struct file_id *f = memo_get(t->files, key);

	if (f == NULL) {
		f = calloc(1, sizeof *f);
		if (f == NULL || memo_count(t->files) == TABLE_MAX ||
		    memo_put(t->files, key, f) != 0) {
			free(f);
			return NULL;
		}
		f->key = key;
		f->dev = e->dev;
		f->ino = e->ino;
	}
	f->refs++;
	return f;
}

static struct object *
object_of(struct touches *t, const struct touched *e)
{
	struct object *o = memo_get(t->objects, e->object);
	size_t len = e->path_len, cut;

	if (o != NULL) {
		o->refs++;
		return o;
	}
	cut = len > TOUCHES_PATH_MAX ? len - TOUCHES_PATH_MAX : 0;
	o = calloc(1, sizeof *o + len - cut + 1);
	if (o == NULL)
		return NULL;
	o->file = file_of(t, e);
	if (o->file == NULL || memo_count(t->objects) == TABLE_MAX ||
	    memo_put(t->objects, e->object, o) != 0) {
		if (o->file != NULL)
			leave_file(t, o->file);
		free(o);
		return NULL;
	}
	o->key = e->object;
	o->size = e->size;
	o->mtime_ns = e->mtime_ns;
	o->refs = 1;
	o->path_len = len - cut;
	if (o->path_len > 0)
		memcpy(o->path, e->path + cut, o->path_len);
	return o;
}

/* ---- the list ---- */

static bool
matters(const struct touch *c)
{
	return c->write || c->object->state == OBJECT_HOLDS ||
	       c->object->state == OBJECT_PENDING ||
	       c->object->file->writer != NULL;
}

/* The writer is forgotten with the last touch that it wrote the file. */
static void
drop(struct touches *t, struct touch *c)
{
	struct file_id *f = c->object->file;

	if (c->write && f->writer == c->task && f->written_us == c->boot_us) {
		struct object *o = f->written;

		touches_leave(t, f->writer);
		f->writer = NULL;
		f->written = NULL;
		leave_object(t, o);
	}
	touches_leave(t, c->task);
	leave_object(t, c->object);
	free(c);
}

static void
append(struct touches *t, struct touch *c)
{
	c->next = NULL;
	if (t->last != NULL)
		t->last->next = c;
	else
		t->first = c;
	t->last = c;
	t->n++;
}

static struct touch *
take_first(struct touches *t)
{
	struct touch *c = t->first;

	if (c == NULL)
		return NULL;
	t->first = c->next;
	if (t->first == NULL)
		t->last = NULL;
	t->n--;
	return c;
}

/* One less. What matters goes behind the others, as long as they are more. */
static void
make_room(struct touches *t)
{
	for (size_t i = 0; i < TOUCHES_KEPT_MAX; i++) {
		struct touch *c = take_first(t);

		if (c == NULL)
			return;
		if (!matters(c)) {
			drop(t, c);
			return;
		}
		append(t, c);
	}
	t->lost++;
	drop(t, take_first(t));
}

static void
take_write(struct touches *t, struct touch *c)
{
	struct file_id *f = c->object->file;
	struct task *old = f->writer;
	struct object *was = f->written;

	f->writer = c->task;
	f->writer->refs++;
	f->written = c->object;
	f->written->refs++;
	f->written_us = c->boot_us;
	if (old != NULL) {
		touches_leave(t, old);
		leave_object(t, was);
	}
}

int
touches_add(struct touches *t, const struct touched *e)
{
	struct touch *c;

	/* A loop that opens one file again and again is one touch. */
	if (t->last != NULL && !e->write && !t->last->write &&
	    t->last->task->family.id == e->family->id &&
	    memcmp(&t->last->object->key, &e->object, sizeof e->object) == 0)
		return 0;
	if (t->n >= TOUCHES_MAX)
		make_room(t);
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	c->boot_us = e->boot_us;
	c->write = e->write;
	c->task = touches_task(t, e->who, e->family);
	c->object = c->task == NULL ? NULL : object_of(t, e);
	if (c->object == NULL) {
		touches_leave(t, c->task);
		free(c);
		return -ENOMEM;
	}
	append(t, c);
	if (c->write)
		take_write(t, c);
	return 0;
}

void
touches_learn(struct touches *t, struct memo_key object,
    const struct finding *findings, size_t n, bool failed)
{
	struct object *o = memo_get(t->objects, object);

	if (o == NULL)
		return;
	o->labels = (struct labels){.n = 0};
	for (size_t i = 0; i < n; i++)
		fields_label(&o->labels, &findings[i]);
	o->state = o->labels.n > 0 ? OBJECT_HOLDS
		   : failed        ? OBJECT_UNREAD
				   : OBJECT_CLEAN;
}

const struct touch *
touches_first(const struct touches *t)
{
	return t->first;
}

size_t
touches_count(const struct touches *t)
{
	return t->n;
}

uint64_t
touches_lost(struct touches *t)
{
	uint64_t n = t->lost;

	t->lost = 0;
	return n;
}

void
touches_free(struct touches *t)
{
	struct touch *c;

	if (t == NULL)
		return;
	while ((c = take_first(t)) != NULL)
		drop(t, c);
	memo_free(t->tasks);
	memo_free(t->objects);
	memo_free(t->files);
	free(t);
}
