/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox - drafts on their way to the record process, until they are durable.
 *
 * A draft gets a number; record drops a number that it has kept already, and
 * answers when all up to one are durable. So a crash of record loses nothing
 * and doubles nothing. What does not fit is counted and told as a gap.
 */
#ifndef AGENT_OUTBOX_H
#define AGENT_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"
#include "lib/entry.h"
#include "lib/own.h"

#define OUTBOX_TAG_KEY 32

struct outbox;

/* outbox_new - @source names the writer ("watch"); the epoch is random. */
int outbox_new(const char *source, struct outbox **out) MUST_CHECK;
void outbox_free(struct outbox *o);
/*
 * outbox_put - takes a copy of the draft and clears it (draft_done). A draft
 * with an error, or one over the bound, is counted as lost.
 */
void outbox_put(struct outbox *o, struct draft *d);
/* outbox_link - record's new socket (owned by the caller); -1: it is gone. */
void outbox_link(struct outbox *o, int fd);
/* outbox_flush - sends what fits; true if the caller should poll for room. */
bool outbox_flush(struct outbox *o);
/*
 * outbox_message - a message that came from record.
 * Returns 0, or -EBADMSG for one that is not of this protocol.
 */
int outbox_message(
    struct outbox *o, uint32_t type, const void *data, size_t len) MUST_CHECK;
/* outbox_empty - true once everything is durable. */
bool outbox_empty(const struct outbox *o);
/* outbox_tag_key - the day's key of finding tags, or NULL before the first
 * answer; *version rises when it changes. */
const uint8_t *outbox_tag_key(const struct outbox *o, unsigned *version);
uint64_t outbox_lost(const struct outbox *o);

#endif
