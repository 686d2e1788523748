/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex_test - limits of a match are hit, told apart from "no match", and
 * leave the room good for the next one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/regex.h"

#include "lib/own.h"

static void
regex_freep(struct regex **r)
{
	regex_free(*r);
}

static void
room_freep(struct regex_room **r)
{
	regex_room_free(*r);
}

/*
 * What a pattern makes of an 'x', @n bytes of @c, and @last. A '!' stands behind:
 * a text without one would be no match at once.
 */
static int
look(const char *pattern, size_t n, uint8_t c, uint8_t last)
{
	OWN(regex_freep) struct regex *r = NULL;
	OWN(room_freep) struct regex_room *room = NULL;
	OWN_MEM uint8_t *text = malloc(n + 3);
	struct regex_match m;
	struct diag why = {""};
	int found;

	assert_non_null(text);
	memset(text, c, n + 2);
	text[n + 2] = '!';
	text[0] = 'x';
	text[n + 1] = last;
	assert_int_equal(regex_new(pattern, &r, &why), 0);
	assert_int_equal(regex_room_new(&room), 0);
	found = regex_find(r, room, text, n + 3, 0, n + 2, &m);
	/* Whatever came of it, an easy text is matched as ever. */
	assert_int_equal(
	    regex_find(r, room, (const uint8_t *)"xaa!", 4, 0, 3, &m), 1);
	assert_int_equal(m.to[0], 4);
	return found;
}

/* 2^40 ways to part forty letters: the limit of the match. */
static void
test_match_limit(void **state UNUSED)
{
	assert_int_equal(look("x(?:a|aa){1,100}!", 60, 'a', '?'), REGEX_LIMIT);
	assert_int_equal(look("x(?:a|aa){1,100}!", 60, 'a', '!'), 1);
	assert_int_equal(look("x(?:a|aa){1,100}!", 8, 'a', '?'), 0);
	assert_int_equal(look("x(?:a+)+!", 60, 'a', '?'), REGEX_LIMIT);
}

/* A megabyte of turns, each to be come back to: the stack of JIT's code, or
 * the heap of the interpreter. */
static void
test_stack_limit(void **state UNUSED)
{
	assert_int_equal(look("x(?:(a|b))*!", 1000000, 'a', '?'), REGEX_LIMIT);
	assert_int_equal(look("x(?:(a|b))*!", 1000, 'a', '?'), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_match_limit),
	    cmocka_unit_test(test_stack_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
