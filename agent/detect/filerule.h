/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filerule - what a rule asks of a member itself: its kind, its type, its
 * name, and the classification label of what it lies in.
 */
#ifndef AGENT_DETECT_FILERULE_H
#define AGENT_DETECT_FILERULE_H

#include <stdbool.h>

#include "agent/detect/labelrule.h"
#include "lib/diag.h"
#include "lib/own.h"
#include "lib/yaml.h"

/* What is known of a member; "" is not known. Texts are borrowed. */
struct member_facts {
	const char *kind; /* "keystore/jks" */
	const char *type; /* "application/zip" */
	const char *name; /* "/srv/a.zip!b.jks" */
	const struct label *labels;
	size_t nlabels;
};

/* Each is a text or a list, of which one must fit; NULL: not asked. */
struct filerule {
	const struct yaml *magic; /* a kind, or a family of kinds */
	const struct yaml *mime; /* globs of types */
	const struct yaml *path; /* globs of names */
	struct labelrule label; /* one of the labels */
};

/* filerule_parse - reads a map of these keys, at least one. */
int filerule_parse(
    const struct yaml *y, struct filerule *out, struct diag *why) MUST_CHECK;
/* filerule_one - reads one of them, or a label, as evidence has it: by its own
 * key. */
int filerule_one(
    const struct yaml *y, struct filerule *out, struct diag *why) MUST_CHECK;
bool filerule_asks(const struct filerule *r);
/* filerule_fits - whether all that it asks holds. */
bool filerule_fits(const struct filerule *r, const struct member_facts *m);

#endif
