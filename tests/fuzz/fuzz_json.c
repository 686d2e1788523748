/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_json - whatever bytes go into our encoder, a strict reader of another
 * hand takes what comes out, and reads the same.
 */
#include <jansson.h>
#include <string.h>

#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_done) struct buf b = {0};
	OWN(buf_done) struct buf bytes = {0};
	struct json j;
	json_t *root, *v;
	const char *text;

	buf_init(&b, 8 * size + 256);
	buf_init(&bytes, size + 1);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_bytes(&j, "bytes", data, size);
	json_begin_array(&j, "list");
	json_uint(&j, NULL, size);
	json_bool(&j, NULL, true);
	json_put_null(&j, NULL);
	json_end_array(&j);
	json_end_object(&j);
	must(buf_error(&b) == 0);
	root = json_loadb((const char *)b.data, b.len,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	must(root != NULL);
	v = json_object_get(root, "bytes");
	text = json_string_value(v);
	must(text != NULL);
	if (str_utf8(data, size)) {
		must(json_string_length(v) == size);
		must(size == 0 || memcmp(text, data, size) == 0);
	} else {
		must(str_starts(text, "b64:"));
		must(str_unbase64(&bytes, text + 4, strlen(text + 4)) == 0);
		must(bytes.len == size && memcmp(bytes.data, data, size) == 0);
	}
	json_decref(root);
	return 0;
}
