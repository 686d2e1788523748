/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_test - commas, escapes, and bytes that are not UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "lib/json.h"

#include "lib/own.h"

static void
test_shape(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, 4096);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "a", "x");
	json_begin_array(&j, "list");
	json_int(&j, NULL, -1);
	json_begin_object(&j, NULL);
	json_end_object(&j);
	json_put_null(&j, NULL);
	json_end_array(&j);
	json_bool(&j, "t", true);
	json_uint(&j, "big", UINT64_MAX);
	json_raw(&j, "raw", "[1]", 3);
	json_end_object(&j);
	assert_string_equal(buf_text(&b),
	    "{\"a\":\"x\",\"list\":[-1,{},null],\"t\":true,"
	    "\"big\":18446744073709551615,\"raw\":[1]}");
}

/* Whatever the bytes, another parser reads it. */
static void
test_any_byte(void **state UNUSED)
{
	for (int c = 0; c < 256; c++) {
		OWN(buf_done) struct buf b = {0};
		char text[3] = {'a', (char)c, 'b'};
		struct json j;
		json_t *v;

		buf_init(&b, 4096);
		json_init(&j, &b);
		json_begin_object(&j, NULL);
		json_bytes(&j, "k", text, sizeof text);
		json_end_object(&j);
		v = json_loadb((const char *)b.data, b.len,
		    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(v);
		if (c < 128) {
			json_t *s = json_object_get(v, "k");

			assert_int_equal(json_string_length(s), 3);
			assert_memory_equal(json_string_value(s), text, 3);
		} else {
			assert_memory_equal(
			    json_string_value(json_object_get(v, "k")),
			    "b64:", 4);
		}
		json_decref(v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shape),
	    cmocka_unit_test(test_any_byte),
	};

	return cmocka_run_group_tests_name("lib/json", tests, NULL, NULL);
}
