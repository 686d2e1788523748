/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opens - files as the kernel's programs tell of them.
 *
 * Owns: the object of bpf/opens.bpf.c, which is part of this program; the
 * directories that it compares with; descriptors of the file systems, by which
 * objects are opened.
 * Never: opens an object by a path.
 *
 * An object is opened by a handle that is made of its inode's number and
 * generation, as ext4 and xfs make them (export_operations of the kernel, types
 * of include/linux/exportfs.h): it is the very inode, also when no name leads to
 * it any more, as long as somebody has it open.
 *
 * Openings that are alike (process, object, operation) and lie in the ring
 * together become one event with a count: a loop over some files costs its own
 * time and nothing of ours.
 */
#include "agent/sense/opens.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/types.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "agent/sense/bpf/opens.h"
#include "agent/sense/kernel.h"
#include "lib/str.h"

#include "lib/own.h"

#define DIRS_MAX 128
#define KEPT_MAX 8192 /* events that were taken from the ring at once */
#define SLOTS 16384 /* of them, by process, object and operation */
#define PROBES_MAX 8
#define ANCHORS_MAX 8

#define EXT4_MAGIC 0xEF53
#define XFS_MAGIC 0x58465342
#define FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK)
#define HANDLE_INO32 1 /* FILEID_INO32_GEN */
#define HANDLE_XFS64 0x81 /* the same with XFS_FILEID_TYPE_64FLAG */

KERNEL_OBJECT(opens, OPENS_OBJECT);
KERNEL_OBJECT(opens_plain, OPENS_PLAIN_OBJECT);

struct dir {
	const char *path;
	bool inside, known;
	struct opened_dir key; /* as it was told to the kernel */
	bool xfs;
};

/* By which objects of a file system are opened. It is closed before the ring is
 * read anew: an open directory would keep its file system from being unmounted. */
struct anchor {
	uint32_t dev;
	int fd;
	bool xfs;
};

struct opens {
	struct kernel *kernel;
	struct dir dirs[DIRS_MAX];
	size_t ndirs;
	uint32_t version; /* of what the kernel was told of them */
	struct anchor anchors[ANCHORS_MAX];
	size_t nanchors;
	uint64_t told_lost;
	struct open_event kept[KEPT_MAX];
	size_t at, n;
	uint16_t slots[SLOTS]; /* index of kept + 1 */
};

/* ---- what the kernel tells ---- */

static uint64_t
device(uint32_t dev)
{
	return makedev(dev >> 20, dev & 0xfffff);
}

static bool
is_alike(const struct open_event *a, const struct open_event *b)
{
	return a->ino == b->ino && a->pid == b->pid && a->op == b->op &&
	       a->dev == b->dev && a->generation == b->generation &&
	       a->start_ns == b->start_ns;
}

/* Counted into an earlier one, or given a place of its own. */
static void
keep(struct opens *o, const struct open_event *e)
{
	uint64_t h = (e->ino * UINT64_C(0x9e3779b97f4a7c15)) ^
		     ((uint64_t)e->pid * UINT64_C(0xc2b2ae3d27d4eb4f)) ^
		     (uint64_t)e->op;
	uint16_t *slot = NULL;

	h ^= h >> 29;
	for (size_t i = 0; i < PROBES_MAX; i++) {
		struct open_event *known;

		slot = &o->slots[(h + i) % SLOTS];
		if (*slot == 0)
			break;
		known = &o->kept[*slot - 1];
		if (is_alike(known, e)) {
			known->count++;
			known->boot_us = e->boot_us;
			known->number = e->number;
			return;
		}
		slot = NULL;
	}
	o->kept[o->n++] = *e;
	if (slot != NULL)
		*slot = (uint16_t)o->n;
}

static int
on_told(void *ctx, const void *record, size_t len)
{
	static const enum file_op OPS[] = {[OPENED] = FILE_OPEN,
	    [OPENED_READ] = FILE_READ,
	    [OPENED_EXEC] = FILE_EXEC};
	struct opens *o = ctx;
	struct open_event e;
	struct opened t;

	if (len < sizeof t)
		return 0;
	memcpy(&t, record, sizeof t);
	if (t.op >= ARRAY_LEN(OPS))
		return 0;
	e = (struct open_event){.op = OPS[t.op],
	    .pid = (pid_t)t.pid,
	    .start_ns = t.start_ns,
	    .uid = t.uid,
	    .boot_us = t.boot_ns / 1000,
	    .count = 1,
	    .dev = device(t.dev),
	    .ino = t.ino,
	    .generation = t.generation,
	    .number = t.fd};
	memcpy(e.comm, t.comm, sizeof e.comm - 1);
	keep(o, &e);
	return o->n == KEPT_MAX ? -EAGAIN : 0;
}

/* ---- start ---- */

static void
leave_anchors(struct opens *o)
{
	while (o->nanchors > 0)
		own_close(&o->anchors[--o->nanchors].fd);
}

