/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mnemonic - the words that a wallet's seed is written down in.
 */
#ifndef AGENT_DETECT_MNEMONIC_H
#define AGENT_DETECT_MNEMONIC_H

#include "agent/detect/validate.h"

enum {
	MNEMONIC_COUNT = 2048,
	MNEMONIC_LETTERS = 8, /* of the longest word; others end in NUL */
};

extern const char mnemonic_words[MNEMONIC_COUNT][MNEMONIC_LETTERS];

/* The names of the rows, for suggestions. */
#define MNEMONIC_NAMES "bip39"

/* mnemonic_find - the row of a name, or NULL. It looks at the value as it
 * stood. */
const struct validator *mnemonic_find(const char *name);

#endif
