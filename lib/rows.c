/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - the collector's part of an index for exact data match.
 *
 * Owns: the file NAME.table, numbers big-endian:
 *   8 bytes "CHAPEDT1", 32 bytes name (zeroes behind it), 16 bytes id, u64
 *   records, u8 n secondaries, 9 bytes their columns (255 behind them), u8 1 if
 *   its rows have numbers, 5 zeroes; then the records, ascending; at last SHA-256 of all before it.
 *   A record: 16 bytes of HMAC-SHA-256(table key, 1 column digest), and for
 *   each secondary 8 bytes of HMAC-SHA-256(table key, 2 that record's 16 bytes,
 *   column, 8 bytes of its digest), zeroes where the row has none; at last, if
 *   rows have numbers, u32 the row's. So one name
 *   in two rows is two texts, and how often a name occurs does not show.
 * The table key is derived from the private key ("chaperone edm table 1").
 * A mark is 8 bytes of HMAC-SHA-256(table key, 3 a record's 16 bytes), which
 * find no record in the table for who has the table alone, and the u32 number.
 * Numbers are for tables of values that are nobody's (lib/canary.h).
 * Never: holds a value, or a digest that the index key alone could make.
 */
#include "lib/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/str.h"

#include "lib/own.h"

#define MAGIC "CHAPEDT1"
#define MAGIC_LEN (sizeof MAGIC - 1)
#define PURPOSE "chaperone edm table 1"
#define HEAD (8 + 32 + EXACT_ID + 8 + 1 + EXACT_COLUMNS_MAX + 6)
#define FIRST_CAP 1024
#define NUMBER 4

struct rows_table {
	uint8_t *map;
	size_t len, n, size; /* bytes, records, bytes of a record */
	char name[EXACT_NAME_MAX + 1];
	uint8_t id[EXACT_ID];
	uint8_t nsecondary;
	bool numbered;
	uint8_t columns[EXACT_COLUMNS_MAX];
};

static size_t
record_size(uint8_t nsecondary, bool numbered)
{
	return EXACT_DIGEST + (size_t)nsecondary * EXACT_BRIEF +
	       (numbered ? NUMBER : 0);
}

static void
primary_of(const uint8_t key[SEAL_HASH], uint8_t column,
    const uint8_t digest[EXACT_DIGEST], uint8_t out[EXACT_DIGEST])
{
	uint8_t text[2 + EXACT_DIGEST] = {1, column}, whole[SEAL_HASH];

	memcpy(text + 2, digest, EXACT_DIGEST);
	seal_hmac(key, SEAL_HASH, text, sizeof text, whole);
	memcpy(out, whole, EXACT_DIGEST);
}

static void
secondary_of(const uint8_t key[SEAL_HASH], const uint8_t record[EXACT_DIGEST],
    uint8_t column, const uint8_t brief[EXACT_BRIEF], uint8_t out[EXACT_BRIEF])
{
	uint8_t text[2 + EXACT_DIGEST + EXACT_BRIEF] = {2, column};
	uint8_t whole[SEAL_HASH];

	memcpy(text + 2, record, EXACT_DIGEST);
	memcpy(text + 2 + EXACT_DIGEST, brief, EXACT_BRIEF);
	seal_hmac(key, SEAL_HASH, text, sizeof text, whole);
	memcpy(out, whole, EXACT_BRIEF);
}

/* ---- making ---- */

void
rows_begin(
    struct rows *t, const struct exact_index *x, const struct seal_box_key *k)
{
	*t = (struct rows){0};
	(void)str_copy(t->name, sizeof t->name, x->name);
	memcpy(t->id, x->id, sizeof t->id);
	seal_box_key_derive(k, PURPOSE, t->key);
	for (size_t i = 0; i < x->ncolumns; i++)
		if (!x->columns[i].primary)
			t->columns[t->nsecondary++] = (uint8_t)i;
}

void
rows_done(struct rows *t)
{
	free(t->data);
	explicit_bzero(t, sizeof *t);
}

int
rows_add(struct rows *t, size_t column, const uint8_t primary[EXACT_DIGEST],
    const uint8_t *const near[EXACT_COLUMNS_MAX])
{
	size_t size = record_size(t->nsecondary, t->numbered);
	uint8_t *p;

	if (t->n == ROWS_MAX)
		return -EFBIG;
	if (t->n == t->cap) {
		size_t cap = t->cap == 0 ? FIRST_CAP : t->cap + t->cap / 2;

		p = reallocarray(t->data, cap, size);
		if (p == NULL)
			return -ENOMEM;
		t->data = p;
		t->cap = cap;
	}
	p = t->data + t->n++ * size;
	memset(p, 0, size);
	primary_of(t->key, (uint8_t)column, primary, p);
	for (uint8_t i = 0; i < t->nsecondary; i++)
		if (near[i] != NULL)
			secondary_of(t->key, p, t->columns[i], near[i],
			    p + EXACT_DIGEST + i * EXACT_BRIEF);
	for (unsigned i = 0; t->numbered && i < NUMBER; i++)
		p[size - NUMBER + i] = (uint8_t)(t->number >> (24 - 8 * i));
	return 0;
}

static int
by_bytes(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(const size_t *)size);
}

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

