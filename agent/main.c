/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-agent - starts the agent's processes and keeps them alive.
 *
 * Owns: the configuration in force, the lock on the state, and the entries
 * about processes that died, reloads, self-tests, and the stop.
 * Never: sees content, events or keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "agent/active.h"
#include "agent/config.h"
#include "agent/outbox.h"
#include "agent/roles.h"
#include "agent/selftest.h"
#include "lib/clock.h"
#include "lib/entry.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/msg.h"
#include "lib/str.h"
#include "lib/supervise.h"

#include "lib/own.h"

#define DEFAULT_CONFIG "/etc/chaperone/agent.yaml"
#define DEFAULT_STATE "/var/lib/chaperone-agent"
#define BIT(role) (UINT32_C(1) << (role))

struct agent {
	const char *path; /* of the configuration as given */
	char bin[4096];
	struct config config; /* in force */
	struct outbox *out;
	int record; /* our end of the link to record, -1 */
	struct selftest *selftest;
	bool said_stop;
	struct ipc_in in;
};

/* ---- entries ---- */

static void
write_cfg(
    struct agent *a, const char *what, const char *result, const char *why)
{
	struct draft d;

	draft_init(&d, "cov.cfg", clock_now());
	draft_text(&d, "what", what);
	draft_text(&d, "digest", a->config.digest);
	draft_text(&d, "result", result);
	draft_text(&d, "why", why);
	outbox_put(a->out, &d);
}

static void
on_died(void *ctx, const struct supervise_death *death)
{
	struct agent *a = ctx;
	struct draft d;

	draft_init(&d, "cov.crash", death->to);
	draft_text(&d, "role", death->role->name);
	if (death->signal != 0)
		draft_int(&d, "signal", death->signal);
	else
		draft_int(&d, "exit", death->status);
	draft_int(&d, "from_us", death->from.wall_us);
	draft_int(&d, "to_us", death->to.wall_us);
	outbox_put(a->out, &d);
}

/* ---- the self-test ---- */

static bool
on_expect(void *ctx, pid_t pid, const char *name)
{
	struct agent *a = ctx;
	OWN(buf_done) struct buf m = {0};

	if (a->record < 0)
		return false;
	buf_init(&m, 128);
	buf_put_u32(&m, (uint32_t)pid);
	buf_put_str(&m, name);
	return ipc_send_buf(a->record, MESSAGE_EXPECT, &m, -1) == 0;
}

/* What may have been missed since the last one that was found. */
static void
write_missed(struct agent *a, const struct selftest_result *r)
{
	struct stamp now = clock_now();
	struct draft d;

	log_error("the self-test failed: %s", r->why);
	draft_init(&d, "cov.loss", now);
	draft_text(&d, "stage", "self-test");
	draft_text(&d, "reason", "a file was planted, and not found");
	draft_int(&d, "from_us", r->since_us);
	draft_int(&d, "to_us", now.wall_us);
	outbox_put(a->out, &d);
}

static void
on_selftest(void *ctx, const struct selftest_result *r)
{
	static const char *const RESULTS[] = {[SELFTEST_OK] = "ok",
	    [SELFTEST_FAILED] = "failed",
	    [SELFTEST_IMPOSSIBLE] = "impossible"};
	struct agent *a = ctx;
	struct draft d;

	draft_init(&d, "cov.probe", clock_now());
	draft_text(&d, "result", RESULTS[r->end]);
	if (r->end == SELFTEST_OK)
		draft_uint(&d, "ms", r->ms);
	else
		draft_text(&d, "why", r->why);
	outbox_put(a->out, &d);
	if (r->end == SELFTEST_FAILED)
		write_missed(a, r);
}

/* Without these nothing is found, or what is found is nowhere. */
static bool
is_on_path(const struct role *r)
{
	return r->id == ROLE_WATCH || r->id == ROLE_INSPECT ||
	       r->id == ROLE_RECORD;
}

static void
on_ready(void *ctx, const struct role *r, uint32_t index UNUSED)
{
	struct agent *a = ctx;

	if (is_on_path(r))
		selftest_settle(a->selftest);
}

