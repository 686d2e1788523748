/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fanotify - file access as the kernel tells it: events with descriptors.
 *
 * Owns: the fanotify group, its marks, and the filter by path; where the kernel
 * takes programs (opens.h), openings come from these, with the same meaning, and
 * fanotify tells of ends of writing alone.
 * Never: trusts the path that somebody reached an object by: what lies below a
 * watched directory is decided by its place in the file system (mounts.h), since
 * a bind mount in a namespace of one's own gives it any path. Where that cannot
 * be told it counts as inside.
 * Never: opens an object by its path (the event's descriptor is the object),
 * opens anything inside a watched file system while events wait (it would see
 * itself), or decides who did it.
 * Hands over: an event with its two descriptors; event_done closes them.
 *
 * FILESYSTEM marks, never mount marks: those are blind to bind mounts and to
 * other mount namespaces. Notification class: a user's open never waits on us.
 * The event's descriptor does not make events of its own (FMODE_NONOTIFY).
 */
#include "agent/sense/sense.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/sense/mounts.h"
#include "agent/sense/opens.h"
#include "lib/str.h"

#include "lib/own.h"

#ifndef FAN_REPORT_PIDFD
#define FAN_REPORT_PIDFD 0x00000080
#endif
#ifndef FAN_EVENT_INFO_TYPE_PIDFD
#define FAN_EVENT_INFO_TYPE_PIDFD 4
#endif
/* No process: it has ended. Other negative numbers are errors. */
#ifndef FAN_NOPIDFD
#define FAN_NOPIDFD -1
#endif

#define PREFIXES_MAX 64
#define BUFFER 16384

struct prefix {
	char path[PATH_MAX];
	size_t len;
	struct place place;
	bool placed; /* its place could be told */
	uint64_t mount; /* of a file system that lies below: 0, no such one */
	bool seen; /* it is still there */
	bool lost; /* it cannot be watched, which has been told */
};

struct files {
	int fd;
	bool pidfds;
	struct opens *opens; /* NULL: the group tells all */
	char base[256]; /* why the group tells (some) openings */
	struct prefix in[PREFIXES_MAX], out[PREFIXES_MAX];
	struct prefix deep[PREFIXES_MAX]; /* file systems below these */
	size_t nin, nout, ndeep; /* deep: slots in use at some time */
	size_t unwatched; /* of them, not told yet */
	/* mountinfo: each tells a change once, to whoever waits, and to us */
	int changes, look;
	struct mounts *mounts;
	struct place place; /* of the event in hand */
	struct files_counters counters;
	uint64_t pending; /* operations left of the event in hand */
	struct event hand;
	_Alignas(struct fanotify_event_metadata) uint8_t buffer[BUFFER];
	const uint8_t *at;
	size_t left;
};

static const char *const OPS[] = {"open", "read", "write", "exec"};

/* One event of ours for each kernel bit, in the order that they happen. */
static const struct {
	uint64_t bit;
	enum file_op op;
} BITS[] = {
    {FAN_OPEN_EXEC, FILE_EXEC},
    {FAN_OPEN, FILE_OPEN},
    {FAN_CLOSE_NOWRITE, FILE_READ},
    {FAN_CLOSE_WRITE, FILE_WRITE},
};

#define MASK (FAN_OPEN | FAN_OPEN_EXEC | FAN_CLOSE_WRITE | FAN_CLOSE_NOWRITE)
#define MASK_WRITTEN ((uint64_t)FAN_CLOSE_WRITE)

const char *
file_op_name(enum file_op op)
{
	return OPS[op];
}

void
event_done(struct event *e)
{
	own_close(&e->pidfd);
	own_close(&e->fd);
	e->pidfd = e->fd = -1;
}

/* The mount that an object was reached by; false where the kernel (before 5.8)
 * does not tell. */
static bool
look_at(int dir, const char *path, int flags, struct statx *st, uint64_t *id)
{
	if (statx(dir, path, flags,
		STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, st) != 0)
		return false;
	*id = (st->stx_mask & STATX_MNT_ID) != 0 ? st->stx_mnt_id : 0;
	return true;
}

/* Where the directory of a prefix lies now. */
static void
place_prefix(struct files *f, struct prefix *p)
{
	struct statx st;
	uint64_t id;

	p->placed =
	    look_at(AT_FDCWD, p->len == 0 ? "/" : p->path, AT_NO_AUTOMOUNT, &st,
		&id) &&
	    id != 0 &&
	    mounts_place(f->mounts, id, 0, p->path, p->len, &p->place) == 0;
}

static int
add_prefix(struct files *f, struct prefix *list, size_t *n, const char *path,
    struct diag *why)
{
	struct prefix *p;
	OWN_MEM char *real = NULL;

	if (*n == PREFIXES_MAX)
		return diag_set(
		    why, -E2BIG, "more than %d watched paths", PREFIXES_MAX);
	real = realpath(path, NULL);
	if (real == NULL)
		return -errno;
	p = &list[*n];
	p->len = strlen(real);
	if (p->len >= sizeof p->path)
		return -ENAMETOOLONG;
	/* "/" is a prefix of everything: its length is 0. */
	if (p->len == 1)
		p->len = 0;
	memcpy(p->path, real, p->len);
	p->path[p->len] = '\0';
	place_prefix(f, p);
	(*n)++;
	return 0;
}

/* Why the group has to tell of openings below @path, or nobody tells of some;
 * what does not fit is cut. */
static void
note_base(struct files *f, const char *path, const char *reason)
{
	size_t n = strlen(f->base);

	(void)snprintf(f->base + n, sizeof f->base - n, "%s%s%s%s",
	    n == 0 ? "" : ", ", path == NULL ? "" : path,
	    path == NULL ? "" : ": ", reason);
}

/* Openings come from the kernel's programs, or with the marks. */
static uint64_t
mask_for(struct files *f, const char *path)
{
	int r;

	if (f->opens == NULL)
		return MASK;
	r = opens_watch(f->opens, path, true);
	if (r == 0)
		return MASK_WRITTEN;
	note_base(f, path,
	    r == -ENOTSUP ? "its file system does not open by number"
			  : strerror(-r));
	return MASK;
}

static int
mark(struct files *f, const char *path, struct diag *why)
{
	if (fanotify_mark(f->fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
		mask_for(f, path), AT_FDCWD, path) != 0)
		return diag_set(why, -errno, "%s: cannot be watched: %s", path,
		    strerror(errno));
	return 0;
}

static int
add_all(struct files *f, const char *const *paths, size_t n, size_t *missing,
    struct diag *why)
{
	for (size_t i = 0; i < n; i++) {
		int r = add_prefix(f, f->in, &f->nin, paths[i], why);

		if (r == -ENOENT || r == -ENOTDIR) {
			(*missing)++;
			continue;
		}
		if (r == 0)
			r = mark(f, paths[i], why);
		if (r != 0)
			return diag_set(
			    why, r, "%s: %s", paths[i], strerror(-r));
	}
	return f->nin > 0
		   ? 0
		   : diag_set(why, -ENOENT, "none of the watched paths exists");
}

static bool
below(const struct prefix *list, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(path, list[i].path, list[i].len) == 0 &&
		    (path[list[i].len] == '/' || path[list[i].len] == '\0'))
			return true;
	return false;
}

