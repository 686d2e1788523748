/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - the host's log: what writers hand over becomes durable, signed, and
 * a batch for the collector.
 *
 * Nothing here logs or talks to a process: agent/recordproc.c does. Nothing
 * blocks but on the disk.
 */
#ifndef AGENT_RECORD_RECORD_H
#define AGENT_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/entry.h"
#include "lib/own.h"

#define RECORD_TAG_KEY 32
#define RECORD_SOURCE_MAX 32 /* with its NUL */
#define RECORD_GROUP_MAX 256 /* drafts that are committed together */

struct record;

/*
 * record_open - opens the log below @dir, or makes it: key, name, file.
 * @host: what the log's name begins with if it is made now; other bytes than
 * letters, digits, '.' and '-' become '-'.
 * A log that is damaged is followed by a new generation, and that is an entry.
 * Returns 0 or negative errno with a sentence.
 */
int record_open(const char *dir, const char *host, struct record **out,
    struct diag *why) MUST_CHECK;
/* record_close - commits and signs what is left, then closes. */
void record_close(struct record *r);

/* ---- writers ---- */

/*
 * record_hello - commits the open group, and tells the last number that is
 * durable of a writer. 0, -EBUSY while the group cannot be written, -ERANGE.
 */
int record_hello(struct record *r, const char *source, uint64_t epoch,
    uint64_t *number) MUST_CHECK;
/*
 * record_put - takes one draft into the open group; @d is cleared.
 * Returns 0, or -EBUSY if the group is full or waits for the disk: the caller
 * keeps what it has and tries again.
 */
int record_put(struct record *r, const char *source, uint64_t epoch,
    uint64_t number, struct draft *d) MUST_CHECK;
/* record_refuse - counts a number whose draft cannot be read. */
void record_refuse(struct record *r, const char *reason);
/* record_has_room - true if record_put would take one. */
bool record_has_room(const struct record *r);

/*
 * record_turn - does what is due: the commit, the checkpoint, the day's key, a
 * new generation.
 * Returns the milliseconds until it wants to be called again, at most 1000.
 */
int record_turn(struct record *r);
/* What happened since the last call, bits of enum record_event. */
enum record_event {
	RECORD_COMMITTED = 1, /* all that was put is durable or counted lost */
	RECORD_SIGNED = 2, /* there is a new checkpoint */
	RECORD_NEW_DAY = 4, /* the tag key is another one */
	RECORD_RENEWED = 8, /* a new generation began */
	RECORD_FULL = 16, /* drafts wait for room on the disk */
	RECORD_ROOM = 32, /* and no longer */
};
unsigned record_events(struct record *r);
/* record_error - the sentence of the last failure, "" if there was none. */
const char *record_error(const struct record *r);

/* record_tag_key - the day's key of finding tags. */
const uint8_t *record_tag_key(const struct record *r);
/* record_name - the log's name; record_size, record_gen: of what is durable. */
const char *record_name(const struct record *r);
uint64_t record_size(const struct record *r);
uint32_t record_gen(const struct record *r);

/* ---- ship ---- */

/*
 * record_batch - the bytes of a batch (lib/batch.h) that begins at @first, or
 * at 0 of the next generation if that one's end is where @first is.
 * @out: empty, at most BATCH_BYTES_MAX; *begin and *count: what it holds.
 * Returns 0, -EAGAIN if no checkpoint covers it yet (ask again with *begin as
 * @first, and not before RECORD_SIGNED), -ERANGE if the collector
 * wants what the log never had, or negative errno.
 */
int record_batch(struct record *r, uint64_t first, struct buf *out,
    uint64_t *begin, uint64_t *count) MUST_CHECK;
/*
 * record_receipt - checks a cosigned note with DIR/cosign.vkey and our own
 * tree, and keeps it.
 * Returns 0, -ENOKEY if there is no such key or signature, -EBADMSG, or
 * negative errno, with a sentence.
 */
int record_receipt(struct record *r, const void *note, size_t len,
    struct diag *why) MUST_CHECK;

#endif
