/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate - the owner of libhs (Vectorscan).
 *
 * Owns: databases of literals and of patterns, their scratch, block mode; what
 * a kept database depends on.
 * Never: decides that something matches; asks for match starts (that costs
 * more than the exact confirmation does), or uses UTF mode, which is undefined
 * on bytes that are not UTF-8.
 */
#include "agent/detect/candidate.h"

#include <errno.h>
#include <hs/hs.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/seal.h"

#include "lib/own.h"

struct candidates {
	hs_database_t *db;
};

struct candidate_room {
	hs_scratch_t *scratch;
};

const char *
candidate_host(void)
{
	return hs_valid_platform() == HS_SUCCESS
		   ? NULL
		   : "this processor lacks the vector instructions of "
		     "Vectorscan; an automaton of keywords takes its place, "
		     "which is several times slower";
}

static int
refused(hs_compile_error_t *e, struct candidates *c, struct diag *why)
{
	int r = diag_set(why, -EBADMSG, "pattern outside the subset: %s",
	    e != NULL && e->message != NULL ? e->message : "not expressible");

	(void)hs_free_compile_error(e);
	free(c);
	return r;
}

/* Numbers from 0 on, and the same flag for all. */
struct columns {
	unsigned *ids, *flags;
};

static void
columns_done(struct columns *c)
{
	free(c->ids);
	free(c->flags);
}

