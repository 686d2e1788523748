/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - from drafts to durable, signed entries.
 *
 * Owns: the open group, when it is committed, when a checkpoint is signed, what
 * is refused on a full disk, and the change to a new generation.
 * Never: says that a draft is durable before its commit; drops one unsaid;
 * writes on into a file whose write or sync has failed.
 *
 * A group is kept in memory until its commit came back, so that it can be
 * written again: to the same file when there is room again, to the next
 * generation when the file is dead.
 *
 * Where little room is left (a twentieth of the file system, 64 MiB at most)
 * drafts of the lowest priority are refused, and counted as a loss: what is
 * about findings, sessions and coverage goes on. Where none is left nothing is
 * taken; the writers hold back what they have and count what they cannot.
 */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/record/inner.h"
#include "lib/batch.h"
#include "lib/draft.h"
#include "lib/str.h"

#include "lib/own.h"

#define OWN_MAX 4 /* entries of ours in a group */
#define GROUP_US 20000 /* a draft waits at most this long for others */
#define GROUP_BYTES (4u * 1024 * 1024)
#define SIGN_US 500000 /* between two checkpoints, if neither is full */
#define SIGN_ENTRIES (BATCH_ENTRIES_MAX / 2)
#define SIGN_BYTES (4u * 1024 * 1024)
#define SPACE_US 1000000
#define RETRY_US 1000000
#define TELL_US 10000000 /* between two entries about a loss that goes on */
#define LOW_BYTES (UINT64_C(64) * 1024 * 1024)
#define LOW_SHARE 20
#define PRIO_BULK 2
#define SECOND_MS 1000

_Static_assert(
    SIGN_ENTRIES - 1 + RECORD_GROUP_MAX + OWN_MAX - 3 <= BATCH_ENTRIES_MAX,
    "a checkpoint must end every batch");

/* ---- entries of our own ---- */

static void
drop_items(struct record *r)
{
	for (size_t i = 0; i < r->nitems; i++)
		draft_done(&r->items[i].d);
	r->nitems = 0;
	r->group_bytes = 0;
}

static void
own_loss(struct record *r, struct draft *d, const char *reason, uint64_t lost,
    struct stamp from)
{
	struct stamp now = clock_now();

	draft_init(d, "cov.loss", now);
	draft_text(d, "stage", "record");
	draft_text(d, "reason", reason);
	if (lost > 0)
		draft_uint(d, "lost", lost);
	draft_int(d, "from_us", from.wall_us);
	draft_int(d, "to_us", now.wall_us);
	if (r->nitems == 0)
		r->group_us = now.boot_us;
}

/* Puts a loss in front of the group: what follows came after it. */
static void
tell_first(struct record *r, const char *reason, uint64_t lost)
{
	if (r->nitems >= RECORD_GROUP_MAX + OWN_MAX)
		return;
	memmove(r->items + 1, r->items, r->nitems * sizeof *r->items);
	r->items[0] = (struct item){0};
	own_loss(r, &r->items[0].d, reason, lost, clock_now());
	r->nitems++;
}

void
record_tell_loss(struct record *r, const char *reason, uint64_t lost)
{
	tell_first(r, reason, lost);
}

static void
tell_loss(struct record *r)
{
	struct loss *l = &r->loss;

	if (l->lost == 0 || r->nitems >= RECORD_GROUP_MAX + OWN_MAX)
		return;
	r->items[r->nitems] = (struct item){0};
	own_loss(r, &r->items[r->nitems].d, l->reason, l->lost, l->from);
	r->nitems++;
	l->told_us = clock_boot_us();
	l->lost = 0;
}

static void
lose(struct record *r, const char *reason)
{
	struct loss *l = &r->loss;

	if (l->lost > 0 && !str_eq(l->reason, reason))
		tell_loss(r);
	if (l->lost == 0) {
		l->from = clock_now();
		must(str_copy(l->reason, sizeof l->reason, reason) == 0);
	}
	l->lost++;
}

void
record_refuse(struct record *r, const char *reason)
{
	lose(r, reason);
}

/* ---- failures ---- */

static void
set_error(struct record *r, const char *what, int err)
{
	r->error.text[0] = '\0';
	(void)diag_set(&r->error, err, "%s: %s", what, strerror(-err));
}

/* The group waits. */
static void
stall(struct record *r, const char *what, int err)
{
	set_error(r, what, err);
	if (!r->told_full)
		r->events |= RECORD_FULL;
	r->told_full = r->stalled = true;
	r->retry_us = clock_boot_us() + RETRY_US;
}

int
record_renew(struct record *r, const char *reason)
{
	struct ledger *fresh = NULL;
	struct diag why = {""};
	int e = ledger_renew(
	    r->path, r->keys.vkey.name, keys_sign, &r->keys, &fresh, &why);

	if (e != 0) {
		r->error = why;
		return e;
	}
	ledger_close(r->ledger);
	r->ledger = fresh;
	r->resume = r->supplying;
	supply_close(r);
	tell_first(r, reason, 0);
	r->events |= RECORD_RENEWED;
	return 0;
}

