/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the agent's configuration file.
 *
 * Owns: the keys, their defaults and bounds, and the arguments of the agent's
 * processes.
 * Never: opens what the paths in it name.
 *
 * The file (docs/man/chaperone-agent.conf.5):
 *   host: TEXT            state: DIR          roster: FILE
 *   watch: [DIR, ...]     exclude: [DIR, ...] interfaces: [NAME, ...]
 *   rules: [DIR, ...]     sessions: DIR       sshd_log: FILE
 *   inspectors: 1..16     object_max: BYTES   kernel_programs: BOOL
 *   rules_vkey: VKEY
 */
#include "agent/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/seal.h"
#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

#define OBJECT_MAX (UINT64_C(256) << 20)
#define CONFIG_TEXT_MAX 65536

static const char *const KEYS[] = {"host", "state", "watch", "exclude",
    "interfaces", "rules", "roster", "sessions", "sshd_log", "inspectors",
    "object_max", "kernel_programs", "rules_vkey", NULL};

int
config_copy(char **member, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

static void
list_done(struct config_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	*l = (struct config_list){0};
}

void
config_done(struct config *c)
{
	free(c->host);
	free(c->state);
	free(c->rules_vkey);
	free(c->roster);
	free(c->sessions);
	free(c->sshd_log);
	list_done(&c->watch);
	list_done(&c->exclude);
	list_done(&c->interfaces);
	list_done(&c->rules);
	*c = (struct config){0};
}

static int
read_text(const struct yaml *y, bool path, char **out, struct diag *why)
{
	const char *text = NULL;
	int r = yaml_text(y, &text, why);

	if (r != 0 || text == NULL)
		return r;
	if (text[0] == '\0')
		return yaml_fail(y, why, "%s must not be empty", y->key);
	if (path && text[0] != '/')
		return yaml_fail(y, why, "a path must be absolute, from / on");
	return config_copy(out, text);
}

static int
read_list(
    const struct yaml *y, bool paths, struct config_list *out, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "%s must be a list: [a, b]", y->key);
	list_done(out);
	for (const struct yaml *m = y->child; m != NULL; m = m->next) {
		int r;

		if (out->n == CONFIG_LIST_MAX)
			return yaml_fail(
			    m, why, "more than %d members", CONFIG_LIST_MAX);
		r = read_text(m, paths, &out->items[out->n], why);
		if (r != 0)
			return r;
		out->n++;
	}
	return 0;
}

static int
set_defaults(struct config *c)
{
	char name[256] = "localhost";

	if (gethostname(name, sizeof name - 1) != 0)
		name[0] = '\0';
	c->inspectors = 1;
	c->object_max = OBJECT_MAX;
	c->kernel_programs = true;
	if (config_copy(&c->host, name) != 0 ||
	    config_copy(&c->state, "/var/lib/chaperone-agent") != 0 ||
	    config_copy(&c->sessions, "/run/chaperone/sessions") != 0)
		return -ENOMEM;
	return 0;
}

static int
read_all(const struct yaml *y, struct config *c, struct diag *why)
{
	int r;

	if ((r = yaml_keys(y, "the agent's configuration", KEYS, why)) != 0 ||
	    (r = read_text(yaml_get(y, "host"), false, &c->host, why)) != 0 ||
	    (r = read_text(yaml_get(y, "state"), true, &c->state, why)) != 0 ||
	    (r = read_text(yaml_get(y, "roster"), true, &c->roster, why)) !=
		0 ||
	    (r = read_text(yaml_get(y, "sessions"), true, &c->sessions, why)) !=
		0 ||
	    (r = read_text(yaml_get(y, "sshd_log"), true, &c->sshd_log, why)) !=
		0 ||
	    (r = read_list(yaml_get(y, "watch"), true, &c->watch, why)) != 0 ||
	    (r = read_list(yaml_get(y, "exclude"), true, &c->exclude, why)) !=
		0 ||
	    (r = read_list(
		 yaml_get(y, "interfaces"), false, &c->interfaces, why)) != 0 ||
	    (r = read_list(yaml_get(y, "rules"), true, &c->rules, why)) != 0 ||
	    (r = read_text(
		 yaml_get(y, "rules_vkey"), false, &c->rules_vkey, why)) != 0 ||
	    (r = yaml_uint(
		 yaml_get(y, "inspectors"), 1, 16, &c->inspectors, why)) != 0 ||
	    (r = yaml_uint(yaml_get(y, "object_max"), 1024, UINT64_C(1) << 40,
		 &c->object_max, why)) != 0 ||
	    (r = yaml_bool(yaml_get(y, "kernel_programs"), &c->kernel_programs,
		 why)) != 0)
		return r;
	if (c->rules.n == 0)
		return yaml_fail(y, why,
		    "rules: names no directory; without rules nothing can be "
		    "found");
	if (c->watch.n == 0 && c->interfaces.n == 0)
		return yaml_fail(y, why,
		    "neither watch: nor interfaces: names anything to see");
	return 0;
}