/* ---- file systems below ---- */

/* The prefix that a place lies below; *rest is where the rest begins. */
static const struct prefix *
placed_below(
    const struct prefix *list, size_t n, const struct place *p, size_t *rest)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].placed && mounts_below(p, &list[i].place, rest))
			return &list[i];
	return NULL;
}

static struct prefix *
deep_of(struct files *f, uint64_t mount)
{
	for (size_t i = 0; i < f->ndeep; i++)
		if (f->deep[i].mount == mount)
			return &f->deep[i];
	return NULL;
}

/* A file system that lies below a watched directory, or on it, is watched; one
 * of another kind, or too many, is a gap. */
static void
take_mount(
    void *ctx, uint64_t id, enum mount_kind kind, const char *point, size_t len)
{
	struct files *f = ctx;
	struct prefix *p = deep_of(f, id);

	if (p != NULL) {
		p->seen = true;
		return;
	}
	if (kind == MOUNT_NO_FILES || !below(f->in, f->nin, point) ||
	    below(f->out, f->nout, point))
		return;
	p = deep_of(f, 0);
	if (p == NULL && f->ndeep < PREFIXES_MAX)
		p = &f->deep[f->ndeep++];
	if (p == NULL || len >= sizeof p->path) {
		f->unwatched++;
		return;
	}
	*p = (struct prefix){.len = len,
	    .mount = id,
	    .seen = true,
	    .lost = kind == MOUNT_ELSEWHERE};
	memcpy(p->path, point, len);
	if (p->lost)
		f->unwatched++;
}

