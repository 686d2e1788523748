/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed - the messages that wait for another process, and whose turn it is.
 *
 * Owns: what waits, the shares of its room, and the turns.
 * Never: looks into a message; waits itself; tells the loss of what it refuses.
 *
 * Somebody could hide a small upload behind a big copy if both stood in one
 * queue. So flows stand in lanes that are served by turns (stochastic fair
 * queueing: McKenney, INFOCOM 1990), and one lane has room for at most SHARE
 * times what is free (dynamic thresholds: Choudhury and Hahne, IEEE/ACM
 * Transactions on Networking 6(2), 1998): one that runs over leaves a fifth for
 * the others. Which flows share a lane nobody can know before. Relayed content
 * has lanes and room of its own, and every second turn, however much it is and in
 * however many flows: a turn is of bytes.
 */
#include "agent/feed.h"

#include <errno.h>
#include <string.h>

#include "lib/flow.h"
#include "lib/ipc.h"
#include "lib/rng.h"

#include "lib/own.h"

#define LANES 256
#define SHARE 4
#define TURN ((size_t)64 << 10) /* bytes */
#define NOTES_MAX ((size_t)4 << 20) /* room for what is no payload, alone */
#define KINDS 2 /* packets, relayed content */

struct message {
	struct message *next;
	uint32_t type;
	size_t len;
	uint8_t data[];
};

struct lane {
	struct lane *next; /* of those in which something waits */
	struct message *head, *tail;
	size_t waiting;
};

struct queue {
	struct lane lanes[LANES];
	struct lane *first, *last; /* in the order of their turns */
	size_t served; /* in the first one's turn */
	size_t waiting, max;
};

struct feed {
	struct queue queues[KINDS];
	unsigned turn; /* which queue's it is */
	size_t served; /* in this turn, of whichever lanes */
	uint64_t key;
};

int
feed_new(size_t packets_max, size_t relays_max, struct feed **out)
{
	struct feed *f = calloc(1, sizeof *f);

	if (f == NULL)
		return -ENOMEM;
	f->queues[0].max = packets_max;
	f->queues[1].max = relays_max;
	rng_fill(&f->key, sizeof f->key);
	*out = f;
	return 0;
}

void
feed_free(struct feed *f)
{
	if (f == NULL)
		return;
	feed_clear(f);
	free(f);
}

size_t
feed_waiting(const struct feed *f)
{
	return f->queues[0].waiting + f->queues[1].waiting;
}

/* ---- lanes ---- */

/* Mixed with what nobody knows (the constants: Steele and others, OOPSLA 2014,
 * SplitMix64), for numbers of flows come in a row. */
static struct lane *
lane_of(struct feed *f, struct queue *q, uint64_t flow)
{
	uint64_t x = flow ^ f->key;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return &q->lanes[(x ^ x >> 31) % LANES];
}

static size_t
cost_of(const struct message *m)
{
	return sizeof *m + m->len;
}

static void
line_up(struct queue *q, struct lane *l)
{
	l->next = NULL;
	*(q->last != NULL ? &q->last->next : &q->first) = l;
	q->last = l;
}

/* The first lane's turn is over. */
static void
step_back(struct queue *q)
{
	struct lane *l = q->first;

	q->first = l->next;
	if (q->first == NULL)
		q->last = NULL;
	if (l->head != NULL)
		line_up(q, l);
	q->served = 0;
}

/* The message that is next, or NULL. */
static struct message *
next_of(struct feed *f)
{
	if (f->queues[f->turn].first == NULL) {
		f->turn = (f->turn + 1) % KINDS;
		f->served = 0;
	}
	return f->queues[f->turn].first != NULL ? f->queues[f->turn].first->head
						: NULL;
}

/* Takes that message away. */
static void
let_go(struct feed *f)
{
	struct queue *q = &f->queues[f->turn];
	struct lane *l = q->first;
	struct message *m = l->head;

	l->head = m->next;
	if (l->head == NULL)
		l->tail = NULL;
	l->waiting -= cost_of(m);
	q->waiting -= cost_of(m);
	q->served += cost_of(m);
	f->served += cost_of(m);
	explicit_bzero(m->data, m->len);
	free(m);
	if (l->head == NULL || q->served >= TURN)
		step_back(q);
	if (f->served < TURN)
		return;
	f->turn = (f->turn + 1) % KINDS;
	f->served = 0;
}

void
feed_clear(struct feed *f)
{
	while (next_of(f) != NULL)
		let_go(f);
}

/* ---- in and out ---- */

static bool
has_room(const struct queue *q, const struct lane *l, size_t cost, bool payload)
{
	if (!payload)
		return q->waiting + cost <= q->max + NOTES_MAX;
	return q->waiting < q->max &&
	       l->waiting + cost <= SHARE * (q->max - q->waiting);
}

int
feed_put(struct feed *f, uint64_t flow, uint32_t type, const void *data,
    size_t len, bool payload)
{
	struct queue *q = &f->queues[(flow & FLOW_RELAY) != 0];
	struct lane *l = lane_of(f, q, flow);
	struct message *m;

	if (!has_room(q, l, sizeof *m + len, payload))
		return -ENOBUFS;
	m = malloc(sizeof *m + len);
	if (m == NULL)
		return -ENOMEM;
	m->next = NULL;
	m->type = type;
	m->len = len;
	if (len > 0)
		memcpy(m->data, data, len);
	if (l->head == NULL)
		line_up(q, l);
	*(l->tail != NULL ? &l->tail->next : &l->head) = m;
	l->tail = m;
	l->waiting += cost_of(m);
	q->waiting += cost_of(m);
	return 0;
}

int
feed_pump(struct feed *f, int sock)
{
	const struct message *m;

	while ((m = next_of(f)) != NULL) {
		int r = ipc_send(sock, m->type, m->data, m->len, -1);

		if (r != 0)
			return r;
		let_go(f);
	}
	return 0;
}
