/* SPDX-License-Identifier: Apache-2.0 */
/*
 * who - a pid or a flow in, an actor out.
 *
 * Owns: the sessions of this host, and the order in which evidence counts: the
 * session at the head of a process's line; else the session that has the
 * kernel's session number; else the login uid alone.
 * Never: names a person on less than the grade says. What contradicts itself
 * is graded down, with the reason.
 *
 * A key that the roster knows is the strongest word. An account is its holder's
 * word only if it is one person's, and only if the key that opened it is not a
 * stranger's. sshd's log can be written to by local users (syslog(3)), so what
 * rests on it alone is never graded "key"; a line counts only if its process is
 * a living sshd of root's, young when the line was written, that no other line
 * contradicts, and whose login uid is that of the account.
 */
#include "agent/who/who.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/who/lineage.h"
#include "agent/who/roster.h"
#include "agent/who/session.h"
#include "agent/who/socket.h"
#include "agent/who/sources.h"
#include "lib/str.h"

#include "lib/own.h"

#define PASSWD_MAX 100000
#define PEOPLE_UID 1000 /* accounts of people begin here (login.defs(5)) */
#define NOBODY_UID 65534
#define ACCOUNTS 64
#define ACCOUNT_US 10000000
/* From the birth of sshd's process to the line that lets somebody in: a second
 * of rounding before it, LoginGraceTime (120 s) and then some behind it. */
#define LINE_EARLY_US 2000000
#define LINE_LATE_US 600000000

struct account {
	uint32_t uid;
	uint64_t at_us; /* when it was looked up, 0: never */
	bool found;
	char name[64];
};

struct who {
	char roster_path[4096], proc[256];
	struct roster *roster;
	struct lineage *lineage;
	struct sources *sources;
	struct session *sessions[SESSIONS_MAX];
	size_t nsessions;
	struct socket_finder sockets;
	bool audit; /* the kernel keeps login uids */
	uint64_t agent_start; /* of the supervisor, in ticks */
	who_session_fn *tell;
	void *ctx;
	bool told; /* sessions are told from now on */
	uint64_t second_us;
	struct account accounts[ACCOUNTS]; /* remembered, by uid */
	struct who_counters counters;
};

/* ---- from a session to a person ---- */

/* The account of a uid, from the local file alone. */
static bool
read_account(uint32_t uid, char *out, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	bool found = false;

	if (f == NULL)
		return false;
	for (int i = 0; !found && i < PASSWD_MAX; i++) {
		const struct passwd *p = fgetpwent(f);

		if (p == NULL)
			break;
		found =
		    p->pw_uid == uid && str_copy(out, size, p->pw_name) == 0;
	}
	(void)fclose(f);
	return found;
}

/* The same, remembered for some seconds: it is asked at every event. */
static bool
account_of(struct who *w, uint32_t uid, char *out, size_t size)
{
	struct account *a = &w->accounts[uid % ACCOUNTS];
	uint64_t now = clock_boot_us();

	if (a->at_us == 0 || a->uid != uid || now - a->at_us > ACCOUNT_US) {
		*a = (struct account){.uid = uid, .at_us = now};
		a->found = read_account(uid, a->name, sizeof a->name);
	}
	return a->found && str_copy(out, size, a->name) == 0;
}

/* An account of another name service is not known here, and not doubted. */
static bool
is_own_account(struct who *w, const struct session *s)
{
	char account[64];

	return s->source != SESSION_LOG || s->loginuid == ACTOR_UNSET ||
	       !account_of(w, s->loginuid, account, sizeof account) ||
	       str_eq(account, s->account);
}

PRINTF_LIKE(2, 3)
static void
why(struct actor *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	/* Texts of ours and ids of the roster; what is too long is cut. */
	(void)vsnprintf(a->why, sizeof a->why, fmt, ap);
	va_end(ap);
}

static void
name(struct actor *a, const char *provider, const char *person)
{
	(void)str_copy(a->provider, sizeof a->provider,
	    provider == NULL ? "unknown" : provider);
	(void)str_copy(
	    a->person, sizeof a->person, person == NULL ? "unknown" : person);
}

