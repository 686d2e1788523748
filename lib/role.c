/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role - one row of a side's table of processes.
 *
 * Owns: how a row becomes ids and a jail. Never: starts anything.
 */
#include "lib/role.h"

#include <grp.h>
#include <pwd.h>

#include "lib/own.h"

const struct role *
role_find(const struct role *table, uint32_t id)
{
	for (const struct role *r = table; r->id != 0; r++)
		if (r->id == id)
			return r;
	must(false);
	return NULL;
}

void
role_ids(const struct role *r, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(r->user);

	if (pw != NULL) {
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
	} else {
		*uid = r->uid;
		*gid = (gid_t)r->uid;
	}
}

struct jail
role_jail(const struct role *r, const char *dir)
{
	struct jail j = {.caps = r->caps,
	    .filter = r->filter,
	    .landlock = r->landlock,
	    .dir = dir,
	    .memory_max = r->memory_max};

	role_ids(r, &j.uid, &j.gid);
	return j;
}
