/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-collector - starts the collector's processes and keeps them alive.
 *
 * Owns: the first start's files (by collector_init), the lock on the state,
 * the door for root (control.sock), and the one text on standard output: that
 * it serves, where, and once the password.
 * Never: sees a batch, a report or a key; keeps the password.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "collector/config.h"
#include "collector/control.h"
#include "collector/init.h"
#include "collector/roles.h"
#include "lib/log.h"
#include "lib/packs.h"
#include "lib/str.h"
#include "lib/supervise.h"

#include "lib/own.h"

#define DEFAULT_CONFIG "/etc/chaperone/collector.yaml"

struct collector {
	struct config config;
	char bin[4096];
	char config_dir[PATH_MAX]; /* of the configuration, or "/" */
	char password[INIT_PASSWORD_MAX];
	int control; /* listens */
	int store; /* our end of the link to store, -1 */
	bool told;
};

static void
on_peer(void *ctx, uint32_t role UNUSED, uint32_t index UNUSED, int fd)
{
	struct collector *c = ctx;

	own_close(&c->store);
	c->store = fd;
}

static int
on_extra_fd(void *ctx)
{
	const struct collector *c = ctx;

	return c->control;
}

static void
on_tick(void *ctx)
{
	const struct collector *c = ctx;

	control_pass(c->control, c->store);
}

/* Once, when the pages are there; an empty line ends it. */
static void
on_ready(void *ctx, const struct role *r, uint32_t index UNUSED)
{
	struct collector *c = ctx;

	if (r->id != ROLE_FRONT || c->told)
		return;
	c->told = true;
	(void)printf(
	    "reports   https://%s/  user reviewer\n", c->config.people);
	if (c->password[0] != '\0')
		(void)printf("password  %s  (shown this once; only its digest "
			     "is kept)\n",
		    c->password);
	(void)printf("agents    https://%s\n\n", c->config.agents);
	(void)fflush(stdout);
	explicit_bzero(c->password, sizeof c->password);
}

static int
lock_state(const char *state, struct diag *why)
{
	char path[4096];
	int fd;

	if (mkdir(state, 0711) != 0 && errno != EEXIST)
		return diag_set(why, -errno, "%s: %s", state, strerror(errno));
	if (str_format(path, sizeof path, "%s/lock", state) != 0)
		return diag_set(why, -ENAMETOOLONG, "state: is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return diag_set(why, -EBUSY,
		    "another collector runs with the state %s", state);
	}
	return fd;
}

static void
find_bin(struct collector *c)
{
	ssize_t n = readlink("/proc/self/exe", c->bin, sizeof c->bin - 1);
	char *slash;

	must(n > 0);
	c->bin[n] = '\0';
	slash = strrchr(c->bin, '/');
	must(slash != NULL);
	*slash = '\0';
}

static int
find_config_dir(struct collector *c, const char *path)
{
	char real[PATH_MAX] = "/", *slash;

	if (path != NULL && realpath(path, real) == NULL)
		return -errno;
	slash = strrchr(real, '/');
	must(slash != NULL);
	slash[slash == real ? 1 : 0] = '\0';
	return str_copy(c->config_dir, sizeof c->config_dir, real);
}

static int
run(struct collector *c, const char *path, struct diag *why)
{
	const char *args[5] = {NULL};
	const char *reach[] = {c->bin, c->config.state, c->config_dir, NULL};
	const struct supervise_config s = {.roles = COLLECTOR_ROLES,
	    .links = COLLECTOR_LINKS,
	    .self = ROLE_SUPERVISE,
	    .bin = c->bin,
	    .state = c->config.state,
	    .reach = reach,
	    .args = args,
	    .many = 1,
	    .peer = on_peer,
	    .ready = on_ready,
	    .tick = on_tick,
	    .extra_fd = on_extra_fd,
	    .ctx = c};
	size_t n = 0;
	int r;

	args[n++] = "--state";
	args[n++] = c->config.state;
	if (path != NULL) {
		args[n++] = "--config";
		args[n++] = path;
	}
	r = find_config_dir(c, path);
	if (r != 0)
		return diag_set(why, r, "%s: %s", path, strerror(-r));
	r = collector_init(c->config.state, &c->config, c->password, why);
	if (r != 0)
		return r;
	c->control = control_open(c->config.state, why);
	if (c->control < 0)
		return c->control;
	r = supervise_run(&s, why);
	own_close(&c->control);
	own_close(&c->store);
	return r;
}

/* What report will read: a fault keeps the collector from starting. */
static int
check_rules(const struct config *c, struct diag *why)
{
	OWN(packs_freep) struct packs *p = NULL;

	return packs_load((const char *const *)c->rules, c->nrules, &p, why);
}

int
main(int argc, char **argv)
{
	struct collector c = {.control = -1, .store = -1};
	const char *path = NULL;
	struct diag why = {""};
	int lock, r;

	log_open("chaperone-collector");
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--config") && i + 1 < argc) {
			path = argv[++i];
			continue;
		}
		log_error("\"%s\" is not known; usage: chaperone-collector "
			  "[--config FILE]",
		    argv[i]);
		return 2;
	}
	if (path == NULL && access(DEFAULT_CONFIG, F_OK) == 0)
		path = DEFAULT_CONFIG;
	(void)umask(022);
	find_bin(&c);
	if (config_read(path, &c.config, &why) != 0) {
		log_error("%s", why.text);
		return 3;
	}
	if (check_rules(&c.config, &why) != 0) {
		log_error("rules: %s", why.text);
		config_done(&c.config);
		return 3;
	}
	lock = lock_state(c.config.state, &why);
	if (lock < 0) {
		log_error("%s", why.text);
		config_done(&c.config);
		return lock == -EBUSY ? 4 : 3;
	}
	r = run(&c, path, &why);
	if (r != 0)
		log_error("%s", why.text);
	config_done(&c.config);
	close(lock);
	return r == 0 ? 0 : 3;
}
