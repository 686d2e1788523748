/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init - the first start of a collector: keys, certificates, a password.
 */
#ifndef COLLECTOR_INIT_H
#define COLLECTOR_INIT_H

#include "collector/config.h"
#include "lib/diag.h"
#include "lib/own.h"

#define INIT_PASSWORD_MAX 32

/*
 * collector_init - makes below @state what is not there yet, and changes
 * nothing that is, with one exception: a server certificate that does not
 * carry every name of @c, or ends within 30 days, is made anew from the same
 * CA.
 * @password_out: receives the password of the page if one was made just now,
 * to be printed once; "" if there was one. Only its scrypt hash is kept.
 * As root, each file is given to the process that reads it.
 * Returns 0, or a negative errno with a sentence.
 */
int collector_init(const char *state, const struct config *c,
    char password_out[INIT_PASSWORD_MAX], struct diag *why) MUST_CHECK;

#endif
