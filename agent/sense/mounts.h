/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts - where an object lies in its file system; for this room alone.
 *
 * A path depends on the mount that it was reached by: a bind mount, or a mount
 * namespace that anybody may make, gives an object any path. Its place in the
 * file system is one.
 */
#ifndef AGENT_SENSE_MOUNTS_H
#define AGENT_SENSE_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/own.h"

#define MOUNTS_PATH_MAX 4096

struct mounts;

/* A place: the file system, and the path from its root ("" is the root). */
struct place {
	unsigned major, minor; /* of the file system (mountinfo, field 3) */
	size_t len;
	char path[MOUNTS_PATH_MAX + 1];
};

enum mount_kind {
	MOUNT_LOCAL,
	MOUNT_NO_FILES, /* the kernel's own: nothing is kept in it */
	MOUNT_ELSEWHERE, /* a network's, a user's program's, or not known */
};

typedef void mounts_each_fn(void *ctx, uint64_t id, enum mount_kind kind,
    const char *point, size_t len);

int mounts_new(struct mounts **out) MUST_CHECK;
void mounts_free(struct mounts *m);
/*
 * mounts_place - the place of a path that was reached by the mount of this id.
 * @pid: a process in whose namespace that mount is, asked if it is not in ours;
 * 0 for none.
 * Returns 0, or -ENOENT if the mount is known to neither.
 */
int mounts_place(struct mounts *m, uint64_t id, pid_t pid, const char *path,
    size_t len, struct place *out) MUST_CHECK;
/* mounts_each - all mounts of our namespace as they are now, by id; the point is
 * lent, and "" for the root. The table is not to be used within. */
void mounts_each(struct mounts *m, mounts_each_fn *each, void *ctx);
/* mounts_below - true if @p is @dir or lies below it; *rest is where what lies
 * below begins in p->path. */
bool mounts_below(const struct place *p, const struct place *dir, size_t *rest);

#endif
