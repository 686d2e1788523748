/* SPDX-License-Identifier: Apache-2.0 */
/* links: collector/heads.c */
/*
 * heads_test - a log's signed head only ever grows, by hashes that lead to it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/heads.h"
#include "lib/merkle.h"
#include "lib/str.h"

#include "lib/own.h"

#define LEAVES 40

struct world {
	char dir[64], path[96];
	struct heads *heads;
	uint8_t hashes[LEAVES * SEAL_HASH];
	uint8_t roots[LEAVES + 1][SEAL_HASH];
};

static void
fill(struct world *w, uint8_t salt, size_t from)
{
	struct merkle m;

	merkle_init(&m);
	for (size_t i = 0; i < LEAVES; i++) {
		uint8_t leaf[2] = {(uint8_t)i, i >= from ? salt : 0};

		merkle_root(&m, w->roots[i]);
		merkle_leaf(leaf, sizeof leaf, w->hashes + i * SEAL_HASH);
		merkle_append(&m, w->hashes + i * SEAL_HASH);
	}
	merkle_root(&m, w->roots[LEAVES]);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	must(w != NULL);
	*state = w;
	must(str_copy(w->dir, sizeof w->dir, "/tmp/heads_test.XXXXXX") == 0);
	if (mkdtemp(w->dir) == NULL)
		return -1;
	must(str_format(w->path, sizeof w->path, "%s/h.db", w->dir) == 0);
	fill(w, 0, 0);
	return heads_open(w->path, &w->heads, NULL);
}

static int
teardown(void **state)
{
	static const char *const ENDS[] = {"", "-wal", "-shm"};
	struct world *w = *state;
	char path[128];

	heads_close(w->heads);
	for (size_t i = 0; i < ARRAY_LEN(ENDS); i++) {
		must(str_format(path, sizeof path, "%s%s", w->path, ENDS[i]) ==
		     0);
		(void)unlink(path);
	}
	(void)rmdir(w->dir);
	free(w);
	return 0;
}

/* Asks for [first, end); with the root of @end unless @blind. */
static int
grow(struct world *w, const char *log, size_t first, size_t end, bool blind,
    uint64_t *size)
{
	const struct heads_ask a = {.log = log,
	    .gen = 1,
	    .first = first,
	    .hashes = w->hashes + first * SEAL_HASH,
	    .count = end - first,
	    .root = blind ? NULL : w->roots[end]};
	int r;

	*size = 0;
	assert_int_equal(heads_begin(w->heads), 0);
	r = heads_grow(w->heads, &a, size);
	assert_int_equal(heads_commit(w->heads), 0);
	return r;
}

static void
reopen(struct world *w)
{
	heads_close(w->heads);
	w->heads = NULL;
	assert_int_equal(heads_open(w->path, &w->heads, NULL), 0);
}

static void
grows(void **state)
{
	struct world *w = *state;
	uint64_t size;

	for (size_t n = 0; n < LEAVES; n++) {
		assert_int_equal(grow(w, "a", n, n + 1, false, &size), 0);
		assert_int_equal(size, n + 1);
		if (n % 7 == 0)
			reopen(w);
	}
	/* Another log begins at its own start. */
	assert_int_equal(grow(w, "b", 0, 5, false, &size), 0);
	assert_int_equal(size, 5);
}

static void
tells_what_is_missing(void **state)
{
	struct world *w = *state;
	uint64_t size;

	assert_int_equal(grow(w, "a", 3, 5, false, &size), -ERANGE);
	assert_int_equal(size, 0);
	assert_int_equal(grow(w, "a", 0, 10, false, &size), 0);
	assert_int_equal(grow(w, "a", 12, 20, false, &size), -ERANGE);
	assert_int_equal(size, 10);
	/* Overlapping what is held. */
	assert_int_equal(grow(w, "a", 4, 20, false, &size), 0);
	assert_int_equal(size, 20);
	/* Without a root, to catch up. */
	assert_int_equal(grow(w, "a", 20, 30, true, &size), 0);
	assert_int_equal(size, 30);
	assert_int_equal(grow(w, "a", 30, 30, false, &size), 0);
}

static void
does_not_go_back(void **state)
{
	struct world *w = *state;
	uint64_t size;

	assert_int_equal(grow(w, "a", 0, 20, false, &size), 0);
	assert_int_equal(grow(w, "a", 0, 10, false, &size), -EEXIST);
	assert_int_equal(size, 20);
	assert_int_equal(grow(w, "a", 0, 20, false, &size), 0);
	reopen(w);
	assert_int_equal(grow(w, "a", 5, 19, false, &size), -EEXIST);
	assert_int_equal(size, 20);
}

static void
refuses_another_history(void **state)
{
	struct world *w = *state;
	uint64_t size;

	assert_int_equal(grow(w, "a", 0, 20, false, &size), 0);
	fill(w, 9, 15);
	assert_int_equal(grow(w, "a", 0, 20, false, &size), -EBADMSG);
	assert_int_equal(grow(w, "a", 20, 25, false, &size), -EBADMSG);
	assert_int_equal(grow(w, "a", 0, 25, false, &size), -EBADMSG);
	reopen(w);
	/* What was refused left no trace. */
	fill(w, 0, 0);
	assert_int_equal(grow(w, "a", 20, 25, false, &size), 0);
	assert_int_equal(size, 25);
}

/* What was not committed was not signed, and is not remembered. */
static void
rolls_back(void **state)
{
	struct world *w = *state;
	const struct heads_ask a = {.log = "a",
	    .gen = 1,
	    .hashes = w->hashes,
	    .count = 10,
	    .root = w->roots[10]};
	uint64_t size;

	assert_int_equal(heads_begin(w->heads), 0);
	assert_int_equal(heads_grow(w->heads, &a, &size), 0);
	heads_rollback(w->heads);
	assert_int_equal(grow(w, "a", 5, 10, false, &size), -ERANGE);
	assert_int_equal(size, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(grows), T(tells_what_is_missing),
	    T(does_not_go_back), T(refuses_another_history), T(rolls_back)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
