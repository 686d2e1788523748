/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - the text of a program, by its language.
 *
 * Owns: what lines of each language look like, and how many points each is.
 * Never: looks at a name; reads more than the first LOOK bytes.
 *
 * A text with a fence of Markdown is about programs, and is none. Prose has lines that begin with "import" or "select", too, so that most
 * clues ask how the line ends as well, and one clue counts twice at most. A
 * language needs LEAST points and a lead over the next one. A dialect (C++ of
 * C, TypeScript of JavaScript) has points of its own on top of those of its
 * base, and stands if these are enough.
 */
#include "agent/extract/source.h"

#include <stdbool.h>
#include <string.h>

#include "lib/own.h"

enum {
	LOOK = 8 * 1024,
	LEAST = 10,
	LEAD = 2,
	DIALECT = 6, /* own points of a dialect */
	TWICE = 2, /* a clue counts no more often */
};

enum language {
	C,
	CPP,
	JAVA,
	CSHARP,
	PYTHON,
	GO,
	JS,
	TS,
	RUST,
	SQL,
	PHP,
	PERL,
	RUBY,
	SHELL,
	KOTLIN,
	SWIFT,
	VERILOG,
	VHDL,
	R,
	COBOL,
	LUA,
	LANGUAGES,
};

static const struct {
	const char *kind;
	enum language base; /* itself: no dialect */
} NAMES[LANGUAGES] = {
    [C] = {"source/c", C},
    [CPP] = {"source/c++", C},
    [JAVA] = {"source/java", JAVA},
    [CSHARP] = {"source/c-sharp", CSHARP},
    [PYTHON] = {"source/python", PYTHON},
    [GO] = {"source/go", GO},
    [JS] = {"source/js", JS},
    [TS] = {"source/ts", JS},
    [RUST] = {"source/rust", RUST},
    [SQL] = {"source/sql", SQL},
    [PHP] = {"source/php", PHP},
    [PERL] = {"source/perl", PERL},
    [RUBY] = {"source/ruby", RUBY},
    [SHELL] = {"source/shell", SHELL},
    [KOTLIN] = {"source/kotlin", KOTLIN},
    [SWIFT] = {"source/swift", SWIFT},
    [VERILOG] = {"source/verilog", VERILOG},
    [VHDL] = {"source/vhdl", VHDL},
    [R] = {"source/r", R},
    [COBOL] = {"source/cobol", COBOL},
    [LUA] = {"source/lua", LUA},
};

enum where {
	START, /* of the line, behind its indent */
	FOLD, /* the same, in either case */
	WHOLE, /* all of the line */
	INSIDE, /* anywhere in it */
	FIRST, /* at the start of the text: who runs it */
};