/* By the key that opened the session. True if that settles it. */
static bool
by_key(struct who *w, const struct session *s, struct actor *a)
{
	struct roster_match m = {.answer = ROSTER_NONE};

	if (s->key_fp[0] != '\0')
		m = roster_key(w->roster, s->key_fp, s->opened.wall_us);
	if (m.answer == ROSTER_NONE)
		return false;
	if (m.answer == ROSTER_EXPIRED) {
		a->grade = GRADE_SESSION;
		name(a, NULL, NULL);
		why(a,
		    "the session's key is listed for %s of %s, but not for "
		    "this time",
		    m.person, m.provider);
		return true;
	}
	if (roster_denies(w->roster, &m, s->account)) {
		a->grade = GRADE_SESSION;
		name(a, NULL, NULL);
		why(a,
		    "the key is listed for %s of %s, the account for others "
		    "alone",
		    m.person, m.provider);
		return true;
	}
	name(a, m.provider, m.person);
	a->grade = s->source == SESSION_PAM ? GRADE_KEY : GRADE_ACCOUNT;
	if (s->source == SESSION_PAM)
		why(a, "the key that opened the session is in the roster");
	else
		why(a, "the key is in the roster; that it opened the session "
		       "is known from sshd's log alone");
	return true;
}

static void
by_account(struct who *w, const struct session *s, struct actor *a)
{
	struct roster_match m =
	    roster_account(w->roster, s->account, s->opened.wall_us);

	a->grade = GRADE_SESSION;
	switch (m.answer) {
	case ROSTER_NONE:
		name(a, NULL, NULL);
		why(a, "neither the account nor its key is in the roster");
		return;
	case ROSTER_SHARED:
		name(a, m.provider, NULL);
		why(a, "several people share the account, and the key is not "
		       "in the roster");
		return;
	case ROSTER_EXPIRED:
		name(a, NULL, NULL);
		why(a,
		    "the account is listed for %s of %s, but not for this "
		    "time",
		    m.person, m.provider);
		return;
	case ROSTER_ONE:
		break;
	}
	if (m.keyed && s->key_fp[0] != '\0') {
		name(a, m.provider, NULL);
		why(a, "the account is one person's, but was opened with a key "
		       "that is not in the roster");
		return;
	}
	name(a, m.provider, m.person);
	a->grade = GRADE_ACCOUNT;
	why(a, "the account is one person's");
}

static void
by_session(struct who *w, const struct session *s, struct actor *a)
{
	(void)str_copy(a->account, sizeof a->account, s->account);
	(void)str_copy(a->session, sizeof a->session, s->id);
	(void)str_copy(a->src_addr, sizeof a->src_addr, s->src_addr);
	(void)str_copy(a->method, sizeof a->method, s->method);
	if (s->doubtful) {
		a->grade = GRADE_SESSION;
		name(a, NULL, NULL);
		why(a, "sshd's log says two different things of this session");
		return;
	}
	if (!is_own_account(w, s)) {
		a->grade = GRADE_SESSION;
		name(a, NULL, NULL);
		why(a, "sshd's log names another account than the login uid");
		return;
	}
	(void)str_copy(a->key_fp, sizeof a->key_fp, s->key_fp);
	if (!by_key(w, s, a))
		by_account(w, s, a);
}

static struct actor
nobody(void)
{
	return (struct actor){.loginuid = ACTOR_UNSET,
	    .audit_ses = ACTOR_UNSET,
	    .uid = ACTOR_UNSET};
}

/* The session itself, by its leader. */
static void
of_session(struct who *w, const struct session *s, struct actor *a)
{
	const struct process *p = lineage_leader(w->lineage, s);

	*a = nobody();
	a->loginuid = s->loginuid;
	a->audit_ses = s->audit_ses;
	a->pid = s->leader;
	a->start_ticks = s->start_ticks;
	by_session(w, s, a);
	if (p != NULL)
		(void)str_copy(a->exe, sizeof a->exe, p->exe);
}

/* ---- from a process to a session ---- */

static struct session *
by_number(struct who *w, uint32_t audit_ses)
{
	for (size_t i = 0; audit_ses != ACTOR_UNSET && i < w->nsessions; i++)
		if (w->sessions[i]->audit_ses == audit_ses)
			return w->sessions[i];
	return NULL;
}

/* Nothing but the login uid, which an unset process can choose freely: it
 * counts where a way in has set it. */
