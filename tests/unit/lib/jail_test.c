/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail_test - what each jail lets through, refuses, or ends the process for,
 * shown on children that enter it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/ipc.h"
#include "lib/jail.h"

#include "lib/own.h"

#define UID 64999

/* What a child did: its exit code, or 1000 and the signal that ended it. */
enum { ENDED_BY = 1000, NO_JAIL = 99, NO_LANDLOCK = 98 };

static char dir[64];
static int gift[2]; /* a descriptor travels through this pair */

/* Runs @act in a child that is in the jail @j; it returns its exit code. */
static int
inside(const struct jail *j, int (*act)(void))
{
	struct jail_taken taken;
	struct diag why = {0};
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (jail_enter(j, &taken, &why) != 0) {
			(void)dprintf(2, "%s\n", why.text);
			_exit(NO_JAIL);
		}
		if (j->filter != JAIL_FILTER_NONE && !taken.seccomp)
			_exit(NO_JAIL);
		if (j->landlock && taken.landlock_abi == 0)
			_exit(NO_LANDLOCK);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return ENDED_BY + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static struct jail
jail_of(enum jail_filter filter)
{
	return (struct jail){.uid = UID, .gid = UID, .filter = filter};
}

/* ---- acts --------------------------------------------------------------- */

static int
act_ordinary(void)
{
	struct timespec t;
	char c = 'x';
	int p[2] = {gift[0], gift[1]};
	void *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED || munmap(m, 1 << 20) != 0)
		return 1;
	free(malloc(8 << 20));
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
		return 2;
	if (write(p[1], &c, 1) != 1 || read(p[0], &c, 1) != 1)
		return 3;
	return fcntl(p[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : 4;
}

static int
act_open(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return 1;
	return errno == EACCES ? 0 : 2;
}

static int
act_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 1 : 2;
}

static int
act_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 ? 1 : 2;
}

static int
act_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int
act_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int
act_kill(void)
{
	return kill(getppid(), 0);
}

static int
act_abort(void)
{
	abort();
}

static int
act_isatty(void)
{
	return isatty(0) == 0 && errno == ENOTTY ? 0 : 1;
}

/* Reads a file that came by SCM_RIGHTS, and maps it. */
static int
act_given(void)
{
	struct ipc_in *in = malloc(sizeof *in);
	char text[5] = {0};

	if (in == NULL || ipc_recv(gift[1], in) != 1 || in->fd < 0)
		return 1;
	if (pread(in->fd, text, 4, 0) != 4 || memcmp(text, "gift", 4) != 0)
		return 2;
	if (mmap(NULL, 4, PROT_READ, MAP_SHARED, in->fd, 0) == MAP_FAILED)
		return 3;
	return ipc_send(gift[1], 7, "ok", 2, -1) == 0 ? 0 : 4;
}

static int
act_statistics(void)
{
	int v;
	socklen_t len = sizeof v;

	if (getsockopt(gift[0], SOL_SOCKET, SO_TYPE, &v, &len) != 0)
		return 1;
	/* libpcap undoes its settings on the way out; it may not, and lives. */
	return setsockopt(gift[0], SOL_SOCKET, SO_SNDBUF, &v, len) != 0 &&
		       errno == EPERM
		   ? 0
		   : 2;
}

static int
act_file(void)
{
	char from[128], to[128];
	struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
	void *m;
	int fd;

	(void)snprintf(from, sizeof from, "%s/a", dir);
	(void)snprintf(to, sizeof to, "%s/b", dir);
	fd = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "text", 4) != 4 || fsync(fd) != 0 ||
	    fdatasync(fd) != 0 || ftruncate(fd, 4096) != 0)
		return 1;
	if (fcntl(fd, F_SETLK, &lock) != 0)
		return 2;
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED || rename(from, to) != 0 || unlink(to) != 0)
		return 3;
	fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0)
		return 4;
	return 0;
}

static int
sql(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static int
act_database(void)
{
	char path[128];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof path, "%s/log.db", dir);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sql(db, "PRAGMA journal_mode=WAL") != SQLITE_OK ||
	    sql(db, "PRAGMA synchronous=FULL") != SQLITE_OK ||
	    sql(db, "CREATE TABLE t(a)") != SQLITE_OK ||
	    sql(db, "INSERT INTO t VALUES(1)") != SQLITE_OK ||
	    sql(db, "PRAGMA wal_checkpoint(TRUNCATE)") != SQLITE_OK)
		return 1;
	return sqlite3_close(db) == SQLITE_OK ? 0 : 2;
}

