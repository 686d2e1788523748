/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members - what the extraction room gave of an object, for tests.
 */
#ifndef TESTS_MEMBERS_H
#define TESTS_MEMBERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent/extract/extract.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

#define MEMBERS_MAX 64

static struct {
	char names[MEMBERS_MAX][256];
	struct buf texts[MEMBERS_MAX];
	size_t n;
	char skips[MEMBERS_MAX][2][256]; /* reason, member */
	size_t nskips;
	uint64_t examined;
	char type[80];
	bool together; /* all texts are one, and names are not kept */
	struct buf all;
} members;

static struct extract *members_extract;

static int
members_begin(void *ctx, const char *member, const char *type)
{
	(void)ctx;
	(void)type;
	if (members.together)
		return 0;
	assert_true(members.n < MEMBERS_MAX);
	(void)str_copy(members.names[members.n], 256, member);
	buf_init(&members.texts[members.n], (size_t)1 << 28);
	return 0;
}

static int
members_text(void *ctx, struct content c)
{
	(void)ctx;
	buf_put(members.together ? &members.all : &members.texts[members.n],
	    c.data, c.len);
	return 0;
}

static int
members_end(void *ctx)
{
	(void)ctx;
	members.n++;
	return 0;
}

static void
members_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	(void)ctx;
	(void)bytes;
	assert_true(members.nskips < MEMBERS_MAX);
	(void)str_copy(members.skips[members.nskips][0], 256, reason);
	(void)str_copy(members.skips[members.nskips++][1], 256, member);
}

static inline void
members_forget(void)
{
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		buf_done(&members.texts[i]);
	buf_done(&members.all);
	memset(&members, 0, sizeof members);
}

static inline void
members_read(const void *p, size_t len, bool together)
{
	const struct extract_limits lim = extract_limits_default();
	const struct extract_sink sink = {.begin = members_begin,
	    .text = members_text,
	    .end = members_end,
	    .skip = members_skip};

	members_forget();
	members.together = together;
	buf_init(&members.all, (size_t)1 << 28);
	if (members_extract == NULL)
		assert_int_equal(extract_new(&members_extract, NULL), 0);
	assert_int_equal(extract_bytes(members_extract,
			     (struct content){.data = p, .len = len}, &lim,
			     &sink, &members.examined, members.type),
	    0);
}

static inline void
members_of(const void *p, size_t len)
{
	members_read(p, len, false);
}

/* For objects of more members than are kept apart. */
static inline void
members_all(const void *p, size_t len)
{
	members_read(p, len, true);
}

/* The text of a member, which must have been given. */
static inline const char *
members_get(const char *name)
{
	for (size_t i = 0; i < members.n; i++)
		if (str_eq(members.names[i], name))
			return buf_text(&members.texts[i]);
	for (size_t i = 0; i < members.n; i++)
		print_message("# saw \"%s\"\n", members.names[i]);
	fail_msg("no member \"%s\"", name);
	return "";
}

static inline void
members_has(const char *name, const char *text)
{
	const char *all = members_get(name);

	if (strstr(all, text) == NULL)
		fail_msg("\"%s\" is not in %s: %.2000s", text, name, all);
}

static inline void
members_skipped(const char *name, const char *reason)
{
	for (size_t i = 0; i < members.nskips; i++)
		if (str_eq(members.skips[i][0], reason) &&
		    str_eq(members.skips[i][1], name))
			return;
	for (size_t i = 0; i < members.nskips; i++)
		print_message("# skipped \"%s\": %s\n", members.skips[i][1],
		    members.skips[i][0]);
	fail_msg("\"%s\" of \"%s\" was not told", reason, name);
}

#endif
