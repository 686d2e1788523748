/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate - arithmetic that tells a real number from a look-alike.
 */
#ifndef AGENT_DETECT_VALIDATE_H
#define AGENT_DETECT_VALIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/own.h"

/* How a value is brought to one form before it is checked and counted. */
enum normal {
	NORMAL_SPACE_DASH = 1 << 0, /* drops blanks, tabs and hyphens */
	NORMAL_DOTS = 1 << 1, /* drops full stops and slashes */
	NORMAL_CASE = 1 << 2, /* ASCII letters to upper case */
	NORMAL_FULLWIDTH = 1 << 3, /* U+FF01..U+FF5E to ASCII */
};

struct validator {
	const char *name; /* as rules write it */
	bool (*ok)(const uint8_t *v, size_t n);
	/* Share of random values of the right shape that pass, measured. */
	double accept;
	bool raw; /* looks at the text as it stood, not at its normal form */
};

struct checksum {
	const char *name;
	bool (*ok)(const uint8_t *over, size_t n, const uint8_t *check,
	    size_t check_n);
};

/* validator_find, checksum_find - the row of a name, or NULL. */
const struct validator *validator_find(const char *name);
const struct checksum *checksum_find(const char *name);
/* validator_names - the NULL-ended list of names, for suggestions. */
const char *const *validator_names(void);

/* validate_normal - writes at most @n bytes to @out; returns how many. */
size_t validate_normal(unsigned how, const uint8_t *v, size_t n, uint8_t *out);
/* validate_entropy - Shannon bits a byte, times 1000. */
uint32_t validate_entropy(const uint8_t *v, size_t n);

#endif
