/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/detect */
/*
 * fuzz_header - any bytes as a table, as SQL and as JSON or XML: the column of
 * a place is the same however the text comes and goes, and the names around it
 * lie in the bytes before it.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/detect/enclosing.h"
#include "agent/detect/header.h"

#include "lib/own.h"

enum {
	APART = 7, /* places that are asked */
	SIZE_MOST = 16 * 1024,
	BEHIND = 64, /* bytes behind a place that a scan has seen */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answer {
	bool there;
	struct header_column column;
	uint8_t name[HEADER_NAME_MAX];
};

static struct answer
ask(struct header *h, const struct nearby_text *t, uint64_t place)
{
	struct answer a = {.there = false};

	a.there = header_column(h, t, place, &a.column);
	if (!a.there)
		return a;
	must(a.column.len > 0 && a.column.len <= HEADER_NAME_MAX);
	must(a.column.column < HEADER_COLUMNS);
	memcpy(a.name, a.column.name, a.column.len);
	return a;
}

static void
same(const struct answer *a, const struct answer *b)
{
	must(a->there == b->there);
	must(!a->there || (a->column.len == b->column.len &&
			      a->column.column == b->column.column &&
			      memcmp(a->name, b->name, a->column.len) == 0));
}

/* Compares with what a reader says that has all of the text. */
static void
in_pieces(struct header *h, struct header *whole, const uint8_t *data,
    size_t size, size_t step, size_t keep)
{
	const struct nearby_text all = {data, size, 0};
	uint64_t base = 0, next = 0;

	header_reset(h);
	header_reset(whole);
	header_first(whole, &all);
	for (size_t end = 0; end < size;) {
		struct nearby_text t;
		uint64_t to;

		end = size - end < step ? size : end + step;
		t = (struct nearby_text){data + base, end - base, base};
		header_first(h, &t);
		to = end == size ? end : end > BEHIND ? end - BEHIND : 0;
		for (; next < to; next += APART) {
			struct answer a = ask(h, &t, next);
			struct answer b = ask(whole, &all, next);

			same(&a, &b);
		}
		if (end - base <= keep + BEHIND)
			continue;
		to = end - keep - BEHIND;
		must(header_drop(h, &t, to) == 0);
		base = to;
	}
}

/* Only the bytes before the place are there. */
static void
around(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(ENCLOSING_BACK);

	must(copy != NULL);
	for (size_t at = 1; at < size; at += APART) {
		size_t len = at < ENCLOSING_BACK ? at : ENCLOSING_BACK;
		struct enclosing a[ENCLOSING_NAMES], b[ENCLOSING_NAMES];
		uint8_t *from = copy + ENCLOSING_BACK - len;
		size_t n = enclosing_find(data, at, true, a);

		memcpy(from, data + at - len, len);
		must(enclosing_find(from, len, len == at, b) == n);
		must(n <= ENCLOSING_NAMES);
		for (size_t i = 0; i < n; i++) {
			must(a[i].from < a[i].to && a[i].to <= at);
			must(a[i].to - a[i].from <= ENCLOSING_NAME_MAX);
			must(a[i].from - (at - len) == b[i].from &&
			     a[i].to - (at - len) == b[i].to);
		}
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct header *h, *whole;

	if (h == NULL)
		must(header_new(&h) == 0 && header_new(&whole) == 0);
	if (size < 2 || size > SIZE_MOST)
		return 0;
	in_pieces(h, whole, data + 2, size - 2, 1 + (size_t)data[0] * 16,
	    (size_t)data[1] * 16);
	around(data + 2, size - 2);
	return 0;
}
