/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - what the collector holds: agents, their batches, and the facts in
 * them. The one writer of the database; the readers' door is query.h.
 *
 * Every call that changes something stands between store_begin and
 * store_commit. After -EIO nothing more may be written: the process ends and
 * is started anew.
 */
#ifndef COLLECTOR_STORE_STORE_H
#define COLLECTOR_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/exact.h"
#include "lib/own.h"
#include "lib/pki.h"
#include "lib/rows.h"
#include "lib/seal.h"

#define STORE_HOST_MAX 256
#define STORE_VKEY_MAX 320
/* A generation in a question: the newest that is known of the agent. */
#define STORE_GEN_NEWEST UINT32_MAX

struct store;

/* store_open - opens or creates the database file, and its tables. */
int store_open(
    const char *path, struct store **out, struct diag *why) MUST_CHECK;
void store_close(struct store *s);
void store_closep(struct store **s);
int store_begin(struct store *s) MUST_CHECK;
int store_commit(struct store *s) MUST_CHECK;
void store_rollback(struct store *s);

/* ---- tokens and agents ---- */

/* store_token_add - a token, by the SHA-256 of its text, good until @to_us. */
int store_token_add(struct store *s, const uint8_t hash[SEAL_HASH],
    int64_t now_us, int64_t to_us) MUST_CHECK;

/* A request to become an agent; its own signature was checked by front. */
struct store_enrol {
	const uint8_t *token; /* SEAL_HASH bytes */
	const char *host;
	const char *vkey; /* of the host's log */
	const void *public_key; /* DER */
	size_t len;
	int64_t now_us;
};

/*
 * store_enrol_check - decides, changing nothing, and picks the agent's id.
 * A used token is good again for the same key and log: the answer was lost. A
 * log whose agent was revoked gets that agent's id back.
 * Returns 0, -EPERM (no such token, used, too old), -EEXIST (the log is
 * enrolled with another key), -EBADMSG (not a vkey), each with a sentence.
 */
int store_enrol_check(struct store *s, const struct store_enrol *e,
    char id[PKI_ID_MAX], struct diag *why) MUST_CHECK;
/* store_enrol - uses up the token and keeps the agent. */
int store_enrol(
    struct store *s, const struct store_enrol *e, const char *id) MUST_CHECK;
/*
 * store_admit - 0 if @id is an active agent and @key is the SHA-256 of its
 * public key in DER; -EACCES with a sentence otherwise.
 */
int store_admit(struct store *s, const char *id, const uint8_t key[SEAL_HASH],
    struct diag *why) MUST_CHECK;
/* store_public_key - appends the DER of an agent's key. 0 or -ENOENT. */
int store_public_key(
    struct store *s, const char *id, struct buf *out) MUST_CHECK;
/* store_revoke - 0, -ENOENT, or -EALREADY. */
int store_revoke(struct store *s, const char *id, int64_t now_us) MUST_CHECK;

struct store_agent {
	char id[PKI_ID_MAX];
	char host[STORE_HOST_MAX];
	char state[16];
	int64_t enrolled_us, seen_us; /* seen_us 0: never */
	uint32_t gen;
	uint64_t entries;
	uint32_t alarms;
};

/* store_agents - calls @each for every agent, by id; its -errno ends it. */
int store_agents(struct store *s,
    int (*each)(void *ctx, const struct store_agent *a), void *ctx) MUST_CHECK;

/* ---- intake ---- */

enum store_verdict {
	STORE_TAKEN, /* kept now */
	STORE_KNOWN, /* had it already, byte for byte */
	STORE_GAP, /* begins behind what is wanted: rewind to next */
	STORE_DENIED, /* not an active agent, or not its log */
	STORE_BAD, /* malformed, or not signed by the agent's log */
	STORE_FORK, /* contradicts what is held: alarm, never kept */
};

