/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - a small JSON encoder over a buf.
 *
 * Owns: commas and escaping (RFC 8259 section 7).
 * Never: parses, or fails on foreign bytes: what is not UTF-8 is written as
 * "b64:" and base64, so that every line that we print is valid.
 */
#include "lib/json.h"

#include <inttypes.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

void
json_init(struct json *j, struct buf *out)
{
	*j = (struct json){.out = out};
}

static void
put_quoted(struct buf *out, const uint8_t *p, size_t len)
{
	buf_put_u8(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"' || p[i] == '\\')
			buf_printf(out, "\\%c", p[i]);
		else if (p[i] < 0x20 || p[i] == 0x7f)
			buf_printf(out, "\\u%04x", p[i]);
		else
			buf_put_u8(out, p[i]);
	}
	buf_put_u8(out, '"');
}

static void
member(struct json *j, const char *key)
{
	if (j->some[j->depth])
		buf_put_u8(j->out, ',');
	j->some[j->depth] = true;
	if (key != NULL) {
		put_quoted(j->out, (const uint8_t *)key, strlen(key));
		buf_put_u8(j->out, ':');
	}
}

static void
begin(struct json *j, const char *key, uint8_t c)
{
	member(j, key);
	buf_put_u8(j->out, c);
	must(j->depth + 1 < JSON_DEPTH);
	j->some[++j->depth] = false;
}

static void
end(struct json *j, uint8_t c)
{
	must(j->depth > 0);
	j->depth--;
	buf_put_u8(j->out, c);
}

void
json_begin_object(struct json *j, const char *key)
{
	begin(j, key, '{');
}

void
json_begin_array(struct json *j, const char *key)
{
	begin(j, key, '[');
}

void
json_end_object(struct json *j)
{
	end(j, '}');
}

void
json_end_array(struct json *j)
{
	end(j, ']');
}

void
json_bytes(struct json *j, const char *key, const void *s, size_t len)
{
	member(j, key);
	if (str_utf8(s, len)) {
		put_quoted(j->out, s, len);
		return;
	}
	buf_put(j->out, "\"b64:", 5);
	str_base64(j->out, s, len);
	buf_put_u8(j->out, '"');
}

void
json_str(struct json *j, const char *key, const char *s)
{
	json_bytes(j, key, s, strlen(s));
}

void
json_int(struct json *j, const char *key, int64_t v)
{
	member(j, key);
	buf_printf(j->out, "%" PRId64, v);
}

void
json_uint(struct json *j, const char *key, uint64_t v)
{
	member(j, key);
	buf_printf(j->out, "%" PRIu64, v);
}

void
json_bool(struct json *j, const char *key, bool v)
{
	member(j, key);
	buf_put(j->out, v ? "true" : "false", v ? 4 : 5);
}

void
json_put_null(struct json *j, const char *key)
{
	member(j, key);
	buf_put(j->out, "null", 4);
}

void
json_raw(struct json *j, const char *key, const void *s, size_t len)
{
	member(j, key);
	buf_put(j->out, s, len);
}
