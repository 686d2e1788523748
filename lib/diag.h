/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag - why something failed, as one sentence for a human.
 *
 * Owns: the text, bounded. Never: holds content under inspection; foreign
 * bytes go in only through str_escape().
 */
#ifndef LIB_DIAG_H
#define LIB_DIAG_H

#include "lib/own.h"

#define DIAG_MAX 512

struct diag {
	char text[DIAG_MAX];
};

/*
 * diag_set - writes the sentence; the first one set wins, so that the place
 * nearest to the fault is the one that is told.
 * @why: NULL is allowed and does nothing.
 * Returns @err, so that a caller can write: return diag_set(why, -EINVAL, ..).
 */
int diag_set(struct diag *why, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The analyzer sees no body from here, and must know what comes back. */
#ifdef __clang_analyzer__
#define diag_set(why, err, ...) ((void)diag_set(why, err, __VA_ARGS__), (err))
#endif

/* diag_prefix - puts place in front of the sentence, "place: sentence". */
void diag_prefix(struct diag *why, const char *place);

#endif
