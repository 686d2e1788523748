/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beside_test - lists of terms in files beside the pack: what a line is, which
 * names are refused, and that the bytes are a part of the digest.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/detect/rules.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

static char dir[64];
static int dir_fd = -1;

static void
put_file(const char *name, const void *data, size_t len)
{
	OWN_FD int fd = openat(
	    dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
}

static int
setup(void **state UNUSED)
{
	(void)str_copy(dir, sizeof dir, "/tmp/beside-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd >= 0 ? 0 : -1;
}

static int
teardown(void **state UNUSED)
{
	static const char *const names[] = {
	    "p.yaml", "a.terms", "b.terms", "link.terms"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlinkat(dir_fd, names[i], 0);
	close(dir_fd);
	return rmdir(dir);
}

/* A pack with one list, @rest, which is its detector's evidence. */
static int
load_list(const char *rest, struct ruleset **out, struct diag *why)
{
	const char *const dirs[] = {dir};
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 64 * 1024);
	buf_printf(&b,
	    "pack: {id: t, version: 1.0.0, format: 1}\n"
	    "lists: {kw: {%s}}\n"
	    "detectors:\n"
	    "  - id: t.one\n"
	    "    uuid: 00000000-0000-4000-8000-000000000001\n"
	    "    title: T\n    class: t\n"
	    "    primary: {pattern: 'N\\d{4}'}\n"
	    "    levels: [{confidence: high, all: [{near: {list: kw, before: "
	    "30}}]}, {confidence: low, all: []}]\n",
	    rest);
	put_file("p.yaml", b.data, b.len);
	return ruleset_load(dirs, 1, out, NULL, why);
}

static void
on_found(void *ctx, struct finding *f)
{
	enum confidence *c = ctx;

	*c = f->confidence;
}

static enum confidence
found(const struct ruleset *r, const char *text, size_t len)
{
	OWN(scan_freep) struct scan *s = NULL;
	enum confidence c = CONFIDENCE_NONE;

	assert_int_equal(scan_new(r, &s), 0);
	scan_begin(s);
	assert_int_equal(
	    scan_feed(s, (struct content){(const uint8_t *)text, len}), 0);
	assert_int_equal(scan_end(s, on_found, &c, NULL), 0);
	return c;
}
#define FOUND(r, text) found(r, text, sizeof(text) - 1)

static void
test_lines(void **state UNUSED)
{
	static const char terms[] =
	    "\xef\xbb\xbf# the first line is about the others\n\n"
	    "  badge \t\r\nstaff card\n#hidden\n"
	    "\xe5\x8d\xa1\xe5\x8f\xb7"; /* no end of the line */
	OWN(ruleset_freep) struct ruleset *r = NULL;
	struct diag why = {""};

	put_file("a.terms", terms, sizeof terms - 1);
	if (load_list("match: substring, case: fold, encodings: [utf-8, "
		      "gb18030, utf-16], terms_file: a.terms",
		&r, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(FOUND(r, "N1234"), CONFIDENCE_LOW);
	assert_int_equal(FOUND(r, "BADGE N1234"), CONFIDENCE_HIGH);
	assert_int_equal(FOUND(r, "Staff Card N1234"), CONFIDENCE_HIGH);
	assert_int_equal(FOUND(r, "staff N1234"), CONFIDENCE_LOW);
	assert_int_equal(FOUND(r, "hidden N1234"), CONFIDENCE_LOW);
	assert_int_equal(
	    FOUND(r, "\xe5\x8d\xa1\xe5\x8f\xb7 N1234"), CONFIDENCE_HIGH);
	/* The same in GB18030 and UTF-16. */
	assert_int_equal(FOUND(r, "\xbf\xa8\xba\xc5 N1234"), CONFIDENCE_HIGH);
	assert_int_equal(FOUND(r, "\x61\x53\xf7\x53 N1234"), CONFIDENCE_HIGH);
}

static void
test_digest(void **state UNUSED)
{
	OWN(ruleset_freep) struct ruleset *a = NULL;
	OWN(ruleset_freep) struct ruleset *b = NULL;
	OWN(ruleset_freep) struct ruleset *c = NULL;
	struct diag why = {""};

	put_file("a.terms", "badge\n", 6);
	put_file("b.terms", "badge\n", 6);
	assert_int_equal(load_list("terms_file: a.terms", &a, &why), 0);
	assert_int_equal(load_list("terms_file: a.terms", &b, &why), 0);
	assert_string_equal(ruleset_digest(a), ruleset_digest(b));
	put_file("a.terms", "badges\n", 7);
	assert_int_equal(load_list("terms_file: a.terms", &c, &why), 0);
	assert_string_not_equal(ruleset_digest(a), ruleset_digest(c));
}

static void
check_refused(const char *rest, const char *wanted)
{
	OWN(ruleset_freep) struct ruleset *r = NULL;
	struct diag why = {""};

	assert_int_equal(load_list(rest, &r, &why), -EBADMSG);
	if (strstr(why.text, wanted) == NULL)
		fail_msg("%s: \"%s\" is not in \"%s\"", rest, wanted, why.text);
}

static void
test_refused(void **state UNUSED)
{
	static char large[BESIDE_TERMS_MAX + 1];

	put_file("a.terms", "badge\n", 6);
	check_refused("terms_file: ../a.terms", "p.yaml:2:26: terms_file is");
	check_refused("terms_file: /etc/a.terms", "is the name of a file");
	check_refused("terms_file: .a.terms", "is the name of a file");
	check_refused("terms_file: .terms", "is the name of a file");
	check_refused("terms_file: a.txt", "ending in .terms");
	check_refused("terms_file: none.terms", "No such file");
	check_refused("terms_file: a.terms, terms: [x]", "has either");
	check_refused("match: word", "needs the key");
	assert_int_equal(symlinkat("a.terms", dir_fd, "link.terms"), 0);
	check_refused("terms_file: link.terms", "is a symbolic link");
	put_file("b.terms", "# none\n", 7);
	check_refused("terms_file: b.terms", "b.terms:1:1: terms must be");
	put_file("b.terms", "", 0);
	check_refused("terms_file: b.terms", "at least one text");
	put_file("b.terms", "ok\n\xff\xfe\n", 6);
	check_refused("terms_file: b.terms", "no text in UTF-8");
	put_file("b.terms", "o\0k\n", 4);
	check_refused("terms_file: b.terms", "no text in UTF-8");
	put_file("b.terms", "ok\n  \xe5\x8d\xa1\n", 9);
	check_refused(
	    "match: word, terms_file: b.terms", "b.terms:2:3: a term of a");
	memset(large, 'x', sizeof large);
	put_file("b.terms", large, 300);
	check_refused("terms_file: b.terms", "b.terms:1:1: a term must be");
	put_file("b.terms", large, sizeof large);
	check_refused("terms_file: b.terms", "at most 1048576 bytes");
	for (size_t i = 1; i < sizeof large; i += 2)
		large[i] = '\n';
	put_file("b.terms", large, 2 * (RULES_TERMS_MAX + 1));
	check_refused("terms_file: b.terms", "b.terms:5001:1: more than 5000");
}

/* A pack that is in memory has nothing beside it. */
static void
test_in_memory(void **state UNUSED)
{
	static const char text[] = "pack: {id: t, version: 1.0.0, format: 1}\n"
				   "lists: {kw: {terms_file: a.terms}}\n";
	struct ruleset *r = NULL;
	struct diag why = {""};

	assert_int_equal(
	    ruleset_parse("t.yaml", text, sizeof text - 1, &r, NULL, &why),
	    -EBADMSG);
	assert_non_null(strstr(why.text, "is in no directory"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_digest),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_in_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
