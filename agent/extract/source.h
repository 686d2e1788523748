/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - the text of a program, by its language (inside the room only).
 */
#ifndef AGENT_EXTRACT_SOURCE_H
#define AGENT_EXTRACT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

/*
 * source_kind - "source/c" and the like for a text that begins with these
 * bytes, or "" if it is no program's. Borrowed from a table.
 */
const char *source_kind(const uint8_t *p, size_t len);

#endif
