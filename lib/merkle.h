/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle - the RFC 6962 tree: append, root, proofs.
 *
 * Owns: the hashing of section 2.1 and the compact frontier: at most 64
 * hashes, whatever the size. Never: stores leaves.
 */
#ifndef LIB_MERKLE_H
#define LIB_MERKLE_H

#include <stdint.h>

#include "lib/own.h"
#include "lib/seal.h"

struct merkle {
	uint64_t size;
	/* roots of the complete subtrees, largest first: popcount(size) */
	uint8_t frontier[64][SEAL_HASH];
};

void merkle_init(struct merkle *m);
void merkle_leaf(const void *data, size_t len, uint8_t out[SEAL_HASH]);
/* merkle_append - adds a leaf hash; O(1) amortised. */
void merkle_append(struct merkle *m, const uint8_t leaf[SEAL_HASH]);
void merkle_root(const struct merkle *m, uint8_t out[SEAL_HASH]);

/* A leaf hash by index, for making proofs; 0 or negative errno. */
typedef int merkle_leaf_fn(void *ctx, uint64_t index, uint8_t out[SEAL_HASH]);
/* Proofs of sections 2.1.1 and 2.1.2; @max hashes at most, *n are written. */
int merkle_inclusion(merkle_leaf_fn *leaf, void *ctx, uint64_t index,
    uint64_t size, uint8_t (*out)[SEAL_HASH], size_t max, size_t *n) MUST_CHECK;
int merkle_consistency(merkle_leaf_fn *leaf, void *ctx, uint64_t size1,
    uint64_t size2, uint8_t (*out)[SEAL_HASH], size_t max,
    size_t *n) MUST_CHECK;
/* Verification after RFC 9162 sections 2.1.3.2 and 2.1.4.2: 0 or -EBADMSG. */
int merkle_check_inclusion(const uint8_t leaf[SEAL_HASH], uint64_t index,
    uint64_t size, uint8_t (*proof)[SEAL_HASH], size_t n,
    const uint8_t root[SEAL_HASH]) MUST_CHECK;
int merkle_check_consistency(uint64_t size1, uint64_t size2,
    uint8_t (*proof)[SEAL_HASH], size_t n, const uint8_t root1[SEAL_HASH],
    const uint8_t root2[SEAL_HASH]) MUST_CHECK;

#endif
