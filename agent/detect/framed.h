/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framed - the checks of texts that frame what they carry.
 */
#ifndef AGENT_DETECT_FRAMED_H
#define AGENT_DETECT_FRAMED_H

#include "agent/detect/validate.h"

/* The names of the rows, for suggestions. */
#define FRAMED_NAMES "emv_code", "pgp_armor"

/* framed_find - the row of a name, or NULL. All look at the value as it stood.
 */
const struct validator *framed_find(const char *name);

#endif
