/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lineage_test - which session a process is of, and when that is not known.
 */
#include "agent/who/lineage.h"

#include "tests/unit/agent/who/host.h"

#include "lib/own.h"

#define FORTY_SECONDS UINT64_C(40000000)

static struct lineage *l;
static struct session session; /* led by 100 */

static void
process(int pid, int parent, unsigned long long start, const char *exe)
{
	struct host_process p = {
	    pid, parent, start, 1000, ACTOR_UNSET, ACTOR_UNSET, exe, false};

	host_process(&p);
}

/* 1 - 50 (sshd) - 100 (sshd, leader) - 101 (bash), and 60, a daemon. */
static int
setup(void **state UNUSED)
{
	host_up();
	process(1, 0, 1, "init");
	process(50, 1, 100, "sshd");
	process(60, 1, 100, "daemon");
	process(100, 50, HOUR_OLD, "sshd");
	process(101, 100, HOUR_OLD, "bash");
	session = (struct session){.leader = 100, .start_ticks = HOUR_OLD};
	return 0;
}

static int
teardown(void **state UNUSED)
{
	lineage_free(l);
	l = NULL;
	host_down();
	return 0;
}

static void
open_seeded(void)
{
	char proc[300];

	host_path(proc, "%s/proc", host_dir);
	assert_int_equal(lineage_new(proc, &l), 0);
	assert_int_equal(lineage_seed(l, 0), 0);
}

static void
open_led(void)
{
	open_seeded();
	assert_true(lineage_lead(l, &session));
}

/* The session of a process, asked as an event does. */
static struct session *
of(int pid, bool gone)
{
	struct process *p = lineage_get(l, pid, gone);

	return p == NULL ? NULL : lineage_session(p);
}

static void
test_seed(void **state UNUSED)
{
	struct process *p;

	open_led();
	assert_int_equal(lineage_count(l), 5);
	assert_ptr_equal(of(100, false), &session);
	assert_ptr_equal(of(101, false), &session);
	assert_null(of(50, false));
	assert_null(of(60, false));
	p = lineage_get(l, 101, false);
	assert_int_equal(p->start_ticks, HOUR_OLD);
	assert_int_equal(p->uid, geteuid() == 0 ? 1000 : geteuid());
	assert_non_null(strstr(p->exe, "/bin/bash"));
	/* What was there before may have been given to its parent. */
	assert_false(lineage_whole(p));
	assert_int_equal(lineage_start(l, 101), HOUR_OLD);
	assert_int_equal(lineage_start(l, 999), 0);
}

static void
test_births(void **state UNUSED)
{
	struct process *p;

	open_led();
	lineage_fork(l, 101, 102);
	assert_ptr_equal(of(102, true), &session);
	lineage_fork(l, 102, 103);
	/* The middle of the line ends: what came from it stays. */
	lineage_exit(l, 102);
	lineage_fork(l, 103, 104);
	lineage_exit(l, 103);
	lineage_exit(l, 101);
	lineage_exit(l, 100);
	assert_ptr_equal(of(104, true), &session);
	assert_ptr_equal(of(102, true), &session);
	/* A daemon's child is a daemon, with a line that is whole. */
	lineage_fork(l, 1, 70);
	lineage_fork(l, 70, 71);
	p = lineage_get(l, 71, true);
	assert_non_null(p);
	assert_null(lineage_session(p));
	assert_true(lineage_whole(p));
}

/* A child that was born before its session was known. */
static void
test_late_session(void **state UNUSED)
{
	struct session inner = {.leader = 103, .start_ticks = MINUTE_OLD};

	open_seeded();
	lineage_fork(l, 101, 102);
	assert_null(of(102, true));
	assert_true(lineage_lead(l, &session));
	assert_ptr_equal(of(102, true), &session);
	assert_ptr_equal(of(101, true), NULL); /* lives: gone is another */
	/* A login within a session: sshd was started by hand. */
	lineage_fork(l, 102, 103);
	lineage_fork(l, 103, 104);
	process(103, 102, MINUTE_OLD, "sshd");
	assert_ptr_equal(of(104, true), &session);
	assert_true(lineage_lead(l, &inner));
	assert_ptr_equal(of(103, false), &inner);
	assert_ptr_equal(of(104, true), &inner);
	assert_ptr_equal(of(102, true), &session);
	/* Leading again takes nothing from the inner one. */
	assert_true(lineage_lead(l, &session));
	assert_ptr_equal(of(104, true), &inner);
}

