/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member - values that may be in an index for exact data match (lib/exact.h):
 * where they stand, which other columns of it stand beside them, and the best
 * of them sealed for who can confirm.
 */
#ifndef AGENT_DETECT_MEMBER_H
#define AGENT_DETECT_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/exact.h"
#include "lib/own.h"

enum {
	MEMBER_WIDTH_MAX = 96, /* bytes of a value as it stands in a text */
	MEMBER_SIGHT = 2 * MEMBER_WIDTH_MAX, /* behind the last place asked */
};

/* What a rule asks of an index. */
struct member_rule {
	const char *index; /* its name; NULL: the rule has a pattern */
	const char *column; /* of the primary, by its name */
	uint32_t min; /* secondary columns that must stand beside it */
	uint32_t within; /* so many characters before and behind */
	const struct exact_index *x; /* borrowed */
	size_t at; /* the primary's column */
};

/* The text as far as it is in the window; places are those of the piece. */
struct member_view {
	const uint8_t *window;
	size_t len;
	uint64_t base; /* place of window[0] */
};

/*
 * member_find - the leftmost value from @from on, starting at @last at most,
 * that may be in the primary's column; of those from one start the longest.
 * @text: its bytes up to @end, which is MEMBER_SIGHT behind @last or the end.
 * Returns true and where it stands.
 */
bool member_find(const struct member_rule *r, const uint8_t *text, size_t end,
    size_t from, size_t last, size_t *start, size_t *stop);

/* One piece's state of one rule. */
struct member;

int member_new(const struct member_rule *r, struct member **out) MUST_CHECK;
void member_free(struct member *m);
/* member_reset - forgets the piece. */
void member_reset(struct member *m);

/* A primary, and the stretch in which its secondaries count. */
struct member_place {
	uint64_t from, to; /* of the primary */
	uint64_t low, high; /* of the stretch */
};

/*
 * member_beside - how many secondary columns stand beside a primary. Places
 * ascend from call to call; each word of a text is asked once. -ENOMEM.
 */
int member_beside(struct member *m, const struct member_view *v,
    const struct member_place *p) MUST_CHECK;
/*
 * member_keep - the primary that was asked last goes into the finding, if it
 * is among the EXACT_CANDIDATES_MAX with most columns beside them.
 * @hash: tells values apart; @value: in normal form.
 */
void member_keep(struct member *m, const struct member_view *v, uint64_t hash,
    const uint8_t *value, size_t n);
/* member_seal - the text for a finding, which the caller owns. */
int member_seal(const struct member *m, char **out) MUST_CHECK;

#endif
