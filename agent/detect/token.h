/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - what a value shows of how it was made.
 */
#ifndef AGENT_DETECT_TOKEN_H
#define AGENT_DETECT_TOKEN_H

#include "agent/detect/validate.h"

/* The names of the rows, for suggestions. */
#define TOKEN_NAMES \
	"hex_key", "long_value", "no_issuer", "not_filler", "not_published", \
	    "not_template", "one_alphabet", "three_kinds", "uuid", "whole_hex"

/* token_find - the row of a name, or NULL. All look at the value as it stood. */
const struct validator *token_find(const char *name);

#endif
