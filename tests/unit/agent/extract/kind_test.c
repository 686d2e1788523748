/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind_test - what a member is, by its first block: each kind, near misses,
 * blocks that are cut, and programs by their language.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/extract/extract.h"
#include "agent/extract/kind.h"
#include "agent/extract/source.h"
#include "lib/buf.h"
#include "lib/str.h"
#include "tests/unit/agent/extract/kinds.h"

#include "lib/own.h"

static void
unpack(const char *s, struct buf *out)
{
	buf_init(out, 1 << 20);
	while (*s != '\0') {
		if (*s == '*') {
			char *end;
			unsigned long n = strtoul(s + 1, &end, 10);

			while (n-- > 0)
				buf_put_u8(out, 0);
			s = end + 1;
			continue;
		}
		buf_put_u8(out,
		    (uint8_t)strtoul((char[]){s[0], s[1], '\0'}, NULL, 16));
		s += 2;
	}
	assert_int_equal(buf_error(out), 0);
}

static void
each_kind_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		OWN(buf_done) struct buf b = {0};

		unpack(KINDS[i].bytes, &b);
		assert_string_equal(kind_sniff(b.data, b.len), KINDS[i].kind);
	}
}

static void
near_misses_are_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(NO_KINDS); i++) {
		OWN(buf_done) struct buf b = {0};
		const char *kind;

		unpack(NO_KINDS[i].bytes, &b);
		kind = kind_sniff(b.data, b.len);
		if (kind[0] != '\0')
			fail_msg("%s is %s", NO_KINDS[i].kind, kind);
	}
}

/* Each in an allocation of its own size, so that sanitizers see a read behind
 * it; and what is cut has the same kind or none. */
static void
cut_blocks_are_safe(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		OWN(buf_done) struct buf b = {0};

		unpack(KINDS[i].bytes, &b);
		for (size_t n = 0; n < b.len && n < 600; n++) {
			OWN_MEM uint8_t *cut = malloc(n > 0 ? n : 1);

			assert_non_null(cut);
			memcpy(cut, b.data, n);
			assert_non_null(kind_sniff(cut, n));
			assert_non_null(source_kind(cut, n));
		}
	}
}

struct listed {
	size_t n, tested;
	char *page;
};

static void
on_kind(void *ctx, const char *kind, const char *source)
{
	struct listed *l = ctx;
	const char *form = strchr(kind, '/') + 1;
	char family[64];
	const char *at;
	bool tested = str_eq(kind, "disk/iso"); /* in containers.sh */

	assert_true(strlen(source) > 3);
	l->n++;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
		tested = tested || str_eq(KINDS[i].kind, kind);
	l->tested += tested;
	assert_int_equal(str_format(family, sizeof family, ".It Cm %.*s\n",
			     (int)(form - 1 - kind), kind),
	    0);
	at = strstr(l->page, family);
	if (at == NULL || strstr(at, form) == NULL)
		fail_msg("%s is not in the manual", kind);
}

static void
the_manual_has_each_kind(void **state)
{
	static char page[256 * 1024];
	struct listed l = {.page = page};
	const char *src = getenv("SRC");
	char path[4096];
	FILE *f;

	(void)state;
	assert_int_equal(
	    str_format(path, sizeof path, "%s/docs/man/chaperone-rules.5",
		src != NULL ? src : "."),
	    0);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(page, 1, sizeof page - 1, f) > 1000);
	(void)fclose(f);
	kind_list(on_kind, &l);
	assert_true(l.n >= 100);
	assert_true(l.tested * 100 >= l.n * 80);
}

