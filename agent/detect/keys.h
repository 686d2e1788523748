/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - what the keys of a pack hold.
 */
#ifndef AGENT_DETECT_KEYS_H
#define AGENT_DETECT_KEYS_H

#include "lib/diag.h"
#include "lib/yaml.h"

#include "lib/own.h"

/* Each returns 0, or -EBADMSG with the sentence and its place in @why. */

/* keys_need - finds a key that @what cannot be without. */
int keys_need(const struct yaml *map, const char *key, const char *what,
    const struct yaml **out, struct diag *why) MUST_CHECK;
/* keys_word - one word out of @words, which NULL ends; *out is its place. */
int keys_word(const struct yaml *y, const char *const words[], unsigned *out,
    struct diag *why) MUST_CHECK;
/* keys_texts - a list of texts of which none is empty; @y may be NULL. */
int keys_texts(const struct yaml *y, struct diag *why) MUST_CHECK;

#endif
