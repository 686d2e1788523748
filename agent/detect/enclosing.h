/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enclosing - the names of what stands around a value: the key of JSON, the
 * element or attribute of XML, the column of "column=value".
 */
#ifndef AGENT_DETECT_ENCLOSING_H
#define AGENT_DETECT_ENCLOSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ENCLOSING_BACK = 1024, /* bytes before a value that are looked at */
	ENCLOSING_NAMES = 3, /* at most, one a form */
	ENCLOSING_NAME_MAX = 128, /* bytes; a longer one is none */
};

/* Where a name stands in the text. */
struct enclosing {
	size_t from, to;
};

/*
 * enclosing_find - the names of the value that starts at @at; only the
 * ENCLOSING_BACK bytes before it are read. @begins: text[0] is where the text
 * begins. Returns how many.
 */
size_t enclosing_find(const uint8_t *text, size_t at, bool begins,
    struct enclosing out[ENCLOSING_NAMES]);

#endif
