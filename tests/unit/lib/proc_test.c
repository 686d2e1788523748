/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc_test - links come and come again, and a stop ends every wait.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/msg.h"
#include "lib/proc.h"

#include "lib/own.h"

struct world {
	struct proc proc;
	int supervisor;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	int pair[2];

	assert_non_null(w);
	assert_int_equal(ipc_pair(pair), 0);
	w->supervisor = pair[0];
	w->proc.ctl = pair[1];
	w->proc.in = calloc(1, sizeof *w->proc.in);
	assert_non_null(w->proc.in);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < w->proc.npeers; i++)
		proc_peer_lost(&w->proc.peers[i]);
	own_close(&w->supervisor);
	own_close(&w->proc.ctl);
	free(w->proc.in);
	free(w);
	return 0;
}

/* A link to role 7 comes; our end of it. */
static int
link_up(struct world *w)
{
	OWN(buf_done) struct buf b = {0};
	int pair[2];

	buf_init(&b, 64);
	buf_put_u32(&b, 7);
	buf_put_u32(&b, 0);
	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(
	    ipc_send_buf(w->supervisor, MESSAGE_PEER, &b, pair[1]), 0);
	own_close(&pair[1]);
	return pair[0];
}

static void
stop(struct world *w)
{
	assert_int_equal(ipc_send(w->supervisor, MESSAGE_STOP, NULL, 0, -1), 0);
}

static void
a_link_comes_again(void **state)
{
	struct world *w = *state;
	OWN_FD int first = link_up(w);
	OWN_FD int second = -1;
	struct proc_peer *p;

	assert_true(proc_wait_peer(&w->proc, 7, 0));
	p = proc_peer(&w->proc, 7, 0);
	assert_non_null(p);
	assert_int_equal(p->turn, 1);
	assert_null(proc_peer(&w->proc, 7, 1));
	second = link_up(w);
	assert_true(proc_step(&w->proc));
	assert_int_equal(p->turn, 2);
	assert_false(proc_step(&w->proc));
	/* The old one is closed. */
	assert_int_equal(ipc_send(first, 1, NULL, 0, -1), -EPIPE);
	assert_int_equal(ipc_send(second, 1, NULL, 0, -1), 0);
}

static void
a_stop_ends_each_wait(void **state)
{
	struct world *w = *state;
	OWN_FD int first = link_up(w), second = -1;

	assert_true(proc_wait_peer(&w->proc, 7, 0));
	stop(w);
	/* Though the link stands, and though a new one comes behind it. */
	assert_false(proc_wait_peer(&w->proc, 7, 0));
	assert_true(w->proc.stopping);
	second = link_up(w);
	assert_false(proc_wait_peer(&w->proc, 7, 0));
	assert_false(proc_wait_peer(&w->proc, 8, 0));
}

static void
a_supervisor_that_is_gone_is_a_stop(void **state)
{
	struct world *w = *state;

	own_close(&w->supervisor);
	assert_false(proc_wait_peer(&w->proc, 7, 0));
	assert_true(w->proc.stopping);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_link_comes_again),
	    TEST(a_stop_ends_each_wait),
	    TEST(a_supervisor_that_is_gone_is_a_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
