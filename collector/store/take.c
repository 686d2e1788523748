/* SPDX-License-Identifier: Apache-2.0 */
/*
 * take - the judge of batches.
 *
 * Owns: what "exactly once" means: a batch is kept if its leaves extend the
 * tree that is held of the agent's generation and the result is the root that
 * the agent signed; it is known if every leaf of it is held; it is a fork if a
 * leaf, or the root, contradicts what is held.
 * Never: writes before the whole batch was judged; keeps part of a batch;
 * hashes anything but the bytes that came.
 *
 * A leaf that nobody can read is kept all the same, as its log signed it, and
 * counts as a gap: refusing it would stop the log for ever. A disclosure that
 * does not fit its leaf refuses the batch: the log's key does not cover it, so
 * the bearer on the way may have spoilt it, and the host can send it again.
 */
#include <errno.h>
#include <string.h>

#include "collector/store/inner.h"
#include "lib/merkle.h"
#include "lib/note.h"
#include "lib/str.h"

#include "lib/own.h"

struct work {
	struct store *s;
	const char *id;
	int64_t now_us;
	struct store_taken *out;
	struct batch b;
	struct checkpoint c;
	uint32_t newest; /* generation */
	bool any; /* there is one */
	bool found; /* the batch's own generation is known */
	struct merkle tree; /* of it */
	struct buf hashes; /* of the batch's leaves */
};

static int
verdict(struct work *w, enum store_verdict v, const char *text)
{
	w->out->verdict = v;
	(void)snprintf(w->out->detail, sizeof w->out->detail, "%s", text);
	return 0;
}

/* A refusal that somebody has to hear of. */
static int
alarm_verdict(
    struct work *w, enum store_verdict v, const char *kind, const char *text)
{
	int r = store_alarm(w->s, w->id, w->now_us, kind, text);

	if (r < 0)
		return r;
	if (r == 0)
		must(str_copy(w->out->alarm, sizeof w->out->alarm, kind) == 0);
	return verdict(w, v, text);
}

static int
get_frontier(struct store *s, const char *id, uint32_t gen, struct merkle *m)
{
	struct stmt *q = s->sql[SQL_FRONTIER_GET];
	int r;

	merkle_init(m);
	stmt_bind_text(q, 1, id);
	stmt_bind_int(q, 2, gen);
	r = stmt_step(q);
	if (r == 1) {
		uint64_t size = (uint64_t)stmt_int(q, 0);
		size_t n = 0, want = (size_t)__builtin_popcountll(size);
		const void *tree = stmt_blob(q, 1, &n);

		if (n != want * SEAL_HASH) {
			r = -EBADMSG;
		} else {
			m->size = size;
			if (n > 0)
				memcpy(m->frontier, tree, n);
		}
	}
	stmt_reset(q);
	return r;
}

static int
put_frontier(
    struct store *s, const char *id, uint32_t gen, const struct merkle *m)
{
	struct stmt *q = s->sql[SQL_FRONTIER_PUT];

	stmt_bind_text(q, 1, id);
	stmt_bind_int(q, 2, gen);
	stmt_bind_int(q, 3, (int64_t)m->size);
	stmt_bind_blob(q, 4, m->frontier,
	    (size_t)__builtin_popcountll(m->size) * SEAL_HASH);
	return stmt_run(q);
}

/* The log's key, and the newest generation, of an agent. */
static int
get_agent(struct work *w, struct vkey *v)
{
	struct stmt *q = w->s->sql[SQL_AGENT_GET];
	int r;

	stmt_bind_text(q, 1, w->id);
	r = stmt_step(q);
	if (r == 1) {
		r = vkey_parse(stmt_text(q, 2), v) == 0 ? 0 : -EBADMSG;
		w->any = !stmt_is_null(q, 4);
		w->newest = (uint32_t)stmt_int(q, 4);
	} else if (r == 0) {
		r = -ENOENT;
	}
	stmt_reset(q);
	return r;
}

