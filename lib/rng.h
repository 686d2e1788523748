/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rng - the only source of randomness: the kernel's.
 */
#ifndef LIB_RNG_H
#define LIB_RNG_H

#include "lib/own.h"

/* rng_fill - fills with getrandom(2); a kernel that cannot is a dead process. */
void rng_fill(void *out, size_t len);

#endif
