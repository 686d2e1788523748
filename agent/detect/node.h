/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node - the tree of a pattern, for the files that read something off it.
 */
#ifndef AGENT_DETECT_NODE_H
#define AGENT_DETECT_NODE_H

#include <stdint.h>
#include <string.h>

#include "agent/detect/pattern.h"
#include "lib/own.h"

enum node_kind { NODE_EMPTY, NODE_SET, NODE_CAT, NODE_ALT, NODE_REP };

struct node {
	enum node_kind kind;
	struct node *child, *next; /* in the pattern's chain of nodes */
	struct node *chain;
	uint32_t min, max; /* of a repeat */
	uint32_t least, most; /* bytes */
	struct byteset set;
};

struct pattern {
	struct node *root;
	struct node *chain; /* all nodes, for release */
};

/* pattern_bytes - adds all bytes that a node can hold. */
void pattern_bytes(const struct node *n, struct byteset *out);

/* width_plus - the sum of two widths; UINT32_MAX if it is more. */
static inline uint32_t
width_plus(uint32_t a, uint32_t b)
{
	return b > UINT32_MAX - a ? UINT32_MAX : a + b;
}

static inline void
set_all(struct byteset *s)
{
	memset(s, 0xff, sizeof *s);
}

static inline void
set_or(struct byteset *s, const struct byteset *o)
{
	for (unsigned i = 0; i < 4; i++)
		s->w[i] |= o->w[i];
}

static inline void
set_not(struct byteset *s)
{
	for (unsigned i = 0; i < 4; i++)
		s->w[i] = ~s->w[i];
}

#endif
