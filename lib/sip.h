/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sip - SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short
 * values that nobody without the key can aim.
 */
#ifndef LIB_SIP_H
#define LIB_SIP_H

#include <stdint.h>

#include "lib/own.h"

/* sip_hash - 64 bits under a key of 16 bytes; @v may be NULL if @n is 0. */
uint64_t sip_hash(const uint8_t key[16], const uint8_t *v, size_t n);

#endif