struct store_taken {
	enum store_verdict verdict;
	uint32_t gen;
	uint64_t next; /* index wanted next of that generation */
	uint64_t entries; /* kept now */
	char alarm[24]; /* kind of an alarm that is new, or "" */
	char detail[DIAG_MAX]; /* its sentence, or that of a refusal */
};

/*
 * take_batch - judges a packed batch that the bearer of @key sent as @id, and
 * keeps it if it extends the log that is known.
 * @now_us: when it came. Returns 0 with the verdict in @out, or -EIO, -ENOSPC,
 * -ENOMEM: then the transaction must be rolled back.
 */
int take_batch(struct store *s, const char *id, const uint8_t key[SEAL_HASH],
    const void *packed, size_t len, int64_t now_us,
    struct store_taken *out) MUST_CHECK;
/*
 * take_frontier - what is wanted next of an agent's generation.
 * Returns 0, or -ENOENT for an agent that is not known.
 */
int take_frontier(struct store *s, const char *id, uint32_t gen,
    struct store_taken *out) MUST_CHECK;

/* ---- receipts ---- */

/* A batch, as sign has to see it. */
struct store_due {
	char id[PKI_ID_MAX];
	char vkey[STORE_VKEY_MAX];
	uint32_t gen;
	uint64_t first;
	struct buf hashes; /* leaf hashes */
	struct buf note;
};

void due_init(struct store_due *d);
void due_done(struct store_due *d);
/*
 * due_next - the first batch without a receipt of an agent's generation that
 * begins at or behind @first. Returns 0, -ENOENT, or an error.
 */
int due_next(struct store *s, const char *id, uint32_t gen, uint64_t first,
    struct store_due *out) MUST_CHECK;
/* due_any - the next of any agent behind the one that @out holds; one that was
 * just initialised is before all. */
int due_any(struct store *s, struct store_due *out) MUST_CHECK;
/* due_at - the batch that holds an index, with a receipt or without. */
int due_at(struct store *s, const char *id, uint32_t gen, uint64_t index,
    struct store_due *out) MUST_CHECK;
/* due_receipt - keeps the cosigned note of a batch; empty: superseded. */
int due_receipt(struct store *s, const char *id, uint32_t gen, uint64_t first,
    const void *note, size_t len) MUST_CHECK;
/* due_last - appends the newest receipt of a generation, if there is one. */
int due_last(
    struct store *s, const char *id, uint32_t gen, struct buf *note) MUST_CHECK;

/* ---- exact data match ---- */

/* A finding whose candidates are to be confirmed. */
struct store_sealed {
	uint64_t id; /* for the answer; not 0 */
	char text[EXACT_SEALED_MAX + 1]; /* lib/exact.h */
};

enum store_judged {
	STORE_JUDGED,
	STORE_NO_TABLE, /* of its index: it waits for one */
	STORE_NO_KEY, /* what is here does not open it */
};

/* What became of it; @marks: ROWS_MARK bytes of each that is confirmed. */
struct store_confirmed {
	uint64_t id;
	enum store_judged how;
	uint32_t candidates;
	uint8_t marks[EXACT_CANDIDATES_MAX][ROWS_MARK];
	size_t confirmed;
};

/*
 * sealed_next - the first one behind @after (0: the first of all) that nobody
 * was asked about. Returns 0, -ENOENT, or an error.
 */
int sealed_next(
    struct store *s, uint64_t after, struct store_sealed *out) MUST_CHECK;
/* sealed_put - keeps a verdict. */
int sealed_put(struct store *s, const struct store_confirmed *v) MUST_CHECK;
/* sealed_again - all without a verdict may be asked about anew. */
int sealed_again(struct store *s) MUST_CHECK;

/* store_alarm - keeps an alarm; 1 if it was told before and is not kept. */
int store_alarm(struct store *s, const char *id, int64_t now_us,
    const char *kind, const char *detail) MUST_CHECK;

#endif
