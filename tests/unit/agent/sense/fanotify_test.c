/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fanotify_test - file events as the kernel really sends them, in a mount
 * namespace and a file system of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "lib/str.h"

#include "lib/own.h"

#define WAIT_MS 5000

static char dir[256]; /* a file system of our own is mounted here */
static bool able;
static struct files *f;
static struct event *e;

#define path_of(out, ...) \
	assert_int_equal(str_format(out, sizeof(out), __VA_ARGS__), 0)

static int
setup_all(void **state UNUSED)
{
	const char *tmp = getenv("TMPDIR");

	e = calloc(1, sizeof *e);
	assert_non_null(e);
	path_of(dir, "%s/fanotify.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	able = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return 0;
}

static int
teardown_all(void **state UNUSED)
{
	free(e);
	return rmdir(dir);
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

static int
setup(void **state UNUSED)
{
	if (!able)
		return 0;
	assert_int_equal(mount("none", dir, "tmpfs", 0, "size=32m"), 0);
	make_dir("in");
	make_dir("in/not");
	make_dir("out");
	make_dir("point");
	make_file("in/a");
	make_file("in/not/b");
	make_file("out/c");
	return 0;
}

static int
teardown(void **state UNUSED)
{
	if (!able)
		return 0;
	files_close(f);
	f = NULL;
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	return 0;
}

static void
watch(const char *in, const char *excluded)
{
	char a[600], b[600];
	const char *paths[] = {a}, *excludes[] = {b};
	struct diag why = {""};
	size_t missing;
	int r;

	if (!able) {
		print_message("# needs root and a mount namespace\n");
		skip();
	}
	path_of(a, "%s/%s", dir, in);
	path_of(b, "%s/%s", dir, excluded);
	r = files_open(paths, 1, excludes, 1, false, &f, &missing, &why);
	if (r == -EPERM || r == -ENOSYS) {
		print_message("# no fanotify here: %s\n", why.text);
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(missing, 0);
}

static int
group_fd(void)
{
	int group, ring, mounts;

	files_fds(f, &group, &ring, &mounts);
	assert_int_equal(ring, -1);
	return group;
}

/* The next event; 0 when there is none. */
static int
next(void)
{
	event_done(e);
	return files_read(f, e);
}

/* The next event is this one. */
static void
expect(enum file_op op, pid_t pid, const char *name)
{
	char path[600];
	int r;

	for (r = next(); r == 0; r = next()) {
		struct pollfd p = {.fd = group_fd(), .events = POLLIN};

		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("no event: %s %s", file_op_name(op), name);
	}
	assert_int_equal(r, 1);
	path_of(path, "%s/%s", dir, name);
	if (e->op != op || !str_eq(e->path, path))
		fail_msg("%s %s, not %s %s", file_op_name(e->op), e->path,
		    file_op_name(op), path);
	assert_int_equal(e->pid, pid);
	assert_int_equal(e->path_len, strlen(path));
}

static void
expect_nothing(void)
{
	assert_int_equal(next(), 0);
}

/* Runs something in a process of its own, which has ended when this returns. */
static pid_t
child(int (*run)(const char *name), const char *name)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(name));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return pid;
}

static int
read_one(const char *name)
{
	char path[600], byte;
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &byte, 1) == 1 && close(fd) == 0 ? 0 : 1;
}

static int
write_one(const char *name)
{
	char path[600];
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0 ? 0 : 1;
}

