/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/selftest.c */
/*
 * selftest_test - what is planted, when, and what is told of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/selftest.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define S UINT64_C(1000000)

struct scene {
	struct selftest *t;
	char dir[64], none[80];
	const char *dirs[2];
	struct stamp now;
	unsigned expected, ended;
	char name[SELFTEST_NAME_MAX];
	struct selftest_result last;
	char why[256];
};

static bool
on_expect(void *ctx, pid_t pid, const char *name)
{
	struct scene *s = ctx;

	assert_true(pid > 0);
	must(str_copy(s->name, sizeof s->name, name) == 0);
	s->expected++;
	return true;
}

static void
on_ended(void *ctx, const struct selftest_result *r)
{
	struct scene *s = ctx;

	s->last = *r;
	must(str_copy(s->why, sizeof s->why, r->why) == 0);
	s->ended++;
}

static int
set_up(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	struct selftest_calls calls = {s, on_expect, on_ended};

	assert_non_null(s);
	must(str_copy(s->dir, sizeof s->dir, "/tmp/selftest-XXXXXX") == 0);
	assert_non_null(mkdtemp(s->dir));
	must(str_format(s->none, sizeof s->none, "%s/none", s->dir) == 0);
	s->dirs[0] = s->none;
	s->dirs[1] = s->dir;
	s->now = (struct stamp){1000 * S, (int64_t)(1700000000 * S)};
	clock_fix(&s->now);
	assert_int_equal(selftest_new(&calls, &s->t), 0);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *s = *state;

	selftest_free(s->t);
	clock_fix(NULL);
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

static void
pass(struct scene *s, uint64_t seconds)
{
	s->now.boot_us += seconds * S;
	s->now.wall_us += (int64_t)(seconds * S);
	clock_fix(&s->now);
	selftest_tick(s->t, s->dirs, 2);
}

static unsigned
files(const struct scene *s)
{
	DIR *d = opendir(s->dir);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] == '.' && strlen(e->d_name) > 2 ? 1 : 0;
	closedir(d);
	return n;
}

/* The other process does it when it gets to it. */
static void
until_files(struct scene *s, unsigned n)
{
	while (files(s) != n)
		(void)poll(NULL, 0, 5);
	/* What has ended is reaped. */
	selftest_tick(s->t, s->dirs, 2);
}

/* Ticks in a time that stands until another process has done its part. */
static void
until(struct scene *s, const unsigned *counter, unsigned n)
{
	while (*counter != n) {
		selftest_tick(s->t, s->dirs, 2);
		(void)poll(NULL, 0, 5);
	}
}

static void
plant(struct scene *s)
{
	selftest_settle(s->t);
	pass(s, 5);
	assert_int_equal(s->expected, 1);
	selftest_word(s->t, false);
	until_files(s, 1);
}

static void
test_nothing_before_it_is_time(void **state)
{
	struct scene *s = *state;

	pass(s, 100000);
	assert_int_equal(s->expected, 0);
	selftest_settle(s->t);
	pass(s, 4);
	assert_int_equal(s->expected, 0);
	selftest_tick(s->t, s->dirs, 0);
	pass(s, 1);
	assert_int_equal(s->expected, 1);
	/* Record does not know yet what to expect. */
	assert_int_equal(files(s), 0);
}

static void
test_what_is_found_is_ok(void **state)
{
	struct scene *s = *state;
	char path[256], text[128] = "";
	unsigned sum = 0;
	const char *card;

	plant(s);
	assert_int_equal(
	    strncmp(s->name, SELFTEST_NAME, strlen(SELFTEST_NAME)), 0);
	assert_null(strpbrk(s->name, "0123456789"));
	must(str_format(path, sizeof path, "%s/%s", s->dir, s->name) == 0);
	/* The file is there before it is filled. */
	do {
		OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_true(read(fd, text, sizeof text - 1) >= 0);
	} while (strchr(text, ',') == NULL);
	card = strpbrk(text, "0123456789");
	assert_non_null(card);
	assert_int_equal(strspn(card, "0123456789"), 16);
	for (size_t i = 0; i < 16; i++) {
		unsigned v = (unsigned)(card[15 - i] - '0');

		v = i % 2 == 1 ? v * 2 : v;
		sum += v > 9 ? v - 9 : v;
	}
	assert_int_equal(sum % 10, 0);

	s->now.boot_us += 250000;
	clock_fix(&s->now);
	selftest_word(s->t, true);
	assert_int_equal(s->ended, 1);
	assert_int_equal(s->last.end, SELFTEST_OK);
	assert_int_equal(s->last.ms, 250);
	until_files(s, 0);
	/* Once more is not another one. */
	selftest_word(s->t, true);
	assert_int_equal(s->ended, 1);
}

static void
test_the_next_comes_at_a_random_time(void **state)
{
	struct scene *s = *state;

	plant(s);
	selftest_word(s->t, true);
	until_files(s, 0);
	pass(s, 59);
	assert_int_equal(s->expected, 1);
	s->now.boot_us += (1140 - 59) * S;
	clock_fix(&s->now);
	until(s, &s->expected, 2);
}

static void
test_what_is_missed_twice_has_failed(void **state)
{
	struct scene *s = *state;

	plant(s);
	pass(s, 31);
	assert_int_equal(s->ended, 0);
	until_files(s, 0);
	until(s, &s->expected, 2);
	selftest_word(s->t, false);
	until_files(s, 1);
	pass(s, 31);
	assert_int_equal(s->ended, 1);
	assert_int_equal(s->last.end, SELFTEST_FAILED);
	assert_string_equal(s->why, "what was planted was not found");
	assert_int_equal(s->last.since_us, (int64_t)(1700000000 * S));
	until_files(s, 0);
}

static void
test_record_that_does_not_answer(void **state)
{
	struct scene *s = *state;

	selftest_settle(s->t);
	pass(s, 5);
	pass(s, 31);
	until(s, &s->expected, 2);
	pass(s, 31);
	assert_int_equal(s->last.end, SELFTEST_FAILED);
	assert_string_equal(s->why, "the log's process did not answer");
	assert_int_equal(files(s), 0);
}

static void
test_nowhere_to_plant(void **state)
{
	struct scene *s = *state;

	s->dirs[1] = s->none;
	selftest_settle(s->t);
	pass(s, 5);
	selftest_word(s->t, false);
	until(s, &s->ended, 1);
	assert_int_equal(s->last.end, SELFTEST_IMPOSSIBLE);
	assert_non_null(strstr(s->why, strerror(ENOENT)));
}

static void
test_held_it_says_nothing(void **state)
{
	struct scene *s = *state;

	plant(s);
	selftest_hold(s->t);
	until_files(s, 0);
	selftest_word(s->t, true);
	pass(s, 100000);
	assert_int_equal(s->ended, 0);
	assert_int_equal(s->expected, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    TEST(test_nothing_before_it_is_time),
	    TEST(test_what_is_found_is_ok),
	    TEST(test_the_next_comes_at_a_random_time),
	    TEST(test_what_is_missed_twice_has_failed),
	    TEST(test_record_that_does_not_answer),
	    TEST(test_nowhere_to_plant),
	    TEST(test_held_it_says_nothing),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