static void
languages_are_told(void **state)
{
	static const struct {
		const char *kind, *text;
	} TEXTS[] = {
	    {"source/c", "#include <stdio.h>\n\nint main(void)\n{\n\treturn "
			 "0;\n}\n#include \"a.h\"\n#define X 1\n"},
	    {"source/c++", "#include <vector>\nnamespace a {\ntemplate <class "
			   "T>\nclass B {\npublic:\n\tint x;\n};\n}\n"},
	    {"source/java",
		"package a.b;\nimport java.util.List;\n\npublic class A "
		"{\n\tprivate int x;\n\tpublic int y() {\n\t\treturn "
		"x;\n\t}\n}\n"},
	    {"source/python",
		"import os\n\nclass A:\n    def f(self):\n        if x:\n"
		"            return 1\n\nif __name__ == '__main__':\n    "
		"A().f()\n"},
	    {"source/go", "package main\n\nimport (\n\t\"os\"\n)\n\nfunc "
			  "main() {\n\tif err != nil {\n\t}\n}\n"},
	    {"source/js",
		"'use strict';\nconst a = require('a');\nmodule.exports = a;\n"},
	    {"source/ts",
		"import { A } from './a';\nexport interface B {\n\tx: "
		"string;\n\ty: number;\n}\nexport const c = 1;\n"},
	    {"source/rust",
		"use std::io;\n#[derive(Debug)]\npub struct A {\n}\nimpl A "
		"{\n\tpub fn x(&self) {\n\t}\n}\n"},
	    {"source/sql", "create table a (\n\tid integer\n);\nINSERT INTO a "
			   "VALUES (1);\nCOMMIT;\n"},
	    {"source/php", "<?php\nfunction a() {\n}\n"},
	    {"source/perl",
		"#!/usr/bin/perl\nuse strict;\nmy $x = 1;\nsub a {\n}\n1;\n"},
	    {"source/ruby", "# frozen_string_literal: true\nrequire 'a'\n"},
	    {"source/shell",
		"#!/bin/sh\nset -e\nif [ -f a ]; then\n\techo\nfi\n"},
	    {"source/verilog",
		"module a(\n\tinput x,\n\toutput y);\nassign y = x;\n"
		"always @(posedge x)\nendmodule\n"},
	    {"source/vhdl", "library IEEE;\nuse IEEE.std_logic_1164.all;\n"
			    "entity a is\nend a;\n"},
	    {"source/cobol", "       IDENTIFICATION DIVISION.\n"
			     "       PROCEDURE DIVISION.\n"},
	    {"", "Select a table and create an index from the import menu. "
		 "Class is at nine; return home by five.\n"},
	    {"", "# How to\n\n```\n#include <a.h>\n#include <b.h>\n"
		 "int main(void)\n{\n```\n"},
	    {"", "<p>public class of 2024</p>\nimport duties\npackage tours\n"},
	    {"", "key: value\nfor: you\nif: not\nelse:\n  with: care\n"},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		const char *kind = source_kind(
		    (const uint8_t *)TEXTS[i].text, strlen(TEXTS[i].text));

		if (!str_eq(kind, TEXTS[i].kind))
			fail_msg("%zu is \"%s\", not \"%s\"", i, kind,
			    TEXTS[i].kind);
	}
}

/* ---- through the walk ---------------------------------------------------- */

static struct {
	char log[4096];
	struct extract *x;
} walk;

static int
on_member_kind(
    void *ctx, const char *member, const char *type, const char *kind)
{
	size_t n = strlen(walk.log);

	(void)ctx;
	(void)snprintf(walk.log + n, sizeof walk.log - n, "%s|%s|%s\n", member,
	    type, kind);
	return 0;
}

static int
on_begin(void *ctx, const char *member, const char *type)
{
	size_t n = strlen(walk.log);

	(void)ctx;
	(void)type;
	(void)snprintf(walk.log + n, sizeof walk.log - n, "begin %s %s\n",
	    member, extract_kind(walk.x));
	return 0;
}

static int
on_text(void *ctx, struct content c)
{
	(void)ctx;
	(void)c;
	return 0;
}

static int
on_end(void *ctx)
{
	(void)ctx;
	return 0;
}

static void
on_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	(void)ctx;
	(void)member;
	(void)reason;
	(void)bytes;
}

static void
put_tar(struct buf *out, const char *name, const void *data, size_t len)
{
	uint8_t h[512] = {0};
	unsigned sum = 0;

	(void)snprintf((char *)h, 100, "%s", name);
	(void)snprintf((char *)h + 100, 8, "0000644");
	(void)snprintf((char *)h + 124, 12, "%011zo", len);
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof h; i++)
		sum += h[i];
	(void)snprintf((char *)h + 148, 7, "%06o", sum);
	buf_put(out, h, sizeof h);
	buf_put(out, data, len);
	while (out->len % 512 != 0)
		buf_put_u8(out, 0);
}

static void
members_are_told_with_their_kind(void **state)
{
	static const char SOURCE[] = "#include <a.h>\n#include <b.h>\n";
	const struct extract_limits lim = extract_limits_default();
	const struct extract_sink sink = {.kind = on_member_kind,
	    .begin = on_begin,
	    .text = on_text,
	    .end = on_end,
	    .skip = on_skip};
	OWN(buf_done) struct buf b = {0};
	uint8_t end[1024] = {0};
	uint64_t examined;
	char type[80];

	(void)state;
	buf_init(&b, 1 << 20);
	put_tar(&b, "a", "AGE-SECRET-KEY-1X\n", 18);
	put_tar(&b, "b", SOURCE, sizeof SOURCE - 1);
	put_tar(&b, "c", "words\n", 6);
	buf_put(&b, end, sizeof end);
	buf_put(&b, "rest", 4);
	walk.log[0] = '\0';
	assert_int_equal(extract_new(&walk.x, NULL), 0);
	assert_int_equal(extract_bytes(walk.x, (struct content){b.data, b.len},
			     &lim, &sink, &examined, type),
	    0);
	extract_free(walk.x);
	assert_string_equal(walk.log, "|application/x-tar|\n"
				      "a|text/plain|key/age\n"
				      "begin a key/age\n"
				      "b|text/plain|source/c\n"
				      "begin b source/c\n"
				      "c|text/plain|\n"
				      "begin c \n"
				      "begin  \n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_kind_is_known),
	    cmocka_unit_test(near_misses_are_none),
	    cmocka_unit_test(cut_blocks_are_safe),
	    cmocka_unit_test(the_manual_has_each_kind),
	    cmocka_unit_test(languages_are_told),
	    cmocka_unit_test(members_are_told_with_their_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
