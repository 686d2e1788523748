/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the collector's configuration file.
 *
 * Owns: the keys, their defaults and bounds, and the arguments of the
 * collector's processes.
 * Never: binds an address or makes a certificate.
 *
 * The file (docs/man/chaperone-collector.conf.5):
 *   name: TEXT               default: the host's name
 *   state: DIR               default: /var/lib/chaperone-collector
 *   agents: ADDRESS:PORT     default: 0.0.0.0:8443
 *   people: ADDRESS:PORT     default: 127.0.0.1:9443
 *   names: [NAME, ...]       default: the host's name, localhost, 127.0.0.1,
 *                            ::1, and the two addresses where they name one
 *   rules: [DIR, ...]        default: none; their policies and views are what
 *                            reports are made with
 */
#include "collector/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

static const char *const KEYS[] = {
    "name", "state", "agents", "people", "names", "rules", NULL};

void
config_done(struct config *c)
{
	free(c->name);
	free(c->state);
	free(c->agents);
	free(c->people);
	for (size_t i = 0; i < c->nnames; i++)
		free(c->names[i]);
	for (size_t i = 0; i < c->nrules; i++)
		free(c->rules[i]);
	*c = (struct config){0};
}

void
config_donep(struct config *c)
{
	config_done(c);
}

static int
copy(char **member, const char *text)
{
	char *s = strdup(text);

	if (s == NULL)
		return -ENOMEM;
	free(*member);
	*member = s;
	return 0;
}

int
config_address(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	uint64_t port;
	size_t n;

	if (colon == NULL || str_u64(colon + 1, UINT16_MAX, &port) != 0)
		return -EINVAL;
	n = (size_t)(colon - text);
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (str_copy_len(host, sizeof host, text, n) != 0)
		return -EINVAL;
	*out = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*len = sizeof *v4;
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*len = sizeof *v6;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int
add_name(struct config *c, const char *name)
{
	int r;

	for (size_t i = 0; i < c->nnames; i++)
		if (str_eq(c->names[i], name))
			return 0;
	if (c->nnames == CONFIG_NAMES_MAX)
		return -ENOBUFS;
	r = copy(&c->names[c->nnames], name);
	if (r == 0)
		c->nnames++;
	return r;
}

/* The address that a listener stands on, unless that is every address. */
static int
add_address(struct config *c, const char *listen)
{
	struct sockaddr_storage at;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&at;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&at;
	const void *raw = &v4->sin_addr;
	char text[INET6_ADDRSTRLEN];
	socklen_t len;

	if (config_address(listen, &at, &len) != 0)
		return -EINVAL;
	if (at.ss_family == AF_INET6)
		raw = &v6->sin6_addr;
	if ((at.ss_family == AF_INET && v4->sin_addr.s_addr == 0) ||
	    (at.ss_family == AF_INET6 &&
		IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)))
		return 0;
	if (inet_ntop(at.ss_family, raw, text, sizeof text) == NULL)
		return -EINVAL;
	return add_name(c, text);
}

static int
set_defaults(struct config *c)
{
	char host[256] = "localhost";

	if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
		must(str_copy(host, sizeof host, "localhost") == 0);
	if (copy(&c->name, host) != 0 ||
	    copy(&c->state, "/var/lib/chaperone-collector") != 0 ||
	    copy(&c->agents, "0.0.0.0:8443") != 0 ||
	    copy(&c->people, "127.0.0.1:9443") != 0)
		return -ENOMEM;
	return 0;
}

static int
default_names(struct config *c)
{
	static const char *const ALWAYS[] = {"localhost", "127.0.0.1", "::1"};
	char host[256] = "";
	int r = 0;

	if (gethostname(host, sizeof host - 1) == 0 && host[0] != '\0')
		r = add_name(c, host);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(ALWAYS); i++)
		r = add_name(c, ALWAYS[i]);
	if (r == 0)
		r = add_address(c, c->agents);
	return r != 0 ? r : add_address(c, c->people);
}

static int
read_text(const struct yaml *y, char **out, struct diag *why)
{
	const char *text = NULL;
	int r = yaml_text(y, &text, why);

	if (r != 0 || text == NULL)
		return r;
	if (text[0] == '\0')
		return yaml_fail(y, why, "%s must not be empty", y->key);
	return copy(out, text);
}

