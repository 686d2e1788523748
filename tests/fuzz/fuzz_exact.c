/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_exact - any bytes as a host's part of an index, its digest put right:
 * what is read prints as it came and can be asked; as a value, whose normal form
 * is its own normal form; and as what is sealed.
 */
#include <errno.h>
#include <string.h>

#include "lib/exact.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
value(const uint8_t *data, size_t size)
{
	uint8_t once[EXACT_VALUE_MAX], twice[EXACT_VALUE_MAX];
	bool digits, again;
	size_t n = exact_normal(data, size, once, &digits);

	must(n <= size && n <= sizeof once);
	if (n == 0)
		return;
	must(exact_normal(once, n, twice, &again) == n && again == digits);
	must(memcmp(once, twice, n) == 0);
}

static void
head(const uint8_t *data, size_t size)
{
	char text[EXACT_SEALED_MAX + 1];
	struct exact_head h;

	if (size > EXACT_SEALED_MAX)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (exact_head(text, &h) == 0)
		must(size >= EXACT_HEAD_TEXT && exact_name_ok(h.name));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_done) struct buf in = {0}, out = {0};
	struct diag why = {""};
	struct exact_index x, y;
	int r;

	value(data, size);
	head(data, size);
	if (size < SEAL_HASH || size > 1 << 20)
		return 0;
	buf_init(&in, size);
	buf_put(&in, data, size);
	must(buf_error(&in) == 0);
	seal_sha256(in.data, size - SEAL_HASH, in.data + size - SEAL_HASH);
	/* Borrowed or copied: the one must read what the other does. */
	r = exact_parse_in(in.data, in.len, &y, NULL);
	must((exact_parse(in.data, in.len, &x, &why) == 0) == (r == 0));
	if (r != 0) {
		must(r == -EBADMSG && why.text[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < x.ncolumns; i++) {
		(void)exact_maybe(&x.columns[i], data, size % 80, true);
		(void)exact_maybe(&x.columns[i], data, size % 80, false);
		must(exact_pass(&x.columns[i]) <= 1);
	}
	buf_init(&out, size);
	exact_print(&x, &out);
	must(buf_error(&out) == 0 && out.len == in.len);
	must(memcmp(out.data, in.data, in.len) == 0);
	exact_done(&x);
	exact_done(&y);
	return 0;
}
