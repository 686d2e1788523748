/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts - where an object lies in its file system.
 *
 * Owns: what is remembered of mounts, by their ids (mountinfo, proc(5)): ours,
 * and those of other namespaces that an event came through.
 * Never: opens anything but /proc/PID/mountinfo.
 *
 * An id may be used again once its mount is gone. Our own table is read anew
 * whenever the kernel says that it has changed (poll on mountinfo). Another
 * namespace's is read for each event whose process lives; what is remembered of
 * it serves for AGE_US, for processes that have ended.
 */
#include "agent/sense/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define TABLE_BYTES_MAX (4 * 1024 * 1024)
#define MOUNTS_MAX 16384
#define AGE_US 10000000

struct mount {
	uint64_t id;
	unsigned major, minor;
	bool foreign;
	enum mount_kind kind;
	size_t root_len, point_len; /* 0: "/" */
	char *root, *point; /* in one piece of memory, of root */
};

struct mounts {
	struct mount *v; /* sorted by id */
	size_t n;
	int changes; /* mountinfo, to be polled */
	uint64_t read_us;
};

int
mounts_new(struct mounts **out)
{
	struct mounts *m = calloc(1, sizeof *m);

	if (m == NULL)
		return -ENOMEM;
	m->changes = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	m->v = calloc(MOUNTS_MAX, sizeof *m->v);
	if (m->v == NULL) {
		mounts_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

static void
forget_all(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].root);
	m->n = 0;
}

void
mounts_free(struct mounts *m)
{
	if (m == NULL)
		return;
	forget_all(m);
	own_close(&m->changes);
	free(m->v);
	free(m);
}

/* ---- mountinfo ---- */

/*
 * What is on a disk or in memory of this host is looked into. The rest is not
 * touched at all: whoever serves a file system of another kind (FUSE, a network)
 * could let us wait for ever.
 */
static const struct {
	const char *type;
	enum mount_kind kind;
} KINDS[] = {{"bcachefs", MOUNT_LOCAL}, {"btrfs", MOUNT_LOCAL},
    {"erofs", MOUNT_LOCAL}, {"exfat", MOUNT_LOCAL}, {"ext2", MOUNT_LOCAL},
    {"ext3", MOUNT_LOCAL}, {"ext4", MOUNT_LOCAL}, {"f2fs", MOUNT_LOCAL},
    {"iso9660", MOUNT_LOCAL}, {"jfs", MOUNT_LOCAL}, {"ntfs3", MOUNT_LOCAL},
    {"overlay", MOUNT_LOCAL}, {"ramfs", MOUNT_LOCAL}, {"squashfs", MOUNT_LOCAL},
    {"tmpfs", MOUNT_LOCAL}, {"udf", MOUNT_LOCAL}, {"vfat", MOUNT_LOCAL},
    {"xfs", MOUNT_LOCAL}, {"zfs", MOUNT_LOCAL}, {"autofs", MOUNT_NO_FILES},
    {"binfmt_misc", MOUNT_NO_FILES}, {"bpf", MOUNT_NO_FILES},
    {"cgroup", MOUNT_NO_FILES}, {"cgroup2", MOUNT_NO_FILES},
    {"configfs", MOUNT_NO_FILES}, {"debugfs", MOUNT_NO_FILES},
    {"devpts", MOUNT_NO_FILES}, {"devtmpfs", MOUNT_NO_FILES},
    {"efivarfs", MOUNT_NO_FILES}, {"fusectl", MOUNT_NO_FILES},
    {"hugetlbfs", MOUNT_NO_FILES}, {"mqueue", MOUNT_NO_FILES},
    {"nsfs", MOUNT_NO_FILES}, {"proc", MOUNT_NO_FILES},
    {"pstore", MOUNT_NO_FILES}, {"rpc_pipefs", MOUNT_NO_FILES},
    {"securityfs", MOUNT_NO_FILES}, {"selinuxfs", MOUNT_NO_FILES},
    {"sysfs", MOUNT_NO_FILES}, {"tracefs", MOUNT_NO_FILES}};

static enum mount_kind
kind_of(const char *type, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
		if (strlen(KINDS[i].type) == len &&
		    memcmp(KINDS[i].type, type, len) == 0)
			return KINDS[i].kind;
	return MOUNT_ELSEWHERE;
}

/* \040, \011, \012 and \134 stand for what would break the line. */
static size_t
unescape(const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned v = 0;

		out[n++] = in[i];
		if (in[i] != '\\' || len - i < 4)
			continue;
		for (size_t k = 1; k < 4; k++) {
			if (in[i + k] < '0' || in[i + k] > '7')
				return n;
			v = v * 8 + (unsigned)(in[i + k] - '0');
		}
		out[n - 1] = (char)(unsigned char)v;
		i += 3;
	}
	return n;
}

static const char *
field(const char **at, const char *end, size_t *len)
{
	const char *start = *at;
	const char *sp = memchr(start, ' ', (size_t)(end - start));

	*len = (size_t)((sp == NULL ? end : sp) - start);
	*at = sp == NULL ? end : sp + 1;
	return start;
}

static bool
number(const char *text, size_t len, uint64_t *out)
{
	char copy[24];

	return str_copy_len(copy, sizeof copy, text, len) == 0 &&
	       str_u64(copy, UINT64_MAX, out) == 0;
}