/* 0 if the same can be tried again at once. */
static int
recover(struct record *r, const char *what, int err)
{
	int e;

	if (!ledger_dead(r->ledger)) {
		stall(r, what, err);
		return err;
	}
	set_error(r, what, err);
	e = record_renew(
	    r, "the log could not be written; a new generation began");
	if (e != 0)
		stall(r, "a new generation of the log", e);
	return e;
}

/* ---- committing and signing ---- */

static int
append_items(struct record *r)
{
	for (size_t i = 0; i < r->nitems; i++) {
		struct item *it = &r->items[i];
		uint64_t seq = 0;
		int e = ledger_append(r->ledger, &it->d,
		    it->source[0] == '\0' ? NULL : it->source, it->epoch,
		    it->number, &seq);

		/* The draft's fault, and nothing was changed. */
		if (e == -EINVAL || e == -ENOBUFS || e == -ERANGE)
			it->spoilt = true;
		else if (e < 0)
			return e;
	}
	return 0;
}

static int
write_group(struct record *r)
{
	int e = ledger_begin(r->ledger);

	if (e != 0)
		return e;
	e = append_items(r);
	if (e != 0) {
		ledger_rollback(r->ledger);
		return e;
	}
	return ledger_commit(r->ledger);
}

static int
sign(struct record *r)
{
	size_t bytes;
	int e;

	if (ledger_unsigned(r->ledger, &bytes) == 0)
		return 0;
	r->signed_us = clock_boot_us();
	e = ledger_checkpoint(r->ledger, keys_sign, &r->keys, NULL);
	if (e == 0)
		r->events |= RECORD_SIGNED;
	return e;
}

/* What is unsigned fits into one batch, with the group. */
static int
sign_before(struct record *r)
{
	size_t bytes;
	uint64_t n = ledger_unsigned(r->ledger, &bytes);

	if (n + r->nitems <= BATCH_ENTRIES_MAX && bytes < SIGN_BYTES)
		return 0;
	return sign(r);
}

/* Bounded: each round but the last ends in another generation. */
static void
commit(struct record *r)
{
	for (int round = 0; round < 3 && r->nitems > 0; round++) {
		int e = sign_before(r);

		if (e == 0)
			e = write_group(r);
		if (e == 0) {
			size_t spoilt = 0;

			for (size_t i = 0; i < r->nitems; i++)
				spoilt += r->items[i].spoilt;
			drop_items(r);
			for (; spoilt > 0; spoilt--)
				lose(r, "a record could not become an entry");
			r->events |= RECORD_COMMITTED;
			r->stalled = false;
			return;
		}
		if (recover(r, r->path, e) != 0)
			return;
	}
	if (r->nitems > 0)
		stall(r, r->path, -EIO);
}

static void
sign_now(struct record *r)
{
	int e = sign(r);

	if (e != 0)
		(void)recover(r, r->path, e);
}

/* ---- writers ---- */

static size_t
draft_bytes_of(const struct draft *d)
{
	size_t n = 512;

	for (size_t i = 0; i < d->nfields; i++)
		n += 64 + 3 * d->fields[i].len;
	return n;
}

bool
record_has_room(const struct record *r)
{
	return !r->stalled && r->nitems < RECORD_GROUP_MAX &&
	       r->group_bytes < GROUP_BYTES;
}

int
record_hello(
    struct record *r, const char *source, uint64_t epoch, uint64_t *number)
{
	commit(r);
	if (r->nitems > 0)
		return -EBUSY;
	return ledger_last(r->ledger, source, epoch, number);
}

int
record_put(struct record *r, const char *source, uint64_t epoch,
    uint64_t number, struct draft *d)
{
	const struct draft_type *type = draft_type(d->type);
	struct item *it = &r->items[r->nitems];

	if (!record_has_room(r))
		return -EBUSY;
	if (r->low && type != NULL && type->prio >= PRIO_BULK) {
		lose(r, "the disk is nearly full");
		draft_done(d);
		return 0;
	}
	*it = (struct item){.epoch = epoch, .number = number, .d = *d};
	must(str_copy(it->source, sizeof it->source, source) == 0);
	if (r->nitems++ == 0)
		r->group_us = clock_boot_us();
	r->group_bytes += draft_bytes_of(d);
	*d = (struct draft){0};
	return 0;
}

/* ---- what is due ---- */

static void
look_at_space(struct record *r, uint64_t now)
{
	struct statvfs v;
	uint64_t left, least;

	if (now < r->space_us || statvfs(r->dir, &v) != 0)
		return;
	r->space_us = now + SPACE_US;
	left = (uint64_t)v.f_bavail * v.f_frsize;
	least = (uint64_t)v.f_blocks * v.f_frsize / LOW_SHARE;
	if (least > LOW_BYTES)
		least = LOW_BYTES;
	/* Half as much again, or it would flap. */
	r->low = left < (r->low ? least + least / 2 : least);
}

