/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate - the owner of libhs (Vectorscan).
 *
 * Owns: the database of all patterns, its scratch, block mode.
 * Never: decides that something matches; asks for match starts (that costs
 * more than the exact confirmation does), or uses UTF mode, which is undefined
 * on bytes that are not UTF-8.
 */
#include "agent/detect/candidate.h"

#include <errno.h>
#include <hs/hs.h>
#include <limits.h>

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
		   : "this processor lacks the vector instructions of the "
		     "candidate stage; every rule is matched in turn, which "
		     "is about 20 times slower";
}

static int
refused(hs_compile_error_t *e, struct diag *why)
{
	int r = diag_set(why, -EBADMSG, "pattern outside the subset: %s",
	    e != NULL && e->message != NULL ? e->message : "not expressible");

	(void)hs_free_compile_error(e);
	return r;
}

int
candidate_width(
    const char *pattern, unsigned *least, unsigned *most, struct diag *why)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *err = NULL;

	if (candidate_host() != NULL)
		return -ENOTSUP;
	if (hs_expression_info(pattern, 0, &info, &err) != HS_SUCCESS)
		return refused(err, why);
	*least = info->min_width;
	*most = info->max_width;
	free(info);
	if (*most == UINT_MAX)
		return diag_set(why, -EBADMSG,
		    "the pattern has no greatest length; bound every repeat, "
		    "as in {0,64}");
	return 0;
}

int
candidates_new(const struct candidate_pattern *p, unsigned n,
    struct candidates **out, struct diag *why)
{
	OWN_MEM const char **texts = calloc(n, sizeof *texts);
	OWN_MEM unsigned *ids = calloc(n, sizeof *ids);
	OWN_MEM unsigned *flags = calloc(n, sizeof *flags);
	struct candidates *c = calloc(1, sizeof *c);
	hs_compile_error_t *err = NULL;

	if (texts == NULL || ids == NULL || flags == NULL || c == NULL) {
		free(c);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		texts[i] = p[i].pattern;
		ids[i] = p[i].id;
	}
	if (hs_compile_multi(texts, flags, ids, n, HS_MODE_BLOCK, NULL, &c->db,
		&err) != HS_SUCCESS) {
		free(c);
		return refused(err, why);
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
candidate_room_new(const struct candidates *c, struct candidate_room **out)
{
	struct candidate_room *room = calloc(1, sizeof *room);

	if (room == NULL)
		return -ENOMEM;
	if (hs_alloc_scratch(c->db, &room->scratch) != HS_SUCCESS) {
		free(room);
		return -ENOMEM;
	}
	*out = room;
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
