/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor - the names of the grades; the struct is plain data.
 *
 * Owns: the order and spelling of the grades, which stand in records.
 */
#include "lib/actor.h"

#include <errno.h>

#include "lib/str.h"

#include "lib/own.h"

static const char *const GRADES[] = {
    "key", "account", "session", "lineage", "unknown"};

bool
actor_is_person(const struct actor *a)
{
	return a->session[0] != '\0' || a->loginuid != ACTOR_UNSET || a->lost;
}

const char *
grade_name(enum grade g)
{
	return GRADES[g];
}

int
grade_parse(const char *s, enum grade *out)
{
	for (size_t i = 0; i < ARRAY_LEN(GRADES); i++) {
		if (str_eq(GRADES[i], s)) {
			*out = (enum grade)i;
			return 0;
		}
	}
	return -EINVAL;
}
