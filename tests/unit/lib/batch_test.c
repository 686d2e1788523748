/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch_test - round trips, every cut, and frames that must be refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#include "lib/batch.h"

#include "lib/own.h"

static const char NOTE[] = "log\n2\nroot\n\n\xe2\x80\x94 log sig\n";

/* Two entries; the second has two disclosures. */
static void
make(struct buf *out)
{
	struct entry e = {0};

	batch_begin(out, "host-1", 3, 40, 2);
	buf_init(&e.leaf, 64);
	buf_put(&e.leaf, "{\"a\":1}", 7);
	batch_entry(out, &e);
	e.ndisclosures = 2;
	e.disclosures[0] = (struct disclosure){(char *)(uintptr_t) "WyJ", 3};
	e.disclosures[1] = (struct disclosure){(char *)(uintptr_t) "Wz", 2};
	batch_entry(out, &e);
	buf_done(&e.leaf);
	batch_end(out, NOTE, sizeof NOTE - 1);
}

static void
test_round_trip(void **state UNUSED)
{
	OWN(buf_done) struct buf plain = {0}, packed = {0}, again = {0};
	OWN(batch_done) struct batch b = {0};
	struct diag why = {""};

	buf_init(&plain, BATCH_BYTES_MAX);
	buf_init(&packed, BATCH_BYTES_MAX);
	buf_init(&again, BATCH_BYTES_MAX);
	make(&plain);
	assert_int_equal(batch_pack(plain.data, plain.len, &packed), 0);
	assert_int_equal(batch_unpack(packed.data, packed.len, &again), 0);
	assert_int_equal(again.len, plain.len);
	assert_memory_equal(again.data, plain.data, plain.len);
	assert_int_equal(batch_parse(again.data, again.len, &b, &why), 0);
	assert_string_equal(b.origin, "host-1");
	assert_int_equal(b.gen, 3);
	assert_int_equal(b.first, 40);
	assert_int_equal(b.count, 2);
	assert_int_equal(b.entries[0].ndisclosures, 0);
	assert_int_equal(b.entries[1].len, 7);
	assert_memory_equal(b.entries[1].leaf, "{\"a\":1}", 7);
	assert_int_equal(b.entries[1].ndisclosures, 2);
	assert_memory_equal(b.entries[1].disclosures[1].text, "Wz", 2);
	assert_int_equal(b.note_len, sizeof NOTE - 1);
	assert_memory_equal(b.note, NOTE, b.note_len);
}

/* The bytes are in the format's description: another order is another one. */
static void
test_bytes(void **state UNUSED)
{
	static const uint8_t HEAD[] = "CHB1\0\0\0\6host-1\0\0\0\3"
				      "\0\0\0\0\0\0\0\50\0\0\0\2"
				      "\0\0\0\7{\"a\":1}\0\0";
	OWN(buf_done) struct buf plain = {0};

	buf_init(&plain, 4096);
	make(&plain);
	assert_true(plain.len > sizeof HEAD - 1);
	assert_memory_equal(plain.data, HEAD, sizeof HEAD - 1);
}

static void
test_cuts(void **state UNUSED)
{
	OWN(buf_done) struct buf plain = {0};
	struct batch b = {0};

	buf_init(&plain, 4096);
	make(&plain);
	for (size_t n = 0; n < plain.len; n++) {
		struct diag why = {""};

		assert_int_equal(
		    batch_parse(plain.data, n, &b, &why), -EBADMSG);
		assert_true(why.text[0] != '\0');
	}
	buf_put_u8(&plain, 0);
	assert_int_equal(
	    batch_parse(plain.data, plain.len, &b, NULL), -EBADMSG);
	assert_null(b.entries);
}