static const struct clue {
	enum language language;
	uint8_t points;
	enum where where;
	const char *text;
	const char *ends; /* NULL, or one of these ends the line */
} CLUES[] = {
    {C, 5, START, "#include <", ">/"},
    {C, 5, START, "#include \"", "\"/"},
    {C, 3, START, "#ifndef ", NULL},
    {C, 3, START, "#ifdef ", NULL},
    {C, 3, START, "#if defined", NULL},
    {C, 3, START, "#define ", NULL},
    {C, 3, START, "#endif", NULL},
    {C, 3, START, "typedef ", ";{,("},
    {C, 3, START, "struct ", "{;,"},
    {C, 2, START, "static ", "({;,)"},
    {C, 2, START, "extern ", ";{,("},
    {C, 2, START, "void ", "(){;,"},
    {C, 2, START, "unsigned ", ";,({)"},
    {C, 1, START, "int ", "(){;,"},
    {C, 1, START, "char ", "(){;,"},
    {C, 1, START, "return ", ";"},
    {C, 1, START, "if (", "{);"},
    {C, 2, INSIDE, "->", ";){"},
    {CPP, 5, START, "template <", ">{"},
    {CPP, 5, START, "template<", ">{"},
    {CPP, 4, START, "namespace ", "{;"},
    {CPP, 5, START, "using namespace ", ";"},
    {CPP, 2, START, "class ", "{;:"},
    {CPP, 3, START, "public:", NULL},
    {CPP, 3, START, "private:", NULL},
    {CPP, 3, START, "protected:", NULL},
    {CPP, 3, INSIDE, "std::", NULL},
    {CPP, 3, START, "virtual ", ";{0"},
    {CPP, 5, START, "extern \"C++\"", NULL},
    {JAVA, 6, START, "import java", ";"},
    {JAVA, 5, START, "import static ", ";"},
    {JAVA, 3, START, "package ", ";"},
    {JAVA, 3, START, "import ", ";"},
    {JAVA, 4, START, "public class ", NULL},
    {JAVA, 4, START, "public final class ", NULL},
    {JAVA, 4, START, "public interface ", NULL},
    {JAVA, 3, START, "@Override", NULL},
    {JAVA, 2, INSIDE, " throws ", "{;"},
    {JAVA, 2, START, "private ", "{;"},
    {JAVA, 2, START, "public ", "{"},
    {JAVA, 4, START, "private static final ", ";"},
    {CSHARP, 6, START, "using System", ";"},
    {CSHARP, 3, START, "using ", ";"},
    {CSHARP, 4, INSIDE, "{ get; ", "}"},
    {CSHARP, 3, START, "namespace ", NULL},
    {CSHARP, 3, START, "public class ", NULL},
    {CSHARP, 3, START, "internal ", NULL},
    {CSHARP, 4, START, "public override ", NULL},
    {CSHARP, 2, START, "public ", ");{"},
    {CSHARP, 3, START, "/// <summary>", NULL},
    {PYTHON, 10, FIRST, "#!/usr/bin/python", NULL},
    {PYTHON, 10, FIRST, "#!/usr/bin/env python", NULL},
    {PYTHON, 10, FIRST, "#! /usr/bin/env python", NULL},
    {PYTHON, 10, FIRST, "#! /usr/bin/python", NULL},
    {PYTHON, 6, START, "if __name__ == ", ":"},
    {PYTHON, 4, START, "def ", ":"},
    {PYTHON, 3, START, "def ", "(,"},
    {PYTHON, 3, START, "class ", ":"},
    {PYTHON, 3, START, "except ", ":"},
    {PYTHON, 3, WHOLE, "try:", NULL},
    {PYTHON, 2, WHOLE, "else:", NULL},
    {PYTHON, 3, START, "elif ", ":"},
    {PYTHON, 2, START, "if ", ":"},
    {PYTHON, 2, START, "for ", ":"},
    {PYTHON, 2, START, "with ", ":"},
    {PYTHON, 2, START, "raise ", ")"},
    {PYTHON, 4, START, "from . import ", NULL},
    {PYTHON, 5, START, "from __future__ import ", NULL},
    {PYTHON, 4, START, "__all__ = ", "[](,"},
    {PYTHON, 3, WHOLE, "import os", NULL},
    {PYTHON, 3, WHOLE, "import sys", NULL},
    {PYTHON, 3, WHOLE, "import re", NULL},
    {PYTHON, 3, START, "from typing import ", NULL},
    {PYTHON, 2, START, "self.", NULL},
    {PYTHON, 2, INSIDE, "(self", ":,"},
    {PYTHON, 2, START, "\"\"\"", NULL},
    {GO, 4, START, "func ", "{"},
    {GO, 5, WHOLE, "import (", NULL},
    {GO, 6, WHOLE, "if err != nil {", NULL},
    {GO, 2, INSIDE, " := ", NULL},
    {GO, 3, INSIDE, " struct {", NULL},
    {GO, 3, INSIDE, " interface {", NULL},
    {GO, 3, START, "defer ", ")"},
    {GO, 3, START, "package ", "abcdefghijklmnopqrstuvwxyz"},
    {GO, 4, START, "import \"", "\""},
    {GO, 3, WHOLE, "const (", NULL},
    {GO, 3, WHOLE, "var (", NULL},
    {JS, 10, FIRST, "#!/usr/bin/env node", NULL},
    {JS, 6, START, "'use strict'", NULL},
    {JS, 6, START, "\"use strict\"", NULL},
    {JS, 6, START, "module.exports", NULL},
    {JS, 5, START, "exports.", ";,{("},
    {JS, 4, INSIDE, " = require(", NULL},
    {JS, 5, START, "export default ", NULL},
    {JS, 5, START, "export function ", "{("},
    {JS, 5, START, "export const ", NULL},
    {JS, 5, INSIDE, " from '", ";'"},
    {JS, 5, INSIDE, "} from \"", ";\""},
    {JS, 3, START, "const ", ";{(["},
    {JS, 3, START, "let ", ";"},
    {JS, 3, START, "var ", ";,{"},
    {JS, 3, START, "function ", "{"},
    {JS, 4, INSIDE, "function(", "{"},
    {JS, 4, INSIDE, "function (", "{"},
    {JS, 3, INSIDE, "=> {", NULL},
    {JS, 3, INSIDE, " === ", NULL},
    {JS, 2, WHOLE, "});", NULL},
    {JS, 3, INSIDE, "document.", ";{"},
    {JS, 3, START, "this.", ";{"},
    {JS, 3, START, "console.log(", NULL},
    {TS, 4, START, "export interface ", "{"},
    {TS, 4, START, "export type ", NULL},
    {TS, 3, START, "interface ", "{"},
    {TS, 3, INSIDE, ": string", ";,{)=>"},
    {TS, 3, INSIDE, ": number", ";,{)=>"},
    {TS, 3, INSIDE, ": boolean", ";,{)=>"},
    {TS, 3, INSIDE, ": void", ";{"},
    {TS, 3, START, "private readonly ", NULL},
    {TS, 5, START, "declare ", NULL},
    {TS, 4, START, "import type ", NULL},
    {RUST, 5, START, "pub fn ", NULL},
    {RUST, 3, START, "fn ", "{("},
    {RUST, 5, START, "#[derive(", "]"},
    {RUST, 4, START, "#![", "]"},
    {RUST, 4, START, "let mut ", ";"},
    {RUST, 4, START, "pub struct ", NULL},
    {RUST, 4, START, "impl", "{"},
    {RUST, 5, START, "use std::", ";{"},
    {RUST, 5, START, "use crate::", ";{"},
    {RUST, 4, START, "pub mod ", ";"},
    {RUST, 2, START, "mod ", ";{"},
    {RUST, 3, START, "//! ", NULL},
    {RUST, 2, START, "/// ", NULL},
    {RUST, 3, START, "match ", "{"},
    {SQL, 5, FOLD, "create table ", "(;"},
    {SQL, 5, FOLD, "create table ", NULL},
    {SQL, 5, FOLD, "insert into ", NULL},
    {SQL, 5, FOLD, "alter table ", NULL},
    {SQL, 5, FOLD, "drop table ", NULL},
    {SQL, 5, FOLD, "create index ", NULL},
    {SQL, 5, FOLD, "create unique index ", NULL},
    {SQL, 5, FOLD, "create or replace ", NULL},
    {SQL, 5, FOLD, "create view ", NULL},
    {SQL, 5, FOLD, "create function ", NULL},
    {SQL, 5, FOLD, "create trigger ", NULL},
    {SQL, 5, FOLD, "drop function ", ";"},
    {SQL, 5, FOLD, "comment on ", ";"},
    {SQL, 4, FOLD, "delete from ", NULL},
    {SQL, 3, FOLD, "select ", ";,)*"},
    {SQL, 2, FOLD, "select ", NULL},
    {SQL, 2, FOLD, "from ", ",;)"},
    {SQL, 2, FOLD, "left join ", NULL},
    {SQL, 2, FOLD, "where ", ";"},
    {SQL, 3, FOLD, "group by ", NULL},
    {SQL, 2, FOLD, "order by ", ";"},
    {SQL, 3, FOLD, "commit;", NULL},
    {SQL, 4, FOLD, "language plpgsql", NULL},
    {SQL, 4, FOLD, "primary key ", ",)"},
    {SQL, 4, INSIDE, " NOT NULL", ","},
    {PHP, 12, START, "<?php", NULL},
    {PERL, 10, FIRST, "#!/usr/bin/perl", NULL},
    {PERL, 10, FIRST, "#! /usr/bin/perl", NULL},
    {PERL, 10, FIRST, "#!/usr/bin/env perl", NULL},
    {PERL, 6, WHOLE, "use strict;", NULL},
    {PERL, 6, WHOLE, "use warnings;", NULL},
    {PERL, 3, START, "my $", ";{("},
    {PERL, 3, START, "my (", ";"},
    {PERL, 3, START, "my @", ";"},
    {PERL, 3, START, "my %", ";("},
    {PERL, 3, START, "our $", ";"},
    {PERL, 3, START, "our @", ";"},
    {PERL, 3, START, "sub ", "{"},
    {PERL, 3, START, "package ", ";"},
    {PERL, 2, START, "use ", ";"},
    {PERL, 3, WHOLE, "1;", NULL},
    {PERL, 3, WHOLE, "__END__", NULL},
    {RUBY, 10, FIRST, "#!/usr/bin/ruby", NULL},
    {RUBY, 10, FIRST, "#!/usr/bin/env ruby", NULL},
    {RUBY, 10, START, "# frozen_string_literal: ", NULL},
    {RUBY, 5, START, "require '", "'"},
    {RUBY, 5, START, "require \"", "\""},
    {RUBY, 6, START, "require_relative ", NULL},
    {RUBY, 5, START, "attr_reader ", NULL},
    {RUBY, 5, START, "attr_accessor ", NULL},
    {RUBY, 4, INSIDE, " do |", "|"},
    {RUBY, 2, WHOLE, "end", NULL},
    {RUBY, 2, START, "module ", NULL},
    {RUBY, 2, START, "def ", ")"},
    {RUBY, 2, START, "class ", NULL},
    {SHELL, 10, FIRST, "#!/bin/sh", NULL},
    {SHELL, 10, FIRST, "#! /bin/sh", NULL},
    {SHELL, 10, FIRST, "#!/bin/bash", NULL},
    {SHELL, 10, FIRST, "#! /bin/bash", NULL},
    {SHELL, 10, FIRST, "#!/bin/dash", NULL},
    {SHELL, 10, FIRST, "#!/usr/bin/env bash", NULL},
    {SHELL, 10, FIRST, "#!/usr/bin/env sh", NULL},
    {SHELL, 10, FIRST, "#!/usr/bin/sh", NULL},
    {SHELL, 10, FIRST, "#!/usr/bin/bash", NULL},
    {SHELL, 3, WHOLE, "fi", NULL},
    {SHELL, 3, WHOLE, "done", NULL},
    {SHELL, 4, WHOLE, "esac", NULL},
    {SHELL, 4, START, "if [", "n"},
    {SHELL, 3, START, "case ", "n"},
    {SHELL, 3, WHOLE, "set -e", NULL},
    {SHELL, 2, WHOLE, ";;", NULL},
    {SHELL, 3, START, "local ", NULL},
    {KOTLIN, 4, START, "fun ", "{=("},
    {KOTLIN, 4, START, "override fun ", NULL},
    {KOTLIN, 4, START, "data class ", NULL},
    {KOTLIN, 4, START, "import kotlin", NULL},
    {KOTLIN, 3, START, "import java", "abcdefghijklmnopqrstuvwxyz*"},
    {KOTLIN, 3, START, "private val ", NULL},
    {KOTLIN, 2, START, "val ", NULL},
    {SWIFT, 8, WHOLE, "import Foundation", NULL},
    {SWIFT, 8, WHOLE, "import UIKit", NULL},
    {SWIFT, 8, WHOLE, "import SwiftUI", NULL},
    {SWIFT, 5, START, "guard let ", "{"},
    {SWIFT, 4, START, "func ", "{"},
    {SWIFT, 3, START, "public func ", "{"},
    {SWIFT, 3, START, "extension ", "{"},
    {VERILOG, 8, WHOLE, "endmodule", NULL},
    {VERILOG, 6, START, "always @", NULL},
    {VERILOG, 4, START, "module ", "(;"},
    {VERILOG, 4, START, "`timescale ", NULL},
    {VERILOG, 3, START, "assign ", ";"},
    {VERILOG, 3, START, "wire ", ";,"},
    {VERILOG, 3, START, "reg ", ";,"},
    {VERILOG, 3, START, "input ", ",;"},
    {VERILOG, 3, START, "output ", ",;"},
    {VHDL, 8, FOLD, "library ieee;", NULL},
    {VHDL, 8, FOLD, "use ieee.", ";"},
    {VHDL, 5, FOLD, "architecture ", "sS"},
    {VHDL, 5, FOLD, "entity ", "sS"},
    {VHDL, 4, FOLD, "end process", ";"},
    {VHDL, 4, FOLD, "end architecture", ";"},
    {VHDL, 3, FOLD, "signal ", ";"},
    {R, 6, INSIDE, " <- function(", NULL},
    {R, 4, START, "library(", ")"},
    {R, 3, START, "#' @", NULL},
    {R, 2, INSIDE, " <- ", ")"},
    {R, 3, START, "setMethod(", NULL},
    {COBOL, 10, FOLD, "identification division.", NULL},
    {COBOL, 10, FOLD, "procedure division", "."},
    {COBOL, 6, FOLD, "working-storage section.", NULL},
    {COBOL, 4, FOLD, "data division.", NULL},
    {LUA, 10, FIRST, "#!/usr/bin/lua", NULL},
    {LUA, 5, START, "local function ", ")"},
    {LUA, 4, INSIDE, " = require(", ")"},
    {LUA, 4, INSIDE, " = require \"", NULL},
    {LUA, 3, START, "function ", ")"},
    {LUA, 3, START, "if ", "n"},
    {LUA, 2, WHOLE, "end", NULL},
    {LUA, 3, START, "local ", "})"},
};

