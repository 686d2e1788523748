/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coin - the checksums of texts that stand for keys.
 */
#ifndef AGENT_DETECT_COIN_H
#define AGENT_DETECT_COIN_H

#include "agent/detect/validate.h"

/* The names of the rows, for suggestions. */
#define COIN_NAMES "bech32", "bitcoin_address", "bitcoin_wif"

/* coin_find - the row of a name, or NULL. All look at the value as it stood. */
const struct validator *coin_find(const char *name);

#endif
