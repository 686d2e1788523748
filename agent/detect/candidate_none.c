/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate_none - takes candidate.c's place in a build without libhs (HS=0).
 *
 * Owns: saying so. Nothing else of the door is reached then: plan.c puts every
 * rule into a layer of our own.
 */
#include "agent/detect/candidate.h"

#include <errno.h>

#include "lib/own.h"

const char *
candidate_host(void)
{
	return "built without Vectorscan; an automaton of keywords takes its "
	       "place, which is several times slower";
}

int
candidates_literals(const struct candidate_literal *l UNUSED, unsigned n UNUSED,
    struct stash *kept UNUSED, struct candidates **out UNUSED, struct diag *why)
{
	return diag_set(why, -EBADMSG, "%s", candidate_host());
}

int
candidates_patterns(const char *const *patterns UNUSED, unsigned n UNUSED,
    struct stash *kept UNUSED, struct candidates **out UNUSED, struct diag *why)
{
	return diag_set(why, -EBADMSG, "%s", candidate_host());
}

void
candidates_free(struct candidates *c)
{
	must(c == NULL);
}

int
candidate_room_add(
    struct candidate_room **room UNUSED, const struct candidates *c UNUSED)
{
	must(false);
	return 0;
}

void
candidate_room_free(struct candidate_room *room)
{
	must(room == NULL);
}

int
candidates_scan(const struct candidates *c UNUSED,
    struct candidate_room *room UNUSED, const uint8_t *text UNUSED,
    size_t len UNUSED, candidate_end_fn *end UNUSED, void *ctx UNUSED)
{
	must(false);
	return 0;
}
