/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access - from a file event and its actor to entries in the log.
 *
 * Owns: the memory of objects that were examined, the events that wait for an
 * inspector, and repeats.
 * Never: opens a path; writes a name (names does, once it is masked).
 *
 * An event becomes
 *   finding entries, one a detector and confidence, whoever did it;
 *   a file entry, if a person stands behind it; repeats of the same person,
 *   object version and operation within a minute become one entry with their
 *   count;
 *   skipped entries for what could not be examined.
 */
#include "agent/access.h"

#include <errno.h>
#include <string.h>

#include "agent/fields.h"
#include "agent/memo.h"
#include "lib/entry.h"
#include "lib/str.h"

#include "lib/own.h"

#define KNOWN_MAX 16384
#define OTHERS_WAITING_MAX 8 /* jobs, before those of the system wait */
#define WORKS_MAX 8192
#define FOLDS_MAX 32768
#define FOLD_US 60000000
#define AWAITED_MAX 256

/* What an object of this version holds. */
struct known {
	struct finding *findings;
	size_t nfindings;
	struct skip *skips;
	size_t nskips;
};

/* An event that waits for its object, or whose repeats are counted. */
struct waiting {
	struct waiting *next;
	enum file_op op;
	struct stamp at;
	struct actor who;
	uint64_t dev, ino, size, count;
	struct memo_key object;
	struct memo_key key; /* what its repeats have, too */
	size_t path_len;
	char path[]; /* with a NUL behind it */
};

/* An object that an inspector has, and who waits for it. */
struct work {
	struct memo_key object;
	uint64_t job;
	struct waiting *waiting, **tail;
};

struct fold {
	struct waiting *w;
	uint64_t began_us;
	uint64_t count;
	struct stamp last;
};

struct accesses {
	struct hub *hub;
	struct names *names;
	uint64_t object_max;
	struct memo *known; /* key of an object's version -> struct known */
	struct memo *works; /* the same key -> struct work */
	struct memo *jobs; /* key of a job's number -> struct work, borrowed */
	struct memo *folds;
	uint64_t last_job;
	char rules[65];
	struct access_calls calls;
	struct access_counters counters;
};

static void
known_free(void *value)
{
	struct known *k = value;

	for (size_t i = 0; i < k->nfindings; i++)
		finding_done(&k->findings[i]);
	for (size_t i = 0; i < k->nskips; i++)
		free(k->skips[i].member);
	free(k->findings);
	free(k->skips);
	free(k);
}

static void
work_free(void *value)
{
	struct work *w = value;

	while (w->waiting != NULL) {
		struct waiting *one = w->waiting;

		w->waiting = one->next;
		free(one);
	}
	free(w);
}

static void
fold_free(void *value)
{
	struct fold *f = value;

	free(f->w);
	free(f);
}

static void
keep(void *value UNUSED)
{
}

int
access_new(struct hub *hub, struct names *names, uint64_t object_max,
    struct accesses **result)
{
	struct accesses *a = calloc(1, sizeof *a);

	if (a == NULL)
		return -ENOMEM;
	a->hub = hub;
	a->names = names;
	a->object_max = object_max;
	if (memo_new(KNOWN_MAX, known_free, &a->known) != 0 ||
	    memo_new(WORKS_MAX, work_free, &a->works) != 0 ||
	    memo_new(WORKS_MAX, keep, &a->jobs) != 0 ||
	    memo_new(FOLDS_MAX, fold_free, &a->folds) != 0) {
		access_free(a);
		return -ENOMEM;
	}
	*result = a;
	return 0;
}

void
access_tell(struct accesses *a, const struct access_calls *calls)
{
	a->calls = *calls;
}

void
access_free(struct accesses *a)
{
	if (a == NULL)
		return;
	memo_free(a->known);
	memo_free(a->jobs);
	memo_free(a->works);
	memo_free(a->folds);
	free(a);
}

const struct access_counters *
access_counters(const struct accesses *a)
{
	return &a->counters;
}

void
access_rules(struct accesses *a, const char *digest)
{
	if (str_eq(a->rules, digest))
		return;
	must(str_copy(a->rules, sizeof a->rules, digest) == 0);
	memo_free(a->known);
	must(memo_new(KNOWN_MAX, known_free, &a->known) == 0);
}

