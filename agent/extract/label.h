/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label - the classification labels in a member's text (inside the room only).
 */
#ifndef AGENT_EXTRACT_LABEL_H
#define AGENT_EXTRACT_LABEL_H

#include <stdint.h>

#include "lib/content.h"
#include "lib/label.h"

#include "lib/own.h"

/* Where a member may have them. */
enum label_form {
	LABEL_NOWHERE, /* what is read has none */
	LABEL_BEGINNING, /* in XML whose first bytes say that it is such */
	LABEL_LINES, /* in lines of "name: value": fields, properties */
};

enum {
	LABELS_MAX = 16, /* of one member */
	LABELS_TEXT = 256 * 1024, /* bytes that are looked at */
};

struct labels;

int labels_new(struct labels **out) MUST_CHECK;
void labels_free(struct labels *l);
/* labels_start - a new member; its text comes in pieces, UTF-8 as far as it
 * can be, whatever filter it goes through besides. */
void labels_start(struct labels *l, enum label_form form);
void labels_feed(struct labels *l, struct content c);
/*
 * labels_end - the member is over. *list is borrowed until labels_start.
 * @over: receives the bytes of it that were not looked at, and of more labels
 * than LABELS_MAX.
 * Returns how many there are, or -ENOMEM.
 */
int labels_end(
    struct labels *l, const struct label **list, uint64_t *over) MUST_CHECK;
/* labels_forget - wipes what is left of a member. */
void labels_forget(struct labels *l);

#endif