/* The digest of the values, so that a comment changes nothing. */
static void print(const struct config *c, struct buf *out);

int
config_read(const char *path, struct config *out, struct diag *why)
{
	OWN(yaml_freep) struct yaml *y = NULL;
	OWN(buf_done) struct buf text = {0};
	struct config c = {0};
	uint8_t digest[SEAL_HASH];
	int r;

	buf_init(&text, CONFIG_TEXT_MAX);
	r = yaml_read(path, &y, why);
	if (r != 0)
		return r;
	r = set_defaults(&c);
	if (r == 0)
		r = read_all(y, &c, why);
	if (r == 0) {
		print(&c, &text);
		r = buf_error(&text);
	}
	if (r != 0) {
		config_done(&c);
		return r;
	}
	seal_sha256(text.data, text.len, digest);
	str_hex(c.digest, digest, sizeof digest);
	*out = c;
	return 0;
}

/* A double-quoted YAML scalar; every path and name can stand in one. */
static void
print_quoted(struct buf *out, const char *s)
{
	buf_put_u8(out, '"');
	for (; *s != '\0'; s++) {
		uint8_t b = (uint8_t)*s;

		if (b == '"' || b == '\\')
			buf_printf(out, "\\%c", b);
		else if (b < 0x20 || b == 0x7f)
			buf_printf(out, "\\x%02x", b);
		else
			buf_put_u8(out, b);
	}
	buf_put_u8(out, '"');
}

static void
print_text(struct buf *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(out, "%s: ", key);
	print_quoted(out, value);
	buf_put_u8(out, '\n');
}

static void
print_list(struct buf *out, const char *key, const struct config_list *l)
{
	buf_printf(out, "%s: [", key);
	for (size_t i = 0; i < l->n; i++) {
		if (i > 0)
			buf_put(out, ", ", 2);
		print_quoted(out, l->items[i]);
	}
	buf_put(out, "]\n", 2);
}

static void
print(const struct config *c, struct buf *out)
{
	print_text(out, "host", c->host);
	print_text(out, "state", c->state);
	print_list(out, "watch", &c->watch);
	print_list(out, "exclude", &c->exclude);
	print_list(out, "interfaces", &c->interfaces);
	print_list(out, "rules", &c->rules);
	print_text(out, "rules_vkey", c->rules_vkey);
	print_text(out, "roster", c->roster);
	print_text(out, "sessions", c->sessions);
	print_text(out, "sshd_log", c->sshd_log);
	buf_printf(out,
	    "inspectors: %" PRIu64 "\nobject_max: %" PRIu64
	    "\nkernel_programs: %s\n",
	    c->inspectors, c->object_max,
	    c->kernel_programs ? "true" : "false");
}

int
config_write(const struct config *c, const char *path, struct diag *why)
{
	OWN(buf_done) struct buf text = {0};
	char temporary[4096];
	int r = 0;

	buf_init(&text, CONFIG_TEXT_MAX);
	print(c, &text);
	if (buf_error(&text) != 0)
		return buf_error(&text);
	(void)snprintf(temporary, sizeof temporary, "%s.new", path);
	(void)unlink(temporary);
	OWN_FD int fd = open(temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || fchmod(fd, 0644) != 0 ||
	    write(fd, text.data, text.len) != (ssize_t)text.len ||
	    fsync(fd) != 0 || rename(temporary, path) != 0)
		r = diag_set(why, errno != 0 ? -errno : -EIO, "%s: %s", path,
		    strerror(errno));
	return r;
}

void
config_args(struct config_args *a, int argc, char **argv)
{
	uint64_t index = 0;

	for (int i = 1; i < argc; i++) {
		int took;

		if (str_eq(argv[i], "--config") && i + 1 < argc) {
			a->config = argv[++i];
		} else if (str_eq(argv[i], "--state") && i + 1 < argc) {
			a->state = argv[++i];
		} else if (str_eq(argv[i], "--index") && i + 1 < argc &&
			   str_u64(argv[i + 1], UINT16_MAX, &index) == 0) {
			i++;
		} else if (a->extra != NULL &&
			   (took = a->extra(a->ctx, argc - i, argv + i)) > 0) {
			i += took - 1;
		} else {
			(void)fprintf(stderr,
			    "%s: argument \"%s\" is not "
			    "known\n",
			    argv[0], argv[i]);
			exit(2);
		}
	}
	a->index = (unsigned)index;
}
