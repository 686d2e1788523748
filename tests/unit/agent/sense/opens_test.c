/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opens_test - openings as the kernel's programs tell of them, on an ext4 of the
 * test's own, in a mount namespace of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sense/sense.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define WAIT_US 5000000
#define OWN_MAX 64

static char base[200]; /* the image lies here, and what it is mounted on */
static char dir[256]; /* the file system */
static const char *unable; /* why nothing can be tested */
static struct files *f;
static struct event *e;
static char in[600], out[600];
static const char *paths[] = {in}, *excludes[] = {out};

#define path_of(to, ...) \
	assert_int_equal(str_format(to, sizeof(to), __VA_ARGS__), 0)

static int
run(const char *a, const char *b, const char *c, const char *d,
    const char *last)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)dup2(null, 1);
		(void)dup2(null, 2);
		(void)execlp(a, a, b, c, d, last, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static void
mount_image(const char *name)
{
	char image[400], at[400];

	path_of(image, "%s/%s.img", base, name);
	path_of(at, "%s/%s", base, name);
	if (run("truncate", "-s", "16M", image, NULL) != 0 ||
	    run("mkfs.ext4", "-q", "-F", image, NULL) != 0 ||
	    (mkdir(at, 0755) != 0 && errno != EEXIST) ||
	    run("mount", "-o", "loop", image, at) != 0)
		unable = "no ext4 on a loop device here";
}

static int
setup_all(void **state UNUSED)
{
	const char *tmp = getenv("TMPDIR");

	e = calloc(1, sizeof *e);
	assert_non_null(e);
	path_of(base, "%s/opens.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(base));
	path_of(dir, "%s/fs", base);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		unable = "needs root and a mount namespace";
	else
		mount_image("fs");
	return 0;
}

static int
teardown_all(void **state UNUSED)
{
	free(e);
	(void)umount2(dir, MNT_DETACH);
	return run("rm", "-rf", "--", base, NULL);
}

static void
make_dir(const char *name)
{
	char path[600];

	path_of(path, "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void
make_file(const char *name)
{
	char path[600];
	int fd;

	path_of(path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello\n", 6), 6);
	close(fd);
}

static void
unlink_file(const char *name)
{
	char path[600];

	path_of(path, "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

static int
setup(void **state UNUSED)
{
	struct diag why = {""};
	size_t missing;
	int r;

	if (unable != NULL)
		return 0;
	make_dir("in");
	make_dir("in/not");
	make_dir("out");
	make_file("in/a");
	make_file("in/b");
	make_file("in/not/c");
	make_file("out/d");
	path_of(in, "%s/in", dir);
	path_of(out, "%s/in/not", dir);
	r = files_open(paths, 1, excludes, 1, true, &f, &missing, &why);
	assert_int_equal(r, 0);
	if (files_base(f) != NULL && strstr(files_base(f), "but for") == NULL) {
		print_message("# %s\n", files_base(f));
		unable = "the kernel takes no programs here";
	}
	return 0;
}

static int
teardown(void **state UNUSED)
{
	files_close(f);
	f = NULL;
	return dir[0] == '\0' ||
	       run("sh", "-c", "rm -rf \"$0\"/in \"$0\"/out \"$0\"/old", dir,
		   NULL);
}

static void
need_all(void)
{
	if (unable == NULL)
		return;
	print_message("# %s\n", unable);
	skip();
}

/*
 * What is told now, but for what this process opens itself: nobody passes it
 * over, since its children would be, too. Each object that it takes is one more
 * such opening, so that the ring never is empty: OWN_MAX of them in a row, and
 * no other has come.
 */
static bool
told(void)
{
	int r = 1;

	for (int i = 0; r == 1 && i < OWN_MAX; i++) {
		event_done(e);
		r = files_read(f, e);
		assert_true(r >= 0);
		if (r == 1 && e->pid != getpid())
			return true;
	}
	return false;
}

static bool
next(void)
{
	uint64_t start = clock_boot_us();

	while (!told())
		if (clock_boot_us() - start > WAIT_US)
			return false;
	return true;
}

static void
expect(enum file_op op, pid_t pid, const char *name)
{
	char path[600];

	if (!next())
		fail_msg("no event: %s %s", file_op_name(op), name);
	path_of(path, "%s/%s", dir, name);
	if (e->op != op || !str_eq(e->path, path))
		fail_msg("%s %s, not %s %s", file_op_name(e->op), e->path,
		    file_op_name(op), path);
	assert_int_equal(e->pid, pid);
	assert_true(e->start_ns > 0);
}

/* Whatever was told is read by now: the ring is empty. */
static void
expect_nothing(void)
{
	if (told())
		fail_msg("%s %s", file_op_name(e->op), e->path);
}

struct loop {
	const char *name;
	int times;
	bool unlinks; /* before it reads */
	int waits; /* descriptor: reads a byte from it before it ends; -1 */
};

static int
open_many(const struct loop *l)
{
	char path[600], byte;

	(void)snprintf(path, sizeof path, "%s/%s", dir, l->name);
	for (int i = 0; i < l->times; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || (l->unlinks && unlink(path) != 0) ||
		    read(fd, &byte, 1) != 1)
			return 1;
		if (l->waits >= 0 && read(l->waits, &byte, 1) != 1)
			return 1;
		close(fd);
	}
	return 0;
}

static pid_t
begin(const struct loop *l)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(open_many(l));
	return pid;
}

static pid_t
ended(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return pid;
}

static pid_t
child(const char *name)
{
	const struct loop l = {.name = name, .times = 1, .waits = -1};

	return ended(begin(&l));
}

static void
test_inside(void **state UNUSED)
{
	struct stat st;
	pid_t pid;
	char byte;

	need_all();
	(void)child("out/d");
	(void)child("in/not/c");
	pid = child("in/a");
	expect(FILE_OPEN, pid, "in/a");
	assert_int_equal(e->count, 1);
	assert_int_equal(e->uid, 0);
	assert_int_equal(fstat(e->fd, &st), 0);
	assert_int_equal(e->ino, st.st_ino);
	assert_int_equal(e->dev, st.st_dev);
	assert_int_equal(pread(e->fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'h');
	assert_false(e->through);
	expect(FILE_READ, pid, "in/a");
	assert_true(e->through);
	expect_nothing();
}

/* Somebody else's file: its times may not be kept, but it is read. */
static void
test_other_owner(void **state UNUSED)
{
	char path[600];
	pid_t pid;

	need_all();
	path_of(path, "%s/in/a", dir);
	assert_int_equal(chown(path, 60001, 60001), 0);
	pid = child("in/a");
	expect(FILE_OPEN, pid, "in/a");
	assert_true(e->fd >= 0);
}

/* What is inside by one of its names is inside. */
static void
test_hard_link(void **state UNUSED)
{
	char from[600], to[600];
	pid_t pid;

	need_all();
	path_of(from, "%s/in/a", dir);
	path_of(to, "%s/out/other", dir);
	assert_int_equal(link(from, to), 0);
	pid = child("out/other");
	assert_true(next());
	assert_int_equal(e->op, FILE_OPEN);
	assert_int_equal(e->pid, pid);
	assert_true(e->fd >= 0);
}

static void
test_directory_replaced(void **state UNUSED)
{
	char old[600];
	pid_t pid;

	need_all();
	path_of(old, "%s/old", dir);
	assert_int_equal(rename(in, old), 0);
	make_dir("in");
	make_file("in/new");
	assert_int_equal(files_look(f), 0);
	(void)child("old/a");
	pid = child("in/new");
	expect(FILE_OPEN, pid, "in/new");
	expect(FILE_READ, pid, "in/new");
	expect_nothing();
}

/* Whoever may write beside an excluded directory must not exclude another by a
 * link of its name; what lay in it is inside once it is called otherwise. */
static void
test_excluded_is_no_link(void **state UNUSED)
{
	char from[600], to[600];
	pid_t pid;

	need_all();
	make_dir("in/sub");
	make_file("in/sub/x");
	path_of(from, "%s/in/not", dir);
	path_of(to, "%s/in/gone", dir);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink("sub", from), 0);
	assert_int_equal(files_look(f), 0);
	pid = child("in/sub/x");
	expect(FILE_OPEN, pid, "in/sub/x");
	expect(FILE_READ, pid, "in/sub/x");
	pid = child("in/gone/c");
	expect(FILE_OPEN, pid, "in/gone/c");
	expect(FILE_READ, pid, "in/gone/c");
	expect_nothing();
}

static void
test_alike(void **state UNUSED)
{
	const struct loop l = {.name = "in/a", .times = 1000, .waits = -1};
	uint64_t opens = 0;
	size_t events = 0;
	pid_t pid;

	need_all();
	pid = ended(begin(&l));
	while (opens < 1000) {
		assert_true(next());
		assert_int_equal(e->pid, pid);
		events++;
		if (e->op == FILE_OPEN)
			opens += e->count;
	}
	assert_int_equal(opens, 1000);
	assert_true(events <= 4);
}

static void
test_unlinked_while_open(void **state UNUSED)
{
	struct loop l = {.name = "in/a", .times = 1, .unlinks = true};
	char byte = 0;
	int hold[2];
	pid_t pid;

	need_all();
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	l.waits = hold[0];
	pid = begin(&l);
	assert_true(next());
	assert_int_equal(e->op, FILE_OPEN);
	assert_int_equal(e->pid, pid);
	assert_true(e->fd >= 0);
	assert_int_equal(pread(e->fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'h');
	assert_int_equal(write(hold[1], &byte, 1), 1);
	(void)ended(pid);
	close(hold[0]);
	close(hold[1]);
}

static void
test_gone(void **state UNUSED)
{
	struct stat st;
	char path[600];
	pid_t pid;

	need_all();
	path_of(path, "%s/in/a", dir);
	assert_int_equal(stat(path, &st), 0);
	pid = child("in/a");
	unlink_file("in/a");
	assert_true(next());
	assert_int_equal(e->op, FILE_OPEN);
	assert_int_equal(e->pid, pid);
	assert_int_equal(e->fd, -1);
	/* Its numbers are known. */
	assert_int_equal(e->ino, st.st_ino);
	assert_int_equal(e->dev, st.st_dev);
	assert_true(files_counters(f)->gone >= 1);
}

/* A process that is passed over, and its children, which are not those of others. */
static void
test_passes(void **state UNUSED)
{
	struct loop l = {.name = "in/b", .times = 1};
	char byte = 0;
	int hold[2], status;
	pid_t pid;

	need_all();
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	l.waits = -1;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Passed over by now; so is what it starts. */
		if (read(hold[0], &byte, 1) != 1 || open_many(&l) != 0)
			_exit(1);
		_exit(waitpid(begin(&l), &status, 0) < 0 || status != 0);
	}
	assert_int_equal(files_pass(f, pid, true), 0);
	assert_int_equal(write(hold[1], &byte, 1), 1);
	(void)ended(pid);
	pid = child("in/a");
	expect(FILE_OPEN, pid, "in/a");
	expect(FILE_READ, pid, "in/a");
	expect_nothing();
	assert_int_equal(files_look(f), 0);
	assert_true(files_counters(f)->passed >= 2);
	assert_int_equal(files_pass(f, pid, true), -ESRCH);
	close(hold[0]);
	close(hold[1]);
}

/* What is mounted below later is watched, and forgotten when it goes. */
static void
test_mounted_below(void **state UNUSED)
{
	char image[400], at[600];
	pid_t pid;

	need_all();
	make_dir("in/mnt");
	path_of(image, "%s/deep.img", base);
	path_of(at, "%s/in/mnt", dir);
	assert_int_equal(run("truncate", "-s", "16M", image, NULL), 0);
	assert_int_equal(run("mkfs.ext4", "-q", "-F", image, NULL), 0);
	assert_int_equal(run("mount", "-o", "loop", image, at), 0);
	make_file("in/mnt/x");
	assert_int_equal(files_look(f), 0);
	pid = child("in/mnt/x");
	expect(FILE_OPEN, pid, "in/mnt/x");
	assert_int_equal(e->size, 6);
	expect(FILE_READ, pid, "in/mnt/x");
	expect_nothing();
	event_done(e);
	assert_int_equal(umount2(at, MNT_DETACH), 0);
	assert_int_equal(files_look(f), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_inside),
	    T(test_other_owner),
	    T(test_hard_link),
	    T(test_directory_replaced),
	    T(test_excluded_is_no_link),
	    T(test_alike),
	    T(test_unlinked_while_open),
	    T(test_gone),
	    T(test_passes),
	    T(test_mounted_below),
	};

	return cmocka_run_group_tests_name(
	    "agent/sense/opens", tests, setup_all, teardown_all);
}
