/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex - the owner of PCRE2.
 *
 * Owns: compile options, JIT, the limits of a match.
 * Never: matches in UTF mode (one bad byte would hide a whole text), compiles
 * while matching, or falls back to the interpreter when a JIT limit is hit.
 *
 * The JIT stack is made with the room, before any jail: no executable memory
 * is asked for after that.
 */
#include "agent/detect/regex.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "lib/own.h"

enum {
	MATCH_LIMIT = 100000,
	DEPTH_LIMIT = 10000,
	HEAP_LIMIT_KIB = 1024,
	JIT_STACK_MIN = 32 * 1024,
	JIT_STACK_MAX = 512 * 1024,
	PATTERN_MAX = 64 * 1024,
};

struct regex {
	pcre2_code *code;
	int groups; /* with group 0 */
	bool jit;
};

struct regex_room {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

static int
compile(const char *pattern, pcre2_code **out, struct diag *why)
{
	pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
	PCRE2_SIZE at = 0;
	int err = 0;

	if (cc == NULL)
		return -ENOMEM;
	(void)pcre2_set_newline(cc, PCRE2_NEWLINE_LF);
	(void)pcre2_set_max_pattern_length(cc, PATTERN_MAX);
	*out = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
		PCRE2_NEVER_BACKSLASH_C,
	    &err, &at, cc);
	pcre2_compile_context_free(cc);
	if (*out == NULL) {
		char text[160] = "";

		(void)pcre2_get_error_message(
		    err, (PCRE2_UCHAR *)text, sizeof text);
		return diag_set(why, -EBADMSG, "pattern: %s", text);
	}
	return 0;
}

int
regex_new(const char *pattern, struct regex **out, struct diag *why)
{
	struct regex *r = calloc(1, sizeof *r);
	uint32_t empty = 0;
	uint32_t groups = 0;
	int e;

	if (r == NULL)
		return -ENOMEM;
	e = compile(pattern, &r->code, why);
	if (e != 0) {
		free(r);
		return e;
	}
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_MATCHEMPTY, &empty);
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (empty != 0 || groups >= REGEX_GROUPS_MAX) {
		regex_free(r);
		return diag_set(why, -EBADMSG,
		    empty != 0 ? "the pattern can match an empty text"
			       : "the pattern has more than 7 groups; use "
				 "(?:…) for those that are not named");
	}
	r->groups = (int)groups + 1;
	r->jit = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0;
	*out = r;
	return 0;
}

void
regex_free(struct regex *r)
{
	if (r == NULL)
		return;
	pcre2_code_free(r->code);
	free(r);
}

int
regex_group(const struct regex *r, const char *name)
{
	int n = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)name);

	return n > 0 ? n : -1;
}

bool
regex_jit(const struct regex *r)
{
	return r->jit;
}

int
regex_room_new(struct regex_room **out)
{
	struct regex_room *room = calloc(1, sizeof *room);

	if (room == NULL)
		return -ENOMEM;
	room->data = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
	room->context = pcre2_match_context_create(NULL);
	if (room->data == NULL || room->context == NULL) {
		regex_room_free(room);
		return -ENOMEM;
	}
	(void)pcre2_set_match_limit(room->context, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(room->context, DEPTH_LIMIT);
	(void)pcre2_set_heap_limit(room->context, HEAP_LIMIT_KIB);
	/* A host that forbids executable memory has no JIT and no stack. */
	room->stack =
	    pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
	if (room->stack != NULL)
		pcre2_jit_stack_assign(room->context, NULL, room->stack);
	*out = room;
	return 0;
}

void
regex_room_free(struct regex_room *room)
{
	if (room == NULL)
		return;
	pcre2_match_data_free(room->data);
	pcre2_match_context_free(room->context);
	pcre2_jit_stack_free(room->stack);
	free(room);
}

int
regex_find(const struct regex *r, struct regex_room *room, const uint8_t *text,
    size_t len, size_t from, size_t last, struct regex_match *m)
{
	const PCRE2_SIZE *v;
	int n;

	must(from <= len);
	(void)pcre2_set_offset_limit(room->context, last);
	/* What pcre2_match checks beside this costs as much as most matches. */
	n = r->jit ? pcre2_jit_match(
			 r->code, text, len, from, 0, room->data, room->context)
		   : pcre2_match(r->code, text, len, from, 0, room->data,
			 room->context);
	if (n == PCRE2_ERROR_NOMATCH)
		return 0;
	if (n < 0)
		return REGEX_LIMIT;
	v = pcre2_get_ovector_pointer(room->data);
	for (int i = 0; i < r->groups; i++) {
		bool set = i < n && v[2 * i] != PCRE2_UNSET;

		m->from[i] = set ? v[2 * i] : SIZE_MAX;
		m->to[i] = set ? v[2 * i + 1] : SIZE_MAX;
	}
	return 1;
}
