/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starts_test - which program between which pipes, as the kernel really tells it.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sense/sense.h"
#include "lib/clock.h"

#include "lib/own.h"

#define EVENTS_MAX 100000 /* of everybody on this machine */

static struct starts *s;

static int
setup(void **state UNUSED)
{
	struct diag why = {""};
	int r = starts_open(&s, &why);

	if (r == 0)
		return 0;
	assert_true(r < 0);
	assert_string_not_equal(why.text, "");
	print_message("# %s\n", why.text);
	s = NULL;
	return 0;
}

static int
teardown(void **state UNUSED)
{
	starts_close(s);
	s = NULL;
	return 0;
}

/* A process of that login uid that becomes "true", with these as input and
 * output. Returns its number, 0 if the kernel keeps no login uids; it has
 * ended. */
static pid_t
run(const char *login, int in, int out)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
		ssize_t n = (ssize_t)strlen(login);

		if (fd < 0 || write(fd, login, (size_t)n) != n)
			_exit(9);
		if (dup2(in, 0) != 0 || dup2(out, 1) != 1)
			_exit(8);
		execl("/bin/true", "true", (char *)NULL);
		_exit(7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 9)
		return 0;
	assert_int_equal(WEXITSTATUS(status), 0);
	return pid;
}

/* All that has been told is in the ring when the program has ended. */
static bool
told(pid_t pid, struct start_event *e)
{
	for (int i = 0; i < EVENTS_MAX; i++) {
		int r = starts_read(s, clock_boot_us(), e);

		assert_true(r >= 0);
		assert_true(r == 0 || e->lost == 0);
		if (r == 0)
			return false;
		if (e->pid == pid)
			return true;
	}
	fail_msg("too many others");
	return false;
}

static void
test_pipes(void **state UNUSED)
{
	OWN_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct start_event e;
	struct stat in, out;
	int a[2], b[2];
	uint64_t before = clock_boot_us();
	pid_t pid;

	if (s == NULL)
		skip();
	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	assert_int_equal(fstat(a[0], &in), 0);
	assert_int_equal(fstat(b[1], &out), 0);
	pid = run("60001", a[0], b[1]);
	if (pid == 0)
		skip();
	/* Nothing is told of what is newer than what was asked for. */
	assert_int_equal(starts_read(s, before - 1, &e), 0);
	assert_true(told(pid, &e));
	assert_string_equal(e.comm, "true");
	assert_int_equal(e.in.ino, in.st_ino);
	assert_int_equal(e.out.ino, out.st_ino);
	assert_int_equal(e.in.dev, e.out.dev); /* both of the pipes' own */
	assert_in_range(e.boot_us, before, clock_boot_us());
	assert_true(e.start_ns / 1000 <= e.boot_us);
	/* What is no pipe is none. */
	pid = run("60001", null, a[1]);
	assert_true(told(pid, &e));
	assert_int_equal(e.in.ino, 0);
	assert_int_equal(e.out.ino, in.st_ino);
	for (int i = 0; i < 2; i++) {
		(void)close(a[i]);
		(void)close(b[i]);
	}
}

/* Of who did not log in nothing is told. */
static void
test_nobody(void **state UNUSED)
{
	OWN_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct start_event e;
	pid_t pid;

	if (s == NULL)
		skip();
	pid = run("4294967295", null, null);
	if (pid == 0)
		skip();
	assert_false(told(pid, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_pipes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
	};

	return cmocka_run_group_tests_name(
	    "agent/sense/starts", tests, NULL, NULL);
}
