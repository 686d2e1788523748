/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note_test - notes of others verify, ours do, and what is bent does not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "lib/note.h"
#include "lib/str.h"

#include "lib/own.h"

#define NAME "example.org/log/1"
#define DASH "\xe2\x80\x94 "

/* A file of the outside vectors, or NULL and the test is skipped. */
static json_t *
vectors(const char *name)
{
	const char *shared = getenv("CHAPERONE_SHARED");
	char path[4096];
	json_t *v = NULL;

	if (shared != NULL && str_format(path, sizeof path,
				  "%s/data/vectors/%s", shared, name) == 0)
		v = json_load_file(path, 0, NULL);
	if (v == NULL) {
		print_message("the outside test vectors are not here\n");
		skip();
	}
	return v;
}

static const char *
member(const json_t *v, const char *name)
{
	return json_string_value(json_object_get(v, name));
}

static void
test_outside_notes(void **state UNUSED)
{
	json_t *all = vectors("tlog-notes/notes.json"), *one;
	size_t i;

	json_array_foreach(json_object_get(all, "vectors"), i, one)
	{
		OWN(buf_done) struct buf text = {0};
		const char *note = member(one, "note");
		struct vkey v;

		assert_int_equal(vkey_parse(member(one, "vkey"), &v), 0);
		assert_int_equal(
		    note_verify(note, strlen(note), &v, NULL, NULL), 0);
		buf_init(&text, 1024);
		vkey_print(&v, &text);
		assert_string_equal(buf_text(&text), member(one, "vkey"));
	}
	assert_true(i > 0);
	json_array_foreach(json_object_get(all, "cosig_vkey_ok"), i, one)
	{
		struct vkey v;

		assert_int_equal(vkey_parse(json_string_value(one), &v), 0);
		assert_int_equal(v.type, NOTE_COSIGNATURE);
	}
	json_decref(all);
}

static void
test_outside_bad_keys(void **state UNUSED)
{
	json_t *all = vectors("tlog-notes/notes.json"), *one;
	size_t i;

	json_array_foreach(json_object_get(all, "bad_vkeys"), i, one)
	{
		struct vkey v;

		assert_int_equal(
		    vkey_parse(json_string_value(one), &v), -EBADMSG);
	}
	json_array_foreach(json_object_get(all, "vectors"), i, one)
	{
		const char *good = member(one, "vkey");
		size_t len = strlen(good);
		char text[256];
		struct vkey v;

		for (size_t from = 0; from < len; from++) {
			for (size_t n = 0; n <= len - from; n++) {
				if (n == len)
					continue;
				assert_int_equal(str_copy_len(text, sizeof text,
						     good + from, n),
				    0);
				assert_int_equal(
				    vkey_parse(text, &v), -EBADMSG);
			}
		}
		for (size_t at = 0; at < len; at++) {
			assert_int_equal(str_copy(text, sizeof text, good), 0);
			text[at]++;
			assert_int_equal(vkey_parse(text, &v), -EBADMSG);
		}
	}
	json_decref(all);
}

/* Checkpoints that another implementation signed: behind "old …" lines. */
static void
test_outside_checkpoints(void **state UNUSED)
{
	static const uint64_t SIZES[] = {1, 3, 5};
	json_t *all = vectors("tlog-notes/witness.json"), *step;
	uint8_t public[SEAL_PUBLIC];
	struct vkey v;
	size_t i;

	assert_int_equal(
	    str_unhex(public, sizeof public, member(all, "log_pubkey_hex")), 0);
	assert_int_equal(
	    vkey_init(&v, member(all, "origin"), NOTE_ED25519, public), 0);
	json_array_foreach(json_object_get(all, "steps"), i, step)
	{
		const char *note = strstr(member(step, "body"), "\n\n") + 2;
		struct checkpoint c;

		assert_int_equal(
		    note_verify(note, strlen(note), &v, NULL, NULL), 0);
		assert_int_equal(
		    checkpoint_parse(note, strlen(note), &c, NULL), 0);
		assert_string_equal(c.origin, member(all, "origin"));
		assert_int_equal(c.size, SIZES[i]);
	}
	assert_int_equal(i, ARRAY_LEN(SIZES));
	json_decref(all);
}

/* ---- ours ---- */

struct made {
	struct seal_key *log, *other;
	struct vkey v, cosigner, stranger;
	struct checkpoint c;
	struct buf note; /* signed by log, cosigned by other at 1700000000 */
};

static int
setup(void **state)
{
	struct made *m = calloc(1, sizeof *m);
	OWN(buf_done) struct buf body = {0};
	uint8_t public[SEAL_PUBLIC];

	*state = m;
	must(m != NULL && seal_key_new(&m->log) == 0 &&
	     seal_key_new(&m->other) == 0);
	seal_key_public(m->log, public);
	must(vkey_init(&m->v, NAME, NOTE_ED25519, public) == 0);
	seal_key_public(m->other, public);
	must(vkey_init(&m->cosigner, "collector", NOTE_COSIGNATURE, public) ==
	     0);
	/* The same name, another key. */
	must(vkey_init(&m->stranger, NAME, NOTE_ED25519, public) == 0);
	m->c = (struct checkpoint){.origin = NAME, .size = 7};
	memset(m->c.root, 0xa5, SEAL_HASH);
	buf_init(&body, 1024);
	buf_init(&m->note, NOTE_MAX);
	checkpoint_print(&m->c, &body);
	must(note_sign(body.data, body.len, &m->v, m->log, &m->note) == 0);
	must(note_cosign(&m->note, &m->cosigner, m->other, 1700000000) == 0);
	return 0;
}

