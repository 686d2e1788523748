/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lineage - which process came from which.
 *
 * Owns: the table of processes, kept by the process connector and completed
 * from /proc.
 * Never: trusts a pid alone: a process is a pid and a start time. When one ends
 * its children take over its session, so that a daemonised program still has
 * its line; and a pid that comes again too soon makes late events of it
 * doubtful (process.doubt_us).
 *
 * Every walk up a line is bounded by DEPTH_MAX; every walk over the table by
 * LINEAGE_MAX.
 */
#include "agent/who/lineage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/actor.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define SLOTS 16384
#define DEPTH_MAX 512
#define LEAD_DEPTH_MAX 32
#define KEEP_US 60000000 /* an ended process is remembered */
#define CROWDED_US 10000000 /* a pid that comes again within this time */
#define STAT_MAX 4096
#define DESCRIPTORS_MAX 4096

struct lineage {
	char proc[256];
	bool seeding; /* what is found now is older than the agent */
	struct process *slots[SLOTS];
	size_t count;
	uint64_t order; /* of births and ends */
	bool fed; /* births and ends are told, without a hole since */
	struct process *oldest, *newest; /* among the ended */
};

/* ---- the table ---- */

static struct process **
slot_of(struct lineage *l, pid_t pid)
{
	return &l->slots[(uint32_t)pid % SLOTS];
}

/* The newest of that pid: it stands first in its chain. */
static struct process *
find(struct lineage *l, pid_t pid)
{
	struct process *p = *slot_of(l, pid);

	while (p != NULL && p->pid != pid)
		p = p->chain;
	return p;
}

static void
adopt(struct process *parent, struct process *child)
{
	child->parent = parent;
	if (parent == NULL)
		return;
	/* Where it came from stays, when somebody else takes it in. */
	if (child->line[0] == 0) {
		child->line[0] = parent->id;
		memcpy(child->line + 1, parent->line,
		    sizeof child->line - sizeof child->line[0]);
	}
	child->prev = NULL;
	child->next = parent->children;
	if (child->next != NULL)
		child->next->prev = child;
	parent->children = child;
}

static void
disown(struct process *child)
{
	if (child->parent == NULL)
		return;
	if (child->prev != NULL)
		child->prev->next = child->next;
	else
		child->parent->children = child->next;
	if (child->next != NULL)
		child->next->prev = child->prev;
	child->parent = child->prev = child->next = NULL;
}

struct session *
lineage_session(struct process *p)
{
	struct process *at = p;

	for (int i = 0; at != NULL && i < DEPTH_MAX; i++) {
		if (at->session != NULL) {
			p->session = at->session;
			return p->session;
		}
		at = at->parent;
	}
	return NULL;
}

/* True if every birth up to the first process was seen: one that was found in
 * /proc may have been given to its parent. */
bool
lineage_whole(const struct process *p)
{
	for (int i = 0; p != NULL && i < DEPTH_MAX; i++) {
		if (p->known || p->late)
			return p->known;
		p = p->parent;
	}
	return false;
}

bool
lineage_family(
    struct lineage *l, pid_t pid, uint64_t start_ticks, struct family *out)
{
	const struct process *p = pid > 0 ? find(l, pid) : NULL;

	if (p == NULL || (start_ticks != 0 && p->start_ticks != 0 &&
			     p->start_ticks != start_ticks))
		return false;
	*out = (struct family){.id = p->id,
	    .born_us = p->born_us,
	    .image = p->image,
	    .ended = p->ended_order};
	memcpy(out->line, p->line, sizeof out->line);
	return true;
}

/* The children go on with what they had through @p. */
static void
leave_children(struct process *p)
{
	struct session *s = lineage_session(p);
	bool whole = lineage_whole(p);

	while (p->children != NULL) {
		struct process *c = p->children;

		disown(c);
		if (c->session == NULL)
			c->session = s;
		c->known |= whole;
		c->left = true;
		adopt(p->parent, c);
	}
}

