/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli - what the subcommands of `chaperone` share: exit codes and usage.
 *
 * One file a subcommand, one row of the table in chaperone.c. Data goes to
 * standard output, talk to standard error; with --json one object a line.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/own.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_DIFFERENCE = 1, /* a finding, a failed test, a difference */
	CLI_USAGE = 2,
	CLI_CONFIG = 3, /* bad configuration or rule */
	CLI_DENIED = 4, /* not permitted */
	CLI_NETWORK = 6,
	CLI_VERIFY = 7, /* verification failed */
	CLI_INCOMPLETE = 8, /* ok, but coverage is incomplete */
};

struct command {
	const char *name;
	const char *summary; /* one line for `chaperone --help` */
	const char *help; /* the text of --help, an example first */
	bool own_help; /* run() takes --help itself */
	int (*run)(int argc, char **argv); /* argv[0] is the name */
};

/* cli_help - true (and the help is printed) if -h or --help stands in argv. */
bool cli_help(const struct command *c, int argc, char **argv);
/* cli_usage - "chaperone NAME: sentence; see chaperone NAME --help"; returns
 * CLI_USAGE. */
int cli_usage(const char *name, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* cli_error - the same without the hint; returns @code. */
int cli_error(const char *name, int code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* cli_line - writes one line to standard output; -EPIPE ends the program. */
void cli_line(struct buf *b);
/* cli_bin - the directory that this program lies in (borrowed). */
const char *cli_bin(void);
/* cli_tty - true if the descriptor is a terminal that takes colour. */
bool cli_tty(int fd);
/* cli_exit_for - the exit code that fits a negative errno. */
int cli_exit_for(int err);

#endif