static void
test_no_leader(void **state UNUSED)
{
	struct session other = {.leader = 100, .start_ticks = HOUR_OLD + 1};
	struct session none = {.leader = 4000, .start_ticks = 5};

	open_seeded();
	assert_false(lineage_lead(l, &other));
	assert_false(lineage_lead(l, &none));
	assert_null(of(101, false));
}

/* The number of a process comes again. */
static void
test_reuse(void **state UNUSED)
{
	struct process *p;

	open_led();
	lineage_fork(l, 101, 102);
	lineage_exit(l, 102);
	host_clock(1000000);
	lineage_fork(l, 60, 102);
	process(102, 60, MINUTE_OLD, "daemon");
	/* It lives, and is asked by its number: no doubt. */
	p = lineage_get(l, 102, false);
	assert_null(lineage_session(p));
	/* Whoever had ended at its event was the one before. */
	assert_ptr_equal(of(102, true), &session);
	/* Both have ended, one right behind the other. */
	lineage_fork(l, 60, 105);
	lineage_exit(l, 105);
	lineage_fork(l, 101, 105);
	lineage_exit(l, 105);
	p = lineage_get(l, 105, true);
	assert_true(lineage_doubtful(p));
	/* Long after, an event of the first one has been read. */
	host_clock(FORTY_SECONDS);
	lineage_fork(l, 60, 105);
	lineage_exit(l, 105);
	p = lineage_get(l, 105, true);
	assert_false(lineage_doubtful(p));
	assert_null(lineage_session(p));
}

/* An end that nobody told of: /proc has another under the number. */
static void
test_reuse_unseen(void **state UNUSED)
{
	open_led();
	process(101, 60, MINUTE_OLD, "daemon");
	assert_null(of(101, false));
	assert_ptr_equal(of(100, false), &session);
}

/* Nobody tells of births and ends: what has ended is not known. */
static void
test_without_connector(void **state UNUSED)
{
	open_led();
	host_gone(101);
	assert_null(lineage_get(l, 101, true));
	assert_null(lineage_get(l, 101, false));
	/* What lives is. */
	process(106, 100, MINUTE_OLD, "bash");
	assert_ptr_equal(of(106, false), &session);
}

static void
test_lost_events(void **state UNUSED)
{
	struct process *p;

	open_led();
	lineage_fork(l, 101, 102); /* seen born alone */
	process(107, 101, MINUTE_OLD, "bash");
	assert_ptr_equal(of(107, false), &session);
	lineage_lost(l);
	assert_null(lineage_get(l, 102, true));
	/* The next word makes them heard again, but not what was before. */
	lineage_fork(l, 60, 61);
	p = lineage_get(l, 102, true);
	assert_true(p == NULL || lineage_doubtful(p));
	host_gone(107);
	p = lineage_get(l, 107, true);
	assert_non_null(p);
	assert_true(lineage_doubtful(p));
	/* Whoever is seen alive is as good as before. */
	p = lineage_get(l, 101, false);
	assert_false(lineage_doubtful(p));
	assert_ptr_equal(lineage_session(p), &session);
}

static void
test_memory_ends(void **state UNUSED)
{
	open_led();
	lineage_fork(l, 101, 102);
	lineage_fork(l, 102, 103);
	lineage_exit(l, 102);
	host_clock(FORTY_SECONDS);
	lineage_tick(l);
	assert_ptr_equal(of(102, true), &session);
	host_clock(FORTY_SECONDS);
	lineage_tick(l);
	assert_null(lineage_get(l, 102, true));
	/* What came from it has not forgotten. */
	assert_ptr_equal(of(103, true), &session);
	session.used = false;
	lineage_mark(l);
	assert_true(session.used);
	lineage_drop(l, &session);
	assert_null(of(103, true));
	session.used = false;
	lineage_mark(l);
	assert_false(session.used);
}