static void
unlist_ended(struct lineage *l, struct process *p)
{
	if (!p->ended)
		return;
	if (p->older != NULL)
		p->older->newer = p->newer;
	else
		l->oldest = p->newer;
	if (p->newer != NULL)
		p->newer->older = p->older;
	else
		l->newest = p->older;
	p->older = p->newer = NULL;
}

static void
forget(struct lineage *l, struct process *p)
{
	struct process **at = slot_of(l, p->pid);

	while (*at != p)
		at = &(*at)->chain;
	*at = p->chain;
	leave_children(p);
	disown(p);
	unlist_ended(l, p);
	free(p);
	l->count--;
}

static struct process *
add(struct lineage *l, pid_t pid)
{
	struct process **slot = slot_of(l, pid);
	struct process *p;

	if (l->count >= LINEAGE_MAX) {
		if (l->oldest == NULL)
			return NULL;
		forget(l, l->oldest);
	}
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	p->pid = pid;
	p->id = ++l->order;
	p->born_us = clock_boot_us();
	p->loginuid = p->audit_ses = p->uid = p->granted = ACTOR_UNSET;
	p->chain = *slot;
	*slot = p;
	l->count++;
	return p;
}

/* Its line is about to be cut: who in it may serve a terminal. */
static void
keep_host(struct process *p)
{
	const struct process *at = p;

	for (int i = 0; at != NULL && !at->leads && i < DEPTH_MAX; i++) {
		if (at->left) {
			p->host = at->pid;
			p->host_id = at->id;
			return;
		}
		at = at->parent;
	}
}

static void
end(struct lineage *l, struct process *p)
{
	if (p->ended)
		return;
	leave_children(p);
	(void)lineage_session(p);
	p->known = lineage_whole(p);
	keep_host(p);
	disown(p);
	p->ended = true;
	p->ended_us = clock_boot_us();
	p->ended_order = ++l->order;
	p->older = l->newest;
	if (l->newest != NULL)
		l->newest->newer = p;
	else
		l->oldest = p;
	l->newest = p;
}

/* ---- /proc ---- */

/* A process's directory: what is read below it is of that process alone, and
 * fails once it has ended, whoever has its number then. */
