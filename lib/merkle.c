/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle - the RFC 6962 tree: append, root, proofs.
 *
 * Owns: the two hashes of section 2.1 (0x00 before a leaf, 0x01 before two
 * nodes) and the frontier.
 * Never: stores leaves; a proof reads those that it needs, at most all of them.
 */
#include "lib/merkle.h"

#include <errno.h>
#include <string.h>

#include "lib/own.h"

#define PROOF_MAX 64

void
merkle_init(struct merkle *m)
{
	m->size = 0;
}

void
merkle_leaf(const void *data, size_t len, uint8_t out[SEAL_HASH])
{
	struct seal_hash *h;

	must(seal_hash_new(&h) == 0);
	seal_hash_put(h, "\0", 1);
	seal_hash_put(h, data, len);
	seal_hash_end(h, out);
	seal_hash_free(h);
}

static void
node(const uint8_t left[SEAL_HASH], const uint8_t right[SEAL_HASH],
    uint8_t out[SEAL_HASH])
{
	uint8_t both[1 + 2 * SEAL_HASH];

	both[0] = 1;
	memcpy(both + 1, left, SEAL_HASH);
	memcpy(both + 1 + SEAL_HASH, right, SEAL_HASH);
	seal_sha256(both, sizeof both, out);
}

void
merkle_append(struct merkle *m, const uint8_t leaf[SEAL_HASH])
{
	unsigned n = (unsigned)__builtin_popcountll(m->size);

	must(m->size < UINT64_MAX && n < 64);
	memcpy(m->frontier[n++], leaf, SEAL_HASH);
	/* Each low bit of the size is a subtree as large as what comes. */
	for (uint64_t bits = m->size; (bits & 1) != 0; bits >>= 1) {
		must(n >= 2);
		node(
		    m->frontier[n - 2], m->frontier[n - 1], m->frontier[n - 2]);
		n--;
	}
	m->size++;
}

void
merkle_root(const struct merkle *m, uint8_t out[SEAL_HASH])
{
	unsigned n = (unsigned)__builtin_popcountll(m->size);

	if (n == 0) {
		seal_sha256("", 0, out);
		return;
	}
	memcpy(out, m->frontier[n - 1], SEAL_HASH);
	for (unsigned i = n - 1; i-- > 0;)
		node(m->frontier[i], out, out);
}

/* The largest power of two below @n, which is at least 2. */
static uint64_t
split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* MTH of the leaves from @lo up to @hi. */
static int
range(merkle_leaf_fn *leaf, void *ctx, uint64_t lo, uint64_t hi,
    uint8_t out[SEAL_HASH])
{
	struct merkle m;

	merkle_init(&m);
	for (uint64_t i = lo; i < hi; i++) {
		uint8_t h[SEAL_HASH];
		int r = leaf(ctx, i, h);

		if (r != 0)
			return r;
		merkle_append(&m, h);
	}
	merkle_root(&m, out);
	return 0;
}

/* A subtree whose hash belongs to a proof. */
struct piece {
	uint64_t lo, hi;
};

/* The pieces came from the top down; a proof goes from the bottom up. */
static int
write_proof(merkle_leaf_fn *leaf, void *ctx, const struct piece *list,
    size_t count, uint8_t (*out)[SEAL_HASH], size_t max, size_t *n)
{
	if (count > max)
		return -ENOBUFS;
	for (size_t i = 0; i < count; i++) {
		const struct piece *p = &list[count - 1 - i];
		int r = range(leaf, ctx, p->lo, p->hi, out[i]);

		if (r != 0)
			return r;
	}
	*n = count;
	return 0;
}

int
merkle_inclusion(merkle_leaf_fn *leaf, void *ctx, uint64_t index, uint64_t size,
    uint8_t (*out)[SEAL_HASH], size_t max, size_t *n)
{
	struct piece list[PROOF_MAX];
	uint64_t lo = 0, hi = size;
	size_t count = 0;

	if (index >= size)
		return -EINVAL;
	while (hi - lo > 1) {
		uint64_t k = split(hi - lo);

		must(count < PROOF_MAX);
		if (index - lo < k) {
			list[count++] = (struct piece){lo + k, hi};
			hi = lo + k;
		} else {
			list[count++] = (struct piece){lo, lo + k};
			lo += k;
		}
	}
	return write_proof(leaf, ctx, list, count, out, max, n);
}

int
merkle_consistency(merkle_leaf_fn *leaf, void *ctx, uint64_t size1,
    uint64_t size2, uint8_t (*out)[SEAL_HASH], size_t max, size_t *n)
{
	struct piece list[PROOF_MAX + 1];
	uint64_t lo = 0, hi = size2;
	size_t count = 0;

	if (size1 > size2)
		return -EINVAL;
	*n = 0;
	if (size1 == 0 || size1 == size2)
		return 0;
	while (hi != size1) {
		uint64_t k = split(hi - lo);

		must(count < PROOF_MAX);
		if (size1 - lo <= k) {
			list[count++] = (struct piece){lo + k, hi};
			hi = lo + k;
		} else {
			list[count++] = (struct piece){lo, lo + k};
			lo += k;
		}
	}
	/* The old tree itself is known to who checks. */
	if (lo > 0)
		list[count++] = (struct piece){lo, hi};
	return write_proof(leaf, ctx, list, count, out, max, n);
}

int
merkle_check_inclusion(const uint8_t leaf[SEAL_HASH], uint64_t index,
    uint64_t size, uint8_t (*proof)[SEAL_HASH], size_t n,
    const uint8_t root[SEAL_HASH])
{
	uint64_t fn = index, sn = size - 1;
	uint8_t r[SEAL_HASH];

	if (index >= size)
		return -EBADMSG;
	memcpy(r, leaf, sizeof r);
	for (size_t i = 0; i < n; i++) {
		if (sn == 0)
			return -EBADMSG;
		if ((fn & 1) != 0 || fn == sn) {
			node(proof[i], r, r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			node(r, proof[i], r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && seal_equal(r, root, sizeof r) ? 0 : -EBADMSG;
}

int
merkle_check_consistency(uint64_t size1, uint64_t size2,
    uint8_t (*proof)[SEAL_HASH], size_t n, const uint8_t root1[SEAL_HASH],
    const uint8_t root2[SEAL_HASH])
{
	uint64_t fn = size1 - 1, sn = size2 - 1;
	uint8_t fr[SEAL_HASH], sr[SEAL_HASH];
	size_t i = 0;

	if (size1 > size2)
		return -EBADMSG;
	if (size1 == size2)
		return n == 0 && seal_equal(root1, root2, SEAL_HASH) ? 0
								     : -EBADMSG;
	if (size1 == 0)
		return n == 0 ? 0 : -EBADMSG;
	for (; (fn & 1) != 0; fn >>= 1)
		sn >>= 1;
	/* A whole subtree is its own first hash. */
	if ((size1 & (size1 - 1)) == 0)
		memcpy(fr, root1, sizeof fr);
	else if (n > 0)
		memcpy(fr, proof[i++], sizeof fr);
	else
		return -EBADMSG;
	memcpy(sr, fr, sizeof sr);
	for (; i < n; i++) {
		if (sn == 0)
			return -EBADMSG;
		if ((fn & 1) != 0 || fn == sn) {
			node(proof[i], fr, fr);
			node(proof[i], sr, sr);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			node(sr, proof[i], sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && seal_equal(fr, root1, sizeof fr) &&
		       seal_equal(sr, root2, sizeof sr)
		   ? 0
		   : -EBADMSG;
}
