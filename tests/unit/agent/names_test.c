/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/memo.c */
/*
 * names_test - no draft leaves with a name that no inspector has masked.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names.h"
#include "lib/str.h"

#include "lib/own.h"

/* What was submitted, and what came out. */
static uint64_t jobs[16];
static char asked[16][256];
static size_t njobs;
static bool refuse;
static char out_path[16][256], out_exe[16][256];
static size_t nout;

int
hub_submit(struct hub *h UNUSED, uint64_t job, int fd, uint64_t max UNUSED,
    const void *name, size_t len)
{
	assert_int_equal(fd, -1);
	if (refuse)
		return -ENOBUFS;
	jobs[njobs] = job;
	assert_int_equal(
	    str_copy_len(asked[njobs], sizeof asked[0], name, len), 0);
	njobs++;
	return 0;
}

static void
field_of(const struct draft *d, const char *name, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < d->nfields; i++)
		if (str_eq(d->fields[i].name, name))
			assert_int_equal(
			    str_copy_len(
				out, size, d->fields[i].text, d->fields[i].len),
			    0);
}

void
outbox_put(struct outbox *o UNUSED, struct draft *d)
{
	assert_int_equal(draft_error(d), 0);
	field_of(d, "path", out_path[nout], sizeof out_path[0]);
	field_of(d, "exe", out_exe[nout], sizeof out_exe[0]);
	nout++;
	draft_done(d);
}

static int
setup(void **state)
{
	struct names *n;

	njobs = nout = 0;
	refuse = false;
	assert_int_equal(names_new(NULL, NULL, &n), 0);
	*state = n;
	return 0;
}

static int
teardown(void **state)
{
	names_free(*state);
	return 0;
}

static void
put(struct names *n, const char *path, const char *exe)
{
	const struct raw_name raws[] = {
	    {"path", path, strlen(path)}, {"exe", exe, strlen(exe)}};
	struct draft d;

	draft_init(&d, "file", clock_now());
	draft_text(&d, "op", "open");
	names_put(n, &d, raws, 2);
}

static void
answer(struct names *n, size_t i, char *masked)
{
	const struct outcome o = {.name = masked};

	names_done(n, jobs[i], &o);
}

static void
test_waits_for_both(void **state)
{
	struct names *n = *state;

	put(n, "/srv/4111", "/bin/cat");
	assert_int_equal(njobs, 1);
	assert_string_equal(asked[0], "/srv/4111");
	assert_int_equal(names_waiting(n), 1);
	answer(n, 0, (char[]){"/srv/[pan]"});
	assert_int_equal(nout, 0);
	assert_string_equal(asked[1], "/bin/cat");
	answer(n, 1, (char[]){"/bin/cat"});
	assert_int_equal(nout, 1);
	assert_string_equal(out_path[0], "/srv/[pan]");
	assert_string_equal(out_exe[0], "/bin/cat");
	assert_int_equal(names_waiting(n), 0);
}

static void
test_known_needs_no_job(void **state)
{
	struct names *n = *state;

	names_learn(n, "/a", 2, "/masked");
	names_learn(n, "/b", 2, "/b");
	put(n, "/a", "/b");
	assert_int_equal(njobs, 0);
	assert_string_equal(out_path[0], "/masked");
	/* Another set of rules: it is asked for again. */
	names_forget(n);
	put(n, "/a", "/b");
	assert_int_equal(njobs, 1);
	assert_int_equal(nout, 1);
}

static void
test_one_job_for_many(void **state)
{
	struct names *n = *state;

	names_learn(n, "/b", 2, "/b");
	for (int i = 0; i < 5; i++)
		put(n, "/a", "/b");
	assert_int_equal(njobs, 1);
	assert_true((jobs[0] & NAMES_JOB) != 0);
	answer(n, 0, (char[]){"/x"});
	assert_int_equal(nout, 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(out_path[i], "/x");
}

static void
test_failure_hides_the_name(void **state)
{
	struct names *n = *state;
	const struct outcome died = {.failed = true};

	put(n, "/secret", "");
	names_done(n, jobs[0], &died);
	assert_int_equal(nout, 1);
	assert_string_equal(out_path[0], "[not examined]");
	assert_string_equal(out_exe[0], "");
	refuse = true;
	put(n, "/other", "");
	assert_int_equal(nout, 2);
	assert_string_equal(out_path[1], "[not examined]");
}

static void
test_unknown_answer(void **state)
{
	const struct outcome o = {.name = (char[]){"x"}};

	names_done(*state, NAMES_JOB | 77, &o);
	assert_int_equal(nout, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_waits_for_both, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_known_needs_no_job, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_one_job_for_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_failure_hides_the_name, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_unknown_answer, setup, teardown),
	};

	return cmocka_run_group_tests_name("agent/names", tests, NULL, NULL);
}
