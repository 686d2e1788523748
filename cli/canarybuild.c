/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canarybuild - a set as hosts and the collector get it.
 *
 * Owns: which index, which table and which rule a set becomes.
 * Never: writes a value: the index is a filter, the table holds keyed digests.
 *
 * One column holds the values of all kinds, at the rate EXACT_SURE: nobody can
 * guess a value, so the filter need not hide them among others, and what passes
 * is one of them. The filter has room for ROOM values at least and is filled
 * up, so that it does not show how many there are.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/canaryset.h"
#include "lib/clock.h"
#include "lib/exact.h"
#include "lib/file.h"
#include "lib/rows.h"
#include "lib/str.h"

#include "lib/own.h"

enum { PATH_BYTES = 4096, ROOM = 1024, PACK_BYTES = 4096, DAY_S = 86400 };
#define COLUMN "value"

static int
add_value(
    struct exact_index *x, struct rows *t, const char *text, uint32_t number)
{
	const uint8_t *const none[EXACT_COLUMNS_MAX] = {NULL};
	uint8_t v[EXACT_VALUE_MAX], digest[EXACT_DIGEST];
	bool digits;
	size_t n =
	    exact_normal((const uint8_t *)text, strlen(text), v, &digits);
	int r;

	must(n >= EXACT_PRIMARY_MIN);
	exact_add(&x->columns[0], v, n, digits);
	exact_digest(x, 0, v, n, digest);
	t->number = number;
	r = rows_add(t, 0, digest, none);
	explicit_bzero(v, sizeof v);
	explicit_bzero(digest, sizeof digest);
	return r;
}

static int
add_all(const struct canary_ring *ring, const struct canary_set *set,
    struct exact_index *x, struct rows *t)
{
	char text[CANARY_TEXT_MAX];
	int r = 0;

	for (uint32_t copy = 1; copy <= set->copies && r == 0; copy++)
		for (int k = 0; k < CANARY_KINDS && r == 0; k++) {
			enum canary_kind kind = (enum canary_kind)k;

			canaryset_value(ring, set, kind, copy, text);
			r = add_value(x, t, text, canary_number(kind, copy));
		}
	explicit_bzero(text, sizeof text);
	exact_fill(&x->columns[0]);
	return r;
}

/* One rule. Its version is when it was made, a day and a second, so that
 * versions only go up. */
static void
print_pack(const struct canary_ring *ring, const struct canary_set *set,
    const struct exact_index *x, struct buf *out)
{
	int64_t made = exact_made(x->id);
	char id[37];

	canaryset_uuid(ring, set, id);
	buf_printf(out,
	    "# SPDX-License-Identifier: Apache-2.0\n"
	    "# Canaries of one provider, made by chaperone canary make. The "
	    "values are in none\n"
	    "# of these files.\n"
	    "pack:\n"
	    "  id: " CANARY_INDEX "%s\n"
	    "  version: 1.%lld.%lld\n"
	    "  format: 1\n"
	    "  license: Apache-2.0\n"
	    "detectors:\n"
	    "  - id: canary.%s\n"
	    "    uuid: %s\n"
	    "    title: Canary of %s\n"
	    "    status: stable\n"
	    "    class: canary\n"
	    "    sensitivity: critical\n"
	    "    references: [chaperone(1)]\n"
	    "    quiet: [{name: few-tests, reason: a sample that must match "
	    "would be a value}]\n"
	    "    primary: {exact: {index: " CANARY_INDEX "%s, primary: " COLUMN
	    ", secondaries: {min: 0}}}\n"
	    "    levels: [{confidence: high, all: []}]\n"
	    "    decode: [base64, hex, percent, qp, unicode_escape, html, "
	    "gzip, zlib]\n"
	    "    tests:\n"
	    "      - {text: \"a canary of 1905, and 20 more\", expect: none}\n",
	    set->name, (long long)(made / DAY_S), (long long)(made % DAY_S),
	    set->name, id, set->name, set->name);
}

static int
write_one(const char *dir, const struct canary_set *set, const char *end,
    const struct buf *b, struct diag *why)
{
	const struct file_mode mode = {0644, (uid_t)-1, (gid_t)-1, true};
	char path[PATH_BYTES];
	int r = str_format(
	    path, sizeof path, "%s/" CANARY_INDEX "%s.%s", dir, set->name, end);

	return r == 0 ? file_write(path, b->data, b->len, &mode, why) : r;
}

static int
write_all(const struct canary_ring *ring, const struct canary_set *set,
    const struct exact_index *x, struct rows *t, const char *host,
    const char *home, struct diag *why)
{
	OWN(buf_done) struct buf index = {0}, pack = {0};
	char path[PATH_BYTES];
	int r = str_format(
	    path, sizeof path, "%s/" CANARY_INDEX "%s.table", home, set->name);

	buf_init(&index, EXACT_FILE_MAX);
	buf_init(&pack, PACK_BYTES);
	exact_print(x, &index);
	print_pack(ring, set, x, &pack);
	if (r == 0)
		r = buf_error(&index);
	if (r == 0)
		r = buf_error(&pack);
	if (r == 0)
		r = rows_write(t, path, why);
	if (r == 0)
		r = write_one(host, set, "edm", &index, why);
	return r == 0 ? write_one(host, set, "yaml", &pack, why) : r;
}

int
canarybuild_set(const struct canary_ring *ring, const struct canary_set *set,
    const char *host, const char *home, struct diag *why)
{
	OWN(exact_done) struct exact_index x = {0};
	OWN(rows_done) struct rows t = {0};
	uint64_t cells[EXACT_COLUMNS_MAX] = {
	    (uint64_t)set->copies * CANARY_KINDS};
	uint8_t public[SEAL_BOX_PUBLIC];
	int r;

	if (cells[0] < ROOM)
		cells[0] = ROOM;
	must(str_format(x.name, sizeof x.name, CANARY_INDEX "%s", set->name) ==
	     0);
	x.ncolumns = 1;
	x.columns[0] = (struct exact_column){
	    .name = COLUMN, .primary = true, .rate = EXACT_SURE};
	seal_box_key_public(ring->key, public);
	r = exact_begin(&x, cells, public);
	if (r != 0)
		return r;
	rows_begin(&t, &x, ring->key);
	t.numbered = true;
	r = add_all(ring, set, &x, &t);
	return r == 0 ? write_all(ring, set, &x, &t, host, home, why) : r;
}
