/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_test - births, programs and ends as the kernel really tells them.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sense/sense.h"

#include "lib/own.h"

#define WAIT_MS 5000
#define EVENTS_MAX 100000 /* of everybody on this machine, while we wait */

static struct processes *p;

static int
setup(void **state UNUSED)
{
	struct diag why = {""};
	int r = processes_open(&p, &why);

	if (r == 0)
		return 0;
	assert_int_equal(r, -ENOTSUP);
	assert_non_null(strstr(why.text, "no process connector"));
	print_message("# %s\n", why.text);
	p = NULL;
	return 0;
}

static int
teardown(void **state UNUSED)
{
	processes_close(p);
	p = NULL;
	return 0;
}

/* The next event of a process; others' are passed over. */
static void
next_of(pid_t pid, struct process_event *e)
{
	for (int i = 0; i < EVENTS_MAX; i++) {
		struct pollfd f = {.fd = processes_fd(p), .events = POLLIN};
		int r = processes_read(p, e);

		assert_true(r >= 0);
		if (r == 1 && e->pid == pid)
			return;
		if (r == 0 && poll(&f, 1, WAIT_MS) != 1)
			fail_msg("nothing of process %d", (int)pid);
	}
	fail_msg("too many others");
}

static void
test_life(void **state UNUSED)
{
	char *argv[] = {(char[]){"true"}, NULL};
	struct process_event e;
	pid_t pid;

	if (p == NULL)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)execvp("true", argv);
		_exit(1);
	}
	next_of(pid, &e);
	assert_int_equal(e.op, PROCESS_FORK);
	assert_int_equal(e.parent, getpid());
	next_of(pid, &e);
	assert_int_equal(e.op, PROCESS_EXEC);
	next_of(pid, &e);
	assert_int_equal(e.op, PROCESS_EXIT);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void *
thread(void *ctx)
{
	return ctx;
}

/* A thread is no process, and its end is not its process's. */
static void
test_threads(void **state UNUSED)
{
	struct process_event e;
	pid_t pid;

	if (p == NULL)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 20; i++) {
			pthread_t t;

			if (pthread_create(&t, NULL, thread, NULL) != 0 ||
			    pthread_join(t, NULL) != 0)
				_exit(1);
		}
		_exit(0);
	}
	next_of(pid, &e);
	assert_int_equal(e.op, PROCESS_FORK);
	next_of(pid, &e);
	assert_int_equal(e.op, PROCESS_EXIT);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A queue that runs over is told, and it goes on. */
static void
test_lost(void **state UNUSED)
{
	struct process_event e;
	int size = 2048;
	pid_t pid = 0;
	bool lost = false;

	if (p == NULL)
		skip();
	assert_int_equal(setsockopt(processes_fd(p), SOL_SOCKET, SO_RCVBUFFORCE,
			     &size, sizeof size),
	    0);
	for (int i = 0; i < 200; i++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	for (int i = 0; i < EVENTS_MAX && !lost; i++) {
		int r = processes_read(p, &e);

		assert_true(r >= 0);
		if (r == 0)
			break;
		lost = e.op == PROCESS_LOST;
	}
	assert_true(lost);
	while (processes_read(p, &e) == 1)
		;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	next_of(pid, &e);
	assert_int_equal(e.op, PROCESS_FORK);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* From another network namespace it is found in the first one, and our own is
 * left as it was. */
static void
test_namespace(void **state UNUSED)
{
	int status;
	pid_t pid;

	if (p == NULL)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct processes *q = NULL;
		char before[64] = "", after[64] = "";

		if (unshare(CLONE_NEWNET) != 0)
			_exit(77);
		if (readlink("/proc/self/ns/net", before, 63) < 0 ||
		    processes_open(&q, NULL) != 0 ||
		    readlink("/proc/self/ns/net", after, 63) < 0)
			_exit(1);
		processes_close(q);
		_exit(strcmp(before, after) == 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("# no network namespace can be made here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Without the privilege it is not supported, and that is all; from Linux 6.6 on
 * everybody may listen. */
static void
test_unprivileged(void **state UNUSED)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct processes *q = NULL;
		struct diag why = {""};
		int r;

		if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 ||
					  setresuid(65534, 65534, 65534) != 0))
			_exit(1);
		r = processes_open(&q, &why);
		processes_close(q);
		_exit(r == 0 || (r == -ENOTSUP && why.text[0] != '\0') ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_life),
	    T(test_threads),
	    T(test_lost),
	    T(test_namespace),
	    cmocka_unit_test(test_unprivileged),
	};

	return cmocka_run_group_tests_name(
	    "agent/sense/process", tests, NULL, NULL);
}
