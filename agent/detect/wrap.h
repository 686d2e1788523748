/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap - a sample in containers and encodings.
 */
#ifndef AGENT_DETECT_WRAP_H
#define AGENT_DETECT_WRAP_H

#include "lib/buf.h"
#include "lib/content.h"

#include "lib/own.h"

enum {
	WRAP_MAX = 16 * 1024 * 1024, /* bytes of what comes out */
	WRAP_DEPTH = 4,
};

/* wrap_names - all that there are, NULL behind the last. */
const char *const *wrap_names(void);
/*
 * wrap_known - whether @chain names 1 to WRAP_DEPTH of them, the outermost
 * first, as in "zip>docx".
 */
bool wrap_known(const char *chain) MUST_CHECK;
/*
 * wrap_put - appends @in within what @chain names. Returns 0, -EILSEQ if a
 * container of text would have to hold bytes that are none, -ENOBUFS over
 * WRAP_MAX, or -ENOMEM.
 */
int wrap_put(const char *chain, struct content in, struct buf *out) MUST_CHECK;

#endif
