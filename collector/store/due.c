/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due - the receipts that batches have, and those that they still need.
 *
 * Owns: the column "cosigned".
 * Never: signs; a receipt is made by sign, after the batch is durable.
 */
#include <errno.h>
#include <string.h>

#include "collector/store/inner.h"
#include "lib/note.h"
#include "lib/str.h"

#include "lib/own.h"

void
due_init(struct store_due *d)
{
	*d = (struct store_due){0};
	buf_init(&d->hashes, BATCH_ENTRIES_MAX * SEAL_HASH);
	buf_init(&d->note, NOTE_MAX);
}

void
due_done(struct store_due *d)
{
	buf_done(&d->hashes);
	buf_done(&d->note);
}

static int
read_due(struct stmt *q, struct store_due *out)
{
	const void *data;
	size_t len = 0;

	buf_reset(&out->hashes);
	buf_reset(&out->note);
	if (str_copy(out->id, sizeof out->id, stmt_text(q, 0)) != 0 ||
	    str_copy(out->vkey, sizeof out->vkey, stmt_text(q, 1)) != 0)
		return -EBADMSG;
	out->gen = (uint32_t)stmt_int(q, 2);
	out->first = (uint64_t)stmt_int(q, 3);
	data = stmt_blob(q, 4, &len);
	buf_put(&out->hashes, data, len);
	data = stmt_blob(q, 5, &len);
	buf_put(&out->note, data, len);
	return buf_error(&out->hashes) != 0 ? buf_error(&out->hashes)
					    : buf_error(&out->note);
}

static int
one(struct stmt *q, struct store_due *out)
{
	int r = stmt_step(q);

	if (r == 1)
		r = read_due(q, out);
	else if (r == 0)
		r = -ENOENT;
	stmt_reset(q);
	return r;
}

static int
one_of(struct store *s, enum store_sql sql, const char *id, uint32_t gen,
    uint64_t index, struct store_due *out)
{
	struct stmt *q = s->sql[sql];

	stmt_bind_text(q, 1, id);
	stmt_bind_int(q, 2, gen);
	stmt_bind_int(q, 3, (int64_t)index);
	return one(q, out);
}

int
due_next(struct store *s, const char *id, uint32_t gen, uint64_t first,
    struct store_due *out)
{
	return one_of(s, SQL_DUE, id, gen, first, out);
}

int
due_any(struct store *s, struct store_due *out)
{
	return one_of(s, SQL_DUE_ANY, out->id, out->gen, out->first, out);
}

int
due_at(struct store *s, const char *id, uint32_t gen, uint64_t index,
    struct store_due *out)
{
	return one_of(s, SQL_BATCH_AT, id, gen, index, out);
}

int
due_receipt(struct store *s, const char *id, uint32_t gen, uint64_t first,
    const void *note, size_t len)
{
	struct stmt *q = s->sql[SQL_RECEIPT];

	stmt_bind_text(q, 1, id);
	stmt_bind_int(q, 2, gen);
	stmt_bind_int(q, 3, (int64_t)first);
	stmt_bind_blob(q, 4, len > 0 ? note : "", len);
	return stmt_run(q);
}

int
due_last(struct store *s, const char *id, uint32_t gen, struct buf *note)
{
	struct stmt *q = s->sql[SQL_RECEIPT_LAST];
	int r;

	stmt_bind_text(q, 1, id);
	stmt_bind_int(q, 2, gen);
	r = stmt_step(q);
	if (r == 1) {
		size_t len = 0;
		const void *data = stmt_blob(q, 0, &len);

		buf_put(note, data, len);
		r = buf_error(note);
	}
	stmt_reset(q);
	return r;
}
