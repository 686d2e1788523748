/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch - a run of entries and the checkpoint that covers its end.
 *
 * Owns: the bytes of a batch (batch.h), the bounds of their parts, and zstd.
 * Never: hashes, verifies, or reads what an entry says.
 *
 * The format, integers big-endian, str and blob a u32 length and the bytes:
 *
 *   "CHB1"
 *   str  origin        1..NOTE_NAME_MAX - 1 bytes, without NUL
 *   u32  generation
 *   u64  first         index of the first entry
 *   u32  count         1..BATCH_ENTRIES_MAX
 *   count times:
 *     blob leaf        1..ENTRY_LEAF_MAX bytes
 *     u16  n           0..ENTRY_FIELDS_MAX
 *     n times: blob disclosure, 1..ENTRY_DISCLOSURE_MAX bytes
 *   blob note          1..NOTE_MAX bytes
 *
 * Another format has another magic; these four bytes never mean another one.
 */
#include "lib/batch.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "lib/own.h"

#define MAGIC "CHB1"
#define MAGIC_LEN 4
#define LEVEL 3

void
batch_begin(struct buf *out, const char *origin, uint32_t gen, uint64_t first,
    uint32_t count)
{
	buf_put(out, MAGIC, MAGIC_LEN);
	buf_put_str(out, origin);
	buf_put_u32(out, gen);
	buf_put_u64(out, first);
	buf_put_u32(out, count);
}

void
batch_entry(struct buf *out, const struct entry *e)
{
	buf_put_blob(out, e->leaf.data, e->leaf.len);
	buf_put_u16(out, (uint16_t)e->ndisclosures);
	for (size_t i = 0; i < e->ndisclosures; i++)
		buf_put_blob(
		    out, e->disclosures[i].text, e->disclosures[i].len);
}

void
batch_end(struct buf *out, const void *note, size_t len)
{
	buf_put_blob(out, note, len);
}

/* ---- reading ---- */

static int
bad(struct diag *why, const char *what)
{
	return diag_set(why, -EBADMSG, "the batch: %s", what);
}

static int
parse_entry(struct cur *c, struct batch_entry *e, struct diag *why)
{
	uint16_t n;

	e->leaf = cur_blob(c, &e->len);
	n = cur_u16(c);
	if (c->bad || e->len == 0 || e->len > ENTRY_LEAF_MAX)
		return bad(why, "a leaf is cut off, empty or too long");
	if (n > ENTRY_FIELDS_MAX)
		return bad(why, "an entry has too many disclosures");
	if (n == 0)
		return 0;
	e->disclosures = calloc(n, sizeof *e->disclosures);
	if (e->disclosures == NULL)
		return -ENOMEM;
	for (uint16_t i = 0; i < n; i++) {
		struct disclosure *d = &e->disclosures[e->ndisclosures];
		const uint8_t *text = cur_blob(c, &d->len);

		if (c->bad || d->len == 0 || d->len > ENTRY_DISCLOSURE_MAX)
			return bad(
			    why, "a disclosure is cut off, empty or too long");
		d->text = (char *)(uintptr_t)text;
		e->ndisclosures++;
	}
	return 0;
}

static int
parse_head(struct cur *c, struct batch *b, struct diag *why)
{
	const uint8_t *magic = cur_bytes(c, MAGIC_LEN);

	if (magic == NULL || memcmp(magic, MAGIC, MAGIC_LEN) != 0)
		return bad(why, "does not begin with " MAGIC);
	cur_str(c, b->origin, sizeof b->origin);
	b->gen = cur_u32(c);
	b->first = cur_u64(c);
	b->count = cur_u32(c);
	if (c->bad || b->origin[0] == '\0')
		return bad(why, "its head is cut off or malformed");
	if (b->count == 0 || b->count > BATCH_ENTRIES_MAX ||
	    b->first > UINT64_MAX - b->count)
		return bad(why, "its number of entries is out of bounds");
	return 0;
}

static int
parse(struct cur *c, struct batch *b, struct diag *why)
{
	int r = parse_head(c, b, why);

	if (r != 0)
		return r;
	b->entries = calloc(b->count, sizeof *b->entries);
	if (b->entries == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->count; i++) {
		r = parse_entry(c, &b->entries[i], why);
		if (r != 0)
			return r;
	}
	b->note = (const char *)cur_blob(c, &b->note_len);
	if (c->bad || b->note_len == 0 || b->note_len > NOTE_MAX)
		return bad(why, "its checkpoint is cut off, empty or too long");
	if (cur_end(c) != 0)
		return bad(why, "there are bytes behind its end");
	return 0;
}

int
batch_parse(const void *data, size_t len, struct batch *out, struct diag *why)
{
	struct batch b = {0};
	struct cur c;
	int r;

	cur_init(&c, data, len);
	r = parse(&c, &b, why);
	if (r != 0) {
		batch_done(&b);
		return r;
	}
	*out = b;
	return 0;
}

void
batch_done(struct batch *b)
{
	for (uint32_t i = 0; b->entries != NULL && i < b->count; i++)
		free(b->entries[i].disclosures);
	free(b->entries);
	*b = (struct batch){0};
}

/* ---- zstd ---- */

int
batch_pack(const void *data, size_t len, struct buf *out)
{
	OWN_MEM uint8_t *room = NULL;
	size_t n, bound = ZSTD_compressBound(len);

	if (len > BATCH_BYTES_MAX || ZSTD_isError(bound))
		return -EMSGSIZE;
	room = malloc(bound);
	if (room == NULL)
		return -ENOMEM;
	n = ZSTD_compress(room, bound, data, len, LEVEL);
	if (ZSTD_isError(n))
		return -ENOMEM;
	buf_put(out, room, n);
	return buf_error(out);
}

/* The frame is one, is whole, and says how large it becomes. */
static int
frame_size(const void *data, size_t len, size_t *out)
{
	unsigned long long size = ZSTD_getFrameContentSize(data, len);
	size_t frame = ZSTD_findFrameCompressedSize(data, len);

	if (ZSTD_isError(frame) || frame != len ||
	    size == ZSTD_CONTENTSIZE_ERROR ||
	    size == ZSTD_CONTENTSIZE_UNKNOWN || size > BATCH_BYTES_MAX)
		return -EBADMSG;
	*out = (size_t)size;
	return 0;
}

int
batch_unpack(const void *data, size_t len, struct buf *out)
{
	size_t before = out->len, size = 0, n;
	uint8_t *room;

	if (frame_size(data, len, &size) != 0)
		return -EBADMSG;
	if (size == 0)
		return 0;
	room = buf_grow(out, size);
	if (room == NULL)
		return out->err == -ENOMEM ? -ENOMEM : -EBADMSG;
	/* In one go, straight into its place: a frame's window costs nothing. */
	n = ZSTD_decompress(room, size, data, len);
	if (!ZSTD_isError(n) && n == size)
		return 0;
	out->len = before;
	return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM
								    : -EBADMSG;
}
