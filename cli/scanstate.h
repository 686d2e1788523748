/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scanstate - which files were examined already, and are still the same.
 */
#ifndef CLI_SCANSTATE_H
#define CLI_SCANSTATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/diag.h"
#include "lib/own.h"

struct scanstate;

/* What the scan of a file came to. */
struct scanstate_verdict {
	bool found, incomplete;
};

/* A file as it was when it was opened. */
struct scanstate_key {
	uint64_t dev, ino, ctime_ns, size;
	bool young; /* it may change again within the same tick */
};

struct scanstate_key scanstate_key(const struct stat *st);

/*
 * scanstate_open - opens or makes the file, alone: -EBUSY if another scan has
 * it, -EINVAL if it is none of ours (it is then left as it is).
 * @under: what else the verdicts depend on (rules, level, release); another
 * one than before begins anew, and *fresh says so.
 */
int scanstate_open(const char *path, const char *under, struct scanstate **out,
    bool *fresh, struct diag *why) MUST_CHECK;
void scanstate_free(struct scanstate *s);
/* scanstate_knows - true, and the verdict, if the file is unchanged. */
bool scanstate_knows(const struct scanstate *s, const struct scanstate_key *k,
    struct scanstate_verdict *out);
/*
 * scanstate_add - remembers; written at once, so that a killed scan goes on
 * where it was. Young files are not remembered. Returns 0 or -errno.
 */
int scanstate_add(struct scanstate *s, const struct scanstate_key *k,
    struct scanstate_verdict v) MUST_CHECK;

#endif
