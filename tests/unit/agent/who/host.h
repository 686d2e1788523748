/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - a made-up host for tests of this room: a tree that looks like /proc,
 * files, and a clock that stands.
 *
 * The host's clock is 2026-11-24T16:00:00Z, 90,000 s after its start; a process
 * that was born at tick N of a hundred a second is as old as that says.
 */
#ifndef TESTS_WHO_HOST_H
#define TESTS_WHO_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "lib/actor.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define HOST_BOOT UINT64_C(90000000000)
#define HOST_WALL INT64_C(1795536000000000)
/* Born an hour, and a minute, before the clock. */
#define HOUR_OLD (9000000 - 360000)
#define MINUTE_OLD (9000000 - 6000)

#define host_path(out, ...) \
	assert_int_equal(str_format(out, sizeof(out), __VA_ARGS__), 0)

static char host_dir[256];
static struct stamp host_now;

static inline void
host_clock(uint64_t forward_us)
{
	host_now.boot_us += forward_us;
	host_now.wall_us += (int64_t)forward_us;
	clock_fix(&host_now);
}

static inline void
host_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline void
host_append(const char *path, const char *text)
{
	FILE *f = fopen(path, "ae");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline int
host_remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
    struct FTW *at UNUSED)
{
	return remove(path);
}

static inline void
host_remove(const char *path)
{
	assert_int_equal(
	    nftw(path, host_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

struct host_process {
	int pid, parent;
	unsigned long long start;
	uint32_t uid, loginuid, audit_ses;
	const char *exe; /* a name below the host's bin, or a whole path */
	bool zombie;
};

/* A process that lives; called again it replaces what was there. */
static inline void
host_process(const struct host_process *p)
{
	char dir[300], path[400], exe[400], text[512];

	host_path(dir, "%s/proc/%d", host_dir, p->pid);
	if (access(dir, F_OK) == 0)
		host_remove(dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	/* A name may hold anything, brackets and spaces as well. */
	host_path(text,
	    "%d (a) 1 (b) %c %d 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 %llu "
	    "1 1\n",
	    p->pid, p->zombie ? 'Z' : 'S', p->parent, p->start);
	host_path(path, "%s/stat", dir);
	host_write(path, text);
	host_path(text,
	    "Name:\ta) 1 (b\nUmask:\t0022\nPid:\t%d\nUid:\t%u\t%u\t%u\t%u\n"
	    "Gid:\t0\t0\t0\t0\n",
	    p->pid, p->uid, p->uid, p->uid, p->uid);
	host_path(path, "%s/status", dir);
	host_write(path, text);
	host_path(path, "%s/loginuid", dir);
	host_path(text, "%u", p->loginuid);
	host_write(path, text);
	host_path(path, "%s/sessionid", dir);
	host_path(text, "%u\n", p->audit_ses);
	host_write(path, text);
	host_path(path, "%s/exe", dir);
	if (p->exe[0] == '/')
		host_path(exe, "%s", p->exe);
	else
		host_path(exe, "%s/bin/%s", host_dir, p->exe);
	assert_int_equal(symlink(exe, path), 0);
	if (geteuid() == 0 && p->uid != 0)
		assert_int_equal(chown(dir, p->uid, p->uid), 0);
}

static inline void
host_gone(int pid)
{
	char dir[300];

	host_path(dir, "%s/proc/%d", host_dir, pid);
	host_remove(dir);
}

static inline void
host_up(void)
{
	static const char *const DIRS[] = {"proc", "bin", "proc/self"};
	static const char *const PROGRAMS[] = {"bin/sshd", "bin/bash"};
	char path[512];

	host_path(host_dir, "%s/who.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(host_dir));
	assert_int_equal(chmod(host_dir, 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(DIRS); i++) {
		host_path(path, "%s/%s", host_dir, DIRS[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(PROGRAMS); i++) {
		host_path(path, "%s/%s", host_dir, PROGRAMS[i]);
		host_write(path, "");
		assert_int_equal(chmod(path, 0755), 0);
	}
	host_path(path, "%s/proc/self/loginuid", host_dir);
	host_write(path, "4294967295");
	host_now = (struct stamp){HOST_BOOT, HOST_WALL};
	clock_fix(&host_now);
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
}

static inline void
host_down(void)
{
	clock_fix(NULL);
	host_remove(host_dir);
}

#endif