/* ---- entries ---- */

static void
begin(struct draft *d, const char *type, const struct waiting *w)
{
	draft_init(d, type, w->at);
	fields_actor(d, &w->who);
	fields_number(d, "dev", w->dev);
	fields_number(d, "ino", w->ino);
	fields_number(d, "size", w->size);
	draft_text(d, "op", file_op_name(w->op));
}

static void
put(struct accesses *a, struct draft *d, const struct waiting *w)
{
	const struct raw_name raws[] = {{"path", w->path, w->path_len},
	    {"exe", w->who.exe, strlen(w->who.exe)}};

	names_put(a->names, d, raws, ARRAY_LEN(raws));
}

static void
write_file(struct accesses *a, const struct waiting *w, uint64_t count)
{
	struct draft d;

	begin(&d, "file", w);
	draft_uint(&d, "count", count);
	put(a, &d, w);
	a->counters.recorded++;
}

static void
write_skip(struct accesses *a, const struct waiting *w, const char *reason,
    const char *member, uint64_t bytes)
{
	struct draft d;

	begin(&d, "skipped", w);
	draft_text(&d, "reason", reason);
	draft_text(&d, "member", member);
	fields_number(&d, "bytes", bytes);
	put(a, &d, w);
	a->counters.skipped++;
}

static void
write_findings(
    struct accesses *a, const struct waiting *w, const struct known *k)
{
	for (size_t i = 0; i < k->nfindings; i++) {
		struct draft d;

		begin(&d, "finding", w);
		draft_text(&d, "channel", "file");
		fields_finding(&d, &k->findings[i], a->rules);
		put(a, &d, w);
		a->counters.findings++;
	}
	for (size_t i = 0; i < k->nskips; i++)
		write_skip(a, w, k->skips[i].reason, k->skips[i].member,
		    k->skips[i].bytes);
}

static struct memo_key
fold_key(const struct waiting *w, enum file_op op)
{
	struct {
		char session[64], person[64], exe[256];
		uint32_t loginuid;
		enum file_op op;
		struct memo_key object;
	} k;

	memset(&k, 0, sizeof k);
	memcpy(k.session, w->who.session, sizeof k.session);
	memcpy(k.person, w->who.person, sizeof k.person);
	if (!actor_is_person(&w->who))
		memcpy(k.exe, w->who.exe, sizeof k.exe);
	k.loginuid = w->who.loginuid;
	k.op = op;
	k.object = w->object;
	return memo_key(&k, sizeof k);
}

static void
write_fold(struct accesses *a, struct fold *f)
{
	if (f->count == 0 || !actor_is_person(&f->w->who))
		return;
	f->w->at = f->last;
	write_file(a, f->w, f->count);
}

/*
 * What the object holds is known, or (NULL) was not to be examined: writes, or
 * counts a repeat. Takes @w.
 */
static void
finish(struct accesses *a, struct waiting *w, const struct known *k)
{
	const struct memo_key key = w->key;
	struct fold *f = memo_get(a->folds, key);

	if (f != NULL) {
		f->count += w->count;
		f->last = w->at;
		a->counters.folded += w->count;
		free(w);
		return;
	}
	if (k != NULL)
		write_findings(a, w, k);
	if (actor_is_person(&w->who))
		write_file(a, w, w->count);
	else
		a->counters.others += w->count;
	/* The oldest count is written before its place is taken. */
	if (memo_count(a->folds) == FOLDS_MAX) {
		struct memo_key oldest;

		write_fold(a, memo_oldest(a->folds, &oldest));
	}
	f = calloc(1, sizeof *f);
	if (f == NULL || memo_put(a->folds, key, f) != 0) {
		free(f);
		free(w);
		return;
	}
	f->w = w;
	f->began_us = w->at.boot_us;
}

static void
unfold(struct accesses *a, uint64_t before_us)
{
	for (;;) {
		struct memo_key key;
		struct fold *f = memo_oldest(a->folds, &key);

		if (f == NULL || f->began_us >= before_us)
			return;
		write_fold(a, f);
		fold_free(memo_take(a->folds, key));
	}
}

