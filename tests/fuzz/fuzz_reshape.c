/* SPDX-License-Identifier: Apache-2.0 */
/* links: cli/reshape.c */
/*
 * fuzz_reshape - any text as another scanner's pattern: what comes out is read
 * again as it is, and samples have an end.
 */
#include <string.h>

#include "cli/reshape.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(reshape_freep) struct reshape *r = NULL;
	OWN(reshape_freep) struct reshape *again = NULL;
	OWN(buf_done) struct buf first = {0};
	OWN(buf_done) struct buf second = {0};
	OWN_MEM char *text =
	    size < 4096 ? strndup((const char *)data, size) : NULL;
	struct diag why = {""};

	if (text == NULL)
		return 0;
	if (reshape_parse(text, &r, &why) != 0) {
		must(r == NULL && why.text[0] != '\0');
		return 0;
	}
	buf_init(&first, (size_t)1 << 20);
	buf_init(&second, (size_t)1 << 20);
	(void)reshape_print(r, 1, 32, &first);
	/* Written again without a named group, it is what it was. */
	if (buf_text(&first) != NULL && buf_error(&first) == 0 &&
	    reshape_parse(buf_text(&first), &again, NULL) == 0) {
		(void)reshape_print(
		    again, reshape_groups(again) > 0, 32, &second);
		must(buf_error(&second) != 0 || second.len == first.len);
		must(first.len == 0 || buf_error(&second) != 0 ||
		     memcmp(second.data, first.data, first.len) == 0);
	}
	buf_reset(&second);
	reshape_sample(r, 1, &second);
	must(second.len < 65536);
	return 0;
}