static int
read_listen(const struct yaml *y, char **out, struct diag *why)
{
	struct sockaddr_storage at;
	socklen_t len;
	int r = read_text(y, out, why);

	if (r == 0 && y != NULL && config_address(*out, &at, &len) != 0)
		return yaml_fail(y, why,
		    "%s must be ADDRESS:PORT with an address in numbers, "
		    "as 0.0.0.0:8443 or [::]:8443",
		    y->key);
	return r;
}

static int
read_names(const struct yaml *y, struct config *c, struct diag *why)
{
	if (y == NULL)
		return default_names(c);
	if (y->kind != YAML_LIST || y->child == NULL)
		return yaml_fail(y, why, "names must be a list: [a, b]");
	for (const struct yaml *m = y->child; m != NULL; m = m->next) {
		const char *text = NULL;
		int r = yaml_text(m, &text, why);

		if (r != 0)
			return r;
		if (text[0] == '\0' || strlen(text) > 253 ||
		    strpbrk(text, " \t/*@") != NULL)
			return yaml_fail(
			    m, why, "a name is a host's name or its address");
		r = add_name(c, text);
		if (r == -ENOBUFS)
			return yaml_fail(
			    m, why, "more than %d names", CONFIG_NAMES_MAX);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
read_rules(const struct yaml *y, struct config *c, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST || y->child == NULL)
		return yaml_fail(y, why, "rules must be a list: [DIR, ...]");
	for (const struct yaml *m = y->child; m != NULL; m = m->next) {
		int r = 0;

		if (c->nrules == CONFIG_RULES_MAX)
			return yaml_fail(m, why, "more than %d directories",
			    CONFIG_RULES_MAX);
		if (m->kind != YAML_SCALAR || m->text[0] != '/')
			return yaml_fail(
			    m, why, "a path must be absolute, from / on");
		r = copy(&c->rules[c->nrules], m->text);
		if (r != 0)
			return r;
		c->nrules++;
	}
	return 0;
}

static int
read_all(const struct yaml *y, struct config *c, struct diag *why)
{
	const struct yaml *state = yaml_get(y, "state");
	const struct yaml *name = yaml_get(y, "name");
	int r;

	if ((r = yaml_keys(y, "the collector's configuration", KEYS, why)) !=
		0 ||
	    (r = read_text(name, &c->name, why)) != 0 ||
	    (r = read_text(state, &c->state, why)) != 0 ||
	    (r = read_listen(yaml_get(y, "agents"), &c->agents, why)) != 0 ||
	    (r = read_listen(yaml_get(y, "people"), &c->people, why)) != 0 ||
	    (r = read_names(yaml_get(y, "names"), c, why)) != 0 ||
	    (r = read_rules(yaml_get(y, "rules"), c, why)) != 0)
		return r;
	if (state != NULL && c->state[0] != '/')
		return yaml_fail(
		    state, why, "a path must be absolute, from / on");
	if (name != NULL &&
	    (strlen(c->name) > 64 || strpbrk(c->name, " \t\n+") != NULL))
		return yaml_fail(name, why,
		    "name has 1 to 64 characters, no space and no +");
	return 0;
}

int
config_read(const char *path, struct config *out, struct diag *why)
{
	OWN(yaml_freep) struct yaml *y = NULL;
	struct config c = {0};
	int r = path == NULL ? 0 : yaml_read(path, &y, why);

	if (r != 0)
		return r;
	r = set_defaults(&c);
	if (r == 0)
		r = y == NULL ? default_names(&c) : read_all(y, &c, why);
	if (r != 0) {
		config_done(&c);
		return r;
	}
	*out = c;
	return 0;
}

void
config_args(struct config_args *a, int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (next != NULL && str_eq(argv[i], "--config")) {
			a->config = next;
		} else if (next != NULL && str_eq(argv[i], "--state")) {
			a->state = next;
		} else if (next == NULL || !str_eq(argv[i], "--index")) {
			(void)fprintf(stderr,
			    "%s: argument \"%s\" is not known\n", argv[0],
			    argv[i]);
			exit(2);
		}
	}
}
