/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger - a durable log: entries, their disclosures, tree, checkpoints and
 * receipts in one SQLite file. The agent's record room and the collector's
 * store each keep one.
 *
 * The schema stands at the head of ledger.c. After a failed fsync a ledger is
 * dead: every call that writes returns -EIO, and the caller opens a new
 * generation with ledger_renew. Generation 0 is the file PATH, generation N the
 * file PATH.N; the one with the greatest number is the log's present one.
 */
#ifndef LIB_LEDGER_H
#define LIB_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/entry.h"
#include "lib/merkle.h"
#include "lib/note.h"
#include "lib/own.h"

struct ledger;

/* Signs a checkpoint's three lines into a whole note; 0 or negative errno. */
typedef int ledger_sign_fn(
    void *ctx, const void *body, size_t len, struct buf *note);

/*
 * ledger_open - opens the newest generation, or creates the log, at @path.
 * @origin: the log's name in checkpoints; -EINVAL if the file has another.
 * On open the tree is checked against the last checkpoint; a mismatch is
 * -EBADMSG and nothing is changed.
 */
int ledger_open(const char *path, const char *origin, struct ledger **out,
    struct diag *why) MUST_CHECK;
/* ledger_open_read - read-only, for events, status and verify. */
int ledger_open_read(
    const char *path, struct ledger **out, struct diag *why) MUST_CHECK;
/* ledger_open_gen - the same for one generation; -ENOENT if there is none. */
int ledger_open_gen(const char *path, uint32_t gen, struct ledger **out,
    struct diag *why) MUST_CHECK;
/*
 * ledger_renew - begins the generation behind the newest one, which may still
 * be open, and dead. The numbers of its writers go on in the new one. What it
 * holds and its last checkpoint does not cover gets one now, by @sign (see
 * ledger_past). Where it cannot be read the new one knows nothing of it.
 * Returns 0 or negative errno; then nothing began.
 */
int ledger_renew(const char *path, const char *origin, ledger_sign_fn *sign,
    void *ctx, struct ledger **out, struct diag *why) MUST_CHECK;
void ledger_close(struct ledger *l);
void ledger_closep(struct ledger **l);

/* A generation that has ended, as the present one knows it. */
struct ledger_past {
	uint64_t size; /* entries that it holds */
	uint64_t receipted; /* of them */
	uint8_t root[SEAL_HASH];
};

/* ledger_past - @note: empty, or the checkpoint of its end, where the file of
 * that generation does not hold it. 0, or -ENOENT if the ledger does not know
 * that generation. */
int ledger_past(struct ledger *l, uint32_t gen, struct ledger_past *out,
    struct buf *note) MUST_CHECK;
/* ledger_past_receipt - keeps a cosigned note of an ended generation. */
int ledger_past_receipt(struct ledger *l, uint32_t gen, uint64_t size,
    const void *note, size_t len, int64_t wall_us) MUST_CHECK;

uint64_t ledger_size(const struct ledger *l);
uint32_t ledger_gen(const struct ledger *l);
const char *ledger_origin(const struct ledger *l);

/*
 * ledger_begin / ledger_append / ledger_commit - group commit: appends between
 * begin and commit become durable together or not at all.
 * @source, @epoch, @number: who sent it and its running number; an append
 * whose number is not above the last kept one of (source, epoch) is dropped
 * and returns 1 (already kept), so that a writer may repeat after a crash.
 * @source may be NULL. *seq gets the index. 0, 1, or negative errno.
 */
int ledger_begin(struct ledger *l) MUST_CHECK;
int ledger_append(struct ledger *l, const struct draft *d, const char *source,
    uint64_t epoch, uint64_t number, uint64_t *seq) MUST_CHECK;
int ledger_commit(struct ledger *l) MUST_CHECK;
void ledger_rollback(struct ledger *l);
/* ledger_last - the last kept number of a source and epoch, 0 if none. */
int ledger_last(struct ledger *l, const char *source, uint64_t epoch,
    uint64_t *number) MUST_CHECK;

/* ledger_unsigned - entries behind the last checkpoint, those of the open group
 * too, and their bytes in a batch. */
uint64_t ledger_unsigned(const struct ledger *l, size_t *bytes);
/* ledger_dead - true after a write that failed for good. */
bool ledger_dead(const struct ledger *l);

/* ledger_checkpoint - signs and keeps a checkpoint of the committed size; 0 too
 * if there is one already, or no entry. */
int ledger_checkpoint(struct ledger *l, ledger_sign_fn *sign, void *ctx,
    struct diag *why) MUST_CHECK;
/*
 * ledger_note - the checkpoint with the greatest size <= @most and > @above.
 * Returns 0 (and the note and its size) or -ENOENT.
 */
int ledger_note(struct ledger *l, uint64_t above, uint64_t most,
    struct buf *note, uint64_t *size) MUST_CHECK;
/* ledger_root - the root that the checkpoint of @size has; -ENOENT if none. */
int ledger_root(
    struct ledger *l, uint64_t size, uint8_t out[SEAL_HASH]) MUST_CHECK;
/* ledger_receipt - keeps a cosigned note of @size; ledger_receipted - the
 * greatest size with a receipt and when it came, -ENOENT if none. */
int ledger_receipt(struct ledger *l, uint64_t size, const void *note,
    size_t len, int64_t wall_us) MUST_CHECK;
int ledger_receipted(
    struct ledger *l, uint64_t *size, int64_t *wall_us) MUST_CHECK;

/* ledger_read - one entry as stored; -ENOENT behind the end; -EBADMSG if its
 * leaf does not hash to what the tree holds. @out is the caller's to free. */
int ledger_read(struct ledger *l, uint64_t seq, struct entry *out) MUST_CHECK;
/* ledger_leaf - the leaf hash of an entry: a merkle_leaf_fn with @l as ctx. */
int ledger_leaf(void *l, uint64_t seq, uint8_t out[SEAL_HASH]);

#endif
