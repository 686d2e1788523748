/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stash - compiled databases that are kept from one start to the next.
 *
 * What comes out of it is trusted as machine state is. So it is a directory of
 * who runs this process, which nobody else may enter, below directories that
 * nobody else may change. docs/decisions/0011-compiled-cache.md says why.
 */
#ifndef AGENT_DETECT_STASH_H
#define AGENT_DETECT_STASH_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"

enum {
	STASH_KEY = 32, /* SHA-256 over all that a database depends on */
	STASH_BYTES_MAX = 32 * 1024 * 1024, /* of one database */
	STASH_FILES_MAX = 16, /* beyond these, the oldest go */
};

struct stash;

/*
 * stash_open - opens @dir, an absolute path, and makes what of it is missing.
 * Returns 0, -EPERM with a sentence if others may change what lies in it,
 * -errno with one if it cannot be made or opened, -ENOMEM.
 */
int stash_open(
    const char *dir, struct stash **out, struct diag *why) MUST_CHECK;
/* stash_free - closes; NULL is fine. */
void stash_free(struct stash *s);
void stash_freep(struct stash **s);
/*
 * stash_get - what was kept under @key, appended to @out, which must be able
 * to hold STASH_BYTES_MAX and a KiB beside.
 * Returns 0, -ENOENT, -EBADMSG for what does not fit its digest or may be
 * others', or -errno; @out is empty on failure, and stash_word says why.
 */
int stash_get(
    struct stash *s, const uint8_t key[STASH_KEY], struct buf *out) MUST_CHECK;
/* stash_refuse - the same as after -EBADMSG: what came out was no good. */
void stash_refuse(struct stash *s, const char *reason);
/*
 * stash_put - keeps @len bytes under @key in one step, or says why not; the
 * oldest files beyond STASH_FILES_MAX are removed.
 */
void stash_put(struct stash *s, const uint8_t key[STASH_KEY], const void *data,
    size_t len);
/* stash_word - "", or the first thing that was wrong, as a sentence. */
const char *stash_word(const struct stash *s);

#endif