/* A line that is longer than any walk. */
static void
test_long_line(void **state UNUSED)
{
	open_led();
	for (int i = 0; i < 3000; i++)
		lineage_fork(l, i == 0 ? 101 : 1000 + i - 1, 1000 + i);
	assert_ptr_equal(of(3999, true), &session);
	for (int i = 0; i < 2999; i++)
		lineage_exit(l, 1000 + i);
	assert_ptr_equal(of(3999, true), &session);
}

static void
test_exec(void **state UNUSED)
{
	struct process *p;
	char path[512];

	open_led();
	lineage_fork(l, 101, 102);
	p = lineage_get(l, 102, true);
	assert_non_null(strstr(p->exe, "/bin/bash")); /* its parent's */
	process(102, 101, MINUTE_OLD, "cat");
	lineage_exec(l, 102);
	lineage_exit(l, 102);
	host_gone(102);
	p = lineage_get(l, 102, true);
	assert_non_null(strstr(p->exe, "/bin/cat"));
	/* While it ends the kernel has no program of it any more. */
	process(109, 101, MINUTE_OLD, "cat");
	lineage_exec(l, 109);
	host_path(path, "%s/proc/109/exe", host_dir);
	assert_int_equal(unlink(path), 0);
	p = lineage_get(l, 109, false);
	assert_non_null(strstr(p->exe, "/bin/cat"));
	/* A program of a process that was never seen. */
	process(108, 101, MINUTE_OLD, "cat");
	lineage_exec(l, 108);
	assert_ptr_equal(of(108, false), &session);
}

/* A tree that is not what /proc should be. */
static void
test_bad_proc(void **state UNUSED)
{
	static const char *const STATS[] = {"", "1", "1 (x", "1 (x) S",
	    "1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0",
	    "1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 -5 1",
	    "1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 x 1"};
	char path[512];

	open_seeded();
	process(120, 1, 5, "x");
	host_path(path, "%s/proc/120/stat", host_dir);
	for (size_t i = 0; i < ARRAY_LEN(STATS); i++) {
		host_write(path, STATS[i]);
		assert_int_equal(lineage_start(l, 120), 0);
		assert_null(lineage_get(l, 120, false));
	}
	/* A parent that is not there, and one that is itself. */
	process(121, 999, 5, "x");
	assert_non_null(lineage_get(l, 121, false));
	process(122, 122, 5, "x");
	assert_non_null(lineage_get(l, 122, false));
}

/* Its end was told, but whoever started it has not asked for it. */
static void
test_left_over(void **state UNUSED)
{
	struct host_process left = {.pid = 102,
	    .parent = 101,
	    .start = HOUR_OLD,
	    .uid = 1000,
	    .loginuid = ACTOR_UNSET,
	    .audit_ses = ACTOR_UNSET,
	    .exe = "cat",
	    .zombie = true};
	struct family before, after, shell;

	open_led();
	lineage_fork(l, 101, 102);
	assert_true(lineage_family(l, 102, 0, &before));
	assert_true(lineage_family(l, 101, 0, &shell));
	assert_int_equal(before.line[0], shell.id);
	assert_int_equal(before.image, 0);
	lineage_exec(l, 102);
	lineage_exit(l, 102);
	host_process(&left);
	assert_ptr_equal(of(102, false), &session);
	assert_true(lineage_family(l, 102, 0, &after));
	assert_int_equal(after.id, before.id);
	assert_true(after.image > after.id && after.ended > after.image);
	assert_int_equal(after.line[0], shell.id);
	/* What lives there is another. */
	left.zombie = false;
	host_process(&left);
	assert_non_null(lineage_get(l, 102, false));
	assert_true(lineage_family(l, 102, 0, &after));
	assert_true(after.id > before.id);
	assert_false(lineage_family(l, 102, HOUR_OLD + 1, &after));
	assert_false(lineage_family(l, 103, 0, &after));
	assert_false(lineage_family(l, 0, 0, &after));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_seed),
	    T(test_births),
	    T(test_late_session),
	    T(test_no_leader),
	    T(test_reuse),
	    T(test_reuse_unseen),
	    T(test_left_over),
	    T(test_without_connector),
	    T(test_lost_events),
	    T(test_memory_ends),
	    T(test_long_line),
	    T(test_exec),
	    T(test_bad_proc),
	};

	return cmocka_run_group_tests_name(
	    "agent/who/lineage", tests, NULL, NULL);
}
