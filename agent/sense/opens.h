/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opens - files as the kernel's programs tell of them; for this room alone.
 *
 * The second source of file events: what is opened, first read and run, by whom
 * it matters, with the object's number instead of a descriptor. Ends of writing
 * are fanotify's in any case.
 */
#ifndef AGENT_SENSE_OPENS_H
#define AGENT_SENSE_OPENS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/sense/sense.h"
#include "lib/diag.h"
#include "lib/own.h"

struct opens;

/* One opening, or several alike that were taken from the ring together. */
struct open_event {
	enum file_op op;
	pid_t pid;
	uint64_t start_ns; /* when that process began, since boot */
	uint32_t uid; /* its effective one */
	char comm[16]; /* its program's name, cut */
	uint64_t boot_us; /* of the last */
	uint64_t count;
	uint64_t dev, ino; /* as stat(2) has them */
	uint32_t generation;
	int number; /* the process's descriptor, -1 */
};

/* opens_open - -ENOTSUP, -EPERM, … with the reason: the caller goes on with
 * fanotify alone. */
int opens_open(struct opens **out, struct diag *why) MUST_CHECK;
void opens_close(struct opens *o);
/*
 * opens_watch - whether files below a directory count from now on. @path stays
 * the caller's, and is looked at anew by opens_look; a link in the path of one
 * that does not count is not followed.
 * Returns 0; -ENOTSUP for a file system whose objects cannot be opened by their
 * number: nothing is told of them; or -errno.
 */
int opens_watch(struct opens *o, const char *path, bool inside) MUST_CHECK;
/* opens_forget - ends what opens_watch began with that very pointer. */
void opens_forget(struct opens *o, const char *path);
/* opens_whole - false if the kernel does not tell of reads by io_uring, by aio
 * through descriptors of others, and through file systems that lie on others. */
bool opens_whole(const struct opens *o);
/* opens_look - takes in directories that came, or were replaced. */
void opens_look(struct opens *o);
/* opens_pass - passes over a process and its children: always (the agent), or
 * as long as nobody logs in with it. 0 or -errno. */
int opens_pass(struct opens *o, pid_t pid, bool always) MUST_CHECK;
int opens_fd(const struct opens *o);
/* opens_next - 1 and *e, 0 when none is there, -EOVERFLOW and e->count that were
 * lost, or -errno. */
int opens_next(struct opens *o, struct open_event *e) MUST_CHECK;
/*
 * opens_object - a descriptor of the very object, for reading: by its number and
 * generation, or through the process that has it open. -ESTALE if it is gone,
 * or -errno.
 */
int opens_object(struct opens *o, const struct open_event *e) MUST_CHECK;
/* opens_passed - openings by processes that are passed over, since start. */
uint64_t opens_passed(const struct opens *o);

#endif
