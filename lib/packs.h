/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packs - rule packs as a reader of findings needs them: their policies and
 * views, and the class and tags of each detector. No pattern is compiled.
 */
#ifndef LIB_PACKS_H
#define LIB_PACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/diag.h"
#include "lib/own.h"
#include "lib/policy.h"
#include "lib/yaml.h"

#define PACKS_DIRS_MAX 16

struct packs;

/*
 * packs_load - reads every *.yaml of @n directories.
 * Returns 0; -EBADMSG with "file:line:col: text" for what is no pack, for one
 * whose name is *.yml, as hosts refuse it, for a
 * policy or a view with a fault, and for one whose id is taken; -ENOMEM or
 * -errno, with a sentence.
 */
int packs_load(const char *const *dirs, size_t n, struct packs **out,
    struct diag *why) MUST_CHECK;
void packs_free(struct packs *p);
void packs_freep(struct packs **p);

/* packs_count, packs_policy - the policies, in the order of their packs. */
size_t packs_count(const struct packs *p);
const struct policy *packs_policy(const struct packs *p, size_t i);
/* packs_view - a view by its id, or NULL. */
const struct yaml *packs_view(const struct packs *p, const char *id);
/* packs_tags - the tags of a detector, or NULL if it is not known or has none. */
const struct yaml *packs_tags(const struct packs *p, const char *detector);
/*
 * packs_shows - whether a view shows what a finding names. One of a detector
 * that is in no pack is judged by its id and its class.
 */
bool packs_shows(const struct packs *p, const struct yaml *view,
    const char *detector, const char *class_name);

#endif
