/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources_test - session files come and go, and a log is followed.
 */
#include "agent/who/sources.h"

#include <poll.h>

#include "tests/unit/agent/who/host.h"

#include "lib/own.h"

static char said[32][96]; /* "open ID ACCOUNT", "close ID" */
static size_t nsaid;
static struct sources *s;
static char dir[400], log_path[400];

static void
on_opened(void *ctx UNUSED, const struct session *one)
{
	host_path(said[nsaid], "open %s %s", one->id, one->account);
	nsaid++;
}

static void
on_closed(void *ctx UNUSED, const char *id)
{
	host_path(said[nsaid], "close %s", id);
	nsaid++;
}

static const struct sources_calls CALLS = {
    .opened = on_opened, .closed = on_closed};

static int
setup(void **state UNUSED)
{
	host_up();
	nsaid = 0;
	host_path(dir, "%s/run/sessions", host_dir);
	host_path(log_path, "%s/auth.log", host_dir);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	sources_close(s);
	s = NULL;
	host_down();
	return 0;
}

static void
put_file(const char *name, const char *account)
{
	char path[512], hidden[512], text[256];

	host_path(text, "chaperone-session 1\naccount %s\npid 5\n", account);
	host_path(hidden, "%s/.new", dir);
	host_path(path, "%s/%s", dir, name);
	host_write(hidden, text);
	assert_int_equal(rename(hidden, path), 0);
}

static void
move_file(const char *from, const char *to)
{
	char a[512], b[512];

	host_path(a, "%s/%s", dir, from);
	host_path(b, "%s/%s", dir, to);
	assert_int_equal(rename(a, b), 0);
}

static bool
has_file(const char *name)
{
	char path[512];

	host_path(path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void
test_files(void **state UNUSED)
{
	struct pollfd p;

	/* The directory is made, for root alone. */
	assert_int_equal(sources_open(dir, NULL, &CALLS, &s, NULL), 0);
	assert_true(has_file("."));
	put_file("5-77.open", "ann");
	p = (struct pollfd){.fd = sources_fd(s), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 1);
	assert_string_equal(said[0], "open 5-77 ann");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 1);
	/* Told again beside the next one: the caller knows it. */
	move_file("5-77.open", "5-77.closed");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 3);
	assert_string_equal(said[1], "open 5-77 ann");
	assert_string_equal(said[2], "close 5-77");
	assert_false(has_file("5-77.closed"));
	put_file("6-1.open", "bea");
	assert_int_equal(sources_step(s), 0);
	sources_forget(s, "6-1");
	assert_false(has_file("6-1.open"));
	sources_forget(s, "../6-1");
	sources_forget(s, "");
}

/* A login as short as this is seen all the same. */
static void
test_closed_before_it_was_read(void **state UNUSED)
{
	assert_int_equal(sources_open(dir, NULL, &CALLS, &s, NULL), 0);
	put_file("5-77.open", "ann");
	move_file("5-77.open", "5-77.closed");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 2);
	assert_string_equal(said[0], "open 5-77 ann");
	assert_string_equal(said[1], "close 5-77");
}