static void
test_read(void **state UNUSED)
{
	char byte;
	struct stat st;
	pid_t pid;

	watch("in", "in/not");
	pid = child(read_one, "in/a");
	expect(FILE_OPEN, pid, "in/a");
	assert_int_equal(e->size, 6);
	assert_int_equal(fstat(e->fd, &st), 0);
	assert_int_equal(e->ino, st.st_ino);
	assert_int_equal(e->dev, st.st_dev);
	assert_int_equal(e->mtime_ns,
	    st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec);
	assert_false(e->deleted);
	/* The object itself, for reading, wherever its path leads by now. */
	assert_int_equal(pread(e->fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'h');
	/* The process is gone, and that is said. */
	assert_true(e->gone);
	assert_int_equal(e->pidfd, -1);
	expect(FILE_READ, pid, "in/a");
	expect_nothing();
	assert_true(files_counters(f)->gone >= 1);
}

static void
test_write(void **state UNUSED)
{
	pid_t pid;

	watch("in", "in/not");
	pid = child(write_one, "in/new");
	expect(FILE_OPEN, pid, "in/new");
	expect(FILE_WRITE, pid, "in/new");
	expect_nothing();
}

static int
execute(const char *name)
{
	char path[600];
	char *argv[] = {path, NULL};

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	(void)execv(path, argv);
	return 1;
}

static void
test_exec(void **state UNUSED)
{
	char path[600], to[600];
	pid_t pid;

	if (able) {
		char *argv[] = {
		    (char[]){"cp"}, (char[]){"/bin/true"}, to, NULL};

		path_of(to, "%s/in/true", dir);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			(void)execvp("cp", argv);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		path_of(path, "%s/in/true", dir);
		assert_int_equal(chmod(path, 0755), 0);
	}
	watch("in", "in/not");
	pid = child(execute, "in/true");
	/* An exec opens, too; one event says both. */
	expect(FILE_EXEC, pid, "in/true");
	expect(FILE_READ, pid, "in/true");
	expect_nothing();
}

/* A process that lives comes with its pidfd. */
static void
test_living(void **state UNUSED)
{
	watch("in", "in/not");
	assert_int_equal(read_one("in/a"), 0);
	expect(FILE_OPEN, getpid(), "in/a");
	assert_false(e->gone);
	assert_true(e->pidfd >= 0);
	expect(FILE_READ, getpid(), "in/a");
	/* Both descriptors are owned by the event, and closed with it. */
	assert_true(fcntl(e->fd, F_GETFD) >= 0);
	/* Reading by them makes no event. */
	{
		char byte;

		assert_int_equal(pread(e->fd, &byte, 1, 0), 1);
	}
	expect_nothing();
}

static void
test_outside(void **state UNUSED)
{
	watch("in", "in/not");
	(void)child(read_one, "out/c");
	(void)child(read_one, "in/not/b");
	expect_nothing();
	assert_true(files_counters(f)->outside >= 2);
	/* "in" is no prefix of "in2". */
	make_dir("in2");
	make_file("in2/d");
	expect_nothing();
}

/* By another mount, an object keeps its place and its name. */
static void
test_bind_mount(void **state UNUSED)
{
	char from[600], to[600];
	pid_t pid;

	watch("in", "in/not");
	path_of(from, "%s/in", dir);
	path_of(to, "%s/point", dir);
	assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
	pid = child(read_one, "point/a");
	expect(FILE_OPEN, pid, "in/a");
	expect(FILE_READ, pid, "in/a");
	(void)child(read_one, "point/not/b");
	expect_nothing();
	/* What lies elsewhere is not called in by its path. */
	assert_int_equal(umount(to), 0);
	path_of(from, "%s/out", dir);
	path_of(to, "%s/in/not", dir);
	assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
	(void)child(read_one, "in/not/c");
	expect_nothing();
	assert_int_equal(umount(to), 0);
}

/* A mount point whose name has to be escaped where mounts are listed. */
static void
test_odd_mount_point(void **state UNUSED)
{
	static const char *const ODD[] = {
	    "p t", "tab\there", "new\nline", "back\\slash", "\xff\\0401"};
	char from[600], to[600], name[80];

	watch("in", "in/not");
	path_of(from, "%s/in", dir);
	for (size_t i = 0; i < ARRAY_LEN(ODD); i++) {
		pid_t pid;

		make_dir(ODD[i]);
		path_of(to, "%s/%s", dir, ODD[i]);
		assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
		path_of(name, "%s/a", ODD[i]);
		pid = child(read_one, name);
		expect(FILE_OPEN, pid, "in/a");
		expect(FILE_READ, pid, "in/a");
		expect_nothing(); /* and no descriptor keeps it busy */
		assert_int_equal(umount(to), 0);
	}
}

/* Mounted elsewhere in a namespace of the reader's own, which waits for @go. */
static int hold[2];

static int
read_in_namespace(const char *name)
{
	char from[600], to[600], byte;

	(void)snprintf(from, sizeof from, "%s/in", dir);
	(void)snprintf(to, sizeof to, "%s/point", dir);
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(from, to, NULL, MS_BIND, NULL) != 0 || read_one(name) != 0)
		return 1;
	return hold[0] < 0 || read(hold[0], &byte, 1) == 1 ? 0 : 1;
}

