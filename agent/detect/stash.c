/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stash - compiled databases that are kept from one start to the next.
 *
 * Owns: a directory of mode 0700, its files and their format.
 * Never: gives out bytes of a file that others may have written, or that does
 * not fit its digest; fails a start: without it all is compiled.
 * Hands over: bytes that this host's owner kept, by key.
 *
 * A file is named by its key in hex and ".db":
 *
 *	21 bytes	"chaperone compiled 1\n"
 *	32 bytes	the key
 *	u64		length of what was kept, big-endian
 *	bytes		what was kept
 *	32 bytes	SHA-256 over all before
 *
 * Another form gets another number; files of an older one are then never asked
 * for, and go when there are too many. The digest finds what broke, it does
 * not tell who wrote: the owner and the modes do. Nothing is synced to the
 * disk, since a file that a power cut tore is found by its digest.
 */
#include "agent/detect/stash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/rng.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

static const char MAGIC[] = "chaperone compiled 1\n";

enum {
	MAGIC_BYTES = sizeof MAGIC - 1,
	HEAD = MAGIC_BYTES + STASH_KEY + 8,
	FILE_MIN = HEAD + SEAL_HASH,
	NAME_SIZE = 2 * STASH_KEY + 32,
	LISTED_MAX = 1024, /* of a directory that somebody filled */
};

struct stash {
	int dir;
	char *path; /* owned */
	struct diag word;
};

/* ---- the directory ------------------------------------------------------- */

/*
 * Whether nobody but root and we may put something in place of what lies in a
 * directory. A sticky one of root's, as /tmp, protects what is ours in it.
 */
static bool
is_safe(const struct stat *st)
{
	bool ours = st->st_uid == 0 || st->st_uid == geteuid();
	bool sticky = st->st_uid == 0 && (st->st_mode & S_ISVTX) != 0;

	return ours && ((st->st_mode & 022) == 0 || sticky);
}

/* One directory further; *fd is replaced. */
static int
descend(int *fd, const char *name, struct stat *st)
{
	/* To go through a directory does not take the right to list it. */
	static const int how = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int next = openat(*fd, name, how);

	if (next < 0 && errno == ENOENT && mkdirat(*fd, name, 0700) == 0)
		next = openat(*fd, name, how);
	if (next < 0)
		return -errno;
	close(*fd);
	*fd = next;
	return fstat(next, st) == 0 ? 0 : -errno;
}

/* From the root down to @path, a resolved one, looking at each directory. */
static int
enter(const char *path, int *out, struct diag *why)
{
	OWN_FD int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	OWN_MEM char *copy = strdup(path);
	char *rest = copy, *name;
	struct stat st;

	if (fd < 0 || copy == NULL || fstat(fd, &st) != 0)
		return diag_set(why, -ENOMEM, "%s: cannot be opened", path);
	while ((name = strsep(&rest, "/")) != NULL) {
		int r;

		if (name[0] == '\0')
			continue;
		if (!is_safe(&st))
			return diag_set(why, -EPERM,
			    "%s lies where others than its owner may write",
			    path);
		r = descend(&fd, name, &st);
		if (r != 0)
			return diag_set(why, r, "%s: %s", path, strerror(-r));
	}
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return diag_set(why, -EPERM,
		    "%s must be its user's alone, with mode 0700", path);
	*out = own_take_fd(&fd);
	return 0;
}

/* A path without links as far as it exists, and the rest as it is. */
static char *
resolved(const char *path)
{
	OWN_MEM char *head = strdup(path);

	while (head != NULL) {
		OWN_MEM char *real = realpath(head, NULL);
		char *slash = strrchr(head, '/');

		if (real != NULL) {
			OWN(buf_done) struct buf b = {0};

			buf_init(&b, 2 * PATH_MAX);
			buf_printf(&b, "%s%s", real, path + strlen(head));
			return buf_text(&b) != NULL ? strdup(buf_text(&b))
						    : NULL;
		}
		if (errno != ENOENT || slash == NULL || slash == head)
			break;
		*slash = '\0';
	}
	return strdup(path);
}

int
stash_open(const char *dir, struct stash **out, struct diag *why)
{
	struct stash *s = calloc(1, sizeof *s);
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->dir = -1;
	s->path = resolved(dir);
	r = s->path == NULL ? -ENOMEM : 0;
	if (r == 0 && dir[0] != '/')
		r = diag_set(why, -EINVAL, "%s: is no absolute path", dir);
	if (r == 0)
		r = enter(s->path, &s->dir, why);
	if (r != 0)
		stash_free(s);
	else
		*out = s;
	return r;
}

void
stash_free(struct stash *s)
{
	if (s == NULL)
		return;
	own_close(&s->dir);
	free(s->path);
	free(s);
}

void
stash_freep(struct stash **s)
{
	stash_free(*s);
}

const char *
stash_word(const struct stash *s)
{
	return s->word.text;
}

void
stash_refuse(struct stash *s, const char *reason)
{
	if (s->word.text[0] == '\0')
		(void)diag_set(&s->word, 0,
		    "what was compiled before, in %s, is not used: %s", s->path,
		    reason);
}

/* ---- files --------------------------------------------------------------- */

static void
name_of(const uint8_t key[STASH_KEY], const char *tail, char out[NAME_SIZE])
{
	char hex[2 * STASH_KEY + 1];

	str_hex(hex, key, STASH_KEY);
	must(str_format(out, NAME_SIZE, "%s%s", hex, tail) == 0);
}