static int
teardown(void **state)
{
	struct made *m = *state;

	seal_key_free(m->log);
	seal_key_free(m->other);
	buf_done(&m->note);
	free(m);
	return 0;
}

static int
verify(const struct buf *note, const struct vkey *v, uint64_t *t)
{
	return note_verify((const char *)note->data, note->len, v, t, NULL);
}

static void
test_round_trip(void **state)
{
	struct made *m = *state;
	struct checkpoint c;
	uint64_t t = 0;

	assert_int_equal(verify(&m->note, &m->v, NULL), 0);
	assert_int_equal(verify(&m->note, &m->cosigner, &t), 0);
	assert_true(t == 1700000000);
	assert_int_equal(verify(&m->note, &m->stranger, NULL), -ENOKEY);
	assert_int_equal(
	    checkpoint_parse((const char *)m->note.data, m->note.len, &c, NULL),
	    0);
	assert_string_equal(c.origin, NAME);
	assert_true(c.size == 7);
	assert_memory_equal(c.root, m->c.root, SEAL_HASH);
}

/* What a cosigner signs, spelled out beside the code. */
static void
test_cosignature_bytes(void **state)
{
	struct made *m = *state;
	OWN(buf_done) struct buf text = {0}, raw = {0};
	const char *note = buf_text(&m->note);
	const char *line = strstr(note, DASH "collector ");
	size_t body;

	assert_non_null(line);
	line += strlen(DASH "collector ");
	buf_init(&raw, 256);
	assert_int_equal(str_unbase64(&raw, line, strlen(line) - 1), 0);
	assert_int_equal(raw.len, 4 + 8 + SEAL_SIGNATURE);
	assert_memory_equal(raw.data + 4, "\0\0\0\0\x65\x53\xf1\0", 8);
	assert_int_equal(note_body_len(note, m->note.len, &body), 0);
	buf_init(&text, 4096);
	buf_printf(
	    &text, "cosignature/v1\ntime 1700000000\n%.*s", (int)body, note);
	assert_int_equal(
	    seal_verify(m->cosigner.public, text.data, text.len, raw.data + 12),
	    0);
}

static void
test_earliest_time(void **state)
{
	struct made *m = *state;
	OWN(buf_done) struct buf note = {0};
	uint64_t t = 0;

	buf_init(&note, NOTE_MAX);
	buf_put(&note, m->note.data, m->note.len);
	assert_int_equal(note_cosign(&note, &m->cosigner, m->other, 5), 0);
	assert_int_equal(note_cosign(&note, &m->cosigner, m->other, 9), 0);
	assert_int_equal(verify(&note, &m->cosigner, &t), 0);
	assert_true(t == 5);
}

/* No bit may be changed: refused, or signed by nobody known. */
static void
test_every_bit(void **state)
{
	struct made *m = *state;
	size_t body;

	assert_int_equal(
	    note_body_len((const char *)m->note.data, m->note.len, &body), 0);
	for (size_t i = 0; i < m->note.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			m->note.data[i] ^= (uint8_t)(1u << bit);
			int a = verify(&m->note, &m->v, NULL);
			int b = verify(&m->note, &m->cosigner, NULL);
			m->note.data[i] ^= (uint8_t)(1u << bit);
			/* A line of a signature concerns its own key alone. */
			assert_true(a != 0 || b != 0);
			if (i <= body)
				assert_true(a != 0 && b != 0);
		}
	}
	for (size_t n = 0; n < m->note.len; n++)
		assert_true(note_verify((const char *)m->note.data, n,
				&m->cosigner, NULL, NULL) != 0);
}

static void
test_bad_known_signature(void **state)
{
	struct made *m = *state;
	OWN(buf_done) struct buf note = {0}, other = {0};
	size_t body;

	/* A good line of a body, behind another body with a good line. */
	buf_init(&note, NOTE_MAX);
	buf_init(&other, NOTE_MAX);
	assert_int_equal(note_sign("other\n", 6, &m->v, m->log, &other), 0);
	assert_int_equal(
	    note_body_len((const char *)other.data, other.len, &body), 0);
	buf_put(&note, m->note.data, m->note.len);
	buf_put(&note, other.data + body + 1, other.len - body - 1);
	assert_int_equal(verify(&note, &m->v, NULL), -EBADMSG);
	/* For who does not know that key it says nothing. */
	assert_int_equal(verify(&note, &m->cosigner, NULL), 0);
}

