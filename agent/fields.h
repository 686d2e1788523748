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

#endif