static void
by_loginuid(struct who *w, const struct process *p, struct actor *a)
{
	struct roster_match m;

	a->grade = GRADE_LINEAGE;
	name(a, NULL, NULL);
	if (p->granted != a->loginuid) {
		why(a, "a login uid that no program which lets people in has "
		       "set, and no session");
		return;
	}
	if (!account_of(w, a->loginuid, a->account, sizeof a->account)) {
		why(a, "a login uid without an account and without a session");
		return;
	}
	m = roster_account(w->roster, a->account, clock_now().wall_us);
	if (m.answer == ROSTER_ONE)
		name(a, m.provider, m.person);
	else if (m.answer == ROSTER_SHARED)
		name(a, m.provider, NULL);
	if (p->hired)
		why(a, "by the login uid alone: a job of the account, whoever "
		       "gave it to cron or at");
	else
		why(a, "by the login uid alone: no login session is known with "
		       "it");
}

static void
lost(struct actor *a, const char *reason)
{
	a->grade = GRADE_UNKNOWN;
	a->lost = true;
	name(a, NULL, NULL);
	why(a, "%s", reason);
}

static void
weaken(struct actor *a, enum grade most, const char *reason)
{
	if (a->grade >= most)
		return;
	a->grade = most;
	why(a, "%s", reason);
}

/* sshd writes its line before PAM sets the kernel's numbers. */
static void
complete(struct who *w, struct session *s)
{
	struct process *p;

	if (s->source != SESSION_LOG || s->loginuid != ACTOR_UNSET || !w->audit)
		return;
	p = lineage_leader(w->lineage, s);
	if (p == NULL || p->ended)
		return;
	lineage_look(w->lineage, p);
	s->loginuid = p->loginuid;
	s->audit_ses = p->audit_ses;
}

/* What the kernel says of a process against the session that it descends from.
 */
static void
cross_check(struct who *w, const struct session *s, const struct process *p,
    struct actor *a)
{
	const struct session *other = by_number(w, p->audit_ses);

	if (other != NULL && other != s && s->audit_ses != p->audit_ses) {
		a->grade = GRADE_UNKNOWN;
		a->key_fp[0] = '\0';
		name(a, NULL, NULL);
		why(a, "by descent it is of one session, by the kernel's "
		       "session number of another");
	} else if (s->loginuid != ACTOR_UNSET && p->loginuid != s->loginuid &&
		   p->hired && p->loginuid == p->granted) {
		a->grade = GRADE_UNKNOWN;
		a->key_fp[0] = '\0';
		name(a, NULL, NULL);
		why(a, "a job of another account's, by a cron or at that was "
		       "started in the session");
	} else if (s->loginuid != ACTOR_UNSET && p->loginuid != s->loginuid) {
		weaken(a, GRADE_LINEAGE,
		    "by descent from the session; the login uid was changed "
		    "within it");
	}
}

/* Somebody who logged in before the agent ran, perhaps, on a kernel that keeps
 * no login uids. */
static bool
may_be_person(const struct who *w, const struct process *p)
{
	return !w->audit && !lineage_whole(p) && p->uid >= PEOPLE_UID &&
	       p->uid != NOBODY_UID && p->uid != ACTOR_UNSET;
}

struct guests {
	struct who *w;
	const struct actor *host;
	struct session *found; /* somebody else's */
};

static void
find_guest(void *ctx, struct session *s)
{
	struct guests *g = ctx;
	struct actor a = nobody();

	if (g->found != NULL)
		return;
	by_session(g->w, s, &a);
	if (!str_eq(a.person, g->host->person) ||
	    !str_eq(a.provider, g->host->provider))
		g->found = s;
}

/*
 * Whoever has started a terminal's server is not who types there: another may
 * have joined it, or told it what to do. Once somebody has, it stays in doubt.
 */