static int
open_proc(const struct lineage *l, pid_t pid)
{
	char path[320];

	if (str_format(path, sizeof path, "%s/%d", l->proc, (int)pid) != 0)
		return -1;
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static ssize_t
read_proc(int dir, const char *name, char *out, size_t size)
{
	OWN_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	out[n < 0 ? 0 : n] = '\0';
	return n;
}

/* Parent, start time, and whether it has ended and is still there. The name in
 * parentheses may hold anything. */
static bool
read_stat(int dir, pid_t *parent, uint64_t *start, bool *zombie)
{
	char text[STAT_MAX];
	const char *p;
	char *save = NULL;
	int field = 2;

	if (read_proc(dir, "stat", text, sizeof text) <= 0)
		return false;
	p = strrchr(text, ')');
	if (p == NULL)
		return false;
	*parent = 0;
	*start = 0;
	*zombie = false;
	/* Field 3 follows, the state; 4 is the parent, 22 the start (proc(5)). */
	for (char *w = strtok_r((char *)(uintptr_t)(p + 1), " ", &save);
	     w != NULL && field < 22; w = strtok_r(NULL, " ", &save)) {
		uint64_t v = 0;

		field++;
		if (field == 3)
			*zombie = *w == 'Z';
		if (field == 4 && str_u64(w, INT32_MAX, &v) == 0)
			*parent = (pid_t)v;
		if (field == 22 && str_u64(w, INT64_MAX, start) != 0)
			return false;
	}
	return field == 22;
}

static uint32_t
read_u32(int dir, const char *name)
{
	char text[32];
	uint64_t v;
	ssize_t n = read_proc(dir, name, text, sizeof text);

	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return n > 0 && str_u64(text, UINT32_MAX, &v) == 0 ? (uint32_t)v
							   : ACTOR_UNSET;
}

/* The effective uid, or ACTOR_UNSET. */
static uint32_t
read_uid(int dir)
{
	char text[STAT_MAX], *save = NULL;
	struct stat st;
	uint64_t v;
	char *p;

	/* A process that must not be dumped looks like root's here. */
	if (fstat(dir, &st) != 0 || st.st_uid != 0)
		return st.st_uid;
	if (read_proc(dir, "status", text, sizeof text) <= 0)
		return ACTOR_UNSET;
	/* The name stands in the first line, with its newlines escaped. */
	p = strstr(text, "\nUid:\t");
	if (p == NULL || strtok_r(p + 6, "\t\n", &save) == NULL ||
	    (p = strtok_r(NULL, "\t\n", &save)) == NULL ||
	    str_u64(p, UINT32_MAX, &v) != 0)
		return ACTOR_UNSET;
	return (uint32_t)v;
}

static void
read_exe(int dir, char out[LINEAGE_EXE_MAX])
{
	ssize_t n = readlinkat(dir, "exe", out, LINEAGE_EXE_MAX - 1);

	out[n < 0 ? 0 : n] = '\0';
	/* Cut, and told as cut. */
	if (n == LINEAGE_EXE_MAX - 1)
		memcpy(out + LINEAGE_EXE_MAX - 4, "...", 4);
}

/* Programs that set the login uid of whom they let in. Those of the second kind
 * do it for anybody, whoever has started them. */
static const struct {
	const char *name;
	bool hires;
} WAYS_IN[] = {{"sshd", false}, {"sshd-session", false}, {"login", false},
    {"cron", true}, {"crond", true}, {"atd", true}, {"systemd", false},
    {"dropbear", false}, {"gdm-session-worker", false}, {"lightdm", false},
    {"sddm-helper", false}, {"xrdp-sesman", false}, {"lxdm", false}};

/* Index into WAYS_IN of one of the system's own, or -1. */
static int
way_in(const char *exe)
{
	static const char *const DIRS[] = {
	    "/usr/sbin/", "/usr/bin/", "/usr/lib", "/sbin/", "/bin/", "/lib"};
	const char *slash = strrchr(exe, '/');
	bool own = false;

	for (size_t i = 0; i < ARRAY_LEN(DIRS); i++)
		own |= strncmp(exe, DIRS[i], strlen(DIRS[i])) == 0;
	for (size_t i = 0; own && i < ARRAY_LEN(WAYS_IN); i++)
		if (str_eq(slash + 1, WAYS_IN[i].name))
			return (int)i;
	return -1;
}

/*
 * Whether its login uid is what a way in gave it. One that has none can take
 * any, and with root one can take another: then it is not what was granted.
 * The child of cron that sets it starts the job and waits for it.
 */
static void
find_grant(const struct lineage *l, struct process *p)
{
	struct process *up = p->parent;
	int way = way_in(p->exe);

	if (p->loginuid == ACTOR_UNSET || p->loginuid == p->granted)
		return;
	if (way < 0 && !l->seeding) {
		OWN_FD int dir =
		    up == NULL || up->ended ? -1 : open_proc(l, up->pid);

		if (dir < 0 || read_u32(dir, "loginuid") != p->loginuid)
			return;
		/* Of the system's own it was not asked before. */
		if (up->exe[0] == '\0')
			read_exe(dir, up->exe);
		way = way_in(up->exe);
		if (way < 0 && up->granted != p->loginuid)
			return;
		p->hired = way < 0 && up->hired;
	}
	if (way >= 0)
		p->hired = WAYS_IN[way].hires;
	p->granted = p->loginuid;
}

/* All or nothing: of what has ended in between, nothing is taken. */
void
lineage_look(const struct lineage *l, struct process *p)
{
	OWN_FD int dir = open_proc(l, p->pid);
	uint32_t loginuid, audit_ses, uid;
	char exe[LINEAGE_EXE_MAX];
	uint64_t start;
	pid_t parent;
	bool zombie;

	if (dir < 0)
		return;
	loginuid = read_u32(dir, "loginuid");
	audit_ses = read_u32(dir, "sessionid");
	uid = read_uid(dir);
	read_exe(dir, exe);
	if (!read_stat(dir, &parent, &start, &zombie) ||
	    (p->start_ticks != 0 && p->start_ticks != start))
		return;
	p->looked = true;
	p->start_ticks = start;
	p->loginuid = loginuid;
	p->audit_ses = audit_ses;
	p->uid = uid;
	/* One that is about to end has none any more; it keeps what it had since
	 * its program began. */
	if (exe[0] != '\0')
		memcpy(p->exe, exe, sizeof p->exe);
	find_grant(l, p);
}

static bool
stat_of(const struct lineage *l, pid_t pid, pid_t *parent, uint64_t *start,
    bool *zombie)
{
	OWN_FD int dir = open_proc(l, pid);

	return dir >= 0 && read_stat(dir, parent, start, zombie);
}

uint64_t
lineage_start(const struct lineage *l, pid_t pid)
{
	uint64_t start;
	pid_t parent;
	bool zombie;

	return stat_of(l, pid, &parent, &start, &zombie) ? start : 0;
}

/* What /proc shows is the one that we were told has ended: whoever started it
 * has not asked for its end yet. */
static bool
is_left_over(const struct process *p, uint64_t start, bool zombie)
{
	const uint64_t tick_us = 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);

	if (!p->ended || !zombie)
		return false;
	if (p->start_ticks != 0)
		return p->start_ticks == start;
	return start * tick_us <= p->ended_us;
}

