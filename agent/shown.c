/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shown - of which file the content was that was seen on its way out.
 *
 * Owns: the join of relayed content with what its session had read, and how
 * surely each file went out by which connection, so that agent/egress.c says
 * nothing weaker of the same.
 * Never: picks one of two files that both fit.
 */
#include "agent/shown.h"

#include <errno.h>
#include <string.h>

#include "agent/memo.h"
#include "lib/str.h"

#include "lib/own.h"

#define SHOWN_MAX 8192
#define BEFORE_US 10000000 /* how long before it is shown a file is read */

/* In the place of a connection: whichever. */
static const struct tuple ANYWHERE = {.family = 6};

struct shown {
	struct memo *grades; /* a file and a connection -> how surely */
};

int
shown_new(struct shown **out)
{
	struct shown *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -ENOMEM;
	if (memo_new(SHOWN_MAX, free, &s->grades) != 0) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void
shown_free(struct shown *s)
{
	if (s == NULL)
		return;
	memo_free(s->grades);
	free(s);
}

static struct memo_key
shown_key(uint64_t session, const struct file_id *file, const struct tuple *t)
{
	struct {
		uint64_t session;
		struct memo_key file;
		uint8_t src[16], dst[16];
		uint64_t sport, dport;
	} k;
	size_t n = t->family == 4 ? 4 : 16;

	memset(&k, 0, sizeof k);
	k.session = session;
	k.file = file->key;
	memcpy(k.src, t->src, n);
	memcpy(k.dst, t->dst, n);
	k.sport = t->sport;
	k.dport = t->dport;
	return memo_key(&k, sizeof k);
}

/* All that was found in what was shown had been found in that file. */
static bool
holds_all(const struct object *o, const char *detectors)
{
	char copy[sizeof o->labels.detectors], *save = NULL;

	if (str_copy(copy, sizeof copy, detectors) != 0)
		return false;
	for (const char *w = strtok_r(copy, ",", &save); w != NULL;
	     w = strtok_r(NULL, ",", &save))
		if (!str_listed(o->labels.detectors, w))
			return false;
	return true;
}

/* The best stays. */
static void
note(struct shown *s, struct memo_key key, unsigned grade)
{
	unsigned *was = memo_get(s->grades, key);

	if (was != NULL) {
		*was = *was > grade ? *was : grade;
		return;
	}
	was = calloc(1, sizeof *was);
	if (was == NULL)
		return;
	*was = grade;
	if (memo_put(s->grades, key, was) != 0)
		free(was);
}

void
shown_said(struct shown *s, uint64_t session, const struct file_id *file,
    unsigned grade)
{
	note(s, shown_key(session, file, &ANYWHERE), grade);
}

const struct object *
shown_file(struct shown *s, const struct touches *touches,
    const struct shown_content *x)
{
	uint64_t session = touches_session(x->who->session);
	const struct object *one = NULL;

	if (x->who->session[0] == '\0')
		return NULL;
	for (const struct touch *c = touches_first(touches); c != NULL;
	     c = c->next) {
		if (c->write || c->object->state != OBJECT_HOLDS ||
		    c->task->session != session || c->boot_us > x->ended_us ||
		    c->boot_us + BEFORE_US < x->began_us ||
		    !holds_all(c->object, x->detectors))
			continue;
		if (one != NULL && one->file != c->object->file)
			return NULL;
		one = c->object;
	}
	if (one != NULL) {
		note(s, shown_key(session, one->file, x->tuple), x->grade);
		shown_said(s, session, one->file, x->grade);
	}
	return one;
}

bool
shown_better(const struct shown *s, uint64_t session,
    const struct file_id *file, const struct tuple *tuple, unsigned grade,
    bool login)
{
	const unsigned *was =
	    memo_get(s->grades, shown_key(session, file, tuple));

	if (was != NULL && *was > grade)
		return true;
	was = memo_get(s->grades, shown_key(session, file, &ANYWHERE));
	return was != NULL && grade == 1 && *was >= (login ? 3 : 5);
}