static void
doubt_terminal(struct who *w, struct process *p, struct actor *a)
{
	struct process *keeper = lineage_keeper(w->lineage, p);
	struct guests g = {.w = w, .host = a};
	struct actor other = nobody();

	if (keeper == NULL)
		return;
	if (keeper->guest == NULL) {
		lineage_guests(w->lineage, keeper, find_guest, &g);
		keeper->guest = g.found;
	}
	if (keeper->guest == NULL)
		return;
	by_session(w, keeper->guest, &other);
	why(&other,
	    "ambiguous: %s of %s started the terminal, %s of %s was in it",
	    a->person, a->provider, other.person, other.provider);
	(void)str_copy(a->why, sizeof a->why, other.why);
	a->grade = GRADE_SESSION;
	a->key_fp[0] = '\0';
	name(a, str_eq(a->provider, other.provider) ? other.provider : NULL,
	    NULL);
}

static void
by_process(struct who *w, struct process *p, struct actor *a)
{
	struct session *s = lineage_session(p);

	if (p->own) {
		a->own = true;
		a->grade = GRADE_UNKNOWN;
		name(a, NULL, NULL);
		why(a, "the agent itself");
		return;
	}
	a->loginuid = p->loginuid;
	a->audit_ses = p->audit_ses;
	a->uid = p->uid;
	a->start_ticks = p->start_ticks;
	(void)str_copy(a->exe, sizeof a->exe, p->exe);
	if (s != NULL) {
		complete(w, s);
		by_session(w, s, a);
		if (!p->looked) {
			a->loginuid = s->loginuid;
			a->audit_ses = s->audit_ses;
		} else {
			cross_check(w, s, p, a);
		}
		doubt_terminal(w, p, a);
		return;
	}
	s = by_number(w, p->audit_ses);
	if (s != NULL) {
		by_session(w, s, a);
		weaken(a, GRADE_ACCOUNT,
		    "by the kernel's session number: the line of processes "
		    "does not reach the session");
		return;
	}
	if (p->loginuid != ACTOR_UNSET) {
		by_loginuid(w, p, a);
		return;
	}
	if (may_be_person(w, p)) {
		lost(a, "it was there before the agent, and the kernel keeps "
			"no login uids");
		return;
	}
	a->grade = GRADE_UNKNOWN;
	name(a, NULL, NULL);
	why(a, "no login stands behind the process");
}

void
who_pid(struct who *w, pid_t pid, bool gone, struct actor *out)
{
	struct process *p = pid > 0 ? lineage_get(w->lineage, pid, gone) : NULL;

	*out = nobody();
	out->pid = pid;
	if (pid <= 0)
		lost(out, "the process is of a pid namespace that this agent "
			  "is not shown");
	else if (p == NULL)
		lost(out, "the process had ended before it was looked at");
	else if (gone && lineage_doubtful(p))
		lost(out, "the process had ended, and its number was used by "
			  "another shortly before or after");
	else
		by_process(w, p, out);
	w->counters.by_grade[out->grade]++;
}

/* The program's name, without its directory. */
static bool
is_sshd(const char *exe)
{
	const char *slash = strrchr(exe, '/');

	return slash != NULL &&
	       (str_eq(slash, "/sshd") || str_eq(slash, "/sshd-session"));
}

/* Whose process it is not: sshd works for its client. */
static void
tell_forwarding(struct actor *a)
{
	char by[sizeof a->why];

	if (a->session[0] == '\0' || a->grade >= GRADE_LINEAGE ||
	    !is_sshd(a->exe))
		return;
	memcpy(by, a->why, sizeof by);
	why(a, "sshd forwards it for the session: %s",
	    a->grade == GRADE_KEY ? "the key that opened it is in the roster"
				  : by);
}