/* It is marked after the table was read: both ask the table. */
static void
watch_below(struct files *f, struct prefix *p)
{
	struct statx st;
	uint64_t id;
	size_t rest;

	/* What lies under another mount is not reached by this path. */
	if (!look_at(AT_FDCWD, p->path, AT_NO_AUTOMOUNT, &st, &id) ||
	    id != p->mount)
		return;
	place_prefix(f, p);
	/* A part of what is watched may be mounted once more. */
	if (!p->placed ||
	    (placed_below(f->in, f->nin, &p->place, &rest) == NULL &&
		mark(f, p->path, NULL) != 0)) {
		p->lost = true;
		f->unwatched++;
	}
}

static void
look_below(struct files *f)
{
	for (size_t i = 0; i < f->ndeep; i++)
		f->deep[i].seen = false;
	mounts_each(f->mounts, take_mount, f);
	for (size_t i = 0; i < f->nout; i++)
		place_prefix(f, &f->out[i]);
	for (size_t i = 0; i < f->ndeep; i++) {
		struct prefix *p = &f->deep[i];

		if (p->mount != 0 && !p->seen) {
			if (f->opens != NULL)
				opens_forget(f->opens, p->path);
			*p = (struct prefix){0};
		} else if (p->mount != 0 && !p->placed && !p->lost) {
			watch_below(f, p);
		}
	}
}

static bool
have_changed(const struct files *f)
{
	struct pollfd p = {.fd = f->look, .events = POLLPRI};

	return poll(&p, 1, 0) == 1;
}

static void
open_programs(struct files *f, bool wanted)
{
	struct diag why = {""};

	if (!wanted)
		note_base(f, NULL, "kernel programs are switched off");
	else if (opens_open(&f->opens, &why) != 0)
		note_base(f, NULL, why.text);
}

int
files_open(const char *const *paths, size_t npaths, const char *const *excludes,
    size_t nexcludes, bool programs, struct files **out, size_t *missing,
    struct diag *why)
{
	struct files *f = calloc(1, sizeof *f);
	unsigned flags =
	    FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS;
	int r = 0;

