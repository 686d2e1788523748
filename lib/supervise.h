/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervise - turns a table of roles into processes, and keeps them alive.
 */
#ifndef LIB_SUPERVISE_H
#define LIB_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"
#include "lib/diag.h"
#include "lib/own.h"
#include "lib/role.h"

/* One process that ended without being asked to. */
struct supervise_death {
	const struct role *role;
	uint32_t index;
	int signal; /* 0 if it exited */
	int status; /* exit code, if it exited */
	struct stamp from, to; /* last seen alive, and replaced */
};

struct supervise_config {
	const struct role *roles;
	const struct role_link *links;
	uint32_t self; /* the supervisor's own role in links, or 0 */
	const char *bin; /* directory of the programs */
	const char *state; /* absolute; directories of roles lie below it */
	/* Directories, NULL-ended, that processes without privilege get to even
	 * where a parent is closed to others (lib/reach.h). */
	const char *const *reach;
	const char *const *args; /* given to every process, NULL-ended */
	unsigned many; /* instances of roles with .many */
	/* A role is left out if this returns false; NULL takes all. */
	bool (*wanted)(void *ctx, const struct role *r);
	/* Our end of a link came anew (self != 0). */
	void (*peer)(void *ctx, uint32_t role, uint32_t index, int fd);
	void (*died)(void *ctx, const struct supervise_death *d);
	/* A process has taken its jail and serves. */
	void (*ready)(void *ctx, const struct role *r, uint32_t index);
	void (*note)(void *ctx, const struct role *r, uint32_t index,
	    const char *key, const char *value);
	/* Called about every 100 ms and when @extra_fd() is readable. */
	void (*tick)(void *ctx);
	int (*extra_fd)(void *ctx);
	/* On the way down, asked about every 50 ms for at most 3 s before a
	 * role is told to stop: true once nothing is owed to it. NULL: now. */
	bool (*may_stop)(void *ctx, const struct role *r);
	/* SIGHUP: checks what it must; returns the roles that are replaced, as
	 * bits 1 << id. */
	uint32_t (*reload)(void *ctx);
	void *ctx;
};

/*
 * supervise_run - runs until SIGTERM or SIGINT, then stops the processes in
 * the order of the table, 5 s each at most.
 * A process that dies is started again: at once, then after 1, 2, 4 … 30 s if
 * it keeps dying. Returns 0 or -errno when it could not start.
 */
int supervise_run(
    const struct supervise_config *c, struct diag *why) MUST_CHECK;

#endif
