/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inner - what the files of the record room share; nobody else includes it.
 */
#ifndef AGENT_RECORD_INNER_H
#define AGENT_RECORD_INNER_H

#include "agent/record/record.h"
#include "lib/clock.h"
#include "lib/ledger.h"
#include "lib/note.h"
#include "lib/seal.h"

#define DIR_MAX 4000

/* ---- keys.c ---- */

struct keys {
	struct seal_key *key;
	struct vkey vkey;
};

/* keys_open - reads or makes log.key and log.vkey; -ENOKEY with a sentence if
 * there is a log whose key is gone. */
int keys_open(const char *dir, const char *host, struct keys *out,
    struct diag *why) MUST_CHECK;
void keys_close(struct keys *k);
/* keys_sign - a ledger_sign_fn with a struct keys as ctx. */
int keys_sign(void *ctx, const void *body, size_t len, struct buf *note);
/* keys_cosign - reads cosign.vkey; -ENOKEY if there is none. */
int keys_cosign(const char *dir, struct vkey *out, struct diag *why) MUST_CHECK;

/* ---- tag.c ---- */

struct tag {
	int fd;
	int64_t day; /* since 1970, UTC */
	uint8_t key[RECORD_TAG_KEY];
};

int tag_open(const char *dir, int64_t wall_us, struct tag *t,
    struct diag *why) MUST_CHECK;
void tag_close(struct tag *t);
/* tag_advance - 1 if the day is another one now, 0 if not, or -errno. */
int tag_advance(struct tag *t, int64_t wall_us) MUST_CHECK;

/* ---- record.c ---- */

/* One draft of the open group. */
struct item {
	char source[RECORD_SOURCE_MAX]; /* "": our own */
	uint64_t epoch, number;
	struct draft d;
	bool spoilt; /* cannot become an entry */
};

/* Drafts that were not kept, and are not told yet. */
struct loss {
	uint64_t lost;
	char reason[64];
	struct stamp from, to;
	uint64_t told_us;
};

struct record {
	char dir[DIR_MAX];
	char path[DIR_MAX + 16]; /* of the log */
	struct keys keys;
	struct tag tag;
	struct ledger *ledger; /* may be dead; never NULL */
	struct item *items; /* the open group */
	size_t nitems;
	size_t group_bytes; /* about what it will be in a batch */
	uint64_t group_us; /* when its first draft came */
	bool stalled; /* the disk is full, or no generation can begin */
	bool told_full; /* the caller knows */
	uint64_t retry_us;
	uint64_t signed_us; /* when the last checkpoint was made or tried */
	uint64_t space_us; /* when free space was last asked for */
	bool low; /* bulk is refused */
	struct loss loss;
	unsigned events;
	struct diag error;
	/* supply.c: the generation that ship gets, and its file if it ended. */
	bool supplying; /* @supply_gen is chosen */
	bool resume; /* @supply_gen was, until a new generation began */
	uint32_t supply_gen;
	struct ledger *supply;
};

/* record_renew - begins a new generation, with @reason as its first entry. */
int record_renew(struct record *r, const char *reason) MUST_CHECK;
/* record_tell_loss - one draft of ours, behind what is in the group. */
void record_tell_loss(struct record *r, const char *reason, uint64_t lost);

/* ---- supply.c ---- */

void supply_close(struct record *r);

#endif
