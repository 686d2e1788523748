/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - who, where, how much: the policies of packs, and which findings each
 * of their conditions is about (docs/man/chaperone-rules.5).
 */
#ifndef LIB_POLICY_H
#define LIB_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"
#include "lib/yaml.h"

/* So many findings, told apart by their values, within so long. */
struct policy_condition {
	const char *key; /* detector, class or tag */
	const struct yaml *what; /* one text, or a list of them */
	unsigned least, most; /* confidence: 1 low, 2 medium, 3 high */
	uint64_t unique; /* distinct values, 1 or more */
	int64_t window_us; /* 0: the whole period that is asked about */
};

/* Texts are borrowed from the pack's document. */
struct policy {
	const char *id, *title, *level;
	const struct yaml *scope; /* NULL: everything */
	char *then; /* what it asks for, as in "record notify"; owned */
	struct policy_condition *conditions; /* owned */
	size_t n;
	uint64_t min; /* so many conditions have to hold at once */
};

/* A finding as a policy sees it; NULL is unknown. */
struct policy_finding {
	const char *provider, *person;
	const char *channel, *op; /* as in an entry: file, net; read, send */
	const char *path; /* of a file */
	const char *dst, *server; /* the other end, its address and name */
	const char *detector, *class_name, *confidence;
	const struct yaml *tags; /* of the detector */
};

/*
 * policy_parse - reads the list under "policies"; @y may be NULL.
 * @out, @n: receive an array, which the caller gives back to policy_free, also
 * after a failure; both NULL where it is only checked.
 * Returns 0, -EBADMSG with "file:line:col: text" in @why, or -ENOMEM.
 */
int policy_parse(const struct yaml *y, struct policy **out, size_t *n,
    struct diag *why) MUST_CHECK;
void policy_free(struct policy *list, size_t n);

/* policy_names - whether the scope is about this provider's people at all. */
bool policy_names(const struct policy *p, const char *provider);
/* policy_covers - whether a finding lies in the scope. */
bool policy_covers(const struct policy *p, const struct policy_finding *f);
/* policy_counts - whether a condition is about a finding. */
bool policy_counts(
    const struct policy_condition *c, const struct policy_finding *f);

#endif
