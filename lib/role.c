/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role - one row of a side's table of processes.
 *
 * Owns: how a row becomes ids and a jail. Never: starts anything.
 */
#include "lib/role.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

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

int
role_dir(const struct role *table, const struct role *r, const char *path)
{
	mode_t mode = r->reader == 0 ? 0700 : 02710;
	uid_t uid, unused;
	gid_t gid;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	role_ids(r, &uid, &gid);
	if (r->reader != 0)
		role_ids(role_find(table, r->reader), &unused, &gid);
	OWN_FD int fd =
	    open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (geteuid() == 0 && fchown(fd, uid, gid) != 0) ||
	    fchmod(fd, mode) != 0)
		return -errno;
	return 0;
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
