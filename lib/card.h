/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card - a number that looks like a payment card's and is nobody's.
 */
#ifndef LIB_CARD_H
#define LIB_CARD_H

#include "lib/own.h"

#define CARD_SIZE 17 /* 16 digits and the end */

/*
 * card_make_up - passes ISO/IEC 7812-1's check digit (annex B) and belongs to
 * nobody: the issuer's digits are real, the account's are random each time.
 */
void card_make_up(char out[CARD_SIZE]);

#endif
