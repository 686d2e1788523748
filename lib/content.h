/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content - bytes under inspection. May be included only by agent/sense,
 * agent/extract, agent/detect, their hallway files inspectproc.c and
 * captureproc.c, and tests (tests/lint/doors.sh holds this).
 *
 * A borrowed view: whoever owns the memory wipes it. Nothing that takes a
 * struct content may log, store or send its bytes anywhere but to detect.
 */
#ifndef LIB_CONTENT_H
#define LIB_CONTENT_H

#include <stdint.h>

#include "lib/own.h"

struct content {
	const uint8_t *data;
	size_t len;
};

#endif
