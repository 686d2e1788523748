/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fullwidth - digits of twice the width, as East Asian text has them.
 */
#ifndef AGENT_DETECT_FULLWIDTH_H
#define AGENT_DETECT_FULLWIDTH_H

#include "lib/buf.h"
#include "lib/own.h"

/*
 * fullwidth_pattern - appends a pattern that matches what @pattern does and
 * the same with any of its digits as U+FF10 to U+FF19 in UTF-8. @pattern has
 * passed subset_check. A class that is negated stays: its bytes are those of
 * other characters, too.
 */
void fullwidth_pattern(const char *pattern, struct buf *out);

#endif