static int
take_met(struct agent *a)
{
	struct cur c;
	uint8_t met;

	cur_init(&c, a->in.data, a->in.len);
	met = cur_u8(&c);
	if (cur_end(&c) != 0)
		return -EBADMSG;
	selftest_word(a->selftest, met != 0);
	return 0;
}

static void
write_stop(struct agent *a)
{
	struct draft d;

	if (a->said_stop)
		return;
	a->said_stop = true;
	draft_init(&d, "cov.stop", clock_now());
	draft_text(&d, "role", "supervise");
	draft_text(&d, "why", "asked to stop");
	outbox_put(a->out, &d);
}

/* ---- the link to record ---- */

static void
on_peer(void *ctx, uint32_t role UNUSED, uint32_t index UNUSED, int fd)
{
	struct agent *a = ctx;

	own_close(&a->record);
	a->record = fd;
	outbox_link(a->out, fd);
}

static int
on_extra_fd(void *ctx)
{
	const struct agent *a = ctx;

	return a->record;
}

static void
on_tick(void *ctx)
{
	struct agent *a = ctx;

	for (int i = 0; i < 64 && a->record >= 0; i++) {
		int r = ipc_recv(a->record, &a->in);

		if (r == -EAGAIN)
			break;
		if (r == 1) {
			own_close(&a->in.fd);
			r = a->in.type == MESSAGE_MET
				? take_met(a)
				: outbox_message(a->out, a->in.type, a->in.data,
				      a->in.len);
			if (r == 0)
				continue;
			log_error("record sent what it must not");
		}
		own_close(&a->record);
		a->record = -1;
		outbox_link(a->out, -1);
	}
	selftest_tick(a->selftest, (const char *const *)a->config.watch.items,
	    a->config.watch.n);
	if (a->record >= 0)
		(void)outbox_flush(a->out);
}

/* What the agent still has to say is durable before ship and record go. */
static bool
on_may_stop(void *ctx, const struct role *r)
{
	struct agent *a = ctx;

	selftest_hold(a->selftest);
	if (r->id != ROLE_SHIP && r->id != ROLE_RECORD)
		return true;
	write_stop(a);
	return outbox_empty(a->out);
}

/* ---- configuration ---- */

static uint32_t
on_reload(void *ctx)
{
	struct agent *a = ctx;
	struct config old = a->config;
	struct diag why = {""};
	struct config fresh = {0};
	uint32_t roles = BIT(ROLE_INSPECT);

	if (active_install(a->path, a->bin, &fresh, &why) != 0) {
		log_error("the configuration in force stays: %s", why.text);
		write_cfg(a, "reload", "refused", why.text);
		return 0;
	}
	if (!str_eq(old.state, fresh.state))
		log_warn("another state directory needs a restart");
	/* The rules and the roster are read by who needs them; a change of
	 * what is watched replaces who watches. */
	if (!str_eq(old.digest, fresh.digest))
		roles |= BIT(ROLE_WATCH) | BIT(ROLE_CAPTURE);
	a->config = fresh;
	config_done(&old);
	selftest_hold(a->selftest);
	log_note("the new configuration is in force");
	write_cfg(a, "reload", "in force", NULL);
	return roles;
}

/*
 * A bad configuration at start does not stop an agent that has a good one.
 * Returns 0, 1 for the old one (with the reason in @why), or negative errno.
 */
static int
first_config(struct agent *a, const char *state, struct diag *why)
{
	char path[4096];
	struct diag old = {""};
	int r = active_install(a->path, a->bin, &a->config, why);

	if (r == 0)
		return 0;
	if (str_format(path, sizeof path, "%s/" ACTIVE_CONFIG, state) != 0 ||
	    config_read(path, &a->config, &old) != 0)
		return r;
	log_error("the last good configuration is in force: %s", why->text);
	return 1;
}

static bool
on_wanted(void *ctx, const struct role *r)
{
	const struct agent *a = ctx;

	return r->id != ROLE_CAPTURE || a->config.interfaces.n > 0 ||
	       a->config.kernel_programs;
}

