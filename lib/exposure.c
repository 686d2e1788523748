/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposure - what is held of one provider in one period.
 *
 * Owns: the memory of the lists and of every text in them.
 * Never: counts, judges or prints.
 */
#include "lib/exposure.h"

#include <errno.h>
#include <string.h>

#include "lib/own.h"

#define CHUNK 65536

/* Texts lie one behind the other; a long one has a chunk of its own. */
struct chunk {
	struct chunk *next;
	size_t used, size;
	char data[];
};

struct exposure_texts {
	struct chunk *chunks; /* the first one has room */
	bool failed;
};

void *
exposure_add(void *list, size_t *n, size_t size)
{
	uint8_t *items;

	memcpy(&items, list, sizeof items);
	/* Room is made at every power of two. */
	if ((*n & (*n - 1)) == 0) {
		size_t room = *n == 0 ? 1 : *n * 2;
		uint8_t *more;

		if (room > SIZE_MAX / size)
			return NULL;
		more = realloc(items, room * size);
		if (more == NULL)
			return NULL;
		items = more;
		memcpy(list, &items, sizeof items);
	}
	items += size * (*n)++;
	memset(items, 0, size);
	return items;
}

static struct chunk *
add_chunk(struct exposure_texts *t, size_t need)
{
	size_t size = need > CHUNK ? need : CHUNK;
	struct chunk *c = malloc(sizeof *c + size);

	if (c == NULL)
		return NULL;
	c->used = 0;
	c->size = size;
	c->next = t->chunks;
	t->chunks = c;
	return c;
}

const char *
exposure_text(struct exposure *e, const char *s)
{
	size_t need;
	struct chunk *c;
	char *to;

	if (s == NULL)
		return NULL;
	if (e->texts == NULL)
		e->texts = calloc(1, sizeof *e->texts);
	if (e->texts == NULL)
		return NULL;
	need = strlen(s) + 1;
	c = e->texts->chunks;
	if (c == NULL || c->size - c->used < need)
		c = add_chunk(e->texts, need);
	if (c == NULL) {
		e->texts->failed = true;
		return NULL;
	}
	to = c->data + c->used;
	memcpy(to, s, need);
	c->used += need;
	return to;
}

int
exposure_error(const struct exposure *e)
{
	return e->texts == NULL || e->texts->failed ? -ENOMEM : 0;
}

static void
free_hosts(struct exposure *e)
{
	for (size_t i = 0; i < e->nhosts; i++) {
		free(e->hosts[i].harms);
		free(e->hosts[i].spans);
	}
	free(e->hosts);
}

static void
free_texts(struct exposure_texts *t)
{
	if (t == NULL)
		return;
	while (t->chunks != NULL) {
		struct chunk *c = t->chunks;

		t->chunks = c->next;
		free(c);
	}
	free(t);
}

void
exposure_done(struct exposure *e)
{
	free_hosts(e);
	free(e->people);
	free(e->traits);
	free(e->classes);
	free(e->detectors);
	free(e->findings);
	free(e->allows);
	free(e->exacts);
	free(e->canaries);
	free(e->places);
	free(e->sent);
	free(e->transfers);
	free(e->egress);
	free(e->gaps);
	free(e->alarms);
	free(e->rules);
	free(e->days);
	free(e->providers);
	free(e->policies);
	free(e->hits);
	free(e->conditions);
	free(e->behind);
	free_texts(e->texts);
	*e = (struct exposure){0};
}

const char *
coverage_name(enum coverage c)
{
	static const char *const NAMES[COVERAGE_STATES] = {
	    [COVERAGE_UNKNOWN] = "unknown",
	    [COVERAGE_OBSERVED] = "observed",
	    [COVERAGE_DEGRADED] = "degraded",
	    [COVERAGE_BLIND] = "blind",
	};

	must(c < COVERAGE_STATES);
	return NAMES[c];
}
