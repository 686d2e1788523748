/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - a small JSON encoder over a buf: one object or array a line.
 *
 * Owns: commas and escaping (RFC 8259 section 7).
 * Never: parses (jansson does, at the APIs), writes floats, or emits bytes
 * that are not UTF-8: such a text becomes "b64:" and its base64.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/own.h"

#define JSON_DEPTH 16

struct json {
	struct buf *out;
	unsigned depth;
	bool some[JSON_DEPTH]; /* a member was written at this depth */
};

void json_init(struct json *j, struct buf *out);
/* @key is NULL inside an array and for the outermost value. */
void json_begin_object(struct json *j, const char *key);
void json_begin_array(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_end_array(struct json *j);
void json_str(struct json *j, const char *key, const char *s);
void json_bytes(struct json *j, const char *key, const void *s, size_t len);
void json_int(struct json *j, const char *key, int64_t v);
void json_uint(struct json *j, const char *key, uint64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_put_null(struct json *j, const char *key);
/* json_raw - bytes that already are JSON. */
void json_raw(struct json *j, const char *key, const void *s, size_t len);

#endif