static void *
thread(void *arg)
{
	return arg;
}

static int
act_thread(void)
{
	pthread_t t;
	void *got = NULL;

	if (pthread_create(&t, NULL, thread, dir) != 0)
		return 1;
	return pthread_join(t, &got) == 0 && got == dir ? 0 : 2;
}

static bool resolved_before;

static bool
resolves(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;

	if (getaddrinfo("localhost", "1", &hints, &list) != 0)
		return false;
	freeaddrinfo(list);
	return true;
}

static int
act_network(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) != 0)
		return 1;
	/* As without the jail; a small root may have no hosts file. */
	return resolves() == resolved_before ? 0 : 2;
}

static int
act_outside(void)
{
	/* A directory that no rule names, whatever its mode. */
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0 &&
		       errno == EACCES
		   ? 0
		   : 1;
}

static int
act_write_etc(void)
{
	return open("/etc/chaperone-jail-test", O_WRONLY | O_CREAT | O_CLOEXEC,
		   0600) < 0 &&
		       errno == EACCES
		   ? 0
		   : 1;
}

static int
act_ids(void)
{
	struct rlimit core;
	gid_t groups[4];

	if (getuid() != UID || geteuid() != UID || getgid() != UID)
		return 1;
	if (getgroups(4, groups) != 0)
		return 2;
	if (setresuid(0, 0, 0) == 0)
		return 3;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
		return 5;
	/* CAP_KILL is gone: process 1 is another's. */
	return kill(1, 0) != 0 && errno == EPERM ? 0 : 6;
}

/* CAP_DAC_READ_SEARCH was kept: a file that is root's alone can be read. */
static int
act_kept(void)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/secret", dir);
	if (getuid() != UID || open(path, O_RDONLY | O_CLOEXEC) < 0)
		return 1;
	return kill(1, 0) != 0 && errno == EPERM ? 0 : 2;
}

static int
act_memory(void)
{
	return mmap(NULL, UINT64_C(4) << 30, PROT_READ,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		   0) == MAP_FAILED &&
		       errno == ENOMEM
		   ? 0
		   : 1;
}

static int
act_nothing(void)
{
	return 0;
}

/* ---- tests -------------------------------------------------------------- */

static void
parsers_may_do_little(void **state)
{
	static const enum jail_filter FILTERS[] = {
	    JAIL_FILTER_INSPECT, JAIL_FILTER_CAPTURE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(FILTERS); i++) {
		struct jail j = jail_of(FILTERS[i]);

		assert_int_equal(inside(&j, act_ordinary), 0);
		assert_int_equal(inside(&j, act_isatty), 0);
		assert_int_equal(inside(&j, act_abort), ENDED_BY + SIGABRT);
		assert_int_equal(inside(&j, act_socket), ENDED_BY + SIGSYS);
		assert_int_equal(inside(&j, act_fork), ENDED_BY + SIGSYS);
		assert_int_equal(inside(&j, act_exec), ENDED_BY + SIGSYS);
		assert_int_equal(inside(&j, act_code), ENDED_BY + SIGSYS);
		assert_int_equal(inside(&j, act_kill), ENDED_BY + SIGSYS);
		assert_int_equal(inside(&j, act_thread), ENDED_BY + SIGSYS);
	}
}

static void
parsers_cannot_open(void **state)
{
	struct jail j = jail_of(JAIL_FILTER_INSPECT);

	(void)state;
#if !defined(SAN)
	assert_int_equal(inside(&j, act_open), 0);
#endif
	j.landlock = true;
	if (inside(&j, act_open) == NO_LANDLOCK) {
		print_message("# this kernel has no Landlock\n");
		skip();
	}
	assert_int_equal(inside(&j, act_open), 0);
}

static void
a_given_descriptor_is_readable(void **state)
{
	struct jail j = jail_of(JAIL_FILTER_INSPECT);
	char path[128];
	int fd, r;

	(void)state;
	j.landlock = true;
	(void)snprintf(path, sizeof path, "%s/gift", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "gift", 4), 4);
	assert_int_equal(ipc_send(gift[0], 1, NULL, 0, fd), 0);
	close(fd);
	r = inside(&j, act_given);
	if (r == NO_LANDLOCK) {
		j.landlock = false;
		r = inside(&j, act_given);
	}
	assert_int_equal(r, 0);
}

