/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view - what a regulation asks about, as a choice among detectors; as packs
 * write it (docs/man/chaperone-rules.5).
 */
#ifndef LIB_VIEW_H
#define LIB_VIEW_H

#include <stdbool.h>

#include "lib/diag.h"
#include "lib/own.h"
#include "lib/yaml.h"

/* What a view asks of a detector; @tags is its list, or NULL. */
struct view_subject {
	const char *id, *class_name;
	const struct yaml *tags;
};

/*
 * view_parse - checks the list under "views"; @y may be NULL.
 * Returns 0 or -EBADMSG with "file:line:col: text".
 */
int view_parse(const struct yaml *y, struct diag *why) MUST_CHECK;
/* view_shows - whether a checked view shows a detector. */
bool view_shows(const struct yaml *view, const struct view_subject *s);
/* view_class - whether a class is @wanted or one below it. */
bool view_class(const char *class_name, const char *wanted);
/* view_tagged - whether a list of texts, or NULL, holds @tag. */
bool view_tagged(const struct yaml *tags, const char *tag);

#endif
