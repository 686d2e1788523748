/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape - what stands at each place of the matches of a pattern.
 */
#ifndef AGENT_DETECT_SHAPE_H
#define AGENT_DETECT_SHAPE_H

#include <stddef.h>

#include "agent/detect/pattern.h"
#include "lib/own.h"

/*
 * shape_list - up to PATTERN_SHAPES_MAX shapes, one of which each match
 * has; more than alternatives where optional parts are told apart.
 * @edge: what may not touch a match on either side. Returns how many.
 */
size_t shape_list(const struct pattern *p, const struct byteset *edge,
    struct shape out[PATTERN_SHAPES_MAX]);
/* shape_start - the shape of all matches from their start, without rates. */
void shape_start(
    const struct pattern *p, const struct byteset *edge, struct shape *out);

#endif
