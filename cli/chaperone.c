/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone - the one command: a table of subcommands.
 *
 * Owns: the table, `--help`, `--version`, and the words that all share.
 * Never: does the work of a subcommand.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "lib/str.h"

#include "lib/own.h"

static const struct command *const COMMANDS[] = {
#define COMMAND(name) &command_##name,
#include "cli/commands.def"
#undef COMMAND
};

bool
cli_help(const struct command *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--"))
			return false;
		if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h")) {
			(void)fputs(c->help, stdout);
			return true;
		}
	}
	return false;
}

int
cli_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "chaperone %s: ", name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "; see chaperone %s --help\n", name);
	return CLI_USAGE;
}

int
cli_error(const char *name, int code, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "chaperone %s: ", name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return code;
}

void
cli_line(struct buf *b)
{
	buf_put_u8(b, '\n');
	if (buf_error(b) != 0) {
		(void)fprintf(stderr, "chaperone: out of memory\n");
		exit(CLI_USAGE);
	}
	if (fwrite(b->data, 1, b->len, stdout) != b->len || fflush(stdout) != 0)
		exit(errno == EPIPE ? 141 : CLI_DIFFERENCE);
	buf_reset(b);
}

const char *
cli_bin(void)
{
	static char dir[4096];
	ssize_t n;
	char *slash;

	if (dir[0] != '\0')
		return dir;
	n = readlink("/proc/self/exe", dir, sizeof dir - 1);
	must(n > 0);
	dir[n] = '\0';
	slash = strrchr(dir, '/');
	must(slash != NULL);
	*slash = '\0';
	return dir;
}

bool
cli_tty(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && getenv("NO_COLOR") == NULL &&
	       !str_eq(term, "dumb");
}

int
cli_exit_for(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return CLI_DENIED;
	case -EBADMSG:
	case -EINVAL:
		return CLI_CONFIG;
	case -ECONNREFUSED:
	case -ETIMEDOUT:
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return CLI_NETWORK;
	default:
		return CLI_USAGE;
	}
}

static void
help(FILE *to)
{
	(void)fputs("Example: chaperone scan --json /srv | head\n\n"
		    "Usage: chaperone COMMAND [ARGUMENTS]\n\nCommands:\n",
	    to);
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		(void)fprintf(to, "  %-10s %s\n", COMMANDS[i]->name,
		    COMMANDS[i]->summary);
	(void)fputs("\nchaperone COMMAND --help tells more.\n"
		    "Exit: 0 ok, 1 finding or difference, 2 usage, 3 bad "
		    "configuration or rule,\n4 not permitted, 6 network, 7 "
		    "verification failed, 8 ok but coverage incomplete.\n",
	    to);
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return CLI_USAGE;
	}
	if (str_eq(argv[1], "--help") || str_eq(argv[1], "-h") ||
	    str_eq(argv[1], "help")) {
		help(stdout);
		return CLI_OK;
	}
	if (str_eq(argv[1], "--version")) {
		(void)printf("chaperone %s\n", VERSION);
		return CLI_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
		if (!str_eq(argv[1], COMMANDS[i]->name))
			continue;
		if (!COMMANDS[i]->own_help &&
		    cli_help(COMMANDS[i], argc - 1, argv + 1))
			return CLI_OK;
		return COMMANDS[i]->run(argc - 1, argv + 1);
	}
	(void)fprintf(stderr,
	    "chaperone: no command \"%s\"; see chaperone --help\n", argv[1]);
	return CLI_USAGE;
}
