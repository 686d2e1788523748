/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web_test - what a browser sends is read strictly; who may come in, and how
 * often it may be tried; nothing foreign becomes HTML.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/web/inner.h"
#include "lib/str.h"

#include "lib/own.h"

#define MINUTE UINT64_C(60000000)
#define HALF_HOUR (30 * MINUTE)
#define START (1000 * MINUTE)

/* ---- forms ---- */

static int
get(const char *body, const char *name, char out[16])
{
	return form_get(body, strlen(body), name, out, 16);
}

static void
form_fields(void **state UNUSED)
{
	static const char BODY[] = "user=a+b&p=%C3%A9%26&next=&u=x";
	char out[16];

	assert_int_equal(get(BODY, "user", out), 0);
	assert_string_equal(out, "a b");
	assert_int_equal(get(BODY, "p", out), 0);
	assert_string_equal(out, "\xc3\xa9&");
	assert_int_equal(get(BODY, "next", out), 0);
	assert_string_equal(out, "");
	assert_int_equal(get(BODY, "u", out), 0);
	assert_string_equal(out, "x");
	assert_int_equal(get(BODY, "use", out), -ENOENT);
	assert_int_equal(get("", "user", out), -ENOENT);
	assert_int_equal(get("user", "user", out), -ENOENT);
	assert_int_equal(get("&&user=1", "user", out), 0);
}

static void
form_refuses(void **state UNUSED)
{
	static const char *const BAD[] = {"p=%", "p=%1", "p=%zz", "p=%00",
	    "p=a%00b", "p=0123456789abcdef", "p=%4"};
	char out[16];

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		assert_int_equal(get(BAD[i], "p", out), -EBADMSG);
		assert_string_equal(out, "");
	}
	assert_int_equal(get("p=0123456789abcde", "p", out), 0);
}

static void
form_credentials(void **state UNUSED)
{
	char user[8], password[8];

#define BASIC(h) form_basic(h, user, sizeof user, password, sizeof password)
	assert_int_equal(BASIC("Basic YTpiOmM="), 0);
	assert_string_equal(user, "a");
	assert_string_equal(password, "b:c");
	assert_int_equal(BASIC("basic  Og=="), 0);
	assert_string_equal(user, "");
	assert_int_equal(BASIC("Bearer YTpi"), -EBADMSG);
	assert_int_equal(BASIC("Basic"), -EBADMSG);
	assert_int_equal(BASIC("Basic YWI="), -EBADMSG); /* no colon */
	assert_int_equal(BASIC("Basic YToAYg=="), -EBADMSG); /* a NUL */
	assert_int_equal(BASIC("Basic YTpi!"), -EBADMSG);
	assert_int_equal(BASIC("Basic YTpiYmJiYmJiYmJi"), -EBADMSG);
}

static void
form_targets(void **state UNUSED)
{
	static const char *const BAD[] = {"", "x", "//e.example",
	    "/\\e.example", "https://e.example", "/a\r\nSet-Cookie: x", "/a b",
	    "/\xc3\xa9"};
	OWN(buf_done) struct buf b = {0};

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(form_target_ok(BAD[i]));
	assert_true(form_target_ok("/"));
	assert_true(form_target_ok("/report?provider=a&from=2026-01-01"));
	buf_init(&b, 64);
	form_put(&b, "a b/\xc3\xa9&\"");
	assert_string_equal(buf_text(&b), "a%20b%2F%C3%A9%26%22");
}

/* ---- the door ---- */

static char digest[256];

static int
setup(void **state)
{
	struct door *d = NULL;

	if (digest[0] == '\0' &&
	    seal_password("right", digest, sizeof digest) != 0)
		return -1;
	*state = NULL;
	if (door_new(digest, &d) != 0)
		return -1;
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	door_free(*state);
	return 0;
}

static enum door_answer
try_at(struct door *d, const char *address, const char *password, uint64_t at)
{
	return door_try(d, address, "reviewer", password, at);
}

static void
door_counts(void **state)
{
	struct door *d = *state;

	assert_int_equal(try_at(d, "::1", "right", START), DOOR_OPEN);
	assert_int_equal(door_try(d, "::1", "root", "right", START), DOOR_SHUT);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(try_at(d, "::1", "bad", START), DOOR_SHUT);
	assert_int_equal(try_at(d, "::1", "right", START), DOOR_LIMITED);
	/* Another address, and a minute later. */
	assert_int_equal(try_at(d, "::2", "right", START), DOOR_OPEN);
	assert_int_equal(
	    try_at(d, "::1", "right", START + MINUTE - 1), DOOR_LIMITED);
	assert_int_equal(try_at(d, "::1", "right", START + MINUTE), DOOR_OPEN);
}