static void
put_head(const struct rows *t, struct buf *out)
{
	char name[32] = "";
	uint8_t columns[EXACT_COLUMNS_MAX];

	memset(columns, 0xff, sizeof columns);
	memcpy(columns, t->columns, t->nsecondary);
	memcpy(name, t->name, strlen(t->name));
	buf_put(out, MAGIC, MAGIC_LEN);
	buf_put(out, name, sizeof name);
	buf_put(out, t->id, sizeof t->id);
	buf_put_u64(out, t->n);
	buf_put_u8(out, t->nsecondary);
	buf_put(out, columns, sizeof columns);
	buf_put_u8(out, t->numbered);
	buf_put(out, "\0\0\0\0", 5);
}

int
rows_write(struct rows *t, const char *path, struct diag *why)
{
	OWN(buf_done) struct buf head = {0};
	size_t size = record_size(t->nsecondary, t->numbered);
	struct seal_hash *h = NULL;
	uint8_t digest[SEAL_HASH];
	OWN_FD int fd = -1;
	int r = seal_hash_new(&h);

	if (r != 0)
		return r;
	if (t->n > 0)
		qsort_r(t->data, t->n, size, by_bytes, &size);
	buf_init(&head, HEAD);
	put_head(t, &head);
	must(buf_error(&head) == 0 && head.len == HEAD);
	seal_hash_put(h, head.data, head.len);
	seal_hash_put(h, t->data, t->n * size);
	seal_hash_end(h, digest);
	seal_hash_free(h);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	r = write_all(fd, head.data, head.len);
	if (r == 0)
		r = write_all(fd, t->data, t->n * size);
	if (r == 0)
		r = write_all(fd, digest, sizeof digest);
	if (r == 0 && fsync(fd) != 0)
		r = -errno;
	return r == 0 ? 0 : diag_set(why, r, "%s: %s", path, strerror(-r));
}

/* ---- looking ---- */

static int
parse(struct rows_table *t)
{
	uint8_t digest[SEAL_HASH];
	const uint8_t *name, *id, *columns;
	uint8_t numbered;
	uint64_t n;
	struct cur in;

	if (t->len < HEAD + SEAL_HASH || memcmp(t->map, MAGIC, MAGIC_LEN) != 0)
		return -EBADMSG;
	seal_sha256(t->map, t->len - SEAL_HASH, digest);
	if (memcmp(digest, t->map + t->len - SEAL_HASH, SEAL_HASH) != 0)
		return -EBADMSG;
	cur_init(&in, t->map + MAGIC_LEN, HEAD - MAGIC_LEN);
	name = cur_bytes(&in, 32);
	id = cur_bytes(&in, EXACT_ID);
	n = cur_u64(&in);
	t->nsecondary = cur_u8(&in);
	columns = cur_bytes(&in, EXACT_COLUMNS_MAX);
	numbered = cur_u8(&in);
	if (in.bad || t->nsecondary > EXACT_COLUMNS_MAX || numbered > 1 ||
	    n > ROWS_MAX)
		return -EBADMSG;
	t->numbered = numbered == 1;
	memcpy(t->name, name, 32);
	memcpy(t->id, id, EXACT_ID);
	memcpy(t->columns, columns, EXACT_COLUMNS_MAX);
	t->size = record_size(t->nsecondary, t->numbered);
	t->n = (size_t)n;
	return exact_name_ok(t->name) &&
		       t->len == HEAD + SEAL_HASH + t->n * t->size
		   ? 0
		   : -EBADMSG;
}