/* ---- whose, and whole ---- */

static int
check_note(struct work *w, const struct vkey *v, struct diag *why)
{
	const struct batch *b = &w->b;
	int r;

	if (!str_eq(b->origin, v->name)) {
		char origin[128];

		str_escape(origin, sizeof origin, b->origin, strlen(b->origin));
		return diag_set(why, -EACCES,
		    "the batch is of the log %s, the agent's is %s", origin,
		    v->name);
	}
	r = note_verify(b->note, b->note_len, v, NULL, why);
	if (r == -ENOKEY)
		return diag_set(why, -EACCES,
		    "the checkpoint is not signed by the agent's log");
	if (r != 0)
		return r;
	r = checkpoint_parse(b->note, b->note_len, &w->c, why);
	if (r != 0)
		return r;
	if (!str_eq(w->c.origin, b->origin))
		return diag_set(
		    why, -EBADMSG, "the checkpoint is of another log");
	if (b->first > UINT64_MAX / 2 || w->c.size != b->first + b->count)
		return diag_set(why, -EBADMSG,
		    "the checkpoint does not end where the batch ends");
	return 0;
}

static int
hash_leaves(struct work *w)
{
	for (uint32_t i = 0; i < w->b.count; i++) {
		uint8_t hash[SEAL_HASH];

		merkle_leaf(w->b.entries[i].leaf, w->b.entries[i].len, hash);
		buf_put(&w->hashes, hash, sizeof hash);
	}
	return buf_error(&w->hashes);
}

/* 0, or -EBADMSG for disclosures, or a generation, that do not fit; unreadable
 * leaves pass. */
static int
open_entries(struct work *w, struct diag *why)
{
	for (uint32_t i = 0; i < w->b.count; i++) {
		const struct batch_entry *e = &w->b.entries[i];
		struct facts *f = &w->s->facts[i];
		int r = entry_open(
		    e->leaf, e->len, e->disclosures, e->ndisclosures, f, why);

		if (r == -ENOMEM)
			return r;
		if (r != 0 &&
		    entry_open(e->leaf, e->len, NULL, 0, f, NULL) == 0) {
			facts_done(f);
			*f = (struct facts){0};
			return r;
		}
		/* The batch's head is not signed; the leaves are. */
		if (r == 0 && f->gen != w->b.gen)
			return diag_set(why, -EBADMSG,
			    "an entry is of generation %u, the batch of %u",
			    f->gen, w->b.gen);
		w->s->readable[i] = r == 0 && f->seq == w->b.first + i;
	}
	return 0;
}

static void
drop_facts(struct work *w)
{
	for (uint32_t i = 0; i < w->b.count; i++) {
		facts_done(&w->s->facts[i]);
		w->s->facts[i] = (struct facts){0};
	}
}

/* ---- against what is held ---- */

/*
 * Compares the leaves before @end with those held. Returns 0 if they are the
 * same, 1 if one differs, or an error.
 */
static int
compare(struct work *w, uint64_t end)
{
	struct stmt *q = w->s->sql[SQL_BATCH_OVERLAP];
	uint64_t at = w->b.first;
	int r;

	stmt_bind_text(q, 1, w->id);
	stmt_bind_int(q, 2, w->b.gen);
	stmt_bind_int(q, 3, (int64_t)w->b.first);
	stmt_bind_int(q, 4, (int64_t)end);
	stmt_bind_int(q, 5, BATCH_ENTRIES_MAX);
	while ((r = stmt_step(q)) == 1) {
		uint64_t first = (uint64_t)stmt_int(q, 0);
		uint64_t last = first + (uint64_t)stmt_int(q, 1), n;
		size_t len = 0;
		const uint8_t *held = stmt_blob(q, 2, &len);

		if (last <= at)
			continue;
		if (first > at || len != (last - first) * SEAL_HASH)
			break;
		n = (last < end ? last : end) - at;
		if (memcmp(held + (at - first) * SEAL_HASH,
			w->hashes.data + (at - w->b.first) * SEAL_HASH,
			n * SEAL_HASH) != 0) {
			stmt_reset(q);
			return 1;
		}
		at += n;
	}
	stmt_reset(q);
	if (r < 0)
		return r;
	/* A hole in what was taken would be a broken store. */
	return at == end ? 0 : -EBADMSG;
}

