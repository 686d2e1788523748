/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach_test - a directory behind a closed parent, from another user.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
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

#include "lib/reach.h"
#include "lib/str.h"

#include "lib/own.h"

static char top[64], a[96], b[96], other[96];

/* In a child without privilege: 0 if the file could be written and read, and
 * what lies beside it cannot be seen. */
static int
as_nobody(void)
{
	const char *const dirs[] = {a, b, NULL};
	char path[128], hidden[128], got[4] = "";
	int fd;

	if (reach_open(dirs) != 0)
		return 10;
	if (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 ||
	    setresuid(65534, 65534, 65534) != 0)
		return 11;
	must(str_format(path, sizeof path, "%s/file", a) == 0);
	must(str_format(hidden, sizeof hidden, "%s/secret", top) == 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, got, 3) != 3 || strcmp(got, "abc") != 0)
		return 12;
	if (access(b, X_OK) != 0)
		return 13;
	return access(hidden, F_OK) == 0 ? 14 : 0;
}

static void
write_text(const char *path)
{
	OWN_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, "abc", 3), 3);
}

/* Without one, no mount of ours could be kept from others. */
static bool
root_is_mount(void)
{
	struct statx st;

	return statx(AT_FDCWD, "/", 0, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static void
test_behind_a_closed_parent(void **state UNUSED)
{
	char path[128], secret[96];
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	if (!root_is_mount()) {
		print_message("the root is no mount point (a chroot)\n");
		skip();
	}
	(void)str_copy(top, sizeof top, "/tmp/reach-XXXXXX");
	assert_non_null(mkdtemp(top)); /* mode 0700 */
	must(str_format(a, sizeof a, "%s/x/a", top) == 0);
	must(str_format(b, sizeof b, "%s/x/b", top) == 0);
	must(str_format(other, sizeof other, "%s/x", top) == 0);
	must(str_format(path, sizeof path, "%s/file", a) == 0);
	must(str_format(secret, sizeof secret, "%s/secret", top) == 0);
	assert_int_equal(mkdir(other, 0755), 0);
	assert_int_equal(mkdir(a, 0755), 0);
	assert_int_equal(mkdir(b, 0755), 0);
	write_text(path);
	write_text(secret);
	assert_true(reach_closed(a));
	assert_false(reach_closed("/usr/bin"));
	pid = fork();
	if (pid == 0)
		_exit(as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	/* Nothing has changed for us. */
	assert_int_equal(access(secret, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(secret), 0);
	assert_int_equal(rmdir(a), 0);
	assert_int_equal(rmdir(b), 0);
	assert_int_equal(rmdir(other), 0);
	assert_int_equal(rmdir(top), 0);
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_behind_a_closed_parent),
	};

	return cmocka_run_group_tests_name("lib/reach", tests, NULL, NULL);
}