/* "36 35 98:0 /root /point options… - type source …" */
static int
parse_line(const char *line, size_t len, struct mount *out)
{
	const char *at = line, *end = line + len, *colon;
	size_t n, root_len, point_len;
	uint64_t id, major, minor;
	const char *f = field(&at, end, &n);
	const char *root, *point;
	struct mount m = {0};

	if (!number(f, n, &id))
		return -EBADMSG;
	(void)field(&at, end, &n); /* its parent */
	f = field(&at, end, &n);
	colon = memchr(f, ':', n);
	if (colon == NULL || !number(f, (size_t)(colon - f), &major) ||
	    !number(colon + 1, (size_t)(f + n - colon - 1), &minor))
		return -EBADMSG;
	root = field(&at, end, &root_len);
	point = field(&at, end, &point_len);
	if (root_len == 0 || point_len == 0 || *point != '/')
		return -EBADMSG;
	do
		f = field(&at, end, &n);
	while (at < end && !(n == 1 && *f == '-'));
	f = field(&at, end, &n);
	m.kind = kind_of(f, n);
	m.root = calloc(1, root_len + point_len + 2);
	if (m.root == NULL)
		return -ENOMEM;
	m.id = id;
	m.major = (unsigned)major;
	m.minor = (unsigned)minor;
	m.root_len = unescape(root, root_len, m.root);
	m.point = m.root + root_len + 1;
	m.point_len = unescape(point, point_len, m.point);
	if (m.root_len == 1)
		m.root_len = 0;
	if (m.point_len == 1)
		m.point_len = 0;
	*out = m;
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	const struct mount *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static const struct mount *
find(const struct mounts *m, uint64_t id)
{
	const struct mount key = {.id = id};

	return m->n == 0 ? NULL
			 : bsearch(&key, m->v, m->n, sizeof *m->v, by_id);
}

static void
take_one(struct mounts *m, size_t had, struct mount *one)
{
	struct mount *old = NULL;

	/* What was there first is sorted already. */
	if (had > 0)
		old = bsearch(one, m->v, had, sizeof *m->v, by_id);
	if (old != NULL && old->foreign) {
		free(old->root);
		*old = *one;
	} else if (old == NULL && m->n < MOUNTS_MAX) {
		m->v[m->n++] = *one;
	} else {
		free(one->root);
	}
}

static void
take_table(struct mounts *m, const struct buf *text, bool foreign)
{
	const char *p = (const char *)text->data;
	const char *end = p + text->len;
	size_t had = m->n;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl == NULL ? end : nl) - p);
		struct mount one;

		if (parse_line(p, len, &one) == 0) {
			one.foreign = foreign;
			take_one(m, had, &one);
		}
		p += len + 1;
	}
	qsort(m->v, m->n, sizeof *m->v, by_id);
}

/* Adds what a process's table has; "self" is ours. */
static void
read_table(struct mounts *m, const char *who)
{
	OWN(buf_done) struct buf text = {0};
	OWN_FD int fd = -1;
	char path[64];
	ssize_t n;

	must(str_format(path, sizeof path, "/proc/%s/mountinfo", who) == 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	buf_init(&text, TABLE_BYTES_MAX);
	do {
		char block[16384];

		n = read(fd, block, sizeof block);
		if (n > 0)
			buf_put(&text, block, (size_t)n);
	} while (n > 0 && buf_error(&text) == 0);
	take_table(m, &text, !str_eq(who, "self"));
}

static void
read_own(struct mounts *m)
{
	forget_all(m);
	read_table(m, "self");
	m->read_us = clock_boot_us();
}

void
mounts_each(struct mounts *m, mounts_each_fn *each, void *ctx)
{
	read_own(m);
	for (size_t i = 0; i < m->n; i++) {
		const struct mount *one = &m->v[i];

		if (!one->foreign)
			each(ctx, one->id, one->kind, one->point,
			    one->point_len);
	}
}

/* ---- places ---- */

static bool
fits(const struct mount *m, const char *path, size_t len)
{
	return len >= m->point_len &&
	       memcmp(path, m->point, m->point_len) == 0 &&
	       (len == m->point_len || path[m->point_len] == '/');
}

static bool
has_changed(const struct mounts *m)
{
	struct pollfd p = {.fd = m->changes, .events = POLLPRI};

	return m->n == 0 || clock_boot_us() - m->read_us > AGE_US ||
	       m->changes < 0 ||
	       (poll(&p, 1, 0) == 1 && (p.revents & (POLLPRI | POLLERR)) != 0);
}

static const struct mount *
look_up(struct mounts *m, uint64_t id, pid_t pid, const char *path, size_t len)
{
	const struct mount *one;
	char who[16];

	if (has_changed(m))
		read_own(m);
	one = find(m, id);
	if (pid > 0 && (one == NULL || one->foreign)) {
		must(str_format(who, sizeof who, "%d", (int)pid) == 0);
		read_table(m, who);
		one = find(m, id);
	}
	return one != NULL && fits(one, path, len) ? one : NULL;
}

int
mounts_place(struct mounts *m, uint64_t id, pid_t pid, const char *path,
    size_t len, struct place *out)
{
	const struct mount *one = look_up(m, id, pid, path, len);
	size_t rest;

	if (one == NULL)
		return -ENOENT;
	rest = len - one->point_len;
	/* "/" itself, where the mount is the root. */
	if (rest == 1)
		rest = 0;
	if (one->root_len > MOUNTS_PATH_MAX ||
	    rest > MOUNTS_PATH_MAX - one->root_len)
		return -ENOENT;
	out->major = one->major;
	out->minor = one->minor;
	memcpy(out->path, one->root, one->root_len);
	memcpy(out->path + one->root_len, path + one->point_len, rest);
	out->len = one->root_len + rest;
	out->path[out->len] = '\0';
	return 0;
}

bool
mounts_below(const struct place *p, const struct place *dir, size_t *rest)
{
	if (p->major != dir->major || p->minor != dir->minor ||
	    p->len < dir->len || memcmp(p->path, dir->path, dir->len) != 0 ||
	    (p->len > dir->len && p->path[dir->len] != '/'))
		return false;
	*rest = dir->len;
	return true;
}