static int
fork_verdict(struct work *w, const char *what)
{
	char text[DIAG_MAX], root[2 * SEAL_HASH + 1];

	str_hex(root, w->c.root, SEAL_HASH);
	(void)snprintf(text, sizeof text,
	    "generation %u of the log: %s; the agent signed size %llu with "
	    "root %s. The log was rewritten or set back, or its key is used "
	    "twice",
	    w->b.gen, what, (unsigned long long)w->c.size, root);
	return alarm_verdict(w, STORE_FORK, "fork", text);
}

/* ---- keeping ---- */

static int
put_batch(struct work *w, const void *packed, size_t len)
{
	struct stmt *q = w->s->sql[SQL_BATCH_ADD];

	stmt_bind_text(q, 1, w->id);
	stmt_bind_int(q, 2, w->b.gen);
	stmt_bind_int(q, 3, (int64_t)w->b.first);
	stmt_bind_int(q, 4, w->b.count);
	stmt_bind_blob(q, 5, packed, len);
	stmt_bind_blob(q, 6, w->hashes.data, w->hashes.len);
	stmt_bind_blob(q, 7, w->b.note, w->b.note_len);
	stmt_bind_int(q, 8, w->now_us);
	return stmt_run(q);
}

static int
put_entries(struct work *w)
{
	for (uint32_t i = 0; i < w->b.count; i++) {
		int r = w->s->readable[i]
			    ? project_put(w->s->project, w->id, &w->s->facts[i])
			    : project_unreadable(w->s->project, w->id, w->b.gen,
				  w->b.first + i, w->now_us);

		if (r != 0)
			return r;
	}
	return 0;
}

static int
put_seen(struct work *w)
{
	struct stmt *q = w->s->sql[SQL_AGENT_SEEN];
	bool later = !w->any || w->b.gen > w->newest;

	stmt_bind_text(q, 1, w->id);
	stmt_bind_int(q, 2, w->now_us);
	stmt_bind_int(q, 3, later ? w->b.gen : w->newest);
	return stmt_run(q);
}

/* A new generation is honest after a broken disk, and must be seen. */
static int
tell_generation(struct work *w)
{
	char text[DIAG_MAX];

	if (!w->any || w->found || w->b.gen == w->newest)
		return 0;
	(void)snprintf(text, sizeof text,
	    "the log began generation %u after generation %u", w->b.gen,
	    w->newest);
	return alarm_verdict(w, STORE_TAKEN, "generation", text);
}

static int
keep(struct work *w, const struct merkle *tree, const void *packed, size_t len)
{
	int r;

	w->out->entries = w->b.count;
	w->out->next = tree->size;
	if ((r = verdict(w, STORE_TAKEN, "")) != 0 ||
	    (r = tell_generation(w)) != 0 ||
	    (r = put_batch(w, packed, len)) != 0 ||
	    (r = put_frontier(w->s, w->id, w->b.gen, tree)) != 0 ||
	    (r = put_entries(w)) != 0)
		return r;
	return put_seen(w);
}