static int
parse_head(const char *origin, uint64_t first, uint32_t count, size_t leaves)
{
	OWN(buf_done) struct buf plain = {0};
	OWN(batch_done) struct batch b = {0};
	struct entry e = {0};

	buf_init(&plain, 1 << 20);
	buf_init(&e.leaf, 8);
	buf_put(&e.leaf, "{}", 2);
	batch_begin(&plain, origin, 0, first, count);
	for (size_t i = 0; i < leaves; i++)
		batch_entry(&plain, &e);
	batch_end(&plain, "n", 1);
	buf_done(&e.leaf);
	return batch_parse(plain.data, plain.len, &b, NULL);
}

static void
test_bounds(void **state UNUSED)
{
	char name[NOTE_NAME_MAX + 1];

	assert_int_equal(parse_head("h", 0, 1, 1), 0);
	assert_int_equal(
	    parse_head("h", 0, BATCH_ENTRIES_MAX, BATCH_ENTRIES_MAX), 0);
	assert_int_equal(
	    parse_head("h", 0, BATCH_ENTRIES_MAX + 1, BATCH_ENTRIES_MAX + 1),
	    -EBADMSG);
	assert_int_equal(parse_head("h", 0, 0, 0), -EBADMSG);
	assert_int_equal(parse_head("", 0, 1, 1), -EBADMSG);
	assert_int_equal(parse_head("h", UINT64_MAX, 1, 1), -EBADMSG);
	/* A count that promises more than is there allocates little and ends. */
	assert_int_equal(parse_head("h", 0, 500, 1), -EBADMSG);
	memset(name, 'n', NOTE_NAME_MAX);
	name[NOTE_NAME_MAX] = '\0';
	assert_int_equal(parse_head(name, 0, 1, 1), -EBADMSG);
}

static void
test_frames(void **state UNUSED)
{
	OWN(buf_done) struct buf plain = {0}, packed = {0}, out = {0};
	OWN(buf_done) struct buf twice = {0};
	OWN_MEM uint8_t *bomb = calloc(1, BATCH_BYTES_MAX + 1);
	OWN_MEM uint8_t *room = malloc(ZSTD_compressBound(BATCH_BYTES_MAX + 1));
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n;

	assert_true(bomb != NULL && room != NULL && c != NULL);
	buf_init(&plain, 4096);
	buf_init(&packed, 8192);
	buf_init(&twice, 8192);
	buf_init(&out, BATCH_BYTES_MAX);
	make(&plain);
	assert_int_equal(batch_pack(plain.data, plain.len, &packed), 0);
	for (size_t i = 0; i < packed.len; i++)
		assert_int_equal(batch_unpack(packed.data, i, &out), -EBADMSG);
	assert_int_equal(out.len, 0);
	/* Two frames, where one is agreed on. */
	buf_put(&twice, packed.data, packed.len);
	buf_put(&twice, packed.data, packed.len);
	assert_int_equal(batch_unpack(twice.data, twice.len, &out), -EBADMSG);
	/* A little that becomes too much. */
	n = ZSTD_compress(room, ZSTD_compressBound(BATCH_BYTES_MAX + 1), bomb,
	    BATCH_BYTES_MAX + 1, 3);
	assert_false(ZSTD_isError(n));
	assert_true(n < 65536);
	assert_int_equal(batch_unpack(room, n, &out), -EBADMSG);
	assert_int_equal(
	    batch_pack(bomb, BATCH_BYTES_MAX + 1, &out), -EMSGSIZE);
	n = ZSTD_compress(room, ZSTD_compressBound(BATCH_BYTES_MAX + 1), bomb,
	    BATCH_BYTES_MAX, 3);
	assert_int_equal(batch_unpack(room, n, &out), 0);
	assert_int_equal(out.len, BATCH_BYTES_MAX);
	/* One that does not say its size. */
	buf_reset(&out);
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	n = ZSTD_compress2(
	    c, room, ZSTD_compressBound(1024), plain.data, plain.len);
	assert_false(ZSTD_isError(n));
	assert_int_equal(batch_unpack(room, n, &out), -EBADMSG);
	(void)ZSTD_freeCCtx(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_cuts),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
