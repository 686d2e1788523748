/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv_test - tables as RFC 4180 has them, and those that are none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/csv.h"

#include "lib/own.h"

/* Reads a table; cells become "[a|b][c|d]". Returns what csv_row did last. */
static int
read_all(const char *text, size_t len, struct buf *out, struct diag *why)
{
	/* fmemopen writes nothing to what is opened for reading. */
	FILE *in = fmemopen((void *)(uintptr_t)text, len > 0 ? len : 1, "r");
	struct csv c;
	int r;

	assert_non_null(in);
	if (len == 0)
		(void)getc(in);
	buf_init(out, 1 << 22);
	csv_begin(&c, in);
	while ((r = csv_row(&c, why)) == 1) {
		for (size_t i = 0; i < c.n; i++) {
			size_t n;
			const char *cell = csv_cell(&c, i, &n);

			assert_int_equal(cell[n], '\0');
			buf_put(out, i == 0 ? "[" : "|", 1);
			buf_put(out, cell, n);
		}
		buf_put(out, "]", 1);
	}
	csv_done(&c);
	(void)fclose(in);
	return r;
}

static void
good(const char *text, const char *want)
{
	OWN(buf_done) struct buf out = {0};
	struct diag why = {""};

	if (read_all(text, strlen(text), &out, &why) != 0)
		fail_msg("%s", why.text);
	assert_string_equal(out.len > 0 ? buf_text(&out) : "", want);
}

static void
refused(const char *text, size_t len, const char *sentence)
{
	OWN(buf_done) struct buf out = {0};
	struct diag why = {""};

	assert_int_equal(read_all(text, len, &out, &why), -EBADMSG);
	if (strstr(why.text, sentence) == NULL)
		fail_msg("%s: not in: %s", sentence, why.text);
}

static void
test_tables(void **state UNUSED)
{
	good("", "");
	good("a,b\nc,d\n", "[a|b][c|d]");
	good("a,b\r\nc,d", "[a|b][c|d]");
	good("\xef\xbb\xbf"
	     "a,b\n",
	    "[a|b]");
	good("\xef\xbb\xc0,b\n", "[\xef\xbb\xc0|b]");
	good("\"a\",\"b,c\"\n\"d\"\"e\",\"f\ng\"\n", "[a|b,c][d\"e|f\ng]");
	good("a,,\n,,\n", "[a||][||]");
	good("\n\r\na,b\n\nc,d\n\n", "[a|b][c|d]");
	good("a;b,c\nd;e,f\n", "[a|b,c][d|e,f]");
	good("a\tb\nc,d\te\n", "[a|b][c,d|e]");
	good("a b\nc d\n", "[a b][c d]");
	good("5\" disk,b\n", "[5\" disk|b]");
	good("a\rb,c\n", "[a\rb|c]");
	good("\"\",\"\"\"\"\n", "[|\"]");
	good("\"a\"", "[a]");
}

static void
test_refused(void **state UNUSED)
{
	char *wide = calloc(1, CSV_ROW_MAX + 2);
	char *many = calloc(1, CSV_CELLS_MAX + 2);

	refused("a,b\nc\n", 6, "line 2: 1 cells, not the 2 of the first row");
	refused("a,b\n\"c\nd\"x,e\n", 13, "line 2: text behind a quoted cell");
	refused("a,b\n\nc,\"d\n", 10, "line 3: a quote does not end");
	refused("a\0,\0b\0\n\0", 8, "UTF-16");
	refused("\"a\0\"", 4, "UTF-16");
	assert_non_null(wide);
	assert_non_null(many);
	memset(wide, 'a', CSV_ROW_MAX + 2);
	refused(wide, CSV_ROW_MAX + 1, "too long");
	wide[0] = '"';
	refused(wide, CSV_ROW_MAX + 2, "too long");
	memset(many, ',', CSV_CELLS_MAX + 1);
	refused(many, CSV_CELLS_MAX + 1, "too many cells");
	free(wide);
	free(many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