static void
look_at_day(struct record *r)
{
	int e = tag_advance(&r->tag, clock_now().wall_us);

	if (e == 1)
		r->events |= RECORD_NEW_DAY;
	else if (e < 0)
		set_error(r, "tag.key", e);
}

/* Numbers that were refused are answered by the commit of the loss. */
static void
look_at_loss(struct record *r, uint64_t now)
{
	if (r->loss.lost > 0 && r->nitems < RECORD_GROUP_MAX + OWN_MAX - 1 &&
	    (r->loss.told_us == 0 || now - r->loss.told_us >= TELL_US))
		tell_loss(r);
}

static bool
group_due(const struct record *r, uint64_t now)
{
	if (r->stalled)
		return now >= r->retry_us;
	return r->nitems > 0 &&
	       (!record_has_room(r) || now - r->group_us >= GROUP_US);
}

static bool
sign_due(const struct record *r, uint64_t now)
{
	size_t bytes;
	uint64_t n = ledger_unsigned(r->ledger, &bytes);

	if (n == 0 || (r->stalled && now < r->retry_us))
		return false;
	return n >= SIGN_ENTRIES || bytes >= SIGN_BYTES ||
	       now - r->signed_us >= SIGN_US;
}

static int
ms_until(uint64_t when, uint64_t now)
{
	if (when <= now)
		return 0;
	return when - now >= SECOND_MS * 1000
		   ? SECOND_MS
		   : (int)((when - now + 999) / 1000);
}

static int
next_ms(const struct record *r)
{
	uint64_t now = clock_boot_us();
	size_t bytes;
	int ms = SECOND_MS, n;

	if (r->stalled)
		return ms_until(r->retry_us, now);
	if (r->nitems > 0) {
		n = ms_until(r->group_us + GROUP_US, now);
		ms = n < ms ? n : ms;
	}
	if (ledger_unsigned(r->ledger, &bytes) > 0) {
		n = ms_until(r->signed_us + SIGN_US, now);
		ms = n < ms ? n : ms;
	}
	return ms;
}

int
record_turn(struct record *r)
{
	uint64_t now = clock_boot_us();

	look_at_space(r, now);
	look_at_day(r);
	look_at_loss(r, now);
	if (group_due(r, now)) {
		r->stalled = false;
		commit(r);
	}
	if (sign_due(r, now))
		sign_now(r);
	if (r->told_full && !r->stalled) {
		r->told_full = false;
		r->events |= RECORD_ROOM;
	}
	return next_ms(r);
}

unsigned
record_events(struct record *r)
{
	unsigned e = r->events;

	r->events = 0;
	return e;
}

/* ---- life ---- */

static int
open_ledger(struct record *r, struct diag *why)
{
	int e = ledger_open(r->path, r->keys.vkey.name, &r->ledger, why);

	if (e != -EBADMSG && e != -EIO)
		return e;
	/* Damaged, or not to be synced: what is there stays as it is. */
	r->error = *why;
	*why = (struct diag){""};
	e = record_renew(r,
	    e == -EIO ? "the log could not be written; a new generation began"
		      : "the log was damaged; a new generation began");
	if (e != 0)
		*why = r->error;
	return e;
}

int
record_open(
    const char *dir, const char *host, struct record **out, struct diag *why)
{
	struct record *r = calloc(1, sizeof *r);
	int e;

	if (r == NULL)
		return -ENOMEM;
	r->tag.fd = -1;
	if (str_copy(r->dir, sizeof r->dir, dir) != 0) {
		free(r);
		return diag_set(why, -ENAMETOOLONG, "%s: is too long", dir);
	}
	must(str_format(r->path, sizeof r->path, "%s/log.db", dir) == 0);
	r->items = calloc(RECORD_GROUP_MAX + OWN_MAX, sizeof *r->items);
	e = r->items == NULL ? -ENOMEM : keys_open(dir, host, &r->keys, why);
	if (e == 0)
		e = tag_open(dir, clock_now().wall_us, &r->tag, why);
	if (e == 0)
		e = open_ledger(r, why);
	if (e != 0) {
		record_close(r);
		return e;
	}
	look_at_space(r, clock_boot_us());
	*out = r;
	return 0;
}

void
record_close(struct record *r)
{
	if (r == NULL)
		return;
	if (r->ledger != NULL && r->items != NULL) {
		tell_loss(r);
		commit(r);
		if (r->nitems == 0)
			(void)sign(r);
	}
	if (r->items != NULL)
		drop_items(r);
	supply_close(r);
	ledger_close(r->ledger);
	keys_close(&r->keys);
	tag_close(&r->tag);
	free(r->items);
	free(r);
}

const char *
record_error(const struct record *r)
{
	return r->error.text;
}

const uint8_t *
record_tag_key(const struct record *r)
{
	return r->tag.key;
}

const char *
record_name(const struct record *r)
{
	return r->keys.vkey.name;
}

uint64_t
record_size(const struct record *r)
{
	return ledger_size(r->ledger);
}

uint32_t
record_gen(const struct record *r)
{
	return ledger_gen(r->ledger);
}