/* Clues by the first byte of their line; 0 ends a chain, else its place + 1. */
struct score {
	unsigned points[LANGUAGES];
	uint16_t first[256], next[ARRAY_LEN(CLUES)];
	uint8_t seen[ARRAY_LEN(CLUES)];
	bool fenced; /* examples in a text about programs */
};

static uint8_t
small(uint8_t b)
{
	return b >= 'A' && b <= 'Z' ? b + 32 : b;
}

static void
score_init(struct score *s)
{
	*s = (struct score){0};
	_Static_assert(ARRAY_LEN(CLUES) < UINT16_MAX, "clues");
	for (size_t i = 0; i < ARRAY_LEN(CLUES); i++) {
		uint8_t b = (uint8_t)CLUES[i].text[0];

		if (CLUES[i].where == INSIDE)
			continue;
		s->next[i] = s->first[b];
		s->first[b] = (uint16_t)(i + 1);
	}
}

static bool
ends_so(const struct clue *c, const uint8_t *line, size_t len)
{
	return c->ends == NULL || strchr(c->ends, line[len - 1]) != NULL;
}

static bool
fits(const struct clue *c, const uint8_t *line, size_t len, bool first)
{
	size_t n = strlen(c->text);

	if (len < n || (c->where == WHOLE && len > n) ||
	    (c->where == FIRST && !first) || !ends_so(c, line, len))
		return false;
	if (c->where != FOLD)
		return memcmp(line, c->text, n) == 0;
	for (size_t i = 0; i < n; i++)
		if (small(line[i]) != (uint8_t)c->text[i])
			return false;
	return true;
}

