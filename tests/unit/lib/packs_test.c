/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packs_test - which files of a directory are packs: the same as for a host.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/packs.h"
#include "lib/str.h"

#include "lib/own.h"

static const char PACK[] =
    "pack: {id: p, version: 1.0.0, format: 1}\n"
    "detectors:\n  - {id: t.a, class: pii.t, tags: [x.y]}\n";

static void
put_file(int dir, const char *name)
{
	OWN_FD int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(
	    write(fd, PACK, sizeof PACK - 1), (ssize_t)sizeof PACK - 1);
}

static void
test_names(void **state UNUSED)
{
	static const char *const refused[] = {"b.yml", "b.YML", "b.YAML"};
	static const char *const passed[] = {"b.txt", "yaml", ".b.yml", "b"};
	char dir[] = "/tmp/packs-XXXXXX";
	const char *const dirs[] = {dir};
	OWN_FD int fd = -1;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_file(fd, "a.yaml");
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		OWN(packs_freep) struct packs *p = NULL;
		struct diag why = {""};

		put_file(fd, passed[i]);
		assert_int_equal(packs_load(dirs, 1, &p, &why), 0);
		assert_non_null(packs_tags(p, "t.a"));
		(void)unlinkat(fd, passed[i], 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		OWN(packs_freep) struct packs *p = NULL;
		struct diag why = {""};

		put_file(fd, refused[i]);
		assert_int_equal(packs_load(dirs, 1, &p, &why), -EBADMSG);
		assert_non_null(
		    strstr(why.text, "the name of a pack ends in .yaml"));
		assert_non_null(strstr(why.text, refused[i]));
		(void)unlinkat(fd, refused[i], 0);
	}
	(void)unlinkat(fd, "a.yaml", 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
