/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk - the way down through directories, without surprises.
 */
#ifndef CLI_WALK_H
#define CLI_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/own.h"

/* Something that was met and is not opened, or could not be. */
struct walk_told {
	const char *path;
	const char *type; /* "inode/fifo", or "" */
	const char *reason; /* "permission denied" */
	uint64_t size;
	bool missed; /* content may have been missed */
};

/* Paths are borrowed for the call; they begin with the path that was given. */
struct walk_calls {
	void *ctx;
	/* A regular file, open for reading; @fd is taken. */
	int (*file)(void *ctx, int fd, const char *path, const struct stat *st);
	/* A directory before what is in it; may be NULL. */
	int (*directory)(void *ctx, const char *path);
	void (*told)(void *ctx, const struct walk_told *t); /* may be NULL */
};

/*
 * walk_path - visits @path, and what is below it in the order of the names.
 * Never follows a link but @path itself, opens a pipe or a device, or enters a
 * file system that is none (proc, sys).
 * @stop: receives the first value other than 0 that a call returned; it ends
 * the walk.
 * Returns 0, or -errno if @path itself could not be begun.
 */
int walk_path(
    const struct walk_calls *c, const char *path, int *stop) MUST_CHECK;

/* walk_name - the last part of a path. */
const char *walk_name(const char *path);

#endif
