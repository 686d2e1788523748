/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supply - what ship gets, and what it brings back.
 *
 * Owns: which generation is shipped, where a batch ends, and the judgement of
 * receipts.
 * Never: gives what no checkpoint covers; begins a generation before the one
 * before it has been given to its end; keeps a receipt for another tree.
 *
 * Whoever asks names an index alone. The generation is the oldest one that the
 * collector did not receipt to its end; when it asks from that end on, it is
 * the next one, from index 0. So a collector that holds more than was receipted
 * leads us on, and one that asks from 0 gets the generation that it lacks.
 */
#include <errno.h>
#include <string.h>

#include "agent/record/inner.h"
#include "lib/batch.h"
#include "lib/str.h"

#include "lib/own.h"

void
supply_close(struct record *r)
{
	ledger_close(r->supply);
	r->supply = NULL;
	r->supplying = false;
}

/* Opens the ended generation that is shipped; 0, -ENOENT: it cannot be. */
static int
open_past(struct record *r, uint32_t gen)
{
	struct diag why = {""};
	int e = ledger_open_gen(r->path, gen, &r->supply, &why);

	if (e != 0)
		r->error = why;
	return e == 0 ? 0 : -ENOENT;
}

/* An ended generation whose rest cannot be read any more. */
static void
tell_unreadable(struct record *r, uint32_t gen, const struct ledger_past *p)
{
	char reason[64];

	must(str_format(reason, sizeof reason,
		 "generation %u of the log cannot be read", gen) == 0);
	record_tell_loss(r, reason, p->size - p->receipted);
}

/* The oldest generation from @from on that still has to be shipped; @from
 * itself in any case if somebody is at it. */
static void
choose(struct record *r, uint32_t from, bool at_it)
{
	OWN(buf_done) struct buf note = {0};
	uint32_t newest = ledger_gen(r->ledger);

	supply_close(r);
	for (r->supply_gen = from; r->supply_gen < newest; r->supply_gen++) {
		struct ledger_past p;

		buf_done(&note);
		buf_init(&note, NOTE_MAX);
		if (ledger_past(r->ledger, r->supply_gen, &p, &note) != 0 ||
		    (p.receipted >= p.size &&
			!(at_it && r->supply_gen == from)))
			continue;
		if (open_past(r, r->supply_gen) == 0)
			break;
		tell_unreadable(r, r->supply_gen, &p);
	}
	r->supplying = true;
}

/* The checkpoint in reach of @first whose size is at most @most. */
static int
find_note(struct record *r, uint64_t first, uint64_t most, struct buf *note,
    uint64_t *end)
{
	struct ledger *l = r->supply != NULL ? r->supply : r->ledger;
	struct ledger_past p;
	int e = ledger_note(l, first, most, note, end);

	if (e != -ENOENT || r->supply == NULL)
		return e;
	/* The end of an ended one is signed in the one behind it. */
	e = ledger_past(r->ledger, r->supply_gen, &p, note);
	if (e == 0 && (note->len == 0 || p.size <= first || p.size > most))
		e = -ENOENT;
	*end = p.size;
	return e;
}

/* 0, or -ENOBUFS and *reached: the entry that did not fit. */
static int
write_batch(struct ledger *l, uint64_t first, uint64_t end,
    const struct buf *note, struct buf *out, uint64_t *reached)
{
	batch_begin(out, ledger_origin(l), ledger_gen(l), first,
	    (uint32_t)(end - first));
	for (uint64_t seq = first; seq < end; seq++) {
		struct entry e = {0};
		int r = ledger_read(l, seq, &e);

		if (r != 0)
			return r;
		batch_entry(out, &e);
		entry_done(&e);
		*reached = seq;
		if (buf_error(out) != 0)
			return buf_error(out);
	}
	batch_end(out, note->data, note->len);
	*reached = end - 1;
	return buf_error(out);
}

/* Each round ends at an earlier checkpoint than the one before. */
static int
make_batch(struct record *r, uint64_t first, struct buf *out, uint64_t *count)
{
	OWN(buf_done) struct buf note = {0};
	struct ledger *l = r->supply != NULL ? r->supply : r->ledger;
	uint64_t most = first > UINT64_MAX - BATCH_ENTRIES_MAX
			    ? UINT64_MAX
			    : first + BATCH_ENTRIES_MAX;

	buf_init(&note, NOTE_MAX);
	for (;;) {
		uint64_t end, reached = first;
		int e;

		buf_reset(&note);
		buf_reset(out);
		e = find_note(r, first, most, &note, &end);
		if (e == 0)
			e = write_batch(l, first, end, &note, out, &reached);
		if (e == 0)
			*count = end - first;
		if (e != -ENOBUFS)
			return e;
		most = reached;
	}
}