int
opens_open(struct opens **out, struct diag *why)
{
	struct opens_constants host = {0};
	struct kernel_object object = {.name = "opens",
	    .bytes = opens_bytes,
	    .len = (size_t)(opens_end - opens_bytes),
	    .constants = &host,
	    .constants_len = sizeof host,
	    .optional = OPENS_OPTIONAL};
	struct opens *o;
	struct stat st;
	int r;

	if (stat("/proc/self/ns/mnt", &st) != 0)
		return diag_set(
		    why, -errno, "/proc/self/ns/mnt: %s", strerror(errno));
	host.mounts = (uint32_t)st.st_ino;
	host.has_loginuid = access("/proc/self/loginuid", F_OK) == 0;
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return -ENOMEM;
	r = kernel_open(&object, on_told, o, &o->kernel, why);
	if (r != 0) { /* before Linux 6.2 */
		*why = (struct diag){""};
		object.bytes = opens_plain_bytes;
		object.len = (size_t)(opens_plain_end - opens_plain_bytes);
		r = kernel_open(&object, on_told, o, &o->kernel, why);
	}
	if (r != 0) {
		free(o);
		return r;
	}
	*out = o;
	return 0;
}

void
opens_close(struct opens *o)
{
	if (o == NULL)
		return;
	leave_anchors(o);
	kernel_close(o->kernel);
	free(o);
}

bool
opens_whole(const struct opens *o)
{
	return kernel_whole(o->kernel);
}

int
opens_fd(const struct opens *o)
{
	return kernel_fd(o->kernel);
}

/* ---- directories ---- */

/* Its file system makes handles as we do, and would open them. */
static int
can_open(int fd, bool *xfs)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return -errno;
	*xfs = fs.f_type == XFS_MAGIC;
	return *xfs || fs.f_type == EXT4_MAGIC ? 0 : -ENOTSUP;
}

/* An excluded directory is the one of that name, not what somebody lets a link
 * of that name point to: else anybody could exclude anything. */
static int
open_dir(const struct dir *d)
{
	const struct open_how how = {
	    .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
	    .resolve = d->inside ? 0 : RESOLVE_NO_SYMLINKS};

	return (int)syscall(SYS_openat2, AT_FDCWD, d->path, &how, sizeof how);
}

static void
set_bit(struct opened_dirs *all, const struct opened_dir *key)
{
	uint32_t bit = opened_dir_bit(key);

	all->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
}

/*
 * The bits of all directories that are known, and of one more: before it is
 * told of, since a bit too many costs a look-up and one that is missing an event;
 * and after any change, since only then is what the change makes of openings
 * told anew.
 */
static int
list_dirs(struct opens *o, const struct opened_dir *more)
{
	const uint32_t zero = 0;
	struct opened_dirs all = {.version = ++o->version};

	for (size_t i = 0; i < o->ndirs; i++)
		if (o->dirs[i].known)
			set_bit(&all, &o->dirs[i].key);
	if (more != NULL)
		set_bit(&all, more);
	return kernel_set(o->kernel, "listed", &zero, &all);
}

/* Tells the kernel where the directory is now. */
static int
place(struct opens *o, struct dir *d)
{
	struct opened_dir key = {0}, some = {0};
	const uint32_t which = d->inside ? DIR_INSIDE : DIR_OUTSIDE;
	OWN_FD int fd = open_dir(d);
	struct stat st;
	int r;

	/* Its number may come again as another directory's. */
	if (fd < 0 && d->known && !d->inside) {
		d->known = false;
		r = kernel_unset(o->kernel, "dirs", &d->key);
		return r == 0 ? list_dirs(o, NULL) : r;
	}
	if (fd < 0 || fstat(fd, &st) != 0)
		return -errno;
	key.ino = st.st_ino;
	key.dev = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
	if (d->known && key.ino == d->key.ino && key.dev == d->key.dev)
		return 0;
	r = can_open(fd, &d->xfs);
	if (r == 0)
		r = list_dirs(o, &key);
	if (r == 0)
		r = kernel_set(o->kernel, "dirs", &key, &which);
	some.dev = key.dev;
	if (r == 0 && d->inside)
		r = kernel_set(o->kernel, "dirs", &some, &which);
	if (r != 0)
		return r;
	if (d->known)
		r = kernel_unset(o->kernel, "dirs", &d->key);
	d->key = key;
	d->known = true;
	return r == 0 ? list_dirs(o, &key) : r;
}

int
opens_watch(struct opens *o, const char *path, bool inside)
{
	struct dir *d = &o->dirs[o->ndirs];
	int r;

	if (o->ndirs == DIRS_MAX)
		return -E2BIG;
	*d = (struct dir){.path = path, .inside = inside};
	r = place(o, d);
	if (r == 0 || r == -ENOENT) {
		o->ndirs++;
		return 0;
	}
	return r;
}

