/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runs - the text in bytes of no known form (inside the room only).
 */
#ifndef AGENT_EXTRACT_RUNS_H
#define AGENT_EXTRACT_RUNS_H

#include <stdint.h>

#include "lib/buf.h"

#include "lib/own.h"

/*
 * runs_put - appends each run of four or more characters, in UTF-8 or as
 * UTF-16 of ASCII, and a line's end behind it.
 */
void runs_put(struct buf *out, const uint8_t *p, size_t len);
/* runs_clean - appends text, with a space for every control character. */
void runs_clean(struct buf *out, const uint8_t *p, size_t len);

#endif
