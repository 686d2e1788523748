/* SPDX-License-Identifier: Apache-2.0 */
/* links: cli/csv.c */
/*
 * fuzz_csv - any bytes as a table: rows of one width, or a sentence with a
 * line.
 */
#include <errno.h>
#include <string.h>

#include "cli/csv.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag why = {""};
	size_t cells = 0;
	struct csv c;
	FILE *in;
	int r;

	if (size == 0)
		return 0;
	in = fmemopen((void *)(uintptr_t)data, size, "r");
	must(in != NULL);
	csv_begin(&c, in);
	while ((r = csv_row(&c, &why)) == 1) {
		must(c.n > 0 && c.n == c.columns && c.n <= CSV_CELLS_MAX);
		for (size_t i = 0; i < c.n; i++) {
			size_t n;
			const char *cell = csv_cell(&c, i, &n);

			must(cell[n] == '\0' && memchr(cell, '\0', n) == NULL);
			cells += n;
		}
	}
	must(cells <= size);
	must(r == 0 || (r == -EBADMSG && strncmp(why.text, "line ", 5) == 0));
	csv_done(&c);
	(void)fclose(in);
	return 0;
}
