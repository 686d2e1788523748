/* SPDX-License-Identifier: Apache-2.0 */
/*
 * labelled - which classification labels hold for which members of an object.
 */
#ifndef AGENT_LABELLED_H
#define AGENT_LABELLED_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/label.h"

#include "lib/own.h"

enum { LABELLED_MAX = 64 }; /* labels of one object */

struct labelled {
	struct label labels[LABELLED_MAX];
	char *within[LABELLED_MAX]; /* what each holds for; owned */
	size_t n;
	bool over; /* there were more */
	struct label here[LABELLED_MAX]; /* what labelled_of found last */
};

/*
 * labelled_add - a label that was written in @member: it holds for all members
 * of what that lies in. Returns 0 (with over set if there is no room), -ENOMEM.
 */
int labelled_add(struct labelled *l, const char *member,
    const struct label *label) MUST_CHECK;
/* labelled_of - how many hold for a member; they are those of here. */
size_t labelled_of(struct labelled *l, const char *member);
/* labelled_reset - forgets the object. */
void labelled_reset(struct labelled *l);

#endif