void
access_tick(struct accesses *a)
{
	uint64_t now = clock_boot_us();

	unfold(a, now > FOLD_US ? now - FOLD_US : 0);
}

void
access_flush(struct accesses *a)
{
	unfold(a, UINT64_MAX);
}

/* ---- objects ---- */

static struct memo_key
job_key(uint64_t job)
{
	return memo_key(&job, sizeof job);
}

/* @k: NULL if it could not be examined. */
static void
tell_learned(struct accesses *a, struct memo_key object, const struct known *k)
{
	if (a->calls.learned == NULL)
		return;
	if (k == NULL)
		a->calls.learned(a->calls.ctx, object, NULL, 0, true);
	else
		a->calls.learned(a->calls.ctx, object, k->findings,
		    k->nfindings, k->nskips > 0);
}

/*
 * That a file was opened says less than that bytes of it were read; who tells
 * the latter (kernel programs, which know the process by its start) is heard.
 */
static void
tell_touched(struct accesses *a, const struct waiting *w, const struct event *e)
{
	struct touched t = {.who = &w->who,
	    .boot_us = w->at.boot_us,
	    .write = w->op == FILE_WRITE,
	    .object = w->object,
	    .dev = w->dev,
	    .ino = w->ino,
	    .size = w->size,
	    .born_ns = e->born_ns,
	    .mtime_ns = e->mtime_ns,
	    .path = w->path,
	    .path_len = w->path_len};

	if (a->calls.touched == NULL || w->op == FILE_EXEC ||
	    (w->op == FILE_OPEN && e->start_ns != 0) ||
	    !actor_is_person(&w->who))
		return;
	a->calls.touched(a->calls.ctx, &t);
}

/* An object that could not be given to an inspector. Takes @w. */
static void
give_up(struct accesses *a, struct waiting *w, const char *why)
{
	tell_learned(a, w->object, NULL);
	write_skip(a, w, why, NULL, w->size);
	finish(a, w, NULL);
}

/* Waits for the object, which is given to an inspector if it is not already.
 * Takes @w and @fd. */
static void
examine(struct accesses *a, struct waiting *w, int fd)
{
	OWN_FD int mine = fd;
	struct work *k = memo_get(a->works, w->object);

	if (k == NULL) {
		k = calloc(1, sizeof *k);
		if (k == NULL || memo_count(a->works) == WORKS_MAX) {
			free(k);
			give_up(a, w, "too many objects wait to be examined");
			return;
		}
		k->object = w->object;
		k->job = ++a->last_job;
		k->tail = &k->waiting;
		if (memo_put(a->works, k->object, k) != 0) {
			free(k);
			give_up(a, w, "no memory to have it examined");
			return;
		}
		if (memo_put(a->jobs, job_key(k->job), k) != 0 ||
		    hub_submit(a->hub, k->job, own_take_fd(&mine),
			a->object_max, w->path, w->path_len) != 0) {
			(void)memo_take(a->jobs, job_key(k->job));
			free(memo_take(a->works, w->object));
			give_up(a, w, "too many objects wait to be examined");
			return;
		}
		a->counters.scanned++;
	}
	*k->tail = w;
	k->tail = &w->next;
}

static struct memo_key
object_key(const struct event *e)
{
	uint64_t k[4] = {e->dev, e->ino, (uint64_t)e->ctime_ns, e->size};

	return memo_key(k, sizeof k);
}

/* The same person's opening of that object was told within the last minute, or
 * waits for the object to be examined. */
static bool
has_opened(const struct accesses *a, const struct waiting *w)
{
	const struct memo_key key = fold_key(w, FILE_OPEN);
	const struct work *k = memo_get(a->works, w->object);
	const struct waiting *o = k == NULL ? NULL : k->waiting;

	if (memo_get(a->folds, key) != NULL)
		return true;
	for (int i = 0; o != NULL && i < AWAITED_MAX; i++, o = o->next)
		if (memcmp(&o->key, &key, sizeof key) == 0)
			return true;
	return false;
}

/* An allow that ended since the object was examined covers nothing any more. */
static bool
stale(const struct known *k, const struct waiting *w)
{
	char now[CLOCK_TEXT_SIZE] = "";

	for (size_t i = 0; i < k->nfindings; i++) {
		const struct finding *f = &k->findings[i];

		if (!finding_allowed(f))
			continue;
		if (now[0] == '\0')
			clock_text(w->at.wall_us, now);
		if (strncmp(now, f->allow_until, strlen(f->allow_until)) > 0)
			return true;
	}
	return false;
}

