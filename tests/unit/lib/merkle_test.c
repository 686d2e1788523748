/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle_test - known hashes, and every proof of small trees.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/merkle.h"
#include "lib/str.h"

#include "lib/own.h"

#define TREE_MAX 33

static uint8_t leaves[TREE_MAX][SEAL_HASH];
static uint8_t roots[TREE_MAX + 1][SEAL_HASH];

static int
get(void *ctx UNUSED, uint64_t i, uint8_t out[SEAL_HASH])
{
	assert_true(i < TREE_MAX);
	memcpy(out, leaves[i], SEAL_HASH);
	return 0;
}

static int
setup(void **state UNUSED)
{
	struct merkle m;

	merkle_init(&m);
	merkle_root(&m, roots[0]);
	for (uint8_t i = 0; i < TREE_MAX; i++) {
		merkle_leaf(&i, 1, leaves[i]);
		merkle_append(&m, leaves[i]);
		merkle_root(&m, roots[i + 1]);
	}
	return 0;
}

static void
test_known(void **state UNUSED)
{
	uint8_t empty[SEAL_HASH], two[1 + 2 * SEAL_HASH], want[SEAL_HASH];
	char hex[2 * SEAL_HASH + 1];

	/* RFC 6962 section 2.1: the empty tree is SHA-256 of nothing. */
	str_hex(hex, roots[0], SEAL_HASH);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b"
				 "934ca495991b7852b855");
	/* SHA-256 of one zero byte: the leaf that holds nothing. */
	merkle_leaf("", 0, empty);
	str_hex(hex, empty, SEAL_HASH);
	assert_string_equal(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb337"
				 "38768511a30617afa01d");
	assert_memory_equal(roots[1], leaves[0], SEAL_HASH);
	two[0] = 1;
	memcpy(two + 1, leaves[0], SEAL_HASH);
	memcpy(two + 1 + SEAL_HASH, leaves[1], SEAL_HASH);
	seal_sha256(two, sizeof two, want);
	assert_memory_equal(roots[2], want, SEAL_HASH);
}

static void
test_inclusion(void **state UNUSED)
{
	uint8_t proof[64][SEAL_HASH];
	size_t n;

	for (uint64_t size = 1; size <= TREE_MAX; size++) {
		for (uint64_t i = 0; i < size; i++) {
			assert_int_equal(
			    merkle_inclusion(get, NULL, i, size, proof, 64, &n),
			    0);
			assert_int_equal(merkle_check_inclusion(leaves[i], i,
					     size, proof, n, roots[size]),
			    0);
			assert_int_equal(merkle_check_inclusion(leaves[i], i,
					     size, proof, n, roots[size - 1]),
			    -EBADMSG);
			if (n == 0)
				continue;
			assert_int_equal(merkle_check_inclusion(leaves[i], i,
					     size, proof, n - 1, roots[size]),
			    -EBADMSG);
			proof[n - 1][0] ^= 1;
			assert_int_equal(merkle_check_inclusion(leaves[i], i,
					     size, proof, n, roots[size]),
			    -EBADMSG);
		}
		assert_int_equal(
		    merkle_inclusion(get, NULL, size, size, proof, 64, &n),
		    -EINVAL);
	}
}

static void
test_consistency(void **state UNUSED)
{
	uint8_t proof[64][SEAL_HASH];
	size_t n;

	for (uint64_t b = 1; b <= TREE_MAX; b++) {
		for (uint64_t a = 1; a <= b; a++) {
			assert_int_equal(
			    merkle_consistency(get, NULL, a, b, proof, 64, &n),
			    0);
			assert_int_equal(merkle_check_consistency(a, b, proof,
					     n, roots[a], roots[b]),
			    0);
			assert_int_equal(merkle_check_consistency(a, b, proof,
					     n, roots[a - 1], roots[b]),
			    -EBADMSG);
			assert_int_equal(merkle_check_consistency(a, b, proof,
					     n, roots[a], roots[b - 1]),
			    -EBADMSG);
			if (n > 0)
				assert_int_equal(
				    merkle_check_consistency(
					a, b, proof, n - 1, roots[a], roots[b]),
				    -EBADMSG);
		}
	}
	assert_int_equal(
	    merkle_consistency(get, NULL, 3, 2, proof, 64, &n), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known),
	    cmocka_unit_test(test_inclusion),
	    cmocka_unit_test(test_consistency),
	};

	return cmocka_run_group_tests_name("lib/merkle", tests, setup, NULL);
}
