/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry - one record of a log: a draft on its way in, exact bytes ever after.
 *
 * Owns: the table of entry types and their fields, the restricted JSON of a
 * leaf, and the salted disclosures beside it (after RFC 9901, section 4.2).
 * Never: signs, stores, or sees content.
 *
 * The format stands at the head of entry.c and in docs/man/chaperone-log.5.
 */
#ifndef LIB_ENTRY_H
#define LIB_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/diag.h"
#include "lib/own.h"

#define ENTRY_LEAF_MAX 65535
#define ENTRY_DISCLOSURE_MAX 24576 /* of its base64url text */
#define ENTRY_FIELDS_MAX 48
#define ENTRY_TEXT_MAX 8192 /* of one field; longer is refused by draft_put */
#define ENTRY_SEED_LEN 32

/*
 * The types. Each has a fixed set of disclosable fields (the number of "_sd"
 * digests is the size of that set: absent fields are decoys) and a set of
 * clear ones, which stand in the leaf's object "d". What is about people or
 * near to content is disclosable; coverage is clear.
 *
 * WHO = provider person account grade why session key_fp src_addr method
 *       loginuid audit_ses uid pid exe
 * OBJECT = path dev ino size
 * NET = proto src sport dst dport host
 *
 *   file     WHO OBJECT op count          op: open read write exec
 *   finding  WHO OBJECT NET channel op detector version class confidence
 *            sensitivity count unique unique_capped test_data bulk member
 *            mask tag rules flow allow allow_until sealed flags
 *            channel: file net; op also: send receive
 *   flow     WHO NET direction bytes_out bytes_in gap_bytes kernel_out
 *            examined_out examined_in began_us ended_us how flow
 *   transfer WHO NET flow protocol direction http_method uri filename bytes
 *            complete examined
 *   session  WHO op tty                   op: open close
 *   skipped  WHO OBJECT NET op reason member bytes flow: not examined
 *   cov.start   clear: role version rules rule_count config host sensors why
 *   cov.stop    clear: role why
 *   cov.beat    clear: counters (any names), state
 *   cov.loss    clear: stage reason lost bytes from_us to_us
 *   cov.crash   clear: role signal exit from_us to_us
 *   cov.cfg     clear: what digest result why
 *   col.start col.stop   clear: version why
 *   col.enrol   clear: agent host spki vkey      col.revoke clear: agent why
 *   col.access  disclosable: user via action provider from to format
 *   col.alarm   clear: agent kind detail
 */

/* One value on its way into an entry. */
struct field {
	char name[32];
	bool is_int;
	int64_t num; /* |num| <= 2^53 - 1 */
	char *text; /* owned; bytes, UTF-8 or not; NULL if is_int */
	size_t len;
};

struct draft {
	char type[24];
	struct stamp at;
	struct field fields[ENTRY_FIELDS_MAX];
	size_t nfields;
	int err; /* sticky: -EINVAL unknown field, -ENOBUFS, -ENOMEM, -ERANGE */
};

/* draft_init - starts a draft of a type of the table (must exist). */
void draft_init(struct draft *d, const char *type, struct stamp at);
void draft_done(struct draft *d);
/* Each puts one field once; NULL or an empty text is left out (unknown). */
void draft_int(struct draft *d, const char *name, int64_t v);
void draft_uint(struct draft *d, const char *name, uint64_t v);
void draft_text(struct draft *d, const char *name, const char *s);
void draft_bytes(struct draft *d, const char *name, const void *s, size_t len);
/* draft_error - 0 or the first error. */
int draft_error(const struct draft *d) MUST_CHECK;
/* The wire form of MESSAGE_APPEND. decode checks type, names, bounds: -EBADMSG. */
void draft_encode(const struct draft *d, struct buf *out);
int draft_decode(struct draft *d, struct cur *in) MUST_CHECK;

/* What makes a draft an entry. */
struct entry_place {
	uint64_t seq;
	uint32_t gen;
	const char *boot; /* clock_boot_id() */
	bool synced; /* clock_synced() at append */
	const uint8_t *seed; /* ENTRY_SEED_LEN random bytes, kept beside */
};

/* One disclosure: the base64url text whose SHA-256 stands in "_sd". */
struct disclosure {
	char *text;
	size_t len;
};

struct entry {
	uint64_t seq;
	struct buf leaf; /* exact bytes */
	struct disclosure disclosures[ENTRY_FIELDS_MAX];
	size_t ndisclosures;
};

void entry_done(struct entry *e);
/*
 * entry_seal - makes the exact bytes of a draft.
 * Returns 0, -EINVAL (draft error), -ENOBUFS over ENTRY_LEAF_MAX, -ENOMEM;
 * @out is untouched on failure.
 */
int entry_seal(const struct draft *d, const struct entry_place *place,
    struct entry *out) MUST_CHECK;

/* An entry read back: every field that was found and its digest matched. */
struct facts {
	uint64_t seq;
	uint32_t gen;
	char type[24];
	char boot[CLOCK_BOOT_LEN + 1];
	struct stamp at;
	bool synced;
	int prio;
	struct field fields[ENTRY_FIELDS_MAX]; /* clear and disclosed */
	size_t nfields;
};

void facts_done(struct facts *f);
/*
 * entry_open - strictly parses a leaf and its disclosures (for collector,
 * events, verify): refuses what the producer's rules forbid, unknown
 * disclosures (no such digest), duplicate names.
 * Returns 0, -EBADMSG with a sentence, or -ENOMEM.
 * A type that the table does not hold is accepted (a newer agent's).
 */
int entry_open(const void *leaf, size_t len, const struct disclosure *d,
    size_t nd, struct facts *out, struct diag *why) MUST_CHECK;
/*
 * entry_whole - if the entry has all of its disclosures, as its seed tells.
 * @f: what entry_open read from the leaf and its disclosures.
 * Returns 0 (also for a type whose fields are not known here in that number),
 * -EBADMSG and the field that is gone, or was not made with this seed.
 */
int entry_whole(const void *leaf, size_t len, const struct facts *f,
    const uint8_t seed[ENTRY_SEED_LEN], const char **name) MUST_CHECK;
/* facts_text - a text field, or NULL; facts_int - 0 and *out, or -ENOENT. */
const char *facts_text(const struct facts *f, const char *name);
int facts_int(const struct facts *f, const char *name, int64_t *out);

#endif