static int
columns_new(struct columns *c, unsigned n)
{
	c->ids = calloc(n, sizeof *c->ids);
	c->flags = calloc(n, sizeof *c->flags);
	if (c->ids == NULL || c->flags == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		c->ids[i] = i;
	return 0;
}

/* ---- databases that were kept -------------------------------------------- */

static void
put_number(struct seal_hash *h, uint64_t n)
{
	uint8_t b[8];

	for (unsigned i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)(n >> (56 - 8 * i));
	seal_hash_put(h, b, sizeof b);
}

static void
put_bytes(struct seal_hash *h, const void *data, size_t len)
{
	put_number(h, len);
	seal_hash_put(h, data, len);
}

/*
 * The begin of a key: our version, the library, the processor, the kind of
 * database. What it is made of follows, and so what of the packs is in it.
 * NULL: nothing is kept.
 */
static struct seal_hash *
key_begin(const struct stash *kept, const char *kind, unsigned n)
{
	struct seal_hash *h = NULL;
	hs_platform_info_t host;

	memset(&host, 0, sizeof host);
	if (kept == NULL || hs_populate_platform(&host) != HS_SUCCESS ||
	    seal_hash_new(&h) != 0)
		return NULL;
	put_bytes(h, VERSION, strlen(VERSION));
	put_bytes(h, hs_version(), strlen(hs_version()));
	put_number(h, host.tune);
	put_number(h, host.cpu_features);
	put_bytes(h, kind, strlen(kind));
	put_number(h, n);
	return h;
}

/* Ends the key. False if no database that is good was kept under it. */
static bool
unpack(struct stash *kept, struct seal_hash *h, uint8_t key[STASH_KEY],
    hs_database_t **out)
{
	OWN(buf_done) struct buf b = {0};
	bool good;

	if (h == NULL)
		return false;
	seal_hash_end(h, key);
	buf_init(&b, (size_t)STASH_BYTES_MAX + 1024);
	if (stash_get(kept, key, &b) != 0)
		return false;
	good = hs_deserialize_database((const char *)b.data, b.len, out) ==
	       HS_SUCCESS;
	if (!good)
		stash_refuse(kept, "Vectorscan cannot read it");
	return good;
}

/* @h: that of the key; NULL: nothing is kept. */
static void
keep(struct stash *kept, const struct seal_hash *h,
    const uint8_t key[STASH_KEY], const hs_database_t *db)
{
	char *bytes = NULL;
	size_t len = 0;

	if (h == NULL)
		return;
	if (hs_serialize_database(db, &bytes, &len) == HS_SUCCESS)
		stash_put(kept, key, bytes, len);
	free(bytes);
}

/* ---- compiling ----------------------------------------------------------- */

static void
hash_freep(struct seal_hash **h)
{
	seal_hash_free(*h);
}

int
candidates_literals(const struct candidate_literal *l, unsigned n,
    struct stash *kept, struct candidates **out, struct diag *why)
{
	OWN_MEM const char **texts = calloc(n, sizeof *texts);
	OWN_MEM size_t *lens = calloc(n, sizeof *lens);
	OWN(columns_done) struct columns cols = {0};
	OWN(hash_freep)
	struct seal_hash *hash = key_begin(kept, "literals", n);
	struct candidates *c = calloc(1, sizeof *c);
	hs_compile_error_t *err = NULL;
	uint8_t key[STASH_KEY];

	if (texts == NULL || lens == NULL || c == NULL ||
	    columns_new(&cols, n) != 0) {
		free(c);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		texts[i] = (const char *)l[i].text;
		lens[i] = l[i].len;
		cols.flags[i] = l[i].fold ? HS_FLAG_CASELESS : 0;
		if (hash != NULL) {
			put_number(hash, l[i].fold);
			put_bytes(hash, l[i].text, l[i].len);
		}
	}
	if (!unpack(kept, hash, key, &c->db)) {
		if (hs_compile_lit_multi(texts, cols.flags, cols.ids, lens, n,
			HS_MODE_BLOCK, NULL, &c->db, &err) != HS_SUCCESS)
			return refused(err, c, why);
		keep(kept, hash, key, c->db);
	}
	*out = c;
	return 0;
}

int
candidates_patterns(const char *const *patterns, unsigned n, struct stash *kept,
    struct candidates **out, struct diag *why)
{
	OWN(columns_done) struct columns cols = {0};
	OWN(hash_freep)
	struct seal_hash *hash = key_begin(kept, "patterns", n);
	struct candidates *c = calloc(1, sizeof *c);
	hs_compile_error_t *err = NULL;
	uint8_t key[STASH_KEY];

	if (c == NULL || columns_new(&cols, n) != 0) {
		free(c);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n && hash != NULL; i++)
		put_bytes(hash, patterns[i], strlen(patterns[i]));
	if (!unpack(kept, hash, key, &c->db)) {
		if (hs_compile_multi(patterns, cols.flags, cols.ids, n,
			HS_MODE_BLOCK, NULL, &c->db, &err) != HS_SUCCESS)
			return refused(err, c, why);
		keep(kept, hash, key, c->db);
	}
	*out = c;
	return 0;
}

void
candidates_free(struct candidates *c)
{
	if (c == NULL)
		return;
	(void)hs_free_database(c->db);
	free(c);
}

int
candidate_room_add(struct candidate_room **room, const struct candidates *c)
{
	if (*room == NULL)
		*room = calloc(1, sizeof **room);
	if (*room == NULL ||
	    hs_alloc_scratch(c->db, &(*room)->scratch) != HS_SUCCESS)
		return -ENOMEM;
	return 0;
}

void
candidate_room_free(struct candidate_room *room)
{
	if (room == NULL)
		return;
	(void)hs_free_scratch(room->scratch);
	free(room);
}

struct relay {
	candidate_end_fn *end;
	void *ctx;
};

static int
on_end(unsigned id, unsigned long long from UNUSED, unsigned long long to,
    unsigned flags UNUSED, void *ctx)
{
	const struct relay *r = ctx;

	r->end(r->ctx, id, (size_t)to);
	return 0;
}

int
candidates_scan(const struct candidates *c, struct candidate_room *room,
    const uint8_t *text, size_t len, candidate_end_fn *end, void *ctx)
{
	struct relay r = {.end = end, .ctx = ctx};

	must(len <= UINT_MAX);
	if (hs_scan(c->db, (const char *)text, (unsigned)len, 0, room->scratch,
		on_end, &r) != HS_SUCCESS)
		return -EIO;
	return 0;
}
