/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history - a host's log for tests: entries that follow from a number, so that
 * the same number makes the same log again and another one a fork of it.
 */
#ifndef TESTS_SUPPORT_HISTORY_H
#define TESTS_SUPPORT_HISTORY_H

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "lib/batch.h"
#include "lib/entry.h"
#include "lib/merkle.h"
#include "lib/note.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define HISTORY_BOOT "00000000-0000-4000-8000-000000000000"
#define HISTORY_WALL_US INT64_C(1767225600000000) /* 2026-01-01 */

struct history {
	struct seal_key *key;
	struct vkey vkey;
	char text[NOTE_NAME_MAX + 128]; /* of the vkey */
	uint32_t gen;
	uint64_t turn; /* entries from fork_at on follow from it, too */
	uint64_t fork_at;
	struct merkle tree; /* of what was last made */
};

static inline void
history_take(struct history *h, struct seal_key *key, const char *name)
{
	OWN(buf_done) struct buf text = {0};
	uint8_t public[SEAL_PUBLIC];

	*h = (struct history){.key = key, .gen = 1, .fork_at = UINT64_MAX};
	seal_key_public(key, public);
	must(vkey_init(&h->vkey, name, NOTE_ED25519, public) == 0);
	buf_init(&text, sizeof h->text);
	vkey_print(&h->vkey, &text);
	must(str_copy_len(h->text, sizeof h->text, text.data, text.len) == 0);
	merkle_init(&h->tree);
}

static inline void
history_new(struct history *h, const char *name)
{
	struct seal_key *key = NULL;

	must(seal_key_new(&key) == 0);
	history_take(h, key, name);
}

static inline void
history_done(struct history *h)
{
	seal_key_free(h->key);
	h->key = NULL;
}

static inline void
history_entry(const struct history *h, uint64_t seq, struct entry *out)
{
	char text[128];
	uint8_t seed[ENTRY_SEED_LEN];
	uint64_t turn = seq >= h->fork_at ? h->turn : 0;
	struct stamp at = {.boot_us = seq * 1000,
	    .wall_us = HISTORY_WALL_US + (int64_t)seq * 1000};
	const struct entry_place place = {
	    .seq = seq, .gen = h->gen, .boot = HISTORY_BOOT, .seed = seed};
	struct draft d;

	must(str_format(text, sizeof text, "%" PRIu32 "/%" PRIu64 "/%" PRIu64,
		 h->gen, turn, seq) == 0);
	seal_sha256(text, strlen(text), seed);
	draft_init(&d, "file", at);
	draft_text(&d, "op", "read");
	draft_text(&d, "provider", "acme");
	draft_text(&d, "person", seq % 2 == 0 ? "ann" : "bob");
	draft_text(&d, "grade", "key");
	draft_text(&d, "account", "deploy");
	draft_text(&d, "exe", "/usr/bin/less");
	must(str_format(text, sizeof text, "/srv/data/%" PRIu64 "-%" PRIu64,
		 turn, seq % 1000) == 0);
	draft_text(&d, "path", text);
	draft_uint(&d, "count", 1 + seq % 3);
	must(draft_error(&d) == 0);
	must(entry_seal(&d, &place, out) == 0);
	draft_done(&d);
}

static inline void
history_add(struct history *h, const struct entry *e)
{
	uint8_t leaf[SEAL_HASH];

	merkle_leaf(e->leaf.data, e->leaf.len, leaf);
	merkle_append(&h->tree, leaf);
}

/* The checkpoint of the tree as it is, signed. */
static inline void
history_note(const struct history *h, struct buf *note)
{
	OWN(buf_done) struct buf body = {0};
	struct checkpoint c = {.size = h->tree.size};

	must(str_copy(c.origin, sizeof c.origin, h->vkey.name) == 0);
	merkle_root(&h->tree, c.root);
	buf_init(&body, 4096);
	buf_init(note, NOTE_MAX);
	checkpoint_print(&c, &body);
	must(note_sign(body.data, body.len, &h->vkey, h->key, note) == 0);
}

/* Brings the tree to @first, from the start if it is past it. */
static inline void
history_seek(struct history *h, uint64_t first)
{
	if (h->tree.size > first)
		merkle_init(&h->tree);
	while (h->tree.size < first) {
		struct entry e = {0};

		history_entry(h, h->tree.size, &e);
		history_add(h, &e);
		entry_done(&e);
	}
}

/* The batch of entries [first, first + count), as it is on the wire. */
static inline void
history_batch(
    struct history *h, uint64_t first, uint32_t count, struct buf *packed)
{
	OWN(buf_done) struct buf plain = {0};
	OWN(buf_done) struct buf note = {0};

	history_seek(h, first);
	buf_init(&plain, BATCH_BYTES_MAX);
	batch_begin(&plain, h->vkey.name, h->gen, first, count);
	for (uint32_t i = 0; i < count; i++) {
		struct entry e = {0};

		history_entry(h, first + i, &e);
		history_add(h, &e);
		batch_entry(&plain, &e);
		entry_done(&e);
	}
	history_note(h, &note);
	batch_end(&plain, note.data, note.len);
	must(buf_error(&plain) == 0);
	buf_init(packed, (size_t)BATCH_BYTES_MAX + 65536);
	must(batch_pack(plain.data, plain.len, packed) == 0);
}

#endif
