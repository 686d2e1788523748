/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach - directories that a process without privilege must get to, although
 * a parent of theirs is closed to others (a home of mode 0700).
 */
#ifndef LIB_REACH_H
#define LIB_REACH_H

#include <stdbool.h>

#include "lib/own.h"

/* reach_closed - true if others cannot get to @dir, which is absolute. */
bool reach_closed(const char *dir);
/*
 * reach_open - gives the calling process, and what it starts, a mount
 * namespace of its own in which each closed one of @dirs (NULL-ended, absolute,
 * without links) can be got to under the same name; nothing else that lies
 * under the closed parent is there any more. Does nothing if none is closed.
 * Needs CAP_SYS_ADMIN. Returns 0 or -errno.
 */
int reach_open(const char *const *dirs) MUST_CHECK;

#endif
