/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - strict YAML: the reader of rules, rosters and configuration.
 *
 * Owns: libyaml, and the subset: one document, block or flow; every scalar is
 * a string; no anchors, aliases, tags, merge keys or duplicate keys; bounds on
 * size, nodes and depth.
 * Never: guesses a type: "no" is the text no.
 */
#ifndef LIB_YAML_H
#define LIB_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

#define YAML_FILE_MAX (4 * 1024 * 1024)
#define YAML_NODES_MAX 400000
#define YAML_DEPTH_MAX 24

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml {
	enum yaml_kind kind;
	unsigned line, column; /* from 1 */
	const char *file; /* as given to yaml_parse; borrowed by errors */
	char *key; /* of a map's member, else NULL */
	unsigned key_line, key_column;
	char *text; /* of a scalar, NUL-terminated UTF-8, no NUL in it */
	size_t len;
	bool quoted; /* '' or "" stood around the scalar */
	struct yaml *child; /* first member of a list or map */
	struct yaml *next; /* next member of the same list or map */
};

/*
 * yaml_parse - parses @len bytes; @file is copied for messages.
 * Returns 0, or -EBADMSG with "file:line:column: what" in @why, or -ENOMEM.
 */
int yaml_parse(const char *file, const void *data, size_t len,
    struct yaml **out, struct diag *why) MUST_CHECK;
/* yaml_read - reads a regular file of at most YAML_FILE_MAX, then parses it. */
int yaml_read(const char *path, struct yaml **out, struct diag *why) MUST_CHECK;
void yaml_free(struct yaml *y);
void yaml_freep(struct yaml **y);

/* yaml_get - the member of a map by key, or NULL (also for a NULL map). */
const struct yaml *yaml_get(const struct yaml *map, const char *key);
/*
 * yaml_keys - refuses a key that is not in the NULL-ended list @known, with
 * "file:line:col: unknown key "x" in WHAT; did you mean "y"?"; also refuses a
 * node that is no map. Returns 0 or -EBADMSG.
 */
int yaml_keys(const struct yaml *map, const char *what,
    const char *const known[], struct diag *why) MUST_CHECK;
/* yaml_fail - sets "file:line:col: text" and returns -EBADMSG. */
int yaml_fail(const struct yaml *at, struct diag *why, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Typed reads; a NULL node leaves *out and returns 0. Errors as yaml_fail. */
int yaml_text(
    const struct yaml *y, const char **out, struct diag *why) MUST_CHECK;
int yaml_uint(const struct yaml *y, uint64_t min, uint64_t max, uint64_t *out,
    struct diag *why) MUST_CHECK;
int yaml_bool(const struct yaml *y, bool *out, struct diag *why) MUST_CHECK;

#endif
