/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scanstate - which files were examined already, and are still the same.
 *
 * Owns: the state file and the table made of it.
 * Never: holds a name or content; believes a line that is not whole; writes
 * over a file that it did not make, or through a link.
 *
 * The file is text. First "chaperone-scan-state 1 UNDER", then a line a file:
 *   DEV INO CTIME_NS SIZE VERDICT
 * four decimal numbers and two characters, each "f" (findings), "i" (parts not
 * examined) or "-". Lines are appended by one write each; what follows the
 * last end of a line was cut off by a kill and is dropped. A later line of a
 * file counts. When more than half of the lines are out of date, the file is
 * written anew in place: a kill just then costs a scan, not a finding. A new
 * first number means a new form.
 */
#include "cli/scanstate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	FILE_BYTES_MAX = 1 << 30,
	TABLE_MIN = 1024,
	LINE_BYTES = 128,
	YOUNG_US = 20000, /* two ticks of the slowest kernel clock */
	STALE_MIN = 10000,
};

static const char MAGIC[] = "chaperone-scan-state 1 ";

struct known {
	uint64_t dev, ino, ctime_ns, size;
	struct scanstate_verdict verdict;
	bool used;
};

struct scanstate {
	int fd;
	struct known *table; /* open addressing, a power of two; owned */
	size_t cap, used, lines;
};

struct scanstate_key
scanstate_key(const struct stat *st)
{
	uint64_t ctime_us = (uint64_t)st->st_ctim.tv_sec * 1000000 +
			    (uint64_t)st->st_ctim.tv_nsec / 1000;

	return (struct scanstate_key){.dev = (uint64_t)st->st_dev,
	    .ino = (uint64_t)st->st_ino,
	    .ctime_ns = (uint64_t)st->st_ctim.tv_sec * 1000000000 +
			(uint64_t)st->st_ctim.tv_nsec,
	    .size = (uint64_t)st->st_size,
	    .young = ctime_us + YOUNG_US > (uint64_t)clock_now().wall_us};
}

/* ---- the table ----------------------------------------------------------- */

static struct known *
slot(struct known *table, size_t cap, uint64_t dev, uint64_t ino)
{
	/* Spreads runs of inodes; nobody gains by colliding but in time. */
	uint64_t at = (ino ^ dev << 32) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	while (
	    table[at & (cap - 1)].used && (table[at & (cap - 1)].ino != ino ||
					      table[at & (cap - 1)].dev != dev))
		at++;
	return &table[at & (cap - 1)];
}

static int
grow(struct scanstate *s)
{
	size_t cap = s->cap == 0 ? TABLE_MIN : s->cap * 2;
	struct known *table = calloc(cap, sizeof *table);

	if (table == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->cap; i++)
		if (s->table[i].used)
			*slot(table, cap, s->table[i].dev, s->table[i].ino) =
			    s->table[i];
	free(s->table);
	s->table = table;
	s->cap = cap;
	return 0;
}

static int
put(struct scanstate *s, const struct known *k)
{
	struct known *at;
	int r = 2 * (s->used + 1) > s->cap ? grow(s) : 0;

	if (r != 0)
		return r;
	at = slot(s->table, s->cap, k->dev, k->ino);
	s->used += !at->used;
	*at = *k;
	at->used = true;
	return 0;
}

/* ---- lines --------------------------------------------------------------- */

static int
print_line(const struct known *k, char out[LINE_BYTES])
{
	return str_format(out, LINE_BYTES,
	    "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %c%c\n", k->dev,
	    k->ino, k->ctime_ns, k->size, k->verdict.found ? 'f' : '-',
	    k->verdict.incomplete ? 'i' : '-');
}

/* A line without its end; false if it is not whole. */
static bool
parse_line(const char *line, size_t len, struct known *out)
{
	uint64_t *const fields[] = {
	    &out->dev, &out->ino, &out->ctime_ns, &out->size};
	char text[LINE_BYTES];
	char *p = text;

	if (str_copy_len(text, sizeof text, line, len) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		char *blank = strchr(p, ' ');

		if (blank == NULL)
			return false;
		*blank = '\0';
		if (str_u64(p, UINT64_MAX, fields[i]) != 0)
			return false;
		p = blank + 1;
	}
	if (strlen(p) != 2 || strchr("f-", p[0]) == NULL ||
	    strchr("i-", p[1]) == NULL)
		return false;
	out->verdict.found = p[0] == 'f';
	out->verdict.incomplete = p[1] == 'i';
	return true;
}

/* ---- the file ------------------------------------------------------------ */

static int
write_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
read_all(int fd, struct buf *out)
{
	for (;;) {
		uint8_t *at = buf_grow(out, 65536);
		ssize_t n;

		if (at == NULL)
			return -EFBIG;
		do
			n = read(fd, at, 65536);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
		out->len -= 65536 - (size_t)n;
		if (n == 0)
			return 0;
	}
}

