/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words - how much a value looks like words.
 */
#ifndef AGENT_DETECT_WORDS_H
#define AGENT_DETECT_WORDS_H

#include <stddef.h>
#include <stdint.h>

/*
 * words_pairs - counts the pairs of letters of @n bytes, and in *common those
 * among them that words are made of. A change from small to capital parts two
 * words.
 */
size_t words_pairs(const uint8_t *v, size_t n, size_t *common);

/* How often digits and letters take turns. */
size_t words_turns(const uint8_t *v, size_t n);

#endif
