/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stash_test - what is kept comes back whole or not at all, and from nowhere
 * that others can reach.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/detect/stash.h"
#include "lib/str.h"

#include "lib/own.h"

static const uint8_t KEY[STASH_KEY] = {1, 2, 3};
static const uint8_t OTHER[STASH_KEY] = {4};
static const char TEXT[] = "what was compiled";

struct fixture {
	char base[512]; /* of the test */
	char dir[600]; /* of the stash, two levels below */
	char file[800]; /* of KEY */
	struct stash *s;
};

static void
path_of(const struct fixture *f, const uint8_t key[STASH_KEY], char out[800])
{
	char hex[2 * STASH_KEY + 1];

	str_hex(hex, key, STASH_KEY);
	assert_int_equal(str_format(out, 800, "%s/%s.db", f->dir, hex), 0);
}

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct fixture *f = calloc(1, sizeof *f);
	struct diag why = {""};

	assert_non_null(f);
	(void)snprintf(f->base, sizeof f->base, "%s/stash-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->base));
	(void)snprintf(f->dir, sizeof f->dir, "%s/a/b", f->base);
	path_of(f, KEY, f->file);
	assert_int_equal(stash_open(f->dir, &f->s, &why), 0);
	*state = f;
	return 0;
}

static void
clear(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (unlinkat(dirfd(d), e->d_name, 0) != 0)
			(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d != NULL)
		(void)closedir(d);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char a[600];

	stash_free(f->s);
	clear(f->dir);
	(void)snprintf(a, sizeof a, "%s/a", f->base);
	clear(a);
	clear(f->base);
	(void)rmdir(f->base);
	free(f);
	return 0;
}

static void
put(struct fixture *f)
{
	stash_put(f->s, KEY, TEXT, sizeof TEXT);
	assert_string_equal(stash_word(f->s), "");
}

/* A stash that has said nothing yet. */
static void
reopen(struct fixture *f)
{
	struct diag why = {""};

	stash_free(OWN_TAKE(&f->s));
	assert_int_equal(stash_open(f->dir, &f->s, &why), 0);
}

static int
get(struct fixture *f)
{
	OWN(buf_done) struct buf b = {0};
	int r;

	buf_init(&b, STASH_BYTES_MAX + 1024);
	r = stash_get(f->s, KEY, &b);
	if (r == 0) {
		assert_int_equal(b.len, sizeof TEXT);
		assert_memory_equal(b.data, TEXT, sizeof TEXT);
	} else {
		assert_int_equal(b.len, 0);
	}
	return r;
}

/* It is refused with a word; then it is kept again, and good. */
static void
refused(struct fixture *f, int with)
{
	assert_int_equal(get(f), with);
	assert_string_not_equal(stash_word(f->s), "");
	reopen(f);
	put(f);
	assert_int_equal(get(f), 0);
}

static size_t
slurp(const char *path, uint8_t *out, size_t size)
{
	OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, out, size);

	assert_true(n > 0);
	return (size_t)n;
}

static void
spill(const char *path, const uint8_t *data, size_t len)
{
	OWN_FD int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(fd, data, len), (ssize_t)len);
}

static void
test_kept(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(get(f), -ENOENT);
	assert_string_equal(stash_word(f->s), "");
	put(f);
	assert_int_equal(get(f), 0);
	reopen(f);
	assert_int_equal(get(f), 0);
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(f->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

/* Every byte may be wrong, and every length. */
static void
test_damage(void **state)
{
	struct fixture *f = *state;
	uint8_t whole[512], bad[512];
	size_t n;

	put(f);
	n = slurp(f->file, whole, sizeof whole);
	assert_true(n < sizeof whole);
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, whole, n);
		bad[i] ^= 0x20;
		spill(f->file, bad, n);
		assert_int_equal(get(f), -EBADMSG);
	}
	for (size_t i = 0; i < n; i++) {
		spill(f->file, whole, i);
		assert_int_equal(get(f), -EBADMSG);
	}
	memcpy(bad, whole, n);
	bad[n] = 0;
	spill(f->file, bad, n + 1);
	refused(f, -EBADMSG);
}

