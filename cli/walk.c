/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk - the way down through directories, without surprises.
 *
 * Owns: the open directories of the way, their names in order, and the words
 * for what is not opened.
 * Never: follows a link but the path that was given; opens a pipe or a device;
 * recurses on the stack; passes over anything unsaid.
 */
#include "cli/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "lib/str.h"

#include "lib/own.h"

enum { DEPTH_MAX = 256 };

#define PATH_BYTES 65536

/* A directory on the way down. */
struct frame {
	int fd;
	char **names;
	size_t n, at;
	size_t path_len;
};

struct walk {
	const struct walk_calls *calls;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	int stop;
	char path[PATH_BYTES];
};

static void
told(struct walk *s, const char *type, const char *reason, uint64_t size,
    bool missed)
{
	struct walk_told t = {.path = s->path,
	    .type = type,
	    .reason = reason,
	    .size = size,
	    .missed = missed};

	if (s->calls->told != NULL)
		s->calls->told(s->calls->ctx, &t);
}

static const char *
reason_of(int err)
{
	return err == EACCES || err == EPERM ? "permission denied"
	       : err == ENOENT               ? "vanished"
	       : err == ELOOP                ? "symbolic link"
					     : "cannot be opened";
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
frame_done(struct frame *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->names[i]);
	free(f->names);
	own_close(&f->fd);
}

static int
read_names(struct frame *f)
{
	DIR *dir;
	struct dirent *e;
	size_t cap = 0;
	int copy = dup(f->fd);

	dir = copy >= 0 ? fdopendir(copy) : NULL;
	if (dir == NULL) {
		int r = -errno;

		own_close(&copy);
		return r;
	}
	while ((errno = 0, e = readdir(dir)) != NULL) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (f->n == cap) {
			char **more;

			cap = cap == 0 ? 64 : cap * 2;
			more = reallocarray(f->names, cap, sizeof *more);
			must(more != NULL);
			f->names = more;
		}
		f->names[f->n] = strdup(e->d_name);
		must(f->names[f->n] != NULL);
		f->n++;
	}
	if (errno != 0) {
		int r = -errno;

		(void)closedir(dir);
		return r;
	}
	(void)closedir(dir);
	if (f->n > 0)
		qsort(f->names, f->n, sizeof *f->names, compare);
	return 0;
}

/* File systems whose files are no files. */
static bool
pseudo(int fd)
{
	static const long TYPES[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC,
	    DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC,
	    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,
	    PSTOREFS_MAGIC, EFIVARFS_MAGIC, DEVPTS_SUPER_MAGIC};
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
		if (fs.f_type == TYPES[i])
			return true;
	return false;
}

/* @fd is taken. */
static int
enter_directory(struct walk *s, int fd)
{
	struct frame *f;
	int r;

	if (s->depth == DEPTH_MAX || pseudo(fd)) {
		told(s, "inode/directory",
		    s->depth == DEPTH_MAX ? "too deep" : "pseudo file system",
		    0, true);
		own_close(&fd);
		return 0;
	}
	f = &s->frames[s->depth];
	*f = (struct frame){.fd = fd, .path_len = strlen(s->path)};
	r = read_names(f);
	if (r != 0) {
		told(s, "inode/directory", reason_of(-r), 0, true);
		frame_done(f);
		return 0;
	}
	s->depth++;
	if (s->calls->directory != NULL)
		s->stop = s->calls->directory(s->calls->ctx, s->path);
	return 0;
}

static const char *
special(mode_t mode)
{
	if (S_ISLNK(mode))
		return "inode/symlink";
	if (S_ISFIFO(mode))
		return "inode/fifo";
	if (S_ISSOCK(mode))
		return "inode/socket";
	if (S_ISBLK(mode))
		return "inode/blockdevice";
	return "inode/chardevice";
}

/* Something that is neither a file nor a directory: it holds no content. */
static void
tell_special(struct walk *s, mode_t mode)
{
	told(s, special(mode),
	    S_ISLNK(mode) ? "symbolic link" : "not a regular file", 0, false);
}

const char *
walk_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Opens what lies at a path, and gives it to whoever it is for. */
static int
visit(struct walk *s, int dir, const char *path, int flags)
{
	struct stat st;
	int fd;

	/* A look first: opening a device or a pipe can have effects. */
	if (fstatat(dir, path, &st,
		(flags & O_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0) != 0) {
		int e = errno;

		told(s, "", reason_of(e), 0, true);
		return -e;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		tell_special(s, st.st_mode);
		return 0;
	}
	fd = openat(
	    dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0 || fstat(fd, &st) != 0) {
		int e = errno;

		told(s, S_ISDIR(st.st_mode) ? "inode/directory" : "",
		    reason_of(e), (uint64_t)st.st_size, true);
		own_close(&fd);
		return -e;
	}
	if (S_ISDIR(st.st_mode))
		return enter_directory(s, fd);
	if (!S_ISREG(st.st_mode)) {
		/* It was replaced between the two looks. */
		own_close(&fd);
		tell_special(s, st.st_mode);
		return 0;
	}
	s->stop = s->calls->file(s->calls->ctx, fd, s->path, &st);
	return 0;
}

/* The next name of the innermost directory. */
static void
step_down(struct walk *s)
{
	struct frame *f = &s->frames[s->depth - 1];
	const char *name;
	size_t at = f->path_len;

	if (f->at == f->n) {
		frame_done(f);
		s->depth--;
		return;
	}
	name = f->names[f->at++];
	if (at > 0 && s->path[at - 1] != '/')
		s->path[at++] = '/';
	if (str_copy(s->path + at, sizeof s->path - at, name) != 0) {
		s->path[f->path_len] = '\0';
		told(s, "", "the path is too long", 0, true);
		return;
	}
	/* What one file refuses is told, and the walk goes on. */
	(void)visit(s, f->fd, name, O_NOFOLLOW);
}

int
walk_path(const struct walk_calls *c, const char *path, int *stop)
{
	OWN_MEM struct walk *s = calloc(1, sizeof *s);
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->calls = c;
	*stop = 0;
	if (str_copy(s->path, sizeof s->path, path) != 0)
		return -ENAMETOOLONG;
	r = visit(s, AT_FDCWD, path, 0);
	while (s->stop == 0 && s->depth > 0)
		step_down(s);
	while (s->depth > 0)
		frame_done(&s->frames[--s->depth]);
	*stop = s->stop;
	return r;
}
