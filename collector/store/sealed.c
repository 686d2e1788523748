/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed - which candidates of exact data match were confirmed.
 *
 * Owns: the columns "exact", "candidates" and "confirmed" of a finding, and the
 * marks of its confirmed values.
 * Never: opens what is sealed; changes what the finding itself says: its
 * confidence stays the host's word, whatever the verdict.
 */
#include <errno.h>

#include "collector/store/inner.h"
#include "lib/str.h"

#include "lib/own.h"

int
sealed_next(struct store *s, uint64_t after, struct store_sealed *out)
{
	struct stmt *q = s->sql[SQL_SEALED_NEXT];
	int r;

	stmt_bind_int(q, 1, (int64_t)after);
	r = stmt_step(q);
	if (r == 1) {
		out->id = (uint64_t)stmt_int(q, 0);
		/* One that is longer than any is none: its head says enough. */
		if (str_copy(out->text, sizeof out->text, stmt_text(q, 1)) != 0)
			out->text[0] = '\0';
		r = 0;
	} else if (r == 0) {
		r = -ENOENT;
	}
	stmt_reset(q);
	return r;
}

static int
put_marks(struct store *s, const struct store_confirmed *v)
{
	struct stmt *q = s->sql[SQL_MARK_ADD];
	int r = 0;

	for (size_t i = 0; i < v->confirmed && r == 0; i++) {
		stmt_bind_int(q, 1, (int64_t)v->id);
		stmt_bind_blob(q, 2, v->marks[i],
		    rows_number(v->marks[i]) != 0 ? ROWS_MARK
						  : ROWS_MARK_VALUE);
		r = stmt_run(q);
	}
	return r;
}

int
sealed_put(struct store *s, const struct store_confirmed *v)
{
	struct stmt *q;

	if (v->how != STORE_JUDGED) {
		q = s->sql[SQL_SEALED_LEFT];
		stmt_bind_int(q, 1, (int64_t)v->id);
		stmt_bind_text(
		    q, 2, v->how == STORE_NO_TABLE ? "missing" : "closed");
		return stmt_run(q);
	}
	q = s->sql[SQL_SEALED_DONE];
	stmt_bind_int(q, 1, (int64_t)v->id);
	stmt_bind_int(q, 2, v->candidates);
	stmt_bind_int(q, 3, (int64_t)v->confirmed);
	stmt_bind_int(q, 4, EXACT_HEAD_TEXT);
	int r = stmt_run(q);
	return r == 0 ? put_marks(s, v) : r;
}

int
sealed_again(struct store *s)
{
	return stmt_run(s->sql[SQL_SEALED_AGAIN]);
}
