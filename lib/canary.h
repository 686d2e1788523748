/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary - what host, collector and counsel call a canary: a value that nobody
 * has a reason to touch, given to each provider in copies of its own.
 *
 * A set is one provider's. Its index (lib/exact.h) is named by the set, and the
 * number of a row (lib/rows.h) by copy and kind.
 */
#ifndef LIB_CANARY_H
#define LIB_CANARY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/exact.h"
#include "lib/own.h"

#define CANARY_INDEX "canary-" /* and the set's name */

enum {
	CANARY_SET_MAX = EXACT_NAME_MAX - 7, /* bytes of a set's name */
	CANARY_COPIES_MAX = 999, /* of one set; they count from 1 */
};

/* What is looked for. Never renumbered: numbers of rows hold them. */
enum canary_kind {
	CANARY_MARK, /* a document's reference */
	CANARY_CUSTOMER, /* the number of a customer who is none */
	CANARY_MAIL,
	CANARY_TOKEN,
	CANARY_PASSWORD,
	CANARY_DATABASE, /* password and host, as in a URL */
	CANARY_KINDS
};

/* canary_kind_name - "mark", "customer", … */
const char *canary_kind_name(enum canary_kind kind);
/* canary_set - the set whose index has that name (borrowed), or NULL. */
const char *canary_set(const char *index);
/* canary_number - never 0. */
uint32_t canary_number(enum canary_kind kind, uint32_t copy);
/* canary_parts - false if it is no number of a canary. */
bool canary_parts(uint32_t number, enum canary_kind *kind, uint32_t *copy);

#endif