/* Empties the file and writes its first line. */
static int
begin(struct scanstate *s, const char *under)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 4096);
	buf_printf(&b, "%s%s\n", MAGIC, under);
	if (buf_error(&b) != 0)
		return buf_error(&b);
	if (ftruncate(s->fd, 0) != 0)
		return -errno;
	return write_all(s->fd, b.data, b.len);
}

/* Takes what the file knows; *end is behind its last whole line. */
static int
load(struct scanstate *s, const struct buf *b, size_t at, size_t *end)
{
	*end = at;
	while (at < b->len) {
		const char *line = (const char *)b->data + at;
		const char *stop = memchr(line, '\n', b->len - at);
		struct known k = {0};
		int r = 0;

		if (stop == NULL)
			break;
		if (parse_line(line, (size_t)(stop - line), &k))
			r = put(s, &k);
		if (r != 0)
			return r;
		s->lines++;
		at += (size_t)(stop - line) + 1;
		*end = at;
	}
	return 0;
}

static int
compact(struct scanstate *s, const char *under)
{
	int r = begin(s, under);

	s->lines = 0;
	for (size_t i = 0; i < s->cap && r == 0; i++) {
		char line[LINE_BYTES];

		if (!s->table[i].used)
			continue;
		r = print_line(&s->table[i], line);
		if (r == 0)
			r = write_all(s->fd, line, strlen(line));
		s->lines++;
	}
	return r;
}

static int
take(struct scanstate *s, const char *path, const char *under, bool *fresh,
    struct diag *why)
{
	OWN(buf_done) struct buf b = {0};
	size_t head = sizeof MAGIC - 1 + strlen(under) + 1;
	const char *text;
	size_t end;
	int r;

	buf_init(&b, FILE_BYTES_MAX);
	r = read_all(s->fd, &b);
	if (r != 0)
		return diag_set(why, r, "%s: %s", path, strerror(-r));
	text = (const char *)b.data;
	*fresh = b.len == 0;
	if (b.len > 0 && (b.len < sizeof MAGIC - 1 ||
			     memcmp(text, MAGIC, sizeof MAGIC - 1) != 0))
		return diag_set(why, -EINVAL,
		    "%s: not a state of scan; it is left as it is", path);
	if (b.len < head || text[head - 1] != '\n' ||
	    memcmp(text + sizeof MAGIC - 1, under, strlen(under)) != 0) {
		*fresh = true;
		r = begin(s, under);
	} else if ((r = load(s, &b, head, &end)) == 0) {
		if (ftruncate(s->fd, (off_t)end) != 0)
			r = -errno;
		if (r == 0 && s->lines > 2 * s->used + STALE_MIN)
			r = compact(s, under);
	}
	return r != 0 ? diag_set(why, r, "%s: %s", path, strerror(-r)) : 0;
}

int
scanstate_open(const char *path, const char *under, struct scanstate **out,
    bool *fresh, struct diag *why)
{
	struct scanstate *s = calloc(1, sizeof *s);
	struct stat st;
	int r = 0;

	if (s == NULL)
		return -ENOMEM;
	s->fd = open(path,
	    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
	    0600);
	if (s->fd < 0)
		r = diag_set(why, -errno, "%s: %s", path, strerror(errno));
	else if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = diag_set(why, -EINVAL, "%s: not a regular file", path);
	else if (flock(s->fd, LOCK_EX | LOCK_NB) != 0)
		r = diag_set(why, -EBUSY, "%s: another scan is using it", path);
	if (r == 0)
		r = grow(s);
	if (r == 0)
		r = take(s, path, under, fresh, why);
	if (r != 0) {
		scanstate_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void
scanstate_free(struct scanstate *s)
{
	if (s == NULL)
		return;
	own_close(&s->fd);
	free(s->table);
	free(s);
}

bool
scanstate_knows(const struct scanstate *s, const struct scanstate_key *k,
    struct scanstate_verdict *out)
{
	const struct known *at = slot(s->table, s->cap, k->dev, k->ino);

	if (!at->used || at->ctime_ns != k->ctime_ns || at->size != k->size)
		return false;
	*out = at->verdict;
	return true;
}

int
scanstate_add(struct scanstate *s, const struct scanstate_key *k,
    struct scanstate_verdict v)
{
	struct known n = {.dev = k->dev,
	    .ino = k->ino,
	    .ctime_ns = k->ctime_ns,
	    .size = k->size,
	    .verdict = v};
	char line[LINE_BYTES];
	int r;

	if (k->young)
		return 0;
	r = put(s, &n);
	if (r == 0)
		r = print_line(&n, line);
	return r == 0 ? write_all(s->fd, line, strlen(line)) : r;
}
