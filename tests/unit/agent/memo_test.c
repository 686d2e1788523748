/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo_test - the bounded memory: order, replacement, eviction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/memo.h"

#include "lib/own.h"

static int dropped[64];
static size_t ndropped;

static void
drop(void *value)
{
	dropped[ndropped++] = *(int *)value;
	free(value);
}

static struct memo_key
key(int n)
{
	return memo_key(&n, sizeof n);
}

static void
put(struct memo *m, int n, int value)
{
	int *v = malloc(sizeof *v);

	assert_non_null(v);
	*v = value;
	assert_int_equal(memo_put(m, key(n), v), 0);
}

static int
setup(void **state)
{
	struct memo *m;

	ndropped = 0;
	assert_int_equal(memo_new(3, drop, &m), 0);
	*state = m;
	return 0;
}

static void
test_get_and_take(void **state)
{
	struct memo *m = *state;
	int *v;

	put(m, 1, 10);
	put(m, 2, 20);
	assert_int_equal(*(int *)memo_get(m, key(1)), 10);
	assert_null(memo_get(m, key(3)));
	v = memo_take(m, key(1));
	assert_int_equal(*v, 10);
	free(v);
	assert_null(memo_take(m, key(1)));
	assert_int_equal(memo_count(m), 1);
	memo_free(m);
	assert_int_equal(ndropped, 1);
	assert_int_equal(dropped[0], 20);
}

static void
test_oldest_leaves(void **state)
{
	struct memo *m = *state;
	struct memo_key k;

	for (int i = 1; i <= 5; i++)
		put(m, i, i * 10);
	assert_int_equal(memo_count(m), 3);
	assert_int_equal(ndropped, 2);
	assert_int_equal(dropped[0], 10);
	assert_int_equal(dropped[1], 20);
	assert_int_equal(*(int *)memo_oldest(m, &k), 30);
	assert_memory_equal(k.b, key(3).b, sizeof k.b);
	memo_free(m);
	assert_int_equal(ndropped, 5);
}

static void
test_same_key_replaces(void **state)
{
	struct memo *m = *state;
	struct memo_key k;

	put(m, 1, 10);
	put(m, 2, 20);
	put(m, 1, 11);
	assert_int_equal(memo_count(m), 2);
	assert_int_equal(dropped[0], 10);
	/* It came anew, so the other is the oldest. */
	assert_int_equal(*(int *)memo_oldest(m, &k), 20);
	memo_free(m);
}

static void
test_many(void **state)
{
	struct memo *m;

	memo_free(*state);
	assert_int_equal(memo_new(1000, free, &m), 0);
	for (int i = 0; i < 5000; i++)
		put(m, i, i);
	assert_int_equal(memo_count(m), 1000);
	for (int i = 0; i < 5000; i++) {
		int *v = memo_get(m, key(i));

		if (i < 4000)
			assert_null(v);
		else
			assert_int_equal(*v, i);
	}
	memo_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_get_and_take, setup),
	    cmocka_unit_test_setup(test_oldest_leaves, setup),
	    cmocka_unit_test_setup(test_same_key_replaces, setup),
	    cmocka_unit_test_setup(test_many, setup),
	};

	return cmocka_run_group_tests_name("agent/memo", tests, NULL, NULL);
}