/* Why a file is not to be trusted, or NULL. */
static const char *
distrust(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_uid != geteuid() || (st->st_mode & 077) != 0)
		return "it is another user's, or others may open it";
	if (st->st_nlink != 1)
		return "it has other names";
	if (st->st_size > (off_t)STASH_BYTES_MAX + FILE_MIN)
		return "it is too large";
	return NULL;
}

/* Why the bytes of a file are not what was kept under @key, or NULL. */
static const char *
broken(const uint8_t key[STASH_KEY], const struct buf *b)
{
	uint8_t digest[SEAL_HASH];
	struct cur c;

	if (b->len < FILE_MIN)
		return "it is cut off";
	if (memcmp(b->data, MAGIC, MAGIC_BYTES) != 0 ||
	    memcmp(b->data + MAGIC_BYTES, key, STASH_KEY) != 0)
		return "it is of something else";
	cur_init(&c, b->data + MAGIC_BYTES + STASH_KEY, 8);
	if (cur_u64(&c) != b->len - FILE_MIN)
		return "it is cut off";
	seal_sha256(b->data, b->len - SEAL_HASH, digest);
	if (!seal_equal(digest, b->data + b->len - SEAL_HASH, SEAL_HASH))
		return "it is damaged";
	return NULL;
}

static int
read_all(int fd, size_t size, struct buf *out)
{
	uint8_t *p = buf_grow(out, size);
	size_t got = 0;

	if (p == NULL)
		return buf_error(out);
	while (got < size) {
		ssize_t n = read(fd, p + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	out->len -= size - got;
	return 0;
}

int
stash_get(struct stash *s, const uint8_t key[STASH_KEY], struct buf *out)
{
	char name[NAME_SIZE];
	const char *wrong;
	struct stat st;
	int r;

	name_of(key, ".db", name);
	buf_reset(out);
	OWN_FD int fd = openat(
	    s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) != 0) {
		r = -errno;
		stash_refuse(s, strerror(-r));
		return r;
	}
	wrong = distrust(&st);
	r = wrong == NULL ? read_all(fd, (size_t)st.st_size, out) : 0;
	if (r == 0 && wrong == NULL)
		wrong = broken(key, out);
	if (r == 0 && wrong == NULL) {
		buf_drop(out, HEAD);
		out->len -= SEAL_HASH;
		return 0;
	}
	buf_reset(out);
	stash_refuse(s, wrong != NULL ? wrong : strerror(-r));
	return wrong != NULL ? -EBADMSG : r;
}

struct listed {
	struct timespec changed;
	char name[NAME_SIZE];
};

static int
newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct listed *)a)->changed;
	const struct timespec *y = &((const struct listed *)b)->changed;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return x->tv_nsec < y->tv_nsec ? 1 : x->tv_nsec > y->tv_nsec ? -1 : 0;
}

/* Files of packs, libraries and programs that are gone, too. */
static void
prune(const struct stash *s)
{
	OWN_MEM struct listed *list = calloc(LISTED_MAX, sizeof *list);
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	size_t n = 0;

	if (d == NULL) {
		own_close(&fd);
		return;
	}
	while (list != NULL && n < LISTED_MAX && (e = readdir(d)) != NULL) {
		struct stat st;

		if (fstatat(s->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    S_ISDIR(st.st_mode) ||
		    str_copy(list[n].name, NAME_SIZE, e->d_name) != 0)
			continue;
		list[n++].changed = st.st_mtim;
	}
	(void)closedir(d);
	if (n > STASH_FILES_MAX)
		qsort(list, n, sizeof *list, newest_first);
	for (size_t i = STASH_FILES_MAX; i < n; i++)
		(void)unlinkat(s->dir, list[i].name, 0);
}

static int
write_all(int fd, const struct buf *b)
{
	size_t at = 0;

	while (at < b->len) {
		ssize_t n = write(fd, b->data + at, b->len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Under a name that nobody else has, then under its own. */
static int
write_file(
    const struct stash *s, const uint8_t key[STASH_KEY], const struct buf *b)
{
	char name[NAME_SIZE], fresh[NAME_SIZE];
	char tail[18] = ".";
	uint8_t random[8];
	int r;

	rng_fill(random, sizeof random);
	str_hex(tail + 1, random, sizeof random);
	name_of(key, ".db", name);
	name_of(key, tail, fresh);
	OWN_FD int fd = openat(s->dir, fresh,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, b);
	if (r == 0 && renameat(s->dir, fresh, s->dir, name) != 0)
		r = -errno;
	if (r != 0)
		(void)unlinkat(s->dir, fresh, 0);
	return r;
}

void
stash_put(
    struct stash *s, const uint8_t key[STASH_KEY], const void *data, size_t len)
{
	OWN(buf_done) struct buf b = {0};
	uint8_t digest[SEAL_HASH];
	int r;

	if (len > STASH_BYTES_MAX)
		return;
	buf_init(&b, STASH_BYTES_MAX + FILE_MIN);
	buf_put(&b, MAGIC, MAGIC_BYTES);
	buf_put(&b, key, STASH_KEY);
	buf_put_u64(&b, len);
	buf_put(&b, data, len);
	r = buf_error(&b);
	if (r == 0) {
		seal_sha256(b.data, b.len, digest);
		buf_put(&b, digest, sizeof digest);
		r = buf_error(&b);
	}
	if (r == 0)
		r = write_file(s, key, &b);
	if (r == 0)
		prune(s);
	else if (s->word.text[0] == '\0')
		(void)diag_set(&s->word, 0,
		    "what was compiled cannot be kept in %s: %s", s->path,
		    strerror(-r));
}