static void
test_foreign(void **state)
{
	struct fixture *f = *state;
	char other[800];

	/* That of another key, under this name. */
	stash_put(f->s, OTHER, TEXT, sizeof TEXT);
	path_of(f, OTHER, other);
	assert_int_equal(rename(other, f->file), 0);
	refused(f, -EBADMSG);
	/* Modes that let others in. */
	assert_int_equal(chmod(f->file, 0644), 0);
	refused(f, -EBADMSG);
	assert_int_equal(chmod(f->file, 0620), 0);
	refused(f, -EBADMSG);
	/* Another name of it may lie where others write. */
	assert_int_equal(link(f->file, other), 0);
	refused(f, -EBADMSG);
	assert_int_equal(unlink(other), 0);
	/* A link to what is good. */
	assert_int_equal(rename(f->file, other), 0);
	assert_int_equal(symlink(other, f->file), 0);
	refused(f, -ELOOP);
	/* Nothing waits for who opens the other end. */
	assert_int_equal(unlink(f->file), 0);
	assert_int_equal(mkfifo(f->file, 0600), 0);
	refused(f, -EBADMSG);
}

static void
test_owner(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0) {
		print_message("# only root gives files away\n");
		skip();
	}
	put(f);
	assert_int_equal(chown(f->file, 65534, 65534), 0);
	refused(f, -EBADMSG);
}

/* What cannot be replaced stays, and is said. */
static void
test_in_the_way(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(f->file, 0700), 0);
	assert_int_equal(get(f), -EBADMSG);
	reopen(f);
	stash_put(f->s, KEY, TEXT, sizeof TEXT);
	assert_string_not_equal(stash_word(f->s), "");
	reopen(f);
	stash_refuse(f->s, "a reason");
	assert_non_null(strstr(stash_word(f->s), "a reason"));
}

static void
test_directories(void **state)
{
	struct fixture *f = *state;
	struct stash *s = NULL;
	struct diag why = {""};
	char a[600], link[700];

	(void)snprintf(a, sizeof a, "%s/a", f->base);
	(void)snprintf(link, sizeof link, "%s/link", f->base);
	assert_int_equal(stash_open("relative", &s, NULL), -EINVAL);
	/* Its own mode, and who may put another in its place. */
	assert_int_equal(chmod(f->dir, 0750), 0);
	assert_int_equal(stash_open(f->dir, &s, &why), -EPERM);
	assert_non_null(strstr(why.text, f->dir));
	assert_int_equal(chmod(f->dir, 0700), 0);
	assert_int_equal(chmod(a, 0770), 0);
	assert_int_equal(stash_open(f->dir, &s, &why), -EPERM);
	assert_int_equal(chmod(a, 0777), 0);
	assert_int_equal(stash_open(f->dir, &s, &why), -EPERM);
	/* Nothing is made below such a one. */
	assert_int_equal(rmdir(f->dir), 0);
	assert_int_equal(stash_open(f->dir, &s, &why), -EPERM);
	assert_int_equal(access(f->dir, F_OK), -1);
	assert_int_equal(chmod(a, 0700), 0);
	/* A link on the way is followed first, and what it leads to judged. */
	assert_int_equal(symlink(a, link), 0);
	(void)snprintf(link, sizeof link, "%s/link/b", f->base);
	assert_int_equal(stash_open(link, &s, &why), 0);
	stash_free(OWN_TAKE(&s));
	assert_int_equal(access(f->dir, F_OK), 0);
	assert_int_equal(chmod(a, 0777), 0);
	assert_int_equal(stash_open(link, &s, &why), -EPERM);
	assert_int_equal(chmod(a, 0700), 0);
	/* One that leads nowhere is not made good. */
	(void)snprintf(link, sizeof link, "%s/b/x", a);
	assert_int_equal(symlink("nowhere", link), 0);
	assert_int_not_equal(stash_open(link, &s, &why), 0);
	assert_null(s);
}

static size_t
count(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

static void
test_pruned(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < STASH_FILES_MAX + 5; i++) {
		uint8_t key[STASH_KEY] = {9, (uint8_t)i};
		struct timespec old[2] = {
		    {.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
		char path[800];

		stash_put(f->s, key, TEXT, sizeof TEXT);
		path_of(f, key, path);
		assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	}
	put(f);
	assert_int_equal(count(f->dir), STASH_FILES_MAX);
	assert_int_equal(get(f), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_in_the_way, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pruned, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