static void
count(struct score *s, size_t i)
{
	s->seen[i]++;
	s->points[CLUES[i].language] += CLUES[i].points;
}

static void
take_line(struct score *s, const uint8_t *line, size_t len, bool first)
{
	uint8_t bytes[2] = {line[0], small(line[0])};

	if (len >= 3 && memcmp(line, "```", 3) == 0)
		s->fenced = true;
	for (size_t k = 0; k < (bytes[0] == bytes[1] ? 1 : 2); k++)
		for (size_t i = s->first[bytes[k]]; i > 0; i = s->next[i - 1])
			if (s->seen[i - 1] < TWICE &&
			    fits(&CLUES[i - 1], line, len, first))
				count(s, i - 1);
}

static bool
blank(uint8_t b)
{
	return b == ' ' || b == '\t' || b == '\r';
}

/* Each line without its indent and what is blank at its end. */
static void
take_lines(struct score *s, const uint8_t *p, size_t len)
{
	for (size_t at = 0, next; at < len; at = next) {
		const uint8_t *end = memchr(p + at, '\n', len - at);
		size_t from = at, to = end != NULL ? (size_t)(end - p) : len;

		next = to + 1;
		while (from < to && blank(p[from]))
			from++;
		while (to > from && blank(p[to - 1]))
			to--;
		if (to > from)
			take_line(s, p + from, to - from, at == 0);
	}
}