/* A process found in /proc, and what it came from, up to the first. */
static struct process *
take_late(struct lineage *l, pid_t pid, int depth)
{
	struct process *p = find(l, pid), *up = NULL;
	uint64_t start;
	pid_t parent;
	bool zombie;

	if (depth > DEPTH_MAX || !stat_of(l, pid, &parent, &start, &zombie))
		return NULL;
	if (p != NULL && is_left_over(p, start, zombie))
		return NULL;
	if (p != NULL && !p->ended && p->start_ticks == start) {
		if (p->doubt_us == UINT64_MAX)
			p->doubt_us = 0; /* not lost: it lives */
		return p;
	}
	if (p != NULL && !p->ended && p->start_ticks == 0) {
		/* Seen born, looked at for the first time. */
		p->start_ticks = start;
		lineage_look(l, p);
		return p;
	}
	if (p != NULL)
		end(l, p);
	/* Recursion is bounded by DEPTH_MAX; the kernel's tree has no loops. */
	if (parent > 0 && parent != pid)
		up = take_late(l, parent, depth + 1);
	p = add(l, pid);
	if (p == NULL)
		return NULL;
	p->start_ticks = start;
	p->late = true;
	p->known = parent == 0;
	p->own = up != NULL && up->own;
	p->left = parent == 1;
	adopt(up, p);
	lineage_look(l, p);
	return p;
}

/* ---- the door ---- */

int
lineage_new(const char *proc, struct lineage **out)
{
	struct lineage *l = calloc(1, sizeof *l);

	if (l == NULL)
		return -ENOMEM;
	if (str_copy(l->proc, sizeof l->proc, proc) != 0) {
		free(l);
		return -ENAMETOOLONG;
	}
	*out = l;
	return 0;
}

void
lineage_free(struct lineage *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		struct process *p = l->slots[i];

		while (p != NULL) {
			struct process *next = p->chain;

			free(p);
			p = next;
		}
	}
	free(l);
}

int
lineage_seed(struct lineage *l, pid_t agent)
{
	const struct dirent *e;
	struct process *own = agent > 0 ? take_late(l, agent, 0) : NULL;
	DIR *d = opendir(l->proc);

	if (d == NULL)
		return -errno;
	if (own != NULL)
		own->own = true;
	l->seeding = true;
	while ((e = readdir(d)) != NULL) {
		uint64_t pid;

		if (str_u64(e->d_name, INT32_MAX, &pid) == 0 && pid > 0)
			(void)take_late(l, (pid_t)pid, 0);
	}
	l->seeding = false;
	(void)closedir(d);
	return 0;
}