/* What /proc counts of a time since boot. */
static uint64_t
ticks_of(uint64_t ns)
{
	return ns / (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

void
who_caller(struct who *w, const struct caller *c, struct actor *out)
{
	pid_t pid = c->pid;
	uint64_t start = ticks_of(c->start_ns);
	struct process *p =
	    pid > 0 ? lineage_get(w->lineage, pid, false) : NULL;

	*out = nobody();
	out->pid = pid;
	/* What has the number now is another. */
	if (p != NULL && p->start_ticks != 0 && p->start_ticks != start)
		p = lineage_get(w->lineage, pid, true);
	if (p == NULL || (p->start_ticks != 0 && p->start_ticks != start))
		lost(out, "the process had ended before it was looked at");
	else if (p->start_ticks == 0 && lineage_doubtful(p))
		lost(out, "the process had ended, and its number was used by "
			  "another shortly before or after");
	else
		by_process(w, p, out);
	if (c->uid != ACTOR_UNSET)
		out->uid = c->uid;
	if (out->exe[0] == '\0')
		(void)str_copy(out->exe, sizeof out->exe, c->comm);
	tell_forwarding(out);
	w->counters.by_grade[out->grade]++;
}

static bool
is_same_flow(const struct tuple *a, const struct tuple *b)
{
	size_t n = a->family == 4 ? 4 : 16;

	return a->family == b->family && a->proto == b->proto &&
	       a->sport == b->sport && a->dport == b->dport &&
	       memcmp(a->src, b->src, n) == 0 && memcmp(a->dst, b->dst, n) == 0;
}

bool
who_login(
    struct who *w, const struct tuple *t, uint64_t began_us, struct actor *out)
{
	/* The newest: a port comes again. */
	for (size_t i = w->nsessions; i-- > 0;) {
		struct session *s = w->sessions[i];

		if (!is_same_flow(&s->connection, t) ||
		    (s->ended && s->opened.boot_us < began_us))
			continue;
		of_session(w, s, out);
		w->counters.by_grade[out->grade]++;
		return true;
	}
	return false;
}

void
who_flow(
    struct who *w, const struct tuple *t, struct actor *out, bool *outgoing)
{
	struct socket_owner o;

	if (who_login(w, t, UINT64_MAX, out)) {
		*outgoing = false;
		return;
	}
	socket_find(&w->sockets, w->lineage, w->proc, t, &o);
	*outgoing = o.outgoing;
	if (o.pid != 0) {
		who_pid(w, o.pid, false, out);
		if (o.outgoing)
			tell_forwarding(out);
		return;
	}
	*out = nobody();
	lost(out, o.why);
	w->counters.by_grade[out->grade]++;
}

/* ---- whom nobody needs to watch ---- */

/* Programs by which people come in, or by which something works for them. */
static const char *const DOORS[] = {"agetty", "anacron", "at", "atd", "bash",
    "busybox", "conmon", "containerd", "containerd-shim",
    "containerd-shim-runc-v2", "cron", "crond", "crun", "csh", "dash",
    "dbus-broker", "dbus-broker-launch", "dbus-daemon", "docker", "dockerd",
    "dropbear", "fish", "gdm3", "getty", "in.telnetd", "inetd", "init", "ksh",
    "lightdm", "login", "lxc-start", "lxd", "mksh", "podman", "run0", "runc",
    "runuser", "screen", "sddm", "sh", "sshd", "sshd-session", "su", "sudo",
    "systemd", "systemd-run", "tcsh", "telnetd", "tmux", "xinetd", "xrdp",
    "zsh"};

static int
by_text(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

static bool
is_door(const char *exe)
{
	const char *slash = strrchr(exe, '/');

	/* Of a program that cannot be seen nothing is known. */
	return slash == NULL || bsearch(slash + 1, DOORS, ARRAY_LEN(DOORS),
				    sizeof DOORS[0], by_text) != NULL;
}

struct bystanders {
	struct who *w;
	void (*each)(void *ctx, pid_t pid, bool own);
	void *ctx;
};

static bool
ask_bystander(void *ctx, struct process *p)
{
	struct bystanders *b = ctx;

	if (p->own) {
		b->each(b->ctx, p->pid, true);
		return true;
	}
	lineage_look(b->w->lineage, p);
	/* When a sensor starts anew, what came meanwhile is no bystander. */
	if (b->w->audit && p->pid != 1 && p->start_ticks != 0 &&
	    p->start_ticks <= b->w->agent_start && p->loginuid == ACTOR_UNSET &&
	    lineage_session(p) == NULL && !is_door(p->exe))
		b->each(b->ctx, p->pid, false);
	return true;
}

void
who_bystanders(
    struct who *w, void (*each)(void *ctx, pid_t pid, bool own), void *ctx)
{
	struct bystanders b = {w, each, ctx};

	lineage_each(w->lineage, ask_bystander, &b);
}

/* ---- sessions come and go ---- */

static void
tell(struct who *w, struct session *s, bool open)
{
	struct session_event e = {
	    .open = open, .at = open ? s->opened : clock_now()};

	if (!w->told || (open && s->told_open) || (!open && !s->told_open))
		return;
	s->told_open = open;
	of_session(w, s, &e.actor);
	(void)str_copy(e.tty, sizeof e.tty, s->tty);
	w->tell(w->ctx, &e);
}

static struct session *
find_session(struct who *w, const struct session *s)
{
	for (size_t i = 0; i < w->nsessions; i++)
		if (w->sessions[i]->leader == s->leader &&
		    w->sessions[i]->start_ticks == s->start_ticks)
			return w->sessions[i];
	return NULL;
}

/* When a process was born, in us since 1970. */
static int64_t
born_us(uint64_t start_ticks)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	struct stamp now = clock_now();
	uint64_t start_us =
	    start_ticks / hz * 1000000 + start_ticks % hz * 1000000 / hz;

	return now.wall_us - (int64_t)now.boot_us + (int64_t)start_us;
}

/* The program is sshd, and nobody but the agent's own user can change it. */
static bool
runs_sshd(const struct who *w, const struct process *p)
{
	char path[320];
	struct stat st;

	return is_sshd(p->exe) &&
	       str_format(
		   path, sizeof path, "%s/%d/exe", w->proc, (int)p->pid) == 0 &&
	       stat(path, &st) == 0 && st.st_uid == geteuid() &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* A line of the log counts only if its process is sshd's own, lives, and was
 * young then; an older line is of an earlier process with its number. */
static bool
check_leader(struct who *w, struct session *s)
{
	struct process *p = lineage_get(w->lineage, s->leader, false);
	int64_t born;

	if (p == NULL || p->ended || p->start_ticks == 0)
		return false;
	lineage_look(w->lineage, p);
	born = born_us(p->start_ticks);
	if (p->uid != geteuid() || !runs_sshd(w, p) ||
	    (s->logged_us != 0 && (s->logged_us < born - LINE_EARLY_US ||
				      s->logged_us > born + LINE_LATE_US)))
		return false;
	s->start_ticks = p->start_ticks;
	s->loginuid = p->loginuid;
	s->audit_ses = p->audit_ses;
	return str_format(s->id, sizeof s->id, "%d-%" PRIu64, (int)s->leader,
		   s->start_ticks) == 0;
}

static void
on_opened(void *ctx, const struct session *given)
{
	struct who *w = ctx;
	struct session s = *given;
	struct session *have, *fresh;

	if (s.source == SESSION_LOG && !check_leader(w, &s))
		return;
	if (s.source == SESSION_PAM)
		w->counters.pam = true;
	if (s.opened.boot_us == 0)
		s.opened = clock_now();
	have = find_session(w, &s);
	if (have != NULL) {
		if (s.source == SESSION_LOG && have->source == SESSION_LOG &&
		    (!str_eq(have->key_fp, s.key_fp) ||
			!str_eq(have->account, s.account)))
			have->doubtful = true;
		if (s.source == SESSION_PAM && have->source == SESSION_LOG) {
			s.told_open = have->told_open;
			s.ended = have->ended;
			*have = s;
		}
		return;
	}
	if (w->nsessions == SESSIONS_MAX)
		return;
	fresh = malloc(sizeof *fresh);
	if (fresh == NULL)
		return;
	*fresh = s;
	w->sessions[w->nsessions++] = fresh;
	if (!lineage_lead(w->lineage, fresh))
		fresh->ended = true;
	tell(w, fresh, true);
	w->counters.sessions = w->nsessions;
}

static void
on_closed(void *ctx, const char *id)
{
	struct who *w = ctx;

	for (size_t i = 0; i < w->nsessions; i++) {
		struct session *s = w->sessions[i];

		if (!str_eq(s->id, id) || s->ended)
			continue;
		s->ended = true;
		tell(w, s, false);
	}
}

/* Sessions whose leader died silently; true if any has ended. */
static bool
find_ended(struct who *w)
{
	bool any = false;

	for (size_t i = 0; i < w->nsessions; i++) {
		struct session *s = w->sessions[i];

		s->used = false;
		if (!s->ended &&
		    lineage_start(w->lineage, s->leader) != s->start_ticks) {
			s->ended = true;
			if (s->source == SESSION_PAM)
				sources_forget(w->sources, s->id);
		}
		any |= s->ended;
	}
	return any;
}

/* Once a second: forgets the sessions that nobody is of any more. */
static void
sweep(struct who *w)
{
	size_t kept = 0;

	lineage_tick(w->lineage);
	w->counters.processes = lineage_count(w->lineage);
	if (!find_ended(w))
		return;
	lineage_mark(w->lineage);
	for (size_t i = 0; i < w->nsessions; i++) {
		struct session *s = w->sessions[i];

		if (s->ended)
			tell(w, s, false);
		if (s->ended && !s->used) {
			lineage_drop(w->lineage, s);
			free(s);
			continue;
		}
		w->sessions[kept++] = s;
	}
	w->nsessions = kept;
	w->counters.sessions = kept;
}

int
who_step(struct who *w)
{
	uint64_t now = clock_boot_us();
	int r = sources_step(w->sources);

	if (!w->told) {
		w->told = true;
		for (size_t i = 0; i < w->nsessions; i++)
			tell(w, w->sessions[i], true);
	}
	if (now - w->second_us >= 1000000) {
		w->second_us = now;
		sweep(w);
	}
	return r;
}

/* ---- the door ---- */

static bool
has_audit(const struct who *w)
{
	char path[320];

	return str_format(path, sizeof path, "%s/self/loginuid", w->proc) ==
		   0 &&
	       access(path, F_OK) == 0;
}

int
who_open(const struct who_config *c, who_session_fn *session, void *ctx,
    struct who **out, struct diag *why_not)
{
	struct who *w = calloc(1, sizeof *w);
	const struct sources_calls calls = {
	    .ctx = w, .opened = on_opened, .closed = on_closed};
	int r = 0;

	if (w == NULL)
		return -ENOMEM;
	w->tell = session;
	w->ctx = ctx;
	socket_start(&w->sockets);
	if (c->roster != NULL)
		r = str_copy(w->roster_path, sizeof w->roster_path, c->roster);
	if (r == 0)
		r = str_copy(w->proc, sizeof w->proc, c->proc);
	if (r == 0)
		r = roster_read(c->roster, &w->roster, why_not);
	if (r == 0)
		r = lineage_new(c->proc, &w->lineage);
	if (r == 0)
		r = lineage_seed(w->lineage, c->agent);
	if (r == 0)
		w->agent_start = lineage_start(w->lineage, c->agent);
	if (r == 0)
		r = sources_open(
		    c->sessions_dir, c->sshd_log, &calls, &w->sources, why_not);
	if (r == 0)
		w->audit = has_audit(w);
	if (r != 0) {
		who_close(w);
		return r;
	}
	*out = w;
	return 0;
}

void
who_close(struct who *w)
{
	if (w == NULL)
		return;
	sources_close(w->sources);
	lineage_free(w->lineage);
	for (size_t i = 0; i < w->nsessions; i++)
		free(w->sessions[i]);
	roster_free(w->roster);
	socket_stop(&w->sockets);
	free(w);
}

int
who_check(const char *path, struct diag *why_not)
{
	OWN(roster_freep) struct roster *r = NULL;

	return roster_read(path, &r, why_not);
}

int
who_fd(const struct who *w)
{
	return sources_fd(w->sources);
}

int
who_reload(struct who *w, struct diag *why_not)
{
	struct roster *fresh = NULL;
	int r = roster_read(
	    w->roster_path[0] != '\0' ? w->roster_path : NULL, &fresh, why_not);

	if (r != 0)
		return r;
	roster_free(w->roster);
	w->roster = fresh;
	return 0;
}

void
who_fork(struct who *w, pid_t parent, pid_t child)
{
	lineage_fork(w->lineage, parent, child);
}

bool
who_exec(struct who *w, pid_t pid)
{
	return lineage_exec(w->lineage, pid);
}

void
who_exit(struct who *w, pid_t pid)
{
	lineage_exit(w->lineage, pid);
}

bool
who_family(struct who *w, pid_t pid, uint64_t start_ticks, struct family *out)
{
	return lineage_family(w->lineage, pid, start_ticks, out);
}

void
who_lost(struct who *w)
{
	lineage_lost(w->lineage);
}

const struct who_counters *
who_counters(const struct who *w)
{
	return &w->counters;
}
