/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch - a run of entries and the checkpoint that covers its end.
 *
 * The bytes: "CHB1", str origin, u32 gen, u64 first, u32 count, count times
 * (blob leaf, u16 n, n * blob disclosure), blob note. On the wire the whole is
 * one zstd frame. Hashes are not sent: the receiver computes them.
 */
#ifndef LIB_BATCH_H
#define LIB_BATCH_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/entry.h"
#include "lib/note.h"
#include "lib/own.h"

#define BATCH_ENTRIES_MAX 512
#define BATCH_BYTES_MAX (16 * 1024 * 1024) /* not compressed */

struct batch {
	char origin[NOTE_NAME_MAX];
	uint32_t gen;
	uint64_t first;
	uint32_t count;
	struct batch_entry *entries; /* count of them; borrow from the bytes */
	const char *note; /* borrowed; not NUL-ended */
	size_t note_len;
};

struct batch_entry {
	const uint8_t *leaf;
	size_t len;
	struct disclosure *disclosures; /* texts borrow from the bytes */
	size_t ndisclosures;
};

/* The writer: begin, entry × count, end with the note. */
void batch_begin(struct buf *out, const char *origin, uint32_t gen,
    uint64_t first, uint32_t count);
void batch_entry(struct buf *out, const struct entry *e);
void batch_end(struct buf *out, const void *note, size_t len);
/*
 * batch_parse - bounds and shape only: 1..BATCH_ENTRIES_MAX entries, no bytes
 * left over. The bytes must outlive @out. Returns 0, -EBADMSG or -ENOMEM.
 */
int batch_parse(const void *data, size_t len, struct batch *out,
    struct diag *why) MUST_CHECK;
void batch_done(struct batch *b);

/* One zstd frame; unpack refuses more than BATCH_BYTES_MAX: -EBADMSG. */
int batch_pack(const void *data, size_t len, struct buf *out) MUST_CHECK;
int batch_unpack(const void *data, size_t len, struct buf *out) MUST_CHECK;

#endif
