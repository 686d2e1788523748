/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touches - which process read and wrote which file, for agent/egress.c.
 */
#ifndef AGENT_TOUCHES_H
#define AGENT_TOUCHES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/fields.h"
#include "agent/memo.h"
#include "agent/who/who.h"
#include "lib/actor.h"
#include "lib/finding.h"
#include "lib/own.h"

#define TOUCHES_MAX 16384
/* Of these, touches of what matters, which others do not push out. */
#define TOUCHES_KEPT_MAX 8192
#define TOUCHES_PATH_MAX 1024

/* One thing that a person did to one version of a file. */
struct touched {
	const struct actor *who;
	const struct family *family;
	uint64_t boot_us;
	bool write; /* it was closed after writing; else it was read */
	struct memo_key object; /* of this version of its content */
	uint64_t dev, ino, size;
	int64_t born_ns; /* with dev and ino it is one file, whatever it is
			  * called; 0 where the file system does not tell */
	int64_t mtime_ns;
	const char *path;
	size_t path_len;
};

/* A process that touched something. */
struct task {
	struct family family;
	uint64_t session; /* a digest of its name */
	char program[32]; /* without its directory, cut */
	unsigned refs;
	unsigned sends; /* its connections that have ended */
	uint64_t bytes; /* that these sent */
	bool late; /* who it is was looked up when it had ended */
};

enum object_state {
	OBJECT_PENDING, /* nobody has said yet what it holds */
	OBJECT_CLEAN,
	OBJECT_UNREAD, /* it could not be examined */
	OBJECT_HOLDS,
};

/* One version of a file. */
struct object {
	enum object_state state;
	struct memo_key key;
	struct file_id *file;
	uint64_t size;
	int64_t mtime_ns;
	struct labels labels;
	unsigned refs;
	size_t path_len;
	char path[];
};

/* One file, in whatever version. */
struct file_id {
	struct memo_key key;
	uint64_t dev, ino;
	struct task *writer; /* the last one, or NULL */
	struct object *written; /* as it left it; with the writer alone */
	uint64_t written_us;
	unsigned refs;
};

struct touch {
	struct touch *next; /* in the order that they were kept */
	struct task *task;
	struct object *object;
	uint64_t boot_us;
	bool write;
};

struct touches;

int touches_new(struct touches **out) MUST_CHECK;
void touches_free(struct touches *t);
/* touches_add - 0, or -ENOMEM. */
int touches_add(struct touches *t, const struct touched *e) MUST_CHECK;
/* touches_learn - what was found in that version. @failed: it, or a part, could
 * not be examined. One that nobody touched is passed over. */
void touches_learn(struct touches *t, struct memo_key object,
    const struct finding *findings, size_t n, bool failed);
/* touches_ended - a process ended, with that order. */
void touches_ended(struct touches *t, const struct family *f);
/* touches_task - that of a process, made if there is none; it holds it until
 * touches_leave. NULL without memory. */
struct task *touches_task(
    struct touches *t, const struct actor *who, const struct family *f);
void touches_leave(struct touches *t, struct task *task);
const struct touch *touches_first(const struct touches *t);
size_t touches_count(const struct touches *t);
/* touches_lost - what mattered and was forgotten, since it was asked last. */
uint64_t touches_lost(struct touches *t);
/* touches_session - how a session is called here. */
uint64_t touches_session(const char *session);

#endif
