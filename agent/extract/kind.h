/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind - what a member is to somebody who guards it, by its first block
 * (inside the room only).
 *
 * A kind is "family/form", as in "keystore/jks". Rules name them, so that a
 * word never changes; chaperone-rules(5) lists them.
 */
#ifndef AGENT_EXTRACT_KIND_H
#define AGENT_EXTRACT_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

/* How much of a member decides. */
#define KIND_WANT (36 * 1024)

/*
 * kind_sniff - the kind of a member that begins with these bytes, or "" if it
 * is none of those that have a word. Borrowed from a table.
 */
const char *kind_sniff(const uint8_t *p, size_t len);

/* kind_list - each word that kind_sniff knows, and where it is laid down. */
typedef void kind_list_fn(void *ctx, const char *kind, const char *source);
void kind_list(kind_list_fn *fn, void *ctx);

#endif
