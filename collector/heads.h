/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heads - how far each log was signed: the memory that makes a signature on a
 * second history impossible.
 */
#ifndef COLLECTOR_HEADS_H
#define COLLECTOR_HEADS_H

#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"
#include "lib/seal.h"

struct heads;

int heads_open(
    const char *path, struct heads **out, struct diag *why) MUST_CHECK;
void heads_close(struct heads *h);
void heads_closep(struct heads **h);
/* Group commit: what is signed between them may leave only after commit. */
int heads_begin(struct heads *h) MUST_CHECK;
int heads_commit(struct heads *h) MUST_CHECK;
void heads_rollback(struct heads *h);

/* A question: may the log be signed at first + count with this root? */
struct heads_ask {
	const char *log; /* its vkey */
	uint32_t gen;
	uint64_t first;
	const uint8_t *hashes; /* leaf hashes from first on */
	size_t count;
	const uint8_t *root; /* SEAL_HASH bytes, or NULL: only grow */
};

/*
 * heads_grow - appends what is new of @hashes to the head that is held and
 * compares the root; keeps the new head if it fits.
 * @size: receives the size that is held then.
 * Returns 0 (the head is at first + count with that root), -ERANGE (first is
 * behind what is held), -EEXIST (first + count is before it), -EBADMSG
 * (another root: never to be signed), or the database's error.
 */
int heads_grow(
    struct heads *h, const struct heads_ask *a, uint64_t *size) MUST_CHECK;

#endif
