/* SPDX-License-Identifier: Apache-2.0 */
/*
 * again - runs a command as the process of a number that one chooses.
 *
 * Owns: the one child, born by clone3 with set_tid (clone(2)).
 * Never: waits for a number that somebody else has; is part of the product.
 *
 * Usage: again PID COMMAND [ARGUMENT…]
 * Exits as the command does, or with 1. Needs CAP_SYS_ADMIN.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/str.h"

#include "lib/own.h"

int
main(int argc, char **argv)
{
	struct clone_args c = {.exit_signal = SIGCHLD, .set_tid_size = 1};
	uint64_t number;
	int status = 0;
	pid_t tid;
	long r;

	if (argc < 3 || str_u64(argv[1], INT32_MAX, &number) != 0)
		return 1;
	tid = (pid_t)number;
	c.set_tid = (uint64_t)(uintptr_t)&tid;
	r = syscall(SYS_clone3, &c, sizeof c);
	if (r == 0) {
		(void)execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (r < 0) {
		(void)fprintf(stderr, "again: %s\n", strerror(errno));
		return 1;
	}
	if (waitpid((pid_t)r, &status, 0) != r || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}
