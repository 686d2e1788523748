/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canaryset - the key of canaries, the sets that it made, and their values.
 */
#ifndef CLI_CANARYSET_H
#define CLI_CANARYSET_H

#include <stdint.h>

#include "lib/canary.h"
#include "lib/diag.h"
#include "lib/own.h"
#include "lib/seal.h"

enum {
	CANARY_SETS_MAX = 64,
	CANARY_DOMAIN_MAX = 30,
	CANARY_TEXT_MAX = 128, /* of what is planted, with NUL */
};

struct canary_set {
	char name[CANARY_SET_MAX + 1];
	char domain[CANARY_DOMAIN_MAX + 1]; /* of its mail addresses */
	uint32_t copies;
};

struct canary_ring {
	struct seal_box_key *key; /* owned */
	uint8_t secret[SEAL_HASH]; /* what values are made from */
	struct canary_set sets[CANARY_SETS_MAX];
	size_t n;
};

/*
 * canaryset_load - reads a key and its sets.
 * Returns 0, -ENOENT, -EPERM (others may read it), -EBADMSG or -errno with a
 * sentence. @ring is to be given back in any case.
 */
int canaryset_load(
    const char *path, struct canary_ring *ring, struct diag *why) MUST_CHECK;
/* canaryset_new - the same of a key that is made now, mode 0600. */
int canaryset_new(
    const char *path, struct canary_ring *ring, struct diag *why) MUST_CHECK;
void canaryset_done(struct canary_ring *ring);
/*
 * canaryset_put - a set that is new, or has more copies now: in the ring, and
 * in the file, durable. *out is the ring's.
 * Returns 0, -EINVAL (another domain than before) or -errno with a sentence.
 */
int canaryset_put(struct canary_ring *ring, const char *path,
    const struct canary_set *set, const struct canary_set **out,
    struct diag *why) MUST_CHECK;

/*
 * canaryset_value - the value of a kind in a copy: it has 80 bits or more that
 * only the key's holder can make, and is the same for ever.
 */
void canaryset_value(const struct canary_ring *ring,
    const struct canary_set *set, enum canary_kind kind, uint32_t copy,
    char out[CANARY_TEXT_MAX]);
/* canaryset_person - name and town of the customer who is none, "Ida Berg,Ulm". */
void canaryset_person(const struct canary_ring *ring,
    const struct canary_set *set, uint32_t copy, char out[CANARY_TEXT_MAX]);
/* canaryset_uuid - the identity of the set's rule, the same for ever. */
void canaryset_uuid(
    const struct canary_ring *ring, const struct canary_set *set, char out[37]);

/*
 * canarybuild_set - writes the set's index and pack, @host/canary-SET.{edm,yaml},
 * and its table, @home/canary-SET.table. None is ever written over.
 */
int canarybuild_set(const struct canary_ring *ring,
    const struct canary_set *set, const char *host, const char *home,
    struct diag *why) MUST_CHECK;

/* The verbs; argv[0] is the verb. They return an exit code. */
int canarymake_run(int argc, char **argv);
int canarycheck_run(int argc, char **argv);

#endif
