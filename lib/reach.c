/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach - directories behind a parent that is closed to others.
 *
 * Owns: the steps: a private mount namespace, an empty tmpfs over the closed
 * parent, and in it the wanted directories bound to their own names.
 * Never: changes a mode, or a mount that others see.
 */
#include "lib/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/str.h"

#include "lib/own.h"

#define DIRS_MAX 8

/* The length of the first prefix of @dir that others may not search, or 0. */
static size_t
closed_parent(const char *dir)
{
	char path[PATH_MAX];
	size_t n = strlen(dir);

	if (dir[0] != '/' || n >= sizeof path)
		return 0;
	for (size_t i = 1; i <= n; i++) {
		struct stat st;

		if (i < n && dir[i] != '/')
			continue;
		memcpy(path, dir, i);
		path[i] = '\0';
		/* The directory itself is its owner's business. */
		if (i < n && stat(path, &st) == 0 &&
		    (st.st_mode & S_IXOTH) == 0)
			return i;
	}
	return 0;
}

bool
reach_closed(const char *dir)
{
	return closed_parent(dir) > 0;
}

/* mkdir -p of what lies behind the first @from bytes. */
static int
make_parents(const char *dir, size_t from)
{
	char path[PATH_MAX];
	size_t n = strlen(dir);

	for (size_t i = from + 1; i <= n; i++) {
		if (i < n && dir[i] != '/')
			continue;
		memcpy(path, dir, i);
		path[i] = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int
cover(const char *parent)
{
	if (mount("none", parent, "tmpfs", MS_NOSUID | MS_NODEV,
		"mode=0755,size=256k") != 0)
		return -errno;
	return 0;
}

static int
bind(int fd, const char *dir)
{
	char source[64];

	must(str_format(source, sizeof source, "/proc/self/fd/%d", fd) == 0);
	if (mount(source, dir, NULL, MS_BIND | MS_REC, NULL) != 0)
		return -errno;
	return 0;
}

static int
open_all(const char *const *dirs, const size_t *closed, int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (closed[i] == 0)
			continue;
		fds[i] = open(dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return -errno;
	}
	return 0;
}

/* Covers each closed parent once, and binds what lay behind it. */
static int
rebuild(const char *const *dirs, const size_t *closed, const int *fds, size_t n)
{
	char parent[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		/* A parent that an earlier one covered is open by now. */
		if (closed[i] == 0)
			continue;
		memcpy(parent, dirs[i], closed[i]);
		parent[closed[i]] = '\0';
		if (closed_parent(dirs[i]) > 0)
			r = cover(parent);
		if (r == 0)
			r = make_parents(dirs[i], closed[i]);
		if (r == 0)
			r = bind(fds[i], dirs[i]);
	}
	return r;
}

int
reach_open(const char *const *dirs)
{
	size_t closed[DIRS_MAX] = {0}, n = 0;
	int fds[DIRS_MAX], r;
	bool any = false;

	for (; dirs[n] != NULL; n++) {
		must(n < DIRS_MAX);
		fds[n] = -1;
		closed[n] = closed_parent(dirs[n]);
		any = any || closed[n] > 0;
	}
	if (!any)
		return 0;
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -errno;
	r = open_all(dirs, closed, fds, n);
	if (r == 0)
		r = rebuild(dirs, closed, fds, n);
	for (size_t i = 0; i < n; i++)
		own_close(&fds[i]);
	return r;
}