int
rows_open(const char *path, struct rows_table **out, struct diag *why)
{
	OWN_FD int fd =
	    open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct rows_table *t;
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) != 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size < HEAD)
		return diag_set(why, -EBADMSG,
		    "%s: is no table for exact data match", path);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	t = calloc(1, sizeof *t);
	if (t == NULL) {
		(void)munmap(map, (size_t)st.st_size);
		return -ENOMEM;
	}
	t->map = map;
	t->len = (size_t)st.st_size;
	if (parse(t) != 0) {
		rows_close(t);
		return diag_set(why, -EBADMSG,
		    "%s: is no table for exact data match, or was changed",
		    path);
	}
	*out = t;
	return 0;
}

void
rows_close(struct rows_table *t)
{
	if (t == NULL)
		return;
	(void)munmap(t->map, t->len);
	free(t);
}

void
rows_closep(struct rows_table **t)
{
	rows_close(*t);
	*t = NULL;
}

const char *
rows_name(const struct rows_table *t)
{
	return t->name;
}

const uint8_t *
rows_id(const struct rows_table *t)
{
	return t->id;
}

uint64_t
rows_count(const struct rows_table *t)
{
	return t->n;
}

static const uint8_t *
record(const struct rows_table *t, size_t i)
{
	return t->map + HEAD + i * t->size;
}

/* The first record that is not below @primary. */
static size_t
lower_bound(const struct rows_table *t, const uint8_t primary[EXACT_DIGEST])
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(record(t, mid), primary, EXACT_DIGEST) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* How many of its secondaries stood beside the candidate. */
static unsigned
shared(const struct rows_table *t, const uint8_t *row,
    const struct exact_near *near, size_t n)
{
	unsigned hits = 0;

	for (uint8_t i = 0; i < t->nsecondary; i++) {
		const uint8_t *own = row + EXACT_DIGEST + i * EXACT_BRIEF;
		bool there = false;

		for (size_t k = 0; k < n && !there; k++)
			there = near[k].column == t->columns[i] &&
				memcmp(near[k].brief, own, EXACT_BRIEF) == 0;
		hits += there;
	}
	return hits;
}

static void
mark_of(const struct rows_table *t, const uint8_t key[SEAL_HASH],
    const uint8_t *row, uint8_t out[ROWS_MARK])
{
	uint8_t text[1 + EXACT_DIGEST] = {3}, whole[SEAL_HASH];

	memset(out, 0, ROWS_MARK);
	memcpy(text + 1, row, EXACT_DIGEST);
	seal_hmac(key, SEAL_HASH, text, sizeof text, whole);
	memcpy(out, whole, ROWS_MARK_VALUE);
	if (t->numbered)
		memcpy(out + ROWS_MARK_VALUE, row + t->size - NUMBER, NUMBER);
}

static bool
confirm_one(const struct rows_table *t, const uint8_t key[SEAL_HASH],
    const struct exact_candidate *c, unsigned min, uint8_t mark[ROWS_MARK])
{
	struct exact_near near[ARRAY_LEN(c->near)];
	uint8_t primary[EXACT_DIGEST];
	size_t at;

	primary_of(key, c->column, c->digest, primary);
	at = lower_bound(t, primary);
	if (at == t->n || memcmp(record(t, at), primary, EXACT_DIGEST) != 0)
		return false;
	for (size_t i = 0; i < c->nnear; i++) {
		near[i].column = c->near[i].column;
		secondary_of(key, primary, c->near[i].column, c->near[i].brief,
		    near[i].brief);
	}
	for (; at < t->n && memcmp(record(t, at), primary, EXACT_DIGEST) == 0;
	     at++)
		if (shared(t, record(t, at), near, c->nnear) >= min) {
			mark_of(t, key, record(t, at), mark);
			return true;
		}
	return false;
}

int
rows_confirm(const struct rows_table *t, const struct seal_box_key *k,
    const struct exact_sealed *s, struct rows_verdict *out)
{
	unsigned min = s->min;
	uint8_t key[SEAL_HASH];

	if (memcmp(s->id, t->id, EXACT_ID) != 0)
		return -EBADMSG;
	/* A host that is not to be trusted may not ask for less than one. */
	if (min == 0 && t->nsecondary > 0)
		min = 1;
	seal_box_key_derive(k, PURPOSE, key);
	*out = (struct rows_verdict){.candidates = (unsigned)s->n};
	for (size_t i = 0; i < s->n; i++)
		out->confirmed += confirm_one(
		    t, key, &s->list[i], min, out->marks[out->confirmed]);
	explicit_bzero(key, sizeof key);
	return 0;
}

uint32_t
rows_number(const uint8_t mark[ROWS_MARK])
{
	const uint8_t *p = mark + ROWS_MARK_VALUE;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}