static void
test_other_namespace(void **state UNUSED)
{
	char byte = 0;
	int status;
	pid_t pid;

	watch("in", "in/not");
	assert_int_equal(pipe(hold), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(read_in_namespace("point/a"));
	expect(FILE_OPEN, pid, "in/a");
	expect(FILE_READ, pid, "in/a");
	assert_int_equal(write(hold[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(hold[0]);
	close(hold[1]);
	hold[0] = -1;
	/* Gone with its namespace: its place cannot be told, so it counts. */
	pid = child(read_in_namespace, "point/a");
	assert_int_equal(next(), 1);
	assert_int_equal(e->pid, pid);
	assert_true(e->gone);
	assert_int_equal(e->size, 6);
}

static int
read_deleted(const char *name)
{
	char path[600], byte;
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || unlink(path) != 0)
		return 1;
	return read(fd, &byte, 1) == 1 ? 0 : 1;
}

static void
test_deleted(void **state UNUSED)
{
	pid_t pid;

	watch("in", "in/not");
	pid = child(read_deleted, "in/a");
	expect(FILE_OPEN, pid, "in/a");
	assert_true(e->deleted);
	expect(FILE_READ, pid, "in/a");
	/* One that is called so is not. */
	make_file("in/b (deleted)");
	expect(FILE_OPEN, getpid(), "in/b (deleted)");
	assert_false(e->deleted);
	expect(FILE_WRITE, getpid(), "in/b (deleted)");
}

static void
test_names(void **state UNUSED)
{
	static const char *const NAMES[] = {"in/\xff\xfe not UTF-8",
	    "in/new\nline", "in/back\\134slash", "in/ "};

	watch("in", "in/not");
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		pid_t pid = child(write_one, NAMES[i]);

		expect(FILE_OPEN, pid, NAMES[i]);
		expect(FILE_WRITE, pid, NAMES[i]);
	}
	expect_nothing();
}

/* Deeper than the kernel can say: it has no name, and counts. */
static void
test_deep(void **state UNUSED)
{
	char name[201], path[600];
	int at, fd;

	watch("in", "in/not");
	memset(name, 'd', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	path_of(path, "%s/in", dir);
	at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(at >= 0);
	for (int i = 0; i < 25; i++) {
		int down;

		assert_int_equal(mkdirat(at, name, 0755), 0);
		down = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(down >= 0);
		close(at);
		at = down;
	}
	fd = openat(at, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(next(), 1);
	assert_int_equal(e->path_len, 0);
	assert_int_equal(e->pid, getpid());
	close(fd);
	close(at);
}

/* More files than the kernel keeps events for. */
static void
test_overflow(void **state UNUSED)
{
	static char names[20000][8];
	int at, over = 0, r;
	char path[600];
	size_t events = 0;

	watch("in", "in/not");
	path_of(path, "%s/in", dir);
	at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(at >= 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int fd;

		(void)snprintf(names[i], sizeof names[i], "n%zu", i);
		fd = openat(at, names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		close(fd);
	}
	close(at);
	while ((r = next()) != 0) {
		if (r == -EOVERFLOW) {
			over++;
			continue;
		}
		assert_int_equal(r, 1);
		events++;
	}
	assert_int_equal(over, 1);
	assert_true(events >= 10000);
	assert_int_equal(files_counters(f)->overflows, 1);
	/* It goes on. */
	assert_int_equal(read_one("in/a"), 0);
	expect(FILE_OPEN, getpid(), "in/a");
}

/* A bind mount may itself be what is watched. */
static void
test_watched_bind(void **state UNUSED)
{
	char from[600], to[600];
	pid_t pid;

	if (able) {
		path_of(from, "%s/in", dir);
		path_of(to, "%s/point", dir);
		assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
	}
	watch("point", "point/not");
	pid = child(read_one, "in/a");
	expect(FILE_OPEN, pid, "point/a");
	expect(FILE_READ, pid, "point/a");
	(void)child(read_one, "in/not/b");
	expect_nothing();
	assert_int_equal(umount(to), 0);
}

static void
test_whole_file_system(void **state UNUSED)
{
	pid_t pid;

	watch(".", "in/not");
	pid = child(read_one, "out/c");
	expect(FILE_OPEN, pid, "out/c");
	expect(FILE_READ, pid, "out/c");
	(void)child(read_one, "in/not/b");
	expect_nothing();
}

static void
test_missing(void **state UNUSED)
{
	const char *paths[] = {"/nonexistent/a", dir, "/nonexistent/b"};
	struct diag why = {""};
	size_t missing;

	if (!able) {
		print_message("# needs root and a mount namespace\n");
		skip();
	}
	assert_int_equal(
	    files_open(paths, 3, NULL, 0, false, &f, &missing, &why), 0);
	assert_int_equal(missing, 2);
	files_close(f);
	f = NULL;
	assert_int_equal(
	    files_open(paths, 1, NULL, 0, false, &f, &missing, &why), -ENOENT);
	assert_non_null(strstr(why.text, "none of the watched paths"));
	assert_null(f);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_read),
	    T(test_write),
	    T(test_exec),
	    T(test_living),
	    T(test_outside),
	    T(test_bind_mount),
	    T(test_odd_mount_point),
	    T(test_other_namespace),
	    T(test_deleted),
	    T(test_names),
	    T(test_deep),
	    T(test_overflow),
	    T(test_watched_bind),
	    T(test_whole_file_system),
	    T(test_missing),
	};

	return cmocka_run_group_tests_name(
	    "agent/sense/fanotify", tests, setup_all, teardown_all);
}
