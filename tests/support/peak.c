/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peak - runs a command and tells the most memory that one of its processes had.
 *
 * Usage: peak FILE COMMAND [ARGUMENT]...
 * Writes KiB to FILE: the largest resident set of the command and of each
 * process that it waited for. Exits as the command did.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/own.h"

int
main(int argc, char **argv)
{
	struct rusage used = {0};
	int status = 0;
	FILE *out;
	pid_t pid;

	if (argc < 3 || (out = fopen(argv[1], "we")) == NULL) {
		(void)fprintf(stderr, "usage: peak FILE COMMAND...\n");
		return 2;
	}
	pid = fork();
	if (pid == 0) {
		(void)execvp(argv[2], argv + 2);
		_exit(127);
	}
	/* getrusage(2): the maximum is over the children that were waited for,
	 * and theirs. */
	if (pid < 0 || waitpid(pid, &status, 0) != pid ||
	    getrusage(RUSAGE_CHILDREN, &used) != 0)
		return 2;
	(void)fprintf(out, "%ld\n", used.ru_maxrss);
	if (fclose(out) != 0 || !WIFEXITED(status))
		return 2;
	return WEXITSTATUS(status);
}
