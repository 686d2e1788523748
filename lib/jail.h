/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail - how a process gives up what it does not need, for good.
 *
 * Owns: the order of the steps (limits, ids, capabilities, Landlock, seccomp)
 * and libseccomp, libcap-ng and the Landlock system calls.
 */
#ifndef LIB_JAIL_H
#define LIB_JAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/diag.h"
#include "lib/own.h"

enum jail_filter {
	JAIL_FILTER_NONE, /* watch: needs /proc and fanotify */
	JAIL_FILTER_INSPECT, /* descriptors it was given; memory; no open, no
				socket, no fork, no exec */
	JAIL_FILTER_CAPTURE, /* the same, and reading inherited sockets */
	JAIL_FILTER_RECORD, /* files below its directory; no socket */
	JAIL_FILTER_SHIP, /* sockets, files below its directory */
	JAIL_FILTER_SIGN, /* as record */
	JAIL_FILTER_FRONT, /* the listeners it has, memory; no open, no socket,
			      no connect, no fork, no exec */
};

struct jail {
	uid_t uid; /* ids to take; ignored unless running as root */
	gid_t gid;
	uint64_t caps; /* bits 1 << CAP_x to keep; 0 keeps none */
	enum jail_filter filter;
	bool landlock; /* deny the file system, but for @dir */
	const char *dir; /* NULL, or the one directory (read and write) */
	const char *read_dir; /* NULL, or one to read from */
	uint64_t memory_max; /* RLIMIT_AS in bytes, 0 is no limit */
	unsigned files_max; /* RLIMIT_NOFILE, 0 leaves it */
};

/* What was taken, for `status` and `doctor`. */
struct jail_taken {
	int landlock_abi; /* 0: the kernel has none, and that is said */
	bool seccomp;
	bool ids;
};

/*
 * jail_enter - takes the jail for the calling process (single-threaded).
 * Core dumps and ptrace by equals are off (PR_SET_DUMPABLE 0, RLIMIT_CORE 0),
 * no_new_privs is on. A missing Landlock is told in @taken and is no error; any
 * other step that fails is: the caller must not go on. Returns 0 or -errno.
 */
int jail_enter(const struct jail *j, struct jail_taken *taken,
    struct diag *why) MUST_CHECK;

#endif