/* Many addresses together are counted, too. */
static void
door_counts_all(void **state)
{
	struct door *d = *state;
	unsigned limited = 0;

	for (unsigned i = 0; i < 70; i++) {
		char address[16];

		must(str_format(address, sizeof address, "10.0.0.%u", i) == 0);
		limited += try_at(d, address, "bad", START) == DOOR_LIMITED;
	}
	assert_int_equal(limited, 10);
}

static void
door_sessions(void **state)
{
	struct door *d = *state;
	char a[DOOR_TOKEN_SIZE], b[DOOR_TOKEN_SIZE];

	door_session(d, START, a);
	door_session(d, START, b);
	assert_int_equal(strlen(a), 43);
	assert_string_not_equal(a, b);
	assert_true(door_known(d, a, START + 1));
	assert_false(door_known(d, "", START + 1));
	assert_false(door_known(d, "AAAA", START + 1));
	/* Used, it goes on; not used, it ends. */
	assert_true(door_known(d, a, START + HALF_HOUR - 1));
	assert_true(door_known(d, a, START + 2 * HALF_HOUR - 2));
	assert_false(door_known(d, b, START + HALF_HOUR));
	assert_false(door_known(d, b, START + 1));
	door_leave(d, a);
	assert_false(door_known(d, a, START + 2 * HALF_HOUR - 2));
	door_leave(d, a);
}

static void
door_session_ends(void **state)
{
	struct door *d = *state;
	char a[DOOR_TOKEN_SIZE];
	uint64_t at;

	door_session(d, START, a);
	for (at = START; at < START + 12 * 60 * MINUTE; at += 20 * MINUTE)
		assert_true(door_known(d, a, at));
	assert_false(door_known(d, a, START + 12 * 60 * MINUTE));
}

static void
door_is_bounded(void **state)
{
	struct door *d = *state;
	char first[DOOR_TOKEN_SIZE], last[DOOR_TOKEN_SIZE];

	door_session(d, START, first);
	for (unsigned i = 1; i <= 64; i++)
		door_session(d, START + i, last);
	assert_false(door_known(d, first, START + 100));
	assert_true(door_known(d, last, START + 100));
}

static void
door_headers(void **state)
{
	struct door *d = *state;
	/* reviewer:right, reviewer:wrong */
	static const char GOOD[] = "Basic cmV2aWV3ZXI6cmlnaHQ=";
	static const char BAD[] = "Basic cmV2aWV3ZXI6d3Jvbmc=";

	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(door_basic(d, "::1", GOOD, START), DOOR_OPEN);
	assert_int_equal(door_basic(d, "::1", BAD, START), DOOR_SHUT);
	assert_int_equal(door_basic(d, "::1", "Basic", START), DOOR_SHUT);
	/* The good one is remembered for a while, not for ever. */
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(door_basic(d, "::1", BAD, START), DOOR_SHUT);
	assert_int_equal(door_basic(d, "::1", BAD, START), DOOR_LIMITED);
	assert_int_equal(door_basic(d, "::1", GOOD, START), DOOR_OPEN);
	assert_int_equal(
	    door_basic(d, "::1", GOOD, START + HALF_HOUR), DOOR_OPEN);
}

/* ---- pages ---- */

static void
page_escapes(void **state UNUSED)
{
	static const char EVIL[] = "\"><script>&'";
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 65536);
	page_login(&b, EVIL, EVIL);
	assert_null(strstr(buf_text(&b), "<script"));
	assert_non_null(strstr(
	    buf_text(&b), "value=\"&quot;&gt;&lt;script&gt;&amp;&#39;\""));
	buf_reset(&b);
	page_error(&b, 404, EVIL);
	assert_null(strstr(buf_text(&b), "<script"));
	assert_non_null(strstr(buf_text(&b), "Nothing here"));
	buf_reset(&b);
	page_error(&b, 599, NULL);
	assert_non_null(strstr(buf_text(&b), "Not now"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {cmocka_unit_test(form_fields),
	    cmocka_unit_test(form_refuses), cmocka_unit_test(form_credentials),
	    cmocka_unit_test(form_targets), T(door_counts), T(door_counts_all),
	    T(door_sessions), T(door_session_ends), T(door_is_bounded),
	    T(door_headers), cmocka_unit_test(page_escapes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