/* One agent for one state; `chaperone status` asks for the same lock. */
static int
lock_state(const char *state, struct diag *why)
{
	char path[4096], text[32];
	int fd, n;

	if (mkdir(state, 0711) != 0 && errno != EEXIST)
		return diag_set(why, -errno, "%s: %s", state, strerror(errno));
	if (str_format(path, sizeof path, "%s/lock", state) != 0)
		return diag_set(why, -ENAMETOOLONG, "state: is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return diag_set(
		    why, -EBUSY, "another agent runs with the state %s", state);
	}
	n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) {
		close(fd);
		return diag_set(why, -EIO, "%s: cannot be written", path);
	}
	return fd;
}

/* Where the state is, also when the configuration is bad; locks it. */
static int
find_state(const struct agent *a, char *state, size_t size, struct diag *why)
{
	struct config given;
	int r;

	r = config_read(a->path, &given, why);
	if (r == 0) {
		r = str_copy(state, size, given.state);
		config_done(&given);
	} else if (access(DEFAULT_STATE "/" ACTIVE_CONFIG, R_OK) == 0) {
		*why = (struct diag){""};
		r = str_copy(state, size, DEFAULT_STATE);
	} else {
		return r;
	}
	return r != 0 ? diag_set(why, r, "state: is too long")
		      : lock_state(state, why);
}

static void
find_bin(struct agent *a)
{
	ssize_t n = readlink("/proc/self/exe", a->bin, sizeof a->bin - 1);
	char *slash;

	must(n > 0);
	a->bin[n] = '\0';
	slash = strrchr(a->bin, '/');
	must(slash != NULL);
	*slash = '\0';
}

static int
run(struct agent *a, bool kept_old, struct diag *why)
{
	/* A reload replaces the configuration and its texts; the state stays. */
	char config[4096 + 32], state[4096];
	const char *args[] = {"--config", config, "--state", state, NULL};
	const char *reach[] = {a->bin, state, NULL};
	const struct supervise_config c = {.roles = AGENT_ROLES,
	    .links = AGENT_LINKS,
	    .self = ROLE_SUPERVISE,
	    .bin = a->bin,
	    .state = state,
	    .reach = reach,
	    .args = args,
	    .many = (unsigned)a->config.inspectors,
	    .wanted = on_wanted,
	    .peer = on_peer,
	    .died = on_died,
	    .ready = on_ready,
	    .tick = on_tick,
	    .extra_fd = on_extra_fd,
	    .may_stop = on_may_stop,
	    .reload = on_reload,
	    .ctx = a};

	must(str_copy(state, sizeof state, a->config.state) == 0);
	must(
	    str_format(config, sizeof config, "%s/" ACTIVE_CONFIG, state) == 0);
	write_cfg(a, "start", kept_old ? "refused" : "in force",
	    kept_old ? why->text : NULL);
	*why = (struct diag){""};
	return supervise_run(&c, why);
}

static int
usage(const char *word)
{
	log_error("\"%s\" is not known; usage: chaperone-agent [--config FILE]",
	    word);
	return 2;
}

static struct agent self;

int
main(int argc, char **argv)
{
	struct agent *a = &self;
	const struct selftest_calls calls = {a, on_expect, on_selftest};
	struct diag why = {""};
	char state[2048];
	int lock, r;

	log_open("chaperone-agent");
	a->path = DEFAULT_CONFIG;
	a->record = -1;
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--config") && i + 1 < argc)
			a->path = argv[++i];
		else
			return usage(argv[i]);
	}
	if (geteuid() != 0) {
		log_error("the agent watches files of every user and the "
			  "network; it must be started as root");
		return 4;
	}
	(void)umask(022);
	find_bin(a);
	lock = find_state(a, state, sizeof state, &why);
	if (lock < 0) {
		log_error("%s", why.text);
		return lock == -EBUSY ? 4 : 3;
	}
	r = first_config(a, state, &why);
	if (r < 0) {
		log_error("%s", why.text);
		return 3;
	}
	must(outbox_new("supervise", &a->out) == 0);
	must(selftest_new(&calls, &a->selftest) == 0);
	r = run(a, r == 1, &why);
	if (r != 0)
		log_error("%s", why.text);
	own_close(&a->record);
	selftest_free(a->selftest);
	outbox_free(a->out);
	config_done(&a->config);
	close(lock);
	return r == 0 ? 0 : 3;
}
