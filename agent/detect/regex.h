/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex - one compiled pattern: the authority on what matches.
 *
 * Byte mode, newline is LF, JIT where the host allows it, limits on every
 * call. Everything is compiled here; a match never compiles.
 */
#ifndef AGENT_DETECT_REGEX_H
#define AGENT_DETECT_REGEX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

struct regex;
/* What a thread of matching needs: match data and a JIT stack. */
struct regex_room;

#define REGEX_GROUPS_MAX 8 /* with the whole match */
#define REGEX_LIMIT (-ETIMEDOUT) /* a match, depth or heap limit was hit */

/* Where a match lies; unset groups have from == SIZE_MAX. */
struct regex_match {
	size_t from[REGEX_GROUPS_MAX];
	size_t to[REGEX_GROUPS_MAX];
};

/*
 * regex_new - compiles; refuses a pattern that can match nothing (empty).
 * Returns 0, -EBADMSG with "at offset N: why", or -ENOMEM.
 */
int regex_new(
    const char *pattern, struct regex **out, struct diag *why) MUST_CHECK;
void regex_free(struct regex *r);
/* regex_group - the number of a named group, or -1. */
int regex_group(const struct regex *r, const char *name);
/* regex_jit - false if this pattern runs in the interpreter. */
bool regex_jit(const struct regex *r);

int regex_room_new(struct regex_room **out) MUST_CHECK;
void regex_room_free(struct regex_room *room);

/*
 * regex_find - the leftmost match of @text[0..len) that starts at @from or
 * later and at @last at the latest. Bytes before @from are context; @from is
 * at most @len. Returns 1 and fills in the groups that the pattern has, 0, or
 * REGEX_LIMIT.
 */
int regex_find(const struct regex *r, struct regex_room *room,
    const uint8_t *text, size_t len, size_t from, size_t last,
    struct regex_match *m) MUST_CHECK;

#endif