/* The end of the generation that is shipped. */
static int
supply_end(struct record *r, uint64_t *end)
{
	OWN(buf_done) struct buf note = {0};
	struct ledger_past p;
	int e;

	buf_init(&note, NOTE_MAX);
	e = ledger_past(r->ledger, r->supply_gen, &p, &note);
	*end = p.size;
	return e;
}

int
record_batch(struct record *r, uint64_t first, struct buf *out, uint64_t *begin,
    uint64_t *count)
{
	uint64_t end = 0;
	int e;

	if (!r->supplying && r->resume) {
		uint32_t at = r->supply_gen;

		choose(r, at, true);
		if (r->supply_gen != at)
			first = 0;
	} else if (!r->supplying) {
		choose(r, 0, false);
	}
	r->resume = false;
	/* Bounded: each round is another generation. */
	while (r->supply != NULL) {
		struct ledger_past p = {0};

		e = supply_end(r, &end);
		if (e == 0 && first < end)
			e = make_batch(r, first, out, count);
		else if (e == 0)
			e = -ENODATA;
		*begin = first;
		if (e == 0 || e == -ENOMEM)
			return e;
		if (e != -ENODATA) {
			p.size = end;
			p.receipted = first < end ? first : end;
			tell_unreadable(r, r->supply_gen, &p);
		}
		choose(r, r->supply_gen + 1, false);
		first = 0;
	}
	*begin = first;
	if (first > ledger_size(r->ledger))
		return -ERANGE;
	e = make_batch(r, first, out, count);
	/* What cannot be read here stays behind; ship gets what follows. */
	if (e == -EBADMSG || e == -EIO)
		e = record_renew(
		    r, "the log was damaged; a new generation began");
	else if (e == 0)
		return 0;
	return e == -ENOENT || e == 0 ? -EAGAIN : e;
}

/* ---- receipts ---- */

static int
check_note(struct record *r, const char *note, size_t len, struct checkpoint *c,
    struct diag *why)
{
	struct vkey cosign;
	int e = keys_cosign(r->dir, &cosign, why);

	if (e == 0)
		e = note_verify(note, len, &cosign, NULL, why);
	if (e == 0)
		e = note_verify(note, len, &r->keys.vkey, NULL, why);
	if (e == 0)
		e = checkpoint_parse(note, len, c, why);
	if (e == -ENOKEY)
		return diag_set(
		    why, e, "the receipt lacks a signature that it must have");
	if (e == 0 && !str_eq(c->origin, r->keys.vkey.name))
		return diag_set(why, -EBADMSG, "the receipt is of another log");
	return e;
}

/* An ended generation that had this tree. */
static int
receipt_past(struct record *r, const struct checkpoint *c, const void *note,
    size_t len, int64_t now_us)
{
	OWN(buf_done) struct buf unused = {0};

	buf_init(&unused, NOTE_MAX);
	for (uint32_t gen = ledger_gen(r->ledger); gen-- > 0;) {
		struct ledger_past p;
		uint8_t root[SEAL_HASH];
		bool same;

		buf_reset(&unused);
		if (ledger_past(r->ledger, gen, &p, &unused) != 0)
			continue;
		same = p.size == c->size &&
		       memcmp(p.root, c->root, SEAL_HASH) == 0;
		if (!same && r->supply != NULL && r->supply_gen == gen &&
		    ledger_root(r->supply, c->size, root) == 0)
			same = memcmp(root, c->root, SEAL_HASH) == 0;
		if (same)
			return ledger_past_receipt(
			    r->ledger, gen, c->size, note, len, now_us);
	}
	return -ENOENT;
}

int
record_receipt(struct record *r, const void *note, size_t len, struct diag *why)
{
	int64_t now_us = clock_now().wall_us;
	struct checkpoint c;
	uint8_t root[SEAL_HASH];
	int e = check_note(r, note, len, &c, why);

	if (e != 0)
		return e;
	e = ledger_root(r->ledger, c.size, root);
	if (e == 0 && memcmp(root, c.root, SEAL_HASH) == 0)
		e = ledger_receipt(r->ledger, c.size, note, len, now_us);
	else if (e == 0 || e == -ENOENT)
		e = receipt_past(r, &c, note, len, now_us);
	if (e == -ENOENT)
		return diag_set(why, -EBADMSG,
		    "the receipt is for %llu entries with another root than "
		    "ours",
		    (unsigned long long)c.size);
	return e != 0 ? diag_set(why, e, "the receipt: %s", strerror(-e)) : 0;
}