static void
capture_asks_its_sockets(void **state)
{
	struct jail j = jail_of(JAIL_FILTER_CAPTURE);

	(void)state;
	assert_int_equal(inside(&j, act_statistics), 0);
}

static void
writers_keep_to_their_directory(void **state)
{
	static const enum jail_filter FILTERS[] = {
	    JAIL_FILTER_RECORD, JAIL_FILTER_SIGN};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(FILTERS); i++) {
		struct jail j = jail_of(FILTERS[i]);
		char path[128];

		j.dir = dir;
		j.landlock = true;
		if (inside(&j, act_nothing) == NO_LANDLOCK)
			j.landlock = false;
		assert_int_equal(inside(&j, act_file), 0);
		assert_int_equal(inside(&j, act_database), 0);
		(void)snprintf(path, sizeof path, "%s/log.db", dir);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(inside(&j, act_socket), ENDED_BY + SIGSYS);
		assert_int_equal(inside(&j, act_fork), ENDED_BY + SIGSYS);
		assert_int_equal(inside(&j, act_code), ENDED_BY + SIGSYS);
		if (j.landlock)
			assert_int_equal(inside(&j, act_open), 0);
	}
}

static void
ship_has_the_network(void **state)
{
	struct jail j = jail_of(JAIL_FILTER_SHIP);

	(void)state;
	resolved_before = resolves();
	j.dir = dir;
	j.landlock = true;
	if (inside(&j, act_nothing) == NO_LANDLOCK)
		j.landlock = false;
	assert_int_equal(inside(&j, act_network), 0);
	assert_int_equal(inside(&j, act_thread), 0);
	assert_int_equal(inside(&j, act_file), 0);
	assert_int_equal(inside(&j, act_fork), ENDED_BY + SIGSYS);
	assert_int_equal(inside(&j, act_exec), ENDED_BY + SIGSYS);
	if (!j.landlock)
		return;
	assert_int_equal(inside(&j, act_outside), 0);
	assert_int_equal(inside(&j, act_write_etc), 0);
}

static void
a_missing_directory_is_an_error(void **state)
{
	struct jail j = jail_of(JAIL_FILTER_RECORD);

	(void)state;
	j.landlock = true;
	if (inside(&j, act_nothing) == NO_LANDLOCK)
		skip();
	j.dir = "/nonexistent/chaperone";
	assert_int_equal(inside(&j, act_nothing), NO_JAIL);
}

static void
ids_are_gone_for_good(void **state)
{
	struct jail j = jail_of(JAIL_FILTER_NONE);
	char path[128];

	(void)state;
	if (geteuid() != 0) {
		print_message("# needs root\n");
		skip();
	}
	assert_int_equal(inside(&j, act_ids), 0);
	(void)snprintf(path, sizeof path, "%s/secret", dir);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(inside(&j, act_kept), 1);
	j.caps = UINT64_C(1) << 2; /* CAP_DAC_READ_SEARCH */
	assert_int_equal(inside(&j, act_kept), 0);
}

static void
memory_is_bounded(void **state)
{
	struct jail j = jail_of(JAIL_FILTER_INSPECT);

	(void)state;
#if defined(SAN)
	print_message("# the sanitizer needs the address space\n");
	skip();
#endif
	assert_int_equal(inside(&j, act_memory), 1);
	j.memory_max = UINT64_C(1) << 30;
	assert_int_equal(inside(&j, act_memory), 0);
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/chaperone-jail-XXXXXX");
	if (mkdtemp(dir) == NULL || ipc_pair(gift) != 0)
		return -1;
	/* The children's, when they are not root any more. */
	return geteuid() == 0 ? chown(dir, UID, UID) : 0;
}

static int
tear_down(void **state)
{
	static const char *const NAMES[] = {
	    "a", "b", "gift", "secret", "log.db", "log.db-wal", "log.db-shm"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, NAMES[i]);
		(void)unlink(path);
	}
	close(gift[0]);
	close(gift[1]);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parsers_may_do_little),
	    cmocka_unit_test(parsers_cannot_open),
	    cmocka_unit_test(a_given_descriptor_is_readable),
	    cmocka_unit_test(capture_asks_its_sockets),
	    cmocka_unit_test(writers_keep_to_their_directory),
	    cmocka_unit_test(ship_has_the_network),
	    cmocka_unit_test(a_missing_directory_is_an_error),
	    cmocka_unit_test(ids_are_gone_for_good),
	    cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests_name(
	    "lib/jail", tests, set_up, tear_down);
}
