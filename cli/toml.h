/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toml - as much of TOML 1.0 as scanners' configurations use, as a tree.
 *
 * The tree is lib/yaml's: tables are maps, arrays are lists, every other value
 * is a text. Left out: dates, and dotted keys but in table headers.
 */
#ifndef CLI_TOML_H
#define CLI_TOML_H

#include "lib/diag.h"
#include "lib/own.h"
#include "lib/yaml.h"

/*
 * toml_parse - @file is copied for messages; the tree is yaml_free's.
 * Returns 0, -EBADMSG with "file:line:column: what", or -ENOMEM.
 */
int toml_parse(const char *file, const void *data, size_t len,
    struct yaml **out, struct diag *why) MUST_CHECK;

#endif
