/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/feed.c */
/*
 * feed_test - that what is small is not lost behind what is big, that messages of
 * a flow keep their order, and that what waits is bounded.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/feed.h"
#include "lib/flow.h"
#include "lib/ipc.h"

#include "lib/own.h"

#define MAX ((size_t)1 << 20)
#define PIECE ((size_t)16 << 10)
#define PAYLOAD 1
#define NOTE 2
#define TURN_MESSAGES 4 /* of a turn, of this size */

static struct ipc_in in;

struct link {
	struct feed *feed;
	int from, to;
};

static int
setup(void **state)
{
	static struct link l;
	int pair[2];

	assert_int_equal(feed_new(MAX, MAX, &l.feed), 0);
	assert_int_equal(ipc_pair(pair), 0);
	l.from = pair[0];
	l.to = pair[1];
	*state = &l;
	return 0;
}

static int
teardown(void **state)
{
	struct link *l = *state;

	feed_free(l->feed);
	close(l->from);
	close(l->to);
	return 0;
}

/* A piece of a flow: what it is of, and the how manieth. */
static int
put(struct link *l, uint64_t flow, uint32_t type, uint32_t n)
{
	static uint8_t piece[PIECE];

	memcpy(piece, &flow, sizeof flow);
	memcpy(piece + sizeof flow, &n, sizeof n);
	return feed_put(
	    l->feed, flow, type, piece, sizeof piece, type == PAYLOAD);
}

/* As many as it has room for. */
static uint32_t
fill(struct link *l, uint64_t flow)
{
	uint32_t n = 0;

	while (put(l, flow, PAYLOAD, n) == 0)
		n++;
	assert_true(n > 0 && n <= MAX / PIECE);
	return n;
}

/* The next message: its flow; *n: its number. */
static uint64_t
next(struct link *l, uint32_t *n)
{
	uint64_t flow;

	for (;;) {
		int r = ipc_recv(l->to, &in);

		if (r == 1)
			break;
		assert_int_equal(r, -EAGAIN);
		r = feed_pump(l->feed, l->from);
		assert_true(r == 0 || r == -EAGAIN);
	}
	assert_int_equal(in.len, PIECE);
	memcpy(&flow, in.data, sizeof flow);
	memcpy(n, in.data + sizeof flow, sizeof *n);
	return flow;
}

static void
a_big_flow_leaves_room(void **state)
{
	struct link *l = *state;
	uint32_t big = fill(l, 1), seen = 0, small = 0, n;

	/* One in 256 has the ill luck to share its lane. */
	for (uint64_t flow = 2; flow < 6; flow++)
		small += put(l, flow, PAYLOAD, 0) == 0;
	assert_true(small >= 2);
	assert_true(big >= MAX / PIECE / 2);
	/* They come by turns: long before the big one is through. */
	while (small > 0) {
		if (next(l, &n) == 1)
			assert_int_equal(n, seen++);
		else
			small--;
	}
	assert_true(seen < big);
	while (seen < big) {
		assert_int_equal(next(l, &n), 1);
		assert_int_equal(n, seen++);
	}
	assert_int_equal(feed_waiting(l->feed), 0);
}

static void
relays_have_room_of_their_own(void **state)
{
	struct link *l = *state;
	uint32_t relays = 0, packets, n, later = 0;

	for (uint64_t flow = 1; flow <= 300; flow++)
		while (put(l, FLOW_RELAY | flow, PAYLOAD, 0) == 0)
			relays++;
	assert_true(relays > MAX / PIECE * 9 / 10);
	packets = fill(l, 7);
	assert_true(packets >= MAX / PIECE / 2);
	/* Every second turn is theirs; a turn has some messages. */
	for (uint32_t seen = 0; seen < packets;) {
		if (next(l, &n) == 7)
			seen++;
		else
			later++;
	}
	assert_true(later <= packets + TURN_MESSAGES);
	assert_true(later + TURN_MESSAGES >= packets);
	/* And all of them, when nothing else waits. */
	for (; later < relays; later++)
		assert_int_not_equal(next(l, &n) & FLOW_RELAY, 0);
	assert_int_equal(feed_waiting(l->feed), 0);
}

static void
notes_keep_their_place(void **state)
{
	struct link *l = *state;
	uint32_t big = fill(l, 1), n;

	assert_int_equal(put(l, 1, PAYLOAD, 0), -ENOBUFS);
	assert_int_equal(put(l, 1, NOTE, 0), 0);
	for (uint32_t i = 0; i < big; i++) {
		assert_int_equal(next(l, &n), 1);
		assert_int_equal(in.type, PAYLOAD);
	}
	assert_int_equal(next(l, &n), 1);
	assert_int_equal(in.type, NOTE);
}

static void
notes_are_bounded(void **state)
{
	struct link *l = *state;
	uint32_t n = 0;

	while (put(l, n, NOTE, 0) == 0)
		n++;
	assert_true(n > 100);
	assert_true(feed_waiting(l->feed) <= MAX + ((size_t)4 << 20));
	/* Full of notes, it takes no payload. */
	assert_int_equal(put(l, 1, PAYLOAD, 0), -ENOBUFS);
	feed_clear(l->feed);
	assert_int_equal(feed_waiting(l->feed), 0);
	assert_int_equal(put(l, 1, PAYLOAD, 0), 0);
}

static void
nobody_listens(void **state)
{
	struct link *l = *state;

	assert_int_equal(put(l, 1, PAYLOAD, 0), 0);
	close(l->to);
	l->to = -1;
	assert_true(feed_pump(l->feed, l->from) < 0);
	assert_true(feed_waiting(l->feed) >= PIECE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_big_flow_leaves_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		relays_have_room_of_their_own, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		notes_keep_their_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(notes_are_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(nobody_listens, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