void
lineage_fork(struct lineage *l, pid_t parent, pid_t child)
{
	struct process *old = find(l, child), *up = find(l, parent), *p;
	bool crowded = old != NULL;

	l->fed = true;
	if (old != NULL && !old->ended)
		end(l, old); /* its end was missed */
	else if (old != NULL && clock_boot_us() - old->ended_us > CROWDED_US)
		crowded = false;
	if (up == NULL || up->ended)
		up = take_late(l, parent, 0);
	p = add(l, child);
	if (p == NULL)
		return;
	p->doubt_us = crowded ? clock_boot_us() + CROWDED_US : 0;
	/* A parent that is not known leaves the line open. */
	adopt(up, p);
	if (up != NULL) {
		p->own = up->own;
		p->session = lineage_session(up);
		p->loginuid = up->loginuid;
		p->audit_ses = up->audit_ses;
		p->granted = up->granted;
		p->hired = up->hired;
		p->uid = up->uid;
		memcpy(p->exe, up->exe, sizeof p->exe);
	}
}

static bool
has_login(const struct lineage *l, pid_t pid)
{
	OWN_FD int dir = open_proc(l, pid);

	return dir >= 0 && read_u32(dir, "loginuid") != ACTOR_UNSET;
}

bool
lineage_exec(struct lineage *l, pid_t pid)
{
	struct process *p = find(l, pid);

	l->fed = true;
	if (p == NULL || p->ended) {
		p = take_late(l, pid, 0);
		return p != NULL && p->own;
	}
	p->looked = false;
	p->exe[0] = '\0';
	p->image = ++l->order;
	/* Of the system's own programs it is enough to know that they are: one
	 * that cron starts for somebody has set its login uid by now. */
	if (lineage_session(p) != NULL || p->loginuid != ACTOR_UNSET ||
	    has_login(l, pid))
		lineage_look(l, p);
	return p->own;
}

void
lineage_exit(struct lineage *l, pid_t pid)
{
	struct process *p = find(l, pid);

	l->fed = true;
	if (p != NULL)
		end(l, p);
}

void
lineage_tick(struct lineage *l)
{
	uint64_t now = clock_boot_us();

	while (l->oldest != NULL && now - l->oldest->ended_us > KEEP_US)
		forget(l, l->oldest);
}

bool
lineage_doubtful(const struct process *p)
{
	return clock_boot_us() < p->doubt_us;
}

/* The one that had the number before @p. */
static struct process *
before(const struct process *p)
{
	pid_t pid = p->pid;

	do
		p = p->chain;
	while (p != NULL && p->pid != pid);
	return (struct process *)(uintptr_t)p;
}

/* Of a process that has ended: what lives under its number now is another. */
static struct process *
get_gone(struct lineage *l, pid_t pid)
{
	struct process *p = l->fed ? find(l, pid) : NULL;
	uint64_t start;

	if (p == NULL || p->ended)
		return p;
	start = lineage_start(l, pid);
	/* Its end may not be told yet; then nothing lives there. */
	return start != 0 && (p->start_ticks == 0 || p->start_ticks == start)
		   ? before(p)
		   : p;
}

struct process *
lineage_get(struct lineage *l, pid_t pid, bool gone)
{
	struct process *p;

	if (gone)
		return get_gone(l, pid);
	p = take_late(l, pid, 0);
	if (p == NULL) /* it has ended since */
		return l->fed ? find(l, pid) : NULL;
	/* What people are at the event is what counts. */
	if (!p->looked || lineage_session(p) != NULL ||
	    p->loginuid != ACTOR_UNSET)
		lineage_look(l, p);
	return p;
}

/* Those that were born before their session was known. */
static void
lead_children(struct process *p, struct session *s, int depth)
{
	for (struct process *c = p->children; c != NULL; c = c->next) {
		if (c->leads)
			continue;
		c->session = s;
		if (depth < LEAD_DEPTH_MAX)
			lead_children(c, s, depth + 1);
	}
}

bool
lineage_lead(struct lineage *l, struct session *s)
{
	struct process *p = take_late(l, s->leader, 0);

	if (p == NULL)
		p = find(l, s->leader);
	if (p == NULL || (p->start_ticks != 0 && s->start_ticks != 0 &&
			     p->start_ticks != s->start_ticks))
		return false;
	p->session = s;
	p->leads = true;
	lead_children(p, s, 0);
	return true;
}

