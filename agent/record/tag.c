/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tag - the key that finding tags of one day are made with.
 *
 * Owns: the file tag.key. Each day's key is made from the one before and takes
 * its place, so that whoever takes the host today cannot try values against
 * the tags of yesterday.
 * Never: goes back a day, also when the clock does; keeps an older key.
 *
 * The file, 44 bytes: "CHT1", u64 day since 1970 (UTC), 32 bytes key. It is
 * written in place and not beside: a file that is replaced leaves its bytes on
 * the disk. The next key is HMAC-SHA-256(key, "chaperone tag next day").
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/record/inner.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define MAGIC "CHT1"
#define MAGIC_LEN 4
#define FILE_LEN (MAGIC_LEN + 8 + RECORD_TAG_KEY)
#define DAY_US INT64_C(86400000000)
#define STEPS_MAX 36525 /* a century; a clock beyond it is no clock */

static const char NEXT[] = "chaperone tag next day";

static int
write_key(const struct tag *t)
{
	OWN(buf_wipe) struct buf b = {0};
	int r = 0;

	buf_init(&b, FILE_LEN);
	buf_put(&b, MAGIC, MAGIC_LEN);
	buf_put_u64(&b, (uint64_t)t->day);
	buf_put(&b, t->key, sizeof t->key);
	if (buf_error(&b) != 0)
		return buf_error(&b);
	/* Less than a sector: the disk has the old bytes or the new ones. */
	if (pwrite(t->fd, b.data, b.len, 0) != FILE_LEN)
		r = errno != 0 ? -errno : -EIO;
	else if (fdatasync(t->fd) != 0)
		r = -errno;
	return r;
}

/* 0, -ENOENT for an empty file, -EBADMSG. */
static int
read_key(struct tag *t)
{
	uint8_t data[FILE_LEN + 1];
	ssize_t n = pread(t->fd, data, sizeof data, 0);
	struct cur c;
	int r = 0;

	if (n <= 0)
		return n == 0 ? -ENOENT : -errno;
	if (n != FILE_LEN || memcmp(data, MAGIC, MAGIC_LEN) != 0) {
		r = -EBADMSG;
	} else {
		cur_init(&c, data + MAGIC_LEN, FILE_LEN - MAGIC_LEN);
		t->day = (int64_t)cur_u64(&c);
		memcpy(t->key, cur_bytes(&c, sizeof t->key), sizeof t->key);
		if (t->day < 0 || t->day > INT64_MAX / DAY_US)
			r = -EBADMSG;
	}
	explicit_bzero(data, sizeof data);
	return r;
}

static int64_t
day_of(int64_t wall_us)
{
	return wall_us < 0 ? 0 : wall_us / DAY_US;
}

int
tag_open(const char *dir, int64_t wall_us, struct tag *t, struct diag *why)
{
	char path[DIR_MAX + 16];
	int r;

	*t = (struct tag){.fd = -1};
	must(str_format(path, sizeof path, "%s/tag.key", dir) == 0);
	t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->fd < 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	(void)mlock(t, sizeof *t);
	r = read_key(t);
	if (r == -ENOENT || r == -EBADMSG) {
		/* Tags link findings; a new key breaks the link, no more. */
		rng_fill(t->key, sizeof t->key);
		t->day = day_of(wall_us);
		r = write_key(t);
	}
	if (r == 0)
		r = tag_advance(t, wall_us);
	if (r < 0)
		return diag_set(why, r, "%s: %s", path, strerror(-r));
	return 0;
}

void
tag_close(struct tag *t)
{
	own_close(&t->fd);
	explicit_bzero(t, sizeof *t);
	t->fd = -1;
}

int
tag_advance(struct tag *t, int64_t wall_us)
{
	int64_t day = day_of(wall_us), steps = day - t->day;
	int r;

	if (steps <= 0)
		return 0;
	for (int64_t i = 0; i < steps && i < STEPS_MAX; i++) {
		uint8_t next[SEAL_HASH];

		seal_hmac(t->key, sizeof t->key, NEXT, sizeof NEXT - 1, next);
		memcpy(t->key, next, sizeof t->key);
		explicit_bzero(next, sizeof next);
	}
	t->day = day;
	r = write_key(t);
	return r != 0 ? r : 1;
}
