/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervise - turns a table of roles into processes, and keeps them alive.
 *
 * Owns: the children, the control sockets, the making of links, restarts.
 * Never: reads a link between two others, sees content, holds a sensor.
 *
 * A link is a fresh socket pair each time one of its ends is started: the
 * survivor gets its new end by MESSAGE_PEER and drops the old one.
 */
#include "lib/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/buf.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "lib/reach.h"
#include "lib/str.h"

#include "lib/own.h"

#define CHILDREN_MAX 32
#define ARGS_MAX 32
#define TICK_MS 100
#define BACKOFF_MAX_US 30000000
#define STEADY_US 10000000 /* alive this long: the next restart is at once */
#define STOP_US 5000000
#define MAY_STOP_US 3000000

struct child {
	const struct role *role;
	uint32_t index;
	pid_t pid; /* 0 while not running */
	int ctl;
	bool ready;
	bool asked; /* was told to stop */
	bool swap; /* is being replaced on purpose */
	uint64_t started_us;
	uint64_t restart_us;
	uint64_t backoff_us;
	bool dead_told; /* a death waits for its end */
	struct supervise_death death;
};

struct state {
	const struct supervise_config *c;
	struct child children[CHILDREN_MAX];
	size_t n;
	int signals;
	bool stopping;
	struct ipc_in in;
};

/* Between fork and exec: only what is safe there, and exits on any failure. */
NORETURN static void
become(const struct state *s, const struct child *c, int ctl)
{
	char path[4096], index[16];
	const char *argv[ARGS_MAX];
	size_t n = 0;
	sigset_t none;
	uid_t uid;
	gid_t gid;
	int null;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Ctrl-C reaches the supervisor alone, which stops us in order. */
	(void)setpgid(0, 0);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(71);
	if (ctl != PROC_CTL && dup2(ctl, PROC_CTL) < 0)
		_exit(71);
	if (ctl == PROC_CTL && fcntl(ctl, F_SETFD, 0) != 0)
		_exit(71);
	if (syscall(SYS_close_range, PROC_CTL + 1, ~0u, 0) != 0)
		_exit(71);
	role_ids(c->role, &uid, &gid);
	if (c->role->early && geteuid() == 0 && reach_open(s->c->reach) != 0)
		_exit(72);
	if (c->role->early && geteuid() == 0 &&
	    (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
		setresuid(uid, uid, uid) != 0))
		_exit(77);
	(void)snprintf(path, sizeof path, "%s/%s", s->c->bin, c->role->program);
	(void)snprintf(index, sizeof index, "%u", c->index);
	argv[n++] = path;
	argv[n++] = "--index";
	argv[n++] = index;
	for (size_t i = 0; s->c->args[i] != NULL && n < ARGS_MAX - 1; i++)
		argv[n++] = s->c->args[i];
	argv[n] = NULL;
	(void)execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
send_peer(int ctl, uint32_t role, uint32_t index, int fd)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 64);
	buf_put_u32(&m, role);
	buf_put_u32(&m, index);
	/* A child that died meanwhile is noticed by its own end. */
	if (ipc_send_buf(ctl, MESSAGE_PEER, &m, fd) != 0)
		log_debug("a new link could not be handed over");
}

static void
link_two(const struct child *a, const struct child *b)
{
	int pair[2];

	if (ipc_pair(pair) != 0) {
		log_error("no socket pair: %s", strerror(errno));
		return;
	}
	send_peer(a->ctl, b->role->id, b->index, pair[0]);
	close(pair[0]);
	send_peer(b->ctl, a->role->id, a->index, pair[1]);
	close(pair[1]);
}

static void
link_self(struct state *s, struct child *a)
{
	int pair[2];

	if (ipc_pair(pair) != 0) {
		log_error("no socket pair: %s", strerror(errno));
		return;
	}
	send_peer(a->ctl, s->c->self, 0, pair[0]);
	close(pair[0]);
	s->c->peer(s->c->ctx, a->role->id, a->index, pair[1]);
}

/* Makes every link of a child that was just started. */
static void
link_child(struct state *s, struct child *c)
{
	for (const struct role_link *l = s->c->links; l->a != 0; l++) {
		uint32_t other;

		if (l->a == c->role->id)
			other = l->b;
		else if (l->b == c->role->id)
			other = l->a;
		else
			continue;
		if (other == s->c->self) {
			link_self(s, c);
			continue;
		}
		for (size_t i = 0; i < s->n; i++)
			if (s->children[i].role->id == other &&
			    s->children[i].pid > 0)
				link_two(c, &s->children[i]);
	}
}

