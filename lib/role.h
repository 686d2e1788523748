/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role - one row of a side's table of processes, and one line of its topology.
 */
#ifndef LIB_ROLE_H
#define LIB_ROLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/jail.h"

struct role {
	uint32_t id; /* from 1; 0 ends a table */
	const char *name; /* "inspect": the word in logs and records */
	const char *program; /* "chaperone-inspect", beside the supervisor */
	const char *user; /* account to run as; if there is none: uid */
	uid_t uid; /* number for hosts without that account */
	uint64_t caps; /* kept after start */
	enum jail_filter filter;
	bool landlock;
	bool early; /* ids are dropped before exec, not by itself */
	const char *dir; /* its own directory below the state, or NULL */
	uint32_t reader; /* role whose group gets to files in @dir, or 0 */
	uint64_t memory_max; /* RLIMIT_AS, 0 is none */
	bool many; /* as many as the configuration says */
};

/* Two roles that talk; each instance of @a with each instance of @b. */
struct role_link {
	uint32_t a, b; /* 0, 0 ends a table */
};

/* role_find - the row of an id, which must exist. */
const struct role *role_find(const struct role *table, uint32_t id);
/* role_ids - the ids to run as: the account's, or the row's number. */
void role_ids(const struct role *r, uid_t *uid, gid_t *gid);
/*
 * role_dir - makes the directory of a role at @path: its own, mode 0700. With a
 * reader it is 02710 and of the reader's group, as are files that are made in
 * it: a file's mode says whether the reader may read it, and the directory
 * cannot be listed. Returns 0 or -errno.
 */
int role_dir(const struct role *table, const struct role *r,
    const char *path) MUST_CHECK;
/* role_jail - the row as a jail; @dir: the absolute directory, or NULL. */
struct jail role_jail(const struct role *r, const char *dir);

#endif