struct process *
lineage_leader(const struct lineage *l, const struct session *s)
{
	struct process *p = l->slots[(uint32_t)s->leader % SLOTS];

	while (p != NULL && (p->pid != s->leader || p->session != s))
		p = p->chain;
	return p;
}

void
lineage_drop(struct lineage *l, const struct session *s)
{
	for (size_t i = 0; i < SLOTS; i++)
		for (struct process *p = l->slots[i]; p != NULL; p = p->chain) {
			if (p->session == s)
				p->session = NULL;
			if (p->guest == s)
				p->guest = NULL;
		}
}

void
lineage_mark(const struct lineage *l)
{
	for (size_t i = 0; i < SLOTS; i++) {
		for (struct process *p = l->slots[i]; p != NULL; p = p->chain) {
			struct session *s = lineage_session(p);

			if (s != NULL)
				s->used = true;
			if (p->guest != NULL && !p->ended)
				p->guest->used = true;
		}
	}
}

/* It holds the master's side of a terminal. */
static bool
has_master(const struct lineage *l, pid_t pid)
{
	char path[320], to[64];
	bool found = false;
	DIR *d;

	if (str_format(path, sizeof path, "%s/%d/fd", l->proc, (int)pid) != 0)
		return false;
	d = opendir(path);
	for (int i = 0; d != NULL && !found && i < DESCRIPTORS_MAX; i++) {
		const struct dirent *e = readdir(d);
		ssize_t n;

		if (e == NULL)
			break;
		n = readlinkat(dirfd(d), e->d_name, to, sizeof to - 1);
		to[n < 0 ? 0 : n] = '\0';
		found = n >= 5 && str_eq(to + n - 5, "/ptmx");
	}
	if (d != NULL)
		(void)closedir(d);
	return found;
}

struct process *
lineage_keeper(struct lineage *l, struct process *p)
{
	/* Another may have the number of the one that was its host. */
	if (p->ended && p->host != 0) {
		uint64_t id = p->host_id;

		p = find(l, p->host);
		if (p == NULL || p->id != id)
			return NULL;
	}
	for (int i = 0; p != NULL && !p->leads && i < DEPTH_MAX; i++) {
		if (p->left && p->ended && p->guest != NULL)
			return p;
		if (p->left && !p->ended && has_master(l, p->pid)) {
			/* What it was born with is its starter's. */
			lineage_look(l, p);
			return p;
		}
		p = p->parent;
	}
	return NULL;
}

void
lineage_guests(struct lineage *l, const struct process *keeper,
    void (*each)(void *ctx, struct session *s), void *ctx)
{
	for (size_t i = 0; i < SLOTS; i++) {
		for (struct process *p = l->slots[i]; p != NULL; p = p->chain) {
			struct session *s = lineage_session(p);

			/* What could not be looked at has its starter's
			 * user: root's then, where sshd started it. */
			bool same = p->uid == keeper->uid;
			bool seen = p->exe[0] != '\0';

			if (s != NULL && s != keeper->session && !p->leads &&
			    p->id > keeper->id &&
			    (seen ? str_eq(p->exe, keeper->exe) &&
					(same || p->uid == 0)
				  : same && p->image != 0))
				each(ctx, s);
		}
	}
}

void
lineage_each(
    struct lineage *l, bool (*each)(void *ctx, struct process *p), void *ctx)
{
	for (size_t i = 0; i < SLOTS; i++)
		for (struct process *p = l->slots[i]; p != NULL; p = p->chain)
			if (!p->ended && !each(ctx, p))
				return;
}

void
lineage_lost(struct lineage *l)
{
	l->fed = false;
	for (size_t i = 0; i < SLOTS; i++) {
		for (struct process *p = l->slots[i]; p != NULL; p = p->chain) {
			p->doubt_us = UINT64_MAX;
			if (!p->ended && p->start_ticks == 0)
				end(l, p);
		}
	}
}

size_t
lineage_count(const struct lineage *l)
{
	return l->count;
}
