/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - the only writer of operational messages.
 *
 * Owns: the program's name and the level, set once at start.
 * Never: writes more than one write(2) a message, so that lines of several
 * processes on one descriptor do not mix.
 */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/own.h"

static const char *name = "chaperone";
static enum log_level most = LOG_LEVEL_NOTE;
static int in_journal;

void
log_open(const char *program)
{
	name = program;
	in_journal = getenv("JOURNAL_STREAM") != NULL;
	if (getenv("CHAPERONE_DEBUG") != NULL)
		most = LOG_LEVEL_DEBUG;
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	size_t at = 0;
	va_list ap;
	int keep = errno, n;

	if (level > most)
		return;
	if (in_journal)
		at = (size_t)snprintf(line, sizeof line, "<%d>", (int)level);
	at += (size_t)snprintf(line + at, sizeof line - at, "%s: ", name);
	va_start(ap, fmt);
	n = vsnprintf(line + at, sizeof line - at - 1, fmt, ap);
	va_end(ap);
	if (n > 0)
		at += (size_t)n;
	if (at > sizeof line - 2)
		at = sizeof line - 2;
	line[at++] = '\n';
	if (write(STDERR_FILENO, line, at) < 0)
		errno = keep;
	errno = keep;
}
