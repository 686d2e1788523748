/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terms_test - lists of words as patterns: case, word boundaries, encodings.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/rules.h"
#include "lib/buf.h"

#include "lib/own.h"

static struct regex_room *room;

static int
setup(void **state UNUSED)
{
	return regex_room_new(&room);
}

static int
teardown(void **state UNUSED)
{
	regex_room_free(room);
	return 0;
}

/* The pattern of a YAML list; -EBADMSG with the sentence in @why. */
static int
pattern(const char *items, const char *encodings, enum term_match match,
    bool fold, struct regex **out, struct diag *why)
{
	OWN(yaml_freep) struct yaml *y = NULL;
	OWN(buf_done) struct buf b = {0};
	OWN_MEM char *text = NULL;
	int r;

	buf_init(&b, 4096);
	buf_printf(&b, "items: %s\n", items);
	if (encodings != NULL)
		buf_printf(&b, "encodings: %s\n", encodings);
	assert_int_equal(yaml_parse("t", b.data, b.len, &y, why), 0);
	r = terms_pattern(yaml_get(y, "items"), yaml_get(y, "encodings"), match,
	    fold, true, &text, why);
	if (r != 0)
		return r;
	return regex_new(text, out, why);
}

static bool
finds(const struct regex *r, const char *text, size_t len)
{
	struct regex_match m;
	int e = regex_find(r, room, (const uint8_t *)text, len, 0, len, &m);

	assert_true(e >= 0);
	return e > 0;
}

static void
check(const char *items, enum term_match match, bool fold, const char *yes,
    const char *no)
{
	struct diag why = {""};
	struct regex *r = NULL;

	if (pattern(items, NULL, match, fold, &r, &why) != 0)
		fail_msg("%s: %s", items, why.text);
	for (const char *p = yes; *p != '\0'; p += strlen(p) + 1)
		if (!finds(r, p, strlen(p)))
			fail_msg("%s does not find \"%s\"", items, p);
	for (const char *p = no; *p != '\0'; p += strlen(p) + 1)
		if (finds(r, p, strlen(p)))
			fail_msg("%s finds \"%s\"", items, p);
	regex_free(r);
}

/* Texts follow each other, each with its NUL. */
static void
test_matches(void **state UNUSED)
{
	check("[card, cvv]", TERM_SUBSTRING, false,
	    "card\0xcardx\0discard\0cvv2\0", "Card\0car d\0");
	check("[card]", TERM_WORD, false,
	    "card\0my card.\0card_no\0cardNumber\0card2\0-card-\0",
	    "cards\0discard\0\xc3\xa9"
	    "card\0card\xc3\xa9\0Card\0");
	check("[card]", TERM_WORD, true, "CARD\0Card\0myCard\0", "CARDS\0");
	check("[card]", TERM_PREFIX, true, "card\0cards\0a cardholder\0",
	    "discard\0");
	/* A digit's word begins after no digit. */
	check("[\"42\"]", TERM_WORD, false, "42\0x42y\0",
	    "142\0"
	    "421\0");
	/* The longer one is tried first, so that its boundary counts. */
	check("[soc, soc sec]", TERM_WORD, true, "soc sec\0soc\0", "socket\0");
}

static void
test_fold(void **state UNUSED)
{
	check("[stra\xc3\x9f"
	      "e]",
	    TERM_SUBSTRING, true,
	    "stra\xc3\x9f"
	    "e\0STRA\xc3\x9f"
	    "E\0",
	    "strase\0");
	/* é É, я Я, ё Ё, σ Σ, full width ａ Ａ */
	check(
	    "[\xc3\xa9]", TERM_SUBSTRING, true, "\xc3\xa9\0\xc3\x89\0", "e\0");
	check("[\xd1\x8f]", TERM_SUBSTRING, true, "\xd1\x8f\0\xd0\xaf\0",
	    "\xd1\x8e\0");
	check("[\xd1\x91]", TERM_SUBSTRING, true, "\xd1\x91\0\xd0\x81\0",
	    "\xd0\xb5\0");
	check("[\xcf\x83]", TERM_SUBSTRING, true, "\xcf\x83\0\xce\xa3\0",
	    "\xcf\x84\0");
	check("[\xef\xbd\x81]", TERM_SUBSTRING, true,
	    "\xef\xbd\x81\0\xef\xbc\xa1\0", "a\0");
	/* × and ÷ are no letters of each other. */
	check("[\xc3\x97]", TERM_SUBSTRING, true, "\xc3\x97\0", "\xc3\xb7\0");
	/* What is special in a pattern is itself. */
	check("[\"a.b*[c]\", \"$x\", \"(y|z)\"]", TERM_SUBSTRING, false,
	    "a.b*[c]\0$x\0(y|z)\0", "axb\0y\0");
}

static void
test_encodings(void **state UNUSED)
{
	static const struct {
		const char *text;
		size_t len;
		bool found;
	} rows[] = {
	    {"\xe5\x8d\xa1\xe5\x8f\xb7", 6, true}, /* UTF-8 */
	    {"\x61\x53\xf7\x53", 4, true}, /* UTF-16LE */
	    {"\x53\x61\x53\xf7", 4, true}, /* UTF-16BE */
	    {"\xbf\xa8\xba\xc5", 4, true}, /* GB18030 */
	    {"\xa5\x64\xb8\xb9", 4, false}, /* Big5 was not asked for */
	    {"pin", 3, true},
	    {"p\0i\0n\0", 6, true},
	};
	struct diag why = {""};
	struct regex *r = NULL;

	assert_int_equal(
	    pattern("[\"\xe5\x8d\xa1\xe5\x8f\xb7\", pin]",
		"[utf-8, utf-16, gb18030]", TERM_SUBSTRING, false, &r, &why),
	    0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (finds(r, rows[i].text, rows[i].len) != rows[i].found)
			fail_msg("row %zu", i);
	regex_free(r);
}

static void
test_refused(void **state UNUSED)
{
	static const struct {
		const char *items, *encodings, *word;
	} rows[] = {
	    {"[]", NULL, "at least one"},
	    {"x", NULL, "list"},
	    {"[\"\"]", NULL, "1 to 256"},
	    {"[[a]]", NULL, "1 to 256"},
	    {"[a]", "[ebcdic]", "unknown encoding"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct diag why = {""};
		struct regex *r = NULL;

		assert_int_equal(pattern(rows[i].items, rows[i].encodings,
				     TERM_SUBSTRING, false, &r, &why),
		    -EBADMSG);
		if (strstr(why.text, rows[i].word) == NULL ||
		    strncmp(why.text, "t:", 2) != 0)
			fail_msg("row %zu: %s", i, why.text);
	}
}

static void
test_encode(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 64);
	assert_int_equal(terms_encode("\xe5\x8d\xa1", 3, "gb18030", &b), 0);
	assert_int_equal(b.len, 2);
	assert_memory_equal(b.data, "\xbf\xa8", 2);
	buf_reset(&b);
	assert_int_equal(
	    terms_encode("\xe5\x8d\xa1", 3, "iso-8859-1", &b), -EILSEQ);
	assert_int_equal(terms_encode("a", 1, "utf-16", &b), -EINVAL);
	assert_int_equal(terms_encode("a", 1, "nosuch", &b), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matches),
	    cmocka_unit_test(test_fold),
	    cmocka_unit_test(test_encodings),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
