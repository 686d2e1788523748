/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo - a bounded memory: a 16-byte key to something owned.
 *
 * Owns: its values, until memo_take.
 * Never: grows past its maximum: the value that came first leaves first.
 */
#include "agent/memo.h"

#include <errno.h>
#include <string.h>

#include "lib/seal.h"

#include "lib/own.h"

struct node {
	struct memo_key key;
	void *value;
	struct node *chain; /* the next one in the bucket */
	struct node *older, *newer; /* by arrival */
};

struct memo {
	size_t max, n, buckets; /* buckets is a power of two */
	void (*drop)(void *value);
	struct node **table;
	struct node *oldest, *newest;
};

struct memo_key
memo_key(const void *data, size_t len)
{
	uint8_t digest[SEAL_HASH];
	struct memo_key k;

	seal_sha256(data, len, digest);
	memcpy(k.b, digest, sizeof k.b);
	return k;
}

int
memo_new(size_t max, void (*drop)(void *value), struct memo **out)
{
	struct memo *m = calloc(1, sizeof *m);

	must(max > 0);
	if (m == NULL)
		return -ENOMEM;
	m->max = max;
	m->drop = drop;
	m->buckets = 64;
	while (m->buckets < max)
		m->buckets *= 2;
	m->table = calloc(m->buckets, sizeof(struct node *));
	if (m->table == NULL) {
		free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

static struct node **
place(const struct memo *m, const struct memo_key *k)
{
	size_t at;
	struct node **p;

	memcpy(&at, k->b, sizeof at);
	for (p = &m->table[at & (m->buckets - 1)]; *p != NULL; p = &(*p)->chain)
		if (memcmp((*p)->key.b, k->b, sizeof k->b) == 0)
			break;
	return p;
}

static void *
unhang(struct memo *m, struct node **p)
{
	struct node *n = *p;
	void *value;

	must(n != NULL);
	value = n->value;
	*p = n->chain;
	*(n->older != NULL ? &n->older->newer : &m->oldest) = n->newer;
	*(n->newer != NULL ? &n->newer->older : &m->newest) = n->older;
	m->n--;
	free(n);
	return value;
}

void
memo_free(struct memo *m)
{
	if (m == NULL)
		return;
	while (m->oldest != NULL)
		m->drop(unhang(m, place(m, &m->oldest->key)));
	free(m->table);
	free(m);
}

void *
memo_get(const struct memo *m, struct memo_key k)
{
	struct node **p = place(m, &k);

	return *p == NULL ? NULL : (*p)->value;
}

int
memo_put(struct memo *m, struct memo_key k, void *value)
{
	struct node *n = calloc(1, sizeof *n), **p;

	if (n == NULL)
		return -ENOMEM;
	p = place(m, &k);
	if (*p != NULL)
		m->drop(unhang(m, p));
	else if (m->n == m->max)
		m->drop(unhang(m, place(m, &m->oldest->key)));
	p = place(m, &k);
	n->key = k;
	n->value = value;
	n->older = m->newest;
	*(m->newest != NULL ? &m->newest->newer : &m->oldest) = n;
	m->newest = n;
	*p = n;
	m->n++;
	return 0;
}

void *
memo_take(struct memo *m, struct memo_key k)
{
	struct node **p = place(m, &k);

	return *p == NULL ? NULL : unhang(m, p);
}

void *
memo_oldest(const struct memo *m, struct memo_key *k)
{
	if (m->oldest == NULL)
		return NULL;
	*k = m->oldest->key;
	return m->oldest->value;
}

size_t
memo_count(const struct memo *m)
{
	return m->n;
}