static void
test_what_is_there_already(void **state UNUSED)
{
	char parent[400];

	host_path(parent, "%s/run", host_dir);
	assert_int_equal(mkdir(parent, 0755), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	put_file("5-77.open", "ann");
	assert_int_equal(sources_open(dir, NULL, &CALLS, &s, NULL), 0);
	assert_int_equal(nsaid, 1);
}

static void
test_files_that_do_not_count(void **state UNUSED)
{
	char path[512], target[512];

	assert_int_equal(sources_open(dir, NULL, &CALLS, &s, NULL), 0);
	put_file("5-77", "ann");
	put_file(".5-78.open", "ann");
	put_file("5-79.opening", "ann");
	host_path(path, "%s/5-80.open", dir);
	host_write(path, "nonsense\n");
	host_path(target, "%s/target", host_dir);
	host_write(target, "chaperone-session 1\naccount ann\npid 5\n");
	host_path(path, "%s/5-81.open", dir);
	assert_int_equal(symlink(target, path), 0);
	host_path(path, "%s/5-82.open", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	host_path(path,
	    "%s/"
	    "0123456789012345678901234567890123456789"
	    "012345678901234567890123456789.open",
	    dir);
	host_write(path, "chaperone-session 1\naccount ann\npid 5\n");
	assert_int_equal(sources_step(s), 0);
	if (geteuid() == 0) {
		put_file("5-83.open", "ann");
		host_path(path, "%s/5-83.open", dir);
		assert_int_equal(chown(path, 1000, 1000), 0);
	}
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 0);
}

static void
test_directory_of_others(void **state UNUSED)
{
	struct diag why = {""};
	char parent[400];

	host_path(parent, "%s/run", host_dir);
	assert_int_equal(mkdir(parent, 0755), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(sources_open(dir, NULL, &CALLS, &s, &why), -EPERM);
	assert_non_null(strstr(why.text, "only root can write to"));
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(symlink("/tmp", dir), 0);
	assert_int_equal(sources_open(dir, NULL, &CALLS, &s, NULL), -EPERM);
	if (geteuid() != 0)
		return;
	assert_int_equal(unlink(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chown(dir, 1000, 1000), 0);
	assert_int_equal(sources_open(dir, NULL, &CALLS, &s, NULL), -EPERM);
}

/* ---- the log ---- */

#define LINE(pid, name) \
	"Nov 24 15:59:01 server sshd[" pid "]: Accepted password for " name \
	" from 192.0.2.7 port 1 ssh2"

static void
test_log(void **state UNUSED)
{
	char old[400];

	host_write(log_path, "some line\n" LINE("5", "ann") "\n");
	assert_int_equal(sources_open(NULL, log_path, &CALLS, &s, NULL), 0);
	assert_int_equal(nsaid, 1);
	assert_string_equal(said[0], "open  ann");
	/* A line comes in pieces. */
	host_append(log_path, "Nov 24 15:59:01 server sshd[6]: Accepted ");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 1);
	host_append(log_path, "password for bea from 192.0.2.7 port 1 ssh2\n");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 2);
	assert_string_equal(said[1], "open  bea");
	/* Rotated: the writer goes on in the old file for a while. */
	host_path(old, "%s.1", log_path);
	assert_int_equal(rename(log_path, old), 0);
	host_write(log_path, "");
	assert_int_equal(sources_step(s), 0);
	host_append(old, LINE("7", "late") "\n");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 3);
	assert_string_equal(said[2], "open  late");
	host_append(old, LINE("8", "last") "\n");
	host_append(log_path, LINE("9", "fresh") "\n");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 5);
	assert_string_equal(said[3], "open  last");
	assert_string_equal(said[4], "open  fresh");
	/* Cut short in place (copytruncate). */
	host_write(log_path, LINE("10", "x") "\n");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 6);
	assert_string_equal(said[5], "open  x");
}

static void
test_log_that_is_not_there(void **state UNUSED)
{
	char old[400];

	assert_int_equal(sources_open(NULL, log_path, &CALLS, &s, NULL), 0);
	assert_int_equal(sources_step(s), 0);
	host_write(log_path, LINE("5", "ann") "\n");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 1);
	/* Moved away, and not there for a while. */
	host_path(old, "%s.1", log_path);
	assert_int_equal(rename(log_path, old), 0);
	assert_int_equal(sources_step(s), 0);
	host_write(log_path, LINE("6", "bea") "\n");
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 2);
}

static void
test_long_line(void **state UNUSED)
{
	char text[9000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	host_write(log_path, text);
	host_append(log_path, LINE("5", "no") "\n" LINE("6", "yes") "\n");
	assert_int_equal(sources_open(NULL, log_path, &CALLS, &s, NULL), 0);
	assert_int_equal(nsaid, 1);
	assert_string_equal(said[0], "open  yes");
}

/* Of a log of any size no more than its end is read at the start. */
static void
test_long_log(void **state UNUSED)
{
	FILE *f = fopen(log_path, "we");

	assert_non_null(f);
	assert_true(fputs(LINE("5", "old") "\n", f) >= 0);
	for (int i = 0; i < 200000; i++)
		assert_true(fputs("a line of thirty-two characters\n", f) >= 0);
	assert_true(fputs(LINE("6", "new") "\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(sources_open(NULL, log_path, &CALLS, &s, NULL), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(sources_step(s), 0);
	assert_int_equal(nsaid, 1);
	assert_string_equal(said[0], "open  new");
}

static void
test_log_is_no_file(void **state UNUSED)
{
	struct diag why = {""};

	assert_int_equal(
	    sources_open(NULL, host_dir, &CALLS, &s, &why), -EACCES);
	assert_non_null(strstr(why.text, "cannot be read"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_files),
	    T(test_closed_before_it_was_read),
	    T(test_what_is_there_already),
	    T(test_files_that_do_not_count),
	    T(test_directory_of_others),
	    T(test_log),
	    T(test_log_that_is_not_there),
	    T(test_long_line),
	    T(test_long_log),
	    T(test_log_is_no_file),
	};

	return cmocka_run_group_tests_name(
	    "agent/who/sources", tests, NULL, NULL);
}