static int
extend(struct work *w, const void *packed, size_t len)
{
	struct merkle tree = w->tree;
	struct diag why = {0};
	uint8_t root[SEAL_HASH];
	int r;

	for (uint32_t i = 0; i < w->b.count; i++)
		merkle_append(&tree, w->hashes.data + i * (size_t)SEAL_HASH);
	merkle_root(&tree, root);
	if (memcmp(root, w->c.root, SEAL_HASH) != 0)
		return w->tree.size == 0
			   ? alarm_verdict(w, STORE_BAD, "root",
				 "the signed root is not that of the entries")
			   : fork_verdict(w,
				 "the entries do not lead from what is held "
				 "to the signed root");
	r = open_entries(w, &why);
	if (r == 0)
		r = keep(w, &tree, packed, len);
	else if (r == -EBADMSG)
		r = verdict(w, STORE_BAD, why.text);
	drop_facts(w);
	return r;
}

/* The batch is whole and the agent's: where does it lie? */
static int
place(struct work *w, const void *packed, size_t len)
{
	uint64_t held, end = w->b.first + w->b.count;
	int r = get_frontier(w->s, w->id, w->b.gen, &w->tree);

	if (r < 0)
		return r;
	w->found = r == 1;
	held = w->tree.size;
	w->out->gen = w->b.gen;
	w->out->next = held;
	if (!w->found && w->any && w->b.gen < w->newest)
		return verdict(w, STORE_BAD,
		    "a generation before the newest one cannot begin now");
	if (w->b.first > held)
		return verdict(w, STORE_GAP, "entries before it are missing");
	r = hash_leaves(w);
	if (r != 0 || w->b.first == held)
		return r != 0 ? r : extend(w, packed, len);
	r = compare(w, end < held ? end : held);
	if (r < 0)
		return r;
	if (r == 1)
		return fork_verdict(w, "an entry differs from the one held");
	if (end <= held)
		return verdict(w, STORE_KNOWN, "");
	return verdict(w, STORE_GAP, "its first entries are held already");
}

static int
judge(struct work *w, const void *packed, size_t len)
{
	struct diag why = {0};
	struct vkey v;
	int r;

	r = batch_unpack(packed, len, &w->s->plain);
	if (r == 0)
		r = batch_parse(w->s->plain.data, w->s->plain.len, &w->b, &why);
	if (r == -ENOMEM)
		return r;
	if (r != 0)
		return verdict(w, STORE_BAD,
		    why.text[0] != '\0' ? why.text
					: "the batch cannot be unpacked");
	r = get_agent(w, &v);
	if (r != 0)
		return r;
	r = check_note(w, &v, &why);
	if (r == -EACCES)
		return alarm_verdict(w, STORE_DENIED, "foreign", why.text);
	if (r == -EBADMSG)
		return verdict(w, STORE_BAD, why.text);
	return r != 0 ? r : place(w, packed, len);
}

int
take_batch(struct store *s, const char *id, const uint8_t key[SEAL_HASH],
    const void *packed, size_t len, int64_t now_us, struct store_taken *out)
{
	struct work w = {.s = s, .id = id, .now_us = now_us, .out = out};
	struct diag why = {0};
	int r;

	*out = (struct store_taken){0};
	r = store_admit(s, id, key, &why);
	if (r == -EACCES)
		return verdict(&w, STORE_DENIED, why.text);
	if (r != 0)
		return r;
	buf_init(&w.hashes, BATCH_ENTRIES_MAX * SEAL_HASH);
	buf_reset(&s->plain);
	r = judge(&w, packed, len);
	batch_done(&w.b);
	buf_done(&w.hashes);
	return r;
}

int
take_frontier(
    struct store *s, const char *id, uint32_t gen, struct store_taken *out)
{
	struct work w = {.s = s, .id = id, .out = out};
	struct merkle m;
	struct vkey v;
	int r = get_agent(&w, &v);

	*out = (struct store_taken){0};
	if (r != 0)
		return r;
	out->gen = gen == STORE_GEN_NEWEST ? w.newest : gen;
	r = get_frontier(s, id, out->gen, &m);
	if (r < 0)
		return r;
	out->verdict = STORE_KNOWN;
	out->next = m.size;
	return 0;
}