static int
start_child(struct state *s, struct child *c)
{
	int pair[2], r;
	pid_t pid;

	r = ipc_pair(pair);
	if (r != 0)
		return r;
	pid = fork();
	if (pid == 0)
		become(s, c, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		r = -errno;
		close(pair[0]);
		return r;
	}
	c->pid = pid;
	c->ctl = pair[0];
	c->ready = c->asked = false;
	c->started_us = clock_boot_us();
	link_child(s, c);
	return 0;
}

/* The directory of a role, owned by it and closed to others. */
static int
make_dir(const struct state *s, const struct role *r, struct diag *why)
{
	char path[4096];
	int e;

	if (r->dir == NULL)
		return 0;
	(void)snprintf(path, sizeof path, "%s/%s", s->c->state, r->dir);
	e = role_dir(s->c->roles, r, path);
	return e == 0 ? 0 : diag_set(why, e, "%s: %s", path, strerror(-e));
}

static int
add_children(struct state *s, struct diag *why)
{
	for (const struct role *r = s->c->roles; r->id != 0; r++) {
		unsigned many = r->many ? s->c->many : 1;
		int e;

		if (s->c->wanted != NULL && !s->c->wanted(s->c->ctx, r))
			continue;
		for (unsigned i = 0; i < many; i++) {
			must(s->n < CHILDREN_MAX);
			s->children[s->n++] =
			    (struct child){.role = r, .index = i, .ctl = -1};
		}
		e = make_dir(s, r, why);
		if (e != 0)
			return e;
	}
	return 0;
}

static void
tell_death(struct state *s, struct child *c)
{
	if (!c->dead_told)
		return;
	c->dead_told = false;
	c->death.to = clock_now();
	if (s->c->died != NULL)
		s->c->died(s->c->ctx, &c->death);
}

static void
child_message(struct state *s, struct child *c, struct ipc_in *in)
{
	char key[64], value[512];
	struct cur cur;

	cur_init(&cur, in->data, in->len);
	if (in->type == MESSAGE_READY) {
		cur_str(&cur, value, sizeof value);
		c->ready = true;
		log_debug("%s %u is ready: %s", c->role->name, c->index, value);
		tell_death(s, c);
		if (s->c->ready != NULL)
			s->c->ready(s->c->ctx, c->role, c->index);
	} else if (in->type == MESSAGE_NOTE) {
		cur_str(&cur, key, sizeof key);
		cur_str(&cur, value, sizeof value);
		if (cur_end(&cur) == 0 && s->c->note != NULL)
			s->c->note(s->c->ctx, c->role, c->index, key, value);
	}
	if (in->fd >= 0)
		close(in->fd);
}

static void
read_child(struct state *s, struct child *c)
{
	/* Bounded, so that one talkative child does not starve the others. */
	for (int i = 0; i < 64; i++)
		if (ipc_recv(c->ctl, &s->in) != 1)
			return;
		else
			child_message(s, c, &s->in);
}

static void
say_death(const struct child *c, int status)
{
	if (WIFSIGNALED(status))
		log_error("%s %u (pid %d) was ended by signal %d; it is "
			  "started again",
		    c->role->name, c->index, (int)c->pid, WTERMSIG(status));
	else
		log_error("%s %u (pid %d) exited with %d; it is started again",
		    c->role->name, c->index, (int)c->pid, WEXITSTATUS(status));
}

static void
child_ended(struct state *s, struct child *c, int status)
{
	uint64_t now = clock_boot_us();

	read_child(s, c);
	close(c->ctl);
	c->ctl = -1;
	if (!c->asked) {
		say_death(c, status);
		tell_death(s, c);
		c->death = (struct supervise_death){
		    .role = c->role,
		    .index = c->index,
		    .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		    .status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		    .from = clock_now(),
		};
		c->dead_told = true;
	}
	if (c->swap || now - c->started_us > STEADY_US)
		c->backoff_us = 0;
	c->restart_us = now + c->backoff_us;
	c->backoff_us = c->backoff_us == 0 ? 1000000 : c->backoff_us * 2;
	if (c->backoff_us > BACKOFF_MAX_US)
		c->backoff_us = BACKOFF_MAX_US;
	c->swap = false;
	c->pid = 0;
}

static void
reap(struct state *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->children[i];
		int status;

		if (c->pid > 0 && waitpid(c->pid, &status, WNOHANG) == c->pid)
			child_ended(s, c, status);
	}
}