/* What stands within lines, of languages that lines began like. */
static void
take_inside(struct score *s, const uint8_t *p, size_t len, size_t i)
{
	const struct clue *c = &CLUES[i];
	size_t n = strlen(c->text);

	for (size_t at = 0; at < len && s->seen[i] < TWICE;) {
		const uint8_t *h = memmem(p + at, len - at, c->text, n);
		const uint8_t *end;
		size_t to;

		if (h == NULL)
			return;
		end = memchr(h, '\n', (size_t)(p + len - h));
		to = end != NULL ? (size_t)(end - p) : len;
		at = to + 1;
		while (blank(p[to - 1]))
			to--;
		if (ends_so(c, p, to))
			count(s, i);
	}
}

/* Points with those of a dialect on top; *second: of the next language. */
static enum language
best_of(const struct score *s, unsigned *best, unsigned *second)
{
	enum language at = C;

	*best = *second = 0;
	for (unsigned l = 0; l < LANGUAGES; l++) {
		unsigned points = s->points[l];

		if (NAMES[l].base != l)
			continue;
		if (points > *best) {
			*second = *best;
			*best = points;
			at = (enum language)l;
		} else if (points > *second) {
			*second = points;
		}
	}
	for (unsigned l = 0; l < LANGUAGES; l++)
		if (NAMES[l].base != l && s->points[l] >= DIALECT &&
		    (at == NAMES[l].base || s->points[l] > *best)) {
			*best += s->points[l];
			at = (enum language)l;
		}
	return at;
}

const char *
source_kind(const uint8_t *p, size_t len)
{
	struct score s;
	unsigned best, second;
	enum language at;

	len = len < LOOK ? len : LOOK;
	score_init(&s);
	take_lines(&s, p, len);
	for (size_t i = 0; i < ARRAY_LEN(CLUES); i++) {
		enum language l = CLUES[i].language;

		if (CLUES[i].where == INSIDE &&
		    s.points[l] + s.points[NAMES[l].base] > 0)
			take_inside(&s, p, len, i);
	}
	at = best_of(&s, &best, &second);
	return !s.fenced && best >= LEAST && best >= second + LEAD
		   ? NAMES[at].kind
		   : "";
}
