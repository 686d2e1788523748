/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shown - of which file the content was that was seen on its way out.
 */
#ifndef AGENT_SHOWN_H
#define AGENT_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/touches.h"
#include "lib/actor.h"
#include "lib/flow.h"
#include "lib/own.h"

/* Content that was seen where it was handed to what sends it. */
struct shown_content {
	const struct actor *who;
	const struct tuple *tuple; /* the source is our end */
	uint64_t began_us, ended_us; /* since boot */
	unsigned grade; /* 0 to 5 */
	const char *detectors; /* what was found, with commas */
};

struct shown;

int shown_new(struct shown **out) MUST_CHECK;
void shown_free(struct shown *s);
/* shown_file - the one file that it was of: the session had just read it, and all
 * that was found had been found in it. NULL if that is none, or more than one.
 * Borrowed from @touches. */
const struct object *shown_file(struct shown *s, const struct touches *touches,
    const struct shown_content *c);
/* shown_said - an entry says of that file and session that it left, so surely. */
void shown_said(struct shown *s, uint64_t session, const struct file_id *file,
    unsigned grade);
/* shown_better - more is known of that file and connection than @grade; or, where
 * the session alone ties them (1), of that file and session: @login, what goes
 * by its own connection, was said to have left with 3 or more, else with 5. */
bool shown_better(const struct shown *s, uint64_t session,
    const struct file_id *file, const struct tuple *tuple, unsigned grade,
    bool login);

#endif
