/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filler - what people write where a secret would stand.
 */
#ifndef AGENT_DETECT_FILLER_H
#define AGENT_DETECT_FILLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * filler - whether a value of @n bytes shows that no generator wrote it: a
 * character or a block again and again, rows up or down the alphabet or the
 * keyboard, fewer different characters than chance gives, words, or an end
 * that was left away. Of random values of 16 and more hexadecimal digits fewer
 * than 1 in 1,500 is taken for one, of those of larger alphabets fewer than 1
 * in 5,000.
 */
bool filler(const uint8_t *v, size_t n);

#endif
