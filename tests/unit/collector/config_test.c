/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_test - the collector's configuration: its defaults, and what it
 * refuses, with the place.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/config.h"
#include "lib/file.h"
#include "lib/str.h"

#include "lib/own.h"

static char path[64];

static int
setup(void **state UNUSED)
{
	int fd;

	must(str_copy(path, sizeof path, "/tmp/config_test.XXXXXX") == 0);
	fd = mkstemp(path);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static int
teardown(void **state UNUSED)
{
	return unlink(path);
}

static int
read_text(const char *text, struct config *c, struct diag *why)
{
	const struct file_mode m = {.mode = 0600, .uid = (uid_t)-1};

	must(file_write(path, text, strlen(text), &m, NULL) == 0);
	return config_read(path, c, why);
}

static void
defaults(void **state UNUSED)
{
	OWN(config_done) struct config c = {0};

	assert_int_equal(config_read(NULL, &c, NULL), 0);
	assert_string_equal(c.agents, "0.0.0.0:8443");
	assert_string_equal(c.people, "127.0.0.1:9443");
	assert_string_equal(c.state, "/var/lib/chaperone-collector");
	assert_int_equal(c.nrules, 0);
	assert_true(c.nnames >= 3);
	assert_null(c.names[c.nnames]);
}

static void
whole(void **state UNUSED)
{
	OWN(config_done) struct config c = {0};
	struct diag why = {""};

	assert_int_equal(read_text("name: c1\nstate: /s\nagents: '[::]:1'\n"
				   "people: 192.0.2.1:65535\nnames: [a, b]\n"
				   "rules: [/r/one, /r/two]\n",
			     &c, &why),
	    0);
	assert_string_equal(c.name, "c1");
	assert_string_equal(c.agents, "[::]:1");
	assert_int_equal(c.nnames, 2);
	assert_string_equal(c.names[1], "b");
	assert_int_equal(c.nrules, 2);
	assert_string_equal(c.rules[1], "/r/two");
	assert_null(c.rules[2]);
}

/* Where it listens it is called by that address, too. */
static void
names_of_addresses(void **state UNUSED)
{
	OWN(config_done) struct config c = {0};
	bool v4 = false, v6 = false;

	assert_int_equal(
	    read_text("agents: 192.0.2.1:8443\npeople: '[2001:db8::1]:9443'\n",
		&c, NULL),
	    0);
	for (size_t i = 0; i < c.nnames; i++) {
		v4 |= str_eq(c.names[i], "192.0.2.1");
		v6 |= str_eq(c.names[i], "2001:db8::1");
		assert_string_not_equal(c.names[i], "0.0.0.0");
	}
	assert_true(v4 && v6);
}

struct bad {
	const char *text;
	const char *what; /* in the sentence */
};

static void
refusals(void **state UNUSED)
{
	static const struct bad BAD[] = {
	    {"agent: 127.0.0.1:1\n", "1:1: unknown key \"agent\""},
	    {"name: c\nstate: var\n", "2:8: "},
	    {"agents: localhost:8443\n", "1:9: "},
	    {"agents: 127.0.0.1\n", "1:9: "},
	    {"agents: 127.0.0.1:65536\n", "1:9: "},
	    {"people: 127.0.0.1:-1\n", "1:9: "},
	    {"name: ''\n", "1:7: "},
	    {"name: a b\n", "1:7: "},
	    {"name: a+b\n", "1:7: "},
	    {"names: a\n", "1:8: "},
	    {"names: []\n", "1:8: "},
	    {"names: ['*.example']\n", "1:9: "},
	    {"names: [a, '']\n", "1:12: "},
	    {"rules: /r\n", "1:8: "},
	    {"rules: []\n", "1:8: "},
	    {"rules: [/r, r]\n", "1:13: "},
	    {"- a\n", "1:1: "},
	    {"name: a\nname: b\n", "2:1: "},
	};

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct config c = {.name = NULL};
		struct diag why = {""};

		assert_int_equal(read_text(BAD[i].text, &c, &why), -EBADMSG);
		if (strstr(why.text, BAD[i].what) == NULL)
			fail_msg("%s: %s", BAD[i].text, why.text);
		/* Untouched. */
		assert_null(c.name);
	}
	assert_int_equal(
	    config_read("/nonexistent", &(struct config){0}, NULL), -ENOENT);
}

static void
addresses(void **state UNUSED)
{
	static const char *const BAD[] = {"", ":", "1", ":1", "[::1:1",
	    "::1]:1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:+1", "[]:1",
	    "127.0.0.1.1:1", "1.2.3:1"};
	struct sockaddr_storage at;
	socklen_t len;

	assert_int_equal(config_address("127.0.0.1:0", &at, &len), 0);
	assert_int_equal(at.ss_family, AF_INET);
	assert_int_equal(len, sizeof(struct sockaddr_in));
	assert_int_equal(config_address("[::1]:8443", &at, &len), 0);
	assert_int_equal(at.ss_family, AF_INET6);
	assert_int_equal(
	    ntohs(((const struct sockaddr_in6 *)&at)->sin6_port), 8443);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(config_address(BAD[i], &at, &len), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(defaults),
	    cmocka_unit_test(whole), cmocka_unit_test(names_of_addresses),
	    cmocka_unit_test(refusals), cmocka_unit_test(addresses)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