static void
restart_due(struct state *s)
{
	uint64_t now = clock_boot_us();

	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->children[i];
		int r;

		if (c->pid > 0 || now < c->restart_us)
			continue;
		r = start_child(s, c);
		if (r != 0) {
			log_error("%s could not be started: %s", c->role->name,
			    strerror(-r));
			c->restart_us = now + 1000000;
		}
	}
}

/* Replaces the processes of some roles; their peers see it as a restart. */
static void
swap_roles(struct state *s, uint32_t roles)
{
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->children[i];

		if ((roles & (UINT32_C(1) << c->role->id)) == 0 || c->pid == 0)
			continue;
		c->asked = c->swap = true;
		if (ipc_send(c->ctl, MESSAGE_STOP, NULL, 0, -1) != 0)
			(void)kill(c->pid, SIGKILL);
	}
}

static void
take_signals(struct state *s)
{
	struct signalfd_siginfo si;

	while (read(s->signals, &si, sizeof si) == sizeof si) {
		if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT)
			s->stopping = true;
		else if (si.ssi_signo == SIGHUP && s->c->reload != NULL)
			swap_roles(s, s->c->reload(s->c->ctx));
	}
}

/* Waits for signals, children and the extra descriptor; then the tick. */
static void
wait_once(struct state *s, int timeout_ms)
{
	struct pollfd p[CHILDREN_MAX + 2];
	struct child *who[CHILDREN_MAX + 2] = {0};
	nfds_t n = 0;

	p[n++] = (struct pollfd){.fd = s->signals, .events = POLLIN};
	if (s->c->extra_fd != NULL)
		p[n++] = (struct pollfd){
		    .fd = s->c->extra_fd(s->c->ctx), .events = POLLIN};
	for (size_t i = 0; i < s->n; i++) {
		if (s->children[i].pid == 0)
			continue;
		who[n] = &s->children[i];
		p[n++] =
		    (struct pollfd){.fd = s->children[i].ctl, .events = POLLIN};
	}
	if (poll(p, n, timeout_ms) < 0 && errno != EINTR)
		log_error("poll: %s", strerror(errno));
	take_signals(s);
	for (nfds_t i = 0; i < n; i++)
		if (who[i] != NULL && (p[i].revents & POLLIN) != 0)
			read_child(s, who[i]);
	reap(s);
	if (s->c->tick != NULL)
		s->c->tick(s->c->ctx);
}

static bool
role_runs(const struct state *s, uint32_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->children[i].role->id == id && s->children[i].pid > 0)
			return true;
	return false;
}

static void
stop_role(struct state *s, const struct role *r)
{
	uint64_t start = clock_boot_us();

	while (s->c->may_stop != NULL && !s->c->may_stop(s->c->ctx, r) &&
	       clock_boot_us() - start < MAY_STOP_US)
		wait_once(s, 50);
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->children[i];

		if (c->role != r || c->pid == 0)
			continue;
		c->asked = true;
		if (ipc_send(c->ctl, MESSAGE_STOP, NULL, 0, -1) != 0)
			(void)kill(c->pid, SIGKILL);
	}
	start = clock_boot_us();
	while (role_runs(s, r->id)) {
		if (clock_boot_us() - start > STOP_US) {
			for (size_t i = 0; i < s->n; i++)
				if (s->children[i].role == r &&
				    s->children[i].pid > 0)
					(void)kill(s->children[i].pid, SIGKILL);
			log_warn(
			    "%s did not stop in time and was killed", r->name);
			start = clock_boot_us();
		}
		wait_once(s, 50);
	}
}

static int
block_signals(struct state *s)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? -errno : 0;
}

int
supervise_run(const struct supervise_config *c, struct diag *why)
{
	struct state *s = calloc(1, sizeof *s);
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->c = c;
	(void)signal(SIGPIPE, SIG_IGN);
	r = block_signals(s);
	if (r == 0)
		r = add_children(s, why);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		r = start_child(s, &s->children[i]);
		if (r != 0)
			(void)diag_set(why, r, "%s: %s",
			    s->children[i].role->program, strerror(-r));
	}
	while (r == 0 && !s->stopping) {
		wait_once(s, TICK_MS);
		if (!s->stopping)
			restart_due(s);
	}
	for (const struct role *role = c->roles; role->id != 0; role++)
		stop_role(s, role);
	if (s->signals > 0)
		close(s->signals);
	free(s);
	return r;
}
