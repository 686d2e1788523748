/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * extract - prints the text that extraction gives of a file, member by member,
 * to be compared with what others read in it. For made documents only: what
 * it prints is content.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/extract/extract.h"
#include "lib/str.h"

#include "lib/own.h"

static int
on_begin(void *ctx, const char *member, const char *type)
{
	(void)ctx;
	(void)fprintf(stderr, "member %s %s\n", member, type);
	return 0;
}

static int
on_text(void *ctx, struct content c)
{
	(void)ctx;
	return fwrite(c.data, 1, c.len, stdout) == c.len ? 0 : -EIO;
}

static int
on_end(void *ctx)
{
	(void)ctx;
	return putchar('\n') < 0 ? -EIO : 0;
}

static void
on_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	(void)ctx;
	(void)fprintf(stderr, "skip %s: %s, %llu bytes\n", member, reason,
	    (unsigned long long)bytes);
}

int
main(int argc, char **argv)
{
	const struct extract_limits lim = extract_limits_default();
	const struct extract_sink sink = {
	    .begin = on_begin, .text = on_text, .end = on_end, .skip = on_skip};
	struct extract *x;
	struct diag why = {0};
	uint64_t examined;
	char type[80];

	if (argc < 2 || extract_new(&x, &why) != 0) {
		(void)fputs("usage: extract FILE...\n", stderr);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		OWN_FD int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		int r = fd < 0
			    ? -errno
			    : extract_file(x, fd, &lim, &sink, &examined, type);

		if (r != 0) {
			(void)fprintf(
			    stderr, "%s: %s\n", argv[i], strerror(-r));
			return 1;
		}
	}
	extract_free(x);
	return 0;
}
