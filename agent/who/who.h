/* SPDX-License-Identifier: Apache-2.0 */
/*
 * who - the door of the attribution room: a pid or a flow in, an actor out.
 *
 * Owns: login sessions (from our PAM module and from sshd's log), process
 * lineage, socket owners, the roster. Never: guesses. A wrong person is the
 * one error that is not allowed; unknown with a reason is always right.
 */
#ifndef AGENT_WHO_H
#define AGENT_WHO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/actor.h"
#include "lib/clock.h"
#include "lib/diag.h"
#include "lib/flow.h"
#include "lib/own.h"

struct who;

struct who_config {
	const char *roster; /* path, or NULL: everybody who is not in the
				     group chaperone-staff is "unassigned" */
	const char *sessions_dir; /* where pam_chaperone.so writes */
	const char *sshd_log; /* path of sshd's log, or NULL */
	const char *proc; /* "/proc"; a fake tree in tests */
	pid_t agent; /* what descends from it is nobody's but the agent's, who
			ever started that; 0: none */
};

/* A login session that began or ended, told once. */
struct session_event {
	bool open;
	struct stamp at;
	struct actor actor;
	char tty[32];
};

typedef void who_session_fn(void *ctx, const struct session_event *e);

/*
 * who_open - reads the roster (errors name file:line:col) and the sessions
 * that exist, and seeds lineage from /proc.
 */
int who_open(const struct who_config *c, who_session_fn *session, void *ctx,
    struct who **out, struct diag *why) MUST_CHECK;
void who_close(struct who *w);
/* who_check - reads a roster and forgets it: 0, or an error as who_open. */
int who_check(const char *roster, struct diag *why) MUST_CHECK;
/* who_fd - becomes readable when who_step has work (inotify); -1 if none. */
int who_fd(const struct who *w);
/* who_step - takes in new and ended sessions; call when readable and at least
 * once a second. */
int who_step(struct who *w) MUST_CHECK;
/* who_reload - a new roster, all or nothing; the old one stays on failure. */
int who_reload(struct who *w, struct diag *why) MUST_CHECK;

/* Lineage, as the process connector tells it. */
void who_fork(struct who *w, pid_t parent, pid_t child);
/* who_exec - true if the process is the agent's own. */
bool who_exec(struct who *w, pid_t pid);
void who_exit(struct who *w, pid_t pid);
/* who_lost - events of the connector were lost, or it is gone. */
void who_lost(struct who *w);

/*
 * who_pid - who stands behind a process. @gone: it has ended, so only what was
 * remembered of it counts, and only if the pid cannot have been reused since.
 */
void who_pid(struct who *w, pid_t pid, bool gone, struct actor *out);
/* A process as the kernel's programs name it. */
struct caller {
	pid_t pid;
	uint64_t start_ns; /* when it began, since boot */
	uint32_t uid; /* effective, or ACTOR_UNSET */
	const char *comm; /* its program's name, for when no more is seen */
};

/*
 * who_caller - the same for a process that was named with the time of its start,
 * so that no other with its number is meant.
 */
void who_caller(struct who *w, const struct caller *c, struct actor *out);
#define FAMILY_LINE 6

/* A process among others, by numbers that are never given again. */
struct family {
	uint64_t id;
	uint64_t born_us; /* since boot, when its birth was told */
	uint64_t image; /* when its program began, 0: with it */
	uint64_t ended; /* 0: it lives */
	uint64_t line[FAMILY_LINE]; /* what it came from, its parent first; 0
				     * behind the last that is known */
};

/*
 * who_family - where the process of that number and start (field 22 of
 * /proc/PID/stat, 0: not known) stands. The numbers are given in the order in
 * which the kernel told of births and ends: of two processes the lives overlap
 * if neither's end has a lower number than the other's id. false if it is not
 * remembered: it never was, or ended more than a minute ago.
 */
bool who_family(struct who *w, pid_t pid, uint64_t start_ticks,
    struct family *out) MUST_CHECK;
/*
 * who_flow - who owns the local end of a flow: sock_diag by tuple, then the
 * inode among the descriptors of processes, people's first. Call as early as
 * possible. @outgoing: receives true if the local end is the client.
 */
void who_flow(
    struct who *w, const struct tuple *t, struct actor *out, bool *outgoing);
/*
 * who_login - true, and who it is, if the flow is the SSH connection of a login
 * session. Asks memory alone; a flow is older than the session it carries, so
 * ask again at its end.
 * @began_us: since boot; a session that has ended is the flow's only if it was
 * opened since, for a client's port comes again. UINT64_MAX: those open now.
 */
bool who_login(
    struct who *w, const struct tuple *t, uint64_t began_us, struct actor *out);

/*
 * who_bystanders - every living process that is older than the agent, that no
 * login stands behind and that is no way in for one (sshd, cron, a container's runtime, a shell, …), and the
 * agent's own (@own). Without login uids in the kernel: the agent's own alone.
 */
void who_bystanders(
    struct who *w, void (*each)(void *ctx, pid_t pid, bool own), void *ctx);

/* Counts for the heartbeat: by grade, and sessions open now. */
struct who_counters {
	uint64_t by_grade[GRADE_UNKNOWN + 1];
	uint64_t sessions;
	uint64_t processes; /* remembered now */
	bool pam; /* the PAM module has been seen at work */
};

const struct who_counters *who_counters(const struct who *w);

#endif
