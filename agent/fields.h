/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields - actors, findings and flows as the fields of a draft.
 */
#ifndef AGENT_FIELDS_H
#define AGENT_FIELDS_H

#include "lib/actor.h"
#include "lib/entry.h"
#include "lib/finding.h"
#include "lib/flow.h"
#include "lib/own.h"

/* fields_actor - WHO but for exe, which is a name and goes through names. */
void fields_actor(struct draft *d, const struct actor *who);
/* fields_tuple - NET but for host. */
void fields_tuple(struct draft *d, const struct tuple *t);
/* fields_number - a number that the kernel or a file chose: as text where it is
 * too large for a number of an entry (inodes and sizes have 64 bits). */
void fields_number(struct draft *d, const char *name, uint64_t v);
/* fields_finding - what findings in files and on the network share; @rules is
 * the digest of the set that found it. */
void fields_finding(
    struct draft *d, const struct finding *f, const char *rules);

/* What was found, told apart by name: as many as there is room for. */
struct labels {
	unsigned n; /* findings */
	char classes[192], detectors[192]; /* with commas; "..." at the end
					    * where there are more */
};

/*
 * fields_label - one finding more. Known samples, what an allow covers, and what
 * is of low confidence and waits for nobody to confirm it, are none.
 */
void fields_label(struct labels *l, const struct finding *f);

#endif