void
access_event(struct accesses *a, struct event *e, const struct actor *who)
{
	/* What is read is examined when it is opened, what was written when it
	 * is closed: at both times the bytes are those that the person has. */
	bool scan = (e->op == FILE_OPEN || e->op == FILE_WRITE ||
			(e->through && actor_is_person(who))) &&
		    e->size > 0;
	const struct known *k;
	struct waiting *w;

	/* The system's own work is looked at as far as that delays nobody:
	 * what people do must not wait behind a build or a backup. */
	if (!actor_is_person(who) && !who->own &&
	    (!scan || hub_waiting(a->hub) >= OTHERS_WAITING_MAX)) {
		a->counters.others += e->count;
		event_done(e);
		return;
	}
	w = calloc(1, sizeof *w + e->path_len + 1);
	if (w == NULL) {
		a->counters.skipped++;
		event_done(e);
		return;
	}
	w->op = e->op;
	w->at = e->at;
	w->who = *who;
	w->dev = e->dev;
	w->ino = e->ino;
	w->size = e->size;
	w->count = e->count;
	w->object = object_key(e);
	w->path_len = e->path_len;
	memcpy(w->path, e->path, e->path_len);
	w->key = fold_key(w, e->op);
	/* Bytes of what this person has opened are theirs already; what somebody
	 * else opened, or nobody was seen to open, becomes theirs by reading. */
	if (e->op == FILE_READ && scan && has_opened(a, w))
		scan = false;
	tell_touched(a, w, e);
	if (e->fd < 0 &&
	    (e->op == FILE_OPEN || (e->through && !has_opened(a, w)))) {
		give_up(a, w, "the object was gone before it could be opened");
	} else if (!scan) {
		if (memo_get(a->works, w->object) == NULL)
			tell_learned(
			    a, w->object, memo_get(a->known, w->object));
		finish(a, w, NULL);
	} else if ((k = memo_get(a->known, w->object)) != NULL &&
		   !stale(k, w)) {
		a->counters.known++;
		tell_learned(a, w->object, k);
		finish(a, w, k);
	} else {
		examine(a, w, own_take_fd(&e->fd));
	}
	event_done(e);
}

static struct known *
learn(const struct outcome *o)
{
	struct known *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	k->findings = calloc(o->nfindings + 1, sizeof *k->findings);
	k->skips = calloc(o->nskips + 1, sizeof *k->skips);
	if (k->findings == NULL || k->skips == NULL) {
		known_free(k);
		return NULL;
	}
	/* Moved out: the hub frees what is left of what it gathered. */
	for (size_t i = 0; i < o->nfindings; i++) {
		k->findings[k->nfindings++] = o->findings[i];
		o->findings[i] = (struct finding){0};
	}
	for (size_t i = 0; i < o->nskips; i++) {
		k->skips[k->nskips++] = o->skips[i];
		o->skips[i] = (struct skip){0};
	}
	if (o->failed)
		(void)str_copy(k->skips[k->nskips++].reason,
		    sizeof k->skips[0].reason, o->why);
	return k;
}

void
access_done(struct accesses *a, uint64_t job, const struct outcome *o)
{
	struct work *work = memo_take(a->jobs, job_key(job));
	struct known *k = learn(o);
	struct waiting *w;

	if (work == NULL) {
		if (k != NULL)
			known_free(k);
		return;
	}
	must(memo_take(a->works, work->object) == work);
	tell_learned(a, work->object, k);
	/* The first one's name went along with the object. */
	w = work->waiting;
	if (w != NULL && w->path_len > 0 && o->name != NULL)
		names_learn(a->names, w->path, w->path_len, o->name);
	while ((w = work->waiting) != NULL) {
		work->waiting = w->next;
		w->next = NULL;
		if (k != NULL)
			finish(a, w, k);
		else
			give_up(a, w, "no memory for what was found");
	}
	if (k != NULL && memo_put(a->known, work->object, k) != 0)
		known_free(k);
	work_free(work);
}