void
opens_forget(struct opens *o, const char *path)
{
	for (size_t i = 0; i < o->ndirs; i++) {
		struct dir *d = &o->dirs[i];

		if (d->path != path)
			continue;
		/* Two that are one directory have one key. */
		if (d->known) {
			int r = kernel_unset(o->kernel, "dirs", &d->key);

			must(r == 0 || r == -ENOENT);
		}
		*d = o->dirs[--o->ndirs];
		must(list_dirs(o, NULL) == 0);
		return;
	}
}

void
opens_look(struct opens *o)
{
	for (size_t i = 0; i < o->ndirs; i++)
		(void)place(o, &o->dirs[i]);
}

/* ---- processes ---- */

int
opens_pass(struct opens *o, pid_t pid, bool always)
{
	const uint32_t what = always ? PASSED_AGENT : PASSED_SYSTEM;
	OWN_FD int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	return kernel_set(o->kernel, "passed", &fd, &what);
}

/* ---- events ---- */

int
opens_next(struct opens *o, struct open_event *e)
{
	uint64_t lost;
	int r;

	if (o->at < o->n) {
		*e = o->kept[o->at++];
		return 1;
	}
	if (o->n > 0)
		memset(o->slots, 0, sizeof o->slots);
	leave_anchors(o);
	o->at = o->n = 0;
	r = kernel_consume(o->kernel);
	if (r != 0 || o->n == 0)
		return r;
	if (kernel_count(o->kernel, OPENED_LOST, &lost) == 0 &&
	    lost > o->told_lost) {
		*e = (struct open_event){.count = lost - o->told_lost};
		o->told_lost = lost;
		return -EOVERFLOW;
	}
	*e = o->kept[o->at++];
	return 1;
}

uint64_t
opens_passed(const struct opens *o)
{
	uint64_t n;

	return kernel_count(o->kernel, OPENED_PASSED, &n) == 0 ? n : 0;
}

/* ---- objects ---- */

struct handle {
	struct file_handle head;
	uint8_t bytes[16];
};

static void
make_handle(
    struct handle *h, const struct anchor *a, const struct open_event *e)
{
	const uint32_t narrow[2] = {(uint32_t)e->ino, e->generation};

	*h = (struct handle){0};
	if (a->xfs && e->ino > UINT32_MAX) {
		h->head.handle_type = HANDLE_XFS64;
		h->head.handle_bytes = 12;
		memcpy(h->bytes, &e->ino, 8);
		memcpy(h->bytes + 8, &e->generation, 4);
		return;
	}
	h->head.handle_type = HANDLE_INO32;
	h->head.handle_bytes = 8;
	memcpy(h->bytes, narrow, 8);
}

static bool
is_object(int fd, const struct open_event *e)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == e->ino &&
	       st.st_dev == e->dev && S_ISREG(st.st_mode);
}

/* NULL where no watched directory of that file system is there any more. */
static const struct anchor *
anchor_of(struct opens *o, uint64_t dev)
{
	for (size_t i = 0; i < o->nanchors; i++)
		if (device(o->anchors[i].dev) == dev)
			return &o->anchors[i];
	if (o->nanchors == ANCHORS_MAX)
		leave_anchors(o);
	for (size_t i = 0; i < o->ndirs; i++) {
		const struct dir *d = &o->dirs[i];
		OWN_FD int fd = -1;
		struct stat st;

		if (!d->known || device(d->key.dev) != dev)
			continue;
		fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) != 0 || st.st_dev != dev)
			continue;
		o->anchors[o->nanchors] = (struct anchor){
		    .dev = d->key.dev, .fd = own_take_fd(&fd), .xfs = d->xfs};
		return &o->anchors[o->nanchors++];
	}
	return NULL;
}

static int
by_number(struct opens *o, const struct open_event *e)
{
	const struct anchor *a = anchor_of(o, e->dev);
	OWN_FD int fd = -1;
	struct handle h;

	if (a == NULL)
		return -ESTALE;
	make_handle(&h, a, e);
	fd = open_by_handle_at(a->fd, &h.head, FLAGS | O_NOATIME);
	/* Who may not change the owner's files may not keep their times. */
	if (fd < 0 && errno == EPERM)
		fd = open_by_handle_at(a->fd, &h.head, FLAGS);
	if (fd < 0)
		return -errno;
	return is_object(fd, e) ? own_take_fd(&fd) : -ESTALE;
}

/* Through the process, while it still has the object under that number. */
static int
by_process(const struct open_event *e)
{
	OWN_FD int fd = -1;
	char link[64];

	if (e->number < 0)
		return -ESTALE;
	must(str_format(link, sizeof link, "/proc/%d/fd/%d", (int)e->pid,
		 e->number) == 0);
	fd = open(link, FLAGS | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = open(link, FLAGS);
	if (fd < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	return is_object(fd, e) ? own_take_fd(&fd) : -ESTALE;
}

int
opens_object(struct opens *o, const struct open_event *e)
{
	int fd = by_number(o, e);

	return fd >= 0 ? fd : by_process(e);
}
