/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag - why something failed, as one sentence for a human.
 *
 * Owns: the text and its bound, and must_failed(), the end of a process that
 * found a bug in itself.
 * Never: logs; the caller decides who reads the sentence.
 */
#include "lib/diag.h"
#undef diag_set

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/own.h"

int
diag_set(struct diag *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL || why->text[0] != '\0')
		return err;
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	return err;
}

void
diag_prefix(struct diag *why, const char *place)
{
	char old[DIAG_MAX];

	if (why == NULL)
		return;
	memcpy(old, why->text, sizeof old);
	(void)snprintf(
	    why->text, sizeof why->text, "%.180s: %.300s", place, old);
}

void
must_failed(const char *cond, const char *file, int line)
{
	char text[256];
	int n;

	n = snprintf(
	    text, sizeof text, "%s:%d: must(%s) failed\n", file, line, cond);
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(70);
	abort();
}