	if (f == NULL)
		return -ENOMEM;
	f->fd = -1;
	f->changes = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	f->look = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	r = mounts_new(&f->mounts);
	if (r != 0) {
		files_close(f);
		return r;
	}
	*missing = 0;
	f->hand.fd = f->hand.pidfd = -1;
	f->pidfds = true;
	f->fd = fanotify_init(
	    flags | FAN_REPORT_PIDFD, O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	if (f->fd < 0 && errno == EINVAL) {
		f->pidfds = false;
		f->fd =
		    fanotify_init(flags, O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	}
	if (f->fd < 0)
		r = diag_set(why, -errno, "fanotify: %s", strerror(errno));
	else
		open_programs(f, programs);
	for (size_t i = 0; r == 0 && i < nexcludes; i++) {
		r = add_prefix(f, f->out, &f->nout, excludes[i], why);
		if (r == -ENOENT || r == -ENOTDIR) {
			r = 0;
			continue;
		}
		/* Of another file system than the watched: not needed. */
		if (r == 0 && f->opens != NULL &&
		    opens_watch(f->opens, f->out[f->nout - 1].path, false) ==
			-E2BIG)
			r = -E2BIG;
	}
	if (r == 0)
		r = add_all(f, paths, npaths, missing, why);
	if (r != 0) {
		files_close(f);
		return r;
	}
	if (f->opens != NULL && !opens_whole(f->opens))
		note_base(f, NULL,
		    "kernel programs, but for io_uring and overlays: the "
		    "kernel does not tell of their reads");
	look_below(f);
	*out = f;
	return 0;
}

void
files_close(struct files *f)
{
	if (f == NULL)
		return;
	event_done(&f->hand);
	own_close(&f->fd);
	own_close(&f->changes);
	own_close(&f->look);
	opens_close(f->opens);
	mounts_free(f->mounts);
	free(f);
}

const char *
files_base(const struct files *f)
{
	return f->base[0] == '\0' ? NULL : f->base;
}

void
files_fds(const struct files *f, int *group, int *ring, int *mounts)
{
	*group = f->fd;
	*mounts = f->changes;
	*ring = f->opens == NULL ? -1 : opens_fd(f->opens);
}

int
files_pass(struct files *f, pid_t pid, bool always)
{
	return f->opens == NULL ? 0 : opens_pass(f->opens, pid, always);
}

size_t
files_look(struct files *f)
{
	size_t unwatched;

	if (have_changed(f))
		look_below(f);
	if (f->opens != NULL) {
		opens_look(f->opens);
		f->counters.passed = opens_passed(f->opens);
	}
	unwatched = f->unwatched;
	f->unwatched = 0;
	return unwatched;
}

const struct files_counters *
files_counters(const struct files *f)
{
	return &f->counters;
}

/* However it was reached, it is called as it is below the watched directory. */
static void
rename_object(struct event *e, const struct prefix *in, const char *rest)
{
	size_t n = strlen(rest);

	if (in->len + n > EVENT_PATH_MAX)
		return;
	memcpy(e->path, in->path, in->len);
	memcpy(e->path + in->len, rest, n + 1);
	e->path_len = in->len + n;
}

static bool
is_inside(struct files *f, struct event *e, uint64_t mount, uint32_t links)
{
	const struct prefix *in;
	size_t rest;

	if (mount == 0) /* an old kernel: the path is all there is */
		return e->path_len == 0 ||
		       (below(f->in, f->nin, e->path) &&
			   !below(f->out, f->nout, e->path));
	if (e->path_len == 0 ||
	    mounts_place(f->mounts, mount, e->gone ? 0 : e->pid, e->path,
		e->path_len, &f->place) != 0)
		return true;
	if (placed_below(f->out, f->nout, &f->place, &rest) != NULL)
		return false;
	in = placed_below(f->in, f->nin, &f->place, &rest);
	if (in == NULL)
		in = placed_below(f->deep, f->ndeep, &f->place, &rest);
	/* It has other names, which may lie inside. */
	if (in == NULL)
		return links > 1;
	rename_object(e, in, f->place.path + rest);
	return true;
}

/*
 * The path is a label: what the object was called when we asked. readlink does
 * not open anything. A file that was unlinked has " (deleted)" behind it; one
 * that is deeper than the kernel can say has none.
 */
static void
name_object(struct event *e, bool unlinked)
{
	static const char GONE[] = " (deleted)";
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", e->fd);
	n = readlink(link, e->path, EVENT_PATH_MAX);
	if (n < 0)
		n = 0;
	e->path_len = (size_t)n;
	/* A file may really be called so: then it still has a link. */
	if (unlinked && e->path_len > sizeof GONE &&
	    memcmp(e->path + e->path_len - (sizeof GONE - 1), GONE,
		sizeof GONE - 1) == 0) {
		e->deleted = true;
		e->path_len -= sizeof GONE - 1;
	}
	e->path[e->path_len] = '\0';
}

static int64_t
nanoseconds(const struct statx_timestamp *t)
{
	return t->tv_sec * 1000000000 + t->tv_nsec;
}

static int
describe(struct event *e, uint64_t *mount, uint32_t *links)
{
	struct statx st;

	if (!look_at(e->fd, "", AT_EMPTY_PATH, &st, mount))
		return -errno;
	if (!S_ISREG(st.stx_mode))
		return -EINVAL;
	e->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	e->ino = st.stx_ino;
	e->size = st.stx_size;
	*links = st.stx_nlink;
	if ((st.stx_mask & STATX_BTIME) != 0)
		e->born_ns = nanoseconds(&st.stx_btime);
	e->ctime_ns = nanoseconds(&st.stx_ctime);
	e->mtime_ns = nanoseconds(&st.stx_mtime);
	name_object(e, st.stx_nlink == 0);
	return 0;
}

/* The pidfd of an event, -1 if there is none; *gone if the process had ended. */
static int
take_pidfd(const struct fanotify_event_metadata *m, bool *gone)
{
	const uint8_t *p = (const uint8_t *)m + m->metadata_len;
	size_t left = m->event_len - m->metadata_len;

	while (left >= sizeof(struct fanotify_event_info_header)) {
		struct fanotify_event_info_header h;
		int32_t pidfd;

		memcpy(&h, p, sizeof h);
		if (h.len < sizeof h || h.len > left)
			return -1;
		if (h.info_type == FAN_EVENT_INFO_TYPE_PIDFD &&
		    h.len >= sizeof h + sizeof pidfd) {
			memcpy(&pidfd, p + sizeof h, sizeof pidfd);
			*gone = pidfd == FAN_NOPIDFD;
			return pidfd < 0 ? -1 : pidfd;
		}
		p += h.len;
		left -= h.len;
	}
	return -1;
}

/* Takes one kernel event into hand; 1, 0 to skip it, or -EOVERFLOW. */
static int
take_one(struct files *f, const struct fanotify_event_metadata *m)
{
	struct event *e = &f->hand;
	uint64_t mount = 0;
	uint32_t links = 0;

	f->counters.events++;
	if ((m->mask & FAN_Q_OVERFLOW) != 0) {
		f->counters.overflows++;
		return -EOVERFLOW;
	}
	*e = (struct event){.at = clock_now(),
	    .count = 1,
	    .pid = m->pid,
	    .fd = m->fd,
	    .pidfd = -1};
	if (f->pidfds)
		e->pidfd = take_pidfd(m, &e->gone);
	if (e->fd < 0 || describe(e, &mount, &links) != 0 ||
	    !is_inside(f, e, mount, links)) {
		f->counters.outside++;
		event_done(e);
		return 0;
	}
	if (e->gone)
		f->counters.gone++;
	f->pending = m->mask & MASK;
	/* An exec opens too; one record says it. */
	if ((f->pending & FAN_OPEN_EXEC) != 0)
		f->pending &= ~(uint64_t)FAN_OPEN;
	return 1;
}

/* The next operation of the event in hand; the last one takes the descriptors,
 * the others get copies. */
static int
give(struct files *f, struct event *e)
{
	for (size_t i = 0; i < ARRAY_LEN(BITS); i++) {
		if ((f->pending & BITS[i].bit) == 0)
			continue;
		f->pending &= ~BITS[i].bit;
		*e = f->hand;
		e->op = BITS[i].op;
		if (f->pending == 0) {
			f->hand.fd = f->hand.pidfd = -1;
			return 1;
		}
		e->fd = fcntl(f->hand.fd, F_DUPFD_CLOEXEC, 0);
		e->pidfd = f->hand.pidfd < 0
			       ? -1
			       : fcntl(f->hand.pidfd, F_DUPFD_CLOEXEC, 0);
		return e->fd < 0 ? -errno : 1;
	}
	event_done(&f->hand);
	return 0;
}

/* What the kernel's programs tell has been found to be inside. */
static int
read_opens(struct files *f, struct event *e)
{
	struct open_event o = {0};
	uint64_t mount = 0;
	uint32_t links = 0;
	int r = f->opens == NULL ? 0 : opens_next(f->opens, &o);

	if (r == -EOVERFLOW) {
		*e = (struct event){.count = o.count, .fd = -1, .pidfd = -1};
		f->counters.overflows++;
	}
	if (r != 1)
		return r;
	f->counters.events += o.count;
	*e = (struct event){.at = clock_at(o.boot_us),
	    .op = o.op,
	    .count = o.count,
	    .pid = o.pid,
	    .start_ns = o.start_ns,
	    .through = o.op == FILE_READ,
	    .uid = o.uid,
	    .dev = o.dev,
	    .ino = o.ino,
	    .pidfd = -1};
	memcpy(e->comm, o.comm, sizeof e->comm);
	e->fd = opens_object(f->opens, &o);
	if (e->fd >= 0 && describe(e, &mount, &links) == 0) {
		if (!is_inside(f, e, mount, links))
			e->path_len = 0; /* no name leads to it from here */
		return 1;
	}
	event_done(e);
	f->counters.gone++;
	return 1;
}

int
files_read(struct files *f, struct event *e)
{
	*e = (struct event){.fd = -1, .pidfd = -1};
	for (;;) {
		struct fanotify_event_metadata m;
		int r;

		if (f->pending != 0 && (r = give(f, e)) != 0)
			return r;
		if (f->left < sizeof m) {
			ssize_t n = read(f->fd, f->buffer, sizeof f->buffer);

			if (n < 0)
				return errno == EAGAIN || errno == EINTR
					   ? read_opens(f, e)
					   : -errno;
			f->at = f->buffer;
			f->left = (size_t)n;
			if (f->left < sizeof m)
				return 0;
		}
		memcpy(&m, f->at, sizeof m);
		if (m.vers != FANOTIFY_METADATA_VERSION ||
		    m.event_len < sizeof m || m.event_len > f->left)
			return -EPROTO;
		r = take_one(
		    f, (const struct fanotify_event_metadata *)(const void *)
			   f->at);
		f->at += m.event_len;
		f->left -= m.event_len;
		if (r < 0)
			return r;
	}
}