static void
test_shapes(void **state)
{
	struct made *m = *state;
	static const char *const BAD[] = {
	    "",
	    "\n",
	    "\n\n",
	    "text\n",
	    "text\n\n",
	    "text\n" DASH "n AAAAAAA=\n",
	    "text\n\nn AAAAAAA=\n",
	    "text\n\n" DASH "n AAAAAAA=",
	    "text\n\n" DASH "n\n",
	    "text\n\n" DASH " AAAAAAA=\n",
	    "text\n\n" DASH "n AAAA\n",
	    "text\n\n" DASH "n AAAAAAB=\n",
	    "text\n\n" DASH "n AAAAAAA\n",
	    "text\n\n" DASH "n a AAAAAAA=\n",
	    "text\n\n" DASH "n+ AAAAAAA=\n",
	    "text\n\n" DASH "n\xc2\xa0 AAAAAAA=\n",
	    "te\rxt\n\n" DASH "n AAAAAAA=\n",
	    "te\xffxt\n\n" DASH "n AAAAAAA=\n",
	    "text\n\n" DASH "n AAAAAAA=\nx\n",
	};
	OWN(buf_done) struct buf many = {0};

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(
		    note_verify(BAD[i], strlen(BAD[i]), &m->v, NULL, NULL),
		    -EBADMSG);
	buf_init(&many, NOTE_MAX);
	buf_printf(&many, "text\n\n");
	for (unsigned i = 0; i < 101; i++) {
		assert_int_equal(
		    verify(&many, &m->v, NULL), i == 0 ? -EBADMSG : -ENOKEY);
		buf_printf(&many, DASH "n AAAAAAA=\n");
	}
	assert_int_equal(verify(&many, &m->v, NULL), -EBADMSG);
}

static void
test_names(void **state)
{
	struct made *m = *state;
	static const char *const BAD[] = {
	    "", "a b", "a+b", "a\nb", "a\xff", "a\xe2\x80\x83", "\xe3\x80\x80"};
	char name[NOTE_NAME_MAX + 1];
	struct vkey v;

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(
		    vkey_init(&v, BAD[i], NOTE_ED25519, m->v.public), -EINVAL);
	memset(name, 'a', NOTE_NAME_MAX);
	name[NOTE_NAME_MAX] = '\0';
	assert_int_equal(
	    vkey_init(&v, name, NOTE_ED25519, m->v.public), -EINVAL);
	name[NOTE_NAME_MAX - 1] = '\0';
	assert_int_equal(vkey_init(&v, name, NOTE_ED25519, m->v.public), 0);
	assert_int_equal(vkey_parse(NULL, &v), -EBADMSG);
}

#define ROOT "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="
#define SIGNED "\n" DASH "n AAAAAAA=\n"

static void
test_checkpoint_shapes(void **state UNUSED)
{
	static const struct {
		const char *note;
		int want;
	} CASES[] = {
	    {"o\n0\n" ROOT "\n" SIGNED, 0},
	    {"o\n9223372036854775807\n" ROOT "\nmore\n" SIGNED, 0},
	    {"o\n9223372036854775808\n" ROOT "\n" SIGNED, -EBADMSG},
	    {"o\n01\n" ROOT "\n" SIGNED, -EBADMSG},
	    {"o\n-1\n" ROOT "\n" SIGNED, -EBADMSG},
	    {"o\n\n" ROOT "\n" SIGNED, -EBADMSG},
	    {"\n1\n" ROOT "\n" SIGNED, -EBADMSG},
	    {"o\n1\n" ROOT "\n\nx\n" SIGNED, -EBADMSG},
	    {"o\n1\nAAAA\n" SIGNED, -EBADMSG},
	    {"o\n1\n" SIGNED, -EBADMSG},
	    {"o\n" SIGNED, -EBADMSG},
	    {"o\n1\n" ROOT "\n", -EBADMSG},
	};
	struct checkpoint c;

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_int_equal(checkpoint_parse(CASES[i].note,
				     strlen(CASES[i].note), &c, NULL),
		    CASES[i].want);
}

static void
test_sign_refuses(void **state)
{
	struct made *m = *state;
	OWN(buf_done) struct buf note = {0};

	buf_init(&note, 4096);
	assert_int_equal(note_sign("x", 1, &m->v, m->log, &note), -EINVAL);
	assert_int_equal(note_sign("", 0, &m->v, m->log, &note), -EINVAL);
	assert_int_equal(note_sign("\t\n", 2, &m->v, m->log, &note), -EINVAL);
	buf_printf(&note, "no note\n");
	assert_int_equal(
	    note_cosign(&note, &m->cosigner, m->other, 1), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outside_notes),
	    cmocka_unit_test(test_outside_bad_keys),
	    cmocka_unit_test(test_outside_checkpoints),
	    cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_cosignature_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_earliest_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_every_bit, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_bad_known_signature, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shapes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_names, setup, teardown),
	    cmocka_unit_test(test_checkpoint_shapes),
	    cmocka_unit_test_setup_teardown(test_sign_refuses, setup, teardown),
	};

	return cmocka_run_group_tests_name("lib/note", tests, NULL, NULL);
}
