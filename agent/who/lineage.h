/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lineage - which process came from which; for this room alone.
 *
 * A process is remembered from its fork to a minute after its end. What it
 * came from is kept in the form that matters: the login session at the head of
 * its line, which it keeps when its parents end.
 */
#ifndef AGENT_WHO_LINEAGE_H
#define AGENT_WHO_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/who/session.h"
#include "agent/who/who.h"
#include "lib/own.h"

#define LINEAGE_MAX 262144 /* processes that are remembered */
#define LINEAGE_EXE_MAX 256

struct process {
	pid_t pid;
	uint64_t id; /* never given to another */
	uint64_t born_us; /* when it was told */
	uint64_t image; /* as struct family has it */
	uint64_t ended_order; /* 0: it lives */
	uint64_t line[FAMILY_LINE]; /* as struct family has it */
	uint64_t start_ticks; /* 0: not looked at yet */
	struct process *parent; /* NULL: not known, or it ended long ago */
	struct process *children, *next, *prev; /* siblings */
	struct session *session; /* its line's, as far as that is settled */
	pid_t host; /* of one that has ended: whoever of its line was left, as
		       it stood then */
	uint64_t host_id;
	struct session *guest; /* another's, seen in the terminal it serves */
	bool own; /* the agent's, not its starter's */
	bool leads; /* it is the leader of that session */
	bool known; /* its line is whole up to the first process */
	bool late; /* not seen born: found in /proc */
	bool looked; /* since its program began; else what follows is that of
			its parent */
	bool ended;
	bool left; /* whoever started it has ended before it */
	uint64_t doubt_us; /* until then an event of one that has ended may be
			      of another with this number; UINT64_MAX */
	uint64_t ended_us;
	uint32_t loginuid, audit_ses, uid; /* ACTOR_UNSET */
	uint32_t
	    granted; /* a login uid that a way in has set, or ACTOR_UNSET */
	bool hired; /* by a daemon that works for several */
	char exe[LINEAGE_EXE_MAX];
	struct process *chain; /* of the table's slot */
	struct process *older, *newer; /* among the ended */
};

struct lineage;

/* lineage_new - @proc: "/proc", or a tree that looks like it. */
int lineage_new(const char *proc, struct lineage **out) MUST_CHECK;
void lineage_free(struct lineage *l);
/* lineage_seed - takes in every process that lives; what descends from @agent
 * (0: nobody) is the agent's own. 0 or -errno. */
int lineage_seed(struct lineage *l, pid_t agent) MUST_CHECK;

void lineage_fork(struct lineage *l, pid_t parent, pid_t child);
/* lineage_exec - true if the process is the agent's own. */
bool lineage_exec(struct lineage *l, pid_t pid);
void lineage_exit(struct lineage *l, pid_t pid);
/* lineage_lost - events were lost, or none come any more: what was only seen
 * born is looked at anew, and nothing that has ended is trusted. */
void lineage_lost(struct lineage *l);
/* lineage_tick - forgets who ended more than a minute ago. */
void lineage_tick(struct lineage *l);

/*
 * lineage_get - a process by pid, or NULL.
 * @gone: it had ended when its event was read, so that what lives under its
 * number is another; NULL, too, while nobody tells of ends. Else what is
 * remembered is compared with /proc and taken anew where it differs.
 */
struct process *lineage_get(struct lineage *l, pid_t pid, bool gone);
/* lineage_doubtful - an event of one that has ended under this number may be
 * of another. */
bool lineage_doubtful(const struct process *p);
/* lineage_look - reads its credentials and program from /proc now. */
void lineage_look(const struct lineage *l, struct process *p);
/* lineage_session - the session at the head of a process's line, or NULL. */
struct session *lineage_session(struct process *p);
/* lineage_lead - marks the leader of a session, if it lives with that start. */
bool lineage_lead(struct lineage *l, struct session *s);
/* lineage_leader - that process, also after its end, or NULL. */
struct process *lineage_leader(
    const struct lineage *l, const struct session *s);
/* lineage_drop - forgets a session everywhere: it is about to be freed. */
void lineage_drop(struct lineage *l, const struct session *s);
/* lineage_mark - sets @used of every session that a process is of which is
 * remembered. */
void lineage_mark(const struct lineage *l);
/* lineage_family - see who_family; false if no such process is remembered. */
bool lineage_family(
    struct lineage *l, pid_t pid, uint64_t start_ticks, struct family *out);
/*
 * lineage_keeper - whoever of its line outlived its starter and serves a
 * terminal (tmux, screen, a copy of these under any name), so that others can
 * type there; NULL: nobody does. Reads that process's descriptors.
 */
struct process *lineage_keeper(struct lineage *l, struct process *p);
/*
 * lineage_guests - every other session of which a process ran the keeper's
 * program lately, or one that could not be seen, as a user whom the keeper
 * listens to: its own or root. @each may be called twice with a session.
 */
void lineage_guests(struct lineage *l, const struct process *keeper,
    void (*each)(void *ctx, struct session *s), void *ctx);
/* lineage_whole - its line is known up to the first process, so that no session
 * means that nobody logged in. */
bool lineage_whole(const struct process *p);
/* lineage_each - every process that lives; @each returns false to end it. */
void lineage_each(
    struct lineage *l, bool (*each)(void *ctx, struct process *p), void *ctx);
size_t lineage_count(const struct lineage *l);
/* lineage_start - field 22 of /proc/PID/stat, 0 if there is no such process. */
uint64_t lineage_start(const struct lineage *l, pid_t pid);

#endif
