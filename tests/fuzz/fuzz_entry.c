/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_entry - leaves, disclosures and drafts as a stranger sends them.
 *
 * The first byte chooses: 'L' a leaf, and disclosures behind newlines; 'D' the
 * inside of one disclosure, for which a leaf with its digest is made; 'W' the
 * wire form of a draft, which must seal into an entry that opens.
 */
#include <errno.h>
#include <string.h>

#include "lib/entry.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define LINES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
copy(const void *s, size_t len)
{
	char *out = calloc(1, len + 1);

	must(out != NULL);
	memcpy(out, s, len);
	return out;
}

static void
fuzz_leaf(const uint8_t *data, size_t size)
{
	const uint8_t *nl = memchr(data, '\n', size);
	size_t len = nl == NULL ? size : (size_t)(nl - data);
	struct disclosure d[LINES_MAX];
	struct diag why = {""};
	struct facts f;
	size_t n = 0;

	for (size_t at = len + 1; at < size && n < LINES_MAX; n++) {
		const uint8_t *start = data + at;

		nl = memchr(start, '\n', size - at);
		d[n].len = nl == NULL ? size - at : (size_t)(nl - start);
		d[n].text = copy(start, d[n].len);
		at += d[n].len + 1;
	}
	if (entry_open(data, len, d, n, &f, &why) == 0)
		facts_done(&f);
	else
		must(why.text[0] != '\0');
	for (size_t i = 0; i < n; i++)
		free(d[i].text);
}

static void
fuzz_disclosure(const uint8_t *data, size_t size)
{
	OWN(buf_done) struct buf text = {0}, digest = {0}, leaf = {0};
	uint8_t hash[SEAL_HASH];
	struct disclosure d;
	struct facts f;

	buf_init(&text, 2 * ENTRY_DISCLOSURE_MAX);
	buf_init(&digest, 64);
	buf_init(&leaf, 4096);
	str_base64url(&text, data, size);
	seal_sha256(text.data, text.len, hash);
	str_base64url(&digest, hash, sizeof hash);
	buf_printf(&leaf,
	    "{\"_sd\":[\"%s\"],\"_sd_alg\":\"sha-256\",\"boot\":\"\","
	    "\"boot_us\":1,\"d\":{},\"gen\":1,\"prio\":1,\"seq\":0,"
	    "\"synced\":false,\"t\":\"2026-03-01T08:00:00.000000Z\","
	    "\"type\":\"x\",\"v\":1}",
	    buf_text(&digest));
	must(buf_error(&leaf) == 0);
	must(entry_open(leaf.data, leaf.len, NULL, 0, &f, NULL) == 0);
	facts_done(&f);
	if (buf_error(&text) != 0)
		return;
	d = (struct disclosure){(char *)text.data, text.len};
	if (entry_open(leaf.data, leaf.len, &d, 1, &f, NULL) == 0) {
		must(f.nfields == 1);
		facts_done(&f);
	}
}

static const struct field *
find(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->nfields; i++)
		if (str_eq(f->fields[i].name, name))
			return &f->fields[i];
	return NULL;
}

static void
fuzz_draft(const uint8_t *data, size_t size)
{
	static const uint8_t SEED[ENTRY_SEED_LEN];
	const struct entry_place place = {.boot = "", .seed = SEED};
	OWN(entry_done) struct entry e = {0};
	struct draft d;
	struct facts f;
	struct cur c;
	int r;

	cur_init(&c, data, size);
	if (draft_decode(&d, &c) != 0)
		return;
	r = entry_seal(&d, &place, &e);
	must(r == 0 || r == -ENOBUFS || r == -EINVAL);
	if (r == 0) {
		must(entry_open(e.leaf.data, e.leaf.len, e.disclosures,
			 e.ndisclosures, &f, NULL) == 0);
		must(f.nfields == d.nfields);
		for (size_t i = 0; i < d.nfields; i++) {
			const struct field *a = &d.fields[i];
			const struct field *b = find(&f, a->name);

			must(b != NULL && a->is_int == b->is_int);
			must(a->num == b->num && a->len == b->len);
			must(
			    a->is_int || memcmp(a->text, b->text, a->len) == 0);
		}
		facts_done(&f);
	}
	draft_done(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'L')
		fuzz_leaf(data + 1, size - 1);
	else if (data[0] == 'D')
		fuzz_disclosure(data + 1, size - 1);
	else if (data[0] == 'W')
		fuzz_draft(data + 1, size - 1);
	return 0;
}
