/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/labelled.c */
/*
 * labelled_test - a label holds for what it was written in, and no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/labelled.h"

#include "lib/own.h"

static struct labelled all;

static void
add(const char *member, const char *id)
{
	struct label l = {.enabled = true};

	memcpy(l.id, id, strlen(id));
	assert_int_equal(labelled_add(&all, member, &l), 0);
}

static void
within_its_document(void **state)
{
	(void)state;
	add("a.zip!b.docx!docProps/custom.xml", "b");
	add("a.zip!c.pdf!properties", "c");
	assert_int_equal(
	    labelled_of(&all, "a.zip!b.docx!word/document.xml"), 1);
	assert_string_equal(all.here[0].id, "b");
	assert_int_equal(labelled_of(&all, "a.zip!b.docx"), 1);
	assert_int_equal(labelled_of(&all, "a.zip!b.docx!x.zip!y"), 1);
	assert_int_equal(labelled_of(&all, "a.zip!b.docx2!word"), 0);
	assert_int_equal(labelled_of(&all, "a.zip!d.txt"), 0);
	assert_int_equal(labelled_of(&all, "a.zip"), 0);
	assert_int_equal(labelled_of(&all, ""), 0);
	labelled_reset(&all);
	assert_int_equal(labelled_of(&all, "a.zip!b.docx"), 0);
}

static void
of_the_object_for_all(void **state)
{
	(void)state;
	add("headers", "m");
	add("1!c.docx!docProps/custom.xml", "c");
	assert_int_equal(labelled_of(&all, "body"), 1);
	assert_int_equal(labelled_of(&all, ""), 1);
	assert_int_equal(labelled_of(&all, "1!c.docx!word/document.xml"), 2);
	labelled_reset(&all);
}

static void
no_more_than_there_is_room_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < LABELLED_MAX; i++)
		add("headers", "m");
	assert_false(all.over);
	add("headers", "m");
	assert_true(all.over);
	assert_int_equal(labelled_of(&all, "body"), LABELLED_MAX);
	labelled_reset(&all);
	assert_false(all.over);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(within_its_document),
	    cmocka_unit_test(of_the_object_for_all),
	    cmocka_unit_test(no_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
